//! Calls made up at random, with numbers so small that they meet each other's rows.

use proptest::prelude::*;

use super::ops::Op;

/// Any call, with small numbers.
pub fn any_op() -> impl Strategy<Value = Op> {
    let n = || 0..4u8;
    let at = || 0..5i64;
    let blob = || prop::collection::vec(any::<u8>(), 0..20);
    let some = |element| prop::collection::vec(element, 0..5);
    let signal = prop_oneof![
        (0..6u8, n()).prop_map(|(a, k)| Op::PutIdentity(a, k)),
        prop::collection::vec((0..6u8, n()), 0..5).prop_map(Op::PutIdentities),
        (0..6u8).prop_map(Op::LoadIdentity),
        (0..6u8).prop_map(Op::DeleteIdentity),
        (0..6u8, blob()).prop_map(|(a, r)| Op::PutSession(a, r)),
        prop::collection::vec((0..6u8, blob()), 0..5).prop_map(Op::PutSessions),
        (0..6u8).prop_map(Op::GetSession),
        (0..6u8).prop_map(Op::HasSession),
        (0..6u8).prop_map(Op::DeleteSession),
        (0..6u8).prop_map(Op::HasSignalState),
        (0..6u8, blob()).prop_map(|(a, r)| Op::PutSenderKey(a, r)),
        prop::collection::vec((0..6u8, blob()), 0..5).prop_map(Op::PutSenderKeys),
        (0..6u8).prop_map(Op::GetSenderKey),
        (0..6u8).prop_map(Op::DeleteSenderKey),
    ];
    let prekeys = prop_oneof![
        (n(), blob(), any::<bool>()).prop_map(|(i, r, u)| Op::StorePrekey(i, r, u)),
        (prop::collection::vec((n(), blob()), 0..5), any::<bool>()).prop_map(|(rows, u)| Op::StorePrekeys(rows, u)),
        n().prop_map(Op::LoadPrekey),
        some(n()).prop_map(Op::LoadPrekeys),
        some(n()).prop_map(Op::MarkUploaded),
        n().prop_map(Op::RemovePrekey),
        Just(Op::MaxPrekeyId),
        (n(), blob()).prop_map(|(i, r)| Op::StoreSignedPrekey(i, r)),
        n().prop_map(Op::LoadSignedPrekey),
        Just(Op::LoadAllSignedPrekeys),
        n().prop_map(Op::RemoveSignedPrekey),
        n().prop_map(Op::SaveDevice),
        Just(Op::LoadDevice),
        Just(Op::DeviceExists),
        n().prop_map(Op::CreateDevice),
        Just(Op::SnapshotDb),
    ];
    let app_sync = prop_oneof![
        (n(), n()).prop_map(|(i, k)| Op::SetSyncKey(i, k)),
        n().prop_map(Op::GetSyncKey),
        Just(Op::LatestSyncKeyId),
        (n(), any::<u64>(), n()).prop_map(|(i, v, h)| Op::SetVersion(i, v, h)),
        n().prop_map(Op::GetVersion),
        (n(), any::<u64>(), prop::collection::vec((n(), n()), 0..5)).prop_map(|(i, v, m)| Op::PutMacs(i, v, m)),
        (n(), n()).prop_map(|(i, m)| Op::GetMac(i, m)),
        (n(), some(n())).prop_map(|(i, m)| Op::GetMacs(i, m)),
        (n(), some(n())).prop_map(|(i, m)| Op::DeleteMacs(i, m)),
        n().prop_map(Op::ClearMacs),
    ];
    let groups = prop_oneof![
        (n(), prop::collection::vec((n(), any::<bool>()), 0..5)).prop_map(|(g, r)| Op::SetSenderKeyStatus(g, r)),
        n().prop_map(Op::SenderKeyDevices),
        n().prop_map(Op::ClearSenderKeyDevices),
        some(n()).prop_map(Op::DeleteSenderKeyRows),
        Just(Op::ClearAllSenderKeyDevices),
        (n(), n(), at()).prop_map(|(l, p, t)| Op::PutLid(l, p, t)),
        prop::collection::vec((n(), n(), at()), 0..2).prop_map(Op::PutLids),
        n().prop_map(Op::GetLid),
        n().prop_map(Op::GetPn),
        Just(Op::AllLids),
        (n(), n(), n()).prop_map(|(a, i, k)| Op::SaveBaseKey(a, i, k)),
        (n(), n(), n()).prop_map(|(a, i, k)| Op::SameBaseKey(a, i, k)),
        (n(), n()).prop_map(|(a, i)| Op::DeleteBaseKey(a, i)),
        (n(), any::<u8>()).prop_map(|(u, d)| Op::UpdateDeviceList(u, d)),
        prop::collection::vec((n(), any::<u8>()), 0..5).prop_map(Op::UpdateDeviceLists),
        n().prop_map(Op::GetDevices),
        n().prop_map(Op::DeleteDevices),
        (n(), blob()).prop_map(|(g, b)| Op::PutGroup(g, b)),
        n().prop_map(Op::GetGroup),
        n().prop_map(Op::DeleteGroup),
    ];
    let tokens = prop_oneof![
        (n(), blob(), at(), prop::option::of(at())).prop_map(|(j, b, t, s)| Op::PutTcToken(j, b, t, s)),
        n().prop_map(Op::GetTcToken),
        n().prop_map(Op::DeleteTcToken),
        Just(Op::TcTokenJids),
        (at(), at()).prop_map(|(t, s)| Op::ExpireTcTokens(t, s)),
        (n(), at()).prop_map(|(j, t)| Op::TouchTcToken(j, t)),
        (n(), blob(), at()).prop_map(|(j, b, t)| Op::ReceiveTcToken(j, b, t)),
    ];
    let messages = prop_oneof![
        (n(), n(), blob()).prop_map(|(c, i, b)| Op::StoreSent(c, i, b)),
        (n(), n()).prop_map(|(c, i)| Op::TakeSent(c, i)),
        any::<bool>().prop_map(Op::ExpireSent),
        (n(), n(), blob()).prop_map(|(c, i, b)| Op::StorePending(c, i, b)),
        prop::collection::vec((n(), n(), blob()), 0..5).prop_map(Op::StorePendings),
        (n(), n()).prop_map(|(c, i)| Op::GetPending(c, i)),
        (n(), n()).prop_map(|(c, i)| Op::DeletePending(c, i)),
        prop::collection::vec((n(), n()), 0..5).prop_map(Op::DeletePendings),
        any::<bool>().prop_map(Op::ExpirePending),
        (n(), n(), n()).prop_map(|(c, i, k)| Op::PutSecret(c, i, k)),
        prop::collection::vec((n(), n(), n(), at(), at()), 0..5).prop_map(Op::PutSecrets),
        (n(), n()).prop_map(|(c, i)| Op::GetSecret(c, i)),
        (n(), n()).prop_map(|(c, i)| Op::GetSecretWithTs(c, i)),
        at().prop_map(Op::ExpireSecrets),
    ];
    prop_oneof![signal, prekeys, app_sync, groups, tokens, messages]
}
