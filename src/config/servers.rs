//! Which servers are sessions kept with, and which setting is meant when one of them cannot be used?
//!
//! Owns the choice of the engine. It connects to nothing.

use std::time::Duration;

use super::{Config, SessionEngine};
use crate::session::wire::Trust;
use crate::session::{Fault, PostgresConfig, RedisConfig, Server};

/// A demo build does not check WhatsApp's certificate, and so may talk to this machine only.
const HERE_ONLY: bool = cfg!(feature = "demo");

/// Where sessions of registrations and numbers are kept.
#[derive(Debug, Clone)]
pub enum Engine {
    /// In this process alone.
    Memory,
    /// In this process, and in files.
    File,
    /// In Redis.
    Redis(RedisConfig),
    /// In PostgreSQL.
    Postgres(PostgresConfig),
    /// In both.
    Hybrid(RedisConfig, PostgresConfig),
}

impl Engine {
    /// What it is called.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        let engine = match self {
            Self::Memory => SessionEngine::Memory,
            Self::File => SessionEngine::File,
            Self::Redis(_) => SessionEngine::Redis,
            Self::Postgres(_) => SessionEngine::Postgres,
            Self::Hybrid(..) => SessionEngine::Hybrid,
        };
        engine.as_str()
    }

    /// Redis, where it is used.
    #[must_use]
    pub fn redis(&self) -> Option<&RedisConfig> {
        match self {
            Self::Redis(redis) | Self::Hybrid(redis, _) => Some(redis),
            Self::Memory | Self::File | Self::Postgres(_) => None,
        }
    }

    /// PostgreSQL, where it is used.
    #[must_use]
    pub fn postgres(&self) -> Option<&PostgresConfig> {
        match self {
            Self::Postgres(postgres) | Self::Hybrid(_, postgres) => Some(postgres),
            Self::Memory | Self::File | Self::Redis(_) => None,
        }
    }
}

/// A server cannot be used as it is set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {fault} (code {})", fault.code())]
pub struct SettingFault {
    /// The setting that names what is wrong, in the file and as a variable.
    pub setting: &'static str,
    /// What is wrong.
    pub fault: Fault,
}

impl Config {
    /// The engine that is to be used.
    ///
    /// # Errors
    /// An address that is none, or a file of certificates that cannot be read.
    pub fn engine(&self) -> Result<Engine, SettingFault> {
        let wanted = match self.sessions.engine {
            SessionEngine::Auto => match (self.redis.enabled, self.postgres.url.is_some()) {
                (true, true) => SessionEngine::Hybrid,
                (true, false) => SessionEngine::Redis,
                (false, true) => SessionEngine::Postgres,
                (false, false) if self.sessions.enabled => SessionEngine::File,
                (false, false) => SessionEngine::Memory,
            },
            named => named,
        };
        Ok(match wanted {
            SessionEngine::Auto | SessionEngine::Memory => Engine::Memory,
            SessionEngine::File => Engine::File,
            SessionEngine::Redis => Engine::Redis(self.redis_server()?),
            SessionEngine::Postgres => Engine::Postgres(self.postgres_server()?),
            SessionEngine::Hybrid => Engine::Hybrid(self.redis_server()?, self.postgres_server()?),
        })
    }

    /// Whether the daemon keeps what it is doing for people in files.
    #[must_use]
    pub fn writes_session_files(&self) -> bool {
        match self.sessions.engine {
            SessionEngine::Memory => false,
            SessionEngine::File => true,
            _ => self.sessions.enabled,
        }
    }

    fn trust(&self) -> Result<Trust, SettingFault> {
        let trust = Trust::new(self.sessions.ca_file.as_deref());
        trust.map_err(|fault| SettingFault { setting: "sessions.ca_file", fault })
    }

    fn redis_server(&self) -> Result<RedisConfig, SettingFault> {
        let (redis, trust) = (&self.redis, self.trust()?);
        let limit = Duration::from_millis(redis.connect_timeout.into());
        let made = match &redis.url {
            Some(url) => RedisConfig::parse(url.expose(), trust, limit, HERE_ONLY),
            None => {
                let port = u16::try_from(redis.port).unwrap_or(u16::MAX);
                let password = redis.password.as_ref().map(|password| password.expose().to_owned());
                let login = (redis.username.clone(), password);
                Ok(RedisConfig::at(&redis.host, port, login, redis.database, limit, HERE_ONLY))
            }
        };
        made.map_err(|fault| self.blame(Server::Redis, fault))
    }

    fn postgres_server(&self) -> Result<PostgresConfig, SettingFault> {
        let url = self.postgres.url.as_ref().map_or("", |url| url.expose());
        let limit = Duration::from_millis(self.redis.connect_timeout.into());
        let made = PostgresConfig::parse(url, self.trust()?, limit, HERE_ONLY);
        made.map_err(|fault| self.blame(Server::Postgres, fault))
    }

    /// Which setting is to be looked at because of a fault.
    #[must_use]
    pub fn blame(&self, server: Server, fault: Fault) -> SettingFault {
        let setting = match (server, &fault) {
            (Server::Postgres, _) => "postgres.url (DATABASE_URL)",
            (Server::Redis, _) if self.redis.url.is_some() => "redis.url (REDIS_URL)",
            (Server::Redis, Fault::Password) => "redis.password (REDIS_PASSWORD)",
            (Server::Redis, Fault::Database(_)) => "redis.database (REDIS_DATABASE)",
            (Server::Redis, _) => "redis.host (REDIS_HOST)",
        };
        SettingFault { setting, fault }
    }
}
