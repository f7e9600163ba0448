//! Every method of the backend as a value, so that a sequence of calls can be made up, replayed and compared.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::traits::*;
use whatsapp_rust::wacore::time::now_secs;

/// Devices draw their keys at random, so both stores are given the same ones.
static DEVICES: LazyLock<Vec<Device>> = LazyLock::new(|| {
    (0..3)
        .map(|n| {
            let mut device = Device::new();
            device.pn = (n > 0).then(|| format!("1555000000{n}:{n}@s.whatsapp.net").parse().unwrap());
            device.lid = (n > 1).then(|| format!("10000000000000{n}@lid").parse().unwrap());
            device.push_name = format!("name {n}");
            device
        })
        .collect()
});

/// One call. The numbers are small, so that calls meet each other's rows.
#[derive(Debug, Clone)]
pub enum Op {
    PutIdentity(u8, u8),
    PutIdentities(Vec<(u8, u8)>),
    LoadIdentity(u8),
    DeleteIdentity(u8),
    PutSession(u8, Vec<u8>),
    PutSessions(Vec<(u8, Vec<u8>)>),
    GetSession(u8),
    HasSession(u8),
    DeleteSession(u8),
    HasSignalState(u8),
    StorePrekey(u8, Vec<u8>, bool),
    StorePrekeys(Vec<(u8, Vec<u8>)>, bool),
    LoadPrekey(u8),
    LoadPrekeys(Vec<u8>),
    MarkUploaded(Vec<u8>),
    RemovePrekey(u8),
    MaxPrekeyId,
    StoreSignedPrekey(u8, Vec<u8>),
    LoadSignedPrekey(u8),
    LoadAllSignedPrekeys,
    RemoveSignedPrekey(u8),
    PutSenderKey(u8, Vec<u8>),
    PutSenderKeys(Vec<(u8, Vec<u8>)>),
    GetSenderKey(u8),
    DeleteSenderKey(u8),
    SetSyncKey(u8, u8),
    GetSyncKey(u8),
    LatestSyncKeyId,
    SetVersion(u8, u64, u8),
    GetVersion(u8),
    PutMacs(u8, u64, Vec<(u8, u8)>),
    GetMac(u8, u8),
    GetMacs(u8, Vec<u8>),
    DeleteMacs(u8, Vec<u8>),
    ClearMacs(u8),
    SetSenderKeyStatus(u8, Vec<(u8, bool)>),
    SenderKeyDevices(u8),
    ClearSenderKeyDevices(u8),
    DeleteSenderKeyRows(Vec<u8>),
    ClearAllSenderKeyDevices,
    PutLid(u8, u8, i64),
    PutLids(Vec<(u8, u8, i64)>),
    GetLid(u8),
    GetPn(u8),
    AllLids,
    SaveBaseKey(u8, u8, u8),
    SameBaseKey(u8, u8, u8),
    DeleteBaseKey(u8, u8),
    UpdateDeviceList(u8, u8),
    UpdateDeviceLists(Vec<(u8, u8)>),
    GetDevices(u8),
    DeleteDevices(u8),
    PutGroup(u8, Vec<u8>),
    GetGroup(u8),
    DeleteGroup(u8),
    PutTcToken(u8, Vec<u8>, i64, Option<i64>),
    GetTcToken(u8),
    DeleteTcToken(u8),
    TcTokenJids,
    ExpireTcTokens(i64, i64),
    TouchTcToken(u8, i64),
    ReceiveTcToken(u8, Vec<u8>, i64),
    StoreSent(u8, u8, Vec<u8>),
    TakeSent(u8, u8),
    ExpireSent(bool),
    StorePending(u8, u8, Vec<u8>),
    StorePendings(Vec<(u8, u8, Vec<u8>)>),
    GetPending(u8, u8),
    DeletePending(u8, u8),
    DeletePendings(Vec<(u8, u8)>),
    ExpirePending(bool),
    PutSecret(u8, u8, u8),
    PutSecrets(Vec<(u8, u8, u8, i64, i64)>),
    GetSecret(u8, u8),
    GetSecretWithTs(u8, u8),
    ExpireSecrets(i64),
    SaveDevice(u8),
    LoadDevice,
    DeviceExists,
    CreateDevice(u8),
    SnapshotDb,
}

/// How many kinds of calls there are: every trait method but `resource_report`, which each store answers for itself.
pub const KINDS: usize = 81;

/// Some users' numbers are the start of others', and two of their devices share the number.
fn address(n: u8) -> String {
    ["1555", "1555:1", "15550", "15550:2", "15551", "2555:3"][usize::from(n % 6)].to_owned() + "@s.whatsapp.net"
}

fn user(n: u8) -> &'static str {
    ["1555", "15550", "155", "2555", "", "1555:1"][usize::from(n % 6)]
}

fn jid(n: u8) -> String {
    format!("{n}@lid")
}

fn key(n: u8) -> [u8; 32] {
    [n; 32]
}

fn lid_entry((lid, phone, at): (u8, u8, i64)) -> LidPnMappingEntry {
    LidPnMappingEntry {
        lid: format!("lid{lid}"),
        phone_number: format!("phone{phone}"),
        created_at: at,
        updated_at: at + 1,
        learning_source: "usync".into(),
    }
}

fn device_list((user, n): (u8, u8)) -> DeviceListRecord {
    DeviceListRecord {
        user: format!("user{user}"),
        devices: (0..n % 3).map(|id| DeviceInfo::new(id.into(), Some(n.into())).with_hosting(n % 2 == 0)).collect(),
        timestamp: n.into(),
        phash: (n % 2 == 0).then(|| format!("2:{n}")),
        raw_id: (n % 3 == 0).then_some(n.into()),
    }
}

fn records(rows: &[(u8, Vec<u8>)]) -> Vec<(Arc<str>, Bytes)> {
    rows.iter().map(|(n, record)| (address(*n).into(), Bytes::from(record.clone()))).collect()
}

fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort();
    rows
}

/// An answer as text: both stores must say the same, errors included.
macro_rules! said {
    ($call:expr) => {
        format!("{:?}", $call.await.map_err(|error| error.to_string()))
    };
    ($call:expr, $map:expr) => {
        format!("{:?}", $call.await.map($map).map_err(|error| error.to_string()))
    };
}

/// Makes the call and gives the answer as text. What a store lists in no order is sorted.
pub async fn call(store: &dyn Backend, op: &Op) -> String {
    match op {
        Op::PutIdentity(..)
        | Op::PutIdentities(..)
        | Op::LoadIdentity(..)
        | Op::DeleteIdentity(..)
        | Op::PutSession(..)
        | Op::PutSessions(..)
        | Op::GetSession(..)
        | Op::HasSession(..)
        | Op::DeleteSession(..)
        | Op::HasSignalState(..)
        | Op::PutSenderKey(..)
        | Op::PutSenderKeys(..)
        | Op::GetSenderKey(..)
        | Op::DeleteSenderKey(..) => call_by_address(store, op).await,
        Op::StorePrekey(id, record, up) => said!(store.store_prekey((*id).into(), record, *up)),
        Op::StorePrekeys(rows, up) => {
            let rows: Vec<_> = rows.iter().map(|(id, r)| (u32::from(*id), Bytes::from(r.clone()))).collect();
            said!(store.store_prekeys_batch(&rows, *up))
        }
        Op::LoadPrekey(id) => said!(store.load_prekey((*id).into())),
        Op::LoadPrekeys(ids) => said!(store.load_prekeys_batch(&ids.iter().map(|id| (*id).into()).collect::<Vec<_>>())),
        Op::MarkUploaded(ids) => {
            said!(store.mark_prekeys_uploaded(&ids.iter().map(|id| (*id).into()).collect::<Vec<_>>()))
        }
        Op::RemovePrekey(id) => said!(store.remove_prekey((*id).into())),
        Op::MaxPrekeyId => said!(store.get_max_prekey_id()),
        Op::StoreSignedPrekey(id, record) => said!(store.store_signed_prekey((*id).into(), record)),
        Op::LoadSignedPrekey(id) => said!(store.load_signed_prekey((*id).into())),
        Op::LoadAllSignedPrekeys => said!(store.load_all_signed_prekeys(), sorted),
        Op::RemoveSignedPrekey(id) => said!(store.remove_signed_prekey((*id).into())),
        Op::SaveDevice(n) => said!(store.save(&DEVICES[usize::from(n % 3)])),
        Op::LoadDevice => said!(store.load(), |device| device.map(|device| serde_json::to_string(&device).unwrap())),
        Op::DeviceExists => said!(store.exists()),
        Op::CreateDevice(n) => {
            let existed = store.exists().await.unwrap();
            let before = said!(store.load(), |device| serde_json::to_string(&device).unwrap());
            let created = said!(store.create(), |id| id > 0);
            let after = said!(store.load(), |device| serde_json::to_string(&device).unwrap());
            if !existed {
                store.save(&DEVICES[usize::from(n % 3)]).await.unwrap();
            }
            format!("{created} replaced={}", existed && before != after)
        }
        Op::SnapshotDb => said!(store.snapshot_db("label", Some(b"x"))),
        Op::SetSyncKey(..)
        | Op::GetSyncKey(..)
        | Op::LatestSyncKeyId
        | Op::SetVersion(..)
        | Op::GetVersion(..)
        | Op::PutMacs(..)
        | Op::GetMac(..)
        | Op::GetMacs(..)
        | Op::DeleteMacs(..)
        | Op::ClearMacs(..) => call_app_sync(store, op).await,
        _ => call_protocol(store, op).await,
    }
}

async fn call_by_address(store: &dyn Backend, op: &Op) -> String {
    match op {
        Op::PutIdentity(a, k) => said!(store.put_identity(&address(*a), key(*k))),
        Op::PutIdentities(rows) => {
            let rows: Vec<_> = rows.iter().map(|(a, k)| (address(*a).into(), key(*k))).collect();
            said!(store.put_identities_batch(&rows))
        }
        Op::LoadIdentity(a) => said!(store.load_identity(&address(*a))),
        Op::DeleteIdentity(a) => said!(store.delete_identity(&address(*a))),
        Op::PutSession(a, record) => said!(store.put_session(&address(*a), record)),
        Op::PutSessions(rows) => said!(store.put_sessions_batch(&records(rows))),
        Op::GetSession(a) => said!(store.get_session(&address(*a))),
        Op::HasSession(a) => said!(store.has_session(&address(*a))),
        Op::DeleteSession(a) => said!(store.delete_session(&address(*a))),
        Op::HasSignalState(u) => said!(store.has_signal_state_for_user(user(*u))),
        Op::PutSenderKey(a, record) => said!(store.put_sender_key(&address(*a), record)),
        Op::PutSenderKeys(rows) => said!(store.put_sender_keys_batch(&records(rows))),
        Op::GetSenderKey(a) => said!(store.get_sender_key(&address(*a))),
        Op::DeleteSenderKey(a) => said!(store.delete_sender_key(&address(*a))),
        other => panic!("{other:?} has no address"),
    }
}

async fn call_app_sync(store: &dyn Backend, op: &Op) -> String {
    match op {
        Op::SetSyncKey(id, n) => {
            let key = AppStateSyncKey { key_data: vec![*n; 32], fingerprint: vec![*n], timestamp: (*n).into() };
            said!(store.set_sync_key(&[*id], key))
        }
        Op::GetSyncKey(id) => said!(store.get_sync_key(&[*id])),
        Op::LatestSyncKeyId => said!(store.get_latest_sync_key_id()),
        Op::SetVersion(name, version, n) => {
            let index_value_map = (0..n % 2).map(|i| (format!("index {i}"), vec![*n])).collect();
            let mac_mismatch_fatal = n % 2 == 1;
            let state = HashState { version: *version, hash: [*n; 128], index_value_map, mac_mismatch_fatal };
            said!(store.set_version(&jid(*name), state))
        }
        Op::GetVersion(name) => said!(store.get_version(&jid(*name))),
        Op::PutMacs(name, version, macs) => {
            let mac = |(i, v): &(u8, u8)| AppStateMutationMAC { index_mac: key(*i).into(), value_mac: vec![*v; 32] };
            said!(store.put_mutation_macs(&jid(*name), *version, &macs.iter().map(mac).collect::<Vec<_>>()))
        }
        Op::GetMac(name, index) => said!(store.get_mutation_mac(&jid(*name), &key(*index))),
        Op::GetMacs(name, indexes) => {
            let indexes: Vec<_> = indexes.iter().map(|i| key(*i)).collect();
            said!(store.get_mutation_macs(&jid(*name), &indexes), |found| found.into_iter().collect::<BTreeMap<_, _>>())
        }
        Op::DeleteMacs(name, indexes) => {
            let indexes: Vec<_> = indexes.iter().map(|i| key(*i).to_vec()).collect();
            said!(store.delete_mutation_macs(&jid(*name), &indexes))
        }
        Op::ClearMacs(name) => said!(store.clear_mutation_macs(&jid(*name))),
        other => panic!("{other:?} is no app-state call"),
    }
}

/// A moment safely before or after everything a test stores.
fn around_now(after: bool) -> i64 {
    now_secs() + if after { 1000 } else { -1000 }
}

async fn call_protocol(store: &dyn Backend, op: &Op) -> String {
    match op {
        Op::SetSenderKeyStatus(group, rows) => {
            let jids: Vec<_> = rows.iter().map(|(device, has)| (jid(*device), *has)).collect();
            let rows: Vec<_> = jids.iter().map(|(jid, has)| (jid.as_str(), *has)).collect();
            said!(store.set_sender_key_status(&jid(*group), &rows))
        }
        Op::SenderKeyDevices(group) => said!(store.get_sender_key_devices(&jid(*group)), sorted),
        Op::ClearSenderKeyDevices(group) => said!(store.clear_sender_key_devices(&jid(*group))),
        Op::DeleteSenderKeyRows(devices) => {
            let jids: Vec<_> = devices.iter().map(|device| jid(*device)).collect();
            said!(store.delete_sender_key_device_rows(&jids.iter().map(String::as_str).collect::<Vec<_>>()))
        }
        Op::ClearAllSenderKeyDevices => said!(store.clear_all_sender_key_devices()),
        Op::PutLid(lid, phone, at) => said!(store.put_lid_mapping(&lid_entry((*lid, *phone, *at)))),
        Op::PutLids(rows) => {
            said!(store.put_lid_mappings(&rows.iter().copied().map(lid_entry).collect::<Vec<_>>()))
        }
        Op::GetLid(lid) => said!(store.get_lid_mapping(&format!("lid{lid}"))),
        Op::GetPn(phone) => said!(store.get_pn_mapping(&format!("phone{phone}"))),
        Op::AllLids => {
            said!(store.get_all_lid_mappings(), |all| sorted(all.iter().map(|entry| format!("{entry:?}")).collect()))
        }
        Op::SaveBaseKey(a, id, k) => said!(store.save_base_key(&address(*a), &jid(*id), &key(*k))),
        Op::SameBaseKey(a, id, k) => said!(store.has_same_base_key(&address(*a), &jid(*id), &key(*k))),
        Op::DeleteBaseKey(a, id) => said!(store.delete_base_key(&address(*a), &jid(*id))),
        Op::UpdateDeviceList(user, n) => said!(store.update_device_list(device_list((*user, *n)))),
        Op::UpdateDeviceLists(rows) => {
            said!(store.update_device_lists(rows.iter().copied().map(device_list).collect()))
        }
        Op::GetDevices(user) => said!(store.get_devices(&format!("user{user}"))),
        Op::DeleteDevices(user) => said!(store.delete_devices(&format!("user{user}"))),
        Op::PutGroup(group, blob) => said!(store.put_group_metadata(&jid(*group), blob)),
        Op::GetGroup(group) => said!(store.get_group_metadata(&jid(*group))),
        Op::DeleteGroup(group) => said!(store.delete_group_metadata(&jid(*group))),
        Op::PutTcToken(n, token, at, sender) => {
            let entry = TcTokenEntry { token: token.clone(), token_timestamp: *at, sender_timestamp: *sender };
            said!(store.put_tc_token(&jid(*n), &entry))
        }
        Op::GetTcToken(n) => said!(store.get_tc_token(&jid(*n))),
        Op::DeleteTcToken(n) => said!(store.delete_tc_token(&jid(*n))),
        Op::TcTokenJids => said!(store.get_all_tc_token_jids(), sorted),
        Op::ExpireTcTokens(token, sender) => said!(store.delete_expired_tc_tokens(*token, *sender)),
        Op::TouchTcToken(n, at) => said!(store.touch_tc_token_sender_timestamp(&jid(*n), *at)),
        Op::ReceiveTcToken(n, token, at) => said!(store.store_received_tc_token(&jid(*n), token, *at)),
        _ => call_messages(store, op).await,
    }
}

async fn call_messages(store: &dyn Backend, op: &Op) -> String {
    match op {
        Op::StoreSent(chat, id, payload) => said!(store.store_sent_message(&jid(*chat), &jid(*id), payload)),
        Op::TakeSent(chat, id) => said!(store.take_sent_message(&jid(*chat), &jid(*id))),
        Op::ExpireSent(all) => said!(store.delete_expired_sent_messages(around_now(*all))),
        Op::StorePending(chat, id, message) => {
            said!(store.store_pending_inbound(&jid(*chat), "sender", &jid(*id), message))
        }
        Op::StorePendings(rows) => {
            let keys: Vec<_> = rows.iter().map(|(chat, id, message)| (jid(*chat), jid(*id), message)).collect();
            let rows: Vec<_> = keys
                .iter()
                .map(|(chat, id, message)| PendingInboundRow { chat, sender: "sender", id, message })
                .collect();
            said!(store.store_pending_inbound_batch(&rows))
        }
        Op::GetPending(chat, id) => said!(store.get_pending_inbound(&jid(*chat), "sender", &jid(*id))),
        Op::DeletePending(chat, id) => said!(store.delete_pending_inbound(&jid(*chat), "sender", &jid(*id))),
        Op::DeletePendings(keys) => {
            let keys: Vec<_> = keys.iter().map(|(chat, id)| (jid(*chat), jid(*id))).collect();
            let keys: Vec<_> = keys.iter().map(|(chat, id)| PendingInboundKey { chat, sender: "sender", id }).collect();
            said!(store.delete_pending_inbound_batch(&keys))
        }
        Op::ExpirePending(all) => said!(store.delete_expired_pending_inbound(around_now(*all))),
        Op::PutSecret(chat, id, n) => said!(store.put_msg_secret(&jid(*chat), "sender", &jid(*id), &key(*n))),
        Op::PutSecrets(rows) => {
            let entry = |(chat, id, n, expires_at, message_ts): &(u8, u8, u8, i64, i64)| MsgSecretEntry {
                chat: jid(*chat).into(),
                sender: "sender".into(),
                msg_id: jid(*id).into(),
                secret: key(*n),
                expires_at: *expires_at,
                message_ts: *message_ts,
            };
            said!(store.put_msg_secrets(rows.iter().map(entry).collect()))
        }
        Op::GetSecret(chat, id) => said!(store.get_msg_secret(&jid(*chat), "sender", &jid(*id))),
        Op::GetSecretWithTs(chat, id) => said!(store.get_msg_secret_with_ts(&jid(*chat), "sender", &jid(*id))),
        Op::ExpireSecrets(cutoff) => said!(store.delete_expired_msg_secrets(*cutoff)),
        other => panic!("{other:?} is no message call"),
    }
}
