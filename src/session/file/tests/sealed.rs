//! Files of registrations: sealed, in files of their own, and gone when they have expired.

use super::*;
use crate::session::contract::{registration, registration_key, registration_mark};

async fn put_sealed(store: &FileStore, n: u64, mark: i64) {
    store.put(&registration_key(n), registration(n, mark), TTL, Expected::Any).await.unwrap();
}

#[tokio::test]
async fn a_registration_has_a_file_of_its_own_that_the_next_start_reads() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let (store, _) = open(dir.path(), &hands, PACE).await;
    put(&store, 7, 1).await;
    put_sealed(&store, 1, 5).await;
    store.close().await.unwrap();
    let name = format!("reg_{:016x}{}.json", 1, "0".repeat(48));
    assert_eq!(names(dir.path()), [name.as_str(), "user_7.json"]);
    assert_eq!(fs::metadata(dir.path().join(&name)).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(dir.path().join(&name)).unwrap();
    let fields: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fields: Vec<_> = fields.as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["expires_at", "key", "revision", "sealed", "version"]);

    let (store, loaded) = open(dir.path(), &hands, PACE).await;
    assert_eq!((loaded.sessions, loaded.set_aside, loaded.others), (2, 0, 0));
    let record = store.get(&registration_key(1)).await.unwrap().unwrap();
    assert_eq!((registration_mark(&record), record.payload), (5, registration(1, 5)));
    // Erasing somebody by id leaves what does not bear it; their own registration is removed by its key.
    assert_eq!(erase(dir.path(), TelegramId(7)).unwrap(), 1);
    assert_eq!(names(dir.path()), [name.as_str()]);
    assert!(store.remove(&registration_key(1), None).await.unwrap());
    store.settled(&registration_key(1)).await.unwrap();
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn an_expired_registration_goes_at_the_next_start_or_when_an_operator_says() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let (store, _) = open(dir.path(), &hands, PACE).await;
    put_sealed(&store, 1, 5).await;
    store.close().await.unwrap();
    let now = hands.clock().now();
    assert_eq!(cleanup(dir.path(), now).unwrap(), Cleaned { removed: 0, left: 1 });
    assert_eq!(cleanup(dir.path(), now.after(TTL)).unwrap(), Cleaned { removed: 1, left: 0 });
    let (store, _) = open(dir.path(), &hands, PACE).await;
    put_sealed(&store, 2, 5).await;
    store.close().await.unwrap();
    hands.forward(TTL);
    let (_store, loaded) = open(dir.path(), &hands, PACE).await;
    assert_eq!((loaded.sessions, loaded.expired), (0, 1));
    assert!(names(dir.path()).is_empty());
}

#[tokio::test]
async fn a_registration_file_that_is_not_to_be_believed_is_set_aside() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let (store, _) = open(dir.path(), &hands, PACE).await;
    put_sealed(&store, 1, 5).await;
    store.close().await.unwrap();
    let path = dir.path().join(file_name(registration_key(1)));
    let good = fs::read_to_string(&path).unwrap();
    for (bad, why) in [
        (good[..good.len() / 2].to_owned(), Damage::Truncated),
        (good.replace("\"version\": 1", "\"version\": 2"), Damage::FutureVersion),
        (good.replace("\"key\": \"reg:00", "\"key\": \"reg:01"), Damage::WrongId),
        (good.replace("\"key\": \"reg:00", "\"key\": \"reg:0X"), Damage::Shape),
        (good.replace("\"sealed\": \"", "\"sealed\": \"*"), Damage::Shape),
        (good.replace("\"sealed\": \"", "\"phone\": \""), Damage::Shape),
    ] {
        fs::write(&path, bad).unwrap();
        let (_store, loaded) = open(dir.path(), &hands, PACE).await;
        assert_eq!((loaded.sessions, loaded.set_aside), (0, 1), "{why:?}");
        let aside = names(dir.path());
        assert!(aside.len() == 1 && aside[0].contains(why.word()), "{aside:?}");
        fs::remove_file(dir.path().join(&aside[0])).unwrap();
    }
}
