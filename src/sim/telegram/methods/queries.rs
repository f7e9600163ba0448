//! Methods that answer presses and ask about files and chats.
//!
//! Owns no state.

use serde_json::{Value, json};

use crate::sim::telegram::{
    html::utf16_len,
    params::Params,
    reply::{Answer, Refusal},
    wire::CallbackReply,
    world::World,
};

/// Longest notification of an answered press.
const MAX_NOTIFICATION: usize = 200;

pub(super) fn answer_callback(world: &mut World, params: &Params) -> Answer {
    let id = params.text("callback_query_id").unwrap_or_default();
    let text = params.text("text").filter(|text| !text.is_empty());
    if text.is_some_and(|text| utf16_len(text) > MAX_NOTIFICATION) {
        return Err(Refusal::bad("MESSAGE_TOO_LONG"));
    }
    if params.text("url").is_some_and(|url| !url.is_empty() && reqwest::Url::parse(url).is_err()) {
        return Err(Refusal::bad("URL_INVALID"));
    }
    let reply = CallbackReply { answered: true, text: text.map(str::to_owned), show_alert: params.flag("show_alert") };
    let query = world
        .query(id)
        .ok_or_else(|| Refusal::bad("query is too old and response timeout expired or query id is invalid"))?;
    query.reply = reply;
    world.signals.answers.notify_waiters();
    Ok(Value::Bool(true))
}

pub(super) fn file(world: &World, params: &Params) -> Answer {
    let id = params.text("file_id").unwrap_or_default();
    if id.is_empty() {
        return Err(Refusal::bad("file_id not specified"));
    }
    let file = world.files.get(id).ok_or_else(|| Refusal::bad("invalid file id"))?;
    Ok(json!({
        "file_id": file.file_id, "file_unique_id": file.unique_id, "file_size": file.bytes.len(),
        "file_path": file.path,
    }))
}

pub(super) fn chat(world: &World, params: &Params) -> Answer {
    let mut full = world.find_chat(&params.peer()?)?.json.clone();
    full.insert("accent_color_id".into(), 0.into());
    full.insert("max_reaction_count".into(), 11.into());
    let gifts = json!({
        "unlimited_gifts": false, "limited_gifts": false, "unique_gifts": false, "premium_subscription": false,
        "gifts_from_channels": false,
    });
    full.insert("accepted_gift_types".into(), gifts);
    Ok(Value::Object(full))
}

pub(super) fn leave(world: &mut World, params: &Params) -> Answer {
    let id = world.open_chat(&params.peer()?)?;
    let chat = world.chats.get_mut(&id).ok_or_else(|| Refusal::bad("chat not found"))?;
    if chat.is_private() {
        return Err(Refusal::bad("chat member status can't be changed in private chats"));
    }
    chat.status = "left".into();
    Ok(Value::Bool(true))
}
