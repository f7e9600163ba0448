//! What a step wants done in the world. A step only says it; senders do it.
use super::{
    AccountId, Action, Chart, ChatId, Details, Jid, Label, Language, MessageId, PhoneNumber, Phrase, RichText, Shows,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How urgent a message to Telegram is. Under a shared limit, earlier ones go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The answer to what the person just did.
    Answer,
    /// A message from WhatsApp.
    Forward,
    /// News of something that is under way.
    Progress,
}

/// A button under a message, with what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// What stands on it.
    pub label: Phrase,
    /// What it does.
    pub action: Action,
}

/// What a message shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Text.
    Text(RichText),
    /// A QR picture with a caption.
    Qr {
        /// What the picture encodes.
        payload: String,
        /// The text under it.
        caption: RichText,
    },
    /// A chart with a caption.
    Chart {
        /// What it shows.
        chart: Chart,
        /// The text under it.
        caption: RichText,
    },
}

impl Body {
    /// Whether it is a picture.
    pub fn is_picture(&self) -> bool {
        !matches!(self, Self::Text(_))
    }

    /// The text, or the one under the picture.
    pub fn text_mut(&mut self) -> &mut RichText {
        match self {
            Self::Text(text) | Self::Qr { caption: text, .. } | Self::Chart { caption: text, .. } => text,
        }
    }
}

/// What a slot is to show, before it is in anybody's language: see [`Body`].
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// Text.
    Text(Phrase),
    /// A QR picture with a caption.
    Qr {
        /// What the picture encodes.
        payload: String,
        /// The text under it.
        caption: Phrase,
    },
    /// A chart with a caption.
    Chart {
        /// What it shows; its clock is set to the reader's.
        chart: Chart,
        /// The text under it.
        caption: Phrase,
    },
}

/// A message on its way to Telegram, whole: with it a sender needs nothing else. Buttons are signed already.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// The chat.
    pub chat: ChatId,
    /// What it shows.
    pub body: Body,
    /// Rows of buttons: label and signed callback data (1 to 64 bytes).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keyboard: Vec<Vec<(String, String)>>,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// Whether it arrives without sound.
    #[serde(default)]
    pub silent: bool,
    /// The message in whose place it comes, which goes once this one is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<MessageId>,
    /// The language that it is in, for what a sender adds.
    #[serde(default, skip_serializing_if = "Language::is_default")]
    pub language: Language,
}

impl Outgoing {
    /// A text without buttons, for somebody whose vault has no part in it.
    pub fn text(chat: ChatId, text: RichText, language: Language) -> Self {
        Outgoing {
            chat,
            body: Body::Text(text),
            keyboard: Vec::new(),
            reply_to: None,
            silent: false,
            replaces: None,
            language,
        }
    }
}

/// Where a keyed message stands: one slot shows one message, the newest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub String);

/// How the slots of outcomes begin.
const OUTCOME: &str = "out:";

impl Slot {
    /// The message that accompanies the linking of an account.
    pub fn linking(account: AccountId) -> Self {
        Slot(format!("link:{account}"))
    }
    /// The questions of one flow, by the turn at which it began.
    pub fn question(run: u32) -> Self {
        Slot(format!("question:{run}"))
    }
    /// A message that turns from one screen into another.
    pub fn screen(message: MessageId) -> Self {
        Slot(format!("screen:{message}"))
    }
    /// How urgent it is: the person waits for a question, a screen and a linking, an outcome is news.
    pub fn class(&self) -> Class {
        let awaited = ["link:", "question:", "screen:"].iter().any(|kind| self.0.starts_with(kind));
        if awaited { Class::Answer } else { Class::Progress }
    }
    /// How long a new content waits for one that takes its place, before it is shown. WhatsApp's word that a message was
    /// delivered often follows within this on the one that it was sent; each change is a call to Telegram, which allows one a second.
    pub fn settles_in(&self) -> Duration {
        if self.0.starts_with(OUTCOME) { Self::MOST_SETTLING } else { Duration::ZERO }
    }
    /// The longest of these times.
    pub const MOST_SETTLING: Duration = Duration::from_millis(250);
    /// The message that tells of a number's absence, by when it began.
    pub fn absence(account: AccountId, since: Timestamp) -> Self {
        Slot(format!("away:{account}:{}", since.0))
    }
    /// The message that tells that nothing is heard of a number's phone, by when it last was.
    pub fn phone(account: AccountId, seen_at: Timestamp) -> Self {
        Slot(format!("phone:{account}:{}", seen_at.0))
    }
    /// The message that tells which place a number has in line, by when it began to wait.
    pub fn in_line(account: AccountId, since: Timestamp) -> Self {
        Slot(format!("line:{account}:{}", since.0))
    }
    /// The figures that an operator asked for at this moment.
    pub fn stats(at: Timestamp) -> Self {
        Slot(format!("stats:{}", at.0))
    }
    /// The message that tells what became of an answer sent to WhatsApp.
    pub fn outcome(message_id: &str) -> Self {
        Slot(format!("{OUTCOME}{message_id}"))
    }
}

/// A message from WhatsApp that a Telegram message stands for, so that a reply finds its way back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The number that received it.
    pub account: AccountId,
    /// The chat to answer to.
    pub chat: Jid,
}

/// Where a question is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placing {
    /// In the message that showed the last one.
    InPlace,
    /// In a new message, below everything; the one that showed the last one goes.
    Below,
}

/// One thing to be done.
#[derive(Clone, PartialEq, Eq)]
pub enum Effect {
    /// Say something; durable, in order.
    Say {
        /// The text; split when too long.
        text: Phrase,
        /// Buttons under its last part.
        keyboard: Vec<Vec<Button>>,
        /// The message that it answers.
        reply_to: Option<MessageId>,
        /// Its urgency.
        class: Class,
        /// The WhatsApp chat that a reply to it goes to.
        origin: Option<Origin>,
    },
    /// Show something in a slot: the first time as a new message, later in its place. Only the newest is sent.
    Show {
        /// The slot.
        slot: Slot,
        /// What it shows.
        shown: Shown,
        /// Buttons.
        keyboard: Vec<Vec<Button>>,
        /// The message that it answers when it is new.
        reply_to: Option<MessageId>,
        /// After this it is not worth sending any more.
        expires_at: Option<Timestamp>,
    },
    /// Show the question that waits. There is one message for all of a flow's questions.
    Ask {
        /// The turn at which that message began.
        run: u32,
        /// The question.
        text: Phrase,
        /// Buttons.
        keyboard: Vec<Vec<Button>>,
        /// Where.
        placing: Placing,
    },
    /// Show something in the place of this message of ours.
    Turn {
        /// The message.
        message: MessageId,
        /// What it says from now on.
        text: Phrase,
        /// Buttons.
        keyboard: Vec<Vec<Button>>,
    },
    /// Answer a pressed button; at once or never.
    AnswerPress {
        /// Telegram's id of the press.
        callback: String,
        /// A short note, or nothing to only stop the spinner.
        text: Option<Phrase>,
        /// Whether it is a box to close rather than a note that fades.
        alert: bool,
    },
    /// Send a text from one of the user's numbers.
    SendWhatsApp {
        /// The number.
        account: AccountId,
        /// The chat.
        chat: Jid,
        /// The text.
        text: String,
        /// WhatsApp's id for it, chosen now so that a repeat carries the same one.
        message_id: String,
        /// The user's Telegram message that asked for it.
        asked_by: MessageId,
    },
    /// Send a message of unknown fate once more, under its own id.
    Resend {
        /// Its effect row.
        effect: i64,
    },
    /// Stop asking about a message of unknown fate.
    Forget {
        /// Its effect row.
        effect: i64,
    },
    /// Begin linking: a new account that its supervisor starts.
    StartLink(super::LoginMethod),
    /// Stop linking this account.
    CancelLink(AccountId),
    /// Connect this account again.
    Reconnect(AccountId),
    /// Remove this account's device at WhatsApp and wipe its keys.
    Logout(AccountId),
    /// Make this account the primary one.
    MakePrimary(AccountId),
    /// Call this account so, or, without a name, by its number.
    Rename(AccountId, Option<Label>),
    /// Delete the record of this account, which is logged out, and its messages.
    DeleteNumber(AccountId),
    /// Speak this language from now on, what is said after this included.
    Speak(Language),
    /// Keep something under this key's name, as JSON; `None`: nothing any more.
    Keep(&'static str, Option<String>),
    /// Have this done that lies outside the vault, if this user may.
    Order(super::Order),
    /// Write down what the person has told of themselves. The first time registers them.
    SaveProfile(Details),
    /// Let others find the profile as it is now, with this of it.
    Publish(Shows),
    /// Let nobody find the profile any more.
    Unpublish,
    /// Keep a registration for taking it up again within 24 hours.
    KeepRegistration {
        /// The number that it is for.
        phone: PhoneNumber,
        /// The step that waits.
        step: String,
        /// The answers so far.
        session_data: serde_json::Value,
    },
    /// The registration is over.
    EndRegistration,
    /// Erase everything of this user.
    Erase,
}
