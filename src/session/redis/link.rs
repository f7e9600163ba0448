//! How is Redis reached, and is what answers there fit for use?
//!
//! Owns one connection, on which everybody's commands travel together: Redis answers them in turn, so more connections would
//! only wait in more places. One that has failed is given up, never repaired: whoever connects anew meets what may be another
//! server, and is told so by its run id.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo as _, RedisConnectionInfo,
    RedisError, ServerErrorKind,
};
use tokio_util::task::AbortOnDropHandle;

use crate::session::fault::Fault;
use crate::session::wire::{self, Place, Trust};

/// The oldest Redis that has what is used here: users with names (ACL).
const OLDEST: &str = "6.0";

/// Where Redis is, and as whom to use it.
#[derive(Clone)]
pub struct RedisConfig {
    pub(in crate::session) place: Place,
    /// Whose certificates are believed; `None`: without TLS.
    pub(in crate::session) trust: Option<Trust>,
    pub(in crate::session) username: Option<String>,
    pub(in crate::session) password: Option<String>,
    pub(in crate::session) database: i64,
    /// How long connecting may take, all of it.
    pub(in crate::session) connect_timeout: Duration,
    /// Whether it must be on this machine.
    pub(in crate::session) here_only: bool,
}

impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig").field("place", &self.place).field("tls", &self.trust.is_some()).finish()
    }
}

impl RedisConfig {
    /// From an address: `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `rediss://…` with TLS, or `redis+unix:///PATH`.
    /// `here_only`: it must be on this machine.
    ///
    /// # Errors
    /// [`Fault::Address`].
    pub fn parse(text: &str, trust: Trust, connect_timeout: Duration, here_only: bool) -> Result<Self, Fault> {
        let wrong = || Fault::Address("it should read redis://USER:PASSWORD@HOST:PORT/DATABASE".to_owned());
        // TLS is not the library's here, so it knows the scheme in clear only.
        let (plain, trust) = match text.strip_prefix("rediss://") {
            Some(rest) => (format!("redis://{rest}"), Some(trust)),
            None => (text.to_owned(), None),
        };
        // The library's message may repeat what it read.
        let info = plain.as_str().into_connection_info().map_err(|_| wrong())?;
        let place = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Place::Tcp(host.clone(), *port),
            ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
            _ => return Err(wrong()),
        };
        let login = info.redis_settings();
        let (username, password) = (login.username().map(str::to_owned), login.password().map(str::to_owned));
        Ok(RedisConfig { place, trust, username, password, database: login.db(), connect_timeout, here_only })
    }

    /// From its parts, without TLS. `login`: user and password.
    pub fn at(
        host: &str,
        port: u16,
        login: (Option<String>, Option<String>),
        database: u32,
        connect_timeout: Duration,
        here_only: bool,
    ) -> Self {
        let (place, (username, password)) = (Place::Tcp(host.to_owned(), port), login);
        RedisConfig { place, trust: None, username, password, database: database.into(), connect_timeout, here_only }
    }

    /// Whether passwords and sessions would travel over a network in clear.
    pub fn is_open(&self) -> bool {
        self.trust.is_none() && !self.place.is_here()
    }
}

/// Why a command failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{fault}")]
pub(in crate::session) struct CommandError {
    pub fault: Fault,
}

impl From<RedisError> for CommandError {
    fn from(error: RedisError) -> Self {
        CommandError { fault: fault(&error) }
    }
}

/// What an error of the library's means. Never its text where that could repeat what was sent.
fn fault(error: &RedisError) -> Fault {
    // Of many commands, the first that was refused tells.
    let refused = error.clone().into_server_errors();
    let first = refused.as_deref().and_then(|refused| refused.first()).map(|(_, refused)| refused.code());
    match (error.kind(), first.or(error.code()).unwrap_or_default()) {
        (ErrorKind::Io, _) => Fault::Unreachable("the connection was lost".to_owned()),
        (ErrorKind::AuthenticationFailed, _) | (_, "WRONGPASS" | "NOAUTH") => Fault::Password,
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => Fault::ReadOnly("it is a replica".to_owned()),
        (_, "OOM") => Fault::ReadOnly("its memory is full".to_owned()),
        (_, "MISCONF") => Fault::ReadOnly("it cannot write its snapshots".to_owned()),
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => {
            Fault::Refused("the user has no right to a command that is needed".to_owned())
        }
        (_, "") => Fault::Refused(error.category().to_owned()),
        (_, code) => Fault::Refused(format!("{code} ({})", error.category())),
    }
}

/// A connection to one run of one Redis.
#[derive(Clone)]
pub(in crate::session) struct Link {
    connection: MultiplexedConnection,
    /// Tells this run of the server from every other.
    pub run_id: Arc<str>,
    /// Whether it keeps everything until its time has come, and so knows that what it does not have is not there.
    pub keeps_all: bool,
    _task: Arc<AbortOnDropHandle<()>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link(…)")
    }
}

impl Link {
    /// Connects, and looks whether what answers can be used.
    ///
    /// # Errors
    /// Why not.
    pub async fn open(config: &RedisConfig) -> Result<Self, Fault> {
        match tokio::time::timeout(config.connect_timeout, Self::connect(config)).await {
            Ok(link) => link,
            Err(_) => Err(Fault::TimedOut),
        }
    }

    async fn connect(config: &RedisConfig) -> Result<Self, Fault> {
        let mut stream = wire::open(&config.place, config.here_only).await?;
        if let (Some(trust), Place::Tcp(host, _)) = (&config.trust, &config.place) {
            stream = wire::secure(trust, host, stream).await?;
        }
        let mut login = RedisConnectionInfo::default().set_db(config.database).set_skip_set_lib_name();
        if let Some(username) = &config.username {
            login = login.set_username(username);
        }
        if let Some(password) = &config.password {
            login = login.set_password(password);
        }
        // Deadlines are the callers': they know how long they can wait.
        let limits = AsyncConnectionConfig::new().set_response_timeout(None);
        let connected = MultiplexedConnection::new_with_config(&login, stream, limits).await;
        let (connection, driver) = connected.map_err(|e| match fault(&e) {
            // Selecting the database is the last step of logging in, and the only one that is refused so.
            Fault::Refused(_) if config.database != 0 && e.code() == Some("ERR") => {
                Fault::Database(format!("number {}", config.database))
            }
            other => other,
        })?;
        let task = Arc::new(AbortOnDropHandle::new(tokio::spawn(driver)));
        let mut link = Link { connection, run_id: "".into(), keeps_all: false, _task: task };
        let about: String = link.ask(redis::cmd("INFO")).await.map_err(|e| e.fault)?;
        let of = |name: &str| about.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        let version = of("redis_version:");
        if !is_new_enough(version) {
            return Err(Fault::Old { found: version.to_owned(), needed: OLDEST });
        }
        link.run_id = of("run_id:").into();
        link.keeps_all = of("maxmemory_policy:") == "noeviction";
        Ok(link)
    }

    /// Sends a command and waits for its answer; the caller sets the deadline.
    ///
    /// # Errors
    /// What Redis said, or that the connection is lost.
    pub async fn ask<T: FromRedisValue>(&self, command: redis::Cmd) -> Result<T, CommandError> {
        Ok(command.query_async(&mut self.connection.clone()).await?)
    }

    /// Runs what needs the library's own handle.
    pub fn handle(&self) -> impl ConnectionLike + use<> {
        self.connection.clone()
    }
}

fn is_new_enough(version: &str) -> bool {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= 6)
}
