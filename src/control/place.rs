//! Where does the socket lie, and how does a command find it?
//!
//! The daemon puts it where it was told to, else in the runtime folder that systemd made, else into the data folder, and notes in
//! the lock of the data folder where that was: whoever knows the data folder knows the socket. Owns those rules, and touches
//! nothing.
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf, absolute};

/// What the socket is called where nobody said otherwise.
pub const NAME: &str = "control.sock";
/// The longest path that the kernel takes, in bytes. Source: unix(7), `sun_path` without its closing zero.
pub const MOST_BYTES: usize = 107;

/// Why a socket cannot lie there.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Its path is too long.
    #[error(
        "listen on {}: the path of a socket has at most {MOST_BYTES} bytes, and this one has {bytes}; set control.socket to a shorter one",
        path.display()
    )]
    Long {
        /// The path.
        path: PathBuf,
        /// How many bytes it has.
        bytes: usize,
    },
    /// Its path cannot be written down.
    #[error("listen on {}: the path of a socket has to be text in one line; set control.socket to another one", path.display())]
    Odd {
        /// The path.
        path: PathBuf,
    },
}

/// Where the socket is to lie: at `setting`, else in the first of the folders that systemd named (`$RUNTIME_DIRECTORY`), else in
/// the data folder.
///
/// # Errors
/// [`PlaceError`]: there it cannot.
pub fn place(setting: Option<&Path>, runtime: Option<&OsStr>, data: &Path) -> Result<PathBuf, PlaceError> {
    let first = runtime.and_then(|folders| folders.as_bytes().split(|byte| *byte == b':').next());
    let folder = first.filter(|folder| !folder.is_empty()).map_or(data, |folder| Path::new(OsStr::from_bytes(folder)));
    let path = setting.map_or_else(|| folder.join(NAME), Path::to_owned);
    fits(&path)?;
    fits(Path::new(&note(&path, data)))?;
    Ok(path)
}

/// Refuses a path that is too long, or not to be written down.
pub(super) fn fits(path: &Path) -> Result<(), PlaceError> {
    let bytes = path.as_os_str().len();
    let text = path.to_str().filter(|text| !text.contains('\n'));
    match text {
        None => Err(PlaceError::Odd { path: path.to_owned() }),
        Some(_) if bytes > MOST_BYTES => Err(PlaceError::Long { path: path.to_owned(), bytes }),
        Some(_) => Ok(()),
    }
}

/// What is noted of this path for whoever looks for it: its name alone in the data folder, which others may name in another way.
#[must_use]
pub fn note(path: &Path, data: &Path) -> String {
    let noted = match path.strip_prefix(data) {
        Ok(inside) if path.parent() == Some(data) => inside.to_owned(),
        _ => absolute(path).unwrap_or_else(|_| path.to_owned()),
    };
    noted.to_string_lossy().into_owned()
}

/// Where the socket lies of which this was noted.
#[must_use]
pub fn found(noted: &str, data: &Path) -> PathBuf {
    data.join(noted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_goes_before_systemd_and_systemd_before_the_data_folder() {
        let (data, run) = (Path::new("data"), Some(OsStr::new("/run/sekat:/run/other")));
        let chosen = |setting: Option<&str>, run| place(setting.map(Path::new), run, data).unwrap();
        assert_eq!(chosen(Some("/x/y.sock"), run), Path::new("/x/y.sock"));
        assert_eq!(chosen(None, run), Path::new("/run/sekat/control.sock"));
        assert_eq!(chosen(None, Some(OsStr::new(""))), Path::new("data/control.sock"));
        assert_eq!(chosen(None, None), Path::new("data/control.sock"));
    }

    #[test]
    fn what_is_noted_leads_back_from_anywhere() {
        let data = Path::new("/srv/a/../data");
        assert_eq!(note(&data.join(NAME), data), NAME);
        assert_eq!(found(NAME, Path::new("/srv/data")), Path::new("/srv/data/control.sock"));
        assert_eq!(found(&note(Path::new("/run/sekat/c"), data), data), Path::new("/run/sekat/c"));
        assert!(Path::new(&note(Path::new("here/c"), data)).is_absolute());
    }

    #[test]
    fn a_path_that_is_too_long_names_the_setting() {
        let (long, data) = (PathBuf::from(format!("/{}", "x".repeat(MOST_BYTES))), Path::new("data"));
        let told = place(Some(&long), None, data).unwrap_err().to_string();
        assert!(told.contains("at most 107 bytes, and this one has 108; set control.socket"), "{told}");
        assert!(place(Some(Path::new(&long.to_str().unwrap()[..MOST_BYTES])), None, data).is_ok());
        assert!(matches!(place(Some(Path::new("/a\nb")), None, data), Err(PlaceError::Odd { .. })));
    }
}
