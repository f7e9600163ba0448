//! Every text that a person reads, as they read it: a change here is seen in review.
use sekat::domain::phone::PhoneError;
use sekat::domain::text::{MESSAGE_UNITS, utf16_len};
use sekat::domain::{
    Account, AccountId, AccountState, Content, Conversation, Generation, InboundMessage, Jid, LoginMethod, PhoneNumber,
    Reason, RichText, Timestamp,
};
use sekat::flows::{COMMANDS, words};
use sekat::store::sends::SendState;
use std::time::Duration;

fn account(state: AccountState, reason: Option<Reason>) -> Account {
    Account {
        id: AccountId(1),
        state,
        reason,
        phone: PhoneNumber::parse("+628110000001").ok(),
        method: LoginMethod::Qr,
        generation: Generation(1),
        created_at: Timestamp(0),
        last_connected_at: None,
    }
}

fn message(sender: &str, is_group: bool) -> InboundMessage {
    InboundMessage {
        id: "A".into(),
        chat: Jid(sender.into()),
        sender: Jid(sender.into()),
        sender_alt: None,
        push_name: None,
        from_me: false,
        is_group,
        sent_at: Timestamp(0),
        content: Content::Other("sticker".into()),
    }
}

fn page(texts: &[(&str, RichText)]) -> String {
    let mut page = String::new();
    for (name, text) in texts {
        assert!(utf16_len(&text.text) <= MESSAGE_UNITS, "{name} does not fit a message");
        for span in &text.spans {
            assert!(span.offset + span.length <= utf16_len(&text.text), "{name} has formatting beyond its end");
        }
        page += &format!("── {name}\n{}\n\n", text.text);
    }
    page
}

#[test]
fn screens() {
    let ana = account(AccountState::Connected, None);
    let phone = PhoneNumber::parse("+628110000001").unwrap();
    let lines: Vec<RichText> = [
        account(AccountState::Connected, None),
        account(AccountState::Disconnected, Some(Reason::NetworkAway)),
        account(AccountState::Failed, Some(Reason::Banned)),
        account(AccountState::QrScanning, None),
    ]
    .iter()
    .map(words::account_line)
    .collect();
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let mut awake =
        vec![words::awake_conversation(Conversation::Idle, minutes(5)), words::awake_databases(1, minutes(1))];
    for (state, client) in [
        (AccountState::Connected, Some(true)),
        (AccountState::Disconnected, Some(false)),
        (AccountState::Disconnected, None),
        (AccountState::Failed, None),
        (AccountState::QrScanning, None),
        (AccountState::LoggingOut, Some(true)),
    ] {
        awake.push(words::awake_number(&account(state, None), client));
    }
    let screens = page(&[
        ("welcome", words::welcome()),
        ("home", words::home(&lines)),
        ("help", words::help()),
        ("refused", words::refused()),
        ("vault broken", words::vault_broken("db-corrupt")),
        ("dead letter", words::dead_letter()),
        ("choose method", words::choose_method()),
        ("too many numbers", words::too_many_numbers(10, 10)),
        ("qr limit", words::qr_limit(5, Duration::from_secs(1234))),
        ("qr limit, one minute", words::qr_limit(5, Duration::from_secs(1))),
        ("ask number", words::ask_number()),
        ("bad number", words::bad_number(PhoneError::CountryCode)),
        ("scan", words::scan_qr().append(&words::time_left(Duration::from_secs(59)))),
        ("code", words::type_code("7KQ2M4XA").append(&words::time_left(Duration::from_secs(160)))),
        ("paired", words::paired(&phone)),
        ("linked", words::linked(&ana)),
        ("numbers", words::numbers(&lines)),
        ("status", words::with_awake(words::status(&lines, 3, 10), &awake)),
        ("waiting for a number", words::awake_conversation(Conversation::LinkNumber, minutes(5))),
        ("waiting for the word", words::awake_conversation(Conversation::EraseConfirm, Duration::from_secs(90))),
        ("parked: link", words::parked_link()),
        ("parked: erase", words::parked_erase()),
        ("ask logout", words::ask_logout(&ana)),
        ("logged out", words::logged_out(&ana, true)),
        ("logged out, WhatsApp away", words::logged_out(&ana, false)),
        ("logged out by the phone", words::logged_out_by_phone(&ana)),
        ("banned", words::number_failed(&ana, Reason::Banned, Some(Timestamp(1_790_000_000_000)))),
        ("ask erase", words::ask_erase()),
        ("erase again", words::erase_again()),
        ("erased", words::erased(2, 0, 9, 2)),
        ("erased, WhatsApp away", words::erased(1, 1, 9, 2)),
        ("incoming", words::incoming(&ana, Some("Citra"), &message("628220000001@s.whatsapp.net", false), "Open?")),
        ("incoming, no name", words::incoming(&ana, None, &message("628220000001@s.whatsapp.net", true), "Open?")),
        ("incoming, hidden number", words::incoming(&ana, None, &message("77@lid", false), "Open?")),
        (
            "incoming, not text",
            words::incoming_other(&ana, Some("Citra"), &message("628220000001@s.whatsapp.net", false), "sticker"),
        ),
    ]);
    insta::assert_snapshot!(screens);
}

#[test]
fn outcomes_and_reasons() {
    let states = [
        ("pending", SendState::Pending),
        ("sent", SendState::Sent),
        ("delivered", SendState::Delivered),
        ("read", SendState::Read),
        ("unknown", SendState::Unknown),
        ("left", SendState::Forgotten),
    ];
    let mut texts: Vec<(&str, RichText)> = states.iter().map(|(n, s)| (*n, words::outcome(*s, None))).collect();
    texts.push(("failed", words::outcome(SendState::Failed, Some(Reason::ReachoutLocked))));
    texts.extend(Reason::ALL.iter().map(|r| (r.code(), RichText::plain(words::reason_words(*r)))));
    let outcomes = page(&texts);
    insta::assert_snapshot!(outcomes);
}

#[test]
fn the_help_fits_a_phone_screen_and_commands_are_telegrams_kind() {
    assert!(words::help().text.chars().count() <= 900);
    for (name, about) in COMMANDS {
        assert!(name.len() <= 32 && name.bytes().all(|b| b.is_ascii_lowercase()), "{name}");
        assert!((1..=256).contains(&about.chars().count()), "{name}");
    }
}
