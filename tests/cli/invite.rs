//! `sekat invite`, and what doctor makes of who may use the bot.

use std::fs;

use serde_json::Value;

use crate::{Place, doctor_with, ended, finding, populated};

fn json(place: &Place, args: &[&str]) -> Value {
    let output = place.sekat(args);
    assert!(output.status.success(), "{}", ended(&output, 0));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_code_is_made_shown_once_listed_and_revoked() {
    let place = Place::new("access.mode = \"invite\"\n");
    populated(&place);
    assert!(ended(&place.sekat(&["invite", "list"]), 0).contains("No codes yet"));
    let made =
        ended(&place.sekat(&["invite", "create", "--uses", "3", "--expires", "12h", "--note", "chess\u{1b}[2J"]), 0);
    let code = made.lines().next().unwrap().to_owned();
    assert!(code.len() == 10 && made.contains(&format!("https://t.me/<your bot>?start={code}")), "{made}");
    assert!(made.contains("Lets in 3 people, until "), "{made}");
    let never = json(&place, &["invite", "create", "--expires", "never", "--json"]);
    assert!(never["expires_at"].is_null() && never["uses"] == 1 && never["link"].is_null(), "{never}");

    let listed = ended(&place.sekat(&["invite", "list"]), 0);
    let first = listed.lines().nth(1).unwrap();
    assert!(first.starts_with("#1    open         0 of 3    used  made "), "{first}");
    assert!(first.ends_with("  chess [2J") && !listed.contains(&code), "{listed}");
    assert!(listed.lines().next().unwrap().ends_with("expires never"), "{listed}");
    assert!(ended(&place.sekat(&["invite", "revoke", &code.to_lowercase()]), 0).contains("#1 lets nobody in any more"));
    assert!(ended(&place.sekat(&["invite", "revoke", "#1"]), 0).contains("#1 was revoked already"));
    let all = json(&place, &["invite", "list", "--json"]);
    let states: Vec<&str> = all["invites"].as_array().unwrap().iter().map(|i| i["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["open", "revoked"]);
    assert_eq!(all["invites"][1]["note"], "chess\u{1b}[2J");
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let place = Place::new("");
    let early = ended(&place.sekat(&["invite", "create"]), 1);
    assert!(early.contains("the daemon makes them when it first runs"), "{early}");
    assert!(!place.path("data").exists(), "looking makes nothing");
    populated(&place);
    let useless = ended(&place.sekat(&["invite", "create"]), 0);
    assert!(useless.contains("this code lets nobody in until access.mode is \"invite\""), "{useless}");
    for (args, said) in [
        (["create", "--uses", "0"], "between 1 and 1000 people"),
        (["create", "--expires", "400d"], "at most 366 days"),
        (["create", "--expires", "soon"], "such as 90s, 30m, 12h or 7d"),
        (["create", "--note", &"x".repeat(101)], "at most 100 characters"),
        (["revoke", "--", "what"], "a code has 10 characters"),
    ] {
        let told = ended(&place.sekat(&[&["invite"], &args[..]].concat()), 2);
        assert!(told.contains(said), "{told}");
    }
    assert!(ended(&place.sekat(&["invite", "revoke", "77"]), 1).contains("failed to find that code"));
    assert!(ended(&place.sekat(&["invite", "revoke", "2ZZZZZZZZZ"]), 1).contains("failed to find that code"));
    let help = ended(&place.sekat(&["invite", "--help"]), 0);
    assert!(help.contains("ask it, and count at") && help.contains("never again"), "{help}");
    fs::write(place.path("data/members.db"), [7; 8192]).unwrap();
    ended(&place.sekat(&["invite", "list"]), 1);
}

#[test]
fn doctor_says_who_may_use_the_bot_and_who_could_say_so() {
    let told = |extra: &str, check: &str| {
        let place = Place::new("");
        let config = fs::read_to_string(place.path("sekat.toml")).unwrap().replace("access.owner = 5\n", "");
        fs::write(place.path("sekat.toml"), format!("{extra}\n{config}")).unwrap();
        let (_, report) = doctor_with(&place, "http://127.0.0.1:9");
        let found = finding(&report, check);
        (found["level"].as_str().unwrap().to_owned(), found["what"].as_str().unwrap().to_owned())
    };
    let warned =
        |(level, what): (String, String), said: &str| assert!(level == "warn" && what.contains(said), "{what}");
    warned(told("", "access"), "nobody may use the bot");
    warned(told("access.allow = [7]", "owner"), "nobody can name admins");
    warned(told("access.mode = \"invite\"", "owner"), "codes are made by sekat invite create only");
    warned(told("access.owner = 5\naccess.admins = [6, 5]", "admins"), "the owner (5) is listed as an admin too");
    warned(told("access.mode = \"open\"", "access"), "everybody");
    let invite = told("access.mode = \"invite\"\naccess.owner = 5", "access");
    assert!(invite.0 == "ok" && invite.1.starts_with("who has a code"), "{invite:?}");
}
