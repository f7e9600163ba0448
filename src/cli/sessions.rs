//! `sekat sessions`: what is the daemon doing for whom, and what lies in the sessions folder?
//!
//! Owns the words. It works on the folder itself, without a daemon or beside one; only `cleanup` changes anything, and only what
//! has expired.

mod servers;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::{Exit, SessionsCommand};
use crate::config::Config;
use crate::domain::{TelegramId, Timestamp};
use crate::session::file::{self, Cleaned, Look};
use crate::session::{UserRecord, UserSession};

pub(super) const ABOUT: &str = "\
Look at the session files: what the daemon is doing for whom; clean up after it

A session file (sessions/user_<telegram id>.json) tells who was last seen when, which step of a conversation waits for an answer, \
and in which state the person's numbers are. It is a copy for restarts and for you: no secret, no phone number and nothing that \
anybody typed is in it, and removing it loses nothing. A registration that somebody may take up again within a day has a file too \
(sessions/reg_<digest>.json), sealed under that person's key. Files are up to a second behind the daemon.

Where Redis or PostgreSQL are used (see sekat.example.toml), registrations and how linked numbers stand are kept there, sealed: health, \
stats and cleanup then ask them, each within a few seconds.

All of these work without a daemon and while one runs.";

pub(super) const EXAMPLES: &str = "\
Examples:
  sekat sessions list                  who is here, what their conversation waits for, how their numbers stand
  sekat sessions show 123456789        one person's session; exit code 1 when there is none
  sekat sessions health --json         whether Redis and PostgreSQL answer, for monitoring
  sekat sessions list --json | jq -r '.sessions[] | select(.flow == \"link\") | .telegram_id'";

/// Does what was asked.
///
/// # Errors
/// Configuration errors, what the disk said, or that there is no such session.
pub fn execute(config: Option<PathBuf>, command: &SessionsCommand) -> anyhow::Result<Exit> {
    let config = super::load(config)?;
    let (dir, now) = (config.sessions.dir.as_path(), Timestamp::now());
    let engine = config.engine()?;
    let uses_servers = engine.redis().is_some() || engine.postgres().is_some();
    let mut exit = Exit::Done;
    let text = match *command {
        SessionsCommand::Health { json } => {
            let (text, is_well) = servers::health(&config, &engine, json)?;
            if !is_well {
                exit = Exit::Failed;
            }
            text
        }
        SessionsCommand::Stats { json: true } if uses_servers => servers::stats(&config, &engine)?,
        SessionsCommand::Stats { json: false } if uses_servers => {
            format!("{}{}", stats(&look(dir)?, now, false), servers::counts(&config, &engine)?)
        }
        SessionsCommand::Cleanup { json } if uses_servers => {
            let here = file::cleanup(dir, now).with_context(|| format!("clean up {}", dir.display()))?;
            cleaned(servers::cleanup(&config, &engine, here)?, json)
        }
        SessionsCommand::List { json: true } => list_json(&look(dir)?, now),
        SessionsCommand::List { json: false } => list(&config, &look(dir)?, now),
        SessionsCommand::Show { id, json } => show(dir, TelegramId(id), now, json)?,
        SessionsCommand::Stats { json } => stats(&look(dir)?, now, json),
        SessionsCommand::Cleanup { json } => cleanup(dir, now, json)?,
    };
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever read (`| head`) has seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(exit),
        written => written.context("write what was found").map(|()| exit),
    }
}

fn look(dir: &Path) -> anyhow::Result<Look> {
    file::look(dir).with_context(|| format!("list {}", dir.display()))
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

fn list(config: &Config, look: &Look, now: Timestamp) -> String {
    let mut text = String::new();
    if !config.writes_session_files() {
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

fn show(dir: &Path, user: TelegramId, now: Timestamp, json: bool) -> anyhow::Result<String> {
    let found = match file::read(dir, user) {
        Ok(Some(found)) => found,
        Ok(None) => bail!("find a session of {user} in {}", dir.display()),
        Err(why) => bail!("read the session of {user}: {why} ({})", why.code()),
    };
    if json {
        return Ok(line(&as_json(&found, now)));
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
    Ok(lines(&rows))
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

fn cleanup(dir: &Path, now: Timestamp, json: bool) -> anyhow::Result<String> {
    let done = file::cleanup(dir, now).with_context(|| format!("clean up {}", dir.display()))?;
    Ok(cleaned(done, json))
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
