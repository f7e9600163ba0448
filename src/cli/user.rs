//! `sekat user`: who is there, how do they stand, and who is kept out?
//!
//! Owns the words. No telephone number, name or text is among them: numbers are told by their small ids, as in session files.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::desk::Said;
use super::members::moment;
use super::{UserCommand, plan};
use crate::config::Config;
use crate::domain::{Order, Outcome, Refusal, Role, Standing, TelegramId, Timestamp};
use crate::session::NumberState;
use crate::users::roll::Seen;
use crate::users::{Roll, UserDataStore};

pub(super) const ABOUT: &str = "\
Look at people: standing, plan, numbers; keep somebody out, let them in again

Told are: how somebody stands at the door (admitted as member, admin or owner; blocked; stranger) and since when, their plan and how \
many numbers it allows, whether their world is awake, when they were last seen, each number by its small id with its state and reason, \
and what they take on the disk. Never a telephone number, a name or a text.

block and unblock do what /block and /unblock do in the chat, as the owner. While a daemon runs these commands ask it, and count at once; \
without one they work on the files, and need the master key.";

pub(super) const EXAMPLES: &str = "\
Examples:
  sekat user list
  sekat user show 123456789
  sekat user block 123456789      their numbers go offline, nothing that they send is read, their data stays
  sekat user list --json | jq -r '.users[] | select(.awake) | .telegram_id'";

/// Does what was asked; as the daemon that runs with `users`, or without one.
///
/// # Errors
/// What the store said, that nobody knows this person, or that the order is refused.
pub(super) async fn perform(
    config: &Config,
    roll: &Roll,
    users: Option<&UserDataStore>,
    command: &UserCommand,
) -> anyhow::Result<Said> {
    let told = match *command {
        UserCommand::List { json } => {
            let people = roll.people(users).await?;
            if json {
                let people = people.iter().map(|seen| as_json(config, seen)).collect::<anyhow::Result<Vec<_>>>()?;
                format!("{}\n", json!({ "users": people }))
            } else {
                table(&people)
            }
        }
        UserCommand::Show { id, json } => {
            let seen = roll.person(id, users).await?;
            let seen = seen.with_context(|| format!("find anybody with the id {id}: sekat user list shows all"))?;
            if json { format!("{}\n", as_json(config, &seen)?) } else { shown(config, &seen)? }
        }
        UserCommand::Block { id, json } => ordered(roll, users, &Order::Block(id), id, json).await?,
        UserCommand::Unblock { id, json } => ordered(roll, users, &Order::Unblock(id), id, json).await?,
    };
    Ok(told.into())
}

async fn ordered(
    roll: &Roll,
    users: Option<&UserDataStore>,
    order: &Order,
    id: TelegramId,
    json: bool,
) -> anyhow::Result<String> {
    let outcome = match users {
        Some(users) => users.command(order).await?,
        None => roll.members.command(order, Timestamp::now()).await?,
    };
    match outcome {
        Outcome::Done => {}
        Outcome::Refused(Refusal::Owner) => bail!("block {id}: that is the owner (access.owner)"),
        _ => bail!("change how {id} stands"),
    }
    let standing = roll.members.standing(id);
    if json {
        return Ok(format!("{}\n", json!({ "telegram_id": id, "standing": word(standing) })));
    }
    Ok(match standing {
        Standing::Blocked => {
            format!("{id} is blocked: nothing that they send is read, and their numbers are offline\n")
        }
        Standing::Admitted(_) => format!("{id} is not blocked, and may use the bot\n"),
        Standing::Stranger => format!("{id} is not blocked; to use the bot they have to be let in\n"),
    })
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Admitted(_) => "admitted",
        Standing::Blocked => "blocked",
        Standing::Stranger => "stranger",
    }
}

fn role(standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::Admitted(Role::Member) => Some("member"),
        Standing::Admitted(Role::Admin) => Some("admin"),
        Standing::Admitted(Role::Owner) => Some("owner"),
        Standing::Blocked | Standing::Stranger => None,
    }
}

fn allowed(config: &Config, seen: &Seen) -> anyhow::Result<usize> {
    match seen.member.plan {
        Some(plan) => Ok(plan.numbers()),
        None => plan::configured(config),
    }
}

fn as_json(config: &Config, seen: &Seen) -> anyhow::Result<Value> {
    let (member, text) = (&seen.member, |at: Option<Timestamp>| at.map(|at| at.to_string()));
    let number = |number: &NumberState| json!({ "account": number.account, "state": number.state.code(), "reason": number.reason.map(|why| why.code()) });
    Ok(json!({
        "telegram_id": member.user, "standing": word(member.standing), "role": role(member.standing),
        "joined_at": text(member.joined.map(|(_, at)| at)), "invite": member.joined.map(|(invite, _)| invite),
        "blocked_at": text(member.blocked_at), "plan": member.plan.map(|plan| plan.code()),
        "allowed_numbers": allowed(config, seen)?, "known": seen.is_known, "awake": seen.is_awake,
        "last_seen_at": text(seen.seen_at), "linked_numbers": seen.linked,
        "numbers": seen.numbers.as_ref().map(|numbers| numbers.iter().map(number).collect::<Vec<_>>()),
        "trouble": seen.trouble, "storage_bytes": seen.storage, "allowed_storage_bytes": config.store.quota.0,
    }))
}

fn table(people: &[Seen]) -> String {
    if people.is_empty() {
        return "Nobody yet.\n".to_owned();
    }
    let head = ["user", "standing", "plan", "world", "numbers", "last seen (UTC)", "storage"].map(str::to_owned);
    let rows = people.iter().map(|seen| {
        [
            seen.member.user.to_string(),
            role(seen.member.standing).unwrap_or(word(seen.member.standing)).to_owned(),
            seen.member.plan.map_or("-", |plan| plan.code()).to_owned(),
            world(seen).to_owned(),
            counted(seen),
            seen.seen_at.map_or_else(|| "never".to_owned(), moment),
            size(seen.storage),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let widths: [usize; 7] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn world(seen: &Seen) -> &'static str {
    match (seen.is_awake, seen.is_known) {
        (true, _) => "awake",
        (false, true) => "asleep",
        (false, false) => "none",
    }
}

/// The numbers by their states, where they are known; else how many there are.
fn counted(seen: &Seen) -> String {
    let Some(numbers) = &seen.numbers else {
        return if seen.linked == 0 { "-".to_owned() } else { format!("{} linked", seen.linked) };
    };
    let mut states = std::collections::BTreeMap::<&str, usize>::new();
    for number in numbers {
        *states.entry(number.state.code()).or_default() += 1;
    }
    let states: Vec<String> = states.into_iter().map(|(state, count)| format!("{count} {state}")).collect();
    if states.is_empty() { "-".to_owned() } else { states.join(", ") }
}

fn shown(config: &Config, seen: &Seen) -> anyhow::Result<String> {
    let member = &seen.member;
    let standing = match (role(member.standing), member.blocked_at) {
        (Some(role), _) => format!("admitted as {role}"),
        (None, Some(at)) => format!("blocked since {} UTC", moment(at)),
        (None, None) => word(member.standing).to_owned(),
    };
    let plan = format!("{}, {}", member.plan.map_or("none", |plan| plan.code()), plan::numbers(allowed(config, seen)?));
    let mut rows = vec![("user", member.user.to_string()), ("standing", standing)];
    if let Some((invite, at)) = member.joined {
        rows.push(("let in", format!("by code #{invite}, {} UTC", moment(at))));
    }
    rows.extend([("plan", plan), ("world", world(seen).to_owned())]);
    rows.push(("last seen", seen.seen_at.map_or_else(|| "never".to_owned(), |at| format!("{} UTC", moment(at)))));
    for number in seen.numbers.iter().flatten() {
        let reason = number.reason.map_or_else(String::new, |reason| format!(" ({})", reason.code()));
        rows.push(("number", format!("{} {}{reason}", number.account, number.state.code())));
    }
    if let Some(code) = seen.trouble {
        rows.push(("trouble", format!("the vault does not open ({code})")));
    }
    rows.push(("storage", format!("{} of {}", size(seen.storage), size(config.store.quota.0))));
    Ok(rows.iter().map(|(name, value)| format!("{name:<9}  {value}\n")).collect())
}

/// Bytes as people read them.
pub(super) fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000 => return format!("{bytes} B"),
        1_000..1_000_000 => (100, "kB"),
        1_000_000..1_000_000_000 => (100_000, "MB"),
        _ => (100_000_000, "GB"),
    };
    format!("{}.{} {name}", bytes / unit / 10, bytes / unit % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        let told: Vec<String> = [0, 999, 1_000, 1_250, 999_999, 45_600_000, 7_000_000_000].map(size).to_vec();
        assert_eq!(told, ["0 B", "999 B", "1.0 kB", "1.2 kB", "999.9 kB", "45.6 MB", "7.0 GB"]);
    }
}
