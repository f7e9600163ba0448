//! One person at a real vault, whose flows are tried without a network: what they do goes through the very transaction of
//! the worker, and what they would see is read from the rows that the talker shows.
use sekat::domain::effect::Slot;
use sekat::domain::{
    AccessMode, AccessRules, Body, Conversation, Input, InviteCode, MessageId, Outgoing, Plan, Role, TelegramId,
    Timestamp,
};
use sekat::flows::rates::Rates;
use sekat::flows::{self, Awake, Env, Registered, Rules};
use sekat::store::keys::{MasterKey, StoreKey};
use sekat::store::says::{self, Said};
use sekat::store::shows::{self, Due};
use sekat::store::{DbThreads, Directory, Members, Profiles, RawKey, Tx, Vault, Vaults, flags, orders};
use sekat::users::apply::{Applied, Applier};
use sekat::users::ordered::Stores;
use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const ANA: TelegramId = TelegramId(1001);
pub const TTL: Duration = Duration::from_secs(300);

pub struct Desk {
    folder: tempfile::TempDir,
    threads: DbThreads,
    key: StoreKey,
    vault: Vault,
    flows: &'static [Registered],
    now: AtomicI64,
    message: AtomicI64,
    /// The chat as they see it.
    chat: Mutex<BTreeMap<i64, Outgoing>>,
    /// As what they use the bot.
    pub role: Role,
    /// Their plan.
    pub plan: Option<Plan>,
    /// How often they may ask for things.
    pub rates: Rates,
}

impl Desk {
    pub async fn with(flows: &'static [Registered]) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let threads = DbThreads::start(1);
        let master = MasterKey::generate().unwrap();
        let key = StoreKey::load_or_create(&master, folder.path()).unwrap();
        let vaults = Vaults::new(threads.clone(), master, folder.path());
        let vault = vaults.open(ANA).await.unwrap();
        let (now, message) = (AtomicI64::new(1_790_000_000_000), AtomicI64::new(100));
        let chat = Mutex::default();
        let rates = Rates::all(NonZeroU32::MAX);
        Desk { folder, threads, key, vault, flows, now, message, chat, role: Role::Owner, plan: None, rates }
    }

    /// Puts something into the vault that no step of theirs brings about.
    pub async fn given<T: Send + 'static>(
        &self,
        given: impl FnOnce(&Tx<'_>) -> sekat::store::Result<T> + Send + 'static,
    ) -> T {
        self.vault.tx(given).await.unwrap()
    }

    pub fn passes(&self, time: Duration) {
        self.now.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub fn next_message(&self) -> MessageId {
        MessageId(self.message.fetch_add(1, Ordering::SeqCst))
    }

    /// One step, and what it wants done.
    pub async fn does(&self, input: Input) -> Applied {
        let now = Timestamp(self.now.fetch_add(1, Ordering::SeqCst));
        let env = Env {
            now,
            message_id: format!("3EB0{now}"),
            rules: Rules {
                max_numbers: self.plan.map_or(3, Plan::numbers),
                qr_per_hour: 5,
                rates: self.rates,
                tell_away_after: TTL,
                warn_phone_after: TTL,
                session_ttl: TTL,
                idle_close: TTL,
                country: sekat::domain::Country::default(),
            },
            awake: Awake::default(),
            flows: self.flows,
            role: self.role,
            plan: self.plan,
            full: None,
        };
        let step = self.vault.step(now, move |tx, person| {
            let mut user = person.context(&input)?;
            let changes = flows::step(&mut user, &input, &env);
            Applier::new(tx, person, format!("t{now}"))?.apply(changes)
        });
        let mut applied = step.await.unwrap();
        if applied.orders {
            applied.join(self.orders(now).await);
        }
        applied
    }

    /// What they have ordered is carried out and told, as their worker would.
    async fn orders(&self, now: Timestamp) -> Applied {
        let mut all = Applied::default();
        let (members, profiles, directory) = (self.members().await, self.profiles(), self.directory());
        let stores = Stores { members: &members, profiles: &profiles, directory: &directory };
        for waiting in self.vault.db().read(orders::waiting).await.unwrap() {
            let code = InviteCode::from_random(waiting.seed);
            let done = stores.carry_out(ANA, &waiting.order, code, now).await.unwrap();
            let role = self.role;
            let told = self.vault.step(now, move |tx, person| {
                orders::done(tx, waiting.id)?;
                let step = flows::told(&waiting.order, done.outcome, now, role);
                Applier::new(tx, person, format!("order{}", waiting.id))?.apply(step)
            });
            all.join(told.await.unwrap());
        }
        all
    }

    fn file(&self, name: &str) -> (DbThreads, PathBuf, RawKey) {
        (self.threads.clone(), self.folder.path().join(name), RawKey::new(*self.key.derive(name)))
    }

    /// Who may use the bot: they, as what they are.
    async fn members(&self) -> Members {
        let (threads, path, key) = self.file("members.db");
        let owner = (self.role == Role::Owner).then_some(ANA);
        let admins = if self.role == Role::Admin { HashSet::from([ANA]) } else { HashSet::new() };
        let rules = AccessRules { mode: AccessMode::Open, owner, admins, allow: HashSet::from([ANA]) };
        let members = Members::new(threads, &path, key, self.key.seal_key("members"), rules);
        members.load().await.unwrap();
        members
    }

    /// What people have published.
    pub fn profiles(&self) -> Profiles {
        let (threads, path, key) = self.file("profiles.db");
        Profiles::new(threads, &path, key)
    }

    /// Who has been here.
    pub fn directory(&self) -> Directory {
        let (threads, path, key) = self.file("directory.db");
        Directory::new(threads, &path, key)
    }

    pub async fn commands(&self, text: &str) -> Applied {
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        let message = self.next_message();
        self.does(Input::Command { name: name.to_owned(), rest: rest.to_owned(), message }).await
    }

    pub async fn says(&self, text: &str) -> Applied {
        let message = self.next_message();
        self.does(Input::Text { text: text.to_owned(), message, reply_to: None }).await
    }

    pub async fn presses_data(&self, data: &str) -> Applied {
        let chat = self.chat().await;
        let under = chat.iter().rev().find(|(_, out)| buttons(out).any(|(_, there)| there == data)).map(|(id, _)| *id);
        self.presses_under(under, data).await
    }

    async fn presses_under(&self, message: Option<i64>, data: &str) -> Applied {
        let (data, message) = (data.to_owned(), message.map(MessageId));
        self.does(Input::Press { data, message, callback: "c".to_owned() }).await
    }

    /// Presses the newest button with this label in the chat.
    pub async fn taps(&self, label: &str) -> Applied {
        let chat = self.chat().await;
        let all = chat.iter().rev().flat_map(|(id, out)| buttons(out).map(move |(text, data)| (*id, text, data)));
        let found = all.clone().find(|(_, text, _)| *text == label).or(all.clone().find(|(_, t, _)| t.contains(label)));
        let (message, _, data) = found.unwrap_or_else(|| panic!("a button {label:?}"));
        self.presses_under(Some(message), data).await
    }

    /// Everything that is to be said or shown stands in the chat.
    pub async fn settles(&self) {
        while let Some(say) = self.vault.tx(|tx| says::take(tx, Timestamp(0))).await.unwrap() {
            let message = self.next_message();
            self.chat.lock().unwrap().insert(message.0, say.out.clone());
            self.vault.tx(move |tx| says::record(tx, &say, Said::Sent(message))).await.unwrap();
        }
        while let Due::Now(show) = self.vault.tx(|tx| shows::next(tx, Timestamp(i64::MAX))).await.unwrap() {
            let message = show.message.unwrap_or_else(|| self.next_message());
            {
                let mut chat = self.chat.lock().unwrap();
                chat.insert(message.0, show.out.clone());
                if let Some(replaced) = show.out.replaces.filter(|replaced| *replaced != message) {
                    chat.remove(&replaced.0);
                }
            }
            self.vault.tx(move |tx| shows::shown(tx, &show, Some(message))).await.unwrap();
        }
    }

    /// The chat as it stands.
    pub async fn chat(&self) -> BTreeMap<i64, Outgoing> {
        self.settles().await;
        self.chat.lock().unwrap().clone()
    }

    /// Presses what stands under the question by its label.
    pub async fn presses(&self, label: &str) -> Applied {
        let data = self.button(label).await;
        self.presses_data(&data).await
    }

    pub async fn button(&self, label: &str) -> String {
        let question = self.question().await.expect("a question");
        let found = question.keyboard.into_iter().flatten().find(|(text, _)| text.contains(label));
        found.unwrap_or_else(|| panic!("a button {label:?}")).1
    }

    /// The newest question, if there is one.
    pub async fn question(&self) -> Option<Outgoing> {
        self.settles().await;
        let run = self.conversation().await.run;
        let payload = self.vault.db().read(move |db| {
            let mut query = db.prepare("SELECT payload FROM shows WHERE slot = ?1")?;
            let mut rows = query.query([Slot::question(run).0])?;
            Ok(rows.next()?.map(|row| row.get::<_, String>(0)).transpose()?)
        });
        payload.await.unwrap().map(|payload| serde_json::from_str(&payload).unwrap())
    }

    /// What the question's message says now.
    pub async fn sees(&self) -> String {
        match self.question().await.expect("a question").body {
            Body::Text(text) => text.text,
            Body::Qr { .. } | Body::Chart { .. } => panic!("a question is no picture"),
        }
    }

    /// The message that shows the question.
    pub async fn screen(&self) -> Option<MessageId> {
        self.question().await;
        let run = self.conversation().await.run;
        self.vault.db().read(move |db| shows::message(db, &Slot::question(run))).await.unwrap()
    }

    pub async fn conversation(&self) -> Conversation {
        self.vault.db().read(flags::conversation).await.unwrap().0
    }

    /// How many rows the tables have that a conversation writes, without what is said.
    pub async fn rows(&self) -> i64 {
        let sql =
            "SELECT (SELECT count(*) FROM shows) + (SELECT count(*) FROM conversation) + (SELECT count(*) FROM flags)
            + (SELECT count(*) FROM kept)";
        self.vault.db().read(move |db| Ok(db.query_row(sql, [], |r| r.get(0))?)).await.unwrap()
    }
}

/// The buttons of a message: labels and data.
pub fn buttons(out: &Outgoing) -> impl Iterator<Item = &(String, String)> + Clone {
    out.keyboard.iter().flatten()
}
