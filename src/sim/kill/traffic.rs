//! Who writes while the daemon is being killed, and what.
//!
//! Owns the people and the record of what each has sent. It must not know what came of it.
use crate::sim::english;
use crate::sim::stage::{PATIENCE, Stage};
use crate::sim::telegram::client::SimUser;
use crate::sim::whatsapp::WhatsAppSim;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::HashMap;
use std::time::Duration;

/// People with a linked number and a contact who writes to them.
const LINKED: u64 = 4;
/// People who only talk to the bot.
const TALKERS: u64 = 6;
const FIRST_ID: u64 = 7001;

/// How much of each kind is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub updates: usize,
    pub inbound: usize,
    pub replies: usize,
}

impl Share {
    /// The `n`th of `of` parts that add up to the whole.
    pub fn part(self, n: u32, of: u32) -> Share {
        let part = |whole: usize| {
            let up_to = |n: u32| whole * n as usize / of as usize;
            up_to(n + 1) - up_to(n)
        };
        Share { updates: part(self.updates), inbound: part(self.inbound), replies: part(self.replies) }
    }
}

/// One person, and what they did.
pub(super) struct Person {
    pub user: SimUser,
    /// Their own number and their contact's.
    pub numbers: Option<(String, String)>,
    /// The message of their contact that they answer.
    base: i64,
    /// Their commands: message id to text.
    pub commands: HashMap<i64, String>,
    /// Their answers: message id to text.
    pub replies: HashMap<i64, String>,
    /// What their contact wrote to them.
    pub inbound: Vec<String>,
}

/// An answer of this person (by place in the cast), with the message under which its outcome is shown.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub person: usize,
    pub text: String,
    pub outcome: i64,
}

/// Everybody.
pub(super) struct Cast {
    pub people: Vec<Person>,
    written: usize,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Command,
    Inbound,
    Reply,
}

impl Cast {
    /// Their Telegram ids.
    pub fn ids() -> Vec<u64> {
        (FIRST_ID..FIRST_ID + LINKED + TALKERS).collect()
    }

    /// Links their numbers, and lets each contact write once, so that there is something to answer.
    pub async fn gather(stage: &Stage) -> anyhow::Result<Cast> {
        let mut people = Vec::new();
        for (i, id) in (0u64..).zip(Self::ids()) {
            let mut user = stage.person(id, &format!("Person {i}"));
            let mut numbers = None;
            let mut base = 0;
            if i < LINKED {
                let (own, contact) = (format!("62811000{i:04}"), format!("62822000{i:04}"));
                stage.phone(&own, &format!("Person {i}"))?;
                stage.phone(&contact, &format!("Contact {i}"))?;
                stage.link_by_qr(&mut user, &own).await?;
                stage.whatsapp.send(&contact, &own, "hello").await?;
                base = user.wait_text("hello", PATIENCE).await?.message_id;
                // Answered once, so that the number knows its contact's devices before anything is killed.
                user.reply(base, "hello back").await?;
                user.wait_text("delivered", PATIENCE).await?;
                numbers = Some((own, contact));
            } else {
                user.send("/start").await?;
                user.wait_text("Welcome", PATIENCE).await?;
            }
            let (commands, replies) = (HashMap::new(), HashMap::new());
            people.push(Person { user, numbers, base, commands, replies, inbound: Vec::new() });
        }
        Ok(Cast { people, written: 0 })
    }

    /// Everybody's linked numbers, and whose they are.
    pub fn linked(&self, stage: &Stage) -> Vec<(String, SimUser)> {
        let owners = self.people.iter().zip(Self::ids());
        owners
            .filter_map(|(person, id)| {
                Some((person.numbers.as_ref()?.0.clone(), stage.person(id, &format!("Person {}", id - FIRST_ID))))
            })
            .collect()
    }

    /// Everybody writes their share, in random order and with random pauses that take about this long together.
    pub async fn write(
        &mut self,
        whatsapp: &WhatsAppSim,
        share: Share,
        within: Duration,
        seed: u64,
    ) -> anyhow::Result<()> {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut acts = vec![Act::Command; share.updates];
        acts.resize(acts.len() + share.inbound, Act::Inbound);
        acts.resize(acts.len() + share.replies, Act::Reply);
        acts.shuffle(&mut chance);
        let pause = 2 * within.as_micros() / acts.len().max(1) as u128;
        let pause = u64::try_from(pause).unwrap_or(0);
        for act in acts {
            tokio::time::sleep(Duration::from_micros(chance.random_range(0..=pause))).await;
            self.written += 1;
            let n = self.written;
            let people = match act {
                Act::Command => self.people.len(),
                Act::Inbound | Act::Reply => usize::try_from(LINKED).unwrap_or(1),
            };
            let who = chance.random_range(0..people);
            self.people[who].act(whatsapp, act, n).await?;
        }
        Ok(())
    }

    /// Everybody who was asked about an answer sends it again.
    pub async fn send_again(&mut self, unknown: &[Asked]) -> anyhow::Result<()> {
        for asked in unknown {
            self.people[asked.person].user.press_label_of(asked.outcome, english::RESEND_BUTTON).await?;
        }
        Ok(())
    }
}

impl Person {
    async fn act(&mut self, whatsapp: &WhatsAppSim, act: Act, n: usize) -> anyhow::Result<()> {
        match (act, &self.numbers) {
            (Act::Inbound, Some((own, contact))) => {
                let text = format!("in-{n}-end");
                whatsapp.send(contact, own, &text).await?;
                self.inbound.push(text);
            }
            (Act::Reply, Some(_)) => {
                let text = format!("re-{n}-end");
                let sent = self.user.reply(self.base, &text).await?;
                self.replies.extend(sent.message_id.map(|id| (id, text)));
            }
            _ => {
                // Unknown to the bot: its answer names the message, so each can be told from the others.
                let text = format!("/nothing{n}");
                let sent = self.user.send(&text).await?;
                self.commands.extend(sent.message_id.map(|id| (id, text)));
            }
        }
        Ok(())
    }
}
