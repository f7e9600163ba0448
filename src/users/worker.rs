//! One step at a time: takes what waits for a person, runs the flow, and commits what follows from it.
use super::apply::{Applied, Applier};
use super::entry::UserEntry;
use super::erase;
use super::news::News;
use super::screen::Found;
use super::store::UserDataStore;
use crate::domain::{
    AccountId, AccountState, Body, Class, ClientEvent, Conversation, LoginStep, Outgoing, PhoneNumber, Reason,
    RichText, Timestamp, UpdateId,
};
use crate::flows::{self, Env, Step, account, chat, words};
use crate::limits::Backoff;
use crate::store::sends::SendState;
use crate::store::{Claim, Spooled, StoreError, Vault, VaultError, accounts, flags, inbox, says, sends};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, error, warn};

/// How many rows are taken from the spool at once.
const BATCH: usize = 32;

/// Waits between tries when the vault does not work.
const VAULT_BACKOFF: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(60) };

/// Works until the entry stops.
pub(super) async fn run(entry: Arc<UserEntry>, users: UserDataStore) {
    let mut trouble = 0u32;
    // What the vault has taken and the spool has not forgotten yet: it is told with the next question.
    let mut done = Vec::new();
    loop {
        // What has arrived lies where the next entry finds it.
        let Some(inside) = entry.enter() else { return };
        match turn(&entry, &mut done).await {
            Ok(Turn::Idle) => {
                trouble = 0;
                drop(inside);
                entry.stir();
                tokio::select! {
                    () = entry.stop.cancelled() => return,
                    () = entry.work.notified() => {}
                }
            }
            Ok(Turn::More) => trouble = 0,
            Ok(Turn::Erase(until)) => return erase::begin(&entry, &users, until).await,
            Err(e) => {
                report(&entry, &e, trouble).await;
                drop(inside);
                let wait = VAULT_BACKOFF.delay(trouble, rand::random());
                trouble = trouble.saturating_add(1);
                tokio::select! {
                    () = entry.stop.cancelled() => return,
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
        if entry.stop.is_cancelled() {
            return;
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
        tell_now(entry, words::vault_broken(e.code())).await;
    }
}

/// Tells the person something when their vault cannot hold it.
async fn tell_now(entry: &UserEntry, text: RichText) {
    let chat = entry.id().private_chat();
    let out = Outgoing { chat, body: Body::Text(text), keyboard: Vec::new(), reply_to: None, silent: false };
    entry.shared.budget.acquire(entry.id(), chat, Class::Answer).await;
    if let Err(e) = entry.shared.telegram.send(&out).await {
        warn!(user.id = entry.id().0, "cannot tell a user about trouble: {e}");
    }
}

/// One round: all news that wait, then a batch of updates.
async fn turn(entry: &Arc<UserEntry>, done: &mut Vec<UpdateId>) -> Result<Turn, VaultError> {
    let spool = &entry.shared.spool;
    let known = entry.vault_is_open() || entry.shared.vaults.exists(entry.id());
    if !known && spool.waiting(entry.id(), 1).await?.is_empty() {
        return Ok(Turn::Idle);
    }
    entry.note_awake().await?;
    let vault = entry.vault().await?;
    if !entry.ready.is_cancelled() {
        if let Some(until) = vault.db().read(flags::erasing).await? {
            return Ok(Turn::Erase(until));
        }
        recover(entry, vault).await?;
        entry.ready.cancel();
    }
    if entry.screen.is_leaving(entry.shared.settings.session_ttl) {
        park(entry, vault).await?;
    }
    let news = entry.news.take(BATCH * 4);
    let mut more = !news.is_empty();
    self::news(entry, vault, news).await?;
    // When this fails the rows are still there; they meet their keys in the vault then.
    let mut rows = spool.next(entry.id(), &std::mem::take(done), BATCH).await?;
    while !rows.is_empty() {
        more = true;
        let (mut applied, taken) = inputs(entry, vault, &rows).await?;
        entry.acted(&mut applied, Timestamp::now()).await;
        let last = rows[taken - 1].update;
        done.extend(rows.drain(..taken).map(|row| row.update));
        if after(entry, applied).await {
            // Its row stays: if the erasing is interrupted before it is noted, the vault's flag takes it up again.
            return Ok(Turn::Erase(last));
        }
    }
    Ok(if more { Turn::More } else { Turn::Idle })
}

/// What follows a commit. `true`: everything of this person is to be erased.
async fn after(entry: &UserEntry, mut applied: Applied) -> bool {
    entry.moved(&mut applied).await;
    if let Some(blocked) = applied.blocked {
        entry.set_blocked(blocked);
    }
    for account in applied.links {
        entry.slots.request_link(account);
    }
    if applied.talk {
        entry.talk.notify_one();
    }
    if applied.care {
        entry.care.notify_one();
    }
    if applied.send {
        entry.slots.sends_wait();
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

fn env(entry: &UserEntry, now: Timestamp) -> Env {
    Env { now, message_id: fresh_message_id(), rules: entry.shared.settings.rules.clone(), awake: entry.awake() }
}

/// An id for a message to WhatsApp, of the form that WhatsApp Web gives: `3EB0` and 18 hexadecimal digits.
fn fresh_message_id() -> String {
    let random: [u8; 9] = rand::random();
    random.iter().fold("3EB0".to_owned(), |id, byte| format!("{id}{byte:02X}"))
}

/// Updates: each taken, understood, acted on and answered, all in one commit; where that fails, the first one alone. How
/// many were taken, at least one: none after one that erases everything.
async fn inputs(entry: &UserEntry, vault: &Vault, rows: &[Spooled]) -> Result<(Applied, usize), VaultError> {
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
                            Applier { tx, person, source }.apply(Step::default().say(words::dead_letter()))?;
                        }
                        Ok(dead)
                    })
                    .await?;
                if dead {
                    return Ok(Applied { talk: true, ..Applied::default() });
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
    let (applied, taken, handed) = vault
        .step(now, move |tx, person| {
            let (mut all, mut taken) = (Applied::default(), 0);
            for row in rows {
                taken += 1;
                if !inbox::take(tx, bot, row.update, now)? {
                    continue;
                }
                // Understanding it belongs to the step: what cannot survive being read is set aside like what cannot be
                // acted on.
                let Some(input) = reader.read(&row.payload) else { continue };
                env.message_id = fresh_message_id();
                let mut user = person.context(&input)?;
                let step = flows::step(&mut user, &input, &env);
                if step.conversation.is_none() && user.waits_since().is_some() {
                    // Whoever does something else first is still there.
                    flags::touch_conversation(tx, now)?;
                }
                all.join(Applier { tx, person, source: format!("u{bot}:{}", row.update) }.apply(step)?);
                if all.erase {
                    flags::set_erasing(tx, row.update)?;
                    break;
                }
            }
            let handed = if hand_over && all.talk { says::take(tx)? } else { None };
            Ok((all, taken, handed))
        })
        .await?;
    if let (Some(claim), Some(say)) = (claim, handed) {
        claim.give(say);
    }
    Ok((applied, taken))
}

/// News of the person's clients, in order. They are told once: what the vault could not take now waits for its next try.
async fn news(entry: &Arc<UserEntry>, vault: &Vault, news: VecDeque<News>) -> Result<(), VaultError> {
    let mut left = news;
    let taken = take_news(entry, vault, &mut left).await;
    if taken.is_err() {
        entry.news.put_back(left);
    }
    taken
}

/// Takes news off the front, each once it is committed. Acks and receipts that follow each other share a commit.
async fn take_news(entry: &Arc<UserEntry>, vault: &Vault, left: &mut VecDeque<News>) -> Result<(), VaultError> {
    let about_message = |p: &News| matches!(p.event, ClientEvent::Ack { .. } | ClientEvent::Receipt { .. });
    while let Some(first) = left.front().cloned() {
        if entry.slots.generation(first.account) != Some(first.generation) {
            debug!(user.id = entry.id().0, account.id = first.account.0, "news of an earlier client are not believed");
            left.pop_front();
            continue;
        }
        let (n, taken) = if about_message(&first) {
            let batch: Vec<News> = left.iter().take_while(|p| about_message(p)).cloned().collect();
            (batch.len(), message_news(entry, vault, batch).await)
        } else {
            (1, account_news(entry, vault, first).await)
        };
        match taken {
            Err(VaultError::Store(StoreError::Panicked { .. })) => {
                // Trying again would panic again, and everything behind it would wait for ever.
                error!(user.id = entry.id().0, "taking news of a number panicked; they are given up");
            }
            other => other?,
        }
        left.drain(..n);
    }
    Ok(())
}

async fn account_news(entry: &Arc<UserEntry>, vault: &Vault, piece: News) -> Result<(), VaultError> {
    let News { account: id, generation, event } = piece;
    let mut refused = None;
    if let ClientEvent::Login(LoginStep::Paired { phone }) = &event {
        refused = claim(entry, id, phone).await?;
    }
    if let ClientEvent::Ended { reason, .. } = event {
        entry.slots.ended(id, generation, reason);
        entry.care.notify_one();
    }
    if matches!(event, ClientEvent::Online) {
        entry.slots.set_online(id, true);
    }
    if matches!(event, ClientEvent::Offline(_)) {
        entry.slots.set_online(id, false);
    }
    let now = Timestamp::now();
    let env = env(entry, now);
    let applied = vault
        .step(now, move |tx, person| {
            let Some(number) = accounts::get(tx, id)? else { return Ok(Applied::default()) };
            let step = match refused {
                Some(reason) => account::taken(&number, reason),
                None => account::news(&number, &event, &env),
            };
            let source = format!("n{id}.{generation}:{}", now.0);
            Applier { tx, person, source }.apply(step)
        })
        .await?;
    after(entry, applied).await;
    Ok(())
}

/// Claims a number whose possession was just proven. `Some`: it is not this account's to have.
async fn claim(entry: &UserEntry, account: AccountId, phone: &PhoneNumber) -> Result<Option<Reason>, VaultError> {
    Ok(match entry.shared.claims.claim(phone, entry.id(), account).await? {
        Claim::Yours => None,
        Claim::Taken => Some(Reason::NumberTaken),
    })
}

async fn message_news(entry: &Arc<UserEntry>, vault: &Vault, mut news: Vec<News>) -> Result<(), VaultError> {
    news.retain(|p| entry.slots.generation(p.account) == Some(p.generation));
    let now = Timestamp::now();
    let applied = vault
        .step(now, move |tx, person| {
            let mut applied = Applied::default();
            let applier = Applier { tx, person, source: String::new() };
            for piece in news {
                let (ids, state, reason) = match piece.event {
                    ClientEvent::Ack { message_id, refused: None } => (vec![message_id], SendState::Sent, None),
                    ClientEvent::Ack { message_id, refused } => (vec![message_id], SendState::Failed, refused),
                    ClientEvent::Receipt { message_ids, delivery, .. } => (message_ids, sends::proven(delivery), None),
                    _ => continue,
                };
                for id in ids {
                    let Some(send) = sends::by_message(tx, piece.account, &id)? else { continue };
                    if sends::advance(tx, send.id, state, reason)? {
                        applied.join(applier.apply(Step::default().effect(chat::outcome(&send, state, reason)))?);
                    }
                }
            }
            Ok(applied)
        })
        .await?;
    after(entry, applied).await;
    Ok(())
}

/// After a start: what was under way when the daemon died becomes a fact, or a question to the person.
async fn recover(entry: &Arc<UserEntry>, vault: &Vault) -> Result<(), VaultError> {
    let now = Timestamp::now();
    let (repeated, left_links, found, applied) = vault
        .step(now, move |tx, person| {
            let repeated = says::recover(tx)?;
            let linking = accounts::list(tx)?.into_iter().filter(|a| a.state == AccountState::QrScanning);
            let left_links: Vec<AccountId> = linking.map(|a| a.id).collect();
            let applier = Applier { tx, person, source: String::new() };
            let mut applied = Applied::default();
            for send in sends::recover(tx)? {
                applied.join(applier.apply(Step::default().effect(chat::outcome(&send, SendState::Unknown, None)))?);
            }
            let window = i64::try_from(crate::store::context::QR_WINDOW.as_millis()).unwrap_or(0);
            accounts::forget_qr(tx, Timestamp(now.0 - window))?;
            applied.blocked = Some(flags::blocked(tx)?);
            let (conversation, moved_at) = flags::conversation(tx)?;
            let found = Found { conversation, moved_at, numbers: super::apply::numbers(tx)? };
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
    if entry.screen.question().0 != Conversation::Idle {
        let now = Timestamp::now();
        let applied = vault
            .step(now, move |tx, person| {
                let step = flows::park::question(&mut person.unasked()?);
                Applier { tx, person, source: format!("park:{}", now.0) }.apply(step)
            })
            .await?;
        after(entry, applied).await;
    }
    entry.leave_screen().await;
    // What kept it awake may have been this alone.
    entry.look_at(Instant::now());
    Ok(())
}
