//! Who plays: two people on Telegram with a phone each, two contacts on WhatsApp, and a stranger.
//!
//! A [`Person`] tells the transcript what it does and hears. It owns its handle on the simulated Telegram, nothing else.
use super::show::Show;
use crate::sim::english;
use crate::sim::stage::{PATIENCE, Stage, code_in};
use crate::sim::telegram::client::SimUser;
use crate::sim::telegram::wire::{Acted, CallbackReply, SimMessage};
use anyhow::Context as _;

/// A number and the name of who has it.
#[derive(Debug, Clone, Copy)]
pub struct Phone {
    /// Whose it is.
    pub name: &'static str,
    /// Digits, as WhatsApp writes them.
    pub number: &'static str,
}

/// Ana's phone, to be linked.
pub const ANA: Phone = Phone { name: "Ana", number: "628110000001" };
/// Budi's phone, to be linked.
pub const BUDI: Phone = Phone { name: "Budi", number: "628110000002" };
/// Who writes to Ana.
pub const CITRA: Phone = Phone { name: "Citra", number: "628220000001" };
/// Who writes to Budi.
pub const DEWI: Phone = Phone { name: "Dewi", number: "628220000002" };
/// Everybody with a phone.
pub const PHONES: [Phone; 4] = [ANA, BUDI, CITRA, DEWI];

/// Ana on Telegram.
pub const ANA_ID: u64 = 700_100_001;
/// Budi on Telegram.
pub const BUDI_ID: u64 = 700_100_002;
/// A stranger on Telegram.
pub const STRANGER_ID: u64 = 700_100_003;

/// A person on Telegram, heard and seen by the reader.
pub struct Person<'a> {
    show: &'a Show,
    /// Their handle.
    pub user: SimUser,
    name: &'static str,
}

impl<'a> Person<'a> {
    /// Brings somebody on.
    pub fn new(stage: &Stage, show: &'a Show, id: u64, name: &'static str) -> Self {
        Person { show, user: stage.person(id, name), name }
    }

    /// Writes to the bot.
    ///
    /// # Errors
    /// When Telegram does not take it.
    pub async fn says(&mut self, text: &str) -> anyhow::Result<Acted> {
        self.show.person(self.name, text);
        Ok(self.user.send(text).await?)
    }

    /// Replies to a message.
    ///
    /// # Errors
    /// When Telegram does not take it.
    pub async fn replies(&mut self, to: &SimMessage, text: &str) -> anyhow::Result<Acted> {
        self.show.person(self.name, &format!("(reply) {text}"));
        Ok(self.user.reply(to.message_id, text).await?)
    }

    /// Presses the newest button with this label.
    ///
    /// # Errors
    /// When there is none.
    pub async fn presses(&mut self, label: &str) -> anyhow::Result<Acted> {
        self.show.person(self.name, &format!("[{label}]"));
        Ok(self.user.press_label(label).await?)
    }

    /// Sends the data of a button under a message; what the bot answers.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn presses_data(&mut self, message: i64, data: &str) -> anyhow::Result<CallbackReply> {
        let press = self.user.press_data(message, data).await?;
        let answer = self.user.wait_answer(&press, PATIENCE).await?;
        self.show.line(&format!("   🤖 →{:<5}‹ {}", self.name, answer.text.as_deref().unwrap_or("(nothing)")));
        Ok(answer)
    }

    /// Waits for a message of the bot with this text.
    ///
    /// # Errors
    /// When none comes.
    pub async fn hears(&self, part: &str) -> anyhow::Result<SimMessage> {
        self.heard(self.user.wait_text(part, PATIENCE).await?)
    }

    /// Waits for a message of the bot that fits.
    ///
    /// # Errors
    /// When none comes.
    pub async fn sees(&self, fits: impl Fn(&SimMessage) -> bool) -> anyhow::Result<SimMessage> {
        self.heard(self.user.wait_for(fits, PATIENCE).await?)
    }

    fn heard(&self, message: SimMessage) -> anyhow::Result<SimMessage> {
        self.show.bot(self.name, &message);
        Ok(message)
    }

    /// Links the phone by scanning the picture.
    ///
    /// # Errors
    /// When a step does not come.
    pub async fn links_by_qr(&mut self, stage: &Stage, phone: Phone) -> anyhow::Result<()> {
        self.says("/start").await?;
        self.sees(|m| m.button(english::QR_BUTTON).is_some()).await?;
        self.presses(english::QR_BUTTON).await?;
        let picture = self.sees(|m| m.photo.is_some()).await?;
        let payload = crate::sim::scan::scan(&self.user.file_of(picture.message_id).await?)?;
        self.show.phone(phone.name, "scans the picture with the camera");
        stage.whatsapp.scan(&payload, phone.number).await?;
        self.hears("is linked and connected").await.map(drop)
    }

    /// Links the phone by typing a code on it.
    ///
    /// # Errors
    /// When a step does not come.
    pub async fn links_by_code(&mut self, stage: &Stage, phone: Phone) -> anyhow::Result<()> {
        self.says("/link").await?;
        self.sees(|m| m.button(english::CODE_BUTTON).is_some()).await?;
        self.presses(english::CODE_BUTTON).await?;
        self.hears("Send me the number").await?;
        self.says(&format!("+{}", phone.number)).await?;
        let shown = self.hears("Your code:").await?;
        let code = code_in(&shown).context("read the code in the chat")?;
        self.show.phone(phone.name, "types the code");
        stage.whatsapp.enter_code(&code, phone.number).await?;
        self.hears("is linked and connected").await.map(drop)
    }
}
