//! Can Redis and PostgreSQL be used as they are set up?
//!
//! Owns nothing. It makes PostgreSQL's tables where they are not there, as a start would.

use super::Findings;
use crate::config::{Config, SettingFault};
use crate::session::{Fault, PostgresStore, RedisStore, Server};

pub(super) async fn examine(config: &Config, findings: &mut Findings) {
    let engine = match config.engine() {
        Ok(engine) => engine,
        Err(fault) => return findings.config(fault.to_string(), advice(&fault)),
    };
    if let Some(redis) = engine.redis() {
        judge(findings, "redis", RedisStore::check(redis).await.map_err(|fault| config.blame(Server::Redis, fault)));
        if redis.is_open() {
            let what = "sessions and the password travel over the network in clear";
            findings.warn("redis", what, "write rediss:// for TLS, unless the network is yours alone");
        }
    }
    if let Some(postgres) = engine.postgres() {
        let found = PostgresStore::check(postgres).await.map_err(|fault| config.blame(Server::Postgres, fault));
        judge(findings, "postgresql", found);
        if postgres.is_open() {
            let what = "sessions and the password travel over the network in clear";
            findings.warn("postgresql", what, "leave out sslmode=disable, unless the network is yours alone");
        }
    }
    if engine.redis().is_some() && engine.postgres().is_none() {
        let what =
            "sessions are in Redis alone: what it had not saved when it ends is lost, registrations under way too";
        findings.warn(
            "redis",
            what,
            "set postgres.url (DATABASE_URL) where that matters; vaults lose nothing either way",
        );
    }
}

fn judge(findings: &mut Findings, check: &'static str, found: Result<(), SettingFault>) {
    match found {
        Ok(()) => findings.ok(check, "answers, and can be used for sessions"),
        Err(fault) => findings.fail(check, fault.to_string(), advice(&fault)),
    }
}

fn advice(fault: &SettingFault) -> &'static str {
    match fault.fault {
        Fault::Address(_) => "sekat.example.toml shows how addresses are written",
        Fault::NotHere => "use a server on 127.0.0.1, or build without the feature demo",
        Fault::Unreachable(_) | Fault::TimedOut => {
            "is it running, may this machine reach it, and does it speak TLS where you said so?"
        }
        Fault::Password | Fault::Database(_) => "compare with what the server was set up with",
        Fault::Old { .. } => "install a newer one",
        Fault::Newer { .. } => "run the newer sekat, or use another database",
        Fault::Certificate(_) => {
            "name the certificate of your own authority in sessions.ca_file; the host must be in the server's"
        }
        Fault::ReadOnly(_) => "name the server that takes writes, or give it room",
        Fault::Refused(_) => "the server's own log says more",
    }
}
