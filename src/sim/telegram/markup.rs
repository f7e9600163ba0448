//! Checks on the objects inside parameters: keyboards, reply parameters, entities, link previews.
//!
//! Owns no state.

use serde_json::{Map, Value};

use super::reply::Refusal;

/// More buttons than this in one keyboard are refused.
const MAX_BUTTONS: usize = 100;

const BUTTON_ACTIONS: &[&str] = &[
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
];

/// What a message will carry: the inline keyboard. Other keyboards are checked and leave no trace in the message.
pub(super) fn reply_markup(value: Option<&Value>, inline_only: bool) -> Result<Option<Value>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    let map = object(value, "object expected as reply markup")?;
    if let Some(rows) = map.get("inline_keyboard") {
        known(map, &["inline_keyboard"], "reply markup")?;
        return inline_keyboard(rows).map(Some);
    }
    if inline_only {
        return Err(Refusal::bad("inline keyboard expected"));
    }
    if map.contains_key("keyboard") {
        let keys = [
            "keyboard",
            "is_persistent",
            "resize_keyboard",
            "one_time_keyboard",
            "input_field_placeholder",
            "selective",
        ];
        known(map, &keys, "reply markup")?;
        if !map["keyboard"].is_array() {
            return Err(Refusal::bad("field \"keyboard\" must be of type Array"));
        }
        return Ok(None);
    }
    if map.contains_key("remove_keyboard") {
        known(map, &["remove_keyboard", "selective"], "reply markup")?;
        return Ok(None);
    }
    if map.contains_key("force_reply") {
        known(map, &["force_reply", "input_field_placeholder", "selective"], "reply markup")?;
        return Ok(None);
    }
    Err(Refusal::bad("can't parse reply keyboard markup JSON object"))
}

fn inline_keyboard(rows: &Value) -> Result<Value, Refusal> {
    let rows = rows.as_array().ok_or_else(|| Refusal::bad("field \"inline_keyboard\" must be of type Array"))?;
    let mut kept = Vec::with_capacity(rows.len());
    let mut count = 0;
    for row in rows {
        let row = row
            .as_array()
            .ok_or_else(|| Refusal::bad("field \"inline_keyboard\" must be an Array of Arrays"))?
            .iter()
            .map(inline_button)
            .collect::<Result<Vec<_>, _>>()?;
        count += row.len();
        // Telegram drops empty rows.
        if !row.is_empty() {
            kept.push(Value::Array(row));
        }
    }
    if count > MAX_BUTTONS {
        return Err(Refusal::bad("reply markup is too long"));
    }
    let mut markup = Map::new();
    markup.insert("inline_keyboard".into(), Value::Array(kept));
    Ok(Value::Object(markup))
}

fn inline_button(value: &Value) -> Result<Value, Refusal> {
    let refuse = |text: &str| Refusal::bad(format!("can't parse inline keyboard button: {text}"));
    let map = value.as_object().ok_or_else(|| refuse("InlineKeyboardButton must be an Object"))?;
    let mut keys = vec!["text", "icon_custom_emoji_id", "style"];
    keys.extend(BUTTON_ACTIONS);
    known(map, &keys, "inline keyboard button")?;
    let text = match map.get("text") {
        Some(Value::String(text)) => text,
        Some(_) => return Err(refuse("Field \"text\" must be of type String")),
        None => return Err(refuse("Can't find field \"text\"")),
    };
    if text.trim().is_empty() {
        return Err(Refusal::bad("BUTTON_TEXT_INVALID"));
    }
    let actions: Vec<_> =
        BUTTON_ACTIONS.iter().filter(|action| map.get(**action).is_some_and(|v| !v.is_null())).collect();
    match actions.as_slice() {
        [] => return Err(refuse("Text buttons are unallowed in the inline keyboard")),
        [_] => {}
        _ => return Err(refuse("Exactly one of the optional fields must be used")),
    }
    if let Some(data) = map.get("callback_data").filter(|data| !data.is_null()) {
        let data = data.as_str().ok_or_else(|| refuse("Field \"callback_data\" must be of type String"))?;
        if data.is_empty() || data.len() > 64 {
            return Err(Refusal::bad("BUTTON_DATA_INVALID"));
        }
    }
    if let Some(url) = map.get("url").filter(|url| !url.is_null()) {
        let url = url.as_str().ok_or_else(|| refuse("Field \"url\" must be of type String"))?;
        if reqwest::Url::parse(url).is_err() {
            return Err(Refusal::bad("BUTTON_URL_INVALID"));
        }
    }
    Ok(Value::Object(without_nulls(map)))
}

/// The message to answer, and whether its absence is forgiven.
pub(super) fn reply_target(value: Option<&Value>) -> Result<Option<(i64, bool)>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    let map = object(value, "object expected as reply parameters")?;
    let keys = [
        "message_id",
        "chat_id",
        "allow_sending_without_reply",
        "quote",
        "quote_parse_mode",
        "quote_entities",
        "quote_position",
        "checklist_task_id",
        "poll_option_id",
    ];
    known(map, &keys, "reply parameters")?;
    let id = match map.get("message_id") {
        None => return Err(Refusal::bad("can't parse reply parameters: Can't find field \"message_id\"")),
        Some(id) => id.as_i64().ok_or_else(|| {
            Refusal::bad("can't parse reply parameters: Field \"message_id\" must be of type Integer")
        })?,
    };
    Ok(Some((id, map.get("allow_sending_without_reply").and_then(Value::as_bool).unwrap_or(false))))
}

/// Checked link preview options, as the message shows them.
pub(super) fn link_preview(value: Option<&Value>) -> Result<Option<Value>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    let map = object(value, "object expected as link preview options")?;
    let keys = ["is_disabled", "url", "prefer_small_media", "prefer_large_media", "show_above_text"];
    known(map, &keys, "link preview options")?;
    Ok(Some(Value::Object(without_nulls(map))))
}

/// Entities given instead of a parse mode.
pub(super) fn entities(value: &Value, units: u64) -> Result<Vec<Value>, Refusal> {
    let refuse = |text: &str| Refusal::bad(format!("can't parse entities: {text}"));
    let items = value.as_array().ok_or_else(|| refuse("expected an Array of MessageEntity"))?;
    let keys =
        ["type", "offset", "length", "url", "user", "language", "custom_emoji_id", "unix_time", "date_time_format"];
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        let map = item.as_object().ok_or_else(|| refuse("expected an Object"))?;
        known(map, &keys, "message entity")?;
        let number = |name: &str| {
            map.get(name).and_then(Value::as_u64).ok_or_else(|| refuse(&format!("Can't find field \"{name}\"")))
        };
        if map.get("type").and_then(Value::as_str).is_none() {
            return Err(refuse("Can't find field \"type\""));
        }
        if number("offset")? + number("length")? > units {
            return Err(Refusal::bad("ENTITY_BOUNDS_INVALID"));
        }
        kept.push(Value::Object(without_nulls(map)));
    }
    Ok(kept)
}

/// Refuses a field that is not documented.
pub(super) fn known(map: &Map<String, Value>, keys: &[&str], what: &str) -> Result<(), Refusal> {
    match map.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(Refusal::bad(format!("unknown field \"{key}\" in {what}"))),
        None => Ok(()),
    }
}

fn object<'a>(value: &'a Value, otherwise: &str) -> Result<&'a Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| Refusal::bad(otherwise))
}

fn without_nulls(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), value.clone())).collect()
}
