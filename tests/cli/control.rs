//! The control socket, `sekat status` and `sekat user`: with a daemon, without one, and with what is in between.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::{Place, ended, populated, text};

/// No figure of this machine is to be the matter.
const CALM: &str = "limits.disk_reserve = \"0B\"\n";
/// And the socket has a file.
const FILED: &str = "limits.disk_reserve = \"0B\"\ncontrol.socket = \"control.sock\"\n";
const NOBODY: u32 = 65_534;

#[track_caller]
fn object(output: &Output, code: i32) -> Value {
    let told = ended(output, code);
    serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}"))
}

/// As another user of this machine; `None` where the test is not root's.
fn as_nobody(place: &Place, args: &[&str]) -> Option<Output> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("only root can be somebody else: this part is left out");
        return None;
    }
    // Where everybody may run it.
    let binary = place.path("sekat");
    fs::copy(env!("CARGO_BIN_EXE_sekat"), &binary).unwrap();
    fs::set_permissions(place.0.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(place.path("token"), Permissions::from_mode(0o644)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--clear-groups"]).arg(binary).args(args).current_dir(place.0.path()).env_clear();
    Some(command.env("PATH", "/usr/bin:/bin").output().unwrap())
}

fn lock(folder: &Path, says: &str) -> File {
    let held = File::options().create(true).truncate(false).write(true).open(folder.join(".lock")).unwrap();
    held.lock().unwrap();
    fs::write(folder.join(".lock"), says).unwrap();
    held
}

#[test]
fn status_tells_of_a_daemon_and_of_a_folder_without_one() {
    let place = Place::new(FILED);
    let none = object(&place.sekat(&["status", "--json"]), 1);
    assert_eq!((&none["running"], &none["owner"], &none["people"]["known"]), (&json!(false), &Value::Null, &json!(0)));
    assert!(!place.path("data").exists(), "looking makes nothing");
    let (daemon, _notified) = place.daemon();
    let socket = fs::symlink_metadata(place.path("control.sock")).unwrap();
    assert!(socket.file_type().is_socket() && socket.permissions().mode() & 0o777 == 0o600);

    let told = object(&place.sekat(&["status", "--json"]), 0);
    assert_eq!(
        [&told["running"], &told["status"], &told["pid"]],
        [&json!(true), &json!("ready"), &json!(daemon.pid())]
    );
    assert_eq!(told["people"], json!({ "known": 0, "awake": 0 }));
    assert_eq!([&told["numbers"]["connected"], &told["numbers"]["most"]], [&json!(0), &json!(5000)]);
    assert_eq!((&told["updates"]["mode"], &told["sessions"]["engine"]), (&json!("polling"), &json!("file")));
    for resource in ["handles", "memory", "disk"] {
        let found = &told["resources"][resource];
        assert!(found["used"].as_u64() > Some(0) && found["limit"].as_u64() > Some(0), "{found}");
    }
    let words = ended(&place.sekat(&["status"]), 0);
    for part in
        ["status     ready\n", "updates    polling, ", "people     0 known, 0 awake\n", "numbers    0 connected, "]
    {
        assert!(words.contains(part), "{part} in\n{words}");
    }
    daemon.signal("TERM");
    daemon.ended(0);
    assert!(!place.path("control.sock").exists(), "it goes with the daemon");
    let words = ended(&place.sekat(&["status"]), 1);
    assert!(words.contains("no daemon runs") && words.contains("people     0 known"), "{words}");
}

#[test]
fn a_killed_daemon_leaves_a_socket_that_the_next_one_replaces() {
    let place = Place::new(FILED);
    let (daemon, _notified) = place.daemon();
    drop(daemon);
    assert!(place.path("control.sock").exists(), "nobody could remove it");
    let down = object(&place.sekat(&["status", "--json"]), 1);
    assert_eq!(down["running"], false);
    assert!(ended(&place.sekat(&["plan", "list"]), 0).contains("Nobody has a plan"), "the work is done without it");
    fs::remove_file(place.path("notify")).unwrap();
    let (daemon, _notified) = place.daemon();
    ended(&place.sekat(&["status"]), 0);
    daemon.signal("TERM");
    daemon.ended(0);
}

#[test]
fn the_socket_lies_where_it_was_told_to_and_is_found_from_the_data_folder() {
    let place = Place::new(CALM);
    let runtime = place.path("run");
    fs::create_dir(&runtime).unwrap();
    let (daemon, _notified) = place.daemon_with(|command| {
        command.env("RUNTIME_DIRECTORY", &runtime);
    });
    assert!(runtime.join("control.sock").exists());
    ended(&place.sekat(&["status"]), 0);

    // Another folder's daemon that is told the same place does not take it.
    let other = Place::new(&format!("{CALM}control.socket = {:?}\n", runtime.join("control.sock")));
    let refused = ended(&other.sekat(&["run"]), 75);
    assert!(refused.contains("another process answers there (control.socket)"), "{refused}");
    ended(&place.sekat(&["status"]), 0);
    daemon.signal("TERM");
    daemon.ended(0);
    let (daemon, _notified) = other.daemon();
    ended(&other.sekat(&["status"]), 0);
    daemon.signal("TERM");
    daemon.ended(0);

    let long = Place::new(&format!("control.socket = \"/tmp/{}\"\n", "x".repeat(110)));
    let told = ended(&long.sekat(&["run"]), 78);
    assert!(told.contains("the name of a socket has at most 80 bytes; set control.socket to a shorter one"), "{told}");
    fs::write(other.path("precious"), "1").unwrap();
    let file = other.command(&["run"]).env("SEKAT_CONTROL__SOCKET", "precious").output().unwrap();
    assert!(ended(&file, 1).contains("what lies there is no socket"));
    assert_eq!(fs::read(other.path("precious")).unwrap(), b"1");
}

#[test]
fn a_socket_that_nobody_placed_has_no_file_and_is_found_all_the_same() {
    let (place, other) = (Place::new(CALM), Place::new(CALM));
    let ((daemon, _notified), (second, _told)) = (place.daemon(), other.daemon());
    for (place, pid) in [(&place, daemon.pid()), (&other, second.pid())] {
        assert_eq!(object(&place.sekat(&["status", "--json"]), 0)["pid"], pid);
        for file in fs::read_dir(place.path("data")).unwrap() {
            assert!(!file.unwrap().file_type().unwrap().is_socket(), "what reads the folder would stumble over it");
        }
    }
    drop(daemon);
    assert_eq!(object(&place.sekat(&["status", "--json"]), 1)["running"], false);
    second.signal("TERM");
    second.ended(0);
    ended(&other.sekat(&["status"]), 1);
}

#[test]
fn a_folder_that_is_held_by_somebody_silent_is_75() {
    let place = Place::new("");
    populated(&place);
    let held = lock(&place.path("data"), "4711\ncontrol.sock\n");
    for command in [&["status"][..], &["plan", "list"], &["sessions", "list"], &["user", "list"]] {
        let told = ended(&place.sekat(command), 75);
        assert!(
            told.contains("reach the daemon (process 4711): it has the data folder, and does not answer"),
            "{told}"
        );
    }
    drop(held);
    let held = lock(&place.path("data"), "4711\n");
    assert!(ended(&place.sekat(&["plan", "list"]), 75).contains("another sekat runs on it (process 4711)"));
    drop(held);
    ended(&place.sekat(&["plan", "list"]), 0);
}

#[test]
fn without_a_daemon_the_key_is_needed_and_the_remedy_is_named() {
    let place = Place::new("");
    populated(&place);
    fs::rename(place.path("data/master.key"), place.path("elsewhere.key")).unwrap();
    for command in [&["plan", "list"][..], &["user", "list"], &["invite", "list"]] {
        let told = ended(&place.sekat(command), 78);
        assert!(told.contains("find the master key") && told.contains("keys.master_key_file (or SEKAT_"), "{told}");
        assert!(told.contains("or start the daemon"), "{told}");
    }
    ended(&place.sekat(&["status"]), 1);
    let named = place.command(&["user", "list"]).env("SEKAT_KEYS__MASTER_KEY_FILE", "elsewhere.key").output().unwrap();
    ended(&named, 0);
}

#[test]
fn people_are_listed_shown_blocked_and_let_in_again_without_a_daemon() {
    let place = Place::new("access.allow = [7]\naccess.admins = [6]\n");
    assert!(ended(&place.sekat(&["user", "list"]), 1).contains("the daemon makes them when it first runs"));
    populated(&place);
    let listed = object(&place.sekat(&["user", "list", "--json"]), 0);
    let people: Vec<(u64, &str, &str)> = listed["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (one["telegram_id"].as_u64().unwrap(), one["standing"].as_str().unwrap(), one["role"].as_str().unwrap())
        })
        .collect();
    let mut sorted = people.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [(5, "admitted", "owner"), (6, "admitted", "admin"), (7, "admitted", "member")]);
    ended(&place.sekat(&["plan", "set", "7", "basic"]), 0);
    let blocked = ended(&place.sekat(&["user", "block", "7"]), 0);
    assert!(blocked.starts_with("7 is blocked: "), "{blocked}");
    let shown = ended(&place.sekat(&["user", "show", "7"]), 0);
    for part in ["standing   blocked since 20", "plan       basic, up to 3 numbers\n", "world      none\n"] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    assert_eq!(object(&place.sekat(&["user", "block", "6", "--json"]), 0)["standing"], "blocked", "as the owner may");
    assert!(ended(&place.sekat(&["user", "block", "5"]), 1).contains("that is the owner"));
    let shown = object(&place.sekat(&["user", "show", "6", "--json"]), 0);
    assert!(shown["role"].is_null() && shown["blocked_at"].is_string() && shown["allowed_numbers"] == 10, "{shown}");
    assert!(ended(&place.sekat(&["user", "unblock", "6"]), 0).contains("6 is not blocked, and may use the bot"));
    ended(&place.sekat(&["user", "block", "99"]), 0);
    assert!(ended(&place.sekat(&["user", "unblock", "99"]), 0).contains("they have to be let in"));
    assert!(ended(&place.sekat(&["user", "show", "98"]), 1).contains("failed to find anybody with the id 98"));
    for args in [["block", "777000"], ["show", "me"], ["dance", "7"]] {
        ended(&place.sekat(&[&["user"], &args[..]].concat()), 2);
    }
    let words = ended(&place.sekat(&["user", "list"]), 0);
    assert!(words.lines().any(|line| line.starts_with("7     blocked")), "{words}");
}

#[test]
fn a_folder_of_somebody_else_is_left_alone_also_by_root() {
    let place = Place::new("");
    populated(&place);
    let Some(told) = as_nobody(&place, &["plan", "list"]) else { return };
    assert!(ended(&told, 1).contains("it belongs to root; run it as that user: sudo -u root sekat …"));
    let chowned = Command::new("chown").args(["-R", "65534:65534"]).arg(place.path("data")).status().unwrap();
    assert!(chowned.success());
    for command in [&["plan", "list"][..], &["user", "block", "7"], &["invite", "create"], &["key", "rotate"]] {
        let told = ended(&place.sekat(command), 1);
        assert!(told.contains("it belongs to nobody; run it as that user: sudo -u nobody sekat …"), "{told}");
    }
    let told = ended(&place.sekat(&["status"]), 1);
    assert!(told.contains("data, of nobody") && told.contains("people     3 known"), "{told}");
    let mut folders = vec![place.path("data")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            assert_eq!(meta.uid(), NOBODY, "{}", entry.path().display());
            if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    assert!(ended(&as_nobody(&place, &["plan", "list"]).unwrap(), 0).contains("Nobody has a plan"));
}

#[test]
fn another_user_gets_nothing_from_the_socket_and_the_log_says_so_once() {
    let place = Place::new(FILED);
    let (daemon, _notified) = place.daemon();
    // Even with the door wide open. What leads there is a folder of their own, in which somebody says where it is.
    fs::set_permissions(place.path("control.sock"), Permissions::from_mode(0o666)).unwrap();
    let theirs = place.path("theirs");
    fs::create_dir(&theirs).unwrap();
    let _held = lock(&theirs, &format!("1\n{}\n", place.path("control.sock").display()));
    for path in [theirs.clone(), theirs.join(".lock")] {
        std::os::unix::fs::chown(path, Some(NOBODY), None).unwrap_or_default();
    }
    let config = format!("{}data.dir = \"theirs\"\n", fs::read_to_string(place.path("sekat.toml")).unwrap());
    fs::write(place.path("theirs.toml"), config).unwrap();
    let Some(told) = as_nobody(&place, &["-c", "theirs.toml", "status"]) else { return };
    assert!(ended(&told, 75).contains("does not answer") && !text(&told).contains("version"), "{}", text(&told));
    as_nobody(&place, &["-c", "theirs.toml", "user", "list"]);
    ended(&place.sekat(&["status"]), 0);
    daemon.signal("TERM");
    let log = daemon.ended_saying(0);
    assert_eq!(log.matches("another user of this machine tried the control socket").count(), 1, "{log}");
}

#[test]
fn the_same_words_come_with_and_without_a_daemon() {
    let place = Place::new(&format!("{CALM}access.mode = \"invite\"\n"));
    let (daemon, _notified) = place.daemon();
    ended(&place.sekat(&["plan", "set", "77", "pro"]), 0);
    ended(&place.sekat(&["user", "block", "78"]), 0);
    ended(&place.sekat(&["invite", "create", "--note", "choir"]), 0);
    let commands = [
        &["plan", "list"][..],
        &["plan", "show", "77", "--json"],
        &["plan", "clear", "78"],
        &["user", "list"],
        &["user", "list", "--json"],
        &["user", "show", "78"],
        &["user", "show", "1"],
        &["invite", "list"],
        &["invite", "revoke", "what"],
        &["sessions", "list"],
        &["sessions", "stats", "--json"],
        &["sessions", "show", "7"],
        &["sessions", "cleanup", "--json"],
    ];
    let said = || commands.map(|args| (args, place.sekat(args))).map(|(args, o)| (args, o.status.code(), text(&o)));
    let live = said();
    daemon.signal("TERM");
    let log = daemon.ended_saying(0);
    assert!(log.contains("the operator changed something at the command line"), "{log}");
    for (live, dead) in live.into_iter().zip(said()) {
        assert_eq!(live, dead);
    }
}
