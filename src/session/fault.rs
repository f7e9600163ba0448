//! Why can a server that keeps sessions not be used, in words that an operator can act on?
//!
//! Owns nothing. It must not repeat a password or an address; the setting's name comes from whoever knows the configuration.

use std::error::Error as StdError;
use std::io;

use crate::reach::ReachError;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Redis.
    Redis,
    /// PostgreSQL.
    Postgres,
}

impl Server {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Why a server cannot be used. Reads after the name of the setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The address is none.
    #[error("is no address of such a server: {0}")]
    Address(String),
    /// A demo build, and a server elsewhere.
    #[error(
        "names a server elsewhere: this is a demo build, which talks to this machine only (code demo-not-loopback)"
    )]
    NotHere,
    /// The name leads nowhere, or nobody listens there.
    #[error("nobody answers there: {0}")]
    Unreachable(String),
    /// No answer within the time allowed.
    #[error("no answer came in time")]
    TimedOut,
    /// User or password are wrong, or missing.
    #[error("the server does not accept the user or the password")]
    Password,
    /// There is no such database.
    #[error("there is no such database on the server: {0}")]
    Database(String),
    /// The server is too old.
    #[error("the server is too old: it is {found}, and {needed} or newer is needed")]
    Old {
        /// What it says that it is.
        found: String,
        /// The oldest that will do.
        needed: &'static str,
    },
    /// A newer version of this program has changed the tables.
    #[error("the tables are of version {found}, made by a newer sekat; this one knows up to {known}")]
    Newer {
        /// Theirs.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// TLS does not come about: the certificate is not the server's, not trusted, expired, or the server has none.
    #[error("the connection is not safe: {0}")]
    Certificate(String),
    /// The server refuses writes: it is a replica, or its memory or disk are full.
    #[error("the server takes no writes: {0}")]
    ReadOnly(String),
    /// The server refuses something else.
    #[error("the server refuses: {0}")]
    Refused(String),
}

impl Fault {
    /// The stable code, for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "session-server-address",
            Self::NotHere => "demo-not-loopback",
            Self::Unreachable(_) => "session-server-unreachable",
            Self::TimedOut => "session-server-timeout",
            Self::Password => "session-server-password",
            Self::Database(_) => "session-server-database",
            Self::Old { .. } => "session-server-old",
            Self::Newer { .. } => "session-server-newer-schema",
            Self::Certificate(_) => "session-server-certificate",
            Self::ReadOnly(_) => "session-server-read-only",
            Self::Refused(_) => "session-server-refused",
        }
    }

    /// Whether waiting does not help: somebody has to change a setting, or the server.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut | Self::ReadOnly(_) | Self::Refused(_) => false,
            Self::Address(_)
            | Self::NotHere
            | Self::Password
            | Self::Database(_)
            | Self::Old { .. }
            | Self::Newer { .. }
            | Self::Certificate(_) => true,
        }
    }

    pub(super) fn io(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut {
            return Self::TimedOut;
        }
        match tls(error) {
            Some(why) => Self::Certificate(why),
            None => Self::Unreachable(error.kind().to_string()),
        }
    }
}

impl From<ReachError> for Fault {
    fn from(error: ReachError) -> Self {
        match error {
            ReachError::Resolve(_) => Self::Unreachable("its name cannot be resolved".to_owned()),
            ReachError::NoAddress => Self::Unreachable("its name stands for no address".to_owned()),
            ReachError::NotHere => Self::NotHere,
            ReachError::Connect(error) => Self::io(&error),
        }
    }
}

/// What TLS said, where it was TLS that failed.
fn tls(error: &io::Error) -> Option<String> {
    let mut source: Option<&(dyn StdError + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(inner) = source {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return Some(tls.to_string());
        }
        source = inner.source();
    }
    None
}

/// A server that cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("use {}: {fault}", server.name())]
pub struct ServerFault {
    /// Which.
    pub server: Server,
    /// Why.
    pub fault: Fault,
}
