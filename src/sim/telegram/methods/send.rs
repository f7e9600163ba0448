//! Methods that make new messages: text, pictures, files; and the "typing" sign.
//!
//! Owns no state. Everything is checked before anything is taken from a budget or stored.

use serde_json::{Map, Value};

use super::{caption_param, put, put_markup, put_rich, refuse_unsupported, text_param};
use crate::sim::telegram::{
    markup,
    media::StoredFile,
    params::Params,
    reply::{Answer, Refusal},
    world::World,
};

const CHAT_ACTIONS: &[&str] = &[
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

/// Telegram takes pictures up to this size and files up to five times of it.
const MAX_PHOTO_BYTES: usize = 10 * 1024 * 1024;
const MAX_DOCUMENT_BYTES: usize = 50 * 1024 * 1024;

pub(super) fn message(world: &mut World, params: &Params) -> Answer {
    let rich = text_param(params, "message is too long")?;
    let preview = markup::link_preview(params.json("link_preview_options"))?;
    let mut content = Map::new();
    put_rich(&mut content, ("text", "entities"), rich);
    put(&mut content, "link_preview_options", preview);
    deliver(world, params, content)
}

pub(super) fn photo(world: &mut World, params: &Params) -> Answer {
    let caption = caption_param(params)?;
    check_target(world, params)?;
    let file = picture(world, params.text("photo").unwrap_or("attach://photo"), params)?;
    let mut content = Map::new();
    content.insert("photo".into(), Value::Array(vec![file.photo_size()]));
    put_rich(&mut content, ("caption", "caption_entities"), caption);
    put_media_flags(&mut content, params);
    deliver(world, params, content)
}

pub(super) fn document(world: &mut World, params: &Params) -> Answer {
    let caption = caption_param(params)?;
    check_target(world, params)?;
    let file = file_of(world, params.text("document").unwrap_or("attach://document"), params, "documents")?;
    let mut content = Map::new();
    content.insert("document".into(), file.document());
    put_rich(&mut content, ("caption", "caption_entities"), caption);
    deliver(world, params, content)
}

pub(super) fn chat_action(world: &mut World, params: &Params) -> Answer {
    world.open_chat(&params.peer()?)?;
    match params.text("action") {
        Some(action) if CHAT_ACTIONS.contains(&action) => Ok(Value::Bool(true)),
        _ => Err(Refusal::bad("wrong parameter action in request")),
    }
}

fn put_media_flags(content: &mut Map<String, Value>, params: &Params) {
    if params.flag("has_spoiler") {
        content.insert("has_media_spoiler".into(), true.into());
    }
    if params.flag("show_caption_above_media") {
        content.insert("show_caption_above_media".into(), true.into());
    }
}

/// Whether the chat is there and open, before an upload is kept for it.
fn check_target(world: &World, params: &Params) -> Result<(), Refusal> {
    world.open_chat(&params.peer()?).map(|_| ())
}

/// What every new message goes through: target, keyboard, answered message, budget.
fn deliver(world: &mut World, params: &Params, mut content: Map<String, Value>) -> Answer {
    refuse_unsupported(params)?;
    let chat_id = world.open_chat(&params.peer()?)?;
    let keyboard = markup::reply_markup(params.json("reply_markup"), false)?;
    if let Some((target, optional)) = markup::reply_target(params.json("reply_parameters"))? {
        match world.quoted(chat_id, target) {
            Some(quoted) => put(&mut content, "reply_to_message", Some(quoted)),
            None if optional => {}
            None => return Err(Refusal::bad("message to be replied not found")),
        }
    }
    put_markup(&mut content, keyboard);
    if params.flag("protect_content") {
        content.insert("has_protected_content".into(), true.into());
    }
    world.pass_gate(chat_id)?;
    let from = world.me_value();
    let text = content.get("text").or_else(|| content.get("caption")).and_then(Value::as_str).unwrap_or_default();
    let now_us = world.now_us();
    if world.load.replied(chat_id, text, now_us) {
        world.signals.load.notify_waiters();
    }
    let stored = world.post(chat_id, Some(from), true, content).ok_or_else(|| Refusal::bad("chat not found"))?;
    Ok(Value::Object(stored.json.clone()))
}

/// A picture: a new upload or one that Telegram has.
pub(super) fn picture(world: &mut World, value: &str, params: &Params) -> Result<StoredFile, Refusal> {
    let file = file_of(world, value, params, "photos")?;
    if file.pixels.is_none() {
        return Err(Refusal::bad("IMAGE_PROCESS_FAILED"));
    }
    Ok(file)
}

/// The file that a parameter names: `attach://part`, or a file id. Addresses are refused: this server never calls out.
pub(super) fn file_of(world: &mut World, value: &str, params: &Params, folder: &str) -> Result<StoredFile, Refusal> {
    if let Some(part) = value.strip_prefix("attach://") {
        let missing = || Refusal::bad(format!("there is no {} in the request", folder.trim_end_matches('s')));
        let upload = params.file(part).ok_or_else(missing)?;
        if upload.bytes.is_empty() {
            return Err(Refusal::bad("file must be non-empty"));
        }
        let most = if folder == "photos" { MAX_PHOTO_BYTES } else { MAX_DOCUMENT_BYTES };
        if upload.bytes.len() > most {
            return Err(Refusal::bad(format!("file is too big for a {}", folder.trim_end_matches('s'))));
        }
        return Ok(world.files.keep(folder, &upload.name, upload.mime.as_deref(), upload.bytes.clone()));
    }
    if value.starts_with("http://") || value.starts_with("https://") {
        return Err(Refusal::bad("failed to get HTTP URL content"));
    }
    world.files.get(value).cloned().ok_or_else(|| Refusal::bad("wrong file identifier/HTTP URL specified"))
}
