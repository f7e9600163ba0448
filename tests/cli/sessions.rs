//! `sekat sessions`, and what doctor and a start make of the folder.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use sekat::domain::profile::REGISTRATION_LIFE;
use sekat::domain::{AccountId, AccountState, Clock, PhoneNumber, Reason, Registration, TelegramId, Timestamp};
use sekat::session::{FileStore, NumberState, Registrations, SessionStore as _, UserSession, UserSessions};
use sekat::store::seal::SealKey;

use crate::{Place, doctor_with, ended, populated};

/// Sessions as a daemon leaves them: 7 asked for a number to link, 8 has one, 9's has expired.
fn with_sessions(place: &Place) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (store, _) = FileStore::open(place.path("sessions"), Clock::system()).await.unwrap();
        let store = Arc::new(store);
        let day = UserSessions::new(store.clone(), Duration::from_secs(86_400));
        let now = Timestamp::now();
        day.put(&UserSession::new(TelegramId(7), now).waiting_for(Some(sekat::domain::Place::new("link", "number"))))
            .await
            .unwrap();
        let mut linked = UserSession::new(TelegramId(8), now);
        for (id, state, reason) in [
            (1, AccountState::Connected, None),
            (2, AccountState::Connected, None),
            (3, AccountState::Failed, Some(Reason::LoggedOut)),
        ] {
            linked.numbers.push(NumberState { account: AccountId(id), state, reason });
        }
        day.put(&linked).await.unwrap();
        let over = UserSessions::new(store.clone(), Duration::ZERO);
        over.put(&UserSession::new(TelegramId(9), now)).await.unwrap();
        let registration = Registration {
            phone: PhoneNumber::parse("+6281234567890").unwrap(),
            step: "email".into(),
            session_data: serde_json::json!({"name": "Ana Sekar"}),
            created_at: now,
            expires_at: now.after(REGISTRATION_LIFE),
        };
        let seal = SealKey::new(zeroize::Zeroizing::new([7; 32]));
        Registrations::new(store.clone()).put(&seal, TelegramId(7), &registration, now).await.unwrap();
        store.close().await.unwrap();
    });
}

fn json(place: &Place, args: &[&str]) -> serde_json::Value {
    let output = place.sekat(args);
    ended(&output, 0);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn session_files(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.path("sessions")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_operator_sees_who_is_doing_what() {
    let place = Place::new("");
    with_sessions(&place);
    let listed = ended(&place.sekat(&["sessions", "list"]), 0);
    let lines: Vec<Vec<_>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 5, "{listed}");
    assert!(listed.ends_with("can be taken up again (sealed): 1\n"), "{listed}");
    assert_eq!(lines[1][..3], ["7", "link/number", "-"]);
    assert_eq!(lines[2][..6], ["8", "-", "2", "connected,", "1", "failed"]);
    assert!(lines[1].ends_with(&["in", "23", "h"]) && lines[3].ends_with(&["expired"]), "{listed}");

    let listed = json(&place, &["sessions", "list", "--json"]);
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 3);
    assert_eq!(listed["sessions"][0]["flow"], "link");
    assert_eq!((&listed["sessions"][1]["expired"], &listed["sessions"][2]["expired"]), (&false.into(), &true.into()));

    let shown = ended(&place.sekat(&["sessions", "show", "8"]), 0);
    for part in ["waits for    nothing", "number       1 connected", "number       3 failed (wa-logged-out)"] {
        assert!(shown.contains(part), "{shown}");
    }
    let shown = json(&place, &["sessions", "show", "7", "--json"]);
    let text = fs::read(place.path("sessions/user_7.json")).unwrap();
    let mut file: serde_json::Value = serde_json::from_slice(&text).unwrap();
    file["expired"] = false.into();
    assert_eq!(shown, file, "what is shown is what is in the file");

    let counted = ended(&place.sekat(&["sessions", "stats"]), 0);
    assert!(counted.contains("2 live, 1 expired") && counted.contains("connected: 2"), "{counted}");
    let counted = json(&place, &["sessions", "stats", "--json"]);
    assert_eq!(
        counted,
        serde_json::json!({"live": {"user": 2, "registration": 1}, "expired": 1, "waiting": {"link/number": 1},
            "numbers": {"connected": 2, "failed": 1}, "damaged": 0, "set_aside": 0, "leftovers": 0, "others": 0})
    );
    assert_eq!(session_files(&place).len(), 4, "looking changes nothing");
    let sealed = session_files(&place).remove(0);
    let text = fs::read_to_string(place.path("sessions").join(&sealed)).unwrap();
    assert!(sealed.starts_with("reg_") && !text.contains("Ana") && !text.contains("81234567890"), "{text}");
    assert_eq!(json(&place, &["sessions", "cleanup", "--json"]), serde_json::json!({"removed": 1, "left": 3}));
    assert_eq!(ended(&place.sekat(&["sessions", "cleanup"]), 0), "0 expired removed, 3 left\n");
    assert_eq!(session_files(&place)[1..], ["user_7.json", "user_8.json"]);
}

#[test]
fn what_cannot_be_shown_says_why() {
    let place = Place::new("");
    assert!(ended(&place.sekat(&["sessions", "list"]), 0).contains("No sessions in sessions."));
    assert_eq!(json(&place, &["sessions", "cleanup", "--json"])["removed"], 0);
    assert!(!place.path("sessions").exists(), "looking makes nothing");
    assert!(ended(&place.sekat(&["sessions", "show", "7"]), 1).contains("failed to find a session of 7"));
    ended(&place.sekat(&["sessions", "show", "me"]), 2);
    ended(&place.sekat(&["sessions"]), 2);
    assert!(ended(&place.sekat(&["sessions", "--help"]), 0).contains("no secret"));
    with_sessions(&place);
    fs::write(place.path("sessions/user_8.json"), "{\"version\": 1, ").unwrap();
    let shown = ended(&place.sekat(&["sessions", "show", "8"]), 1);
    assert!(shown.contains("it ends too early (session-file-truncated)"), "{shown}");
    let listed = ended(&place.sekat(&["sessions", "list"]), 0);
    assert!(listed.contains("The file user_8.json is damaged: it ends too early (session-file-truncated)"), "{listed}");
    fs::remove_dir_all(place.path("sessions")).unwrap();
    fs::write(place.path("sessions"), "").unwrap();
    assert!(ended(&place.sekat(&["sessions", "stats"]), 1).contains("failed to list sessions"));
    let wrong = Place::new("sessions.enabled = 1\n");
    assert!(ended(&wrong.sekat(&["sessions", "list"]), 78).contains("sessions.enabled: expects true or false"));
}

#[test]
fn sessions_are_looked_at_and_cleaned_up_beside_the_daemon() {
    let place = Place::new("");
    with_sessions(&place);
    let (child, _notified) = place.daemon();
    assert_eq!(json(&place, &["sessions", "stats", "--json"])["expired"], 0, "the start has removed it");
    ended(&place.sekat(&["sessions", "list"]), 0);
    ended(&place.sekat(&["sessions", "cleanup"]), 0);
    child.signal("TERM");
    child.ended(0);
}

#[test]
fn the_daemon_starts_whatever_lies_in_its_sessions_folder() {
    let place = Place::new("");
    with_sessions(&place);
    fs::write(place.path("sessions/user_8.json"), "{").unwrap();
    fs::write(place.path("sessions/user_6.json.tmp-0123456789abcdef"), "{").unwrap();
    fs::create_dir(place.path("sessions/user_5.json")).unwrap();
    let (child, _notified) = place.daemon();
    let counted = json(&place, &["sessions", "stats", "--json"]);
    assert_eq!([&counted["set_aside"], &counted["damaged"], &counted["leftovers"]], [2, 0, 0]);
    child.signal("TERM");
    child.ended(0);

    // No folder at all, and none can be made.
    fs::remove_file(place.path("notify")).unwrap();
    fs::remove_dir_all(place.path("sessions")).unwrap();
    fs::write(place.path("sessions"), "").unwrap();
    let (child, _notified) = place.daemon();
    child.signal("TERM");
    child.ended(0);

    fs::remove_file(place.path("notify")).unwrap();
    fs::remove_file(place.path("sessions")).unwrap();
    fs::write(
        place.path("sekat.toml"),
        fs::read_to_string(place.path("sekat.toml")).unwrap() + "sessions.enabled = false\n",
    )
    .unwrap();
    let (child, _notified) = place.daemon();
    child.signal("TERM");
    child.ended(0);
    assert!(!place.path("sessions").exists(), "switched off, it makes nothing there");
}

#[test]
fn doctor_tells_what_lies_among_the_sessions_and_removes_nothing() {
    let place = Place::new("");
    populated(&place);
    with_sessions(&place);
    let sessions = place.path("sessions");
    fs::create_dir(place.path("data/users/7")).unwrap();
    fs::write(sessions.join("user_8.json"), "[]").unwrap();
    for name in ["user_7.json.damaged-huge-1790000000", "user_5.json.tmp-0123456789abcdef", "notes.txt", "README.md"] {
        fs::write(sessions.join(name), "").unwrap();
    }
    let before = session_files(&place);
    let (_, report) = doctor_with(&place, "http://127.0.0.1:9");
    let found: Vec<_> =
        report["findings"].as_array().unwrap().iter().filter(|f| f["check"] == "session files").collect();
    let told: Vec<_> = found.iter().map(|f| (f["level"].as_str().unwrap(), f["what"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [
            ("ok", "sessions: 2; registrations: 1; unfinished: 1; not ours, left alone: 1"),
            ("warn", "1 damaged: user_8.json (session-file-shape)"),
            ("warn", "1 set aside: user_7.json.damaged-huge-1790000000"),
            ("warn", "1 without a person: user_9.json"),
        ]
    );
    assert_eq!(session_files(&place), before);
    let off = place.command(&["doctor"]).env("SEKAT_SESSIONS__ENABLED", "false").output().unwrap();
    assert!(ended(&off, 1).contains("switched off (sessions.enabled), but there are files: sessions: 2"));
}
