//! How is PostgreSQL reached, and is what answers there fit for use?
//!
//! Owns one connection and its prepared statements. One that has failed is given up, never repaired.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::NoTls;
use tokio_postgres::{Client, Config, Error};
use tokio_util::task::AbortOnDropHandle;

use super::rows::Statements;
use super::schema;
use crate::session::fault::Fault;
use crate::session::wire::{self, Place, PostgresTls, Trust};

/// The oldest PostgreSQL that has what is used here: the wait for an ended process, `pg_terminate_backend(pid, timeout)`.
const OLDEST: &str = "14";

/// Where PostgreSQL is, and as whom to use it.
#[derive(Clone)]
pub struct PostgresConfig {
    login: Config,
    places: Vec<Place>,
    trust: Trust,
    connect_timeout: Duration,
    here_only: bool,
}

impl std::fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresConfig").field("places", &self.places).finish_non_exhaustive()
    }
}

impl PostgresConfig {
    /// From a connection string. TLS is used towards everything but this machine, unless the string says `sslmode=disable`.
    /// `here_only`: it must be on this machine.
    ///
    /// # Errors
    /// [`Fault::Address`].
    pub fn parse(text: &str, trust: Trust, connect_timeout: Duration, here_only: bool) -> Result<Self, Fault> {
        // The library's message may repeat what it read.
        let login: Config = text
            .parse()
            .map_err(|_| Fault::Address("it should read postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned()))?;
        let port = |n: usize| login.get_ports().get(n).or(login.get_ports().first()).copied().unwrap_or(5432);
        let places: Vec<Place> = login
            .get_hosts()
            .iter()
            .enumerate()
            .map(|(n, host)| match host {
                Host::Tcp(host) => Place::Tcp(host.clone(), port(n)),
                Host::Unix(dir) => Place::Unix(dir.join(format!(".s.PGSQL.{}", port(n)))),
            })
            .collect();
        if places.is_empty() {
            return Err(Fault::Address("it names no host".to_owned()));
        }
        if login.get_user().is_none() {
            return Err(Fault::Address("it names no user".to_owned()));
        }
        Ok(PostgresConfig { login, places, trust, connect_timeout, here_only })
    }

    /// Whether passwords and sessions would travel over a network in clear.
    pub fn is_open(&self) -> bool {
        self.login.get_ssl_mode() == SslMode::Disable && !self.places.iter().all(Place::is_here)
    }
}

/// What an error of the library's means. Never its text, which may repeat what was sent.
pub(super) fn fault(error: &Error) -> Fault {
    let Some(code) = error.code() else {
        let inner = std::error::Error::source(error);
        if let Some(io) = inner.and_then(|e| e.downcast_ref::<std::io::Error>()) {
            return Fault::io(io);
        }
        return match error.to_string().as_str() {
            "error performing TLS handshake" => Fault::Certificate("the server speaks no TLS".to_owned()),
            // What the library itself notices while logging in: the server wants a password, and there is none.
            "invalid configuration" | "authentication error" => Fault::Password,
            _ => Fault::Unreachable("the connection was lost".to_owned()),
        };
    };
    match *code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => Fault::Password,
        SqlState::INVALID_CATALOG_NAME => Fault::Database("by the name in the address".to_owned()),
        SqlState::READ_ONLY_SQL_TRANSACTION => Fault::ReadOnly("it is a replica".to_owned()),
        SqlState::DISK_FULL => Fault::ReadOnly("its disk is full".to_owned()),
        SqlState::INSUFFICIENT_PRIVILEGE => Fault::Refused("the user may not use or make the tables".to_owned()),
        ref code => Fault::Refused(format!("SQLSTATE {}", code.code())),
    }
}

/// A connection.
pub(super) struct Conn {
    pub client: Client,
    pub statements: Statements,
    pub pid: i32,
    _task: AbortOnDropHandle<()>,
}

impl Conn {
    /// Connects, and looks whether what answers can be used. `name` is how the server calls this connection.
    ///
    /// # Errors
    /// Why not.
    pub fn open<'a>(config: &'a PostgresConfig, name: &'a str) -> BoxFuture<'a, Result<Self, Fault>> {
        // Boxed: it is large, and is several times within one other.
        Box::pin(async move {
            let mut last = Fault::Address("it names no host".to_owned());
            for place in &config.places {
                let connecting = Box::pin(Self::connect(config, place, name));
                match tokio::time::timeout(config.connect_timeout, connecting).await {
                    Ok(Ok(conn)) => return Ok(conn),
                    Ok(Err(fault)) => last = fault,
                    Err(_) => last = Fault::TimedOut,
                }
            }
            Err(last)
        })
    }

    async fn connect(config: &PostgresConfig, place: &Place, name: &str) -> Result<Self, Fault> {
        let stream = wire::open(place, config.here_only).await?;
        let mut login = config.login.clone();
        login.application_name(format!("sekat-{name}"));
        let (client, version, task) = match place {
            Place::Tcp(host, _) if !place.is_here() || login.get_ssl_mode() == SslMode::Require => {
                if login.get_ssl_mode() != SslMode::Disable {
                    login.ssl_mode(SslMode::Require);
                }
                let tls = PostgresTls { trust: config.trust.clone(), host: host.clone() };
                let (client, connection) = login.connect_raw(stream, tls).await.map_err(|e| fault(&e))?;
                (client, connection.parameter("server_version").map(str::to_owned), tokio::spawn(drive(connection)))
            }
            _ => {
                login.ssl_mode(SslMode::Disable);
                let (client, connection) = login.connect_raw(stream, NoTls).await.map_err(|e| fault(&e))?;
                (client, connection.parameter("server_version").map(str::to_owned), tokio::spawn(drive(connection)))
            }
        };
        let task = AbortOnDropHandle::new(task);
        let version = version.unwrap_or_default();
        if !is_new_enough(&version) {
            return Err(Fault::Old { found: version, needed: OLDEST });
        }
        // A commit that was answered must be one: whatever the server's default says, it waits for the disk. What takes
        // longer than anybody waits for is ended by the server too.
        let set = "SELECT set_config('synchronous_commit', 'on', false)
                   WHERE current_setting('synchronous_commit') IN ('off', 'local');
                   SET statement_timeout = '5s'; SET lock_timeout = '5s'";
        client.batch_execute(set).await.map_err(|e| fault(&e))?;
        schema::prepare(&client).await?;
        let statements = Box::pin(Statements::prepare(&client)).await.map_err(|e| fault(&e))?;
        let pid = client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(|e| fault(&e))?.get(0);
        Ok(Conn { client, statements, pid, _task: task })
    }
}

async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    // How it ended is told to whoever waits for an answer.
    drop(connection.await);
}

fn is_new_enough(version: &str) -> bool {
    let major: String = version.chars().take_while(char::is_ascii_digit).collect();
    major.parse::<u32>().is_ok_and(|major| major >= 14)
}
