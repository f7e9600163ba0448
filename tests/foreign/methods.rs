//! The methods of the foreign Bot API, and what requests and answers are made of.
use super::http::Request;
use serde_json::{Value, json};

pub const METHODS: [&str; 13] = [
    "getMe",
    "getUpdates",
    "sendMessage",
    "sendPhoto",
    "editMessageText",
    "editMessageCaption",
    "editMessageMedia",
    "editMessageReplyMarkup",
    "answerCallbackQuery",
    "deleteMessage",
    "deleteWebhook",
    "setMyCommands",
    "sendChatAction",
];
pub const LUXURY: [&str; 4] = ["deleteMessage", "deleteWebhook", "setMyCommands", "sendChatAction"];

pub fn done(result: Value) -> (u16, String) {
    (200, json!({"ok": true, "result": result}).to_string())
}

pub fn bad(description: &str) -> (u16, String) {
    (400, json!({"ok": false, "error_code": 400, "description": description}).to_string())
}

/// A file that came along: under the field's own name, or under the one that the field attaches.
pub fn file_of(request: &Request, field: &str, named: Option<&str>) -> Option<Vec<u8>> {
    let attached = named.and_then(|name| name.strip_prefix("attach://"));
    request.files.get(attached.unwrap_or(field)).cloned()
}

pub fn buttons_of(request: &Request) -> Vec<(String, String)> {
    let markup = request.object("reply_markup").unwrap_or_default();
    let rows = markup["inline_keyboard"].as_array().cloned().unwrap_or_default();
    let buttons = rows.iter().filter_map(Value::as_array).flatten();
    let text = |button: &Value, field: &str| button[field].as_str().unwrap_or_default().to_owned();
    buttons.map(|button| (text(button, "text"), text(button, "callback_data"))).collect()
}
