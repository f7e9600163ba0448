//! What a person publishes is found by others as they wanted it, also after a death in between; and goes with them.
#![cfg(feature = "demo")]
mod support;
#[path = "support/daemon.rs"]
#[allow(dead_code, reason = "no story needs all of it")]
mod support_daemon;

use sekat::domain::profile::Shows;
use sekat::domain::{Details, Order, PersonName, PhoneNumber, TelegramId, Timestamp, Wish};
use sekat::session::Query;
use sekat::sim::english;
use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use sekat::sim::telegram::client::SimUser;
use sekat::sim::telegram::wire::SimMessage;
use sekat::store::keys::{KeySource, MasterKey, StoreKey};
use sekat::store::profile::Edition;
use sekat::store::{DbThreads, Directory, Profiles, RawKey, Result, Tx, Vaults, orders, profile};
use sekat::t;
use sekat::telegram::Reader;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
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
        let found = self.profiles.search("", None).await?.found;
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

    // Ana withdraws hers, and Budi's is taken down by somebody who may; then came a death.
    let rest = Rest::open(folder.path())?;
    let found = rest.profiles.search("", None).await?.found;
    assert_eq!(found.iter().map(|f| f.card.phone.is_some()).collect::<Vec<_>>(), [true, false]);
    rest.step(ANA, |tx| profile::unpublish(tx).map(drop)).await?;
    let budis = found[1].id;
    assert_eq!(rest.profiles.withdraw(budis).await?, Some(TelegramId(BUDI)));
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
async fn a_member_takes_nothing_down_however_it_came_to_be_ordered() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let rest = Rest::open(folder.path())?;
    rest.profiles.share(TelegramId(BUDI), Some(details("Budi")?.card(Shows::default())), Edition(1)).await?;
    let card = rest.profiles.search("", None).await?.found[0].id;
    let order = Order::People(Wish::TakeDown { search: 0, card, at: None });
    rest.step(ANA, move |tx| orders::add(tx, "forged", 0, &order)).await?;
    rest.close().await?;
    let running = daemon(folder.path()).await?;
    let mut ana = running.person(ANA, "Ana");
    ana.send("/people").await?;
    ana.wait_since(0, "a refusal", |m| m.text == "That is not for you to do.", PATIENCE).await?;
    ana.wait_text("1. Budi", PATIENCE).await?;
    ana.send("/takedown 1 yes").await?;
    ana.wait_text(&english::text(&t!("unknown-command")), PATIENCE).await?;
    running.close().await?;
    assert_eq!(names(folder.path()).await?, ["Budi"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_people_are_turned_by_buttons_and_by_commands_while_the_list_changes() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let rest = Rest::open(folder.path())?;
    let share = async |n: u64, name: Option<String>| -> anyhow::Result<()> {
        let card = name.map(|name| details(&name)).transpose()?.map(|details| details.card(Shows::default()));
        rest.profiles.share(TelegramId(n), card, Edition(1)).await?;
        Ok(())
    };
    for n in 1..=23 {
        share(n, Some(format!("Toko {n}"))).await?;
    }
    let running = daemon(folder.path()).await?;
    let mut ana = running.person(ANA, "Ana");
    ana.send("/people toko").await?;
    let first = ana.wait_text("23 profiles with “toko”", PATIENCE).await?;
    assert!(first.text.contains("1. Toko 1\n2. Toko 2\n") && first.text.contains("1–10 of 23"), "{}", first.text);
    share(3, None).await?;
    share(50, Some("Toko 0".into())).await?;
    share(51, Some("Toko 0 b".into())).await?;
    ana.press_label(&english::text(&t!("button-next"))).await?;
    let second = ana.wait_text("12. Toko 11\n", PATIENCE).await?;
    assert_eq!(second.message_id, first.message_id, "in its place");
    assert!(second.text.contains("12–21 of 24"), "{}", second.text);
    let press = ana.press_label("14").await?;
    assert_eq!(ana.wait_answer(&press, PATIENCE).await?.text, None);
    ana.wait_for(|m| m.message_id == first.message_id && m.text == "Toko 13", PATIENCE).await?;
    ana.press_label(&english::text(&t!("button-people-list"))).await?;
    ana.wait_text("12. Toko 11\n", PATIENCE).await?;
    ana.send("/more").await?;
    let third = ana.wait_text("22–24 of 24", PATIENCE).await?;
    assert!(third.message_id > first.message_id && third.text.contains("24. Toko 23"), "{}", third.text);
    ana.send("/person 24").await?;
    ana.wait_for(|m| m.text == "Toko 23", PATIENCE).await?;
    for (command, answer) in [("/person 2", t!("person-which")), ("/person x", t!("person-which"))] {
        ana.send(command).await?;
        ana.wait_text(&english::text(&answer), PATIENCE).await?;
    }
    ana.send("/more").await?;
    ana.wait_text(&english::text(&t!("people-no-more")), PATIENCE).await?;
    // What an older search has found is not mistaken for what the newest has.
    ana.send("/people 7").await?;
    let sevens = ana.wait_text("2 profiles with “7”", PATIENCE).await?;
    assert!(sevens.text.contains("1. Toko 7\n2. Toko 17"), "{}", sevens.text);
    let press = ana.press_label_of(third.message_id, "23").await?;
    let note = ana.wait_answer(&press, PATIENCE).await?.text;
    assert_eq!(note.as_deref(), Some(english::text(&t!("note-older-search")).as_str()));
    ana.send("/people nobody at all").await?;
    ana.wait_text("Nobody has “nobody at all”", PATIENCE).await?;
    rest.close().await?;
    running.close().await
}

const OWNER: u64 = 9001;

/// Answers everything that registering asks.
async fn register(person: &mut SimUser, phone: &str, name: &str) -> anyhow::Result<()> {
    let answers = [("/register", "(1 of 5)"), (phone, "(2 of 5)"), (name, "(3 of 5)"), ("a@example.org", "(4 of 5)")];
    for (answer, asked) in answers {
        person.send(answer).await?;
        person.wait_text(asked, PATIENCE).await?;
    }
    person.send("Bandung").await?;
    press(person, "English", "Is this right?").await?;
    press(person, english::REGISTER_BUTTON, "You are registered").await?;
    Ok(())
}

/// Waits for a button, presses it, and waits for what comes of it.
async fn press(person: &mut SimUser, label: &str, then: &str) -> anyhow::Result<SimMessage> {
    person.wait_button(label, PATIENCE).await?;
    person.press_label(label).await?;
    Ok(person.wait_text(then, PATIENCE).await?)
}

/// Publishes what others do not see yet.
async fn publish(person: &mut SimUser, button: &str) -> anyhow::Result<()> {
    person.send("/profile").await?;
    press(person, button, "Publish your profile?").await?;
    press(person, "✅ Publish this", "Published.").await?;
    Ok(())
}

/// Searches until the answer says this.
async fn finds(person: &mut SimUser, words: &str, part: &str) -> anyhow::Result<SimMessage> {
    until(&format!("/people {words} to say {part:?}"), async || {
        person.send(&format!("/people {words}")).await?;
        let found = person.wait_for(|m| m.text.contains("profile"), PATIENCE).await?;
        Ok(found.text.contains(part).then_some(found))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_publishes_another_finds_until_it_is_taken_back_or_down_or_erased() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let access = format!("owner = {OWNER}\n");
    let stage = Stage::open(StageConfig { access, ..config(folder.path(), "") }).await?;
    let (mut ana, mut budi) = (stage.person(ANA, "Ana"), stage.person(BUDI, "Budi"));
    let (mut owner, mut eve) = (stage.person(OWNER, "Owner"), stage.person(EVE, "Eve"));
    register(&mut ana, "0812-3456-7890", "Ana Maria").await?;
    finds(&mut budi, "", "Nobody has published a profile yet").await?;
    ana.send("/profile").await?;
    press(&mut ana, "✏ About me", "What do you want to say").await?;
    ana.send("Toko roti di Bandung\nBuka 07–17").await?;
    press(&mut ana, "🌐 Publish…", "Publish your profile?").await?;
    press(&mut ana, "☐ Telephone", "📞 +6281234567890").await?;
    press(&mut ana, "✅ Publish this", "Published.").await?;
    let list = finds(&mut budi, "BANDUNG", "1. Ana Maria — Toko roti di Bandung").await?;
    let card = press(&mut budi, "1", "📞 +6281234567890").await?;
    assert_eq!(card.text, "Ana Maria\nToko roti di Bandung\nBuka 07–17\n📞 +6281234567890", "and no address");
    assert_eq!((card.message_id, card.labels()), (list.message_id, vec!["◀ List"]), "in its place");
    eve.send("/people").await?;
    eve.wait_text(&english::text(&t!("refused")), PATIENCE).await?;

    // What is changed is not seen until it is published anew.
    ana.send("/profile").await?;
    press(&mut ana, "✏ Name", "What are you called?").await?;
    ana.send("Ana Sari").await?;
    ana.wait_text("Others still see this:\n\nAna Maria", PATIENCE).await?;
    budi.send("/person 1").await?;
    budi.wait_text("Ana Maria\nToko roti", PATIENCE).await?;
    publish(&mut ana, "🌐 Publish anew…").await?;
    finds(&mut budi, "", "1. Ana Sari").await?;
    ana.send("/profile").await?;
    press(&mut ana, "🔒 Unpublish", "Nobody finds your profile any more").await?;
    finds(&mut budi, "", "Nobody has published a profile yet").await?;

    // Taken down by an admin. Whoever was one and is not any more presses in vain.
    publish(&mut ana, "🌐 Publish…").await?;
    owner.send("/admin add 1002").await?;
    owner.wait_text("1002 is an admin", PATIENCE).await?;
    finds(&mut budi, "", "1. Ana Sari").await?;
    press(&mut budi, "1", "Toko roti").await?;
    press(&mut budi, "🗑 Take down", "Take this profile down?").await?;
    owner.send("/admin remove 1002").await?;
    owner.wait_text("1002 is not an admin", PATIENCE).await?;
    press(&mut budi, "🗑 Yes, take down", "That is not for you to do.").await?;
    finds(&mut owner, "", "1. Ana Sari").await?;
    press(&mut owner, "1", "Toko roti").await?;
    press(&mut owner, "🗑 Take down", "Its owner is told").await?;
    ana.mark().await?;
    press(&mut owner, "🗑 Yes, take down", "is taken down, and its owner is told").await?;
    ana.wait_text(&english::text(&t!("profile-withdrawn")), PATIENCE).await?;
    finds(&mut budi, "", "Nobody has published a profile yet").await?;
    press(&mut owner, "◀ List", "Nobody has published a profile yet").await?;

    // What is erased is gone.
    publish(&mut ana, "🌐 Publish…").await?;
    finds(&mut budi, "", "1. Ana Sari").await?;
    ana.send("/erase").await?;
    ana.wait_text("Erase everything?", PATIENCE).await?;
    ana.send(english::ERASE_WORD).await?;
    ana.wait_text("Erased.", PATIENCE).await?;
    finds(&mut budi, "", "Nobody has published a profile yet").await?;
    budi.send("/person 1").await?;
    budi.wait_text(&english::text(&t!("person-which")), PATIENCE).await?;
    stage.close().await
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
    until("nothing outside", async || {
        let running = daemon(folder.path()).await?;
        running.person(BUDI, "Budi").send("/help").await?;
        // Only a daemon that has gone lets others look.
        tokio::time::sleep(Duration::from_millis(200)).await;
        running.close().await?;
        let rest = Rest::open(folder.path())?;
        let vault = rest.vaults.open(TelegramId(BUDI)).await?;
        let outside = vault.db().read(profile::is_outside).await?;
        vault.db().close().await?;
        rest.close().await?;
        Ok((!outside).then_some(()))
    })
    .await
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
    // Nothing else of theirs suffers, and whoever looks for people is told.
    let mut ana = running.person(ANA, "Ana");
    ana.send("/people").await?;
    ana.wait_text("That did not work: something is wrong on our side.", PATIENCE).await?;
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
