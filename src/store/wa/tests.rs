//! Tests of the key store: the library's own in-memory backend says what is right, call by call.

mod made_up;
mod ops;

use std::collections::HashSet;
use std::mem::discriminant;
use std::path::Path;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use whatsapp_rust::wacore::store::traits::*;
use whatsapp_rust::wacore::store::{Device, InMemoryBackend};

use self::made_up::any_op;
use self::ops::{KINDS, Op, call};
use super::*;
use crate::store::{DbThreads, RawKey, Turn, migrate, sqlcipher};

const KEY: [u8; 32] = [9; 32];

fn open(threads: &DbThreads, folder: &Path) -> WaStore {
    let path = folder.join("wa-1.db");
    let turn = Turn { user: 1, lane: 1 };
    WaStore::new(Handle::new(threads.clone(), turn, path, RawKey::new(KEY), schema::MIGRATIONS))
}

fn new() -> (tempfile::TempDir, WaStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&DbThreads::start(1), folder.path());
    (folder, store)
}

/// The in-memory backend forgets a phone number's newer LID when an older one leaves the number. Ours keeps it
/// (`a_phone_number_keeps_its_newer_lid`), so calls that would show the difference are left out.
async fn shows_lost_lid(reference: &InMemoryBackend, op: &Op) -> bool {
    let (lid, phone) = match op {
        Op::PutLid(lid, phone, _) => (lid, phone),
        Op::PutLids(rows) if rows.len() == 1 => (&rows[0].0, &rows[0].1),
        _ => return false,
    };
    let Some(old) = reference.get_lid_mapping(&format!("lid{lid}")).await.unwrap() else { return false };
    let back = reference.get_pn_mapping(&old.phone_number).await.unwrap();
    old.phone_number != format!("phone{phone}") && back.is_some_and(|back| back.lid != old.lid)
}

async fn compare(ops: &[Op]) -> HashSet<std::mem::Discriminant<Op>> {
    let (_folder, store) = new();
    let reference = InMemoryBackend::new();
    let mut kinds = HashSet::new();
    for (number, op) in ops.iter().enumerate() {
        if shows_lost_lid(&reference, op).await {
            continue;
        }
        if number % 17 == 16 {
            store.handle().close().await.unwrap();
        }
        kinds.insert(discriminant(op));
        let (ours, theirs) = (call(&store, op).await, call(&reference, op).await);
        assert_eq!(ours, theirs, "call {number}, {op:?}, after {:?}", &ops[..number]);
    }
    kinds
}

#[tokio::test]
async fn it_answers_as_the_librarys_own_backend_does_whatever_is_asked() {
    let mut runner = TestRunner::deterministic();
    let mut kinds = HashSet::new();
    for _ in 0..40 {
        let ops = proptest::collection::vec(any_op(), 150).new_tree(&mut runner).unwrap().current();
        kinds.extend(compare(&ops).await);
    }
    assert_eq!(kinds.len(), KINDS, "some method was never called");
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn it_answers_as_the_librarys_own_backend_does_in_random_order(
        ops in proptest::collection::vec(any_op(), 0..80)
    ) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(compare(&ops));
    }
}

#[tokio::test]
async fn a_phone_number_keeps_its_newer_lid() {
    let (_folder, store) = new();
    let entry = |lid: &str, phone: &str| LidPnMappingEntry {
        lid: lid.into(),
        phone_number: phone.into(),
        created_at: 1,
        updated_at: 1,
        learning_source: "usync".into(),
    };
    store.put_lid_mapping(&entry("old", "1")).await.unwrap();
    store.put_lid_mapping(&entry("new", "1")).await.unwrap();
    store.put_lid_mapping(&entry("old", "2")).await.unwrap();
    assert_eq!(store.get_pn_mapping("1").await.unwrap().unwrap().lid, "new");
    assert_eq!(store.get_pn_mapping("2").await.unwrap().unwrap().lid, "old");
}

#[tokio::test]
async fn a_used_prekey_is_not_brought_back_by_marking_it_uploaded() {
    let (_folder, store) = new();
    store.store_prekey(1, b"one", false).await.unwrap();
    store.store_prekey(2, b"two", false).await.unwrap();
    store.remove_prekey(1).await.unwrap();
    store.mark_prekeys_uploaded(&[1, 2]).await.unwrap();
    assert!(store.load_prekey(1).await.unwrap().is_none());
    let sql = "SELECT uploaded FROM prekey WHERE id = 2";
    assert_eq!(store.find(sql, (), first::<bool>).await.unwrap(), Some(true));
}

#[tokio::test]
async fn a_batch_beyond_every_variable_limit_is_one_transaction() {
    let (_folder, store) = new();
    let keys: Vec<_> = (1..=70_000u32).map(|id| (id, bytes::Bytes::from_static(b"record"))).collect();
    store.store_prekeys_batch(&keys, false).await.unwrap();
    assert_eq!(store.get_max_prekey_id().await.unwrap(), 70_000);
    let ids: Vec<_> = keys.iter().map(|(id, _)| *id).collect();
    assert_eq!(store.load_prekeys_batch(&ids).await.unwrap(), keys);
    // A row that is refused takes the whole batch with it.
    let sql = "INSERT INTO identity (address, key) VALUES (?1, ?2)";
    let rows = vec![("a", vec![1u8; 32]), ("b", vec![1u8; 31])];
    store.exec_each(Durability::Full, sql, rows).await.unwrap_err();
    assert_eq!(store.load_identity("a").await.unwrap(), None);
}

#[tokio::test]
async fn it_is_linked_once_the_device_has_a_number() {
    let (folder, store) = new();
    assert_eq!(store.is_linked().await.unwrap(), None);
    store.create().await.unwrap();
    assert_eq!(store.is_linked().await.unwrap(), None);
    let mut device = Device::new();
    device.pn = Some("15550000001:3@s.whatsapp.net".parse().unwrap());
    store.save(&device).await.unwrap();
    store.handle().close().await.unwrap();
    let linked = open(&DbThreads::start(1), folder.path()).is_linked().await.unwrap().unwrap();
    assert_eq!((linked.pn.to_string().as_str(), linked.lid.is_none()), ("15550000001:3@s.whatsapp.net", true));
    assert!(!format!("{linked:?}").contains("1555"));
}

#[tokio::test]
async fn a_late_flush_does_not_bring_a_wiped_store_back() {
    let (folder, store) = new();
    store.save(&Device::new()).await.unwrap();
    let client: std::sync::Arc<dyn Backend> = std::sync::Arc::new(store.clone());
    store.wipe().await.unwrap();
    let refused = client.save(&Device::new()).await.unwrap_err();
    assert!(!refused.is_database_busy_or_locked(), "the library would try again");
    let cause = std::error::Error::source(&refused).unwrap().downcast_ref::<StoreError>().unwrap();
    assert_eq!(cause.code(), "db-fenced");
    client.put_session("1555@s.whatsapp.net", b"x").await.unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_busy_file_is_called_so_in_the_librarys_words() {
    let busy = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None);
    assert!(wa_error(StoreError::from(busy)).is_database_busy_or_locked());
    for other in [StoreError::Fenced, StoreError::ShuttingDown, StoreError::Panicked { message: String::new() }] {
        assert!(!wa_error(other).is_database_busy_or_locked());
    }
}

#[tokio::test]
async fn a_file_of_the_first_schema_keeps_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut conn = sqlcipher::open(
        &folder.path().join("wa-1.db"),
        &RawKey::new(KEY),
        sqlcipher::Pages::Large,
        sqlcipher::Access::Shared,
    )
    .unwrap();
    migrate::migrate(&mut conn, &schema::MIGRATIONS[..1]).unwrap();
    conn.execute_batch(
        "INSERT INTO session VALUES ('1555@s.whatsapp.net', x'0102');
         INSERT INTO prekey VALUES (7, x'07', 1);
         INSERT INTO sent_message VALUES ('chat', 'id', x'01', 5);
         INSERT INTO msg_secret VALUES ('chat', 'sender', 'id', x'02', 9, 3);",
    )
    .unwrap();
    drop(conn);
    let store = open(&DbThreads::start(1), folder.path());
    assert_eq!(store.get_session("1555@s.whatsapp.net").await.unwrap().unwrap(), [1, 2][..]);
    assert_eq!(store.get_max_prekey_id().await.unwrap(), 7);
    assert_eq!(store.get_msg_secret_with_ts("chat", "sender", "id").await.unwrap(), Some((vec![2], 3)));
    assert_eq!(store.delete_expired_sent_messages(6).await.unwrap(), 1);
    assert_eq!(store.delete_expired_msg_secrets(9).await.unwrap(), 1);
}

#[test]
fn migrations_are_numbered_from_one_without_gaps() {
    let versions: Vec<_> = schema::MIGRATIONS.iter().map(|step| step.version).collect();
    assert_eq!(versions, (1..=u32::try_from(versions.len()).unwrap()).collect::<Vec<_>>());
}

#[tokio::test]
async fn sweeps_and_lookups_use_their_indexes() {
    let (_folder, store) = new();
    for (sql, index) in [
        ("DELETE FROM sent_message WHERE stored_at < 1", "sent_message_by_age"),
        ("DELETE FROM pending_inbound WHERE stored_at < 1", "pending_inbound_by_age"),
        ("DELETE FROM msg_secret WHERE expires_at <> 0 AND expires_at <= 1", "msg_secret_by_expiry"),
        ("DELETE FROM sender_key_device WHERE device_jid = 'x'", "sender_key_device_by_device"),
        ("SELECT 1 FROM session WHERE address >= 'a' AND address < 'b'", "sqlite_autoindex_session_1"),
    ] {
        let plan = store.handle().read(move |conn| {
            Ok(conn.query_row(&format!("EXPLAIN QUERY PLAN {sql}"), [], |row| row.get::<_, String>(3))?)
        });
        let plan = plan.await.unwrap();
        assert!(plan.contains(index), "{sql}: {plan}");
    }
}

/// Sets how many pages the file may have.
async fn limit(store: &WaStore, pages: u32) {
    let sql = format!("PRAGMA max_page_count = {pages}");
    store.handle().read(move |db| Ok(db.query_row(&sql, [], |_| Ok(()))?)).await.unwrap();
}

/// How many rows a table in the file has.
async fn rows(store: &WaStore, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    store.handle().read(move |db| Ok(db.query_row(&sql, [], |row| row.get(0))?)).await.unwrap()
}

#[tokio::test]
async fn a_received_message_that_cannot_be_written_is_kept_until_it_is() {
    let (_folder, store) = new();
    store.put_session("anybody", b"ratchet").await.unwrap();
    limit(&store, 1).await;
    let message = vec![7; 200_000];
    store.store_pending_inbound("c", "s", "late", &message).await.unwrap();
    assert!(store.put_session("anybody", b"moved on").await.is_err(), "not before what it moved on for");
    assert_eq!(store.get_session("anybody").await.unwrap().unwrap(), &b"ratchet"[..]);
    assert_eq!(store.get_pending_inbound("c", "s", "late").await.unwrap().as_ref(), Some(&message));
    limit(&store, 1_000_000).await;
    // The next write of anything takes it along.
    store.put_session("anybody", b"moved on").await.unwrap();
    let again = WaStore::new(store.handle().clone());
    assert_eq!(again.get_pending_inbound("c", "s", "late").await.unwrap(), Some(message));
    store.delete_pending_inbound("c", "s", "late").await.unwrap();
    assert_eq!(store.get_pending_inbound("c", "s", "late").await.unwrap(), None);
}

#[tokio::test]
async fn a_received_message_goes_with_its_ratchet_or_is_dealt_with() {
    let (_folder, store) = new();
    let store = store.telling_what_is_lost();
    store.store_pending_inbound("c", "s", "quick", b"1").await.unwrap();
    store.store_pending_inbound("c", "s", "slow", b"2").await.unwrap();
    store.delete_pending_inbound("c", "s", "quick").await.unwrap();
    assert_eq!(store.get_pending_inbound("c", "s", "quick").await.unwrap(), None);
    assert_eq!((rows(&store, "pending_inbound").await, rows(&store, "inbound_done").await), (0, 0));
    store.put_sessions_batch(&[("s".into(), (&b"ratchet"[..]).into())]).await.unwrap();
    // The one was dealt with before, the other waits in the file for its owner.
    assert_eq!((rows(&store, "pending_inbound").await, rows(&store, "inbound_done").await), (1, 1));
    let killed = WaStore::new(store.handle().clone()).telling_what_is_lost();
    assert_eq!(killed.get_pending_inbound("c", "s", "quick").await.unwrap(), None);
    assert_eq!(killed.get_pending_inbound("c", "s", "slow").await.unwrap().as_deref(), Some(&b"2"[..]));
    store.delete_pending_inbound("c", "s", "slow").await.unwrap();
    store.settle().await.unwrap();
    assert_eq!((rows(&store, "pending_inbound").await, rows(&store, "inbound_done").await), (0, 2));
}

#[tokio::test]
async fn a_message_whose_ratchet_may_be_in_the_file_already_waits_for_nothing() {
    let (_folder, store) = new();
    let store = store.telling_what_is_lost();
    store.put_sessions_batch(&[("s".into(), (&b"ratchet"[..]).into())]).await.unwrap();
    store.store_pending_inbound("c", "s", "early", b"1").await.unwrap();
    assert_eq!(rows(&store, "pending_inbound").await, 1);
    tokio::time::sleep(Duration::from_millis(15)).await;
    store.store_pending_inbound("c", "s", "usual", b"2").await.unwrap();
    assert_eq!(rows(&store, "pending_inbound").await, 1);
}

#[tokio::test]
async fn secrets_go_with_the_next_write_and_are_found_before() {
    let (_folder, store) = new();
    let secret = |n: u32| MsgSecretEntry {
        chat: "c".into(),
        sender: "s".into(),
        msg_id: n.to_string().into(),
        secret: [7; 32],
        expires_at: 0,
        message_ts: 1,
    };
    store.put_msg_secrets(vec![secret(0)]).await.unwrap();
    assert_eq!(rows(&store, "msg_secret").await, 0);
    store.store_sent_message("c", "one", b"1").await.unwrap();
    assert_eq!((rows(&store, "msg_secret").await, rows(&store, "sent_message").await), (1, 1));
    store.put_msg_secrets(vec![secret(1)]).await.unwrap();
    assert_eq!(store.get_msg_secret("c", "s", "1").await.unwrap().unwrap(), [7; 32]);
    for n in 0..200 {
        store.put_msg_secrets(vec![secret(n)]).await.unwrap();
    }
    assert!(rows(&store, "msg_secret").await >= 128, "many are written without being asked for");
}

#[tokio::test]
async fn an_answer_is_remembered_until_it_changes() {
    let (_folder, store) = new();
    assert!(store.get_pn_mapping("123").await.unwrap().is_none());
    assert!(store.get_tc_token("a@s").await.unwrap().is_none());
    let entry = LidPnMappingEntry {
        lid: "9".into(),
        phone_number: "123".into(),
        created_at: 1,
        updated_at: 1,
        learning_source: "usync".into(),
    };
    store.put_lid_mapping(&entry).await.unwrap();
    store.touch_tc_token_sender_timestamp("a@s", 5).await.unwrap();
    assert_eq!(store.get_pn_mapping("123").await.unwrap().unwrap().lid, entry.lid);
    assert_eq!(store.get_tc_token("a@s").await.unwrap().unwrap().sender_timestamp, Some(5));
    // Nobody else writes here, so nobody else is asked.
    store.handle().read(|db| Ok(db.execute_batch("DELETE FROM phone_map; DELETE FROM tc_token;")?)).await.unwrap();
    assert!(store.get_pn_mapping("123").await.unwrap().is_some());
    store.delete_tc_token("b@s").await.unwrap();
    assert!(store.get_tc_token("a@s").await.unwrap().is_none(), "asked again after a change");
}
