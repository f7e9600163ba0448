//! Somebody on the foreign Telegram.
use super::PATIENCE;
use super::telegram::{Message, Telegram};
use sekat::sim::english;
use sekat::sim::scan::scan;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

pub struct Person {
    telegram: Arc<Telegram>,
    pub id: i64,
    /// What was looked at already.
    seen: HashSet<(i64, String)>,
}

impl Person {
    pub fn new(telegram: &Arc<Telegram>, id: i64) -> Person {
        Person { telegram: Arc::clone(telegram), id, seen: HashSet::new() }
    }

    pub fn says(&self, text: &str) -> i64 {
        self.telegram.says(self.id, text, None)
    }

    pub fn replies(&self, to: i64, text: &str) -> i64 {
        self.telegram.says(self.id, text, Some(to))
    }

    pub fn presses(&self, message: &Message, label: &str) -> String {
        let button = message.buttons.iter().find(|(l, _)| l == label);
        let (_, data) = button.unwrap_or_else(|| panic!("no button {label:?} under {:?}", message.text));
        self.telegram.pressed(self.id, message.id, data)
    }

    /// What the bot has written that stands in the chat.
    pub fn chat(&self) -> Vec<Message> {
        self.telegram.messages(self.id).into_iter().filter(|m| m.bot).collect()
    }

    /// Those of the bot's messages that say this.
    pub fn saying(&self, part: &str) -> Vec<Message> {
        self.chat().into_iter().filter(|m| m.text.contains(part)).collect()
    }

    /// Waits for a message of the bot that was not seen like this before.
    pub async fn sees(&mut self, what: &str, wanted: impl Fn(&Message) -> bool) -> Message {
        let mut changes = self.telegram.changes();
        let looking = async {
            loop {
                changes.mark_unchanged();
                let new = |m: &&Message| !self.seen.contains(&(m.id, m.text.clone())) && wanted(m);
                if let Some(found) = self.chat().iter().find(new) {
                    return found.clone();
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let Ok(found) = tokio::time::timeout(PATIENCE, looking).await else {
            let chat: Vec<_> = self.chat().into_iter().map(|m| (m.id, m.text, m.photo.is_some(), m.buttons)).collect();
            panic!("{} waited in vain for {what}; the chat: {chat:#?}", self.id);
        };
        self.seen.insert((found.id, found.text.clone()));
        found
    }

    pub async fn reads(&mut self, part: &str) -> Message {
        self.sees(part, |m| m.text.contains(part)).await
    }

    /// Asks to link and gives what the picture says.
    pub async fn asks_for_qr(&mut self) -> String {
        self.says("/link");
        let offer = self.sees("the offer", |m| m.buttons.iter().any(|(l, _)| l == english::QR_BUTTON)).await;
        self.presses(&offer, english::QR_BUTTON);
        self.qr().await
    }

    pub async fn qr(&mut self) -> String {
        let picture = self.sees("a picture", |m| m.photo.is_some()).await;
        scan(&picture.photo.unwrap()).expect("a QR code that a phone can read")
    }

    /// Waits a while for something that must not come.
    pub async fn does_not_read(&self, part: &str, within: Duration) {
        tokio::time::sleep(within).await;
        assert!(self.saying(part).is_empty(), "{part:?} came");
    }
}
