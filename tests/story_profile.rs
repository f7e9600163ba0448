//! What a person publishes is found by others as they wanted it, also after a death in between; and goes with them.
#![cfg(feature = "demo")]
mod support;
#[path = "support/daemon.rs"]
#[allow(dead_code, reason = "no story needs all of it")]
mod support_daemon;

use sekat::domain::profile::Shows;
use sekat::domain::{Details, PersonName, PhoneNumber, TelegramId, Timestamp};
use sekat::session::Query;
use sekat::sim::english;
use sekat::sim::stage::PATIENCE;
use sekat::store::keys::{KeySource, MasterKey, StoreKey};
use sekat::store::{DbThreads, Directory, Profiles, RawKey, Result, Tx, Vaults, profile};
use sekat::t;
use sekat::telegram::Reader;
use std::path::Path;
use std::sync::Arc;
use support::*;
use support_daemon::{Daemon, OddWhatsApp};

fn details(name: &str) -> anyhow::Result<Details> {
    Ok(Details {
        phone: PhoneNumber::parse("+6281234567890")?,
        name: PersonName::parse(name)?,
        email: None,
        zone: chrono_tz::Asia::Jakarta,
        about: None,
    })
}

/// The data folder without a daemon, as a death left it.
struct Rest {
    threads: DbThreads,
    vaults: Vaults,
    profiles: Profiles,
    directory: Directory,
}

impl Rest {
    fn open(folder: &Path) -> anyhow::Result<Self> {
        let threads = DbThreads::start(2);
        let (master, _) = MasterKey::load_or_create(&KeySource::default(), folder)?;
        let store = StoreKey::load_or_create(&master, folder)?;
        let key = RawKey::new(*store.derive("profiles.db"));
        let profiles = Profiles::new(threads.clone(), &folder.join("profiles.db"), key);
        let key = RawKey::new(*store.derive("directory.db"));
        let directory = Directory::new(threads.clone(), &folder.join("directory.db"), key);
        Ok(Rest { directory, vaults: Vaults::new(threads.clone(), master, folder), threads, profiles })
    }

    /// A step that nothing followed. Whoever makes one is known to be awake before.
    async fn step(&self, user: u64, work: impl FnOnce(&Tx<'_>) -> Result<()> + Send + 'static) -> anyhow::Result<()> {
        self.directory.wake(TelegramId(user), Timestamp::now()).await?;
        let vault = self.vaults.open(TelegramId(user)).await?;
        vault.tx(work).await?;
        Ok(vault.db().close().await?)
    }

    async fn names(&self) -> anyhow::Result<Vec<String>> {
        let found = self.profiles.search("", 0).await?.found;
        Ok(found.into_iter().map(|found| found.card.name.to_string()).collect())
    }

    async fn close(self) -> anyhow::Result<()> {
        self.profiles.close().await?;
        self.directory.close().await?;
        self.threads.stop();
        Ok(())
    }
}

async fn daemon(folder: &Path) -> anyhow::Result<Daemon> {
    Daemon::start(folder, Arc::new(Reader::default()), OddWhatsApp::default().provider(), &[ANA, BUDI]).await
}

async fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
    let rest = Rest::open(folder)?;
    let names = rest.names().await?;
    rest.close().await?;
    Ok(names)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_brings_what_others_find_to_what_the_vault_says() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    // Killed between the commit that publishes and what follows from it.
    let rest = Rest::open(folder.path())?;
    for (user, name) in [(ANA, "Ana"), (BUDI, "Budi")] {
        let details = details(name)?;
        rest.step(user, move |tx| {
            profile::save(tx, &details, Timestamp::now())?;
            profile::publish(tx, Shows { phone: user == ANA, email: false }).map(drop)
        })
        .await?;
    }
    assert!(rest.names().await?.is_empty());
    rest.close().await?;
    let running = daemon(folder.path()).await?;
    until("both to be found", async || Ok((names(folder.path()).await? == ["Ana", "Budi"]).then_some(()))).await?;
    running.close().await?;

    // Ana withdraws hers, and Budi's is taken down by somebody who may.
    let rest = Rest::open(folder.path())?;
    let found = rest.profiles.search("", 0).await?.found;
    assert_eq!(found.iter().map(|f| f.card.phone.is_some()).collect::<Vec<_>>(), [true, false]);
    rest.step(ANA, |tx| profile::unpublish(tx).map(drop)).await?;
    let budis = found[1].id;
    rest.step(ANA, move |tx| profile::withdraw(tx, budis)).await?;
    rest.close().await?;
    let running = daemon(folder.path()).await?;
    until("neither to be found", async || Ok(names(folder.path()).await?.is_empty().then_some(()))).await?;
    // Budi hears of it at the next start of their world.
    let mut budi = running.person(BUDI, "Budi");
    budi.send("/status").await?;
    budi.wait_text(&english::text(&t!("profile-withdrawn")), PATIENCE).await?;
    running.close().await?;
    let rest = Rest::open(folder.path())?;
    rest.step(BUDI, |tx| {
        assert!(profile::get(tx)?.is_some_and(|profile| profile.published.is_none()));
        Ok(())
    })
    .await?;
    rest.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_under_way_has_a_session_that_ends_with_it_and_with_the_person() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let rest = Rest::open(folder.path())?;
    for user in [ANA, BUDI] {
        let details = details("Ana")?;
        rest.step(user, move |tx| {
            let answers = serde_json::json!({"name": "Ana"});
            profile::keep(tx, details.phone.clone(), "email".into(), answers, Timestamp::now())?;
            if user == ANA {
                profile::save(tx, &details, Timestamp::now())?;
                profile::publish(tx, Shows::default())?;
            }
            Ok(())
        })
        .await?;
    }
    rest.close().await?;
    let running = daemon(folder.path()).await?;
    let store = Arc::clone(&running.sessions);
    let sealed = async |count: usize| {
        let page = store.list(Query { prefix: "reg:", limit: 9, ..Query::default() }).await?;
        anyhow::ensure!(page.records.iter().all(|r| !r.payload.as_str().contains("Ana")));
        Ok((page.records.len() == count).then_some(()))
    };
    // Both are for the same number, and neither knows of the other's.
    until("both sessions", async || sealed(2).await).await?;
    let mut ana = running.person(ANA, "Ana");
    ana.send("/erase").await?;
    ana.wait_text("Erase everything?", PATIENCE).await?;
    ana.send(english::ERASE_WORD).await?;
    ana.wait_text("Erased.", PATIENCE).await?;
    until("one session", async || sealed(1).await).await?;
    assert!(names(folder.path()).await?.is_empty(), "what was published goes too");
    running.close().await?;
    let rest = Rest::open(folder.path())?;
    rest.step(BUDI, profile::end_registration).await?;
    rest.close().await?;
    let running = daemon(folder.path()).await?;
    let rest = Rest::open(folder.path())?;
    until("nothing outside", async || {
        let vault = rest.vaults.open(TelegramId(BUDI)).await?;
        let outside = vault.db().read(profile::is_outside).await?;
        vault.db().close().await?;
        Ok((!outside).then_some(()))
    })
    .await?;
    rest.close().await?;
    running.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_withdrawn_is_withdrawn_when_the_file_works_again() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let rest = Rest::open(folder.path())?;
    let details = details("Ana")?;
    rest.step(ANA, move |tx| {
        profile::save(tx, &details, Timestamp::now())?;
        profile::publish(tx, Shows::default()).map(drop)
    })
    .await?;
    rest.close().await?;
    let running = daemon(folder.path()).await?;
    until("Ana to be found", async || Ok((names(folder.path()).await? == ["Ana"]).then_some(()))).await?;
    running.close().await?;
    let (file, away) = (folder.path().join("profiles.db"), folder.path().join("away"));
    std::fs::rename(&file, &away)?;
    std::fs::create_dir(&file)?;
    let rest = Rest::open(folder.path())?;
    rest.step(ANA, |tx| profile::unpublish(tx).map(drop)).await?;
    rest.close().await?;
    let running = daemon(folder.path()).await?;
    // Nothing else of theirs suffers.
    let mut ana = running.person(ANA, "Ana");
    ana.send("/status").await?;
    ana.wait_text("Numbers: 0 of 3", PATIENCE).await?;
    running.close().await?;
    let rest = Rest::open(folder.path())?;
    let known = rest.directory.users().await?;
    assert!(known.iter().any(|known| known.user == TelegramId(ANA) && known.has_work()), "a start has to look");
    rest.close().await?;
    std::fs::remove_dir(&file)?;
    std::fs::rename(&away, &file)?;
    assert_eq!(names(folder.path()).await?, ["Ana"]);
    let running = daemon(folder.path()).await?;
    until("Ana not to be found", async || Ok(names(folder.path()).await?.is_empty().then_some(()))).await?;
    running.close().await
}
