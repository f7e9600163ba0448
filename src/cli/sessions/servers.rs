//! What do Redis and PostgreSQL say, as far as sessions are concerned?
//!
//! Owns the words and the JSON of `sekat sessions health` and, where servers are used, of `stats`: both are promised to programs. It
//! asks the servers itself, so that it works beside a daemon and without one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{line, lines};
use crate::cli::Exit;
use crate::cli::desk::Said;
use crate::config::{Config, Engine, SettingFault};
use crate::domain::{Clock, Timestamp};
use crate::session::file::Cleaned;
use crate::session::{Fault, PostgresStore, RedisStore, Server, SessionKind, SessionStore as _, Stats};

/// How one server stands.
struct Answer {
    /// How long it took to connect and to be asked.
    took: Duration,
    fault: Option<SettingFault>,
}

/// Whether the servers answer. It fails when one that is used does not.
pub(super) async fn health(config: &Config, engine: &Engine, as_json: bool) -> anyhow::Result<Said> {
    let (redis, postgres) = tokio::join!(redis(config, engine), postgres(config, engine));
    let is_well = [&redis, &postgres].iter().all(|asked| asked.as_ref().is_none_or(|answer| answer.fault.is_none()));
    let exit = if is_well { Exit::Done } else { Exit::Failed };
    let said = |out| Ok(Said { exit, out, err: String::new() });
    let status = |asked: &Option<Answer>| match asked {
        None => "disabled",
        Some(Answer { fault: None, .. }) => "connected",
        Some(_) => "unavailable",
    };
    let time = |asked: &Option<Answer>| match asked {
        Some(Answer { fault: None, took }) => json!(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        _ => Value::Null,
    };
    if as_json {
        let found = json!({
            "timestamp": Timestamp::now().to_string(),
            "redis": {
                "enabled": redis.is_some(),
                "available": status(&redis) == "connected",
                "status": status(&redis),
                "responseTime": time(&redis),
            },
            "postgresql": { "status": status(&postgres), "responseTime": time(&postgres) },
        });
        return said(line(&found));
    }
    let told = |asked: &Option<Answer>| match asked {
        None => "not used".to_owned(),
        Some(Answer { fault: None, took }) => format!("connected, answered in {} ms", took.as_millis()),
        Some(Answer { fault: Some(fault), .. }) => format!("unavailable: {fault}"),
    };
    said(lines(&[("Redis", told(&redis)), ("PostgreSQL", told(&postgres))]))
}

async fn redis(config: &Config, engine: &Engine) -> Option<Answer> {
    let begun = Instant::now();
    let found = RedisStore::check(engine.redis()?).await;
    let fault = found.err().map(|fault| config.blame(Server::Redis, fault));
    Some(Answer { took: begun.elapsed(), fault })
}

async fn postgres(config: &Config, engine: &Engine) -> Option<Answer> {
    let begun = Instant::now();
    let found = PostgresStore::check(engine.postgres()?).await;
    let fault = found.err().map(|fault| config.blame(Server::Postgres, fault));
    Some(Answer { took: begun.elapsed(), fault })
}

/// What each server holds; `None` for one that is not used. A Redis that is only away, with PostgreSQL behind it, counts for nothing:
/// that is told beside, where programs do not read.
async fn ask(config: &Config, engine: &Engine) -> Result<(Option<Stats>, Option<Stats>, String), SettingFault> {
    let redis = async {
        let Some(redis) = engine.redis() else { return Ok((None, String::new())) };
        let is_copy = engine.postgres().is_some();
        match RedisStore::count(redis, is_copy, Timestamp::now()).await {
            Ok(counted) => Ok((Some(counted), String::new())),
            Err(fault) if is_copy && !fault.is_permanent() => {
                let fault = config.blame(Server::Redis, fault);
                Ok((None, format!("sekat: {fault}; its sessions are counted as none\n")))
            }
            Err(fault) => Err(config.blame(Server::Redis, fault)),
        }
    };
    let postgres = async {
        let Some(postgres) = engine.postgres() else { return Ok(None) };
        let blame = |fault| config.blame(Server::Postgres, fault);
        PostgresStore::check(postgres).await.map_err(blame)?;
        let store = PostgresStore::new(postgres.clone(), Clock::system());
        store.stats().await.map(Some).map_err(|e| blame(Fault::Refused(e.code().to_owned())))
    };
    let ((redis, beside), postgres) = tokio::try_join!(redis, postgres)?;
    Ok((redis, postgres, beside))
}

fn count(stats: Option<&Stats>, kind: SessionKind) -> u64 {
    stats.and_then(|stats| stats.live.get(&kind)).copied().unwrap_or(0)
}

/// How many sessions each server holds, for programs.
pub(super) async fn stats(config: &Config, engine: &Engine) -> anyhow::Result<Said> {
    let (redis, postgres, err) = ask(config, engine).await?;
    let of = |stats: &Option<Stats>| {
        let stats = stats.as_ref();
        (count(stats, SessionKind::Client), count(stats, SessionKind::Registration))
    };
    let ((clients, registrations), (kept_clients, kept_registrations)) = (of(&redis), of(&postgres));
    let out = line(&json!({
        "redis": {
            "whatsappSessions": clients,
            "registrationSessions": registrations,
            "totalSessions": clients + registrations,
        },
        "postgresql": { "whatsappSessions": kept_clients, "registrationSessions": kept_registrations },
    }));
    Ok(Said { exit: Exit::Done, out, err })
}

/// How many sessions each server holds, for people.
pub(super) async fn counts(config: &Config, engine: &Engine) -> anyhow::Result<Said> {
    let (redis, postgres, err) = ask(config, engine).await?;
    let told = |stats: &Option<Stats>| {
        let stats = stats.as_ref()?;
        let (clients, registrations) =
            (count(Some(stats), SessionKind::Client), count(Some(stats), SessionKind::Registration));
        Some(format!("{clients} numbers, {registrations} registrations, {} expired", stats.expired))
    };
    let rows = [("Redis", told(&redis)), ("PostgreSQL", told(&postgres))];
    let rows: Vec<_> = rows.into_iter().filter_map(|(name, told)| Some((name, told?))).collect();
    Ok(Said { exit: Exit::Done, out: lines(&rows), err })
}

/// Removes what has expired from the servers too. Redis' copy of what PostgreSQL has expires by itself.
pub(super) async fn cleanup(config: &Config, engine: &Engine, mut done: Cleaned) -> anyhow::Result<Cleaned> {
    let store: Box<dyn crate::session::SessionStore> = match engine {
        Engine::Redis(redis) => {
            RedisStore::check(redis).await.map_err(|fault| config.blame(Server::Redis, fault))?;
            Box::new(RedisStore::new(redis.clone(), Clock::system()))
        }
        Engine::Postgres(postgres) | Engine::Hybrid(_, postgres) => {
            PostgresStore::check(postgres).await.map_err(|fault| config.blame(Server::Postgres, fault))?;
            Box::new(PostgresStore::new(postgres.clone(), Clock::system()))
        }
        Engine::Memory | Engine::File => return Ok(done),
    };
    done.removed += store.cleanup().await?;
    done.left += store.stats().await?.live.values().sum::<u64>();
    store.close().await?;
    Ok(done)
}
