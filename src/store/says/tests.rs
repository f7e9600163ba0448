//! In which order what is said is said, also what an older version left.
use super::*;
use crate::domain::{Body, Language, RichText, TelegramId};
use crate::store::{DbThreads, Durability, Handle, Migration, RawKey, Turn, left, schema};
use std::path::Path;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn handle(path: &Path, list: &'static [Migration]) -> Handle {
    Handle::new(DbThreads::start(1), Turn { user: 1, lane: 0 }, path.to_owned(), RawKey::new([7; 32]), list)
}

fn text(text: &str) -> Outgoing {
    Outgoing {
        chat: TelegramId(1).private_chat(),
        body: Body::Text(RichText::plain(text)),
        keyboard: Vec::new(),
        reply_to: None,
        silent: false,
        replaces: None,
        language: Language::default(),
    }
}

fn said(say: &Say) -> (String, bool) {
    match &say.out.body {
        Body::Text(text) => (text.text.clone(), say.repeated),
        Body::Qr { .. } | Body::Chart { .. } => panic!("no picture was to be said"),
    }
}

#[tokio::test]
async fn what_an_older_version_left_is_said_in_its_order_and_before_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("user.db");
    let before = handle(&path, &schema::USER[..7]);
    before
        .tx(Durability::Full, |tx| {
            let rows = [(1, "forward", "pending"), (0, "in flight", "sending"), (0, "answer", "pending")];
            for (n, (class, words, state)) in rows.into_iter().enumerate() {
                let sql = "INSERT INTO says (source, n, class, payload, origin_account, origin_chat, state, created_at)
                           VALUES ('u7:1', ?1, ?2, ?3, 3, '628@s.whatsapp.net', ?4, ?5)";
                tx.execute(sql, params![n, class, json(&text(words))?, state, NOW.0])?;
            }
            let failed = "INSERT INTO says (source, n, class, state, created_at) VALUES ('u7:2', 0, 0, 'failed', ?1)";
            Ok(tx.execute(failed, [NOW.0])?)
        })
        .await
        .unwrap();
    before.close().await.unwrap();
    let now = handle(&path, schema::USER);
    let order = now
        .tx(Durability::Full, |tx| {
            add(tx, Class::Forward, &text("new forward"), None, NOW)?;
            add(tx, Class::Answer, &text("new answer"), None, NOW)?;
            assert_eq!(recover(tx)?, 1);
            let mut order = Vec::new();
            while let Some(say) = take(tx, NOW)? {
                assert_eq!((say.since, say.class == Class::Forward), (NOW, said(&say).0.ends_with("forward")));
                assert_eq!(say.origin.is_some(), !said(&say).0.starts_with("new"));
                order.push(said(&say));
                record(tx, &say, Said::Sent(MessageId(1)))?;
            }
            assert!(!left::of(tx)?.unfinished);
            Ok(order)
        })
        .await
        .unwrap();
    let expected = [("in flight", true), ("answer", false), ("new answer", false), ("forward", false)];
    assert_eq!(order[..4], expected.map(|(words, repeated)| (words.to_owned(), repeated)));
    assert_eq!((order.len(), order[4].0.as_str()), (5, "new forward"));
}

#[tokio::test]
async fn an_id_is_given_once_and_a_clock_that_is_set_back_changes_no_order() {
    let folder = tempfile::tempdir().unwrap();
    let db = handle(&folder.path().join("user.db"), schema::USER);
    db.tx(Durability::Full, |tx| {
        let mut ids = Vec::new();
        for later in [0, 1, 2] {
            add(tx, Class::Answer, &text("alone"), None, Timestamp(NOW.0 + later))?;
            let say = take(tx, NOW)?.unwrap();
            record(tx, &say, if later == 1 { Said::Failed } else { Said::Sent(MessageId(1)) })?;
            ids.push(say.id);
        }
        assert!(ids.is_sorted_by(|before, after| before < after), "{ids:?}");
        for (words, at) in [("first", NOW.0), ("second", NOW.0), ("third", NOW.0 - 60_000), ("fourth", NOW.0)] {
            add(tx, Class::Progress, &text(words), None, Timestamp(at))?;
        }
        for words in ["first", "second", "third", "fourth"] {
            assert_eq!(said(&take(tx, NOW)?.unwrap()).0, words);
        }
        assert!(take(tx, NOW)?.is_none());
        Ok(())
    })
    .await
    .unwrap();
}
