//! `sekat sessions`: what is the daemon doing for whom, and what lies in the sessions folder?
//!
//! Owns the words. A daemon that runs tells what it has in memory, which its files are up to a second behind; without one the folder
//! tells. Only `cleanup` changes anything, and only what has expired.

mod servers;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::SessionsCommand;
use super::desk::Said;
use crate::config::Config;
use crate::domain::{TelegramId, Timestamp};
use crate::session::file::{self, Cleaned, Look};
use crate::session::{UserRecord, UserSession};
use crate::users::UserDataStore;

pub(super) const ABOUT: &str = "\
Look at the session files: what the daemon is doing for whom; clean up after it

A session file (sessions/user_<telegram id>.json) tells who was last seen when, which step of a conversation waits for an answer, \
and in which state the person's numbers are. It is a copy for restarts and for you: no secret, no phone number and nothing that \
anybody typed is in it, and removing it loses nothing. A registration that somebody may take up again within a day has a file too \
(sessions/reg_<digest>.json), sealed under that person's key.

Where Redis or PostgreSQL are used (see sekat.example.toml), registrations and how linked numbers stand are kept there, sealed: health, \
stats and cleanup then ask them, each within a few seconds.

While a daemon runs these commands ask it: its files are up to a second behind. Without one they read the files.";

pub(super) const EXAMPLES: &str = "\
Examples:
  sekat sessions list                  who is here, what their conversation waits for, how their numbers stand
  sekat sessions show 123456789        one person's session; exit code 1 when there is none
  sekat sessions health --json         whether Redis and PostgreSQL answer, for monitoring
  sekat sessions list --json | jq -r '.sessions[] | select(.flow == \"link\") | .telegram_id'";

/// Does what was asked; as the daemon that runs with `users`, or without one.
///
/// # Errors
/// Configuration errors, what the disk said, or that there is no such session.
pub(super) async fn perform(
    config: &Config,
    command: &SessionsCommand,
    users: Option<&UserDataStore>,
) -> anyhow::Result<Said> {
    let (dir, now) = (config.sessions.dir.as_path(), Timestamp::now());
    let engine = config.engine()?;
    let uses_servers = engine.redis().is_some() || engine.postgres().is_some();
    let told = match *command {
        SessionsCommand::Health { json } => return servers::health(config, &engine, json).await,
        SessionsCommand::Stats { json: true } if uses_servers => return servers::stats(config, &engine).await,
        SessionsCommand::Stats { json: false } if uses_servers => {
            let mut said = servers::counts(config, &engine).await?;
            said.out.insert_str(0, &stats(&look(dir, users, now).await?, now, false));
            return Ok(said);
        }
        SessionsCommand::List { json: true } => list_json(&look(dir, users, now).await?, now),
        SessionsCommand::List { json: false } => list(config, &look(dir, users, now).await?, users.is_some(), now),
        SessionsCommand::Show { id, json } => {
            let found = match users {
                Some(users) => of(&users.sessions().await?, TelegramId(id)),
                None => read(dir, TelegramId(id))?,
            };
            let found = found.with_context(|| format!("find a session of {id} in {}", dir.display()))?;
            show(&found, now, json)
        }
        SessionsCommand::Stats { json } => stats(&look(dir, users, now).await?, now, json),
        SessionsCommand::Cleanup { json } => {
            let here = cleanup(dir, users, now).await?;
            // The daemon's own store has the servers' in it.
            let all = if users.is_none() { servers::cleanup(config, &engine, here).await? } else { here };
            cleaned(all, json)
        }
    };
    Ok(told.into())
}

/// What there is: the folder's files, and in place of what they say of people's sessions what the daemon knows.
async fn look(dir: &Path, users: Option<&UserDataStore>, now: Timestamp) -> anyhow::Result<Look> {
    let live = match users {
        Some(users) => Some(users.sessions().await?),
        None => None,
    };
    let mut look = files(dir).await?.with_context(|| format!("list {}", dir.display()))?;
    if let Some(live) = live {
        let known: HashSet<TelegramId> = live.iter().map(|found| found.session.telegram_id).collect();
        // What has expired and was not cleaned up yet is in the files alone.
        look.sessions.retain(|found| found.expires_at <= now && !known.contains(&found.session.telegram_id));
        look.sessions.extend(live);
        look.sessions.sort_by_key(|found| found.session.telegram_id);
    }
    Ok(look)
}

/// What lies in the folder, read on a thread of its own: a daemon has other things to do meanwhile.
async fn files(dir: &Path) -> anyhow::Result<io::Result<Look>> {
    let (folder, (done, looked)) = (dir.to_owned(), oneshot::channel());
    // Whoever asked may have gone.
    let work = move || drop(done.send(file::look(&folder)));
    thread::Builder::new().name("sekat-look".to_owned()).spawn(work).context("start a thread")?;
    Ok(looked.await?)
}

fn of(sessions: &[UserRecord], user: TelegramId) -> Option<UserRecord> {
    sessions.iter().find(|found| found.session.telegram_id == user).cloned()
}

fn read(dir: &Path, user: TelegramId) -> anyhow::Result<Option<UserRecord>> {
    file::read(dir, user).or_else(|why| bail!("read the session of {user}: {why} ({})", why.code()))
}

async fn cleanup(dir: &Path, users: Option<&UserDataStore>, now: Timestamp) -> anyhow::Result<Cleaned> {
    if let Some(users) = users {
        let (removed, left) = users.clean_up_sessions().await?;
        return Ok(Cleaned { removed, left });
    }
    file::cleanup(dir, now).with_context(|| format!("clean up {}", dir.display()))
}

fn list_json(look: &Look, now: Timestamp) -> String {
    let sessions: Vec<Value> = look.sessions.iter().map(|found| as_json(found, now)).collect();
    let damaged: Vec<Value> = look
        .damaged
        .iter()
        .map(|(key, why)| json!({ "telegram_id": key.user(), "file": file::file_name(*key), "code": why.code() }))
        .collect();
    line(&json!({ "sessions": sessions, "damaged": damaged }))
}

fn list(config: &Config, look: &Look, is_live: bool, now: Timestamp) -> String {
    let mut text = String::new();
    if !config.writes_session_files() && is_live {
        text.push_str("Session files are switched off (sessions.enabled); these are in the daemon's memory.\n");
    } else if !config.writes_session_files() {
        text.push_str("Session files are switched off (sessions.enabled); what is here is from earlier.\n");
    }
    if look.sessions.is_empty() {
        text.push_str(&format!("No sessions in {}.\n", config.sessions.dir.display()));
    } else {
        text.push_str(&table(&look.sessions, now));
    }
    if !look.registrations.is_empty() {
        text.push_str(&format!("Registrations that can be taken up again (sealed): {}\n", look.registrations.len()));
    }
    for (key, why) in &look.damaged {
        let (name, code) = (file::file_name(*key), why.code());
        text.push_str(&format!("The file {name} is damaged: {why} ({code}); the daemon's next start sets it aside.\n"));
    }
    text
}

fn table(sessions: &[UserRecord], now: Timestamp) -> String {
    let head = ["user", "waits for", "numbers", "last seen (UTC)", "expires"].map(str::to_owned);
    let rows = sessions.iter().map(|found| {
        let session = &found.session;
        let numbers = numbers(session);
        let numbers = numbers.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ");
        [
            session.telegram_id.to_string(),
            waits_for(session).unwrap_or_else(|| "-".to_owned()),
            if numbers.is_empty() { "-".to_owned() } else { numbers },
            moment(session.last_seen_at),
            left(found.expires_at, now),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for [user, waits, numbers, seen, expires] in &rows {
        let [a, b, c, d] = widths;
        text.push_str(&format!("{user:>a$}  {waits:b$}  {numbers:c$}  {seen:d$}  {expires}\n"));
    }
    text
}

fn show(found: &UserRecord, now: Timestamp, json: bool) -> String {
    if json {
        return line(&as_json(found, now));
    }
    let session = &found.session;
    let mut rows = vec![
        ("user", session.telegram_id.to_string()),
        ("began", format!("{} UTC", moment(session.created_at))),
        ("last seen", format!("{} UTC", moment(session.last_seen_at))),
        ("expires", format!("{} UTC ({})", moment(found.expires_at), left(found.expires_at, now))),
        ("waits for", waits_for(session).unwrap_or_else(|| "nothing".to_owned())),
    ];
    for number in &session.numbers {
        let reason = number.reason.map_or_else(String::new, |reason| format!(" ({})", reason.code()));
        rows.push(("number", format!("{} {}{reason}", number.account, number.state.code())));
    }
    if let Some(shown) = session.previous_message {
        rows.push(("on screen", format!("message {} in chat {}", shown.message, shown.chat)));
    }
    rows.push(("revision", found.version.to_string()));
    lines(&rows)
}

fn stats(look: &Look, now: Timestamp, json: bool) -> String {
    let live: Vec<_> = look.sessions.iter().filter(|found| found.expires_at > now).collect();
    let registrations = look.registrations.iter().filter(|found| found.expires_at > now).count();
    let expired = look.sessions.len() - live.len() + look.registrations.len() - registrations;
    let (mut waiting, mut states) = (BTreeMap::<String, u64>::new(), BTreeMap::<&str, u64>::new());
    for found in &live {
        if let Some(step) = waits_for(&found.session) {
            *waiting.entry(step).or_default() += 1;
        }
        for (state, count) in numbers(&found.session) {
            *states.entry(state).or_default() += count;
        }
    }
    let (damaged, aside, leftovers) = (look.damaged.len(), look.aside.len(), look.leftovers.len());
    if json {
        return line(&json!({
            "live": { "user": live.len(), "registration": registrations }, "expired": expired, "waiting": waiting, "numbers": states,
            "damaged": damaged, "set_aside": aside, "leftovers": leftovers, "others": look.others,
        }));
    }
    let mut rows = vec![("sessions", format!("{} live, {expired} expired", live.len()))];
    rows.push(("registering", format!("{registrations} live, sealed")));
    rows.extend(waiting.iter().map(|(step, count)| ("waits for", format!("{step}: {count}"))));
    rows.extend(states.iter().map(|(state, count)| ("numbers", format!("{state}: {count}"))));
    rows.extend([("damaged", damaged.to_string()), ("set aside", aside.to_string())]);
    rows.extend([("unfinished", leftovers.to_string()), ("other files", look.others.to_string())]);
    lines(&rows)
}

fn cleaned(done: Cleaned, json: bool) -> String {
    if json {
        line(&json!({ "removed": done.removed, "left": done.left }))
    } else {
        format!("{} expired removed, {} left\n", done.removed, done.left)
    }
}

fn lines(rows: &[(&str, String)]) -> String {
    rows.iter().map(|(name, value)| format!("{name:<11}  {value}\n")).collect()
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

/// As in the file, and whether it has expired.
fn as_json(found: &UserRecord, now: Timestamp) -> Value {
    let mut value = serde_json::to_value(found).unwrap_or(Value::Null);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("expired".to_owned(), Value::Bool(found.expires_at <= now));
    }
    value
}

/// `flow/step`, where a step waits.
fn waits_for(session: &UserSession) -> Option<String> {
    let flow = session.flow.as_ref()?.as_str();
    Some(session.step.as_ref().map_or_else(|| flow.to_owned(), |step| format!("{flow}/{}", step.as_str())))
}

/// How many of the person's numbers are in which state.
fn numbers(session: &UserSession) -> BTreeMap<&'static str, u64> {
    let mut states = BTreeMap::new();
    for number in &session.numbers {
        *states.entry(number.state.code()).or_default() += 1;
    }
    states
}

/// A moment to the second, in UTC.
fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {}", &text[..10], &text[11..19])
}

fn left(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.until(at).as_secs();
    match seconds {
        _ if at <= now => "expired".to_owned(),
        0..120 => format!("in {seconds} s"),
        120..7_200 => format!("in {} min", seconds / 60),
        7_200..172_800 => format!("in {} h", seconds / 3_600),
        _ => format!("in {} days", seconds / 86_400),
    }
}
