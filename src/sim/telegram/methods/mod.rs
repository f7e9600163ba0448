//! The methods of the Bot API: which function answers which method, and what several of them share.
//!
//! Owns no state: every function takes the world, changes it or not, and gives the `result`. `getUpdates` alone waits
//! and therefore lives with the server.

mod edit;
mod profile;
mod queries;
mod send;
mod webhook;

use serde_json::{Map, Value, json};

use super::{
    html::{self, Rich},
    markup,
    params::Params,
    reply::{Answer, Refusal},
    world::World,
};

pub(super) use webhook::{allowed_kinds, is_local};

/// Longest text of a message, in UTF-16 units without the marks.
const MAX_TEXT: usize = 4096;
/// Longest caption, counted likewise.
const MAX_CAPTION: usize = 1024;

/// Answers a call of any method but `getUpdates`.
pub(super) fn call(world: &mut World, method: &'static str, params: &Params) -> Answer {
    match method {
        "getMe" => Ok(Value::Object(world.me.clone())),
        "logOut" | "close" => Ok(Value::Bool(true)),
        "setWebhook" => webhook::set(world, params),
        "deleteWebhook" => webhook::delete(world, params),
        "getWebhookInfo" => Ok(webhook::info(world)),
        "sendMessage" => send::message(world, params),
        "sendPhoto" => send::photo(world, params),
        "sendDocument" => send::document(world, params),
        "sendChatAction" => send::chat_action(world, params),
        "editMessageText" => edit::text(world, params),
        "editMessageCaption" => edit::caption_of(world, params),
        "editMessageMedia" => edit::media(world, params),
        "editMessageReplyMarkup" => edit::reply_markup(world, params),
        "deleteMessage" => edit::delete(world, params),
        "deleteMessages" => edit::delete_many(world, params),
        "setMessageReaction" => edit::reaction(world, params),
        "answerCallbackQuery" => queries::answer_callback(world, params),
        "getFile" => queries::file(world, params),
        "getChat" => queries::chat(world, params),
        "leaveChat" => queries::leave(world, params),
        "setMyCommands" => profile::set_commands(world, params),
        "getMyCommands" => profile::commands(world, params),
        "deleteMyCommands" => profile::delete_commands(world, params),
        "setMyName" => profile::set_text(world, params, "name"),
        "getMyName" => profile::text(world, params, "name"),
        "setMyDescription" => profile::set_text(world, params, "description"),
        "getMyDescription" => profile::text(world, params, "description"),
        "setMyShortDescription" => profile::set_text(world, params, "short_description"),
        "getMyShortDescription" => profile::text(world, params, "short_description"),
        _ => Err(Refusal::not_found()),
    }
}

/// Text with marks, from whichever way they were given.
fn rich(source: &str, parse_mode: Option<&str>, entities: Option<&Value>) -> Result<Rich, Refusal> {
    let mode = parse_mode.unwrap_or_default();
    let rich = if mode.eq_ignore_ascii_case("html") {
        let parsed = html::parse(source);
        parsed.map_err(|error| Refusal::bad(format!("can't parse entities: {error}")))?
    } else if mode.is_empty() {
        let marks = entities.map(|value| markup::entities(value, html::utf16_len(source) as u64)).transpose()?;
        Rich { text: source.to_owned(), entities: marks.unwrap_or_default() }
    } else if mode.to_ascii_lowercase().starts_with("markdown") {
        return Err(Refusal::bad("can't parse entities: this server parses HTML only"));
    } else {
        return Err(Refusal::bad("unsupported parse_mode"));
    };
    Ok(html::trimmed(rich))
}

/// The checked `text` parameter; `too_long` differs between sending and editing.
fn text_param(params: &Params, too_long: &str) -> Result<Rich, Refusal> {
    let source = params.text("text").ok_or_else(|| Refusal::bad("message text is empty"))?;
    let rich = rich(source, params.text("parse_mode"), params.json("entities"))?;
    if rich.text.is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    if html::utf16_len(&rich.text) > MAX_TEXT {
        return Err(Refusal::bad(too_long));
    }
    Ok(rich)
}

/// The checked `caption` parameter; empty when there is none.
fn caption_param(params: &Params) -> Result<Rich, Refusal> {
    caption(params.text("caption"), params.text("parse_mode"), params.json("caption_entities"))
}

fn caption(source: Option<&str>, parse_mode: Option<&str>, entities: Option<&Value>) -> Result<Rich, Refusal> {
    let rich = rich(source.unwrap_or_default(), parse_mode, entities)?;
    if html::utf16_len(&rich.text) > MAX_CAPTION {
        return Err(Refusal::bad("message caption is too long"));
    }
    Ok(rich)
}

/// Puts text and marks into a message under these names, or takes them out when there is no text.
fn put_rich(json: &mut Map<String, Value>, names: (&str, &str), rich: Rich) {
    json.remove(names.0);
    json.remove(names.1);
    if !rich.text.is_empty() {
        json.insert(names.0.into(), rich.text.into());
    }
    if !rich.entities.is_empty() {
        json.insert(names.1.into(), rich.entities.into());
    }
}

/// Puts a value in, or takes it out.
fn put(json: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => json.insert(name.into(), value),
        None => json.remove(name),
    };
}

/// Puts the inline keyboard in; one without rows is none.
fn put_markup(json: &mut Map<String, Value>, markup: Option<Value>) {
    let markup = markup.filter(|markup| markup["inline_keyboard"] != json!([]));
    put(json, "reply_markup", markup);
}

fn message_id(params: &Params) -> Result<i64, Refusal> {
    let id = params.integer("message_id").filter(|id| *id > 0);
    id.ok_or_else(|| Refusal::bad("message identifier is not specified"))
}

/// The parameters that were accepted but stand for things that this Telegram has not got.
fn refuse_unsupported(params: &Params) -> Result<(), Refusal> {
    if params.text("business_connection_id").is_some() {
        return Err(Refusal::bad("business connection not found"));
    }
    if params.text("inline_message_id").is_some() {
        return Err(Refusal::bad("MESSAGE_ID_INVALID"));
    }
    if params.json("rich_message").is_some() {
        return Err(Refusal::bad("rich messages are not supported by this server"));
    }
    Ok(())
}
