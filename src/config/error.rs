//! What is wrong with the configuration, and where?
//!
//! Owns the problems found, all of them at once: nobody wants to fix a file one start at a time. It must not repeat a value
//! that could be a secret.

use std::fmt;
use std::path::PathBuf;

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file; `line` counts from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The line, where one can be named.
        line: Option<usize>,
    },
    /// An environment variable.
    Variable(String),
    /// Nowhere: the default, or a missing value.
    Nowhere,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// With which key, dotted; empty when the file as a whole is meant.
    pub key: String,
    /// What, and what to do.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File { path, line: Some(line) } => write!(f, "{}:{line}: ", path.display())?,
            Place::File { path, line: None } => write!(f, "{}: ", path.display())?,
            Place::Variable(name) => write!(f, "{name}: ")?,
            Place::Nowhere => {}
        }
        match &self.place {
            Place::Variable(_) => {}
            _ if self.key.is_empty() => {}
            _ => write!(f, "{}: ", self.key)?,
        }
        f.write_str(&self.what)
    }
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// In the order in which it was found.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn one(place: Place, key: &str, what: impl Into<String>) -> Self {
        Self { problems: vec![Problem { place, key: key.to_owned(), what: what.into() }] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
