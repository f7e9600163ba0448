//! Tests of migrations.

use super::*;

const ONE: Migration = Migration { version: 1, name: "one", sql: "CREATE TABLE a (x)" };
const TWO: Migration = Migration { version: 2, name: "two", sql: "CREATE TABLE b (x); INSERT INTO a VALUES (2)" };
const BROKEN: Migration = Migration { version: 3, name: "broken", sql: "CREATE TABLE c (x); NONSENSE" };

fn tables(conn: &Connection) -> String {
    let sql = "SELECT coalesce(group_concat(name), '') FROM (SELECT name FROM sqlite_master ORDER BY name)";
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn version(conn: &Connection) -> u32 {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

#[test]
fn only_what_is_missing_is_applied() {
    let mut conn = Connection::open_in_memory().unwrap();
    migrate(&mut conn, &[ONE]).unwrap();
    assert_eq!((version(&conn), tables(&conn).as_str()), (1, "a"));
    migrate(&mut conn, &[ONE, TWO]).unwrap();
    migrate(&mut conn, &[ONE, TWO]).unwrap();
    assert_eq!((version(&conn), tables(&conn).as_str()), (2, "a,b"));
    assert_eq!(conn.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, u32>(0)).unwrap(), 1);
}

#[test]
fn a_newer_file_is_refused_untouched() {
    let mut conn = Connection::open_in_memory().unwrap();
    migrate(&mut conn, &[ONE, TWO]).unwrap();
    let error = migrate(&mut conn, &[ONE]).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 2, known: 1 }));
    assert_eq!(version(&conn), 2);
}

#[test]
fn a_failing_step_leaves_nothing_and_keeps_those_before_it() {
    let mut conn = Connection::open_in_memory().unwrap();
    let error = migrate(&mut conn, &[ONE, TWO, BROKEN]).unwrap_err();
    assert!(matches!(error, StoreError::Migration { version: 3, name: "broken", .. }));
    assert_eq!((version(&conn), tables(&conn).as_str()), (2, "a,b"));
}
