//! Tests of opening a file.

use std::path::PathBuf;

use super::*;

/// As a vault's `user.db` is opened.
fn open(path: &Path, key: &RawKey) -> Result<Connection> {
    super::open(path, key, Pages::Small, Access::Shared)
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("user.db");
    (folder, path)
}

fn filled(path: &Path, key: &RawKey) {
    let conn = open(path, key).unwrap();
    conn.execute_batch("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)").unwrap();
    for _ in 0..400 {
        conn.execute("INSERT INTO note (text) VALUES (?1)", ("a plain word, again and again ".repeat(8),)).unwrap();
    }
    conn.close().map_err(|(_, error)| error).unwrap();
}

fn mode(path: &str) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn every_connection_agrees_on_its_settings() {
    let (_folder, path) = folder();
    let conn = open(&path, &RawKey::new([7; 32])).unwrap();
    let text = |pragma: &str| -> String {
        conn.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, rusqlite::types::Value>(0))
            .map(|value| match value {
                rusqlite::types::Value::Integer(number) => number.to_string(),
                rusqlite::types::Value::Text(text) => text,
                other => format!("{other:?}"),
            })
            .unwrap()
    };
    let settings =
        ["journal_mode", "synchronous", "cache_size", "temp_store", "foreign_keys", "trusted_schema", "busy_timeout"]
            .map(text);
    assert_eq!(settings, ["wal", "2", "-8192", "2", "1", "0", "2000"]);
    assert_eq!(text("cell_size_check"), "1");
    assert!(text("cipher_version").starts_with('4'), "this is not SQLCipher");
}

#[test]
fn the_files_are_private_and_hold_no_clear_text() {
    let (_folder, path) = folder();
    let key = RawKey::new([7; 32]);
    std::fs::write(&path, b"").unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let conn = open(&path, &key).unwrap();
    conn.execute_batch("CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('a plain word')").unwrap();
    let name = path.to_str().unwrap();
    for file in [name.to_owned(), format!("{name}-wal"), format!("{name}-shm")] {
        assert_eq!(mode(&file), 0o600, "{file}");
    }
    let log = std::fs::read(format!("{name}-wal")).unwrap();
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let file = std::fs::read(&path).unwrap();
    for bytes in [log, file] {
        assert!(bytes.len() >= 2 * 1024);
        for word in ["a plain word", "CREATE TABLE", "note", "SQLite format 3"] {
            assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{word} lies in clear");
        }
    }
}

#[test]
fn a_file_of_an_earlier_form_keeps_it_and_stays_readable() {
    // SQLCipher answers in text.
    let text = |conn: &Connection, of: &str| conn.query_row(of, [], |row| row.get::<_, String>(0)).unwrap();
    let key = RawKey::new([7; 32]);
    for (pages, mac, bytes) in
        [(Pages::Small, Mac::Sha256, "1024"), (Pages::Small, Mac::Sha512, "1024"), (Pages::Large, Mac::Sha512, "4096")]
    {
        let (folder, path) = folder();
        let conn = open_with(&path, &key, (pages, mac), Access::Shared).unwrap();
        conn.execute_batch("CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('one')").unwrap();
        // As a kill leaves it: what was committed lies in the log.
        let killed = folder.path().join("killed.db");
        std::fs::copy(&path, &killed).unwrap();
        std::fs::copy(folder.path().join("user.db-wal"), folder.path().join("killed.db-wal")).unwrap();
        drop(conn);
        for path in [path, killed] {
            for count in [2, 3] {
                let conn = open(&path, &key).unwrap();
                conn.execute_batch("INSERT INTO note VALUES ('two')").unwrap();
                assert_eq!(conn.query_row("SELECT count(*) FROM note", [], |row| row.get::<_, u32>(0)).unwrap(), count);
                assert_eq!(text(&conn, "PRAGMA page_size"), bytes);
                assert_eq!(text(&conn, "PRAGMA cipher_hmac_algorithm"), mac.name());
            }
        }
    }
}

#[test]
fn a_file_that_is_opened_alone_is_locked_while_it_is_open_and_has_no_index_beside_it() {
    let (folder, path) = folder();
    let key = RawKey::new([7; 32]);
    for count in [1, 2] {
        let conn = super::open(&path, &key, Pages::Small, Access::Alone).unwrap();
        conn.execute_batch("CREATE TABLE IF NOT EXISTS note (text TEXT); INSERT INTO note VALUES ('one')").unwrap();
        let beside = |name: &str| folder.path().join(name).exists();
        assert!(beside("user.db-wal") && !beside("user.db-shm"));
        assert_eq!(open(&path, &key).unwrap_err().code(), "db-locked");
        conn.close().map_err(|(_, error)| error).unwrap();
        let other = open(&path, &key).unwrap();
        assert_eq!(other.query_row("SELECT count(*) FROM note", [], |row| row.get::<_, u32>(0)).unwrap(), count);
    }
}

#[test]
fn another_key_is_told_from_damage() {
    let (_folder, path) = folder();
    filled(&path, &RawKey::new([7; 32]));
    assert_eq!(open(&path, &RawKey::new([8; 32])).unwrap_err().code(), "db-key");
    open(&path, &RawKey::new([7; 32])).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let (_folder, path) = folder();
    std::fs::write(&path, vec![b'x'; 9000]).unwrap();
    assert_eq!(open(&path, &RawKey::new([7; 32])).unwrap_err().code(), "db-key");
    assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; 9000], "it was changed");
}

#[test]
fn a_damaged_page_is_corrupt() {
    let (_folder, path) = folder();
    let key = RawKey::new([7; 32]);
    filled(&path, &key);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let conn = open(&path, &key).unwrap();
    let read = conn.query_row("SELECT sum(length(text)) FROM note", [], |row| row.get::<_, i64>(0));
    assert_eq!(StoreError::from(read.unwrap_err()).code(), "db-corrupt");
}

#[test]
fn a_file_cut_in_half_is_corrupt() {
    let (_folder, path) = folder();
    let key = RawKey::new([7; 32]);
    filled(&path, &key);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 8192 * 4096]).unwrap();
    let result = open(&path, &key)
        .and_then(|conn| Ok(conn.query_row("SELECT sum(length(text)) FROM note", [], |row| row.get::<_, i64>(0))?));
    assert_eq!(result.unwrap_err().code(), "db-corrupt");
}

#[test]
fn no_error_and_no_debug_text_shows_a_key() {
    let (folder, path) = folder();
    let key = RawKey::new([0xab; 32]);
    filled(&path, &RawKey::new([1; 32]));
    let errors = [open(&path, &key).unwrap_err(), open(folder.path(), &key).unwrap_err()];
    for text in errors.iter().map(|error| format!("{error:?} {error}")).chain([format!("{key:?}")]) {
        assert!(!text.to_lowercase().contains("abab") && !text.contains("171, 171"), "{text}");
    }
}

#[test]
fn a_missing_folder_is_an_io_error() {
    let (folder, _) = folder();
    let error = open(&folder.path().join("none/user.db"), &RawKey::new([7; 32])).unwrap_err();
    assert_eq!(error.code(), "db-io");
}

#[test]
fn many_may_make_one_file_at_once() {
    for round in 0..100 {
        let (_folder, path) = folder();
        let together = std::sync::Barrier::new(6);
        std::thread::scope(|threads| {
            for _ in 0..6 {
                threads.spawn(|| {
                    together.wait();
                    let conn =
                        open(&path, &RawKey::new([7; 32])).unwrap_or_else(|error| panic!("round {round}: {error:?}"));
                    assert_eq!(
                        conn.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0)).unwrap(),
                        "wal"
                    );
                });
            }
        });
    }
}
