//! The members' file, for commands that work on it beside a daemon or without one.
use super::Exit;
use crate::app;
use crate::config::Config;
use crate::domain::Timestamp;
use crate::store::keys::{KeySource, MasterKey, StoreKey};
use crate::store::{DbThreads, Members};
use anyhow::{Context as _, bail};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Opens the file, does this with it, and prints what came of it.
///
/// # Errors
/// Configuration and key errors, what the store said, or what `act` did.
pub(super) fn with(
    config: Option<PathBuf>,
    act: impl AsyncFnOnce(&Config, &Members) -> anyhow::Result<String>,
) -> anyhow::Result<Exit> {
    let config = super::load(config)?;
    let dir = &config.data.dir;
    if !dir.join(StoreKey::FILE).exists() {
        bail!("find the keys in {}: the daemon makes them when it first runs", dir.display());
    }
    let source = KeySource::from_env(config.keys.master_key_file.clone());
    let (master, _) = MasterKey::load_or_create(&source, dir)?;
    let store_key = StoreKey::load_or_create(&master, dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().context("start the runtime")?;
    let threads = DbThreads::start(1);
    let members = app::members(&config, &threads, &store_key);
    let done = runtime.block_on(async {
        members.load().await?;
        let done = act(&config, &members).await;
        members.close().await?;
        done
    });
    threads.stop();
    let text = done?;
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever read (`| head`) has seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        written => written.context("write what was found").map(|()| Exit::Done),
    }
}

/// A moment to the minute, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {}", &text[..10], &text[11..16])
}
