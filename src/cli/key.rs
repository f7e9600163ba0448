//! `sekat key rotate`: how does an operator change the master key?
//!
//! Owns the order of the steps, so that a kill between any two leaves a folder that both opens and can be run again. The keys
//! themselves are `store::keys`' business.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::{Exit, WrongUsage, folder};
use crate::lifecycle::DataLock;
use crate::store::keys::{self, KeyOrigin, KeySource, MasterKey, RotateReport};

/// Wraps every key anew.
///
/// # Errors
/// Configuration, lock, or key errors; what to type, when the new key must come from the operator.
pub fn rotate(config: Option<PathBuf>, new_key_file: Option<&Path>) -> anyhow::Result<Exit> {
    let config = super::load(config)?;
    let dir = &config.data.dir;
    if !dir.is_dir() {
        bail!("find the data folder {}: there is nothing to rotate yet", dir.display());
    }
    if let Some(owner) = folder::owner(dir)? {
        folder::ours(dir, owner)?;
    }
    let _lock = DataLock::take(dir)?;
    let source = KeySource::from_env(config.keys.master_key_file.clone());
    let (master, origin) = MasterKey::load_or_create(&source, dir)?;
    if let Some(report) = keys::finish_rotation(dir, &master)? {
        println!("An earlier rotation had been cut off; it is complete now. Master key: {}", master.id());
        return Ok(tell(&report));
    }
    match (new_key_file, &origin) {
        (Some(path), _) => with_given_key(dir, &master, &origin, path),
        (None, KeyOrigin::Credential(_)) => Err(WrongUsage(
            "know where the new key lies: the present one is a systemd credential, so make a key (openssl rand -hex 32), \
             store it, and name it by --new-key-file"
                .to_owned(),
        )
        .into()),
        (None, KeyOrigin::File(path) | KeyOrigin::DataDir { path, .. }) => in_place(dir, &master, path),
    }
}

/// The new key takes the old one's place in the same file.
fn in_place(dir: &Path, old: &MasterKey, path: &Path) -> anyhow::Result<Exit> {
    let beside = beside(path);
    let new = if beside.exists() {
        // An earlier run made it; another one now would strand what that run has wrapped.
        MasterKey::read_file(&beside)?
    } else {
        let new = MasterKey::generate()?;
        new.write_new(&beside)?;
        new
    };
    let report = keys::rotate(dir, old, &new)?;
    fs::rename(&beside, path).with_context(|| format!("put the new key at {}", path.display()))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).context("flush the key's folder")?;
    keys::end_rotation(dir)?;
    println!("The master key at {} is new: {} (was {})", path.display(), new.id(), old.id());
    Ok(tell(&report))
}

/// The new key lies where the operator wants it; the operator moves the daemon over.
fn with_given_key(dir: &Path, old: &MasterKey, origin: &KeyOrigin, path: &Path) -> anyhow::Result<Exit> {
    let new = MasterKey::read_file(path)?;
    if new.id() == old.id() {
        return Err(WrongUsage(format!("rotate: {} holds the present master key", path.display())).into());
    }
    let report = keys::rotate(dir, old, &new)?;
    println!("Every key is wrapped by {} now (was {}).", new.id(), old.id());
    match origin {
        KeyOrigin::Credential(_) => {
            println!("Now make {} the credential {}", path.display(), keys::CREDENTIAL_NAME);
        }
        KeyOrigin::File(old_path) => {
            println!("Now put {} into keys.master_key_file, in place of {}", path.display(), old_path.display());
        }
        KeyOrigin::DataDir { path: old_path, .. } => {
            println!("Now put {} into keys.master_key_file, and delete {}", path.display(), old_path.display());
        }
    }
    println!("and start the daemon: its first start with the new key shuts the old one out for good.");
    Ok(tell(&report))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn tell(report: &RotateReport) -> Exit {
    println!("{} keys wrapped anew, {} were already", report.rewrapped, report.already);
    for (path, code) in &report.unreadable {
        eprintln!("sekat: {} could not be opened by either key ({code}); it is as it was", path.display());
    }
    if report.unreadable.is_empty() { Exit::Done } else { Exit::Failed }
}
