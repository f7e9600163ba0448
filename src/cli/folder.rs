//! Whose is a folder, and may this process work in it?
//!
//! Owns nothing. What one user made in another's folder the other could not open: root's as well.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::control::own_uid;

/// What to do about a master key that cannot be found.
pub(super) const KEY_REMEDY: &str = "\
sekat: name the file of the key in keys.master_key_file (or SEKAT_KEYS__MASTER_KEY_FILE); or start the daemon, whose service has \
it, and this command asks the daemon\n";

/// The folder belongs to somebody else.
#[derive(Debug, thiserror::Error)]
#[error("use {}: it belongs to {name}; run it as that user: sudo -u {login} sekat …", dir.display())]
pub(super) struct Foreign {
    dir: PathBuf,
    name: String,
    login: String,
}

/// Who owns the folder; `None`: there is none.
///
/// # Errors
/// What the system said.
pub(super) fn owner(dir: &Path) -> anyhow::Result<Option<u32>> {
    match fs::metadata(dir) {
        Ok(meta) => Ok(Some(meta.uid())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("look at {}", dir.display())),
    }
}

/// Refuses a folder that belongs to somebody else than this process.
///
/// # Errors
/// [`Foreign`].
pub(super) fn ours(dir: &Path, owner: u32) -> anyhow::Result<()> {
    if owner == own_uid().context("see who I am")? {
        return Ok(());
    }
    let found = name(owner);
    // As sudo wants it for a user without a name, such as a service's that does not run.
    let login = found.clone().unwrap_or_else(|| format!("'#{owner}'"));
    let name = found.unwrap_or_else(|| format!("user {owner}"));
    Err(Foreign { dir: dir.to_owned(), name, login }.into())
}

/// What this user is called, where the system's list of users says so.
pub(super) fn name(uid: u32) -> Option<String> {
    fs::read_to_string("/etc/passwd").ok()?.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        (id.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_somebody_else_is_refused_with_what_to_type() {
        let dir = tempfile::tempdir().unwrap();
        let own = owner(dir.path()).unwrap().unwrap();
        assert!(ours(dir.path(), own).is_ok() && owner(&dir.path().join("gone")).unwrap().is_none());
        assert_eq!(name(0).as_deref(), Some("root"));
        let nobodys = ours(Path::new("/srv/sekat"), 3_999_999_999).unwrap_err().to_string();
        let told = "use /srv/sekat: it belongs to user 3999999999; run it as that user: sudo -u '#3999999999' sekat …";
        assert_eq!(nobodys, told);
    }
}
