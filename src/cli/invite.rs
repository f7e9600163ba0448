//! `sekat invite`: which codes let people in, and who came by them?
//!
//! Owns the words. The same whether a daemon carries it out or nobody runs. A code is printed when it is made and never again: what is
//! kept is a keyed digest.

use std::time::Duration;

use anyhow::bail;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::desk::Said;
use super::members::moment;
use super::{Exit, InviteCommand, WrongUsage};
use crate::config::Config;
use crate::domain::{AccessMode, Invite, InviteCode, Terms, Timestamp, invite};
use crate::store::Members;
use crate::store::members::Which;

pub(super) const ABOUT: &str = "\
Let people in by codes, when access.mode is \"invite\"

Who has a code opens https://t.me/<your bot>?start=CODE, or sends the code to the bot; then they may use it until they are blocked \
or erase everything of theirs. A code lets in as many people as you say, until it expires or you revoke it. It is shown when \
it is made and never again: what is kept is a digest of it under the store's key. A person may try five codes an hour.

Codes lie in members.db in the data folder. While a daemon runs these commands ask it, and count at once; without one they work on that \
file, and need the master key. The daemon must have run once, because it makes the keys. In the chat, owner and admins do the same \
with /invite and /invites.";

pub(super) const EXAMPLES: &str = "\
Examples:
  sekat invite create                                     for one person, within a week
  sekat invite create --uses 30 --expires 2d --note choir
  sekat invite list                                       each code by its number, and the ids of those it let in
  sekat invite revoke 3                                   by number, or by the code itself";

/// More codes than anybody reads.
const MOST: usize = 100_000;

/// How long a code holds; `None`: until it is revoked.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Expiry(Option<Duration>);

pub(super) fn expiry(text: &str) -> Result<Expiry, String> {
    match (text, invite::span(text)) {
        ("never", _) => Ok(Expiry(None)),
        (_, Some(time)) => Ok(Expiry(Some(time))),
        (_, None) => Err("expected a time such as 90s, 30m, 12h or 7d, or \"never\"".to_owned()),
    }
}

/// Does what was asked.
///
/// # Errors
/// What the store said, or that there is no such code.
pub(super) async fn perform(config: &Config, members: &Members, command: InviteCommand) -> anyhow::Result<Said> {
    let now = Timestamp::now();
    match command {
        InviteCommand::Create { uses, expires, note, json } => {
            let terms = Terms { uses, expires_in: expires.0, note }.checked();
            let terms = terms.map_err(|e| WrongUsage(format!("make a code: it has to {e}")))?;
            create(config, members, terms, now, json).await
        }
        InviteCommand::List { json } => {
            let invites = members.invites(MOST).await?;
            let told = if json {
                let invites: Vec<Value> = invites.iter().map(|invite| as_json(invite, now)).collect();
                format!("{}\n", json!({ "invites": invites }))
            } else {
                list(&invites, now)
            };
            Ok(told.into())
        }
        InviteCommand::Revoke { code } => Ok(revoke(members, &code, now).await?.into()),
    }
}

async fn create(
    config: &Config,
    members: &Members,
    terms: Terms,
    now: Timestamp,
    as_json: bool,
) -> anyhow::Result<Said> {
    let (code, uses) = (InviteCode::from_random(rand::random()), terms.uses);
    let expires_at = members.create(code, terms, now).await?;
    let bot = members.bot();
    let link = bot.map(|bot| format!("https://t.me/{bot}?start={code}"));
    let mut err = String::new();
    if config.access.mode != AccessMode::Invite {
        err.push_str("sekat: this code lets nobody in until access.mode is \"invite\"\n");
    }
    let said = |out| Ok(Said { exit: Exit::Done, out, err });
    if as_json {
        let expires_at = expires_at.map(|at| at.to_string());
        let made = json!({ "code": code.to_string(), "link": link, "uses": uses, "expires_at": expires_at });
        return said(format!("{made}\n"));
    }
    let until = expires_at.map_or_else(|| "until you revoke it".to_owned(), |at| format!("until {} UTC", moment(at)));
    let people = if uses == 1 { "1 person".to_owned() } else { format!("{uses} people") };
    let link = link.unwrap_or_else(|| format!("https://t.me/<your bot>?start={code}"));
    said(format!("{code}\n{link}\nLets in {people}, {until}. It is not shown again.\n"))
}

async fn revoke(members: &Members, given: &str, now: Timestamp) -> anyhow::Result<String> {
    let number = given.trim_start_matches('#').parse().ok().map(Which::Number);
    let which = InviteCode::parse(given).map(Which::Code).or(number);
    let Some(which) = which else {
        return Err(WrongUsage("revoke this: a code has 10 characters, a number stands in the list".to_owned()).into());
    };
    match members.revoke(which, now).await? {
        Some((id, true)) => Ok(format!("#{id} lets nobody in any more\n")),
        Some((id, false)) => Ok(format!("#{id} was revoked already\n")),
        None => bail!("find that code: sekat invite list shows all"),
    }
}

fn as_json(invite: &Invite, now: Timestamp) -> Value {
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let members: Vec<Value> =
        invite.members.iter().map(|(user, at)| json!({ "telegram_id": user, "joined_at": at.to_string() })).collect();
    json!({
        "id": invite.id, "state": invite.state(now).code(), "uses": invite.uses, "used": invite.used, "note": invite.note,
        "made_at": invite.made_at.to_string(), "made_by": invite.made_by, "expires_at": text(invite.expires_at),
        "revoked_at": text(invite.revoked_at), "members": members,
    })
}

fn list(invites: &[Invite], now: Timestamp) -> String {
    if invites.is_empty() {
        return "No codes yet: sekat invite create makes one.\n".to_owned();
    }
    let mut text = String::new();
    for invite in invites {
        let by = invite.made_by.map_or_else(String::new, |by| format!(" by {by}"));
        let until = invite.expires_at.map_or_else(|| "never".to_owned(), moment);
        let note = invite.note.as_ref().map_or_else(String::new, |note| format!("  {}", printable(note)));
        text.push_str(&format!(
            "#{:<4} {:<8}  {:>4} of {:<4} used  made {}{by}  expires {until}{note}\n",
            invite.id,
            invite.state(now).code(),
            invite.used,
            invite.uses,
            moment(invite.made_at),
        ));
        for (user, at) in &invite.members {
            text.push_str(&format!("      let in {user} at {}\n", moment(*at)));
        }
    }
    text
}

/// A note as a terminal may show it: nothing in it moves the cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
