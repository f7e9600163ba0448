//! What goes wrong beside the kills: both simulators misbehave at random, as servers and networks do.
//!
//! Owns the choice of what and when, and the count of what it did. It must not know who writes what.
use crate::sim::stage::Stage;
use crate::sim::telegram::client::{SimClient, SimUser};
use crate::sim::telegram::wire::{Fault as TelegramFault, FaultAction};
use crate::sim::whatsapp::{Fault, WhatsAppSim};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// Between two things that go wrong, milliseconds.
const PAUSE: RangeInclusive<u64> = 200..=2_000;
/// How long what does not end by itself lasts, milliseconds.
const LASTS: RangeInclusive<u64> = 500..=8_000;

/// Whose number it is that suffers.
struct Victim {
    number: String,
    owner: SimUser,
    /// When what was done to it ends.
    until: Option<Instant>,
}

/// Somebody who breaks things.
pub(super) struct Mischief {
    chance: StdRng,
    telegram: SimClient,
    whatsapp: WhatsAppSim,
    victims: Vec<Victim>,
    /// How often anything went wrong.
    pub done: usize,
    /// How often a message was taken by Telegram without the daemon being told so: each may be said again, and marked.
    pub ambiguous: usize,
}

impl Mischief {
    /// On this stage, among these numbers and their owners.
    pub fn new(stage: &Stage, numbers: Vec<(String, SimUser)>, seed: u64) -> Self {
        let victims = numbers.into_iter().map(|(number, owner)| Victim { number, owner, until: None }).collect();
        let (telegram, whatsapp) = (stage.telegram.client().clone(), stage.whatsapp.clone());
        Mischief { chance: StdRng::seed_from_u64(seed), telegram, whatsapp, victims, done: 0, ambiguous: 0 }
    }

    /// Breaks one thing after another for so long.
    ///
    /// # Errors
    /// When a simulator refuses.
    pub async fn play(&mut self, long: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + long;
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(self.chance.random_range(PAUSE))).await;
            self.done += 1;
            if self.chance.random_range(0..2) == 0 {
                self.at_telegram().await?;
            } else {
                self.at_whatsapp()?;
            }
            self.mend(false).await?;
        }
        Ok(())
    }

    /// Ends everything that is broken.
    ///
    /// # Errors
    /// When a simulator refuses.
    pub async fn end(&mut self) -> anyhow::Result<()> {
        self.telegram.clear_faults().await?;
        self.mend(true).await
    }

    async fn at_telegram(&mut self) -> anyhow::Result<()> {
        let action = match self.chance.random_range(0..6) {
            0 => FaultAction::Status { code: 429, retry_after: Some(1), description: None },
            1 => FaultAction::Status { code: 500, retry_after: None, description: None },
            2 => FaultAction::Delay { ms: self.chance.random_range(50..2_000) },
            3 => FaultAction::Drop,
            4 => FaultAction::AcceptThenDrop,
            _ => FaultAction::AcceptThenStatus { code: 502 },
        };
        let times = self.chance.random_range(1..=3);
        if matches!(action, FaultAction::AcceptThenDrop | FaultAction::AcceptThenStatus { .. }) {
            self.ambiguous += times as usize;
        }
        let fault = TelegramFault { method: "send*".to_owned(), chat_id: None, times: Some(times), action };
        Ok(self.telegram.fault(&fault).await?)
    }

    fn at_whatsapp(&mut self) -> anyhow::Result<()> {
        let who = self.chance.random_range(0..self.victims.len());
        let fault = match self.chance.random_range(0..7) {
            0 => Fault::Drop,
            1 => Fault::StreamUnavailable,
            2 => Fault::BlackHole,
            3 => Fault::ServiceUnavailable { times: None },
            4 => Fault::DelayAcks { ms: self.chance.random_range(50..3_000) },
            5 => Fault::LoseReceipts,
            _ => Fault::TemporaryBan { code: 101, expire_secs: 2, times: Some(1) },
        };
        let refused = matches!(fault, Fault::ServiceUnavailable { .. } | Fault::TemporaryBan { .. });
        let victim = &mut self.victims[who];
        self.whatsapp.inject(&victim.number, &fault)?;
        if refused {
            // It shows at the next login.
            self.whatsapp.inject(&victim.number, &Fault::Drop)?;
        }
        let lasts = Duration::from_millis(self.chance.random_range(LASTS));
        victim.until = victim.until.max(Some(Instant::now() + lasts));
        Ok(())
    }

    /// Ends what has lasted long enough, or everything; whoever was told that their number has stopped connects it again.
    async fn mend(&mut self, everything: bool) -> anyhow::Result<()> {
        for victim in &mut self.victims {
            if !everything && victim.until.is_none_or(|until| until > Instant::now()) {
                continue;
            }
            victim.until = None;
            self.whatsapp.clear_faults(&victim.number)?;
            // A connection that was in a black hole may be as good as dead: the network ends it.
            self.whatsapp.inject(&victim.number, &Fault::Drop)?;
            victim.owner.send("/reconnect").await?;
        }
        Ok(())
    }
}
