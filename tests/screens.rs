//! Every screen with its buttons, in both languages, as a person comes to it: a change here is seen in review.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, and its own helpers do so too")]

#[path = "support/desk.rs"]
#[allow(dead_code, reason = "no test needs all of it")]
mod desk;

use desk::{Desk, TTL, buttons};
use sekat::domain::{
    About, AccountId, AccountState, Body, Card, Choice, Email, Input, Jid, Language, LoginMethod, Outgoing, PersonName,
    PhoneNumber, Phrase, Reason, Role, TelegramId, Timestamp,
};
use sekat::flows::{FLOWS, Registered, commands};
use sekat::store::profile::Edition;
use sekat::store::sends::{self, NewSend, SendState};
use sekat::store::{accounts, flags};
use sekat::t;
use sekat::words::plain;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

/// A person at their desk, and a record of what they saw.
struct Visit {
    desk: Desk,
    language: Language,
    seen: BTreeMap<i64, Outgoing>,
    record: String,
}

impl Visit {
    async fn new(language: Language, role: Role) -> Visit {
        let mut desk = Desk::with(FLOWS).await;
        desk.role = role;
        desk.given(move |tx| flags::set_language(tx, language)).await;
        Visit { desk, language, seen: BTreeMap::new(), record: String::new() }
    }

    fn label(&self, phrase: &Phrase) -> String {
        plain(phrase, self.language.into())
    }

    /// Writes down what has changed in the chat.
    async fn looks(&mut self, did: &str) {
        writeln!(self.record, "──── {did}").unwrap();
        let chat = self.desk.chat().await;
        for (id, out) in &chat {
            let was = self.seen.get(id);
            if was == Some(out) {
                continue;
            }
            let Body::Text(text) = &out.body else { panic!("no pictures here") };
            let how = if was.is_some() { "✎ " } else { "" };
            writeln!(self.record, "{how}{}", text.text).unwrap();
            for row in &out.keyboard {
                let labels: Vec<String> = row.iter().map(|(label, _)| format!("[{label}]")).collect();
                writeln!(self.record, "    {}", labels.join(" ")).unwrap();
            }
        }
        self.seen = chat;
    }

    async fn commands(&mut self, command: &str) {
        self.desk.commands(command).await;
        self.looks(&format!("/{command}")).await;
    }

    async fn says(&mut self, text: &str) {
        self.desk.says(text).await;
        self.looks(text).await;
    }

    async fn taps(&mut self, phrase: Phrase) {
        let label = self.label(&phrase);
        let applied = self.desk.taps(&label).await;
        let note = applied.presses.first().and_then(|press| press.1.clone());
        self.looks(&format!("[{label}]{}", note.map(|note| format!(" → {note}")).unwrap_or_default())).await;
    }

    /// Has a number in this state, with these digits where they are known.
    async fn has(&self, digits: &str, state: AccountState, reason: Option<Reason>) -> AccountId {
        let phone = PhoneNumber::parse(&format!("+{digits}")).ok();
        self.desk
            .given(move |tx| {
                let account = accounts::create(tx, &LoginMethod::Qr, NOW)?;
                accounts::set_state(tx, account, state, reason, NOW)?;
                if let Some(phone) = &phone {
                    accounts::set_phone(tx, account, phone)?;
                }
                Ok(account)
            })
            .await
    }

    fn ends(self, name: &str) {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("screens__{name}_{}", self.language.code()), self.record);
        });
    }
}

#[tokio::test]
async fn a_newcomer() {
    for language in Language::ALL {
        let mut visit = Visit::new(language, Role::Member).await;
        visit.commands("start").await;
        visit.taps(t!("button-status")).await;
        visit.taps(t!("button-home")).await;
        visit.taps(t!("button-language")).await;
        visit.taps(t!("button-home")).await;
        visit.taps(t!("button-help")).await;
        visit.taps(t!("button-home")).await;
        visit.taps(t!("button-code")).await;
        visit.says("twelve").await;
        visit.commands("numbers").await;
        visit.commands("link").await;
        visit.commands("logout").await;
        visit.commands("reconnect").await;
        visit.commands("resend").await;
        visit.commands("back").await;
        visit.commands("cancel").await;
        visit.commands("cancel").await;
        visit.commands("nonsense").await;
        visit.says("hello?").await;
        visit.ends("newcomer");
    }
}

#[tokio::test]
async fn home_with_everything_that_needs_attention() {
    for language in Language::ALL {
        let mut visit = Visit::new(language, Role::Owner).await;
        visit.has("628110000010", AccountState::Connected, None).await;
        visit.has("628110000009", AccountState::Failed, Some(Reason::Banned)).await;
        visit.has("628110000008", AccountState::Disconnected, Some(Reason::NetworkAway)).await;
        let linked = visit.has("628110000007", AccountState::Connected, None).await;
        visit.has("", AccountState::QrScanning, None).await;
        visit
            .desk
            .given(move |tx| {
                for (n, id) in [(0, "3EB0A"), (1, "3EB0B")] {
                    let (chat, asked_by) = (Jid("1@s.whatsapp.net".into()), sekat::domain::MessageId(7));
                    let new = NewSend { account: linked, chat: &chat, message_id: id, text: "x", asked_by };
                    sends::add(tx, "test", n, &new, NOW)?;
                    let send = sends::take(tx, linked)?.unwrap();
                    sends::advance(tx, send.id, SendState::Unknown, None)?;
                }
                Ok(())
            })
            .await;
        visit.commands("register").await;
        visit.says("0812 3456 7890").await;
        visit.commands("menu").await;
        visit.taps(t!("button-numbers")).await;
        visit.taps(t!("button-home")).await;
        visit.taps(t!("button-status")).await;
        visit.commands("resend").await;
        visit.commands("forget").await;
        visit.commands("menu").await;
        visit.taps(t!("button-admin")).await;
        visit.taps(t!("button-invite-people")).await;
        visit.taps(t!("button-home")).await;
        visit.taps(t!("button-reconnect-number", number = "+628110000009")).await;
        visit.commands("reconnect 0008").await;
        visit.commands("reconnect 77").await;
        visit.commands("logout").await;
        visit.taps(t!("button-keep-flow", title = t!("registration-title"))).await;
        visit.commands("cancel").await;
        visit.ends("attention");
    }
}

#[tokio::test]
async fn numbers_in_pages_by_their_size() {
    for language in Language::ALL {
        let mut visit = Visit::new(language, Role::Member).await;
        let mut third = AccountId(0);
        for n in [11, 2, 13, 4, 5, 6, 7, 8, 9, 10, 1, 12, 3] {
            third = visit.has(&format!("62811000{n:04}"), AccountState::Connected, None).await;
        }
        visit.commands("numbers").await;
        // What comes and goes before the next page does not move it.
        visit.desk.given(move |tx| accounts::set_state(tx, third, AccountState::Removed, None, NOW)).await;
        visit.taps(t!("button-next")).await;
        visit.taps(t!("button-next")).await;
        visit.taps(t!("button-previous")).await;
        visit.commands("logout").await;
        visit.says("+62 811 000 0012").await;
        visit.commands("back").await;
        visit.says("2").await;
        visit.says("perhaps").await;
        visit.taps(t!("button-keep")).await;
        visit.commands("logout 0012").await;
        visit.says("1").await;
        visit.commands("numbers").await;
        visit.ends("numbers");
    }
}

#[tokio::test]
async fn a_registration() {
    for language in Language::ALL {
        let mut visit = Visit::new(language, Role::Member).await;
        visit.commands("menu").await;
        visit.taps(t!("button-registration")).await;
        visit.says("12").await;
        visit.says("0812 3456 7890").await;
        visit.says("Ana").await;
        visit.says(&"😀".repeat(64)).await;
        visit.says("ana@example.org").await;
        visit.says("bandng").await;
        visit.says("1").await;
        visit.commands("back").await;
        visit.desk.passes(TTL + Duration::from_secs(1));
        visit.commands("menu").await;
        visit.taps(t!("button-keep-flow", title = t!("registration-title"))).await;
        visit.says("medan").await;
        let message = visit.desk.next_message();
        visit.desk.does(Input::Other { kind: "sticker".to_owned(), message }).await;
        visit.looks("(a sticker)").await;
        visit.says(language.name()).await;
        visit.taps(t!("button-change-email")).await;
        visit.taps(t!("button-no-email")).await;
        visit.commands("erase").await;
        visit.says("2").await;
        visit.says("no").await;
        visit.commands("cancel").await;
        visit.commands("register").await;
        visit.says("yes").await;
        visit.says("1").await;
        visit.commands("register").await;
        visit.commands("menu").await;
        visit.ends("registration");
    }
}

#[tokio::test]
async fn a_profile() {
    for language in Language::ALL {
        let mut visit = Visit::new(language, Role::Member).await;
        visit.commands("profile").await;
        visit.taps(t!("button-registration")).await;
        for text in ["0812 3456 7890", "Ana", "1", "Medan", language.name(), "1"] {
            visit.desk.says(text).await;
        }
        visit.commands("menu").await;
        visit.taps(t!("button-profile")).await;
        visit.taps(t!("button-change-about")).await;
        visit.says("Kue kering dan roti").await;
        visit.taps(t!("button-publish")).await;
        visit.taps(t!("button-show-phone", shown = Choice("off"))).await;
        visit.taps(t!("button-publish-yes")).await;
        visit.commands("profile").await;
        visit.taps(t!("button-change-name")).await;
        visit.says("Anna").await;
        visit.taps(t!("button-unpublish")).await;
        visit.commands("profile").await;
        visit.taps(t!("button-done")).await;
        visit.ends("profile");
    }
}

#[tokio::test]
async fn every_command_is_answered_and_every_flow_can_be_begun_by_a_button() {
    let desk = Desk::with(FLOWS).await;
    for (command, _) in commands() {
        let before = desk.chat().await;
        desk.commands(command).await;
        assert!(desk.chat().await != before, "/{command} was not answered");
        desk.commands("cancel").await;
    }
    let visit = Visit::new(Language::English, Role::Owner).await;
    visit.has("628110000010", AccountState::Connected, None).await;
    for Registered { flow, .. } in FLOWS {
        if flow.name() == "profile" {
            visit.desk.commands("register").await;
            for text in ["0812 3456 7890", "Ana", "1", "Medan", "1", "1"] {
                visit.desk.says(text).await;
            }
        }
        assert!(reached(&visit.desk, flow.name()).await, "no button leads to {}", flow.name());
    }
}

/// Whether buttons alone lead from the home screen into this flow.
async fn reached(desk: &Desk, flow: &str) -> bool {
    desk.commands("menu").await;
    let mut known = Vec::new();
    loop {
        let chat = desk.chat().await;
        let mut all = chat.values().rev().flat_map(buttons);
        let Some((label, data)) = all.find(|(label, _)| !known.contains(label)).cloned() else {
            return false;
        };
        known.push(label);
        desk.presses_data(&data).await;
        if desk.conversation().await.place().is_some_and(|place| place.flow == flow) {
            desk.commands("cancel").await;
            return true;
        }
        desk.commands("cancel").await;
        desk.commands("menu").await;
    }
}

/// Others who have published something.
async fn others_have_published(desk: &Desk) {
    let profiles = desk.profiles();
    for n in 1..=12 {
        let (name, about) = match n {
            1 => (
                "Siti Aminah".to_owned(),
                Some("Kue kering dan roti di Bandung, pesan sehari sebelumnya ya, terima kasih banyak\nWA saja"),
            ),
            _ => (format!("Toko {n}"), None),
        };
        let card = Card {
            name: PersonName::parse(&name).unwrap(),
            about: about.map(|about| About::parse(about).unwrap()),
            phone: (n == 1).then(|| PhoneNumber::parse("+6281234567890").unwrap()),
            email: (n == 1).then(|| Email::parse("siti@example.org").unwrap()),
        };
        profiles.share(TelegramId(n), Some(card), Edition(1)).await.unwrap();
    }
}

#[tokio::test]
async fn people_and_what_they_have_published() {
    for language in Language::ALL {
        let mut visit = Visit::new(language, Role::Member).await;
        visit.commands("people").await;
        others_have_published(&visit.desk).await;
        visit.commands("menu").await;
        visit.taps(t!("button-people")).await;
        visit.taps(t!("button-next")).await;
        visit.commands("people BANDUNG kue").await;
        visit.taps(Phrase::verbatim("1")).await;
        visit.taps(t!("button-people-list")).await;
        visit.commands("people xyz").await;
        visit.commands("more").await;
        visit.commands("person 1").await;
        visit.commands("takedown 1").await;
        visit.ends("people");
    }
}

#[tokio::test]
async fn an_admin_takes_a_profile_down_and_looks_at_who_uses_the_bot() {
    for language in Language::ALL {
        let mut visit = Visit::new(language, Role::Admin).await;
        others_have_published(&visit.desk).await;
        visit.commands("people siti").await;
        visit.taps(Phrase::verbatim("1")).await;
        visit.taps(t!("button-take-down")).await;
        visit.taps(t!("button-back")).await;
        visit.taps(t!("button-take-down")).await;
        visit.taps(t!("button-take-down-yes")).await;
        visit.taps(t!("button-people-list")).await;
        visit.commands("takedown 1").await;
        let everybody = (2001..=2011).map(TelegramId).collect();
        visit.desk.directory().wake_all(everybody, NOW).await.unwrap();
        visit.commands("blocked").await;
        visit.commands("menu").await;
        visit.taps(t!("button-admin")).await;
        visit.taps(t!("button-members")).await;
        visit.taps(t!("button-next")).await;
        visit.taps(Phrase::verbatim("2")).await;
        visit.taps(t!("button-block")).await;
        visit.taps(t!("button-back")).await;
        visit.taps(t!("button-block")).await;
        visit.taps(t!("button-block-yes")).await;
        visit.commands("blocked").await;
        visit.taps(Phrase::verbatim("1")).await;
        visit.taps(t!("button-unblock")).await;
        visit.taps(t!("button-unblock-yes")).await;
        visit.taps(t!("plan-name", plan = Choice("pro"))).await;
        visit.taps(t!("plan-name", plan = Choice("none"))).await;
        visit.taps(t!("button-members-list")).await;
        visit.commands("members 2").await;
        visit.commands("member 1001").await;
        visit.commands("plan 2003").await;
        visit.commands("plan 2003 none").await;
        visit.commands("plan 2003 FREE").await;
        visit.commands("plan 2003 gold").await;
        visit.commands("plan 1001 enterprise").await;
        visit.commands("member 5").await;
        visit.commands("member").await;
        visit.ends("admin");
    }
}
