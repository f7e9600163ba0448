//! The simulated Telegram, seen by a real bot library, by raw HTTP, and by its own control client.
#![cfg(feature = "demo")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use sekat::sim::telegram::{
    RateLimits, SimConfig, TelegramSim,
    client::ClientError,
    wire::{Bulk, ChatSpec, Fault, FaultAction, Matching, Voice},
};
use serde_json::{Value, json};
use teloxide::{
    ApiError, Bot, RequestError,
    net::Download,
    payloads::{EditMessageTextSetters, GetUpdatesSetters, SendMessageSetters, SendPhotoSetters},
    requests::Requester,
    types::{
        BotCommand, ChatAction, ChatId, InlineKeyboardButton, InlineKeyboardMarkup, InputFile, MessageId, ParseMode,
        ReplyParameters, UpdateKind,
    },
};

const SOON: Duration = Duration::from_secs(10);

async fn sim() -> TelegramSim {
    TelegramSim::start(SimConfig { limits: RateLimits::off(), ..SimConfig::default() }).await.unwrap()
}

fn bot(sim: &TelegramSim) -> Bot {
    Bot::new(SimConfig::default().token).set_api_url(sim.api_url().parse().unwrap())
}

/// A raw call: HTTP status and body.
async fn raw(sim: &TelegramSim, method: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/bot{}/{method}", sim.api_url(), SimConfig::default().token);
    let response = reqwest::Client::new().post(url).json(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn refused(sim: &TelegramSim, method: &str, body: Value) -> String {
    let (status, answer) = raw(sim, method, &body).await;
    assert_eq!(answer["ok"], false, "{method} {body} was accepted");
    assert_eq!(answer["error_code"], status);
    answer["description"].as_str().unwrap().to_owned()
}

async fn update_ids(sim: &TelegramSim, body: Value) -> Vec<i64> {
    let (status, answer) = raw(sim, "getUpdates", &body).await;
    assert_eq!(status, 200, "{answer}");
    answer["result"].as_array().unwrap().iter().map(|update| update["update_id"].as_i64().unwrap()).collect()
}

fn keyboard(label: &str, data: &str) -> InlineKeyboardMarkup {
    InlineKeyboardMarkup::new([[InlineKeyboardButton::callback(label, data)]])
}

#[tokio::test]
async fn teloxide_talks_with_a_user_and_every_kind_of_update_parses() {
    let sim = sim().await;
    let bot = bot(&sim);
    let me = bot.get_me().await.unwrap();
    assert_eq!(me.username(), "sekat_demo_bot");
    bot.set_my_commands([BotCommand::new("start", "Begin")]).await.unwrap();
    assert_eq!(bot.get_my_commands().await.unwrap().len(), 1);

    let mut ani = sim.user(42).named("Ani").username("ani").language("id");
    let hello = ani.send("/start now").await.unwrap();
    let sent = bot
        .send_message(ChatId(42), "<b>Hi</b> &lt;Ani&gt;")
        .parse_mode(ParseMode::Html)
        .reply_parameters(ReplyParameters::new(MessageId(i32::try_from(hello.message_id.unwrap()).unwrap())))
        .reply_markup(keyboard("Go", "go:1"))
        .await
        .unwrap();
    assert_eq!(sent.text(), Some("Hi <Ani>"));
    let seen = ani.wait_button("Go", SOON).await.unwrap();
    assert_eq!((seen.html.as_str(), seen.reply_to), ("<b>Hi</b> &lt;Ani&gt;", hello.message_id));

    ani.reply(seen.message_id, "an answer").await.unwrap();
    let press = ani.press_label("Go").await.unwrap();
    ani.edit(hello.message_id.unwrap(), "/start later").await.unwrap();
    for sample in ["sticker", "photo", "document", "voice", "location", "contact"] {
        ani.send_sample(sample, None).await.unwrap();
    }
    ani.block().await.unwrap();
    ani.unblock().await.unwrap();
    let group = ChatSpec { id: -1_001_234_567_890, title: Some("A group".into()), ..ChatSpec::default() };
    let mut in_group = ani.clone().in_chat(group);
    in_group.set_status("administrator").await.unwrap();
    in_group.send("/help@sekat_demo_bot").await.unwrap();
    for voice in [Voice::AnonymousAdmin, Voice::LinkedChannel, Voice::AsChannel] {
        in_group.clone().speaking_as(voice).send("who am I").await.unwrap();
    }

    let updates = bot.get_updates().limit(100).await.unwrap();
    let unparsed = updates.iter().filter(|update| matches!(update.kind, UpdateKind::Error(_))).count();
    assert_eq!((updates.len(), unparsed), (17, 0), "{updates:#?}");
    let commands = updates.iter().filter_map(|update| match &update.kind {
        UpdateKind::Message(message) => message.parse_entities().map(|marks| marks.len()),
        _ => None,
    });
    assert_eq!(commands.sum::<usize>(), 2);
    let Some(query) = updates.iter().find_map(|update| match &update.kind {
        UpdateKind::CallbackQuery(query) => Some(query.clone()),
        _ => None,
    }) else {
        panic!("no press came")
    };
    assert_eq!(query.data.as_deref(), Some("go:1"));
    assert_eq!(query.message.as_ref().unwrap().id(), sent.id);
    bot.answer_callback_query(query.id).await.unwrap();
    assert!(ani.wait_answer(&press, SOON).await.unwrap().answered);
    bot.send_chat_action(ChatId(42), ChatAction::Typing).await.unwrap();
    assert_eq!(bot.get_chat(ChatId(42)).await.unwrap().id, ChatId(42));
    sim.shutdown().await.unwrap();
}

#[tokio::test]
async fn edits_deletions_and_refusals_come_as_teloxide_knows_them() {
    let sim = sim().await;
    let bot = bot(&sim);
    assert!(matches!(bot.send_message(ChatId(1), "x").await, Err(RequestError::Api(ApiError::ChatNotFound))));
    let mut user = sim.user(1);
    let own = user.send("hello").await.unwrap().message_id.unwrap();
    let sent = bot.send_message(ChatId(1), "one").reply_markup(keyboard("A", "a")).await.unwrap();
    let edited = bot.edit_message_text(ChatId(1), sent.id, "two").reply_markup(keyboard("B", "b")).await.unwrap();
    assert_eq!(edited.text(), Some("two"));
    let again = bot.edit_message_text(ChatId(1), sent.id, " two ").reply_markup(keyboard("B", "b")).await;
    assert!(matches!(again, Err(RequestError::Api(ApiError::MessageNotModified))), "{again:?}");
    let foreign = bot.edit_message_text(ChatId(1), MessageId(i32::try_from(own).unwrap()), "x").await;
    assert!(matches!(foreign, Err(RequestError::Api(ApiError::MessageCantBeEdited))));
    let seen = user.wait_button("B", SOON).await.unwrap();
    assert_eq!((seen.edits, seen.text.as_str()), (1, "two"));
    bot.edit_message_reply_markup(ChatId(1), sent.id).await.unwrap();
    bot.delete_message(ChatId(1), sent.id).await.unwrap();
    let gone = bot.edit_message_text(ChatId(1), sent.id, "x").await;
    assert!(matches!(gone, Err(RequestError::Api(ApiError::MessageToEditNotFound))));
    assert!(user.transcript().await.unwrap().last().unwrap().deleted);
    let late = bot.answer_callback_query(teloxide::types::CallbackQueryId("1".into())).await;
    assert!(matches!(late, Err(RequestError::Api(ApiError::InvalidQueryId))));
    user.block().await.unwrap();
    let blocked = bot.send_message(ChatId(1), "x").await;
    assert!(matches!(blocked, Err(RequestError::Api(ApiError::BotBlocked))));
    assert!(matches!(user.send("x").await, Err(ClientError::Refused { status: 409, .. })));
    user.unblock().await.unwrap();
    bot.send_message(ChatId(1), "back").await.unwrap();
    let wrong = Bot::new("1:wrong").set_api_url(sim.api_url().parse().unwrap()).get_me().await;
    assert!(matches!(wrong, Err(RequestError::Api(ApiError::InvalidToken))));
}

#[tokio::test]
async fn pictures_go_up_come_down_and_are_replaced() {
    let sim = sim().await;
    let bot = bot(&sim);
    let mut user = sim.user(5);
    user.send("hi").await.unwrap();
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, 4, 3);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[7; 12]).unwrap();
    let sent = bot
        .send_photo(ChatId(5), InputFile::memory(picture.clone()).file_name("qr.png"))
        .caption("<i>scan</i>")
        .parse_mode(ParseMode::Html)
        .reply_markup(keyboard("Cancel", "c"))
        .await
        .unwrap();
    assert_eq!((sent.photo().unwrap()[0].width, sent.photo().unwrap()[0].height), (4, 3));
    let seen = user.wait_for(|message| message.photo.is_some(), SOON).await.unwrap();
    assert_eq!((seen.text.as_str(), seen.html.as_str()), ("scan", "<i>scan</i>"));
    assert_eq!(user.file_of(seen.message_id).await.unwrap(), picture);
    let file = bot.get_file(sent.photo().unwrap()[0].file.id.clone()).await.unwrap();
    let mut loaded = Vec::new();
    bot.download_file(&file.path, &mut loaded).await.unwrap();
    assert_eq!(loaded, picture);
    // The same picture by its id, another by upload, then what is none.
    bot.send_photo(ChatId(5), InputFile::file_id(sent.photo().unwrap()[0].file.id.clone())).await.unwrap();
    let tiny = InputFile::memory(&b"GIF89a\x09\0\x08\0"[..]);
    let media = teloxide::types::InputMedia::Photo(teloxide::types::InputMediaPhoto::new(tiny));
    let changed = bot.edit_message_media(ChatId(5), sent.id, media).await.unwrap();
    assert_eq!(changed.photo().unwrap()[0].width, 9);
    let broken = bot.send_photo(ChatId(5), InputFile::memory(&b"no picture"[..])).await;
    assert!(matches!(broken, Err(RequestError::Api(ApiError::ImageProcessFailed))), "{broken:?}");
    bot.send_document(ChatId(5), InputFile::memory(&b"bytes"[..]).file_name("a.txt")).await.unwrap();
    let document = user.wait_for(|message| message.document.is_some(), SOON).await.unwrap();
    assert_eq!(document.document.unwrap().file_name.as_deref(), Some("a.txt"));
}

#[tokio::test]
async fn mistakes_in_parameters_are_refused_in_telegrams_words() {
    let sim = sim().await;
    sim.user(1).send("hi").await.unwrap();
    let button = |extra: Value| {
        let mut button = json!({"text": "t"});
        button.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"chat_id": 1, "text": "x", "reply_markup": {"inline_keyboard": [[button]]}})
    };
    let html = |text: &str| json!({"chat_id": 1, "text": text, "parse_mode": "HTML"});
    let cases = [
        ("sendMessage", json!({"text": "x"}), "Bad Request: chat_id is empty"),
        ("sendMessage", json!({"chat_id": 1}), "Bad Request: message text is empty"),
        ("sendMessage", json!({"chat_id": 1, "text": " \n"}), "Bad Request: message text is empty"),
        ("sendMessage", html("<b></b>"), "Bad Request: message text is empty"),
        ("sendMessage", json!({"chat_id": 2, "text": "x"}), "Bad Request: chat not found"),
        ("sendMessage", json!({"chat_id": "@nobody", "text": "x"}), "Bad Request: chat not found"),
        ("sendMessage", json!({"chat_id": 1, "text": "x", "colour": 1}), "unknown parameter \"colour\""),
        ("sendMessage", json!({"chat_id": 1, "text": 5}), "field \"text\" must be of type String"),
        ("sendMessage", json!({"chat_id": 1, "text": "x", "protect_content": 3}), "must be of type Boolean"),
        ("sendMessage", json!({"chat_id": 1, "text": "x", "parse_mode": "BB"}), "unsupported parse_mode"),
        ("sendMessage", json!({"chat_id": 1, "text": "😀".repeat(2049)}), "Bad Request: message is too long"),
        ("sendMessage", html("<b>x"), "can't parse entities: Can't find end tag corresponding to start tag \"b\""),
        ("sendMessage", html("1 < 2"), "can't parse entities: Unsupported start tag \"\" at byte offset 2"),
        ("sendMessage", button(json!({})), "Text buttons are unallowed in the inline keyboard"),
        ("sendMessage", button(json!({"callback_data": ""})), "Bad Request: BUTTON_DATA_INVALID"),
        ("sendMessage", button(json!({"callback_data": "d".repeat(65)})), "Bad Request: BUTTON_DATA_INVALID"),
        ("sendMessage", button(json!({"url": "no url"})), "Bad Request: BUTTON_URL_INVALID"),
        ("sendMessage", button(json!({"callback_data": "d", "hue": 1})), "unknown field \"hue\""),
        (
            "sendMessage",
            json!({"chat_id": 1, "text": "x", "reply_parameters": {"message_id": 99}}),
            "Bad Request: message to be replied not found",
        ),
        ("editMessageText", json!({"chat_id": 1, "text": "x"}), "Bad Request: message identifier is not specified"),
        (
            "editMessageText",
            json!({"chat_id": 1, "message_id": 1, "text": "x".repeat(4097)}),
            "Bad Request: MESSAGE_TOO_LONG",
        ),
        ("deleteMessage", json!({"chat_id": 1, "message_id": 99}), "Bad Request: message to delete not found"),
        ("sendChatAction", json!({"chat_id": 1, "action": "dance"}), "wrong parameter action in request"),
        ("answerCallbackQuery", json!({"callback_query_id": "1", "text": "x".repeat(201)}), "MESSAGE_TOO_LONG"),
        ("sendPhoto", json!({"chat_id": 1, "photo": "nonsense"}), "wrong file identifier/HTTP URL specified"),
        ("getFile", json!({"file_id": "nonsense"}), "Bad Request: invalid file id"),
        ("setMyCommands", json!({"commands": [{"command": "Ab", "description": "x"}]}), "BOT_COMMAND_INVALID"),
        ("getUpdates", json!({"allowed_updates": ["telepathy"]}), "unknown kind of update"),
        ("flyToTheMoon", json!({}), "Not Found"),
    ];
    for (method, body, words) in cases {
        let description = refused(&sim, method, body.clone()).await;
        assert!(description.contains(words), "{method} {body}: {description}");
    }
    // At the limit, marks not counted, everything is fine.
    let full = format!("<b>{}</b>", "😀".repeat(2048));
    assert_eq!(raw(&sim, "SENDMESSAGE", &html(&full)).await.0, 200);
    let limit = button(json!({"callback_data": "d".repeat(64)}));
    assert_eq!(raw(&sim, "sendmessage", &limit).await.0, 200);
}

#[tokio::test]
async fn parameters_come_by_query_form_or_multipart_alike() {
    let sim = sim().await;
    sim.user(1).send("hi").await.unwrap();
    let http = reqwest::Client::new();
    let url = format!("{}/bot{}/sendMessage", sim.api_url(), SimConfig::default().token);
    let markup = r#"{"inline_keyboard":[[{"text":"t","callback_data":"d"}]]}"#;
    let fields = [("chat_id", "1"), ("text", "a b&c"), ("reply_markup", markup), ("protect_content", "true")];
    let form: String = reqwest::Url::parse_with_params("http://x/", fields).unwrap().query().unwrap().to_owned();
    let kind = "application/x-www-form-urlencoded";
    let mut multipart = reqwest::multipart::Form::new();
    for (name, value) in fields {
        multipart = multipart.text(name, value);
    }
    let requests = [
        http.get(&url).query(&fields),
        http.post(&url).header("content-type", kind).body(form),
        http.post(&url).multipart(multipart),
    ];
    for request in requests {
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["result"]["text"], "a b&c", "{answer}");
        assert_eq!(answer["result"]["reply_markup"]["inline_keyboard"][0][0]["callback_data"], "d");
    }
}

#[tokio::test]
async fn offsets_confirm_and_polls_wait_and_a_second_poll_ends_the_first() {
    let sim = sim().await;
    let mut user = sim.user(9);
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(user.send(&number.to_string()).await.unwrap().update_id.unwrap());
    }
    assert_eq!(update_ids(&sim, json!({"limit": 2})).await, ids[..2]);
    assert_eq!(update_ids(&sim, json!({})).await, ids, "nothing was confirmed yet");
    assert_eq!(update_ids(&sim, json!({"offset": ids[2]})).await, ids[2..]);
    assert_eq!(update_ids(&sim, json!({})).await, ids[2..]);
    assert_eq!(update_ids(&sim, json!({"offset": -1})).await, ids[4..]);
    assert_eq!(update_ids(&sim, json!({"offset": ids[4] + 1})).await, Vec::<i64>::new());

    let waiting = update_ids(&sim, json!({"timeout": 30, "allowed_updates": ["message"]}));
    let writing = async {
        sim.client().calls(Some("getUpdates"), 6, SOON).await.unwrap();
        user.send("late").await.unwrap().update_id.unwrap()
    };
    let (got, sent) = tokio::join!(waiting, writing);
    assert_eq!(got, [sent]);
    assert_eq!(user.press_data(1, "x").await.unwrap().update_id, None, "only messages were asked for");

    let offset = json!({"offset": sent + 1, "timeout": 30});
    let first = raw(&sim, "getUpdates", &offset);
    let second = async {
        let seen = sim.client().stats().await.unwrap().calls["getUpdates"];
        let mut calls = seen;
        while calls < 8 {
            calls = sim.client().calls(Some("getUpdates"), 0, SOON).await.unwrap().calls.len() as u64;
        }
        update_ids(&sim, json!({"timeout": 0})).await
    };
    let ((status, answer), _) = tokio::join!(first, second);
    assert_eq!(status, 409);
    assert!(answer["description"].as_str().unwrap().starts_with("Conflict: terminated by other getUpdates request"));
    for (wrong, why) in [
        (json!({"url": "http://example.org/hook"}), "An HTTPS URL must be provided"),
        (json!({"url": "https://example.org:9000/hook"}), "only on ports 80, 88, 443 or 8443"),
        (json!({"url": "https://example.org/hook", "secret_token": "a b"}), "unallowed characters"),
        (json!({"url": "https://example.org/hook", "secret_token": "x".repeat(257)}), "too long"),
        (json!({"url": "https://example.org/hook", "max_connections": 101}), "max_connections"),
        (json!({"url": "https://example.org/hook", "allowed_updates": ["nothing"]}), "unknown kind"),
    ] {
        assert!(refused(&sim, "setWebhook", wrong).await.contains(why), "{why}");
    }
    assert_eq!(raw(&sim, "setWebhook", &json!({"url": "https://example.org/hook"})).await.0, 200);
    assert!(refused(&sim, "getUpdates", json!({})).await.contains("webhook is active"));
    assert_eq!(raw(&sim, "deleteWebhook", &json!({})).await.0, 200);
}

#[tokio::test]
async fn limits_answer_429_and_faults_hit_as_ordered() {
    let limits = RateLimits { chat_burst: 2.0, ..RateLimits::default() };
    let sim = TelegramSim::start(SimConfig { limits, ..SimConfig::default() }).await.unwrap();
    let bot = bot(&sim);
    let mut user = sim.user(3);
    user.send("hi").await.unwrap();
    bot.send_message(ChatId(3), "1").await.unwrap();
    bot.send_message(ChatId(3), "2").await.unwrap();
    let third = bot.send_message(ChatId(3), "3").await;
    assert!(matches!(third, Err(RequestError::RetryAfter(wait)) if wait.seconds() == 1), "{third:?}");
    sim.client().set_limits(RateLimits::off()).await.unwrap();

    let fault = |action, times| Fault { method: "SendMessage".into(), chat_id: Some(3), times: Some(times), action };
    let client = sim.client();
    client.fault(&fault(FaultAction::Status { code: 429, retry_after: Some(7), description: None }, 1)).await.unwrap();
    let refused = bot.send_message(ChatId(3), "x").await;
    assert!(matches!(refused, Err(RequestError::RetryAfter(wait)) if wait.seconds() == 7));

    client.fault(&fault(FaultAction::Drop, 1)).await.unwrap();
    assert!(matches!(bot.send_message(ChatId(3), "never").await, Err(RequestError::Network(_))));
    client.fault(&fault(FaultAction::AcceptThenDrop, 1)).await.unwrap();
    assert!(matches!(bot.send_message(ChatId(3), "unsure").await, Err(RequestError::Network(_))));
    client.fault(&fault(FaultAction::AcceptThenStatus { code: 502 }, 1)).await.unwrap();
    let (status, _) = raw(&sim, "sendMessage", &json!({"chat_id": 3, "text": "also"})).await;
    assert_eq!(status, 502);
    client.fault(&fault(FaultAction::Delay { ms: 30 }, 1)).await.unwrap();
    bot.send_message(ChatId(3), "slow").await.unwrap();
    let texts: Vec<_> = user.transcript().await.unwrap().into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["hi", "1", "2", "unsure", "also", "slow"]);

    client.outage(true).await.unwrap();
    assert!(bot.get_me().await.is_err());
    client.outage(false).await.unwrap();
    bot.get_me().await.unwrap();
    let calls = client.calls(Some("sendMessage"), 0, SOON).await.unwrap().calls;
    assert_eq!(calls.iter().filter(|call| call.ok).count(), 5);
    assert_eq!(calls[3].error_code, Some(429));
}

#[tokio::test]
async fn forged_presses_injected_updates_and_resets_do_what_they_say() {
    let sim = sim().await;
    let bot = bot(&sim);
    let (mut ani, mut budi) = (sim.user(1), sim.user(2));
    ani.send("a").await.unwrap();
    budi.send("b").await.unwrap();
    let secret = bot.send_message(ChatId(1), "for Ani").reply_markup(keyboard("Pay", "pay:ani")).await.unwrap();
    assert!(matches!(budi.press_label("Pay").await, Err(ClientError::Refused { status: 404, .. })));
    budi.press_data(secret.id.0.into(), "pay:ani").await.unwrap();
    sim.client().update(&json!({"message": {"nonsense": true}})).await.unwrap();
    let updates = raw(&sim, "getUpdates", &json!({"offset": -2})).await.1;
    let query = &updates["result"][0]["callback_query"];
    assert_eq!((&query["from"]["id"], &query["message"]["chat"]["id"]), (&json!(2), &json!(2)));
    assert_eq!((&query["data"], &query["message"]["date"]), (&json!("pay:ani"), &json!(0)));
    let last = updates["result"][1]["update_id"].as_i64().unwrap();
    sim.client().reset().await.unwrap();
    assert_eq!(sim.client().stats().await.unwrap().updates_pending, 0);
    assert_eq!(ani.send("again").await.unwrap().update_id, Some(last + 1), "ids never repeat");
    let late = ani.wait_text("nothing", Duration::from_millis(20)).await;
    assert!(matches!(late, Err(ClientError::Late { .. })));
}

#[tokio::test]
async fn many_updates_are_measured_from_queueing_to_reply() {
    let sim = sim().await;
    let bulk =
        Bulk { updates: 200, users: 10, first_user_id: 1000, text: "ping {n}".into(), matching: Matching::Token };
    sim.client().bulk(&bulk).await.unwrap();
    let mut offset = 0;
    while sim.client().stats().await.unwrap().updates_pending > 0 {
        let (_, answer) = raw(&sim, "getUpdates", &json!({"offset": offset, "limit": 50})).await;
        for update in answer["result"].as_array().unwrap() {
            offset = update["update_id"].as_i64().unwrap() + 1;
            let message = &update["message"];
            let reply = json!({"chat_id": message["chat"]["id"], "text": format!("echo {}", message["text"])});
            assert_eq!(raw(&sim, "sendMessage", &reply).await.0, 200);
        }
    }
    let report = sim.client().bulk_report(None, 200, true, SOON).await.unwrap();
    assert_eq!((report.enqueued, report.delivered, report.replied), (200, 200, 200));
    assert!(report.from_enqueue.p99_us >= report.from_delivery.p50_us && report.from_delivery.p50_us > 0);
    assert_eq!(report.samples.len(), 200);
    let some = sim.client().bulk_report(Some((1000, 1001)), 0, false, SOON).await.unwrap();
    assert_eq!(some.replied, 40);
}

#[tokio::test]
async fn only_loopback_is_served() {
    let listen = "0.0.0.0:0".parse().unwrap();
    assert!(TelegramSim::start(SimConfig { listen, ..SimConfig::default() }).await.is_err());
}
