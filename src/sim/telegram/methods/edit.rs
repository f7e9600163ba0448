//! Methods that change messages that are there: text, caption, picture, keyboard, reaction, deletion.
//!
//! Owns no state. A bot changes its own messages only; a change that changes nothing is refused, as on Telegram.

use serde_json::{Map, Value};

use super::{caption, caption_param, message_id, put, put_markup, put_rich, refuse_unsupported, send, text_param};
use crate::sim::telegram::{
    chats::Stored,
    markup,
    params::Params,
    reply::{Answer, Refusal},
    world::{World, unix_now},
};

const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are exactly the \
                            same as a current content and reply markup of the message";

pub(super) fn text(world: &mut World, params: &Params) -> Answer {
    refuse_unsupported(params)?;
    let rich = text_param(params, "MESSAGE_TOO_LONG")?;
    let preview = markup::link_preview(params.json("link_preview_options"))?;
    let keyboard = markup::reply_markup(params.json("reply_markup"), true)?;
    let target = own_message(world, params)?;
    if !target.json.contains_key("text") {
        return Err(Refusal::bad("there is no text in the message to edit"));
    }
    let mut json = target.json.clone();
    put_rich(&mut json, ("text", "entities"), rich);
    put(&mut json, "link_preview_options", preview);
    put_markup(&mut json, keyboard);
    replace(world, params, json)
}

pub(super) fn caption_of(world: &mut World, params: &Params) -> Answer {
    refuse_unsupported(params)?;
    let rich = caption_param(params)?;
    let keyboard = markup::reply_markup(params.json("reply_markup"), true)?;
    let target = own_message(world, params)?;
    if !has_media(target) {
        return Err(Refusal::bad("there is no caption in the message to edit"));
    }
    let mut json = target.json.clone();
    put_rich(&mut json, ("caption", "caption_entities"), rich);
    put_markup(&mut json, keyboard);
    replace(world, params, json)
}

pub(super) fn media(world: &mut World, params: &Params) -> Answer {
    refuse_unsupported(params)?;
    let media = params.json("media").and_then(Value::as_object);
    let media = media.ok_or_else(|| Refusal::bad("media is not specified"))?;
    let text = |name: &str| media.get(name).and_then(Value::as_str);
    let keyboard = markup::reply_markup(params.json("reply_markup"), true)?;
    let rich = caption(text("caption"), text("parse_mode"), media.get("caption_entities").filter(|v| !v.is_null()))?;
    let link = text("media").ok_or_else(|| Refusal::bad("can't parse InputMedia: media not found"))?;
    let mut json = own_message(world, params)?.json.clone();
    for field in ["text", "entities", "photo", "document", "link_preview_options"] {
        json.remove(field);
    }
    match text("type") {
        Some("photo") => {
            let keys = [
                "type",
                "media",
                "caption",
                "parse_mode",
                "caption_entities",
                "show_caption_above_media",
                "has_spoiler",
            ];
            markup::known(media, &keys, "input media")?;
            let file = send::picture(world, link, params)?;
            json.insert("photo".into(), Value::Array(vec![file.photo_size()]));
        }
        Some("document") => {
            let keys = [
                "type",
                "media",
                "thumbnail",
                "caption",
                "parse_mode",
                "caption_entities",
                "disable_content_type_detection",
            ];
            markup::known(media, &keys, "input media")?;
            let file = send::file_of(world, link, params, "documents")?;
            json.insert("document".into(), file.document());
        }
        _ => return Err(Refusal::bad("can't parse InputMedia: type must be photo or document on this server")),
    }
    put_rich(&mut json, ("caption", "caption_entities"), rich);
    put_markup(&mut json, keyboard);
    replace(world, params, json)
}

pub(super) fn reply_markup(world: &mut World, params: &Params) -> Answer {
    refuse_unsupported(params)?;
    let keyboard = markup::reply_markup(params.json("reply_markup"), true)?;
    let mut json = own_message(world, params)?.json.clone();
    put_markup(&mut json, keyboard);
    replace(world, params, json)
}

pub(super) fn delete(world: &mut World, params: &Params) -> Answer {
    let chat_id = world.open_chat(&params.peer()?)?;
    let id = message_id(params)?;
    let chat = world.chat(chat_id);
    let message = chat.and_then(|chat| chat.live(id)).ok_or_else(|| Refusal::bad("message to delete not found"))?;
    let allowed = message.by_bot || chat.is_some_and(|chat| chat.is_private() || chat.status == "administrator");
    if !allowed {
        return Err(Refusal::bad("message can't be deleted"));
    }
    remove(world, chat_id, id);
    Ok(Value::Bool(true))
}

pub(super) fn delete_many(world: &mut World, params: &Params) -> Answer {
    let chat_id = world.open_chat(&params.peer()?)?;
    let ids = params.json("message_ids").and_then(Value::as_array);
    let ids = ids.filter(|ids| (1..=100).contains(&ids.len()));
    let ids = ids.ok_or_else(|| Refusal::bad("message identifiers are not specified"))?;
    let wrong = || Refusal::bad("can't parse message identifier");
    let ids = ids.iter().map(|id| id.as_i64().ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()?;
    // Those that are not there are skipped, as documented.
    for id in ids {
        remove(world, chat_id, id);
    }
    Ok(Value::Bool(true))
}

pub(super) fn reaction(world: &mut World, params: &Params) -> Answer {
    let chat_id = world.open_chat(&params.peer()?)?;
    let id = message_id(params)?;
    if world.chat(chat_id).and_then(|chat| chat.live(id)).is_none() {
        return Err(Refusal::bad("message to react not found"));
    }
    let chosen = params.json("reaction").map_or(Ok(Vec::new()), reactions)?;
    if chosen.len() > 1 {
        return Err(Refusal::bad("REACTIONS_TOO_MANY"));
    }
    let (seq, now_us) = (world.next_seq(), world.now_us());
    if let Some(chat) = world.chats.get_mut(&chat_id) {
        chat.change(id, seq, now_us, |message| message.reaction = chosen.into_iter().next());
    }
    Ok(Value::Bool(true))
}

fn reactions(value: &Value) -> Result<Vec<String>, Refusal> {
    let invalid = || Refusal::bad("REACTION_INVALID");
    let emoji = |item: &Value| {
        let plain = item["type"] == "emoji";
        item["emoji"].as_str().filter(|emoji| plain && !emoji.is_empty()).map(str::to_owned).ok_or_else(invalid)
    };
    value.as_array().ok_or_else(invalid)?.iter().map(emoji).collect()
}

fn remove(world: &mut World, chat_id: i64, id: i64) {
    let (seq, now_us) = (world.next_seq(), world.now_us());
    if let Some(chat) = world.chats.get_mut(&chat_id) {
        chat.change(id, seq, now_us, |message| message.deleted = true);
    }
}

fn has_media(message: &Stored) -> bool {
    message.json.contains_key("photo") || message.json.contains_key("document")
}

fn own_message<'a>(world: &'a World, params: &Params) -> Result<&'a Stored, Refusal> {
    let chat_id = world.open_chat(&params.peer()?)?;
    let id = message_id(params)?;
    let found = world.chat(chat_id).and_then(|chat| chat.live(id));
    let message = found.ok_or_else(|| Refusal::bad("message to edit not found"))?;
    if message.by_bot { Ok(message) } else { Err(Refusal::bad("message can't be edited")) }
}

/// Puts the new form in the place of the old one, if it differs.
fn replace(world: &mut World, params: &Params, mut json: Map<String, Value>) -> Answer {
    let current = own_message(world, params)?;
    if comparable(&current.json) == comparable(&json) {
        return Err(Refusal::bad(NOT_MODIFIED));
    }
    let id = current.id;
    let chat_id = world.open_chat(&params.peer()?)?;
    world.pass_gate(chat_id)?;
    json.insert("edit_date".into(), unix_now().into());
    let (seq, now_us) = (world.next_seq(), world.now_us());
    let chat = world.chats.get_mut(&chat_id).ok_or_else(|| Refusal::bad("chat not found"))?;
    let changed = chat.change(id, seq, now_us, |message| {
        message.json = json;
        message.edits += 1;
    });
    let changed = changed.ok_or_else(|| Refusal::bad("message to edit not found"))?;
    Ok(Value::Object(changed.json.clone()))
}

/// What counts when a new form is compared with the old one. Of files only the content counts: the same picture
/// uploaded again is the same picture.
fn comparable(json: &Map<String, Value>) -> [Value; 7] {
    let unique = |file: Option<&Value>| file.map_or(Value::Null, |file| file["file_unique_id"].clone());
    let part = |name: &str| json.get(name).cloned().unwrap_or_default();
    [
        part("text"),
        part("entities"),
        part("caption"),
        part("caption_entities"),
        unique(json.get("photo").and_then(|sizes| sizes.get(0))),
        unique(json.get("document")),
        part("reply_markup"),
    ]
}
