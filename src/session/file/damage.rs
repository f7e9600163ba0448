//! Why is a session file not believed?
//!
//! Owns the reasons and their stable codes. Pure.

use std::fmt;

/// What is wrong with a session file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Damage {
    /// It ends too early.
    Truncated,
    /// It is no JSON.
    NotJson,
    /// It is JSON, but no session.
    Shape,
    /// A newer program wrote it.
    FutureVersion,
    /// Its name and its content name different people.
    WrongId,
    /// It is larger than any session; it was not read.
    Huge,
    /// It is a symbolic link; it was not followed.
    Symlink,
    /// It is a folder, a pipe or a device; it was not opened.
    NotAFile,
    /// It cannot be opened or read: its mode, its owner, or the disk.
    Unreadable,
}

impl Damage {
    /// Every reason.
    pub const ALL: &[Damage] = &[
        Self::Truncated,
        Self::NotJson,
        Self::Shape,
        Self::FutureVersion,
        Self::WrongId,
        Self::Huge,
        Self::Symlink,
        Self::NotAFile,
        Self::Unreadable,
    ];

    /// The word for it in a file's name.
    pub fn word(self) -> &'static str {
        &self.code()["session-file-".len()..]
    }

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Truncated => "session-file-truncated",
            Self::NotJson => "session-file-not-json",
            Self::Shape => "session-file-shape",
            Self::FutureVersion => "session-file-future-version",
            Self::WrongId => "session-file-wrong-id",
            Self::Huge => "session-file-huge",
            Self::Symlink => "session-file-symlink",
            Self::NotAFile => "session-file-not-a-file",
            Self::Unreadable => "session-file-unreadable",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "it ends too early",
            Self::NotJson => "it is no JSON",
            Self::Shape => "it is no session",
            Self::FutureVersion => "a newer sekat wrote it",
            Self::WrongId => "its name and its content name different people",
            Self::Huge => "it is larger than any session",
            Self::Symlink => "it is a symbolic link",
            Self::NotAFile => "it is no ordinary file",
            Self::Unreadable => "it cannot be read",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_code_and_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = Damage::ALL.iter().map(|d| d.word()).collect();
        assert_eq!(words.len(), Damage::ALL.len());
        for damage in Damage::ALL {
            assert_eq!(damage.code(), format!("session-file-{}", damage.word()));
        }
    }
}
