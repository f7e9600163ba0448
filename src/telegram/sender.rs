//! Sends, changes and deletes messages: one request each, its fate told in the words of [`TelegramError`].
//!
//! Owns nothing but the client. Must not repeat, wait or choose: budgets, order and retries are the callers'.
use super::api::{Api, ApiError};
use super::entities::entities;
use super::{chart, qr};
use crate::domain::{Body, ChatId, MessageId, Outgoing, RichText};
use crate::users::port::{Telegram, TelegramError};
use async_trait::async_trait;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// The name under which a picture travels in a form.
const PICTURE: &str = "picture";

/// Telegram, for those who write to people.
#[derive(Debug, Clone)]
pub struct Sender {
    api: Api,
}

impl Sender {
    /// A sender for the bot of this client.
    pub fn new(api: Api) -> Self {
        Sender { api }
    }
}

#[async_trait]
impl Telegram for Sender {
    async fn send(&self, out: &Outgoing) -> Result<MessageId, TelegramError> {
        let mut fields = base(out.chat);
        if let Some(message) = out.reply_to {
            // The message may have been deleted meanwhile; what we have to say still counts.
            let reply = json!({ "message_id": message.0, "allow_sending_without_reply": true });
            fields.insert("reply_parameters".into(), reply);
        }
        if out.silent {
            fields.insert("disable_notification".into(), true.into());
        }
        put_keyboard(&mut fields, out);
        let sent: Result<Box<RawValue>, ApiError> = match &out.body {
            Body::Text(text) => {
                put_text(&mut fields, "text", "entities", text);
                fields.insert("link_preview_options".into(), json!({ "is_disabled": true }));
                self.api.call("sendMessage", &fields).await
            }
            Body::Qr { caption, .. } | Body::Chart { caption, .. } => {
                put_text(&mut fields, "caption", "caption_entities", caption);
                fields.insert("photo".into(), format!("attach://{PICTURE}").into());
                self.api.upload("sendPhoto", form(fields, &out.body)?).await
            }
        };
        match sent {
            // Sent is sent: without a usable id (the Bot API knows 0 for that) it only cannot be changed any more.
            Ok(sent) => Ok(MessageId(serde_json::from_str::<Sent>(sent.get()).map_or(0, |sent| sent.message_id))),
            // Without this method nobody could be told anything: it is waited for.
            Err(error @ ApiError::NoMethod(_)) => Err(TelegramError::Unreachable(error.to_string())),
            Err(error) => Err(fate(error)),
        }
    }

    async fn edit(&self, message: MessageId, out: &Outgoing) -> Result<(), TelegramError> {
        let mut fields = base(out.chat);
        fields.insert("message_id".into(), message.0.into());
        put_keyboard(&mut fields, out);
        let changed: Result<IgnoredAny, ApiError> = match &out.body {
            Body::Text(text) => {
                put_text(&mut fields, "text", "entities", text);
                fields.insert("link_preview_options".into(), json!({ "is_disabled": true }));
                self.api.call("editMessageText", &fields).await
            }
            Body::Qr { caption, .. } | Body::Chart { caption, .. } => {
                let mut media = Map::new();
                media.insert("type".into(), "photo".into());
                media.insert("media".into(), format!("attach://{PICTURE}").into());
                put_text(&mut media, "caption", "caption_entities", caption);
                fields.insert("media".into(), Value::Object(media));
                self.api.upload("editMessageMedia", form(fields, &out.body)?).await
            }
        };
        match changed {
            Ok(_) => Ok(()),
            Err(ApiError::Refused { description, .. }) if says(&description, &["message is not modified"]) => Ok(()),
            Err(error) => Err(fate(error)),
        }
    }

    async fn delete(&self, chat: ChatId, message: MessageId) -> Result<(), TelegramError> {
        let mut fields = base(chat);
        fields.insert("message_id".into(), message.0.into());
        match self.api.call::<IgnoredAny>("deleteMessage", &fields).await {
            Ok(_) => Ok(()),
            Err(ApiError::Refused { description, .. }) if says(&description, &["message to delete not found"]) => {
                Ok(())
            }
            Err(error) => Err(fate(error)),
        }
    }

    async fn answer_press(&self, callback: &str, text: Option<&str>, alert: bool) -> Result<(), TelegramError> {
        let mut fields = Map::new();
        fields.insert("callback_query_id".into(), callback.into());
        if let Some(text) = text {
            fields.insert("text".into(), text.into());
        }
        if alert {
            fields.insert("show_alert".into(), true.into());
        }
        self.api.call::<IgnoredAny>("answerCallbackQuery", &fields).await.map(drop).map_err(fate)
    }
}

/// What is of use in a message that was sent.
#[derive(Deserialize)]
struct Sent {
    message_id: i64,
}

fn base(chat: ChatId) -> Map<String, Value> {
    Map::from_iter([("chat_id".to_owned(), Value::from(chat.0))])
}

fn put_text(fields: &mut Map<String, Value>, text_field: &str, entities_field: &str, text: &RichText) {
    let entities = entities(text);
    fields.insert(text_field.into(), text.text.as_str().into());
    if !entities.is_empty() {
        fields.insert(entities_field.into(), json!(entities));
    }
}

fn put_keyboard(fields: &mut Map<String, Value>, out: &Outgoing) {
    if out.keyboard.is_empty() {
        return;
    }
    let button = |(label, data): &(String, String)| json!({ "text": label, "callback_data": data });
    let rows: Vec<Vec<Value>> = out.keyboard.iter().map(|row| row.iter().map(button).collect()).collect();
    fields.insert("reply_markup".into(), json!({ "inline_keyboard": rows }));
}

/// Fields and the picture as a form: strings as they are, everything else as JSON, as the Bot API reads forms.
fn form(fields: Map<String, Value>, body: &Body) -> Result<Form, TelegramError> {
    // The error's words never quote the payload, which is a credential.
    let picture = match body {
        Body::Qr { payload, .. } => qr::picture(payload).map_err(|error| error.to_string()),
        Body::Chart { chart, .. } => chart::picture(chart).map_err(|error| error.to_string()),
        Body::Text(_) => Err("make a picture of a text".to_owned()),
    };
    let part = Part::bytes(picture.map_err(TelegramError::Refused)?).file_name("picture.png").mime_str("image/png");
    let part = part.map_err(|_| TelegramError::Refused("name the picture's type".to_owned()))?;
    let text = |form: Form, (name, value): (String, Value)| match value {
        Value::String(text) => form.text(name, text),
        other => form.text(name, other.to_string()),
    };
    Ok(fields.into_iter().fold(Form::new(), text).part(PICTURE, part))
}

fn says(description: &str, words: &[&str]) -> bool {
    words.iter().any(|words| description.contains(words))
}

/// What an error means for a message. The words are Telegram's own; teloxide-core's `errors.rs` lists them.
fn fate(error: ApiError) -> TelegramError {
    const GONE: [&str; 6] = [
        "message to edit not found",
        "message can't be edited",
        "message can't be deleted",
        "MESSAGE_ID_INVALID",
        "there is no text in the message to edit",
        "there is no media in the message to edit",
    ];
    const BLOCKED: [&str; 5] =
        ["chat not found", "user not found", "PEER_ID_INVALID", "group is deactivated", "bot can't initiate"];
    match error {
        ApiError::RetryAfter(wait) => TelegramError::RetryAfter(wait),
        // The token can be put right while the daemon runs; a message must not be given up for it.
        ApiError::Token | ApiError::Conflict => TelegramError::Unreachable(error.to_string()),
        ApiError::Unreachable(why) => TelegramError::Unreachable(why),
        ApiError::NoMethod(_) => TelegramError::Refused(error.to_string()),
        // Every 403 says that this person or group does not take our messages.
        ApiError::Refused { code: 403, .. } => TelegramError::Blocked,
        ApiError::Refused { description, .. } if says(&description, &BLOCKED) => TelegramError::Blocked,
        ApiError::Refused { description, .. } if says(&description, &GONE) => TelegramError::Gone,
        ApiError::Refused { description, .. } => TelegramError::Refused(description),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn refused(code: i64, description: &str) -> TelegramError {
        fate(ApiError::Refused { code, description: description.into() })
    }

    #[test]
    fn telegrams_words_become_fates() {
        assert!(matches!(refused(403, "Forbidden: bot was blocked by the user"), TelegramError::Blocked));
        assert!(matches!(refused(403, "Forbidden: user is deactivated"), TelegramError::Blocked));
        assert!(matches!(refused(400, "Bad Request: chat not found"), TelegramError::Blocked));
        assert!(matches!(refused(400, "Bad Request: message to edit not found"), TelegramError::Gone));
        assert!(matches!(refused(400, "Bad Request: message can't be edited"), TelegramError::Gone));
        let photo = "Bad Request: there is no text in the message to edit";
        assert!(matches!(refused(400, photo), TelegramError::Gone));
        assert!(matches!(refused(400, "Bad Request: BUTTON_DATA_INVALID"), TelegramError::Refused(_)));
        assert!(matches!(fate(ApiError::Token), TelegramError::Unreachable(_)));
        assert!(matches!(fate(ApiError::NoMethod(404)), TelegramError::Refused(_)));
        let wait = Duration::from_secs(3);
        assert!(matches!(fate(ApiError::RetryAfter(wait)), TelegramError::RetryAfter(w) if w == wait));
    }
}
