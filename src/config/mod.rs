//! What was this daemon told to do?
//!
//! Three places are read, each over the one before: built-in defaults, `sekat.toml`, `SEKAT_*` variables. Secrets come
//! from a file or a systemd credential. A key that is not known or of the wrong type is refused with its place and the
//! nearest key that exists: a typo never silently means "default".
//!
//! Owns no state. It must not act on what it reads, and never prints a secret.

mod check;
mod error;
mod keys;
mod load;
mod secret;
mod servers;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::{AccessMode, AccessRules, Country, TelegramId};

pub use error::{ConfigError, Place, Problem};
pub use keys::reference;
pub use load::{HTTP_TOKEN_CREDENTIAL, Sources, TOKEN_CREDENTIAL, WEBHOOK_CREDENTIAL};
pub use secret::Secret;
pub use servers::{Engine, SettingFault};
pub use value::{LogFormat, LogLevel, SessionEngine, Size, UpdateMode};

/// The whole configuration, checked.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The bot.
    pub telegram: Telegram,
    /// Who may use it.
    pub access: Access,
    /// How people register.
    pub registration: Registration,
    /// The vaults.
    pub data: Data,
    /// Where sessions are kept.
    pub sessions: Sessions,
    /// Redis.
    pub redis: Redis,
    /// PostgreSQL.
    pub postgres: Postgres,
    /// The master key.
    pub keys: Keys,
    /// The numbers.
    pub whatsapp: WhatsApp,
    /// The databases.
    pub store: Store,
    /// The conversation on screen.
    pub session: Session,
    /// How much one person may use.
    pub limits: Limits,
    /// What the daemon may use.
    pub guard: Guard,
    /// Health, figures, and the webhook.
    pub http: Http,
    /// How commands reach the daemon.
    pub control: Control,
    /// The log.
    pub log: Log,
}

/// `[telegram]`
#[derive(Debug, Clone)]
pub struct Telegram {
    /// Base address of the Bot API server.
    pub api_url: String,
    /// The bot's token, wherever it came from.
    pub token: Option<Secret>,
    /// The file that holds the token.
    pub token_file: Option<PathBuf>,
    /// How updates come in.
    pub mode: UpdateMode,
    /// Where they are brought, where they are.
    pub webhook: Webhook,
    /// How long one `getUpdates` waits. Below 17 s, at which the HTTP client gives up.
    pub poll_timeout: Duration,
    /// Messages a second, all chats together.
    pub rate_per_second: u32,
    /// Messages a second into one chat.
    pub chat_per_second: u32,
    /// Messages a minute into one group.
    pub group_per_minute: u32,
}

/// `[telegram.webhook]`
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The address that Telegram is told.
    pub url: Option<String>,
    /// The path at which it arrives here, where a reverse proxy changes it.
    pub path: Option<String>,
    /// What each request has to carry; made anew at each start where it is not given.
    pub secret: Option<Secret>,
    /// The file that holds it.
    pub secret_file: Option<PathBuf>,
    /// How many requests Telegram may make at once.
    pub connections: u32,
}

impl Webhook {
    /// The path at which updates arrive here; `None` where there is no address, or none that is one.
    #[must_use]
    pub fn local_path(&self) -> Option<String> {
        let of_url = || Some(reqwest::Url::parse(self.url.as_deref()?).ok()?.path().to_owned());
        self.path.clone().or_else(of_url)
    }
}

/// `[http]`
#[derive(Debug, Clone, Default)]
pub struct Http {
    /// Where to listen; nowhere where it is not set.
    pub listen: Option<SocketAddr>,
    /// What whoever asks for pages has to show.
    pub token: Option<Secret>,
    /// The file that holds it.
    pub token_file: Option<PathBuf>,
}

/// `[control]`
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// Where the socket lies; where it is not set, in the runtime folder that systemd made, or nowhere as a file.
    pub socket: Option<PathBuf>,
}

/// `[access]`
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Who may use the bot without having been named.
    pub mode: AccessMode,
    /// Telegram ids that may use the bot.
    pub allow: Vec<i64>,
    /// The operator's own Telegram id; always admitted, and makes admins.
    pub owner: Option<i64>,
    /// Telegram ids that let others in and block them; always admitted.
    pub admins: Vec<i64>,
}

impl Access {
    /// What the daemon goes by.
    #[must_use]
    pub fn rules(&self) -> AccessRules {
        // What is no person's id was refused when it was read.
        let person = |id: &i64| u64::try_from(*id).ok().map(TelegramId);
        let people = |ids: &[i64]| ids.iter().filter_map(person).collect();
        AccessRules {
            mode: self.mode,
            owner: self.owner.as_ref().and_then(person),
            admins: people(&self.admins),
            allow: people(&self.allow),
        }
    }
}

/// `[registration]`
#[derive(Debug, Clone, Default)]
pub struct Registration {
    /// Whose telephone numbers people type without a calling code.
    pub country: Country,
}

/// `[data]`
#[derive(Debug, Clone)]
pub struct Data {
    /// The folder of the vaults.
    pub dir: PathBuf,
}

/// `[sessions]`
#[derive(Debug, Clone)]
pub struct Sessions {
    /// Whether sessions are kept in files too, and not in memory alone.
    pub enabled: bool,
    /// The folder of the session files.
    pub dir: PathBuf,
    /// Where what is sealed is kept.
    pub engine: SessionEngine,
    /// Whose certificates are believed, in place of the world's public authorities.
    pub ca_file: Option<PathBuf>,
}

/// `[redis]`
#[derive(Debug, Clone)]
pub struct Redis {
    /// Whether it is used.
    pub enabled: bool,
    /// Its address, with user, password and database; in place of what follows.
    pub url: Option<Secret>,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u32,
    /// Its password.
    pub password: Option<Secret>,
    /// Its user.
    pub username: Option<String>,
    /// The number of its database.
    pub database: u32,
    /// How long connecting may take, in milliseconds: the variable that the world knows counts so.
    pub connect_timeout: u32,
}

/// `[postgres]`
#[derive(Debug, Clone, Default)]
pub struct Postgres {
    /// Its address, with user, password and database.
    pub url: Option<Secret>,
}

/// `[keys]`
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Where the master key lies, if not in a credential or the data folder.
    pub master_key_file: Option<PathBuf>,
}

/// `[whatsapp]`
#[derive(Debug, Clone)]
pub struct WhatsApp {
    /// How long a client may take to close before it is aborted.
    pub close_timeout: Duration,
    /// How long all of them together may take when the daemon stops.
    pub shutdown_timeout: Duration,
    /// The pause between two numbers that connect at start.
    pub reconnect_stagger: Duration,
    /// How long a number may be without a connection before its user is told.
    pub tell_away_after: Duration,
    /// After how long without a sign of its phone a number's user is warned.
    pub warn_phone_after: Duration,
    /// QR logins one user may start in an hour.
    pub qr_per_hour: u32,
    /// Numbers one user without a plan may link.
    pub max_numbers: u32,
    /// Clients that may run at once, everybody's together.
    pub max_clients: u32,
    /// How long one send may take before its outcome is unknown.
    pub send_timeout: Duration,
    /// The native client.
    pub web: WhatsAppWeb,
}

/// `[whatsapp.web]`
#[derive(Debug, Clone)]
pub struct WhatsAppWeb {
    /// The server's WebSocket address.
    pub endpoint: String,
    /// The client version to claim, in place of asking for the current one.
    pub version: Option<String>,
}

/// `[store]`
#[derive(Debug, Clone)]
pub struct Store {
    /// Threads that do database work.
    pub threads: u32,
    /// An unused database handle is closed after this.
    pub idle_close: Duration,
    /// What each user may store; beyond it their oldest history goes.
    pub quota: Size,
    /// How often each awake user's storage is looked at.
    pub quota_every: Duration,
}

/// `[session]`
#[derive(Debug, Clone)]
pub struct Session {
    /// An idle conversation is parked after this.
    pub ttl: Duration,
    /// How often idle ones are looked for.
    pub sweep: Duration,
    /// Within this a call that Redis fails is served by PostgreSQL.
    pub fallback_deadline: Duration,
    /// How many daemons use the same servers.
    pub nodes: u32,
    /// What this one is called.
    pub node: String,
}

/// `[limits]`
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many linkings a user may begin in a minute.
    pub create_per_minute: u32,
    /// How often a user may look at their numbers in a minute.
    pub status_per_minute: u32,
    /// How many new QR pictures a user may ask for in a minute.
    pub qr_refresh_per_minute: u32,
    /// What is kept free on the data folder's disk: beyond it nothing new is taken, and `sekat doctor` warns.
    pub disk_reserve: Size,
}

/// `[guard]`
#[derive(Debug, Clone)]
pub struct Guard {
    /// Resident memory beyond which nothing new is taken.
    pub memory: Size,
    /// How often memory, file handles and disk are looked at.
    pub every: Duration,
}

/// `[log]`
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// The least important line that is written.
    pub level: LogLevel,
}

impl Default for Telegram {
    fn default() -> Self {
        Self {
            api_url: "https://api.telegram.org".to_owned(),
            token: None,
            token_file: None,
            mode: UpdateMode::default(),
            webhook: Webhook::default(),
            poll_timeout: Duration::from_secs(10),
            // What Telegram's own FAQ for bots says: 30 a second in all, 1 a second into a chat, 20 a minute into a group.
            rate_per_second: 30,
            chat_per_second: 1,
            group_per_minute: 20,
        }
    }
}

impl Default for Webhook {
    fn default() -> Self {
        // As many as Telegram makes where it is not told.
        Self { url: None, path: None, secret: None, secret_file: None, connections: 40 }
    }
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: PathBuf::from("data") }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self { enabled: true, dir: PathBuf::from("sessions"), engine: SessionEngine::Auto, ca_file: None }
    }
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            enabled: false,
            url: None,
            host: "localhost".to_owned(),
            port: 6379,
            password: None,
            username: None,
            database: 0,
            connect_timeout: 5_000,
        }
    }
}

impl Default for WhatsApp {
    fn default() -> Self {
        Self {
            close_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(10),
            reconnect_stagger: Duration::from_millis(50),
            tell_away_after: Duration::from_secs(120),
            warn_phone_after: Duration::from_hours(12 * 24),
            qr_per_hour: 5,
            max_numbers: 10,
            max_clients: 5_000,
            send_timeout: Duration::from_secs(30),
            web: WhatsAppWeb::default(),
        }
    }
}

impl Default for WhatsAppWeb {
    fn default() -> Self {
        Self { endpoint: "wss://web.whatsapp.com/ws/chat".to_owned(), version: None }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            threads: 4,
            idle_close: Duration::from_secs(60),
            quota: Size(100_000_000),
            quota_every: Duration::from_secs(600),
        }
    }
}

impl Default for Session {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(300),
            sweep: Duration::from_secs(60),
            fallback_deadline: Duration::from_millis(250),
            nodes: 1,
            node: "main".to_owned(),
        }
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self { memory: Size(4 << 30), every: Duration::from_secs(30) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { create_per_minute: 5, status_per_minute: 30, qr_refresh_per_minute: 10, disk_reserve: Size(200_000_000) }
    }
}

impl Config {
    /// The bot's token.
    ///
    /// # Errors
    /// When none was given anywhere; says where to put it.
    pub fn token(&self) -> Result<&Secret, ConfigError> {
        self.telegram.token.as_ref().ok_or_else(|| {
            ConfigError::one(
                Place::Nowhere,
                "telegram.token_file",
                format!(
                    "no bot token: ask @BotFather for one, put it into a file that only you can read, and name that \
                     file here (or give it as the systemd credential {TOKEN_CREDENTIAL}, or as SEKAT_TELEGRAM__TOKEN)"
                ),
            )
        })
    }
}

#[cfg(test)]
mod tests;
