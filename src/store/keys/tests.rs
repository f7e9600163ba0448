//! Keys through their whole life, on a real disk.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;

fn here() -> (TempDir, MasterKey) {
    let dir = tempfile::tempdir().unwrap();
    let (master, origin) = MasterKey::load_or_create(&KeySource::default(), dir.path()).unwrap();
    assert_eq!(origin, KeyOrigin::DataDir { path: dir.path().join("master.key"), created: true });
    (dir, master)
}

fn user(dir: &TempDir, master: &MasterKey, id: i64) -> (PathBuf, DataKey) {
    let folder = dir.path().join("users").join(id.to_string());
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("key");
    let key = DataKey::create(master, &path, id).unwrap();
    (path, key)
}

fn code<T: std::fmt::Debug>(result: Result<T, KeyError>) -> &'static str {
    result.unwrap_err().code()
}

#[test]
fn a_master_key_is_made_once_private_and_found_again() {
    let (dir, master) = here();
    let path = dir.path().join("master.key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (again, origin) = MasterKey::load_or_create(&KeySource::default(), dir.path()).unwrap();
    assert_eq!(origin, KeyOrigin::DataDir { path, created: false });
    assert_eq!(again.id(), master.id());
    assert_eq!(again.derive("x"), master.derive("x"));
    assert_eq!(format!("{master:?}"), format!("MasterKey({}, redacted)", master.id()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
}

#[test]
fn a_credential_comes_before_a_key_file_and_both_before_the_data_folder() {
    let (dir, in_data) = here();
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("sekat.key");
    let by_file = MasterKey::generate().unwrap();
    by_file.write_new(&file).unwrap();
    let mut source = KeySource { credentials_dir: Some(elsewhere.path().to_owned()), key_file: None };
    let (found, _) = MasterKey::load_or_create(&source, dir.path()).unwrap();
    assert_eq!(found.id(), in_data.id(), "a folder without the credential is no reason to stop");
    source.key_file = Some(file.clone());
    let (found, origin) = MasterKey::load_or_create(&source, dir.path()).unwrap();
    assert_eq!((found.id(), origin), (by_file.id(), KeyOrigin::File(file)));
    let credential = elsewhere.path().join(CREDENTIAL_NAME);
    fs::write(&credential, [7_u8; 32]).unwrap();
    let (found, origin) = MasterKey::load_or_create(&source, dir.path()).unwrap();
    assert_eq!(origin, KeyOrigin::Credential(credential));
    assert_ne!(found.id(), by_file.id());
}

#[test]
fn a_configured_key_file_that_is_not_there_is_never_replaced_by_a_new_key() {
    let dir = tempfile::tempdir().unwrap();
    let source = KeySource { credentials_dir: None, key_file: Some(dir.path().join("gone.key")) };
    assert_eq!(code(MasterKey::load_or_create(&source, dir.path())), "key-missing");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn data_without_its_key_is_refused() {
    let (dir, master) = here();
    user(&dir, &master, 5);
    fs::remove_file(dir.path().join("master.key")).unwrap();
    assert_eq!(code(MasterKey::load_or_create(&KeySource::default(), dir.path())), "key-missing");
    assert!(!dir.path().join("master.key").exists());
}

#[test]
fn a_key_that_others_can_read_or_of_another_form_is_refused() {
    let (dir, _) = here();
    let path = dir.path().join("master.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(code(MasterKey::load_or_create(&KeySource::default(), dir.path())), "key-mode");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    for wrong in ["", "short", &"g".repeat(64), &"a".repeat(66)] {
        fs::write(&path, wrong).unwrap();
        assert_eq!(code(MasterKey::load_or_create(&KeySource::default(), dir.path())), "key-form");
    }
    fs::write(&path, format!("  {}\n", "Ab".repeat(32))).unwrap();
    assert!(MasterKey::load_or_create(&KeySource::default(), dir.path()).is_ok());
}

#[test]
fn a_users_key_is_the_same_again_and_derives_apart() {
    let (dir, master) = here();
    let (path, key) = user(&dir, &master, 5);
    let again = DataKey::load(&master, &path, 5).unwrap();
    assert_eq!(key.derive("user.db"), again.derive("user.db"));
    assert_ne!(key.derive("user.db"), key.derive("wa-1.db"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(code(DataKey::create(&master, &path, 5)), "key-exists");
    let (_, other) = user(&dir, &master, 6);
    assert_ne!(key.derive("user.db"), other.derive("user.db"));
}

#[test]
fn every_changed_byte_of_a_wrapped_key_is_refused() {
    let (dir, master) = here();
    let (path, _) = user(&dir, &master, 5);
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).unwrap();
        let got = code(DataKey::load(&master, &path, 5));
        let expected = match at {
            10 | 19..27 => "key-foreign",
            11..19 => "key-wrong-master",
            _ => "key-damaged",
        };
        assert_eq!(got, expected, "byte {at}");
        fs::write(&path, &good[..at]).unwrap();
        assert_eq!(code(DataKey::load(&master, &path, 5)), "key-damaged", "cut at {at}");
    }
}

#[test]
fn one_users_key_never_opens_as_anothers() {
    let (dir, master) = here();
    let (five, _) = user(&dir, &master, 5);
    let (six, _) = user(&dir, &master, 6);
    fs::copy(&six, &five).unwrap();
    assert_eq!(code(DataKey::load(&master, &five, 5)), "key-foreign");
    let mut forged = fs::read(&six).unwrap();
    forged[19..27].copy_from_slice(&5_i64.to_be_bytes());
    fs::write(&five, forged).unwrap();
    assert_eq!(code(DataKey::load(&master, &five, 5)), "key-damaged", "the id is bound in");
    fs::copy(dir.path().join("users/6/key"), dir.path().join(StoreKey::FILE)).unwrap();
    assert_eq!(code(StoreKey::load_or_create(&master, dir.path())), "key-foreign");
}

#[test]
fn another_master_key_is_named_as_the_reason() {
    let (dir, master) = here();
    let (path, _) = user(&dir, &master, 5);
    let other = MasterKey::generate().unwrap();
    let error = DataKey::load(&other, &path, 5).unwrap_err();
    assert_eq!(error.code(), "key-wrong-master");
    let text = error.to_string();
    assert!(text.contains(&master.id()) && text.contains(&other.id()), "{text}");
}

#[test]
fn a_destroyed_key_is_gone_and_may_be_destroyed_twice() {
    let (dir, master) = here();
    let (path, _) = user(&dir, &master, 5);
    DataKey::destroy(&path).unwrap();
    DataKey::destroy(&path).unwrap();
    assert_eq!(code(DataKey::load(&master, &path, 5)), "key-missing");
}

#[test]
fn the_store_key_is_made_once_and_never_beside_its_databases() {
    let (dir, master) = here();
    let key = StoreKey::load_or_create(&master, dir.path()).unwrap();
    let again = StoreKey::load_or_create(&master, dir.path()).unwrap();
    assert_eq!(key.derive("spool.db"), again.derive("spool.db"));
    assert_ne!(key.derive("spool.db"), key.derive("claims.db"));
    fs::remove_file(dir.path().join(StoreKey::FILE)).unwrap();
    fs::write(dir.path().join("spool.db"), b"x").unwrap();
    assert_eq!(code(StoreKey::load_or_create(&master, dir.path())), "key-missing");
}

#[test]
fn a_rotation_keeps_every_key_and_shuts_the_old_master_out() {
    let (dir, old) = here();
    let (path, key) = user(&dir, &old, 5);
    let store = StoreKey::load_or_create(&old, dir.path()).unwrap();
    let new = MasterKey::generate().unwrap();
    let report = rotate(dir.path(), &old, &new).unwrap();
    assert_eq!((report.rewrapped, report.already, report.unreadable.len()), (2, 0, 0));
    end_rotation(dir.path()).unwrap();
    assert_eq!(DataKey::load(&new, &path, 5).unwrap().derive("a"), key.derive("a"));
    assert_eq!(StoreKey::load_or_create(&new, dir.path()).unwrap().derive("a"), store.derive("a"));
    assert_eq!(code(DataKey::load(&old, &path, 5)), "key-wrong-master");
    assert_eq!(pending_rotation(dir.path()).unwrap(), None);
}

#[test]
fn a_rotation_cut_off_anywhere_leaves_all_readable_and_runs_on() {
    let users: i64 = 6;
    for cut_after in 0..=users {
        let (dir, old) = here();
        let keys: Vec<_> = (1..=users).map(|id| (id, user(&dir, &old, id))).collect();
        let new = MasterKey::generate().unwrap();
        let new_file = dir.path().join("master.key.new");
        new.write_new(&new_file).unwrap();
        // A folder in a key's place stops the run there, as a kill would: what came before is done, the rest is not.
        let held = dir.path().join("held");
        if cut_after < users {
            let path = &keys[usize::try_from(cut_after).unwrap()].1.0;
            fs::rename(path, &held).unwrap();
            fs::create_dir(path).unwrap();
            assert_eq!(code(rotate(dir.path(), &old, &new)), "key-io");
            fs::remove_dir(path).unwrap();
            fs::rename(&held, path).unwrap();
        } else {
            rotate(dir.path(), &old, &new).unwrap();
        }
        // Whichever of the two keys the next start finds, it opens everything.
        let (from_old, _) = MasterKey::load_or_create(&KeySource::default(), dir.path()).unwrap();
        let source = KeySource { credentials_dir: None, key_file: Some(new_file.clone()) };
        let (from_new, _) = MasterKey::load_or_create(&source, dir.path()).unwrap();
        for master in [&from_old, &from_new] {
            for (id, (path, key)) in &keys {
                assert_eq!(DataKey::load(master, path, *id).unwrap().derive("a"), key.derive("a"));
            }
        }
        assert_eq!(pending_rotation(dir.path()).unwrap(), Some((old.id(), new.id())));
        let other = MasterKey::generate().unwrap();
        assert_eq!(code(rotate(dir.path(), &old, &other)), "key-wrong-master", "one rotation at a time");
        let report = rotate(dir.path(), &old, &new).unwrap();
        assert_eq!(i64::try_from(report.already).unwrap(), cut_after);
        assert_eq!(i64::try_from(report.rewrapped).unwrap(), users - cut_after);
        end_rotation(dir.path()).unwrap();
        for (id, (path, key)) in &keys {
            assert_eq!(DataKey::load(&new, path, *id).unwrap().derive("a"), key.derive("a"));
        }
    }
}

#[test]
fn a_rotation_names_what_was_unreadable_and_does_the_rest() {
    let (dir, old) = here();
    let (bad, _) = user(&dir, &old, 5);
    user(&dir, &old, 6);
    fs::write(&bad, b"rubbish").unwrap();
    let report = rotate(dir.path(), &old, &MasterKey::generate().unwrap()).unwrap();
    assert_eq!(report, RotateReport { rewrapped: 1, already: 0, unreadable: vec![(bad, "key-damaged")] });
}

#[test]
fn a_rotation_ends_by_itself_once_the_new_key_is_in_place() {
    let (dir, old) = here();
    let (path, key) = user(&dir, &old, 5);
    let new = MasterKey::generate().unwrap();
    rotate(dir.path(), &old, &new).unwrap();
    let (still_old, _) = MasterKey::load_or_create(&KeySource::default(), dir.path()).unwrap();
    assert_eq!(finish_rotation(dir.path(), &still_old).unwrap(), None);
    // An older daemon ran in between and made a user under the old key.
    let (later, _) = user(&dir, &still_old, 6);
    fs::remove_file(dir.path().join("master.key")).unwrap();
    new.write_new(&dir.path().join("master.key")).unwrap();
    let (now_new, _) = MasterKey::load_or_create(&KeySource::default(), dir.path()).unwrap();
    let report = finish_rotation(dir.path(), &now_new).unwrap().unwrap();
    assert_eq!((report.rewrapped, report.already), (1, 1));
    assert_eq!(pending_rotation(dir.path()).unwrap(), None);
    assert_eq!(DataKey::load(&new, &path, 5).unwrap().derive("a"), key.derive("a"));
    assert!(DataKey::load(&new, &later, 6).is_ok());
}
