use super::*;
use crate::domain::{AccountId, Content, InboundMessage, Jid, MessageId, TelegramId, UpdateId};
use crate::store::keys::MasterKey;
use crate::store::sends::{NewSend, SendState};
use crate::store::{DbThreads, Vault, Vaults, inbox, messages, sends};

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const DAY: i64 = 24 * 3_600_000;
const ACCOUNT: AccountId = AccountId(1);

fn ago(days: i64) -> Timestamp {
    Timestamp(NOW.0 - days * DAY)
}

/// What its files take up.
fn size(data: &std::path::Path) -> u64 {
    let files = std::fs::read_dir(data.join("users/1")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

async fn vault(folder: &std::path::Path) -> Vault {
    let vaults = Vaults::new(DbThreads::start(1), MasterKey::generate().unwrap(), folder);
    vaults.open(TelegramId(1)).await.unwrap()
}

fn heard(tx: &Tx<'_>, n: i64, at: Timestamp) -> Result<()> {
    let message = InboundMessage {
        id: format!("M{n}"),
        chat: Jid("62811@s.whatsapp.net".into()),
        sender: Jid("62811@s.whatsapp.net".into()),
        sender_alt: None,
        push_name: None,
        from_me: false,
        is_group: false,
        sent_at: at,
        content: Content::Text("some words to take up room ".repeat(10)),
    };
    messages::add(tx, ACCOUNT, &message).map(drop)
}

/// A message to WhatsApp in this state, and the message in the chat that tells so.
fn sent(tx: &Tx<'_>, n: i64, state: SendState, at: Timestamp) -> Result<()> {
    let (chat, message_id) = (Jid("62811@s.whatsapp.net".into()), format!("S{n}"));
    let new = NewSend { account: ACCOUNT, chat: &chat, message_id: &message_id, text: "hello", asked_by: MessageId(n) };
    sends::add(tx, &format!("{n}"), 0, &new, at)?;
    tx.execute("UPDATE sends SET state = ?2 WHERE message_id = ?1", [&message_id, &super::super::rows::word(&state)?])?;
    tx.execute(
        "INSERT INTO shows (slot, payload, version, shown, message, changed_at) VALUES ('out:' || ?1, '{}', 1, 1, ?2, ?3)",
        params![message_id, n, at.0],
    )?;
    Ok(())
}

fn left(db: &Connection, sql: &str) -> Vec<String> {
    let mut query = db.prepare(sql).unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(rusqlite::Result::unwrap).collect()
}

#[tokio::test]
async fn what_is_of_no_use_goes_once_a_day_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path()).await;
    vault
        .tx(|tx| {
            heard(tx, 1, ago(400))?;
            for (n, state) in
                [(1, SendState::Read), (2, SendState::Delivered), (3, SendState::Unknown), (4, SendState::Failed)]
            {
                sent(tx, n, state, ago(31))?;
            }
            sent(tx, 5, SendState::Read, ago(29))?;
            // Not shown yet.
            tx.execute("UPDATE shows SET version = 2 WHERE slot = 'out:S4'", [])?;
            tx.execute("INSERT INTO says (payload, created_at) VALUES ('{}', ?1)", [ago(31).0])?;
            inbox::take(tx, 1, UpdateId(1), ago(2))?;
            inbox::take(tx, 1, UpdateId(2), NOW)?;
            assert_eq!(useless(tx, NOW)?, 2);
            assert_eq!(left(tx, "SELECT slot FROM shows ORDER BY slot"), ["out:S2", "out:S3", "out:S4", "out:S5"]);
            assert_eq!(left(tx, "SELECT payload FROM says"), ["{}"], "it is still to be said");
            assert!(!inbox::take(tx, 1, UpdateId(2), NOW)?, "it may come again");
            assert_eq!(left(tx, "SELECT message_id FROM sends").len(), 5, "history stays");
            assert_eq!(left(tx, "SELECT id FROM messages").len(), 1);
            sent(tx, 6, SendState::Read, ago(31))?;
            assert_eq!(useless(tx, Timestamp(NOW.0 + DAY - 1))?, 0, "not yet");
            assert!(useless(tx, Timestamp(NOW.0 + DAY))? > 0);
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn the_oldest_history_goes_first_and_what_is_young_or_open_stays() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path()).await;
    vault
        .tx(|tx| {
            for n in 0..2_500 {
                heard(tx, n, ago(100))?;
            }
            heard(tx, 9_000, ago(6))?;
            for (n, state) in
                [(1, SendState::Sent), (2, SendState::Unknown), (3, SendState::Pending), (4, SendState::Sending)]
            {
                sent(tx, n, state, ago(100))?;
            }
            sent(tx, 5, SendState::Read, ago(6))?;
            assert_eq!(oldest(tx, NOW)?, 1_002, "a thousand messages, one that was sent, and what was noted of it");
            let first: i64 = tx.query_row("SELECT min(seq) FROM messages", [], |row| row.get(0))?;
            assert_eq!(first, 1_001, "the oldest");
            while oldest(tx, NOW)? > 0 {}
            assert_eq!(left(tx, "SELECT id FROM messages"), ["M9000"]);
            assert_eq!(left(tx, "SELECT message_id FROM sends ORDER BY id"), ["S2", "S3", "S4", "S5"]);
            assert_eq!(left(tx, "SELECT slot FROM shows ORDER BY slot"), ["out:S2", "out:S3", "out:S4", "out:S5"]);
            Ok(())
        })
        .await
        .unwrap();
    let before = size(folder.path());
    assert!(vault.db().shrink().await.unwrap());
    let after = size(folder.path());
    assert!(after < before / 3, "{after} of {before} bytes");
    assert!(!vault.db().shrink().await.unwrap(), "it was worth it once");
    vault.db().close().await.unwrap();
    let left = vault.db().read(|db| Ok(left(db, "SELECT id FROM messages"))).await.unwrap();
    assert_eq!(left, ["M9000"]);
}

#[tokio::test]
async fn which_chat_a_message_stands_for_is_kept_of_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path()).await;
    vault
        .tx(|tx| {
            tx.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                 INSERT INTO origins SELECT 1, i, 1, 'chat' FROM n",
                [ORIGINS + 1_500],
            )?;
            while oldest(tx, NOW)? > 0 {}
            assert_eq!(left(tx, "SELECT CAST(min(message) AS TEXT) FROM origins"), ["1501"]);
            Ok(())
        })
        .await
        .unwrap();
}
