//! One step at a time: takes what waits for a person, runs the flow, and commits what follows from it.
mod news;
mod orders;
mod taken;

use super::apply::{Applied, Applier, Talk};
use super::entry::UserEntry;
use super::erase;
use super::port::Heard;
use super::screen::Found;
use super::store::UserDataStore;
use crate::domain::{AccountId, AccountState, Class, Outgoing, Phrase, Plan, Timestamp, UpdateId};
use crate::flows::{self, Changes, Env, chat};
use crate::limits::Backoff;
use crate::metrics::{self, Stepped};
use crate::store::sends::SendState;
use crate::store::{Spooled, StoreError, Vault, VaultError, accounts, flags, inbox, profile, says, sends};
use crate::t;
use crate::words::render;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use taken::Taken;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error, warn};

/// How many rows are taken from the spool at once.
const BATCH: usize = 32;
/// How many news are taken at once.
const NEWS: usize = 128;

/// Waits between tries when the vault does not work.
const VAULT_BACKOFF: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(60) };

/// Works until the entry stops.
pub(super) async fn run(entry: Arc<UserEntry>, users: UserDataStore) {
    let mut trouble = 0u32;
    let mut taken = Taken::default();
    let _given = Given(&entry);
    loop {
        // What has arrived lies where the next entry finds it.
        let Some(inside) = entry.enter() else { return };
        match turn(&entry, &users, &mut taken).await {
            Ok(Turn::Idle) => {
                trouble = 0;
                drop(inside);
                entry.stir();
                rest(&entry, &mut taken).await;
            }
            Ok(Turn::More) => trouble = 0,
            Ok(Turn::Erase(until)) => return erase::begin(&entry, &users, until).await,
            Err(e) => {
                entry.shared.spool.read_again(entry.id());
                report(&entry, &e, trouble).await;
                drop(inside);
                let wait = VAULT_BACKOFF.delay(trouble, rand::random());
                trouble = trouble.saturating_add(1);
                tokio::select! {
                    () = entry.stop.cancelled() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
        if entry.stop.is_cancelled() {
            if let Some(vault) = entry.opened_vault() {
                taken.forget_all(&entry, vault).await;
            }
            return;
        }
    }
}

/// What the spool has given to this worker, and keeps ready for it: whoever works next begins anew, also after a panic.
struct Given<'a>(&'a UserEntry);

impl Drop for Given<'_> {
    fn drop(&mut self) {
        self.0.shared.spool.read_again(self.0.id());
    }
}

/// Waits until there is something to do, or the entry stops; what was taken is forgotten by the spool in time.
async fn rest(entry: &Arc<UserEntry>, taken: &mut Taken) {
    loop {
        tokio::select! {
            () = entry.stop.cancelled() => return,
            () = entry.work.notified() => return,
            () = sleep_until(taken.due().unwrap_or_else(Instant::now)), if taken.due().is_some() => {
                let Some(vault) = entry.opened_vault() else { return };
                taken.forget_soon(entry, vault);
            }
        }
    }
}

enum Turn {
    Idle,
    More,
    Erase(UpdateId),
}

/// The person's rows wait; the operator's log and the person hear of it, once an episode.
async fn report(entry: &UserEntry, e: &VaultError, trouble: u32) {
    if trouble == 0 {
        error!(user.id = entry.id().0, error.code = e.code(), error = ?e, "a user's vault does not work; what is theirs waits");
    }
    // A hiccup heals by itself; a person is told when it does not.
    if trouble == 2 {
        tell_now(entry, &t!("vault-broken", code = e.code())).await;
    }
}

/// Tells the person something when their vault cannot hold it.
async fn tell_now(entry: &UserEntry, phrase: &Phrase) {
    let chat = entry.id().private_chat();
    let locale = entry.shared.locale_of_waiting(entry.id()).await;
    let out = Outgoing::text(chat, render(phrase, locale), locale.language);
    entry.shared.budget.acquire(entry.id(), chat, Class::Answer).await;
    if let Err(e) = entry.shared.telegram.send(&out).await {
        warn!(user.id = entry.id().0, "cannot tell a user about trouble: {e}");
    }
}

/// One round: all news that wait, then a batch of updates.
async fn turn(entry: &Arc<UserEntry>, users: &UserDataStore, taken: &mut Taken) -> Result<Turn, VaultError> {
    let spool = &entry.shared.spool;
    let known = entry.vault_is_open() || entry.shared.vaults.exists(entry.id());
    if !known && spool.waiting(entry.id(), 1).await?.is_empty() {
        return Ok(Turn::Idle);
    }
    if !known {
        entry.note_awake().await?;
    }
    // Beside each other. No step of theirs commits before both.
    let (noted, opened) = tokio::join!(entry.note_awake(), opened(entry));
    noted?;
    let (vault, erasing) = opened?;
    if let Some(until) = erasing {
        return Ok(Turn::Erase(until));
    }
    if !entry.ready.is_cancelled() {
        recover(entry, vault).await?;
        entry.ready.cancel();
    }
    if entry.screen.is_leaving(entry.shared.ttl()) {
        park(entry, vault).await?;
    }
    orders::carry_out(entry, users, vault).await?;
    if !entry.news.is_empty() {
        entry.note_awake_for_good().await?;
    }
    let told = entry.news.take(NEWS);
    let more_news = told.len() == NEWS;
    news::take(entry, vault, told).await?;
    let mut rows = spool.next(entry.id(), taken.last(), BATCH).await?;
    // What arrives after this look knocks again.
    let more = more_news || rows.len() == BATCH;
    while !rows.is_empty() {
        let (mut applied, n) = inputs(entry, vault, &rows).await?;
        entry.acted(&mut applied, Timestamp::now()).await;
        let last = rows[n - 1].update;
        taken.add(rows.drain(..n).map(|row| row.update));
        let erase = after(entry, applied).await;
        let ordered = orders::carry_out(entry, users, vault).await;
        if erase {
            if let Err(e) = ordered {
                error!(user.id = entry.id().0, error.code = e.code(), "what an erased user had ordered is not done");
            }
            // Its row stays: if the erasing is interrupted before it is noted, the vault's flag takes it up again.
            return Ok(Turn::Erase(last));
        }
        ordered?;
    }
    if taken.is_due() {
        taken.forget_soon(entry, vault);
    }
    Ok(if more { Turn::More } else { Turn::Idle })
}

/// The vault, and, when it was opened just now, whether its person's erasing was confirmed.
async fn opened(entry: &UserEntry) -> Result<(&Vault, Option<UpdateId>), VaultError> {
    let vault = entry.vault().await?;
    let erasing = if entry.ready.is_cancelled() { None } else { vault.db().read(flags::erasing).await? };
    Ok((vault, erasing))
}

/// What follows a commit. `true`: everything of this person is to be erased.
pub(super) async fn after(entry: &Arc<UserEntry>, mut applied: Applied) -> bool {
    entry.moved(&mut applied).await;
    if let Some(blocked) = applied.blocked {
        entry.set_blocked(blocked);
    }
    for account in applied.links {
        entry.slots.request_link(account);
    }
    entry.tells(applied.talk);
    if applied.care {
        entry.care.notify_one();
    }
    if applied.orders {
        entry.orders.store(true, Ordering::SeqCst);
    }
    if applied.send {
        entry.slots.sends_wait();
    }
    if applied.share {
        entry.share_soon();
    }
    for (callback, text, alert) in applied.presses {
        let telegram = Arc::clone(&entry.shared.telegram);
        // At once or never: nobody waits for it and nothing depends on it.
        entry.shared.tasks.spawn(async move {
            if let Err(e) = telegram.answer_press(&callback, text.as_deref(), alert).await {
                debug!("a pressed button could not be answered: {e}");
            }
        });
    }
    applied.erase
}

pub(super) fn env(entry: &UserEntry, now: Timestamp) -> Env {
    let (members, mut rules) = (&entry.shared.members, entry.shared.settings.rules.clone());
    let plan = members.plan(entry.id());
    rules.max_numbers = plan.map_or(rules.max_numbers, Plan::numbers);
    Env {
        now,
        message_id: fresh_message_id(),
        rules,
        awake: entry.awake(),
        flows: flows::FLOWS,
        role: members.role(entry.id()),
        plan,
        full: entry.shared.full_for(entry.id()),
    }
}

/// An id for a message to WhatsApp, of the form that WhatsApp Web gives: `3EB0` and 18 hexadecimal digits.
fn fresh_message_id() -> String {
    let random: [u8; 9] = rand::random();
    random.iter().fold("3EB0".to_owned(), |id, byte| format!("{id}{byte:02X}"))
}

/// Updates: each taken, understood, acted on and answered, all in one commit; where that fails, the first one alone. How
/// many were taken, at least one: none after one that erases everything.
async fn inputs(entry: &UserEntry, vault: &Vault, rows: &[Spooled]) -> Result<(Applied, usize), VaultError> {
    if rows.iter().any(|row| entry.shared.reader.refers(&row.payload)) {
        // What they answer may have been said just now.
        entry.lag.over().await;
    }
    if rows.len() > 1
        && let Ok(done) = try_inputs(entry, vault, rows.to_vec()).await
    {
        return Ok(done);
    }
    // One of them may be at fault. Alone the others are not held up by it, and it is known which it is.
    let mut alone = rows.to_vec();
    alone.truncate(1);
    Ok((input(entry, vault, alone).await?, 1))
}

/// One update. One that kills its step twice is set aside.
async fn input(entry: &UserEntry, vault: &Vault, rows: Vec<Spooled>) -> Result<Applied, VaultError> {
    let (bot, now) = (entry.shared.spool.bot(), Timestamp::now());
    loop {
        match try_inputs(entry, vault, rows.clone()).await {
            Err(StoreError::Panicked { .. }) => {
                let Some(row) = rows.first().cloned() else { return Ok(Applied::default()) };
                error!(user.id = entry.id().0, update.id = row.update.0, "a step panicked");
                let dead = vault
                    .step(now, move |tx, person| {
                        let dead = inbox::failed(tx, bot, row.update, &row.payload, now)?;
                        if dead {
                            let source = format!("dead{bot}:{}", row.update);
                            Applier::new(tx, person, source)?.apply(Changes::default().say(t!("dead-letter")))?;
                        }
                        Ok(dead)
                    })
                    .await?;
                if dead {
                    metrics::STEPS.of(Stepped::SetAside).inc();
                    return Ok(Applied { talk: Talk::Now, ..Applied::default() });
                }
            }
            other => return Ok(other?.0),
        }
    }
}

async fn try_inputs(entry: &UserEntry, vault: &Vault, rows: Vec<Spooled>) -> Result<(Applied, usize), StoreError> {
    let now = Timestamp::now();
    let (bot, mut env, reader) = (entry.shared.spool.bot(), env(entry, now), Arc::clone(&entry.shared.reader));
    let claim = entry.handover.claim();
    let hand_over = claim.is_some();
    let began = Instant::now();
    let step = vault
        .step_normal(now, move |tx, person| {
            let (mut all, mut taken) = (Applied::default(), 0);
            for row in rows {
                taken += 1;
                if !inbox::take(tx, bot, row.update, now)? {
                    continue;
                }
                // Understanding it belongs to the step: what cannot survive being read is set aside like what cannot be
                // acted on.
                let Some(Heard { input, language }) = reader.read(&row.payload) else { continue };
                if let Some(language) = language {
                    flags::set_telegram_language(tx, language)?;
                }
                env.message_id = fresh_message_id();
                let mut user = person.context(&input)?;
                let step = flows::step(&mut user, &input, &env);
                if step.conversation.is_none() && user.waits_since().is_some() {
                    // Whoever does something else first is still there.
                    flags::touch_conversation(tx, now)?;
                }
                let (locale, source) = (user.locale(), format!("u{bot}:{}", row.update));
                all.join(Applier { tx, person, locale, source }.apply(step)?);
                if all.erase {
                    flags::set_erasing(tx, row.update)?;
                    break;
                }
            }
            let handed = if hand_over && all.talk == Talk::Now { says::take(tx, now)? } else { None };
            Ok((all, taken, handed))
        })
        .await;
    metrics::STEP_TIME.observe(began.elapsed());
    let outcome = match &step {
        Ok(_) => Stepped::Done,
        Err(StoreError::Panicked { .. }) => Stepped::Panicked,
        Err(_) => Stepped::Failed,
    };
    metrics::STEPS.of(outcome).add(step.as_ref().map_or(1, |(_, taken, _)| *taken as u64));
    let (applied, taken, handed) = step?;
    if let (Some(claim), Some(say)) = (claim, handed) {
        claim.give(say);
    }
    Ok((applied, taken))
}

/// After a start: what was under way when the daemon died becomes a fact, or a question to the person.
async fn recover(entry: &Arc<UserEntry>, vault: &Vault) -> Result<(), VaultError> {
    let now = Timestamp::now();
    let (repeated, left_links, found, applied) = vault
        .step(now, move |tx, person| {
            let repeated = says::recover(tx)?;
            let linking = accounts::list(tx)?.into_iter().filter(|a| a.state == AccountState::QrScanning);
            let left_links: Vec<AccountId> = linking.map(|a| a.id).collect();
            let mut applier = Applier::new(tx, person, String::new())?;
            let mut applied = Applied::default();
            for send in sends::recover(tx)? {
                applied.join(applier.apply(Changes::default().effect(chat::outcome(
                    &send,
                    SendState::Unknown,
                    None,
                )))?);
            }
            let window = i64::try_from(crate::store::context::QR_WINDOW.as_millis()).unwrap_or(0);
            accounts::forget_qr(tx, Timestamp(now.0 - window))?;
            applied.blocked = Some(flags::blocked(tx)?);
            // A published profile is compared with what others find of it; one that never was costs nothing.
            applied.share = profile::is_outside(tx)?;
            let (conversation, moved_at) = flags::conversation(tx)?;
            let found = Found { place: conversation.place(), moved_at, numbers: super::apply::numbers(tx)? };
            Ok((repeated, left_links, found, applied))
        })
        .await?;
    entry.begin_screen(found).await;
    // A worker that starts again after a panic finds this process's own linkings, and leaves the first list as it is.
    entry.left_links.get_or_init(|| left_links);
    if repeated > 0 {
        warn!(user.id = entry.id().0, repeated, "messages to Telegram may be repeated");
    }
    after(entry, applied).await;
    Ok(())
}

/// The session has gone idle: a question that waits is put aside with a note, and the session ends.
async fn park(entry: &Arc<UserEntry>, vault: &Vault) -> Result<(), VaultError> {
    if entry.screen.waits() {
        entry.note_awake_for_good().await?;
        let now = Timestamp::now();
        let env = env(entry, now);
        let applied = vault
            .step(now, move |tx, person| {
                let step = flows::engine::set_aside(&person.unasked()?, &env);
                Applier::new(tx, person, format!("park:{}", now.0))?.apply(step)
            })
            .await?;
        after(entry, applied).await;
    }
    entry.leave_screen().await;
    // What kept it awake may have been this alone.
    entry.look_at(Instant::now());
    Ok(())
}
