//! What do session files cost: writing thousands, reading them at a start, using the store meanwhile?
use super::report::{Better, Figure};
use super::{Options, progress};
use crate::domain::{Account, AccountId, AccountState, Clock, LoginMethod, Place, TelegramId, Timestamp};
use crate::session::{FileStore, NumberState, SessionStore, UserSession, UserSessions};
use anyhow::ensure;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many people have a session.
const PEOPLE: u64 = 10_000;
/// How long these sessions live: longer than a benchmark.
const TTL: Duration = Duration::from_secs(86_400);
/// How often the store is asked while it is timed.
const ASKED: u64 = 200_000;

/// Makes a session file for each of `people`, as the daemon would write it: one number each, half of them in a conversation.
///
/// # Errors
/// When the disk refuses.
pub async fn fill(dir: &Path, people: impl Iterator<Item = TelegramId>) -> anyhow::Result<()> {
    let (store, _) = FileStore::open(dir.to_owned(), Clock::system()).await?;
    let sessions = UserSessions::new(Arc::new(store), TTL);
    for user in people {
        sessions.put(&session(user)).await?;
    }
    // Closing is bounded, and so is for a daemon's few last files; thousands are waited for.
    while sessions.store().stats().await?.unwritten > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(sessions.store().close().await?)
}

fn session(user: TelegramId) -> UserSession {
    let now = Timestamp::now();
    let waiting = if user.0.is_multiple_of(2) { Some(Place::new("link", "number")) } else { None };
    let account = Account { state: AccountState::Connected, ..Account::new(AccountId(1), LoginMethod::Qr, now) };
    let mut session = UserSession::new(user, now).waiting_for(waiting);
    session.numbers.push(NumberState::from(&account));
    session
}

/// Writes thousands of files, reads them as a start does, and times the store.
pub async fn run(options: &Options) -> anyhow::Result<Vec<Figure>> {
    let people = options.n.unwrap_or(PEOPLE);
    let folder = tempfile::Builder::new().prefix("sekat-load-").tempdir()?;
    let dir = folder.path().join("sessions");
    progress(&format!("{people} session files are written"));
    let began = Instant::now();
    fill(&dir, (1..=people).map(TelegramId)).await?;
    let written = rate(people, began.elapsed());
    let mut reads = Vec::new();
    for _ in 0..5 {
        let (store, loaded) = FileStore::open(dir.clone(), Clock::system()).await?;
        ensure!(loaded.sessions as u64 == people, "{} of {people} files were read", loaded.sessions);
        reads.push(loaded.took.as_secs_f64() * 1_000.0);
        store.close().await?;
    }
    progress("the store is asked and changed");
    let (store, _) = FileStore::open(dir, Clock::system()).await?;
    let sessions = UserSessions::new(Arc::new(store), TTL);
    let began = Instant::now();
    for n in 0..ASKED {
        ensure!(sessions.get(TelegramId(n % people + 1)).await?.is_some(), "a session is gone");
    }
    let asked = rate(ASKED, began.elapsed());
    let changing: Vec<_> = (1..=people.min(100)).map(|n| session(TelegramId(n))).collect();
    let began = Instant::now();
    for session in changing.iter().cycle().take(ASKED as usize) {
        sessions.put(session).await?;
    }
    let changed = rate(ASKED, began.elapsed());
    sessions.store().close().await?;
    Ok(vec![
        Figure::middle(format!("{people} session files read at a start"), &reads, "ms", Better::Lower).hold(1_000.0),
        Figure::new("files written, flushed each", written, "1/s", Better::Higher),
        Figure::new("sessions read", asked, "1/s", Better::Higher).hold(10_000.0),
        Figure::new("sessions changed, of 100 busy people", changed, "1/s", Better::Higher),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
