//! `sekat status`: how is the daemon?
//!
//! Owns the words, and what counts as the matter: what a daemon tells that is well, and one that is not, and what can be seen of a
//! folder on which none runs.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::desk::Said;
use super::live::{Live, Up};
use super::members::moment;
use super::user::size;
use super::{Exit, VERSION, folder};
use crate::config::Config;
use crate::domain::{Resource, TelegramId, Timestamp};
use crate::limits::level::Level;
use crate::users::Vitals;
use crate::users::guard::Reading;

pub(super) const ABOUT: &str = "\
Say how the daemon is

Told are: the version, since when it runs, how updates come in, how many people are known and awake, how many numbers are connected, wait in \
line and may be connected at most, numbers by state (of people whose worlds are awake), updates that wait, file handles, memory and disk \
with their limits, and where sessions are kept. With --json the same for programs.

Exit code 0: all is well. 1: something is the matter (it is named), or no daemon runs; then what can be seen of the data folder is told. \
75: a daemon has the data folder and does not answer.";

/// Updates that do not come in for this long are the matter: longer than one request for them takes, after a start too.
const AWAY: Duration = Duration::from_secs(20);

/// How a running daemon is.
pub(super) async fn of_daemon(live: &Live, up: &Up, as_json: bool) -> Said {
    let vitals = up.users.vitals().await;
    let readings = up.users.readings();
    let trouble = trouble(up, &vitals, &readings);
    let status = if trouble.is_empty() { "ready" } else { "trouble" };
    let mut all = head(live, status, &trouble);
    all["updates"] = json!({
        "mode": up.mode.as_str(), "coming_in": up.intake.healthy(), "for_seconds": up.intake.unchanged_for().as_secs(),
        "waiting": vitals.spool.ok().map(|load| load.rows), "oldest_seconds": vitals.oldest.as_secs(),
    });
    all["people"] = json!({ "known": vitals.known, "awake": vitals.open });
    all["numbers"] = json!({
        "connected": vitals.clients.1, "running": vitals.clients.0, "waiting": vitals.room.waiting, "most": vitals.room.most,
        "states": vitals.states, "reasons": vitals.reasons,
    });
    all["resources"] = readings.iter().map(|reading| (reading.resource.code().to_owned(), resource(reading))).collect();
    all["sessions"] = json!({ "engine": up.sessions.name, "trouble": up.sessions.trouble() });
    let exit = if trouble.is_empty() { Exit::Done } else { Exit::Failed };
    let out = if as_json { format!("{all}\n") } else { words(&all, &vitals, &readings) };
    Said { exit, out, err: String::new() }
}

/// How a daemon is that comes up or goes down.
pub(super) fn not_up(live: &Live, what: &str, as_json: bool) -> Said {
    let all = head(live, what, &[]);
    let out = if as_json { format!("{all}\n") } else { lines(&head_lines(&all)) };
    Said { exit: Exit::Failed, out, err: String::new() }
}

fn head(live: &Live, status: &str, trouble: &[&str]) -> Value {
    let uptime = live.since.until(Timestamp::now()).as_secs();
    json!({
        "running": true, "status": status, "trouble": trouble, "version": VERSION, "pid": std::process::id(),
        "since": live.since.to_string(), "uptime_seconds": uptime,
    })
}

/// The stable codes of what is the matter. That something gets scarce is told, and is none yet.
fn trouble(up: &Up, vitals: &Vitals, readings: &[Reading]) -> Vec<&'static str> {
    let mut codes = Vec::new();
    codes.extend(vitals.folder.err());
    codes.extend(vitals.spool.err());
    codes.extend(vitals.known.is_none().then_some("directory-failed"));
    let is_away = !up.intake.healthy() && up.intake.unchanged_for() > AWAY;
    codes.extend(is_away.then_some("telegram-away"));
    codes.extend(up.sessions.trouble());
    codes.extend(readings.iter().filter(|reading| reading.level.is_full()).map(|reading| match reading.resource {
        Resource::Handles => "handles-full",
        Resource::Memory => "memory-full",
        Resource::Disk => "disk-full",
        Resource::Storage => "storage-full",
    }));
    codes
}

fn level(level: Level) -> &'static str {
    match (level.is_full(), level.is_scarce()) {
        (true, _) => "full",
        (false, true) => "scarce",
        (false, false) => "ok",
    }
}

fn resource(reading: &Reading) -> Value {
    let (used, limit) = reading.used.unzip();
    json!({ "used": used, "limit": limit, "level": level(reading.level) })
}

fn head_lines(all: &Value) -> Vec<(&'static str, String)> {
    let text = |key: &str| all[key].as_str().unwrap_or_default().to_owned();
    let since = Timestamp::parse(&text("since")).map(moment).unwrap_or_default();
    let up = Duration::from_secs(all["uptime_seconds"].as_u64().unwrap_or_default());
    let mut rows = vec![
        ("sekat", format!("{} (process {})", text("version"), all["pid"])),
        ("status", text("status")),
        ("since", format!("{since} UTC ({})", span(up))),
    ];
    let trouble: Vec<&str> = all["trouble"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !trouble.is_empty() {
        rows.insert(2, ("trouble", trouble.join(", ")));
    }
    rows
}

fn words(all: &Value, vitals: &Vitals, readings: &[Reading]) -> String {
    let mut rows = head_lines(all);
    let updates = &all["updates"];
    let coming = match updates["coming_in"].as_bool() {
        Some(true) => "coming in".to_owned(),
        _ => format!(
            "not coming in for {}",
            span(Duration::from_secs(updates["for_seconds"].as_u64().unwrap_or_default()))
        ),
    };
    let mode = updates["mode"].as_str().unwrap_or_default();
    let waiting = match vitals.spool {
        Ok(load) if load.rows == 0 => "none waiting".to_owned(),
        Ok(load) => format!("{} waiting, the oldest for {}", load.rows, span(vitals.oldest)),
        Err(code) => format!("the spool does not answer ({code})"),
    };
    rows.push(("updates", format!("{mode}, {coming}; {waiting}")));
    let known = vitals.known.map_or_else(|| "?".to_owned(), |known| known.to_string());
    rows.push(("people", format!("{known} known, {} awake", vitals.open)));
    let room = vitals.room;
    let numbers = format!("{} connected, {} waiting in line, {} at most", vitals.clients.1, room.waiting, room.most);
    rows.push(("numbers", numbers));
    let of = |counts: &std::collections::BTreeMap<&'static str, u64>| {
        let counts: Vec<String> =
            counts.iter().filter(|(_, count)| **count > 0).map(|(code, count)| format!("{count} {code}")).collect();
        counts.join(", ")
    };
    for (name, counts) in [("states", of(&vitals.states)), ("reasons", of(&vitals.reasons))] {
        if !counts.is_empty() {
            rows.push((name, counts));
        }
    }
    for reading in readings {
        let shown = |n: u64| if reading.resource == Resource::Handles { n.to_string() } else { size(n) };
        let used = match reading.used {
            Some((used, of)) => format!("{} of {}, {}", shown(used), shown(of), level(reading.level)),
            None => "not known".to_owned(),
        };
        rows.push((reading.resource.code(), used));
    }
    let sessions = &all["sessions"];
    let matter = sessions["trouble"].as_str().map_or_else(|| "ok".to_owned(), |code| format!("trouble: {code}"));
    rows.push(("sessions", format!("{}, {matter}", sessions["engine"].as_str().unwrap_or_default())));
    lines(&rows)
}

fn lines(rows: &[(&str, String)]) -> String {
    rows.iter().map(|(name, value)| format!("{name:<9}  {value}\n")).collect()
}

fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// What can be seen of a data folder on which no daemon runs. Opens nothing and makes nothing, so that whoever may look at it may ask.
///
/// # Errors
/// When the folder cannot be looked at.
pub(super) fn without_daemon(config: &Config, as_json: bool) -> anyhow::Result<Said> {
    let dir = &config.data.dir;
    let owner = folder::owner(dir)?;
    let name = owner.map(|uid| folder::name(uid).unwrap_or_else(|| format!("user {uid}")));
    let (people, seen_at) = (people(dir), last_written(dir));
    let out = if as_json {
        let all = json!({
            "running": false, "status": "down", "version": VERSION, "data_folder": dir.display().to_string(), "owner": name,
            "people": { "known": people }, "last_seen_at": seen_at.map(|at| at.to_string()),
        });
        format!("{all}\n")
    } else {
        let mut rows = vec![("sekat", VERSION.to_owned()), ("status", "no daemon runs".to_owned())];
        rows.push((
            "data",
            format!("{}, {}", dir.display(), name.map_or("not there yet".to_owned(), |name| format!("of {name}"))),
        ));
        rows.push(("people", people.map_or_else(|| "nobody knows".to_owned(), |people| format!("{people} known"))));
        rows.push(("last seen", seen_at.map_or_else(|| "never".to_owned(), |at| format!("{} UTC", moment(at)))));
        lines(&rows)
    };
    Ok(Said { exit: Exit::Failed, out, err: String::new() })
}

/// How many people have a folder.
fn people(dir: &Path) -> Option<usize> {
    let entries = match fs::read_dir(dir.join("users")) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Some(0),
        Err(_) => return None,
    };
    let is_person = |name: &str| name.parse().is_ok_and(|id| TelegramId(id).is_person());
    Some(entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_person)).count())
}

/// When a daemon last wrote to what everybody shares.
fn last_written(dir: &Path) -> Option<Timestamp> {
    let entries = fs::read_dir(dir).ok()?.flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().contains(".db"));
    let newest: SystemTime = ours.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()?;
    let since = newest.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp(i64::try_from(since.as_millis()).ok()?))
}
