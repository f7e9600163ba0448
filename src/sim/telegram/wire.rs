//! The words of the control API: what is sent to `/control/…` and what comes back, for server and client alike.
//!
//! Owns no state.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use super::measure::{Bulk, BulkReport, Matching, Spread, Stats};

/// A person (or a bot) on the simulated Telegram. Fields left out keep what the server already knows of this id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSpec {
    /// Telegram's id of the user.
    pub id: i64,
    /// First name; `User <id>` when never given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Name without `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// IETF language tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
    /// Whether this is a bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_bot: Option<bool>,
}

/// A chat. Only the id is needed when the server knows the chat; left out altogether it is the user's private chat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatSpec {
    /// Positive for private chats, negative for groups, `-100…` for supergroups and channels.
    pub id: i64,
    /// `private`, `group`, `supergroup` or `channel`; guessed from the id when left out.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Title of anything but a private chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Public name without `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// In whose name a message appears.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// The user's own.
    #[default]
    User,
    /// An administrator who hides behind the group (`from` 1087968824, `sender_chat` the group).
    AnonymousAdmin,
    /// The channel that is linked to the group (`from` 777000, `sender_chat` a channel).
    LinkedChannel,
    /// Somebody who writes as a channel (`from` 136817688, `sender_chat` a channel).
    AsChannel,
}

/// What a user writes. Exactly one of `text`, `content` and `sample` is given.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// Who writes.
    pub user: UserSpec,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatSpec>,
    /// A text message; a leading `/command` is marked as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Raw fields of a `Message`, merged over what the server fills in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Map<String, Value>>,
    /// A ready-made message: `sticker`, `photo`, `document`, `voice`, `location` or `contact`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
    /// Bytes of the sample's file, in base64; a small built-in file when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_base64: Option<String>,
    /// The message in the same chat that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to_message_id: Option<i64>,
    /// In whose name it appears.
    #[serde(default, rename = "as")]
    pub voice: Voice,
}

/// A user changes a message of theirs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Who edits.
    pub user: UserSpec,
    /// Where; the private chat when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatSpec>,
    /// The message.
    pub message_id: i64,
    /// Its new text.
    pub text: String,
}

/// A button pressed by its label, or any data sent as if a button had carried it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Press {
    /// Who presses.
    pub user: UserSpec,
    /// Where; the private chat when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatSpec>,
    /// The message under which the button is; needed with `data`, otherwise the newest one that has the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<i64>,
    /// The label of a button that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Raw callback data: nothing is checked, so forged and copied buttons can be tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// How the bot stands in a chat: `kicked` in a private chat is a user who blocked it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// Who changed it.
    pub user: UserSpec,
    /// Where; the private chat when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatSpec>,
    /// `member`, `administrator`, `left` or `kicked`.
    pub status: String,
}

/// What came of an act.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acted {
    /// The update made of it; none when the bot did not ask for that kind.
    pub update_id: Option<i64>,
    /// The message concerned.
    pub message_id: Option<i64>,
    /// Of a press: the id under which the bot may answer.
    pub callback_query_id: Option<String>,
    /// Everything later than this happened after the act.
    pub cursor: u64,
}

/// What the bot answered to a press.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackReply {
    /// Whether it answered yet.
    pub answered: bool,
    /// The notification's text.
    pub text: Option<String>,
    /// Whether it was shown as an alert.
    pub show_alert: bool,
}

/// A button under a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// Its label.
    pub text: String,
    /// Callback data, if it has some.
    pub data: Option<String>,
    /// Address, if it has one.
    pub url: Option<String>,
}

/// A picture or file in a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// For `getFile`.
    pub file_id: String,
    /// The same for the same bytes.
    pub file_unique_id: String,
    /// Name, of documents.
    pub file_name: Option<String>,
    /// Pixels, of pictures.
    pub width: Option<u32>,
    /// Pixels, of pictures.
    pub height: Option<u32>,
    /// Bytes.
    pub size_bytes: u64,
}

/// One message as it stands now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SimMessage {
    /// The chat.
    pub chat_id: i64,
    /// Its id in the chat.
    pub message_id: i64,
    /// Whether the bot wrote it.
    pub from_bot: bool,
    /// Who wrote it.
    pub from_id: Option<i64>,
    /// Text or caption, plain.
    pub text: String,
    /// Text or caption with its marks, as HTML.
    pub html: String,
    /// Marks as Telegram describes them.
    pub entities: Vec<Value>,
    /// Rows of inline buttons.
    pub buttons: Vec<Vec<Button>>,
    /// The picture, largest size.
    pub photo: Option<Attachment>,
    /// The file.
    pub document: Option<Attachment>,
    /// The message that it answers.
    pub reply_to: Option<i64>,
    /// Reaction of the bot.
    pub reaction: Option<String>,
    /// How often it was edited.
    pub edits: u32,
    /// Whether it was deleted since.
    pub deleted: bool,
    /// Position of its last change among all changes.
    pub seq: u64,
    /// When it came, in microseconds since the server started.
    pub created_us: u64,
    /// When it last changed, in microseconds since the server started.
    pub changed_us: u64,
}

impl SimMessage {
    /// The button with this label.
    pub fn button(&self, label: &str) -> Option<&Button> {
        self.buttons.iter().flatten().find(|button| button.text == label)
    }

    /// All labels, in reading order.
    pub fn labels(&self) -> Vec<&str> {
        self.buttons.iter().flatten().map(|button| button.text.as_str()).collect()
    }
}

/// Messages of one chat that changed after a cursor, in the order of their last change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The messages.
    pub messages: Vec<SimMessage>,
    /// To be given as `after` next time.
    pub cursor: u64,
    /// Blocked, left or kicked: the bot's standing.
    pub status: String,
}

/// One call that the bot made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Position among all calls, from 1.
    pub seq: u64,
    /// As Telegram spells it.
    pub method: String,
    /// As decoded; uploads by name and size.
    pub params: Value,
    /// Whether it was accepted.
    pub ok: bool,
    /// Telegram's code of a refusal; 0 when the connection was cut before the server looked at it.
    pub error_code: Option<u16>,
    /// Telegram's words of a refusal.
    pub description: Option<String>,
    /// Microseconds since the server started.
    pub at_us: u64,
}

/// Calls after a cursor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    /// The calls, oldest first.
    pub calls: Vec<Call>,
    /// To be given as `after` next time.
    pub cursor: u64,
    /// How many fell out of the bounded log so far.
    pub forgotten: u64,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultAction {
    /// Refuse with this HTTP status instead of doing it.
    Status {
        /// 429, 500, 502, …
        code: u16,
        /// Seconds, in `parameters`.
        #[serde(default)]
        retry_after: Option<u64>,
        /// Own words instead of the usual ones.
        #[serde(default)]
        description: Option<String>,
    },
    /// Do it, but only after this time.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Cut the connection; nothing is done.
    Drop,
    /// Do it, then cut the connection before the answer: the caller cannot know.
    AcceptThenDrop,
    /// Do it, then answer with an HTTP error all the same.
    AcceptThenStatus {
        /// 500, 502, …
        code: u16,
    },
}

/// A fault to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// A method in any case, a beginning with `*` (`send*`), or `*` for all.
    pub method: String,
    /// Only calls for this chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<i64>,
    /// How many calls it hits; all from now on when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What goes wrong.
    pub action: FaultAction,
}

/// Telegram's limits on sending. A rate of 0 switches that limit off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Messages a second, all chats together.
    pub bot_per_second: f64,
    /// How many may come at once, all chats together.
    pub bot_burst: f64,
    /// Messages a second in one chat.
    pub chat_per_second: f64,
    /// How many may come at once in one chat.
    pub chat_burst: f64,
    /// Messages a minute in one group.
    pub group_per_minute: f64,
}

impl Default for RateLimits {
    /// Telegram's published figures; the bursts are observations, not promises.
    fn default() -> Self {
        Self { bot_per_second: 30.0, bot_burst: 30.0, chat_per_second: 1.0, chat_burst: 10.0, group_per_minute: 20.0 }
    }
}

impl RateLimits {
    /// No limit at all, for load.
    pub const fn off() -> Self {
        Self { bot_per_second: 0.0, bot_burst: 0.0, chat_per_second: 0.0, chat_burst: 0.0, group_per_minute: 0.0 }
    }
}
