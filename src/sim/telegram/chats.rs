//! One chat as Telegram keeps it: its messages as they stand now, and in which order they last changed.
//!
//! Owns messages. Must not know who may change them.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::{
    html,
    wire::{Attachment, Button, SimMessage},
};

/// A message with what Telegram would not tell about it.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) id: i64,
    /// The `Message` object.
    pub(super) json: Map<String, Value>,
    pub(super) by_bot: bool,
    pub(super) edits: u32,
    pub(super) deleted: bool,
    pub(super) reaction: Option<String>,
    pub(super) seq: u64,
    pub(super) created_us: u64,
    pub(super) changed_us: u64,
}

/// One chat.
#[derive(Debug)]
pub(super) struct Chat {
    pub(super) id: i64,
    /// The `Chat` object.
    pub(super) json: Map<String, Value>,
    /// How the bot stands here: `member`, `administrator`, `left` or `kicked`.
    pub(super) status: String,
    /// Wakes readers of the transcript.
    pub(super) changed: Arc<Notify>,
    messages: BTreeMap<i64, Stored>,
    /// Position of the last change → message.
    changes: BTreeMap<u64, i64>,
    last_id: i64,
}

impl Chat {
    pub(super) fn new(id: i64, json: Map<String, Value>) -> Self {
        Self {
            id,
            json,
            status: "member".into(),
            changed: Arc::new(Notify::new()),
            messages: BTreeMap::new(),
            changes: BTreeMap::new(),
            last_id: 0,
        }
    }

    pub(super) fn kind(&self) -> &str {
        self.json.get("type").and_then(Value::as_str).unwrap_or("private")
    }

    pub(super) fn is_private(&self) -> bool {
        self.kind() == "private"
    }

    /// Supergroups and channels count their own messages; all other chats of a bot share one count.
    pub(super) fn counts_alone(&self) -> bool {
        matches!(self.kind(), "supergroup" | "channel")
    }

    pub(super) fn next_own_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn insert(&mut self, message: Stored) {
        self.changes.insert(message.seq, message.id);
        self.messages.insert(message.id, message);
        self.changed.notify_waiters();
    }

    /// A message that is still there.
    pub(super) fn live(&self, id: i64) -> Option<&Stored> {
        self.messages.get(&id).filter(|message| !message.deleted)
    }

    /// Changes a message that is still there and moves it to the end of the changes.
    pub(super) fn change(&mut self, id: i64, seq: u64, now_us: u64, edit: impl FnOnce(&mut Stored)) -> Option<&Stored> {
        let message = self.messages.get_mut(&id).filter(|message| !message.deleted)?;
        edit(message);
        self.changes.remove(&message.seq);
        message.seq = seq;
        message.changed_us = now_us;
        self.changes.insert(seq, id);
        self.changed.notify_waiters();
        self.messages.get(&id)
    }

    /// The newest message that is still there and has an inline button with this label, and the button's data.
    pub(super) fn labelled(&self, label: &str, only: Option<i64>) -> Option<(i64, Option<String>)> {
        self.messages
            .values()
            .rev()
            .filter(|message| !message.deleted && only.is_none_or(|id| id == message.id))
            .find_map(|message| {
                let button = buttons(&message.json).into_iter().flatten().find(|button| button.text == label)?;
                Some((message.id, button.data))
            })
    }

    /// Messages that changed after the cursor, at most `limit`, oldest change first.
    pub(super) fn since(&self, after: u64, limit: usize) -> Vec<SimMessage> {
        let ids = self.changes.range(after.saturating_add(1)..).map(|(_, id)| id);
        ids.filter_map(|id| self.messages.get(id)).take(limit).map(|message| shown(self.id, message)).collect()
    }
}

fn shown(chat_id: i64, message: &Stored) -> SimMessage {
    let json = &message.json;
    let text = json.get("text").or_else(|| json.get("caption")).and_then(Value::as_str).unwrap_or_default();
    let marks = json.get("entities").or_else(|| json.get("caption_entities")).and_then(Value::as_array);
    let entities = marks.cloned().unwrap_or_default();
    SimMessage {
        chat_id,
        message_id: message.id,
        from_bot: message.by_bot,
        from_id: json.get("from").and_then(|from| from["id"].as_i64()),
        html: html::render(text, &entities),
        text: text.to_owned(),
        entities,
        buttons: buttons(json),
        photo: json.get("photo").and_then(Value::as_array).and_then(|sizes| sizes.last()).map(attachment),
        document: json.get("document").map(attachment),
        reply_to: json.get("reply_to_message").and_then(|target| target["message_id"].as_i64()),
        reaction: message.reaction.clone(),
        edits: message.edits,
        deleted: message.deleted,
        seq: message.seq,
        created_us: message.created_us,
        changed_us: message.changed_us,
    }
}

fn attachment(file: &Value) -> Attachment {
    let text = |name: &str| file[name].as_str().map(str::to_owned);
    let pixels = |name: &str| file[name].as_u64().and_then(|side| u32::try_from(side).ok());
    Attachment {
        file_id: text("file_id").unwrap_or_default(),
        file_unique_id: text("file_unique_id").unwrap_or_default(),
        file_name: text("file_name"),
        width: pixels("width"),
        height: pixels("height"),
        size_bytes: file["file_size"].as_u64().unwrap_or_default(),
    }
}

fn buttons(json: &Map<String, Value>) -> Vec<Vec<Button>> {
    let rows = json.get("reply_markup").and_then(|markup| markup["inline_keyboard"].as_array());
    let button = |button: &Value| Button {
        text: button["text"].as_str().unwrap_or_default().to_owned(),
        data: button["callback_data"].as_str().map(str::to_owned),
        url: button["url"].as_str().map(str::to_owned),
    };
    rows.into_iter().flatten().map(|row| row.as_array().into_iter().flatten().map(button).collect()).collect()
}
