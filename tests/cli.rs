//! The command line as a person, a script and systemd meet it: the built binary, its words and its exit codes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and its own helpers do so too")]

mod cli {
    mod control;
    mod http;
    mod invite;
    mod plan;
    #[cfg(feature = "demo")]
    mod servers;
    mod sessions;
}

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use sekat::store::keys::{DataKey, KeySource, MasterKey, StoreKey};
use tempfile::TempDir;

const TOKEN: &str = "123456789:PLAINLY-A-SECRET-TOKEN";

/// A folder of its own with a configuration, and nothing of the surroundings.
struct Place(TempDir);

impl Place {
    fn new(extra: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let token = place.path("token");
        fs::write(&token, TOKEN).unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        let text = format!(
            "telegram.token_file = \"token\"\naccess.owner = 5\ntelegram.api_url = \"http://127.0.0.1:9\"\n\
             whatsapp.web.endpoint = \"ws://127.0.0.1:9\"\n{extra}"
        );
        fs::write(place.path("sekat.toml"), text).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekat"));
        command.args(args).current_dir(self.0.path()).env_clear().env("PATH", "/usr/bin:/bin");
        command
    }

    fn sekat(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Starts the daemon and waits until it says that it is ready.
    fn daemon(&self) -> (Daemon, UnixDatagram) {
        self.daemon_with(|_| {})
    }

    /// The same, with something changed about the command.
    fn daemon_with(&self, change: impl FnOnce(&mut Command)) -> (Daemon, UnixDatagram) {
        let socket = self.path("notify");
        let notified = UnixDatagram::bind(&socket).unwrap();
        notified.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut command = self.command(&["run"]);
        command.env("NOTIFY_SOCKET", &socket).stderr(Stdio::piped());
        change(&mut command);
        let daemon = Daemon(Some(command.spawn().unwrap()));
        told(&notified, "READY=1");
        (daemon, notified)
    }
}

/// A running daemon; a test that fails does not leave it behind.
struct Daemon(Option<Child>);

impl Daemon {
    fn pid(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    #[track_caller]
    fn ended(self, code: i32) {
        self.ended_saying(code);
    }

    /// Waits until it ends; gives what it said.
    #[track_caller]
    fn ended_saying(mut self, code: i32) -> String {
        ended(&self.0.take().unwrap().wait_with_output().unwrap(), code)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

fn told(socket: &UnixDatagram, what: &str) {
    let mut bytes = [0_u8; 256];
    loop {
        let len = socket.recv(&mut bytes).unwrap_or_else(|e| panic!("systemd should be told {what}: {e}"));
        if String::from_utf8_lossy(&bytes[..len]).contains(what) {
            return;
        }
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn ended(output: &Output, code: i32) -> String {
    let text = text(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    // The name of a variable that holds one is none.
    assert!(!text.replace("WEBHOOK__SECRET", "").contains("SECRET"), "a secret was shown: {text}");
    text
}

#[test]
fn help_teaches_and_version_says_what_kind_of_build_it_is() {
    let place = Place::new("");
    let help = ended(&place.sekat(&["--help"]), 0);
    for part in ["@BotFather", "Exit codes:", "78", "SEKAT_SESSION__TTL", "doctor", "key", "sessions"] {
        assert!(help.contains(part), "{part} is missing in:\n{help}");
    }
    let version = ended(&place.sekat(&["--version"]), 0);
    assert_eq!(version.contains("demo build"), cfg!(feature = "demo"), "{version}");
}

#[test]
fn a_wrong_command_line_is_2_and_a_wrong_configuration_78() {
    let place = Place::new("sesion.ttl = \"5m\"\nlog.level = 3\n");
    ended(&place.sekat(&["dance"]), 2);
    ended(&place.sekat(&[]), 2);
    ended(&place.sekat(&["run", "--token", "x"]), 2);
    for command in [&["run"][..], &["key", "rotate"], &["doctor"]] {
        let said = ended(&place.sekat(command), 78);
        assert!(said.contains("sekat.toml:5: unknown section [sesion]; did you mean [session]?"), "{said}");
        assert!(said.contains("sekat.toml:6: log.level: expects"), "{said}");
    }
    ended(&place.sekat(&["run", "--config", "gone.toml"]), 78);
    let typo = place.command(&["run", "-c", "/dev/null"]).env("SEKAT_TELEGRAM__TOKN", TOKEN).output().unwrap();
    assert!(ended(&typo, 78).contains("did you mean SEKAT_TELEGRAM__TOKEN?"));
    let without_token = place.sekat(&["run", "-c", "/dev/null"]);
    assert!(ended(&without_token, 78).contains("@BotFather"));
    assert!(!place.path("data").exists(), "nothing is made before the configuration is right");
}

#[test]
fn the_daemon_starts_stops_and_tells_systemd() {
    let place = Place::new("");
    let (child, notified) = place.daemon();
    assert_eq!(fs::metadata(place.path("data")).unwrap().permissions().mode() & 0o777, 0o700);
    let arguments = fs::read(format!("/proc/{}/cmdline", child.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&arguments).contains("SECRET"));
    child.signal("TERM");
    told(&notified, "STOPPING=1");
    child.ended(0);
}

#[test]
fn the_watchdog_is_fed_while_the_daemon_lives() {
    let place = Place::new("");
    let socket = place.path("notify");
    let notified = UnixDatagram::bind(&socket).unwrap();
    notified.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // systemd names the process that is watched; only a shell can know it before the daemon is there.
    let script = format!("WATCHDOG_PID=$$ exec {} run", env!("CARGO_BIN_EXE_sekat"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(place.0.path()).env_clear().env("PATH", "/usr/bin:/bin");
    shell.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "100000").stderr(Stdio::piped());
    let daemon = Daemon(Some(shell.spawn().unwrap()));
    told(&notified, "WATCHDOG=1");
    told(&notified, "WATCHDOG=1");
    daemon.signal("INT");
    daemon.ended(0);
}

#[test]
fn a_second_daemon_on_one_folder_is_75_until_the_first_is_killed() {
    let place = Place::new("");
    let (first, _notified) = place.daemon();
    let pid = first.pid();
    for command in [&["run"][..], &["key", "rotate"]] {
        assert!(ended(&place.sekat(command), 75).contains(&format!("process {pid}")));
    }
    assert!(text(&place.sekat(&["doctor"])).contains(&format!("a daemon runs on this data folder: process {pid}")));
    drop(first);
    fs::remove_file(place.path("notify")).unwrap();
    let (second, _notified) = place.daemon();
    second.signal("TERM");
    second.ended(0);
}

/// A data folder as the daemon leaves it: master key, store key, users.
fn populated(place: &Place) -> (MasterKey, Vec<[u8; 32]>) {
    let data = place.path("data");
    fs::create_dir_all(data.join("users")).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    let (master, _) = MasterKey::load_or_create(&KeySource::default(), &data).unwrap();
    StoreKey::load_or_create(&master, &data).unwrap();
    let keys = (1..=3).map(|id| {
        let folder = data.join(format!("users/{id}"));
        fs::create_dir(&folder).unwrap();
        *DataKey::create(&master, &folder.join("key"), id).unwrap().derive("x")
    });
    let keys = keys.collect();
    (master, keys)
}

fn readable(place: &Place, source: &KeySource, keys: &[[u8; 32]]) -> MasterKey {
    let data = place.path("data");
    let (master, _) = MasterKey::load(source, &data).unwrap().unwrap();
    for (id, key) in (1..).zip(keys) {
        let path = data.join(format!("users/{id}/key"));
        assert_eq!(*DataKey::load(&master, &path, id).unwrap().derive("x"), *key);
    }
    master
}

#[test]
fn rotating_in_place_changes_the_key_and_keeps_the_users() {
    let place = Place::new("");
    let (old, keys) = populated(&place);
    let said = ended(&place.sekat(&["key", "rotate"]), 0);
    assert!(said.contains("4 keys wrapped anew"), "{said}");
    let new = readable(&place, &KeySource::default(), &keys);
    assert_ne!(new.id(), old.id());
    assert!(new.partner().is_none(), "the old key is shut out");
    let left: Vec<_> = fs::read_dir(place.path("data")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("new") || name == "rotation.key"), "{left:?}");
}

#[test]
fn rotating_to_a_given_key_ends_at_the_first_start_with_it() {
    let place = Place::new("");
    let (_, keys) = populated(&place);
    MasterKey::generate().unwrap().write_new(&place.path("new.key")).unwrap();
    let said = ended(&place.sekat(&["key", "rotate", "--new-key-file", "new.key"]), 0);
    assert!(said.contains("keys.master_key_file"), "{said}");
    readable(&place, &KeySource::default(), &keys);
    let mut config = fs::OpenOptions::new().append(true).open(place.path("sekat.toml")).unwrap();
    writeln!(config, "keys.master_key_file = \"new.key\"").unwrap();
    let (child, _notified) = place.daemon();
    child.signal("TERM");
    child.ended(0);
    assert!(!place.path("data/rotation.key").exists());
    readable(&place, &KeySource { credentials_dir: None, key_file: Some(place.path("new.key")) }, &keys);
    let same = place.sekat(&["key", "rotate", "--new-key-file", "new.key"]);
    assert!(ended(&same, 2).contains("holds the present master key"));
}

#[test]
fn a_rotation_that_is_killed_at_any_moment_is_finished_by_the_next() {
    let place = Place::new("");
    let (_, keys) = populated(&place);
    for round in 0..40 {
        let mut child = place.command(&["key", "rotate"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_micros(500 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        readable(&place, &KeySource::default(), &keys);
    }
    // The first completes what was cut off, at most; the second has nothing left over to complete.
    ended(&place.sekat(&["key", "rotate"]), 0);
    assert!(!place.path("data/rotation.key").exists());
    readable(&place, &KeySource::default(), &keys);
}

#[test]
fn a_lost_master_key_stops_the_start_and_is_never_replaced() {
    let place = Place::new("");
    populated(&place);
    fs::remove_file(place.path("data/master.key")).unwrap();
    let doctor = place.sekat(&["doctor"]);
    assert!(ended(&doctor, 1).contains("the master key is nowhere"));
    assert!(ended(&place.sekat(&["key", "rotate"]), 78).contains("find the master key"));
    assert!(!place.path("data/master.key").exists());
}

/// A Bot API server of one answer; gives its address.
fn bot_api(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut first = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            lines.read_line(&mut first).unwrap();
            assert!(first.contains(TOKEN), "{first}");
            let mut line = String::new();
            while lines.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let head = format!(
                "HTTP/1.1 {status}\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + body).as_bytes()).unwrap();
        }
    });
    address
}

fn doctor_with(place: &Place, api_url: &str) -> (i32, serde_json::Value) {
    let output = place.command(&["doctor", "--json"]).env("SEKAT_TELEGRAM__API_URL", api_url).output().unwrap();
    assert!(!text(&output).contains("SECRET"), "{}", text(&output));
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

fn finding<'a>(report: &'a serde_json::Value, check: &str) -> &'a serde_json::Value {
    let found = report["findings"].as_array().unwrap().iter().find(|f| f["check"] == check);
    found.unwrap_or_else(|| panic!("no finding on {check} in {report}"))
}

#[test]
fn doctor_names_each_finding_and_what_to_do() {
    let place = Place::new("");
    populated(&place);
    let good =
        bot_api("200 OK", r#"{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"S","username":"sekat_bot"}}"#);
    let (code, report) = doctor_with(&place, &good);
    assert_eq!((code, report["worst"].as_str()), (0, Some("warn")), "{report}");
    assert_eq!(finding(&report, "telegram")["level"], "ok");
    assert!(finding(&report, "telegram")["what"].as_str().unwrap().contains("@sekat_bot"));
    assert_eq!(finding(&report, "clock")["level"], "warn");
    assert_eq!(finding(&report, "user keys")["what"], "3 can be opened");
    assert!(finding(&report, "master key")["what"].as_str().unwrap().contains("on one disk"));
    for finding in report["findings"].as_array().unwrap() {
        let quiet = finding["level"] == "ok";
        assert_eq!(finding["advice"].as_str().unwrap().is_empty(), quiet, "{finding}");
    }
}

#[test]
fn doctor_fails_on_a_refused_token_a_dead_server_and_a_damaged_key() {
    let place = Place::new("");
    populated(&place);
    let refusing = bot_api("401 Unauthorized", r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#);
    let (code, report) = doctor_with(&place, &refusing);
    assert_eq!(code, 1);
    assert!(finding(&report, "telegram")["what"].as_str().unwrap().contains("refuses the token"));
    let (code, report) = doctor_with(&place, "http://127.0.0.1:9");
    assert_eq!((code, finding(&report, "telegram")["what"].as_str()), (1, Some("does not answer: no connection")));
    damage(&place.path("data/users/2/key"));
    let (_, report) = doctor_with(&place, &refusing);
    assert!(finding(&report, "user keys")["what"].as_str().unwrap().contains("key-damaged"));
}

#[test]
fn doctor_reports_what_belongs_to_no_user_and_leaves_it() {
    let place = Place::new("");
    populated(&place);
    fs::create_dir_all(place.path("data/users/old-backup")).unwrap();
    fs::create_dir_all(place.path("data/users/4711")).unwrap();
    let (_, report) = doctor_with(&place, "http://127.0.0.1:9");
    let found = finding(&report, "user folders");
    assert_eq!(found["level"], "warn");
    assert!(found["what"].as_str().unwrap().ends_with("belong to no user: 4711, old-backup"), "{found}");
    assert_eq!(finding(&report, "user keys")["what"], "3 can be opened");
    assert!(place.path("data/users/old-backup").is_dir() && place.path("data/users/4711").is_dir());
}

fn damage(path: &Path) {
    let mut bytes = Vec::new();
    fs::File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes[80] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn doctor_makes_nothing() {
    let place = Place::new("");
    ended(&place.sekat(&["doctor"]), 1);
    assert!(!place.path("data").exists() && !place.path("sessions").exists());
}
