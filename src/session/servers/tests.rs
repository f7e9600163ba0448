//! Real servers with passwords and certificates, and what each wrong setting is called.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::*;
use crate::domain::Clock;
use crate::session::contract::{TTL, registration, registration_key};
use crate::session::wire::Trust;
use crate::session::{
    Expected, Fault, HybridConfig, HybridStore, PostgresConfig, PostgresStore, RedisConfig, RedisStore, SessionStore,
};

const LIMIT: Duration = Duration::from_secs(5);

/// An authority of our own, in files.
struct Authority {
    dir: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut about = CertificateParams::new(Vec::new()).unwrap();
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(about, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { dir, issuer }
    }

    fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate for a server of this name.
    fn certificate(&self, name: &str) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let about = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let signed = about.signed_by(&key, &self.issuer).unwrap();
        let path = |end: &str| self.dir.path().join(format!("{name}.{end}"));
        std::fs::write(path("crt"), signed.pem()).unwrap();
        std::fs::write(path("key"), key.serialize_pem()).unwrap();
        Certificate { certificate: path("crt"), key: path("key") }
    }
}

fn trust(ca: Option<&FilePath>) -> Trust {
    Trust::new(ca).unwrap()
}

async fn redis(url: &str, trust: Trust) -> Result<(), Fault> {
    RedisStore::check(&RedisConfig::parse(url, trust, LIMIT, true)?).await
}

async fn postgres(url: &str, trust: Trust) -> Result<(), Fault> {
    PostgresStore::check(&PostgresConfig::parse(url, trust, LIMIT, true)?).await
}

fn code(found: Result<(), Fault>) -> &'static str {
    found.as_ref().map_or_else(Fault::code, |()| "ok")
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_and_certificates_are_used_and_checked() {
    let (ours, other) = (Authority::new(), Authority::new());
    let (password, tls) = (Some("hush".to_owned()), Some(ours.certificate("localhost")));
    let redis_server =
        RedisServer::start(RedisOptions { password: password.clone(), tls: tls.clone(), ..RedisOptions::default() });
    let redis_server = redis_server.unwrap();
    let options = PostgresOptions { password, tls, ..PostgresOptions::default() };
    let postgres_server = PostgresServer::start(options).unwrap();
    let (ca, wrong_ca) = (ours.ca(), other.ca());
    let (known, unknown) = (|| trust(Some(&ca)), || trust(Some(&wrong_ca)));

    let at = |host: &str, login: &str| format!("rediss://{login}@{host}:{}", redis_server.tls_port());
    for (url, trust, meant) in [
        (at("localhost", ":hush"), known(), "ok"),
        (at("localhost", "default:hush"), known(), "ok"),
        (at("localhost", ":loud"), known(), "session-server-password"),
        (at("localhost", ""), known(), "session-server-password"),
        (at("localhost", ":hush"), unknown(), "session-server-certificate"),
        (at("localhost", ":hush"), trust(None), "session-server-certificate"),
        // The certificate is good, and somebody else's.
        (at("127.0.0.1", ":hush"), known(), "session-server-certificate"),
        (format!("{}/99", at("localhost", ":hush")), known(), "session-server-database"),
        // It waits for the end of what it takes for a command.
        (format!("rediss://:hush@localhost:{}", redis_server.port()), known(), "session-server-timeout"),
        (format!("redis://:hush@localhost:{}", redis_server.port()), known(), "ok"),
    ] {
        assert_eq!(code(redis(&url, trust).await), meant, "{url}");
    }

    let at =
        |host: &str, login: &str, rest: &str| format!("postgres://{login}@{host}:{}/{rest}", postgres_server.port());
    let tls = "sekat?sslmode=require";
    for (url, trust, meant) in [
        (at("localhost", "sekat:hush", tls), known(), "ok"),
        (at("localhost", "sekat:loud", tls), known(), "session-server-password"),
        (at("localhost", "sekat", tls), known(), "session-server-password"),
        (at("localhost", "nobody:hush", tls), known(), "session-server-password"),
        (at("localhost", "sekat:hush", tls), unknown(), "session-server-certificate"),
        (at("127.0.0.1", "sekat:hush", tls), known(), "session-server-certificate"),
        (at("localhost", "sekat:hush", "nothing?sslmode=require"), known(), "session-server-database"),
        (at("localhost", "sekat:hush", "sekat"), known(), "ok"),
    ] {
        assert_eq!(code(postgres(&url, trust).await), meant, "{url}");
    }
    // Over TLS, all of it.
    let dir = tempfile::tempdir().unwrap();
    let url = format!("rediss://:hush@localhost:{}", redis_server.tls_port());
    let config = HybridConfig {
        redis: RedisConfig::parse(&url, known(), LIMIT, true).unwrap(),
        postgres: PostgresConfig::parse(&at("localhost", "sekat:hush", tls), known(), LIMIT, true).unwrap(),
        journal: dir.path().join("journal"),
        fallback_deadline: Duration::from_millis(250),
        nodes: 1,
        node: "main".to_owned(),
    };
    let store = Arc::new(HybridStore::open(config, Clock::system()).await.unwrap());
    while !store.reads_redis() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    store.put(&registration_key(1), registration(1, 1), TTL, Expected::Absent).await.unwrap();
    assert!(store.get(&registration_key(1)).await.unwrap().is_some() && store.reads_redis());
    assert_eq!(postgres_server.sql("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'sekat-%'").unwrap(), "t");
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_not_spoken_to_in_clear_instead() {
    let server = PostgresServer::start(PostgresOptions::default()).unwrap();
    let url = format!("{}?sslmode=require", server.url());
    assert_eq!(code(postgres(&url, trust(None)).await), "session-server-certificate");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_reached_is_told_from_who_does_not_answer() {
    let held = HeldPort::take().unwrap();
    let nobody = held.number();
    assert_eq!(code(redis(&format!("redis://127.0.0.1:{nobody}"), trust(None)).await), "session-server-unreachable");
    let url = format!("postgres://a@127.0.0.1:{nobody}/a");
    assert_eq!(code(postgres(&url, trust(None)).await), "session-server-unreachable");
    let url = "redis://nowhere.invalid";
    assert_eq!(code(redis(url, trust(None)).await), "session-server-unreachable");
    assert_eq!(code(redis("redis://192.0.2.1", trust(None)).await), "demo-not-loopback");
    assert_eq!(code(postgres("postgres://a@192.0.2.1/a", trust(None)).await), "demo-not-loopback");
    let server = RedisServer::start(RedisOptions::default()).unwrap();
    server.freeze().unwrap();
    let url = format!("redis://127.0.0.1:{}", server.port());
    let config = RedisConfig::parse(&url, trust(None), Duration::from_millis(100), true).unwrap();
    assert_eq!(code(RedisStore::check(&config).await), "session-server-timeout");
}

/// A server that says one thing to everybody.
fn parrot(says: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 1_024];
            assert!(stream.read(&mut bytes).unwrap() > 0);
            stream.write_all(says).unwrap();
            // Until the other side has read it and gone.
            while stream.read(&mut bytes).is_ok_and(|count| count > 0) {}
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_server_is_told_by_its_version() {
    let port = parrot(b"$40\r\nredis_version:5.0.7\r\nrun_id:0123456789ab\r\n\r\n");
    let found = redis(&format!("redis://127.0.0.1:{port}"), trust(None)).await;
    assert_eq!(found, Err(Fault::Old { found: "5.0.7".to_owned(), needed: "6.0" }));
    // Come in; I am of this version; ready.
    let port = parrot(b"R\0\0\0\x08\0\0\0\0S\0\0\0\x1aserver_version\x009.6.24\0Z\0\0\0\x05I");
    let found = postgres(&format!("postgres://a@127.0.0.1:{port}/a"), trust(None)).await;
    assert_eq!(found, Err(Fault::Old { found: "9.6.24".to_owned(), needed: "14" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_newer_version_and_rights_that_are_missing_are_told() {
    let server = PostgresServer::start(PostgresOptions::default()).unwrap();
    server.sql("CREATE ROLE guest LOGIN").unwrap();
    let guest = server.url().replace("sekat@", "guest@");
    // PostgreSQL 15 lets nobody but the owner make tables.
    assert_eq!(code(postgres(&guest, trust(None)).await), "session-server-refused");
    assert_eq!(code(postgres(&server.url(), trust(None)).await), "ok");
    server.sql("UPDATE sekat_sessions_form SET version = 3").unwrap();
    assert_eq!(postgres(&server.url(), trust(None)).await, Err(Fault::Newer { found: 3, known: 2 }));
}
