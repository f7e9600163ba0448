//! With Redis and PostgreSQL: how numbers stand is kept there, sealed, and nobody notices when they break.
#![cfg(feature = "demo")]
use sekat::session::servers::{PostgresOptions, PostgresServer, RedisOptions, RedisServer};
use sekat::sim::english;
use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use std::path::Path;
use std::time::{Duration, Instant};

const ANA: u64 = 1001;
const ANAS: &str = "628110000001";
const CITRA: &str = "628220000001";

struct Servers {
    redis: RedisServer,
    postgres: PostgresServer,
}

async fn open(folder: &Path) -> anyhow::Result<(Servers, Stage)> {
    let redis = RedisServer::start(RedisOptions::default())?;
    let postgres = PostgresServer::start(PostgresOptions::default())?;
    let more = format!(
        "[redis]\nenabled = true\nhost = \"127.0.0.1\"\nport = {}\n\n[postgres]\nurl = \"{}\"\n",
        redis.port(),
        postgres.url()
    );
    let config = StageConfig { more, ..StageConfig::new(env!("CARGO_BIN_EXE_sekat-demo"), folder, &[ANA]) };
    let stage = Stage::open(config).await?;
    for (number, name) in [(ANAS, "Ana"), (CITRA, "Citra")] {
        stage.phone(number, name)?;
    }
    Ok((Servers { redis, postgres }, stage))
}

/// Waits until PostgreSQL answers so.
async fn until(postgres: &PostgresServer, question: &str, answer: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let found = postgres.sql(question)?;
        if found == answer {
            return Ok(());
        }
        anyhow::ensure!(begun.elapsed() < PATIENCE, "{question}: {found} and not {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const NUMBERS: &str = "SELECT count(*) FROM sekat_sessions WHERE key LIKE 'wa:%' AND payload IS NOT NULL";

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_number_is_told_of_sealed_until_it_is_erased() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (servers, mut stage) = open(folder.path()).await?;
    let mut ana = stage.person(ANA, "Ana");
    stage.link_by_qr(&mut ana, ANAS).await?;
    until(&servers.postgres, NUMBERS, "1").await?;
    let text = servers.postgres.sql("SELECT string_agg(key || payload, '') FROM sekat_sessions")?;
    assert!(!text.contains(ANAS) && !text.contains(&ANA.to_string()) && !text.contains("connected"), "{text}");
    let keys = servers.redis.command(&["DBSIZE"])?;
    assert_ne!(keys, ":0", "Redis has it too");
    // What the daemon does for people stays here.
    assert!(stage.folder().join("sessions").join(format!("user_{ANA}.json")).exists());
    assert_eq!(servers.postgres.sql("SELECT count(*) FROM sekat_sessions WHERE key LIKE 'user:%'")?, "0");
    stage.stop().await?;
    stage.start().await?;
    until(&servers.postgres, NUMBERS, "1").await?;
    ana.send("/erase").await?;
    ana.wait_text("Erase everything?", PATIENCE).await?;
    ana.send(english::ERASE_WORD).await?;
    until(&servers.postgres, NUMBERS, "0").await?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_that_both_are_away() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut servers, stage) = open(folder.path()).await?;
    servers.redis.kill()?;
    servers.postgres.freeze()?;
    let mut ana = stage.person(ANA, "Ana");
    stage.link_by_qr(&mut ana, ANAS).await?;
    stage.whatsapp.send(CITRA, ANAS, "hello from Citra").await?;
    let hello = ana.wait_text("hello from Citra", PATIENCE).await?;
    ana.reply(hello.message_id, "hello Citra").await?;
    ana.wait_text("delivered", PATIENCE).await?;
    servers.postgres.thaw()?;
    // What could not be said is said when it can be.
    until(&servers.postgres, NUMBERS, "1").await?;
    servers.redis.up()?;
    stage.close().await
}
