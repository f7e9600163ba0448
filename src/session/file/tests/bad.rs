//! Files that are not to be believed: each way in which a file can be bad, met by a start.

use super::*;

/// Makes a file bad in one way, knowing a good one's bytes and a place elsewhere.
type Spoil = fn(path: &Path, good: &[u8], elsewhere: &Path);

const BAD: [(Damage, Spoil); 12] = [
    (Damage::Truncated, |path, good, _| fs::write(path, &good[..good.len() / 2]).unwrap()),
    (Damage::Truncated, |path, _, _| fs::write(path, b"").unwrap()),
    (Damage::NotJson, |path, _, _| fs::write(path, b"PK\x03\x04 no session").unwrap()),
    (Damage::NotJson, |path, good, _| fs::write(path, vec![0; good.len()]).unwrap()),
    (Damage::Shape, |path, _, _| fs::write(path, b"{\"jobs\": [1, 2]}").unwrap()),
    (Damage::FutureVersion, |path, good, _| {
        let text = String::from_utf8(good.to_vec()).unwrap();
        fs::write(path, text.replace("\"version\": 1", "\"version\": 2")).unwrap();
    }),
    (Damage::WrongId, |path, good, _| {
        let text = String::from_utf8(good.to_vec()).unwrap();
        fs::write(path, text.replace("\"telegram_id\": 7", "\"telegram_id\": 8")).unwrap();
    }),
    (Damage::Huge, |path, good, _| {
        fs::write(path, good).unwrap();
        // A hole: were it read, it would be a gigabyte.
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1 << 30).unwrap();
    }),
    (Damage::Symlink, |path, good, elsewhere| {
        fs::write(elsewhere, good).unwrap();
        symlink(elsewhere, path).unwrap();
    }),
    (Damage::Symlink, |path, _, _| symlink("/nowhere/at/all", path).unwrap()),
    (Damage::NotAFile, |path, _, _| fs::create_dir_all(path.join("inside")).unwrap()),
    (Damage::NotAFile, |path, _, _| {
        // Nobody ever writes into this pipe: opening it would wait for good.
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }),
];

#[tokio::test]
async fn whatever_a_file_has_become_it_is_set_aside_and_the_start_goes_on() {
    for (n, (damage, spoil)) in BAD.into_iter().enumerate() {
        let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
        let folder = dir.path().join("sessions");
        let elsewhere = dir.path().join("elsewhere");
        let (store, _) = open(&folder, &hands, PACE).await;
        for user in [6, 7, 8] {
            put(&store, user, 1).await;
        }
        store.close().await.unwrap();
        let path = folder.join("user_7.json");
        let good = fs::read(&path).unwrap();
        let second = hands.clock().now().0 / 1_000;
        let (first, next) = (
            format!("user_7.json.damaged-{}-{second}", damage.word()),
            format!("user_7.json.damaged-{}-{second}-1", damage.word()),
        );
        for name in [&first, &next] {
            fs::remove_file(&path).unwrap();
            spoil(&path, &good, &elsewhere);
            let before = fs::symlink_metadata(&path).unwrap();
            let (listening, said) = listen();
            let (store, loaded) = open(&folder, &hands, PACE).await;
            drop(listening);
            assert_eq!((loaded.sessions, loaded.set_aside), (2, 1), "{n}: {damage:?}");
            assert_eq!((lines(&said, "WARN"), lines(&said, damage.code())), (1, 1), "{n}: {damage:?}");
            assert!(store.get(&key(7)).await.unwrap().is_none());
            assert!(store.get(&key(6)).await.unwrap().is_some() && store.get(&key(8)).await.unwrap().is_some());
            let moved = fs::symlink_metadata(folder.join(name)).unwrap();
            assert_eq!((moved.len(), moved.file_type()), (before.len(), before.file_type()), "{n}: {damage:?}");
            // The person goes on as if there had never been a file; what was set aside stays.
            put(&store, 7, 2).await;
            store.close().await.unwrap();
            assert_eq!(on_disk(&folder, 7), Some(2));
        }
        assert_eq!(names(&folder), ["user_6.json", "user_7.json", &first, &next, "user_8.json"], "{n}: {damage:?}");
        if elsewhere.exists() {
            assert_eq!(fs::read(&elsewhere).unwrap(), good, "what a link led to is as it was");
        }
    }
}

#[tokio::test]
async fn a_file_that_may_not_be_opened_is_set_aside() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let (store, _) = open(dir.path(), &hands, PACE).await;
    put(&store, 7, 1).await;
    store.close().await.unwrap();
    let path = dir.path().join("user_7.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may open anything; for everybody else this is the case.
    let may = fs::File::open(&path).is_ok();
    let (_store, loaded) = open(dir.path(), &hands, PACE).await;
    assert_eq!((loaded.sessions, loaded.set_aside), if may { (1, 0) } else { (0, 1) });
    assert_eq!(names(dir.path())[0].contains("damaged-unreadable"), !may);
}

#[tokio::test]
async fn leftovers_go_and_what_is_not_ours_stays() {
    let (hands, dir) = (Hands::new(), tempfile::tempdir().unwrap());
    let ours = name::unfinished(key(7));
    let theirs = ["README.md", "notes.tmp-1", "user_007.json", "user_7.json.bak", "user_x.json"];
    for name in theirs.iter().copied().chain([ours.as_str()]) {
        fs::write(dir.path().join(name), "{").unwrap();
    }
    let (store, loaded) = open(dir.path(), &hands, PACE).await;
    assert_eq!((loaded.leftovers, loaded.others, loaded.sessions, loaded.set_aside), (1, 4, 0, 0));
    store.close().await.unwrap();
    assert_eq!(names(dir.path()), theirs);
}
