//! Which keys are there?
//!
//! Owns the one list that files, variables, messages, `--help` and `sekat.example.toml` are held against. It must not read
//! anything itself.

use toml::de::DeValue;

use super::Config;
use super::value::Field;

/// One key.
pub(super) struct Key {
    /// Its dotted path.
    pub path: &'static str,
    /// One line on what it is for.
    pub about: &'static str,
    /// What to write.
    pub expects: &'static str,
    /// Whether its value must never be repeated.
    pub secret: bool,
    /// Sets it from the file; `false` when ill-typed.
    pub set_toml: fn(&mut Config, &DeValue<'_>) -> bool,
    /// Sets it from text; `false` when ill-typed.
    pub set_text: fn(&mut Config, &str) -> bool,
    /// Shows it as the file would.
    pub show: fn(&Config) -> Option<String>,
}

impl Key {
    /// Its environment variable.
    pub fn variable(&self) -> String {
        format!("SEKAT_{}", self.path.replace('.', "__").to_ascii_uppercase())
    }
}

/// Variables that the world knows by these names, beside those that begin with `SEKAT_`, which win.
pub(super) const KNOWN: [(&str, &str); 9] = [
    ("REDIS_ENABLED", "redis.enabled"),
    ("REDIS_URL", "redis.url"),
    ("REDIS_HOST", "redis.host"),
    ("REDIS_PORT", "redis.port"),
    ("REDIS_PASSWORD", "redis.password"),
    ("REDIS_USERNAME", "redis.username"),
    ("REDIS_DATABASE", "redis.database"),
    ("REDIS_CONNECT_TIMEOUT", "redis.connect_timeout"),
    ("DATABASE_URL", "postgres.url"),
];

fn put<T>(slot: &mut T, value: Option<T>) -> bool {
    let fits = value.is_some();
    if let Some(value) = value {
        *slot = value;
    }
    fits
}

fn expects<T: Field>(_: fn(&Config) -> &T) -> &'static str {
    T::EXPECTS
}

const fn secret<T: Field>(_: fn(&Config) -> &T) -> bool {
    T::SECRET
}

macro_rules! keys {
    ($($path:literal => $($field:ident).+, $about:literal;)+) => {
        /// Every key, in the order of the example file.
        pub(super) fn all() -> Vec<Key> {
            vec![$(Key {
                path: $path,
                about: $about,
                expects: expects(|c: &Config| &c.$($field).+),
                secret: secret(|c: &Config| &c.$($field).+),
                set_toml: |c, value| put(&mut c.$($field).+, Field::from_toml(value)),
                set_text: |c, text| put(&mut c.$($field).+, Field::from_text(text)),
                show: |c| c.$($field).+.show(),
            }),+]
        }
    };
}

keys! {
    "telegram.api_url" => telegram.api_url, "base address of the Bot API server";
    "telegram.token" => telegram.token, "the bot's token; better: token_file";
    "telegram.token_file" => telegram.token_file, "file that holds the bot's token";
    "telegram.mode" => telegram.mode, "how updates come in";
    "telegram.poll_timeout" => telegram.poll_timeout, "how long one getUpdates waits";
    "telegram.rate_per_second" => telegram.rate_per_second, "messages a second, all chats together";
    "telegram.chat_per_second" => telegram.chat_per_second, "messages a second into one chat";
    "telegram.group_per_minute" => telegram.group_per_minute, "messages a minute into one group";
    "telegram.webhook.url" => telegram.webhook.url, "where Telegram brings updates";
    "telegram.webhook.path" => telegram.webhook.path, "path at which they arrive here, if another";
    "telegram.webhook.secret" => telegram.webhook.secret, "what each must carry; better: secret_file";
    "telegram.webhook.secret_file" => telegram.webhook.secret_file, "file that holds it; else one is made";
    "telegram.webhook.connections" => telegram.webhook.connections, "how many may come at once";
    "access.mode" => access.mode, "who may use the bot";
    "access.allow" => access.allow, "Telegram ids that may use it";
    "access.owner" => access.owner, "the operator's Telegram id";
    "access.admins" => access.admins, "Telegram ids that let others in and block them";
    "registration.country" => registration.country, "country of numbers typed without +";
    "data.dir" => data.dir, "folder of the vaults";
    "sessions.enabled" => sessions.enabled, "keep sessions in files, for restarts and operators";
    "sessions.dir" => sessions.dir, "folder of the session files";
    "sessions.engine" => sessions.engine, "where sessions of registrations and numbers are kept";
    "sessions.ca_file" => sessions.ca_file, "certificates that Redis and PostgreSQL are checked against";
    "redis.enabled" => redis.enabled, "use Redis for sessions";
    "redis.url" => redis.url, "address of Redis; in place of the keys below";
    "redis.host" => redis.host, "host of Redis";
    "redis.port" => redis.port, "port of Redis";
    "redis.password" => redis.password, "its password";
    "redis.username" => redis.username, "its user";
    "redis.database" => redis.database, "number of its database";
    "redis.connect_timeout" => redis.connect_timeout, "how long connecting to it may take, in ms";
    "postgres.url" => postgres.url, "address of PostgreSQL, for sessions";
    "keys.master_key_file" => keys.master_key_file, "file that holds the master key";
    "whatsapp.close_timeout" => whatsapp.close_timeout, "how long one number may take to disconnect";
    "whatsapp.shutdown_timeout" => whatsapp.shutdown_timeout, "how long all may take when the daemon stops";
    "whatsapp.reconnect_stagger" => whatsapp.reconnect_stagger, "pause between numbers connecting at start";
    "whatsapp.warn_phone_after" => whatsapp.warn_phone_after, "a user is warned when a number's phone was offline this long";
    "whatsapp.tell_away_after" => whatsapp.tell_away_after, "a user is told of a number away this long";
    "whatsapp.qr_per_hour" => whatsapp.qr_per_hour, "QR logins a user may start in an hour";
    "whatsapp.max_clients" => whatsapp.max_clients, "numbers that may be connected at once, all users together";
    "whatsapp.max_numbers" => whatsapp.max_numbers, "numbers a user without a plan may link";
    "whatsapp.send_timeout" => whatsapp.send_timeout, "after this a send's outcome is unknown";
    "whatsapp.web.endpoint" => whatsapp.web.endpoint, "WebSocket address of the WhatsApp server";
    "whatsapp.web.version" => whatsapp.web.version, "client version to claim";
    "store.threads" => store.threads, "threads for database work";
    "store.idle_close" => store.idle_close, "an unused database is closed after this";
    "store.quota" => store.quota, "what each user may store; then their oldest history goes";
    "store.quota_every" => store.quota_every, "how often each awake user's storage is looked at";
    "session.ttl" => session.ttl, "an idle conversation is parked after this";
    "session.sweep" => session.sweep, "how often idle ones are looked for";
    "session.fallback_deadline" => session.fallback_deadline, "when Redis fails, PostgreSQL has answered by then";
    "session.nodes" => session.nodes, "daemons that use the same Redis and PostgreSQL";
    "session.node" => session.node, "what this daemon is called among them";
    "limits.create_per_minute" => limits.create_per_minute, "linkings a user may begin in a minute";
    "limits.status_per_minute" => limits.status_per_minute, "looks at one's numbers in a minute";
    "limits.qr_refresh_per_minute" => limits.qr_refresh_per_minute, "new QR pictures in a minute";
    "limits.disk_reserve" => limits.disk_reserve, "what is kept free on the disk of the data folder";
    "guard.memory" => guard.memory, "resident memory beyond which nothing new is taken";
    "guard.every" => guard.every, "how often memory, file handles and disk are looked at";
    "http.listen" => http.listen, "where health, figures and the webhook are";
    "http.token" => http.token, "what whoever asks must show; better: token_file";
    "http.token_file" => http.token_file, "file that holds it";
    "control.socket" => control.socket, "where commands reach the daemon";
    "log.format" => log.format, "form of the log";
    "log.level" => log.level, "least important line written";
}

/// The nearest thing to `wrong` among `right`, when it is near enough to be what was meant.
pub(super) fn nearest<'a>(wrong: &str, right: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    right
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Every variable with its meaning and default, as `--help` prints it.
#[must_use]
pub fn reference() -> String {
    let defaults = Config::default();
    let mut text = String::new();
    for key in all() {
        let default = (key.show)(&defaults).unwrap_or_else(|| "not set".to_owned());
        text.push_str(&format!("  {:<37} {} ({default})\n", key.variable(), key.about));
    }
    text.push_str("\nThese are read too, where the one above is not given:\n");
    for (name, path) in KNOWN {
        text.push_str(&format!("  {name:<37} {path}\n"));
    }
    text
}
