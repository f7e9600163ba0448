//! What doctor says of the listener and the webhook, before anything runs.

use std::net::TcpListener;

use serde_json::Value;

use crate::{Place, bot_api, doctor_with, finding};

const ELSEWHERE: &str = r#"{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"S","username":"sekat_bot",
    "url":"https://elsewhere.example.org/x","has_custom_certificate":false,"pending_update_count":3}}"#;
const HERE: &str = r#"{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"S","username":"sekat_bot",
    "url":"http://127.0.0.1:5/telegram","has_custom_certificate":false,"pending_update_count":3,
    "last_error_date":99999999999,"last_error_message":"Wrong response from the webhook: 502 Bad Gateway"}}"#;

fn told<'a>(report: &'a Value, check: &str) -> (&'a str, &'a str) {
    let found = finding(report, check);
    (found["level"].as_str().unwrap(), found["what"].as_str().unwrap())
}

#[test]
fn doctor_tells_what_telegram_says_of_a_webhook() {
    let place = Place::new("");
    let (_, report) = doctor_with(&place, &bot_api("200 OK", ELSEWHERE));
    let what = "one is set, and 3 updates wait for it; telegram.mode is \"polling\"";
    assert_eq!(told(&report, "webhook"), ("warn", what));

    let place = Place::new(
        "telegram.mode = \"webhook\"\ntelegram.webhook.url = \"http://127.0.0.1:5/telegram\"\nhttp.listen = \"127.0.0.1:0\"\n",
    );
    let (_, report) = doctor_with(&place, &bot_api("200 OK", ELSEWHERE));
    assert_eq!(told(&report, "webhook"), ("ok", "not set to telegram.webhook.url; sekat run sets it"));
    assert_eq!(told(&report, "http").0, "ok");
    let (_, report) = doctor_with(&place, &bot_api("200 OK", HERE));
    let both: Vec<_> = report["findings"].as_array().unwrap().iter().filter(|f| f["check"] == "webhook").collect();
    assert_eq!(both[0]["what"], "set to telegram.webhook.url; 3 updates wait");
    assert_eq!(
        both[1]["what"],
        "Telegram last failed to bring an update 0 s ago: Wrong response from the webhook: 502 Bad Gateway"
    );
}

#[test]
fn doctor_and_run_say_that_an_address_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let place = Place::new(&format!("http.listen = \"{address}\"\n"));
    let (code, report) = doctor_with(&place, &bot_api("200 OK", ELSEWHERE));
    assert_eq!((code, told(&report, "http").0), (1, "FAIL".to_ascii_lowercase().as_str()));
    let run = place.sekat(&["run"]);
    assert_eq!(run.status.code(), Some(1));
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(said.contains(&format!("listen on {address} (http.listen)")), "{said}");
}
