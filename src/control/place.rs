//! Where does the socket lie, and how does a command find it?
//!
//! The daemon puts it where it was told to, else into the runtime folder that systemd made, else nowhere: then it has a name and no
//! file (unix(7), "abstract"), so that none is left by a daemon that dies, and none lies among what people copy. Which it was is
//! noted in the lock of the data folder: whoever knows the data folder knows the socket. Owns those rules, and touches nothing.
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf, absolute};

/// What the socket is called in the runtime folder.
pub const NAME: &str = "control.sock";
/// What a socket without a file begins with, as ss(8) writes it.
const UNFILED: char = '@';
/// The longest path that the kernel takes, in bytes. Source: unix(7), `sun_path` without its closing zero.
const MOST_BYTES: usize = 107;
/// The longest name of a socket: what is left of that beside the longest `/proc/self/fd/…/`.
const MOST_NAME: usize = 80;

/// Why a socket cannot lie there.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Its name is too long.
    #[error("listen on {}: the name of a socket has at most {MOST_NAME} bytes; set control.socket to a shorter one", path.display())]
    Long {
        /// The path.
        path: PathBuf,
    },
    /// Its path cannot be written down.
    #[error("listen on {}: the path of a socket has to be text in one line; set control.socket to another one", path.display())]
    Odd {
        /// The path.
        path: PathBuf,
    },
}

/// Where the socket is to lie: at `setting`, else in the first of the folders that systemd named (`$RUNTIME_DIRECTORY`), else
/// nowhere, under a name that nobody can guess.
///
/// # Errors
/// [`PlaceError`]: there it cannot.
pub fn place(setting: Option<&Path>, runtime: Option<&OsStr>) -> Result<PathBuf, PlaceError> {
    let first = runtime.and_then(|folders| folders.as_bytes().split(|byte| *byte == b':').next());
    let folder = first.filter(|folder| !folder.is_empty()).map(|folder| Path::new(OsStr::from_bytes(folder)));
    let path = match (setting, folder) {
        (Some(setting), _) => setting.to_owned(),
        (None, Some(folder)) => folder.join(NAME),
        (None, None) => format!("{UNFILED}sekat-{:032x}", rand::random::<u128>()).into(),
    };
    fits(&path)?;
    Ok(path)
}

/// The name of a socket that has no file.
pub(super) fn unfiled(path: &Path) -> Option<&str> {
    path.to_str()?.strip_prefix(UNFILED)
}

/// Refuses a path that no socket can have, or that is not to be written down.
pub(super) fn fits(path: &Path) -> Result<(), PlaceError> {
    let text = path.to_str().filter(|text| !text.contains('\n'));
    match text {
        None => Err(PlaceError::Odd { path: path.to_owned() }),
        Some(_) if path.file_name().is_none_or(|name| name.len() > MOST_NAME) => {
            Err(PlaceError::Long { path: path.to_owned() })
        }
        Some(_) => Ok(()),
    }
}

/// A way to a socket that the kernel takes, while this lives.
pub(super) struct Reach {
    /// The path, or one through its open folder where that is too long. Of one without a file its name behind a zero.
    pub path: PathBuf,
    _folder: Option<File>,
}

/// How the socket at `path` is reached.
pub(super) fn reach(path: &Path) -> io::Result<Reach> {
    if let Some(name) = unfiled(path) {
        return Ok(Reach { path: format!("\0{name}").into(), _folder: None });
    }
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) if path.as_os_str().len() > MOST_BYTES => {
            let folder = File::open(folder)?;
            let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
            Ok(Reach { path, _folder: Some(folder) })
        }
        _ => Ok(Reach { path: path.to_owned(), _folder: None }),
    }
}

/// What is noted of this path for whoever looks for it: its name alone in the data folder, which others may name in another way.
#[must_use]
pub fn note(path: &Path, data: &Path) -> String {
    let noted = match path.strip_prefix(data) {
        _ if unfiled(path).is_some() => path.to_owned(),
        Ok(inside) if path.parent() == Some(data) => inside.to_owned(),
        _ => absolute(path).unwrap_or_else(|_| path.to_owned()),
    };
    noted.to_string_lossy().into_owned()
}

/// Where the socket lies of which this was noted.
#[must_use]
pub fn found(noted: &str, data: &Path) -> PathBuf {
    if noted.starts_with(UNFILED) { noted.into() } else { data.join(noted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_goes_before_systemd_and_without_either_there_is_no_file() {
        let run = Some(OsStr::new("/run/sekat:/run/other"));
        let chosen = |setting: Option<&str>, run| place(setting.map(Path::new), run).unwrap();
        assert_eq!(chosen(Some("/x/y.sock"), run), Path::new("/x/y.sock"));
        assert_eq!(chosen(None, run), Path::new("/run/sekat/control.sock"));
        for nowhere in [None, Some(OsStr::new(""))] {
            let (one, other) = (chosen(None, nowhere), chosen(None, nowhere));
            assert!(unfiled(&one).is_some_and(|name| name.len() == 38) && one != other, "{}", one.display());
        }
    }

    #[test]
    fn what_is_noted_leads_back_from_anywhere() {
        let data = Path::new("/srv/a/../data");
        assert_eq!(note(&data.join(NAME), data), NAME);
        assert_eq!(found(NAME, Path::new("/srv/data")), Path::new("/srv/data/control.sock"));
        assert_eq!(found(&note(Path::new("/run/sekat/c"), data), data), Path::new("/run/sekat/c"));
        assert!(Path::new(&note(Path::new("here/c"), data)).is_absolute());
        assert_eq!(found(&note(Path::new("@sekat-1"), data), data), Path::new("@sekat-1"));
    }

    #[test]
    fn a_name_that_is_too_long_names_the_setting() {
        let named = |bytes| PathBuf::from(format!("/{}/{}", "x".repeat(2 * MOST_BYTES), "y".repeat(bytes)));
        assert!(place(Some(&named(MOST_NAME)), None).is_ok(), "however deep the folder is");
        let told = place(Some(&named(MOST_NAME + 1)), None).unwrap_err().to_string();
        assert!(told.contains("at most 80 bytes; set control.socket"), "{told}");
        assert!(matches!(place(Some(Path::new("/a\nb")), None), Err(PlaceError::Odd { .. })));
    }

    #[test]
    fn a_socket_in_a_deep_folder_is_reached() {
        let top = tempfile::tempdir().unwrap();
        let deep = top.path().join("d".repeat(100)).join("e".repeat(100));
        std::fs::create_dir_all(&deep).unwrap();
        let path = deep.join(NAME);
        let listener = std::os::unix::net::UnixListener::bind(&reach(&path).unwrap().path).unwrap();
        assert!(path.exists());
        std::os::unix::net::UnixStream::connect(&reach(&path).unwrap().path).unwrap();
        drop(listener);
        assert_eq!(reach(Path::new("/run/c")).unwrap().path, Path::new("/run/c"));
    }
}
