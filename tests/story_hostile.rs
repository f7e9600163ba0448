//! What somebody with bad intent, or with no luck, can send: nothing of another person is shown, reached or changed.
#![cfg(feature = "demo")]
mod support;

use anyhow::{Context as _, ensure};
use sekat::sim::english;
use sekat::sim::stage::{PATIENCE, Stage};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::telegram::wire::{ChatSpec, Voice};
use sekat::sim::whatsapp::Fault;
use sekat::t;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use support::*;

const SHORT: &str = "[whatsapp]\nsend_timeout = \"1s\"\n";

/// Every kind of button that a person can get, by the letter of its action; under which message, with what data.
type Buttons = BTreeMap<char, (i64, String)>;

async fn collect(person: &SimUser, into: &mut Buttons) -> anyhow::Result<()> {
    for message in person.transcript().await? {
        for button in message.buttons.iter().flatten() {
            let data = button.data.clone().context("a button without data")?;
            let letter = data.chars().nth(12).context("a short token")?;
            into.insert(letter, (message.message_id, data));
        }
    }
    Ok(())
}

/// Leads Ana through everything that shows a button.
async fn every_button(stage: &Stage, ana: &mut SimUser) -> anyhow::Result<Buttons> {
    let mut all = Buttons::new();
    for command in ["/start", "/numbers", "/logout"] {
        ana.send(command).await?;
        ana.wait_for(|m| !m.buttons.is_empty(), PATIENCE).await?;
    }
    ana.send("/link").await?;
    ana.wait_button(english::QR_BUTTON, PATIENCE).await?;
    ana.press_label(english::QR_BUTTON).await?;
    ana.wait_for(|m| m.photo.is_some(), PATIENCE).await?;
    collect(ana, &mut all).await?;
    ana.press_label(english::CANCEL_BUTTON).await?;
    ana.wait_text("Linking was cancelled", PATIENCE).await?;

    stage.whatsapp.send(CITRA, ANA_NUMBER, "are you there?").await?;
    let asked = ana.wait_text("are you there?", PATIENCE).await?;
    stage.whatsapp.inject(ANA_NUMBER, &Fault::WithholdAcks { deliver: false, times: Some(1) })?;
    ana.reply(asked.message_id, "lost on the way").await?;
    ana.wait_button(english::RESEND_BUTTON, PATIENCE).await?;
    collect(ana, &mut all).await?;

    stage.whatsapp.inject(ANA_NUMBER, &Fault::Replaced)?;
    ana.wait_button(english::RECONNECT_BUTTON, PATIENCE).await?;
    collect(ana, &mut all).await?;
    ana.press_label(english::RECONNECT_BUTTON).await?;
    numbers_say(ana, "🟢").await?;
    collect(ana, &mut all).await?;
    Ok(all)
}

async fn is_refused(person: &mut SimUser, message: i64, data: &str) -> anyhow::Result<()> {
    let press = person.press_data(message, data).await?;
    let reply = person.wait_answer(&press, PATIENCE).await?;
    ensure!(reply.text.as_deref() == Some(english::STALE), "{data:?} was answered {:?}", reply.text);
    Ok(())
}

/// Data that looks like a button's and is not.
fn forgeries(data: &str) -> BTreeSet<String> {
    let mut made = BTreeSet::new();
    for at in 0..data.len() {
        let mut bytes = data.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        made.insert(String::from_utf8_lossy(&bytes).into_owned());
    }
    let (tag, action) = data.split_at(12);
    for other in
        ["l", "q", "c", "mh", "k", "Ma", "x1", "r1", "o1", "w1.1", "s1", "f1", "z1", "z-1", "o9223372036854775807", ""]
    {
        if other != action {
            made.insert(format!("{tag}{other}"));
        }
    }
    made.insert(format!("{data}0"));
    made.insert(format!("{data} "));
    made.insert(format!("2{}", &data[1..]));
    made.insert(data.to_lowercase());
    made.insert(data[..data.len() - 1].to_owned());
    made.remove(data);
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_works_for_nobody_but_its_owner() -> anyhow::Result<()> {
    let (_folder, stage, mut ana, mut budi) = linked(SHORT).await?;
    let buttons = every_button(&stage, &mut ana).await?;
    assert_eq!(buttons.keys().collect::<String>(), "Bacefklmoqrswxz", "every kind of button");
    let (ana_numbers, budi_numbers) = (numbers(&mut ana).await?, numbers(&mut budi).await?);
    let (ana_saw, budi_saw) = (said(&ana).await?, said(&budi).await?);
    let own_message = *budi_saw.keys().next().context("Budi has messages")?;

    // Copied: every one of Ana's buttons, under her message's id and under one of Budi's own.
    for (message, data) in buttons.values() {
        is_refused(&mut budi, *message, data).await?;
        is_refused(&mut budi, own_message, data).await?;
    }
    // Forged: bit by bit, with the tag of one action on another, with other ids, cut and stretched.
    for (_, data) in [&buttons[&'w'], &buttons[&'k']] {
        for forged in forgeries(data) {
            is_refused(&mut ana, own_message, &forged).await?;
        }
    }
    let garbage = [
        "x",
        "1",
        "11111111111",
        "111111111111",
        "1AAAAAAAAAAAo1",
        "\u{0}\u{0}\u{0}",
        "🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂",
    ];
    for data in garbage.into_iter().map(str::to_owned).chain(["1".repeat(64), "' OR 1=1 --".to_owned()]) {
        is_refused(&mut budi, own_message, &data).await?;
    }
    settled(&mut ana).await?;
    settled(&mut budi).await?;
    assert_eq!(news(&ana, &ana_saw).await?, Vec::<String>::new(), "nothing was said or changed in Ana's chat");
    assert_eq!(news(&budi, &budi_saw).await?, Vec::<String>::new(), "nothing was said or changed in Budi's chat");
    assert_eq!((numbers(&mut ana).await?, numbers(&mut budi).await?), (ana_numbers, budi_numbers));
    assert_eq!(inbox(&stage, CITRA).await?, Vec::<String>::new(), "nobody sent Ana's lost message again");
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_button_does_nothing_a_second_time() -> anyhow::Result<()> {
    let (_folder, stage, mut ana, mut budi) = linked(SHORT).await?;
    // The linking is finished: its cancel button is not.
    ana.send("/link").await?;
    ana.wait_button(english::QR_BUTTON, PATIENCE).await?;
    ana.press_label(english::QR_BUTTON).await?;
    let picture = ana.wait_for(|m| m.photo.is_some(), PATIENCE).await?;
    let cancel = picture.button(english::CANCEL_BUTTON).and_then(|b| b.data.clone()).context("a cancel button")?;
    stage.phone("628110000003", "Ana's other phone")?;
    let payload = sekat::sim::scan::scan(&ana.file_of(picture.message_id).await?)?;
    stage.whatsapp.scan(&payload, "628110000003").await?;
    ana.wait_text("is linked and connected", PATIENCE).await?;
    is_refused(&mut ana, picture.message_id, &cancel).await?;

    // A message whose fate is settled cannot be sent again or be left.
    stage.whatsapp.send(CITRA, ANA_NUMBER, "hello").await?;
    let hello = ana.wait_text("hello", PATIENCE).await?;
    stage.whatsapp.inject(ANA_NUMBER, &Fault::WithholdAcks { deliver: false, times: Some(1) })?;
    ana.reply(hello.message_id, "once only").await?;
    let unknown = ana.wait_button(english::RESEND_BUTTON, PATIENCE).await?;
    let data = |label: &str| unknown.button(label).and_then(|b| b.data.clone()).context("a button");
    let (resend, forget) = (data(english::RESEND_BUTTON)?, data(english::FORGET_BUTTON)?);
    // Twice at the same moment: it is sent once.
    let mut same = ana.clone();
    tokio::try_join!(ana.press_data(unknown.message_id, &resend), same.press_data(unknown.message_id, &resend))?;
    inbox_of(&stage, CITRA, 1).await?;
    ana.wait_since(0, "a delivered message", |m| m.text.contains("delivered"), PATIENCE).await?;
    is_refused(&mut ana, unknown.message_id, &resend).await?;
    is_refused(&mut ana, unknown.message_id, &forget).await?;
    assert_eq!(inbox(&stage, CITRA).await?, ["once only"]);

    // A number that is logged out cannot be logged out, connected or cancelled again; the other one stays.
    ana.send("/numbers").await?;
    ana.wait_button("+628110000001", PATIENCE).await?;
    ana.press_label("+628110000001").await?;
    let list = ana.wait_button("🚪 Log out +628110000001", PATIENCE).await?;
    let ask = list.button("🚪 Log out +628110000001").and_then(|b| b.data.clone()).context("a button")?;
    ana.press_data(list.message_id, &ask).await?;
    let asked = ana.wait_button(english::LOGOUT_YES_BUTTON, PATIENCE).await?;
    let yes = asked.button(english::LOGOUT_YES_BUTTON).and_then(|b| b.data.clone()).context("a button")?;
    ana.press_data(asked.message_id, &yes).await?;
    ana.wait_text("is logged out and its keys are wiped", PATIENCE).await?;
    let (before, others) = (said(&ana).await?, numbers(&mut budi).await?);
    is_refused(&mut ana, asked.message_id, &yes).await?;
    is_refused(&mut ana, list.message_id, &ask).await?;
    // A reply to a message of the number that is gone says so and goes nowhere.
    ana.reply(hello.message_id, "still there?").await?;
    ana.wait_text(&english::text(&t!("chat-number-gone")), PATIENCE).await?;
    settled(&mut ana).await?;
    assert_eq!(news(&ana, &before).await?.len(), 1);
    assert!(numbers(&mut ana).await?.contains("🟢 +628110000003"));
    assert_eq!(numbers(&mut budi).await?, others);
    assert_eq!(stage.whatsapp.companions(ANA_NUMBER)?.len(), 0);
    assert_eq!(inbox(&stage, CITRA).await?, ["once only"]);
    stage.close().await
}

const COMMANDS: [&str; 11] = [
    "/start",
    "/link",
    "/link +628110000001",
    "/numbers",
    "/status",
    "/logout",
    "/logout 1",
    "/cancel",
    "/erase",
    "/help",
    "ERASE",
];

fn group() -> ChatSpec {
    ChatSpec { id: -1_001_234_567_890, kind: Some("supergroup".into()), title: Some("Shop".into()), username: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_a_person_in_their_own_chat_reaches_nobody() -> anyhow::Result<()> {
    let (_folder, stage, mut ana, mut budi) = linked(SHORT).await?;
    ana.send("/logout").await?;
    let asked = ana.wait_button(english::LOGOUT_YES_BUTTON, PATIENCE).await?;
    let yes = asked.button(english::LOGOUT_YES_BUTTON).and_then(|b| b.data.clone()).context("a button")?;
    let (ana_saw, budi_saw) = (said(&ana).await?, said(&budi).await?);
    let client = stage.telegram.client();
    let calls = client.calls(Some("sendMessage"), 0, Duration::ZERO).await?.cursor;

    let mut in_group = ana.clone().in_chat(group());
    in_group.set_status("administrator").await?;
    for voice in [Voice::User, Voice::AnonymousAdmin, Voice::LinkedChannel, Voice::AsChannel] {
        let mut speaker = in_group.clone().speaking_as(voice);
        for command in COMMANDS {
            let sent = speaker.send(command).await?;
            if voice == Voice::User {
                speaker.edit(sent.message_id.context("a message")?, "/erase").await?;
            }
        }
    }
    // Ana's own button, pressed in the group.
    in_group.press_data(1, &yes).await?;
    in_group.press_data(asked.message_id, &yes).await?;
    for update in impostors(&yes) {
        client.update(&update).await?;
    }
    settled(&mut ana).await?;
    settled(&mut budi).await?;
    assert_eq!(news(&ana, &ana_saw).await?, Vec::<String>::new());
    assert_eq!(news(&budi, &budi_saw).await?, Vec::<String>::new());
    assert!(said(&in_group).await?.is_empty(), "the group hears nothing");
    for call in client.calls(Some("sendMessage"), calls, Duration::ZERO).await?.calls {
        let chat = call.params["chat_id"].as_u64().context("a chat")?;
        assert!([ANA, BUDI].contains(&chat), "the bot wrote to {chat}");
    }
    assert_eq!(folders(&stage)?, [ANA.to_string(), BUDI.to_string()]);
    assert_eq!(stage.whatsapp.companions(ANA_NUMBER)?.len(), 1, "Ana's device is still linked");
    stage.close().await
}

/// Updates that name Ana or nobody, and that Telegram never authenticated as hers in her own chat.
fn impostors(yes: &str) -> Vec<Value> {
    let private = |id: u64| json!({ "id": id, "type": "private", "first_name": "X" });
    let from = |id: u64, bot: bool| json!({ "id": id, "is_bot": bot, "first_name": "X" });
    let message = |from: Value, chat: Value, more: Value| {
        let mut message = json!({ "message_id": 77, "date": 1, "from": from, "chat": chat, "text": "/logout" });
        if let (Some(fields), Value::Object(more)) = (message.as_object_mut(), more) {
            fields.extend(more);
        }
        json!({ "message": message })
    };
    let channel = json!({ "id": -1_001_777_000_777_i64, "type": "channel", "title": "C" });
    let mut updates: Vec<Value> = [777_000, 1_087_968_824, 136_817_688]
        .into_iter()
        .flat_map(|id| {
            [message(from(id, false), private(id), json!({})), message(from(id, true), private(id), json!({}))]
        })
        .collect();
    updates.extend([
        message(from(ANA, true), private(ANA), json!({})),
        message(from(BUDI, false), private(ANA), json!({})),
        message(from(EVE, false), private(ANA), json!({})),
        message(from(ANA, false), private(ANA), json!({ "sender_chat": channel })),
        message(from(ANA, false), json!({ "id": ANA, "type": "group", "title": "X" }), json!({})),
        message(from(ANA, false), channel.clone(), json!({})),
        message(Value::Null, private(ANA), json!({})),
        json!({ "channel_post": { "message_id": 1, "date": 1, "chat": channel, "text": "/erase" } }),
        json!({ "business_message": { "message_id": 1, "date": 1, "chat": private(ANA), "from": from(ANA, false), "text": "/erase" } }),
        json!({ "inline_query": { "id": "1", "from": from(ANA, false), "query": "/logout", "offset": "" } }),
        json!({ "callback_query": { "id": "1", "from": from(ANA, false), "chat_instance": "1", "data": yes,
            "inline_message_id": "abc" } }),
        json!({ "callback_query": { "id": "2", "from": from(ANA, true), "chat_instance": "1", "data": yes,
            "message": { "message_id": 1, "date": 0, "chat": private(ANA) } } }),
        json!({ "callback_query": { "id": "3", "from": from(BUDI, false), "chat_instance": "1", "data": yes,
            "message": { "message_id": 1, "date": 0, "chat": private(ANA) } } }),
        json!({ "message": { "message_id": 1, "date": 1, "chat": private(BUDI), "from": from(BUDI, false), "text": "/erase" },
            "edited_message": { "message_id": 1, "date": 1, "chat": private(ANA), "from": from(ANA, false), "text": "/erase" } }),
        json!({ "message": [] }),
        json!({ "message": "text" }),
        json!({}),
    ]);
    updates
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_one_polite_refusal_and_no_folder() -> anyhow::Result<()> {
    let (_folder, mut stage, mut ana, _budi) = linked(SHORT).await?;
    ana.send("/logout").await?;
    let asked = ana.wait_button(english::LOGOUT_YES_BUTTON, PATIENCE).await?;
    let yes = asked.button(english::LOGOUT_YES_BUTTON).and_then(|b| b.data.clone()).context("a button")?;
    let mut eve = stage.person(EVE, "Eve");
    for command in COMMANDS {
        eve.send(command).await?;
    }
    eve.press_data(asked.message_id, &yes).await?;
    eve.send_sample("contact", None).await?;
    eve.send_sample("photo", None).await?;
    eve.block().await?;
    eve.unblock().await?;
    eve.send("/start").await?;
    settled(&mut ana).await?;
    let refusals = until("the refusal", async || {
        let texts: Vec<String> = said(&eve).await?.into_values().map(|m| m.text).collect();
        Ok((!texts.is_empty()).then_some(texts))
    });
    assert_eq!(refusals.await?, [english::text(&t!("refused"))]);
    assert_eq!(folders(&stage)?, [ANA.to_string(), BUDI.to_string()]);
    // Nothing of hers waits for the day on which she is let in, either.
    stage.stop().await?;
    stage.start().await?;
    settled(&mut ana).await?;
    assert_eq!(said(&eve).await?.len(), 1);
    assert_eq!(folders(&stage)?, [ANA.to_string(), BUDI.to_string()]);
    assert_eq!(stage.whatsapp.companions(ANA_NUMBER)?.len(), 1);
    stage.close().await
}

/// Everything that Telegram can carry and that is not text.
fn contents() -> Vec<Value> {
    let file = json!({ "file_id": "F", "file_unique_id": "U", "file_size": 1, "width": 1, "height": 1, "duration": 1 });
    let kinds = ["animation", "video", "video_note", "voice", "audio", "document", "sticker", "story", "game", "poll"];
    let mut all: Vec<Value> = kinds.iter().map(|kind| json!({ *kind: file })).collect();
    all.extend([
        json!({ "photo": [file] }),
        json!({ "photo": [file], "caption": "/erase" }),
        json!({ "photo": [], "caption": "ERASE" }),
        json!({ "dice": { "emoji": "🎲", "value": 6 } }),
        json!({ "location": { "latitude": 0.0, "longitude": 0.0 } }),
        json!({ "venue": { "title": "x" } }),
        json!({ "contact": { "phone_number": "not a number", "first_name": "X" } }),
        json!({ "contact": null, "hologram": { "newer": "than this bot" } }),
    ]);
    all
}

/// Texts that break what is careless. None of them is a command.
fn texts() -> Vec<String> {
    vec![
        "x".repeat(4096),
        "🙂".repeat(2048),
        "👨‍👩‍👧‍👦".repeat(300),
        "a\u{301}".repeat(2000),
        "\u{202e}txet desrever\u{202c}".into(),
        "\u{200b}".into(),
        "\u{0}".into(),
        "<b>&amp;_*[](tg://user?id=1001)`~~".into(),
        "'; DROP TABLE accounts; --".into(),
        "{\"message\":{}}".into(),
        "/".into(),
        "/home/me".into(),
        format!("/{}", "a".repeat(4000)),
        "erase".into(),
        "ERASE!".into(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_is_answered_kindly_and_changes_nothing() -> anyhow::Result<()> {
    let (_folder, stage, mut ana, mut budi) = linked(SHORT).await?;
    stage.whatsapp.send(CITRA, ANA_NUMBER, "for Ana's eyes").await?;
    let secret = ana.wait_text("for Ana's eyes", PATIENCE).await?;
    // What is explained to her once comes after her first message.
    ana.wait_text("Step 3 of 3", PATIENCE).await?;
    let ana_saw = said(&ana).await?;
    let before = numbers(&mut budi).await?;

    // In no conversation, while a number is asked for, and while erasing waits for its word.
    for (open, idle) in [("", true), ("link", false), ("/erase", false)] {
        match open {
            "" => {}
            "link" => {
                budi.send("/link").await?;
                budi.wait_button(english::CODE_BUTTON, PATIENCE).await?;
                budi.press_label(english::CODE_BUTTON).await?;
                budi.wait_text(&english::text(&t!("link-ask-number")), PATIENCE).await?;
            }
            other => {
                budi.send(other).await?;
                budi.wait_text("Erase everything?", PATIENCE).await?;
            }
        }
        for text in texts() {
            budi.send(&text).await?;
            let answer = budi.wait_for(|_| true, PATIENCE).await?.text;
            let kind = match open {
                "" => answer == english::text(&t!("chat-reply-to-answer")),
                "link" => answer.starts_with("⚠️ That is not a phone number I can use"),
                _ => answer.starts_with("⚠️ Nothing was erased."),
            };
            ensure!(kind, "{open}: {:?} was answered {answer:?}", text.chars().take(20).collect::<String>());
        }
        for content in contents() {
            let Value::Object(fields) = content.clone() else { continue };
            budi.send_content(fields).await?;
            let answer = budi.wait_for(|_| true, PATIENCE).await?.text;
            let kind = match open {
                "" => answer == english::text(&t!("text-only")),
                "link" => answer.contains("number") && answer.contains("Send me the number to link"),
                _ => answer.starts_with("⚠️ Nothing was erased.") && answer.contains("Erase everything?"),
            };
            ensure!(kind, "{open}: {content} was answered {answer:?}");
        }
        budi.send("/cancel").await?;
        let end = if idle { t!("nothing-to-cancel") } else { t!("cancelled") };
        budi.wait_text(&english::text(&end), PATIENCE).await?;
    }
    for unknown in ["/nonsense", "/LOGOUT_ALL 1", "/start_", "/eraseall ERASE"] {
        budi.send(unknown).await?;
        budi.wait_text(&english::text(&t!("unknown-command")), PATIENCE).await?;
    }
    let sent = budi.send("nothing special").await?;
    budi.wait_text(&english::text(&t!("chat-reply-to-answer")), PATIENCE).await?;
    budi.edit(sent.message_id.context("a message")?, "ERASE").await?;
    budi.wait_text(&english::text(&t!("edited")), PATIENCE).await?;

    strange_replies(&mut budi, secret.message_id).await?;
    assert_eq!(numbers(&mut budi).await?, before);
    settled(&mut ana).await?;
    assert_eq!(news(&ana, &ana_saw).await?, Vec::<String>::new(), "Ana hears nothing of it");
    for number in [CITRA, DEWI] {
        assert_eq!(inbox(&stage, number).await?, Vec::<String>::new(), "nothing was sent to anybody");
    }
    for message in said(&budi).await?.into_values() {
        ensure!(!message.text.contains("Citra") && !message.text.contains("for Ana's eyes"), "Ana's chat was shown");
    }
    assert_eq!(folders(&stage)?, [ANA.to_string(), BUDI.to_string()]);
    stage.close().await
}

/// Replies to messages that are not Budi's to answer: Ana's, nobody's, and his own that stand for no chat.
async fn strange_replies(budi: &mut SimUser, of_ana: i64) -> anyhow::Result<()> {
    let own = *said(budi).await?.keys().next().context("a message")?;
    let ids = [json!(of_ana), json!(own), json!(0), json!(-1), json!(i64::MAX), json!("1"), Value::Null];
    for id in ids {
        let quoted = json!({ "message_id": id, "date": 1, "chat": { "id": ANA, "type": "private" }, "text": "x" });
        let Value::Object(fields) = json!({ "text": "to whom?", "reply_to_message": quoted }) else { continue };
        budi.send_content(fields).await?;
        budi.wait_text(&english::text(&t!("chat-reply-to-answer")), PATIENCE).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_texts_reach_the_contact_whole() -> anyhow::Result<()> {
    let (_folder, stage, mut ana, _budi) = linked("").await?;
    stage.whatsapp.send(CITRA, ANA_NUMBER, "write me a book").await?;
    let asked = ana.wait_text("write me a book", PATIENCE).await?;
    let books = ["x".repeat(4096), "🙂".repeat(2048), "<b>&_*[`~\\|{}".to_owned(), "a\r\n\n b\t ".to_owned()];
    for book in &books {
        ana.reply(asked.message_id, book).await?;
    }
    assert_eq!(inbox_of(&stage, CITRA, books.len()).await?, books);
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_linked_already_is_refused_without_saying_by_whom() -> anyhow::Result<()> {
    let (_folder, stage, mut ana, mut budi) = linked(SHORT).await?;
    let (ana_saw, ana_numbers) = (said(&ana).await?, numbers(&mut ana).await?);
    let device = stage.whatsapp.companions(ANA_NUMBER)?[0].device;

    // Asking for a code tells nothing yet: whoever types it has the phone.
    budi.send(&format!("/link +{ANA_NUMBER}")).await?;
    let shown = budi.wait_text("Your code:", PATIENCE).await?;
    stage.whatsapp.enter_code(&sekat::sim::stage::code_in(&shown)?, ANA_NUMBER).await?;
    let refused = budi.wait_text("wa-number-taken", PATIENCE).await?;
    assert!(refused.text.contains("this number is linked in this bot already"), "{}", refused.text);
    for other in ["Ana", &ANA.to_string()] {
        assert!(!refused.text.contains(other), "{}", refused.text);
    }
    until("the new device to go", async || {
        let left: Vec<u16> = stage.whatsapp.companions(ANA_NUMBER)?.iter().map(|c| c.device).collect();
        Ok((left == [device]).then_some(()))
    })
    .await?;
    until("no record of it to be left with Budi", async || {
        Ok((!numbers(&mut budi).await?.contains(ANA_NUMBER)).then_some(()))
    })
    .await?;

    // The old link goes on as if nothing had been.
    stage.whatsapp.send(CITRA, ANA_NUMBER, "still you?").await?;
    let asked = ana.wait_since(0, "Citra's message", |m| m.text.contains("still you?"), PATIENCE).await?;
    ana.reply(asked.message_id, "still me").await?;
    assert_eq!(inbox_of(&stage, CITRA, 1).await?, ["still me"]);
    let line = |list: &str| list.lines().find(|line| line.contains("+628")).map(str::to_owned);
    assert_eq!(line(&numbers(&mut ana).await?), line(&ana_numbers));
    assert!(news(&ana, &ana_saw).await?.iter().all(|text| !text.contains("wa-number-taken")));

    // Ana has sold the phone: without the old device the number can be linked.
    stage.whatsapp.remove_companion(ANA_NUMBER, device)?;
    ana.wait_text("wa-logged-out", PATIENCE).await?;
    until("Ana's keys to go", async || Ok((!has_keys(&stage, ANA)?).then_some(()))).await?;
    stage.link_by_code(&mut budi, ANA_NUMBER).await?;
    assert!(numbers(&mut budi).await?.contains("🟢 +628110000001"));
    stage.whatsapp.send(CITRA, ANA_NUMBER, "hello Budi").await?;
    budi.wait_since(0, "Citra's message", |m| m.text.contains("hello Budi"), PATIENCE).await?;
    assert!(ana.transcript().await?.iter().all(|m| !m.text.contains("hello Budi")));
    stage.close().await
}
