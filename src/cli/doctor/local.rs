//! What does this machine look like to the daemon: folders, keys, lock, limits, disk?
//!
//! Owns nothing. It only reads.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::Findings;
use crate::config::Config;
use crate::lifecycle::{DataLock, Holder};
use crate::store::keys::{self, DataKey, KeyOrigin, KeySource, MasterKey};

/// Handles that a thousand linked numbers need: each about four (measured), and as much again for databases and peers.
const WANTED_HANDLES: u64 = 8_192;

pub(super) fn examine(config: &Config, findings: &mut Findings) {
    folder("data folder", &config.data.dir, findings);
    folder("sessions", &config.sessions.dir, findings);
    lock(&config.data.dir, findings);
    if let Some(master) = master_key(config, findings) {
        user_keys(&config.data.dir, &master, findings);
    }
    handles(findings);
    disk(config, findings);
}

fn folder(check: &'static str, dir: &Path, findings: &mut Findings) {
    let shown = dir.display();
    let meta = match fs::metadata(dir) {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return findings.ok(check, format!("{shown} is not there yet; sekat run makes it"));
        }
        Err(e) => {
            return findings.fail(
                check,
                format!("{shown} cannot be looked at: {e}"),
                "run doctor as the daemon's user",
            );
        }
    };
    let mode = meta.permissions().mode() & 0o7777;
    if !meta.is_dir() {
        findings.fail(check, format!("{shown} is not a folder"), "name another one in sekat.toml");
    } else if let Err(e) = fs::read_dir(dir) {
        findings.fail(
            check,
            format!("{shown} cannot be read: {e}"),
            "run doctor as the daemon's user, or chown the folder",
        );
    } else if mode & 0o077 != 0 {
        findings.warn(check, format!("{shown} has mode {mode:04o}: others can look in"), format!("chmod 700 {shown}"));
    } else {
        findings.ok(check, format!("{shown}, mode {mode:04o}"));
    }
}

fn lock(dir: &Path, findings: &mut Findings) {
    match DataLock::held_by(dir) {
        Ok(None) => findings.ok("lock", "no daemon runs on this data folder"),
        Ok(Some(Holder { pid: Some(pid), .. })) => {
            findings.ok("lock", format!("a daemon runs on this data folder: process {pid}"));
        }
        Ok(Some(_)) => findings.ok("lock", "a daemon runs on this data folder"),
        Err(e) => findings.fail("lock", chain(&e), "run doctor as the daemon's user"),
    }
}

fn master_key(config: &Config, findings: &mut Findings) -> Option<MasterKey> {
    let dir = &config.data.dir;
    let source = KeySource::from_env(config.keys.master_key_file.clone());
    let (master, origin) = match MasterKey::load(&source, dir) {
        Ok(Some(found)) => found,
        Ok(None) if dir.join(keys::StoreKey::FILE).exists() || dir.join("users").is_dir() => {
            let advice =
                "put the key back (backup, credential, keys.master_key_file); without it the data stays closed";
            findings.fail("master key", "there is data, but the master key is nowhere", advice);
            return None;
        }
        Ok(None) => {
            let advice = "better before the first run: openssl rand -hex 32 into a file of mode 0600 on another disk, and \
                          name it in keys.master_key_file";
            findings.warn("master key", "none yet; sekat run would make one in the data folder", advice);
            return None;
        }
        Err(e) => {
            findings.fail(
                "master key",
                format!("{} ({})", chain(&e), e.code()),
                "give the key that this data was made with",
            );
            return None;
        }
    };
    let what = format!("{} at {}", master.id(), origin.path().display());
    let same_disk = match &origin {
        KeyOrigin::DataDir { .. } => true,
        KeyOrigin::File(path) => on_one_disk(path, dir),
        // systemd keeps credentials in memory that is not swapped out.
        KeyOrigin::Credential(_) => false,
    };
    if same_disk {
        let advice = "whoever takes this disk has both: use a systemd credential (sekat-master-key) or a key file on another disk";
        findings.warn("master key", format!("{what}: key and data lie on one disk"), advice);
    } else {
        findings.ok("master key", what);
    }
    match keys::pending_rotation(dir) {
        Ok(None) => {}
        Ok(Some((old, new))) => {
            findings.warn(
                "rotation",
                format!("from {old} to {new} is not complete"),
                "run sekat key rotate again, or start with the new key",
            );
        }
        Err(e) => {
            findings.fail("rotation", format!("{} ({})", chain(&e), e.code()), "restore rotation.key from a backup")
        }
    }
    Some(master)
}

fn on_one_disk(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.dev() == b.dev(),
        _ => false,
    }
}

fn user_keys(dir: &Path, master: &MasterKey, findings: &mut Findings) {
    let entries = match fs::read_dir(dir.join("users")) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return,
        Err(e) => {
            return findings.fail("user keys", format!("cannot be listed: {e}"), "run doctor as the daemon's user");
        }
    };
    let (mut good, mut bad) = (0_u64, 0_u64);
    let mut orphans = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path().join("key");
        let id = name.parse::<i64>().ok().filter(|id| id.to_string() == name);
        // Without a key and without data it is nobody's; data without a key is a failure, and told as one.
        let Some(id) = id.filter(|_| path.exists() || entry.path().join("user.db").exists()) else {
            orphans.push(name);
            continue;
        };
        match DataKey::load(master, &path, id) {
            Ok(_) => good += 1,
            Err(e) => {
                bad += 1;
                // A wrong master key would say the same thousands of times.
                if bad <= 5 {
                    let advice = "restore this file from a backup; the other users are not affected";
                    findings.fail("user keys", format!("{} ({})", chain(&e), e.code()), advice);
                }
            }
        }
    }
    if bad > 5 {
        findings.fail("user keys", format!("{} more like these", bad - 5), "is it the right master key?");
    }
    findings.ok("user keys", format!("{good} can be opened"));
    if !orphans.is_empty() {
        orphans.sort();
        let (count, shown) = (orphans.len(), dir.join("users"));
        orphans.truncate(5);
        let advice = "the daemon leaves it alone and never deletes it; look what it is, and remove it yourself";
        let what = format!("{count} in {} belong to no user: {}", shown.display(), orphans.join(", "));
        findings.warn("user folders", what, advice);
    }
}

fn handles(findings: &mut Findings) {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next());
    match soft.map(str::parse::<u64>) {
        Some(Ok(soft)) if soft < WANTED_HANDLES => {
            let advice = "raise it (ulimit -n 65536; LimitNOFILE=65536 in the service)";
            findings.warn("file handles", format!("{soft}: enough for about {} linked numbers", soft / 8), advice);
        }
        Some(Ok(soft)) => findings.ok("file handles", soft.to_string()),
        Some(Err(_)) => findings.ok("file handles", "unlimited"),
        None => findings.warn("file handles", "the limit cannot be read", "is /proc mounted?"),
    }
}

fn disk(config: &Config, findings: &mut Findings) {
    let dir = &config.data.dir;
    let place = dir.ancestors().find(|place| place.is_dir()).unwrap_or(Path::new("."));
    let free = rustix::fs::statvfs(place).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    match free {
        Some(free) if free < config.limits.disk_reserve.0 => {
            let advice = "make room: a full disk stops every user (limits.disk_reserve sets this warning)";
            findings.warn("disk", format!("{} MB free", free / 1_000_000), advice);
        }
        Some(free) => findings.ok("disk", format!("{} MB free", free / 1_000_000)),
        None => findings.warn("disk", "free space cannot be read", "look with df yourself"),
    }
}

/// An error with what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
