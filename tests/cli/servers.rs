//! Sessions on Redis and PostgreSQL, as an operator sets them up and looks at them.

use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use sekat::domain::profile::REGISTRATION_LIFE;
use sekat::domain::{
    Account, AccountId, AccountState, Clock, LoginMethod, PhoneNumber, Registration, TelegramId, Timestamp,
};
use sekat::session::servers::{PostgresOptions, PostgresServer, RedisOptions, RedisServer};
use sekat::session::wire::Trust;
use sekat::session::{
    Clients, HybridConfig, HybridStore, PostgresConfig, RedisConfig, Registrations, SessionStore as _,
};
use sekat::store::seal::SealKey;
use serde_json::{Value, json};

use crate::{Place, doctor_with, ended, finding, populated};

const PASSWORD: &str = "SECRETSECRET";

struct Servers {
    redis: RedisServer,
    postgres: PostgresServer,
}

impl Servers {
    fn start() -> Self {
        let password = Some(PASSWORD.to_owned());
        let redis = RedisServer::start(RedisOptions { password: password.clone(), ..RedisOptions::default() }).unwrap();
        let postgres = PostgresServer::start(PostgresOptions { password, ..PostgresOptions::default() }).unwrap();
        Servers { redis, postgres }
    }

    fn redis_url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}/0", self.redis.port())
    }

    /// The command, with both servers named by the variables that everybody knows.
    fn with<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("REDIS_ENABLED", "true").env("REDIS_HOST", "127.0.0.1").env("REDIS_PASSWORD", PASSWORD);
        command.env("REDIS_PORT", self.redis.port().to_string()).env("DATABASE_URL", self.postgres.url())
    }

    fn sekat(&self, place: &Place, args: &[&str]) -> Output {
        self.with(&mut place.command(args)).output().unwrap()
    }

    fn json(&self, place: &Place, args: &[&str], code: i32) -> Value {
        let output = self.sekat(place, args);
        ended(&output, code);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Two numbers and a registration, as a daemon leaves them; and one that has expired.
    fn filled(&self, place: &Place) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (trust, limit) = (Trust::new(None).unwrap(), Duration::from_secs(5));
            let config = HybridConfig {
                redis: RedisConfig::parse(&self.redis_url(), trust.clone(), limit, true).unwrap(),
                postgres: PostgresConfig::parse(&self.postgres.url(), trust, limit, true).unwrap(),
                journal: place.path("sessions.journal"),
                fallback_deadline: Duration::from_millis(250),
                nodes: 1,
                node: "main".to_owned(),
            };
            let store = Arc::new(HybridStore::open(config, Clock::system()).await.unwrap());
            let (seal, now) = (SealKey::new(zeroize::Zeroizing::new([7; 32])), Timestamp::now());
            let clients = Clients::new(store.clone(), "main");
            for id in [1, 2] {
                let linked = Account::new(AccountId(id), LoginMethod::Qr, now);
                let account = Account { state: AccountState::Connected, ..linked };
                clients.tell(&seal, TelegramId(7), &account, now).await.unwrap();
            }
            let registration = |phone, life| Registration {
                phone: PhoneNumber::parse(phone).unwrap(),
                step: "email".into(),
                session_data: json!({"name": "Ana Sekar"}),
                created_at: now,
                expires_at: now.after(life),
            };
            let registrations = Registrations::new(store.clone());
            for (phone, life) in [("+6281234567890", REGISTRATION_LIFE), ("+6281234567891", Duration::from_millis(1))] {
                registrations.put(&seal, TelegramId(7), &registration(phone, life), now).await.unwrap();
            }
            while !store.reads_redis() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            store.close().await.unwrap();
        });
    }
}

#[test]
fn health_and_stats_have_the_promised_shape() {
    let (mut servers, place) = (Servers::start(), Place::new(""));
    servers.filled(&place);
    let mut health = servers.json(&place, &["sessions", "health", "--json"], 0);
    assert!(Timestamp::parse(health["timestamp"].take().as_str().unwrap()).is_some());
    for server in ["redis", "postgresql"] {
        assert!(health[server]["responseTime"].take().as_u64().unwrap() < 5_000);
    }
    let shape = json!({
        "timestamp": null,
        "redis": {"enabled": true, "available": true, "status": "connected", "responseTime": null},
        "postgresql": {"status": "connected", "responseTime": null},
    });
    assert_eq!(health, shape);
    let stats = json!({
        "redis": {"whatsappSessions": 2, "registrationSessions": 1, "totalSessions": 3},
        "postgresql": {"whatsappSessions": 2, "registrationSessions": 1},
    });
    assert_eq!(servers.json(&place, &["sessions", "stats", "--json"], 0), stats);
    let told = ended(&servers.sekat(&place, &["sessions", "stats"]), 0);
    assert!(told.contains("PostgreSQL   2 numbers, 1 registrations, 1 expired"), "{told}");
    assert_eq!(servers.json(&place, &["sessions", "cleanup", "--json"], 0), json!({"removed": 1, "left": 3}));
    assert_eq!(servers.json(&place, &["sessions", "cleanup", "--json"], 0), json!({"removed": 0, "left": 3}));
    let text = servers.postgres.sql("SELECT string_agg(key || payload, '') FROM sekat_sessions").unwrap();
    assert!(text.contains("sealed"), "{text}");
    for secret in ["Ana", "81234567890", "connected", "main"] {
        assert!(!text.contains(secret), "{text}");
    }
    let told = ended(&servers.sekat(&place, &["sessions", "health"]), 0);
    assert!(told.contains("Redis        connected, answered in"), "{told}");

    servers.redis.stop().unwrap();
    let health = servers.json(&place, &["sessions", "health", "--json"], 1);
    let gone = json!({"enabled": true, "available": false, "status": "unavailable", "responseTime": null});
    assert_eq!((&health["redis"], &health["postgresql"]["status"]), (&gone, &json!("connected")));
    let told = ended(&servers.sekat(&place, &["sessions", "health"]), 1);
    assert!(told.contains("unavailable: redis.host (REDIS_HOST): nobody answers there: connection refused"), "{told}");
    let stats = json!({
        "redis": {"whatsappSessions": 0, "registrationSessions": 0, "totalSessions": 0},
        "postgresql": {"whatsappSessions": 2, "registrationSessions": 1},
    });
    assert_eq!(servers.json(&place, &["sessions", "stats", "--json"], 0), stats, "PostgreSQL has them");
    servers.postgres.stop().unwrap();
    let told = ended(&servers.sekat(&place, &["sessions", "stats", "--json"]), 75);
    assert!(told.contains("sekat: postgres.url (DATABASE_URL): nobody answers there"), "{told}");

    let off = place.sekat(&["sessions", "health", "--json"]);
    ended(&off, 0);
    let mut health: Value = serde_json::from_slice(&off.stdout).unwrap();
    health["timestamp"].take();
    let off = json!({"enabled": false, "available": false, "status": "disabled", "responseTime": null});
    assert_eq!(
        health,
        json!({"timestamp": null, "redis": off, "postgresql": {"status": "disabled", "responseTime": null}})
    );
}

#[test]
fn a_start_that_cannot_work_says_in_one_line_which_setting_is_wrong() {
    let (servers, place) = (Servers::start(), Place::new(""));
    let wrong = servers.postgres.url().replace(PASSWORD, "SECRET-and-wrong");
    let nowhere = format!("{}-elsewhere", servers.postgres.url());
    for (name, value, setting, what) in [
        ("REDIS_PASSWORD", "SECRET-and-wrong", "redis.password (REDIS_PASSWORD)", "does not accept"),
        ("REDIS_DATABASE", "99", "redis.database (REDIS_DATABASE)", "no such database on the server: number 99"),
        ("REDIS_HOST", "192.0.2.1", "redis.host (REDIS_HOST)", "demo-not-loopback"),
        ("DATABASE_URL", &wrong, "postgres.url (DATABASE_URL)", "does not accept"),
        ("DATABASE_URL", &nowhere, "postgres.url (DATABASE_URL)", "no such database on the server"),
        ("DATABASE_URL", "SECRET", "postgres.url (DATABASE_URL)", "should read postgres://"),
        ("SEKAT_SESSIONS__CA_FILE", "none.pem", "sessions.ca_file", "the file of certificates"),
    ] {
        let mut command = place.command(&["run"]);
        let output = servers.with(&mut command).env(name, value).output().unwrap();
        ended(&output, 78);
        let told = String::from_utf8_lossy(&output.stderr);
        let line = told.lines().find(|line| line.starts_with("sekat: ")).unwrap_or_else(|| panic!("{name}: {told}"));
        assert!(line.starts_with(&format!("sekat: {setting}: ")) && line.contains(what), "{name}: {told}");
        assert_eq!(told.lines().filter(|line| line.starts_with("sekat: ")).count(), 1, "{told}");
        assert!(!told.contains("panicked"), "{told}");
    }
    let made_newer = "UPDATE sekat_sessions_form SET version = 9";
    ended(&servers.sekat(&place, &["sessions", "stats", "--json"]), 0);
    servers.postgres.sql(made_newer).unwrap();
    let told = ended(&servers.sekat(&place, &["run"]), 78);
    assert!(told.contains("the tables are of version 9, made by a newer sekat; this one knows up to 2"), "{told}");
}

#[test]
fn doctor_asks_the_servers_and_a_server_that_is_only_away_stops_no_start() {
    let (mut servers, place) = (Servers::start(), Place::new("whatsapp.shutdown_timeout = \"2s\"\n"));
    populated(&place);
    let report = |servers: &Servers| -> Value {
        let output = servers.sekat(&place, &["doctor", "--json"]);
        assert!(!crate::text(&output).contains("SECRET"));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let found = report(&servers);
    assert_eq!(
        (&finding(&found, "redis")["level"], &finding(&found, "postgresql")["level"]),
        (&json!("ok"), &json!("ok"))
    );
    servers.redis.stop().unwrap();
    servers.postgres.stop().unwrap();
    let found = report(&servers);
    for (check, setting) in [("redis", "redis.host (REDIS_HOST)"), ("postgresql", "postgres.url (DATABASE_URL)")] {
        let finding = finding(&found, check);
        assert_eq!(finding["level"], "fail");
        assert!(finding["what"].as_str().unwrap().starts_with(setting), "{finding}");
    }
    let (_, found) = doctor_with(&place, "http://127.0.0.1:9");
    assert!(found["findings"].as_array().unwrap().iter().all(|f| f["check"] != "redis"), "not used, not asked");
    // Started while both are away, and stopped: it serves from the vaults.
    let (daemon, socket) = place.daemon_with(|command| {
        servers.with(command);
    });
    crate::told(&socket, "STATUS=up, with trouble: session-server-unreachable");
    servers.redis.up().unwrap();
    servers.postgres.up().unwrap();
    crate::told(&socket, "STATUS=all is well");
    daemon.signal("TERM");
    let log = daemon.ended_saying(0);
    drop(socket);
    for setting in ["redis.host (REDIS_HOST)", "postgres.url (DATABASE_URL)"] {
        assert!(log.contains(&format!("{setting}: nobody answers there")), "{log}");
    }
}
