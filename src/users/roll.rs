//! Who is there, for the operator: standing, plan, numbers and their states, when they were last seen, what they take on the disk.
//!
//! Owns nothing. It wakes nobody, and tells no telephone number, name or text: numbers are known by their small ids, as in session
//! files. What it is asked to change is done as orders in the chat are.
use super::guard::Reading;
use super::store::UserDataStore;
use crate::domain::{Member, Order, Outcome, TelegramId, Timestamp};
use crate::session::{NumberState, SessionError, UserRecord};
use crate::store::directory::Known;
use crate::store::{Directory, Members, Result, Vaults, accounts};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::timeout;

/// How many folders are looked at at a time.
const AT_ONCE: usize = 8;
/// How long a vault may take to tell about its numbers.
const VAULT: Duration = Duration::from_secs(5);

/// Where it is written who there is. A daemon need not run.
#[derive(Clone)]
pub struct Roll {
    /// Who may use the bot.
    pub members: Members,
    /// Who ever has.
    pub directory: Directory,
    /// What is theirs.
    pub vaults: Vaults,
}

/// Somebody, as the operator sees them.
#[derive(Debug, Clone)]
pub struct Seen {
    /// How they stand at the door, and their plan.
    pub member: Member,
    /// Whether they have a world here.
    pub is_known: bool,
    /// Whether it is awake.
    pub is_awake: bool,
    /// When they last did something, or else when their world last woke or closed.
    pub seen_at: Option<Timestamp>,
    /// How many of their numbers are linked or about to be.
    pub linked: usize,
    /// Each of their numbers; `None` where nobody has looked.
    pub numbers: Option<Vec<NumberState>>,
    /// The code of why nobody could look.
    pub trouble: Option<&'static str>,
    /// What is theirs, in bytes.
    pub storage: u64,
}

/// What is awake of somebody.
struct Awake {
    /// Whether the numbers are known by now.
    is_ready: bool,
    numbers: Vec<NumberState>,
    seen_at: Option<Timestamp>,
}

impl Roll {
    /// Everybody: who came last by an invitation first.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError).
    pub async fn people(&self, users: Option<&UserDataStore>) -> Result<Vec<Seen>> {
        let (members, known) = self.everybody().await?;
        let known = &known;
        let seen = members.into_iter().map(|member| async move {
            let written = known.get(&member.user);
            self.seen(member, written, users).await
        });
        futures_util::stream::iter(seen).buffered(AT_ONCE).try_collect().await
    }

    /// One of them; with their numbers also when their world rests. `None`: nobody knows this person.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError).
    pub async fn person(&self, user: TelegramId, users: Option<&UserDataStore>) -> Result<Option<Seen>> {
        let (members, known) = self.everybody().await?;
        let Some(member) = members.into_iter().find(|member| member.user == user) else { return Ok(None) };
        let mut seen = self.seen(member, known.get(&user), users).await?;
        if seen.numbers.is_none() && self.vaults.exists(user) {
            match timeout(VAULT, self.numbers(user)).await {
                Ok(Ok(numbers)) => {
                    seen.linked = numbers.iter().filter(|number| number.state.needs_care()).count();
                    seen.numbers = Some(numbers);
                }
                Ok(Err(code)) => seen.trouble = Some(code),
                Err(_) => seen.trouble = Some("db-stuck"),
            }
        }
        Ok(Some(seen))
    }

    async fn everybody(&self) -> Result<(Vec<Member>, HashMap<TelegramId, Known>)> {
        let known = self.directory.users().await?;
        let ids: Vec<TelegramId> = known.iter().map(|known| known.user).collect();
        let members = self.members.roster(&ids).await?;
        Ok((members, known.into_iter().map(|known| (known.user, known)).collect()))
    }

    async fn seen(&self, member: Member, written: Option<&Known>, users: Option<&UserDataStore>) -> Result<Seen> {
        let user = member.user;
        let awake = users.and_then(|users| users.awake_of(user));
        let (is_known, storage) = match self.vaults.exists(user) {
            true => (true, self.vaults.size(user).await?),
            false => (written.is_some(), 0),
        };
        let numbers = awake.as_ref().filter(|awake| awake.is_ready).map(|awake| awake.numbers.clone());
        let linked = numbers.as_ref().map(|numbers| numbers.iter().filter(|n| n.state.needs_care()).count());
        Ok(Seen {
            member,
            is_known,
            is_awake: awake.is_some(),
            seen_at: awake.and_then(|awake| awake.seen_at).or(written.map(|written| written.seen_at)),
            linked: linked.or(written.map(|written| written.left.numbers)).unwrap_or_default(),
            numbers,
            trouble: None,
            storage,
        })
    }

    /// The numbers of somebody whose world rests. Read beside it: looking at somebody does not wake them.
    async fn numbers(&self, user: TelegramId) -> std::result::Result<Vec<NumberState>, &'static str> {
        let vault = self.vaults.open(user).await.map_err(|e| e.code())?;
        let accounts = vault.db().read(accounts::list).await;
        vault.db().close().await.map_err(|e| e.code())?;
        Ok(accounts.map_err(|e| e.code())?.iter().map(NumberState::from).collect())
    }
}

impl UserDataStore {
    fn awake_of(&self, user: TelegramId) -> Option<Awake> {
        let entry = self.opened(user)?;
        let (numbers, seen_at) = (entry.screen.numbers(), entry.screen.seen_at());
        Some(Awake { is_ready: entry.ready.is_cancelled(), numbers, seen_at })
    }

    /// Where it is written who there is.
    #[must_use]
    pub fn roll(&self) -> Roll {
        let shared = self.shared();
        let (members, directory, vaults) = (shared.members.clone(), shared.directory.clone(), shared.vaults.clone());
        Roll { members, directory, vaults }
    }

    /// How what there is only so much of stands.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        self.shared().guard.readings()
    }

    /// Carries out what the operator orders at the command line. Whom it is about notices at once.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError); then nothing has happened.
    pub async fn command(&self, order: &Order) -> Result<Outcome> {
        let outcome = self.shared().members.command(order, Timestamp::now()).await?;
        if let Some(user) = order.about() {
            self.access_changed(user);
        }
        Ok(outcome)
    }

    /// Everybody's session as it is now, with what is not written yet.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn sessions(&self) -> std::result::Result<Vec<UserRecord>, SessionError> {
        for entry in self.looks().take_small() {
            if let Some(entry) = entry.upgrade() {
                entry.project().await;
            }
        }
        self.shared().sessions.all().await
    }

    /// Lets go of sessions that have expired: how many those were, and how many are left.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn clean_up_sessions(&self) -> std::result::Result<(u64, u64), SessionError> {
        let store = self.shared().sessions.store();
        let removed = store.cleanup().await?;
        Ok((removed, store.stats().await?.live.values().sum()))
    }
}
