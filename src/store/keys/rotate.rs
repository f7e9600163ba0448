//! How does the master key change without a moment in which anything is unreadable?
//!
//! A *bridge* file holds each of the two master keys wrapped by the other. While it lies there, whoever has one of them
//! can open what either has wrapped, so a rotation may be killed anywhere and simply run again; the bridge goes last.
//! A thief of the folder gains nothing by it.
//!
//! Owns `rotation.key`. It must run under the data folder's lock and must not touch databases.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::master::MasterKey;
use super::user::StoreKey;
use super::wrap::{self, KeyId, Kind, WRAPPED_LEN};
use super::{KeyError, disk};
use crate::store::seal::RawKey32;

/// The name of the bridge in the data folder.
pub(super) const BRIDGE: &str = "rotation.key";
/// The first half is the old key wrapped by the new one; the second the new key wrapped by the old one.
const OLD: i64 = 1;
const NEW: i64 = 2;

/// What a rotation did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RotateReport {
    /// Keys wrapped anew by this run.
    pub rewrapped: usize,
    /// Keys that the new master key had wrapped already (an earlier run was cut off).
    pub already: usize,
    /// Keys that neither master key opens, with the error's stable code. They were unreadable before, too.
    pub unreadable: Vec<(PathBuf, &'static str)>,
}

/// Wraps every key in the data folder by `new`. Can be killed anywhere and run again with the same two keys. When it has
/// returned, put the new master key where the old one was, then call [`end_rotation`].
///
/// # Errors
/// [`KeyError::Io`], [`KeyError::Random`]; [`KeyError::WrongMaster`] when a rotation between other keys is under way.
pub fn rotate(data_dir: &Path, old: &MasterKey, new: &MasterKey) -> Result<RotateReport, KeyError> {
    write_bridge(data_dir, old, new)?;
    let both = new.with_partner(old);
    let mut report = RotateReport::default();
    rewrap(&both, Kind::Store, 0, &data_dir.join(StoreKey::FILE), &mut report)?;
    for (telegram_id, path) in user_keys(data_dir)? {
        rewrap(&both, Kind::User, telegram_id, &path, &mut report)?;
    }
    Ok(report)
}

/// The public ids (old, new) of a rotation that has not ended.
///
/// # Errors
/// [`KeyError::Damaged`] or [`KeyError::Io`].
pub fn pending_rotation(data_dir: &Path) -> Result<Option<(String, String)>, KeyError> {
    Ok(bridge(data_dir)?.map(|b| (wrap::hex(&b.old_id), wrap::hex(&b.new_id))))
}

/// Ends a rotation that was cut off after the new master key had taken the old one's place; `None` when there is nothing to
/// end, or `master` is still the old key.
///
/// # Errors
/// As [`rotate`].
pub fn finish_rotation(data_dir: &Path, master: &MasterKey) -> Result<Option<RotateReport>, KeyError> {
    let Some(bridge) = bridge(data_dir)? else { return Ok(None) };
    let Some(old) = master.partner().filter(|_| master.key_id() == bridge.new_id) else { return Ok(None) };
    let report = rotate(data_dir, &old, master)?;
    end_rotation(data_dir)?;
    Ok(Some(report))
}

/// Removes the bridge: from here on only the new master key opens anything. Success when it is gone already.
///
/// # Errors
/// [`KeyError::Io`].
pub fn end_rotation(data_dir: &Path) -> Result<(), KeyError> {
    let bridge = data_dir.join(BRIDGE);
    let doomed = data_dir.join(format!("{BRIDGE}{}end", disk::TEMP_MARK));
    // Out of the way first: overwritten in place, a bridge cut off half-way would be a damaged one.
    match fs::rename(&bridge, &doomed) {
        Ok(()) => disk::sync_parent(&bridge)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(KeyError::io("remove", &bridge)(e)),
    }
    disk::destroy(&doomed)
}

/// The other key of a rotation under way, when `master` is one of its two.
pub(super) fn read_bridge(master: &MasterKey, data_dir: &Path) -> Result<Option<(KeyId, RawKey32)>, KeyError> {
    let Some(bridge) = bridge(data_dir)? else { return Ok(None) };
    let path = data_dir.join(BRIDGE);
    if master.key_id() == bridge.new_id {
        let old = wrap::unwrap(master, Kind::Master, OLD, &path, &bridge.bytes[..WRAPPED_LEN])?;
        return Ok(Some((bridge.old_id, old)));
    }
    if master.key_id() == bridge.old_id {
        let new = wrap::unwrap(master, Kind::Master, NEW, &path, &bridge.bytes[WRAPPED_LEN..])?;
        return Ok(Some((bridge.new_id, new)));
    }
    Err(KeyError::WrongMaster { path, wrapped_by: wrap::hex(&bridge.new_id), given: master.id() })
}

struct Bridge {
    bytes: Vec<u8>,
    old_id: KeyId,
    new_id: KeyId,
}

fn bridge(data_dir: &Path) -> Result<Option<Bridge>, KeyError> {
    let path = data_dir.join(BRIDGE);
    let Some(bytes) = disk::read_small(&path)? else { return Ok(None) };
    if bytes.len() != 2 * WRAPPED_LEN {
        return Err(KeyError::Damaged { path });
    }
    let new_id = wrap::wrapped_by(&path, &bytes[..WRAPPED_LEN])?;
    let old_id = wrap::wrapped_by(&path, &bytes[WRAPPED_LEN..])?;
    Ok(Some(Bridge { bytes: bytes.to_vec(), old_id, new_id }))
}

fn write_bridge(data_dir: &Path, old: &MasterKey, new: &MasterKey) -> Result<(), KeyError> {
    let path = data_dir.join(BRIDGE);
    if let Some(bridge) = bridge(data_dir)? {
        if (bridge.old_id, bridge.new_id) == (old.key_id(), new.key_id()) {
            return Ok(());
        }
        // Replacing the bridge could cut off files that only its keys open.
        return Err(KeyError::WrongMaster { path, wrapped_by: wrap::hex(&bridge.new_id), given: new.id() });
    }
    let mut bytes = wrap::wrap(new.raw(), new.key_id(), Kind::Master, OLD, old.raw())?.to_vec();
    bytes.extend_from_slice(&wrap::wrap(old.raw(), old.key_id(), Kind::Master, NEW, new.raw())?);
    disk::write_private(&path, &bytes)
}

fn rewrap(both: &MasterKey, kind: Kind, subject: i64, path: &Path, report: &mut RotateReport) -> Result<(), KeyError> {
    let Some(bytes) = disk::read_small(path)? else { return Ok(()) };
    let opened = wrap::unwrap(both, kind, subject, path, &bytes);
    match opened {
        Ok(_) if wrap::wrapped_by(path, &bytes)? == both.key_id() => report.already += 1,
        Ok(key) => {
            disk::write_private(path, &wrap::wrap(both.raw(), both.key_id(), kind, subject, &key)?)?;
            report.rewrapped += 1;
        }
        Err(e @ (KeyError::Damaged { .. } | KeyError::Foreign { .. } | KeyError::WrongMaster { .. })) => {
            report.unreadable.push((path.to_owned(), e.code()));
        }
        Err(e) => return Err(e),
    }
    Ok(())
}

fn user_keys(data_dir: &Path) -> Result<Vec<(i64, PathBuf)>, KeyError> {
    let users = data_dir.join("users");
    let entries = match fs::read_dir(&users) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(KeyError::io("list", &users)(e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(KeyError::io("list", &users))?;
        // What is not named by a number is not a user's folder, so not ours to touch.
        if let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<i64>().ok()) {
            found.push((id, entry.path().join("key")));
        }
    }
    found.sort();
    Ok(found)
}
