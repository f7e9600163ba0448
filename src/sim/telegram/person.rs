//! One person on the simulated Telegram: a handle that acts and waits in one chat.
//!
//! Owns who the person is and how far their last act reached. Must not reach past the control client.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    client::{ClientError, ROUND, Result, SimClient},
    wire::{Acted, CallbackReply, ChatSpec, Edit, Membership, Press, Say, SimMessage, UserSpec, Voice},
};

/// A person on the simulated Telegram.
///
/// Waits look at what happened since this handle's last act (or [`SimUser::mark`]), so a wait after `send` never sees an
/// old message, and two waits may come in any order.
#[derive(Debug, Clone)]
pub struct SimUser {
    client: SimClient,
    spec: UserSpec,
    chat: Option<ChatSpec>,
    voice: Voice,
    cursor: u64,
}

impl SimUser {
    pub(super) fn new(client: SimClient, id: i64) -> Self {
        Self { client, spec: UserSpec { id, ..UserSpec::default() }, chat: None, voice: Voice::User, cursor: 0 }
    }

    /// With this first name.
    #[must_use]
    pub fn named(mut self, first_name: &str) -> Self {
        self.spec.first_name = Some(first_name.to_owned());
        self
    }

    /// With this name, given without `@`.
    #[must_use]
    pub fn username(mut self, username: &str) -> Self {
        self.spec.username = Some(username.to_owned());
        self
    }

    /// With this language.
    #[must_use]
    pub fn language(mut self, code: &str) -> Self {
        self.spec.language_code = Some(code.to_owned());
        self
    }

    /// The same person in another chat.
    #[must_use]
    pub fn in_chat(mut self, chat: ChatSpec) -> Self {
        self.chat = Some(chat);
        self
    }

    /// The same person, but what they write appears in another name.
    #[must_use]
    pub fn speaking_as(mut self, voice: Voice) -> Self {
        self.voice = voice;
        self
    }

    /// Telegram's id.
    pub fn id(&self) -> i64 {
        self.spec.id
    }

    /// The chat in which this handle acts.
    pub fn chat_id(&self) -> i64 {
        self.chat.as_ref().map_or(self.spec.id, |chat| chat.id)
    }

    /// Writes a text.
    ///
    /// # Errors
    /// When the server cannot be reached or the bot is blocked.
    pub async fn send(&mut self, text: &str) -> Result<Acted> {
        let say = Say { text: Some(text.to_owned()), ..self.saying() };
        self.acted(say).await
    }

    /// Answers a message of this chat.
    ///
    /// # Errors
    /// When the server cannot be reached or the message is not there.
    pub async fn reply(&mut self, to_message_id: i64, text: &str) -> Result<Acted> {
        let say = Say { text: Some(text.to_owned()), reply_to_message_id: Some(to_message_id), ..self.saying() };
        self.acted(say).await
    }

    /// Sends raw message fields.
    ///
    /// # Errors
    /// When the server cannot be reached or the bot is blocked.
    pub async fn send_content(&mut self, content: Map<String, Value>) -> Result<Acted> {
        let say = Say { content: Some(content), ..self.saying() };
        self.acted(say).await
    }

    /// Sends a ready-made message (`sticker`, `photo`, `document`, `voice`, `location`, `contact`), with own bytes.
    ///
    /// # Errors
    /// When the server cannot be reached or knows no such sample.
    pub async fn send_sample(&mut self, kind: &str, bytes: Option<&[u8]>) -> Result<Acted> {
        let file_base64 = bytes.map(|bytes| STANDARD.encode(bytes));
        let say = Say { sample: Some(kind.to_owned()), file_base64, ..self.saying() };
        self.acted(say).await
    }

    /// Changes an own message.
    ///
    /// # Errors
    /// When the server cannot be reached or the message is not the user's.
    pub async fn edit(&mut self, message_id: i64, text: &str) -> Result<Acted> {
        let edit = Edit { user: self.spec.clone(), chat: self.chat.clone(), message_id, text: text.to_owned() };
        let acted: Acted = self.client.post("edit", &edit).await?;
        Ok(self.note(acted))
    }

    /// Presses the newest button with this label.
    ///
    /// # Errors
    /// When the server cannot be reached or there is no such button.
    pub async fn press_label(&mut self, label: &str) -> Result<Acted> {
        self.pressed(Press { label: Some(label.to_owned()), ..self.pressing() }).await
    }

    /// Presses the button with this label under this message.
    ///
    /// # Errors
    /// When the server cannot be reached or there is no such button.
    pub async fn press_label_of(&mut self, message_id: i64, label: &str) -> Result<Acted> {
        let press = Press { label: Some(label.to_owned()), message_id: Some(message_id), ..self.pressing() };
        self.pressed(press).await
    }

    /// Sends any callback data as if a button under this message (which need not exist) carried it.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn press_data(&mut self, message_id: i64, data: &str) -> Result<Acted> {
        let press = Press { data: Some(data.to_owned()), message_id: Some(message_id), ..self.pressing() };
        self.pressed(press).await
    }

    /// Blocks the bot, or leaves it out of the group.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn block(&mut self) -> Result<Acted> {
        self.set_status("kicked").await
    }

    /// Takes the bot back.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn unblock(&mut self) -> Result<Acted> {
        self.set_status("member").await
    }

    /// Sets how the bot stands in this chat: `member`, `administrator`, `left` or `kicked`.
    ///
    /// # Errors
    /// When the server cannot be reached or knows no such standing.
    pub async fn set_status(&mut self, status: &str) -> Result<Acted> {
        let change = Membership { user: self.spec.clone(), chat: self.chat.clone(), status: status.to_owned() };
        let acted: Acted = self.client.post("membership", &change).await?;
        Ok(self.note(acted))
    }

    /// From here on only what is new counts for waits.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn mark(&mut self) -> Result<()> {
        self.cursor = self.client.transcript(self.chat_id(), u64::MAX - 1, Duration::ZERO).await?.cursor;
        Ok(())
    }

    /// Everything in the chat as it stands.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn transcript(&self) -> Result<Vec<SimMessage>> {
        let mut all = Vec::new();
        let mut after = 0;
        loop {
            let part = self.client.transcript(self.chat_id(), after, Duration::ZERO).await?;
            if part.messages.is_empty() {
                all.sort_by_key(|message: &SimMessage| message.message_id);
                return Ok(all);
            }
            after = part.cursor;
            all.extend(part.messages);
        }
    }

    /// The bytes of a message's picture or file.
    ///
    /// # Errors
    /// When the server cannot be reached or the message shows none.
    pub async fn file_of(&self, message_id: i64) -> Result<Bytes> {
        self.client.file_of_message(self.chat_id(), message_id).await
    }

    /// The first message of the bot, new or changed since the last act, that fits.
    ///
    /// # Errors
    /// [`ClientError::Late`] when none came in time.
    pub async fn wait_for(&self, fits: impl Fn(&SimMessage) -> bool, within: Duration) -> Result<SimMessage> {
        self.wait_since(self.cursor, "a fitting message", fits, within).await
    }

    /// The first message of the bot, new or changed since the last act, whose text contains this.
    ///
    /// # Errors
    /// [`ClientError::Late`] when none came in time.
    pub async fn wait_text(&self, part: &str, within: Duration) -> Result<SimMessage> {
        let fits = |message: &SimMessage| !message.deleted && message.text.contains(part);
        self.wait_since(self.cursor, &format!("a message with {part:?}"), fits, within).await
    }

    /// The first message of the bot that has a button with this label.
    ///
    /// # Errors
    /// [`ClientError::Late`] when none came in time.
    pub async fn wait_button(&self, label: &str, within: Duration) -> Result<SimMessage> {
        let fits = |message: &SimMessage| !message.deleted && message.button(label).is_some();
        self.wait_since(self.cursor, &format!("a button {label:?}"), fits, within).await
    }

    /// The first message of the bot, new or changed after the cursor, that fits.
    ///
    /// # Errors
    /// [`ClientError::Late`] when none came in time.
    pub async fn wait_since(
        &self,
        cursor: u64,
        what: &str,
        fits: impl Fn(&SimMessage) -> bool,
        within: Duration,
    ) -> Result<SimMessage> {
        let deadline = Instant::now() + within;
        let mut after = cursor;
        let mut seen = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let part = self.client.transcript(self.chat_id(), after, left.min(ROUND)).await?;
            after = part.cursor;
            for message in part.messages.into_iter().filter(|message| message.from_bot) {
                if fits(&message) {
                    return Ok(message);
                }
                seen.push_str(&format!("- {:?} {:?}\n", message.text, message.labels()));
            }
            if left.is_zero() {
                return Err(ClientError::Late { what: what.to_owned(), within, seen });
            }
        }
    }

    /// What the bot answered to a press; waits until it did.
    ///
    /// # Errors
    /// [`ClientError::Late`] when it did not answer in time.
    pub async fn wait_answer(&self, press: &Acted, within: Duration) -> Result<CallbackReply> {
        let id = press.callback_query_id.as_deref().unwrap_or_default();
        let reply = self.client.answer(id, within).await?;
        if reply.answered {
            return Ok(reply);
        }
        Err(ClientError::Late { what: "an answer to a press".into(), within, seen: String::new() })
    }

    fn saying(&self) -> Say {
        Say { user: self.spec.clone(), chat: self.chat.clone(), voice: self.voice, ..Say::default() }
    }

    fn pressing(&self) -> Press {
        Press { user: self.spec.clone(), chat: self.chat.clone(), ..Press::default() }
    }

    async fn acted(&mut self, say: Say) -> Result<Acted> {
        let acted = self.client.say(&say).await?;
        Ok(self.note(acted))
    }

    async fn pressed(&mut self, press: Press) -> Result<Acted> {
        let acted = self.client.press(&press).await?;
        Ok(self.note(acted))
    }

    fn note(&mut self, acted: Acted) -> Acted {
        self.cursor = acted.cursor;
        acted
    }
}
