//! One person at a real vault, whose flows are tried without a network: what they do goes through the very transaction of
//! the worker, and what they would see is read from the rows that the talker shows.
use sekat::domain::effect::Slot;
use sekat::domain::{Body, Conversation, Input, MessageId, Outgoing, Role, TelegramId, Timestamp};
use sekat::flows::{self, Awake, Env, Registered, Rules};
use sekat::store::keys::MasterKey;
use sekat::store::{DbThreads, Vault, Vaults, flags, shows};
use sekat::users::apply::{Applied, Applier};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const ANA: TelegramId = TelegramId(1001);
pub const TTL: Duration = Duration::from_secs(300);

pub struct Desk {
    _folder: tempfile::TempDir,
    vault: Vault,
    flows: &'static [Registered],
    now: AtomicI64,
    message: AtomicI64,
}

impl Desk {
    pub async fn with(flows: &'static [Registered]) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let vaults = Vaults::new(DbThreads::start(1), MasterKey::generate().unwrap(), folder.path());
        let vault = vaults.open(ANA).await.unwrap();
        let (now, message) = (AtomicI64::new(1_790_000_000_000), AtomicI64::new(100));
        Desk { _folder: folder, vault, flows, now, message }
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
                max_numbers: 3,
                qr_per_hour: 5,
                session_ttl: TTL,
                idle_close: TTL,
                country: sekat::domain::Country::default(),
            },
            awake: Awake::default(),
            flows: self.flows,
            role: Role::Owner,
        };
        let step = self.vault.step(now, move |tx, person| {
            let mut user = person.context(&input)?;
            let changes = flows::step(&mut user, &input, &env);
            Applier::new(tx, person, format!("t{now}"))?.apply(changes)
        });
        step.await.unwrap()
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
        let press = Input::Press { data: data.to_owned(), message: None, callback: "c".to_owned() };
        self.does(press).await
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

    /// Everything that is to be shown is shown, each in the message that has it, or in a new one. The newest question, if there is one.
    pub async fn question(&self) -> Option<Outgoing> {
        while let Some(show) = self.vault.tx(shows::next).await.unwrap() {
            let message = show.message.unwrap_or_else(|| self.next_message());
            self.vault.tx(move |tx| shows::shown(tx, &show, Some(message))).await.unwrap();
        }
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
            Body::Qr { .. } => panic!("a question is no picture"),
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
            "SELECT (SELECT count(*) FROM shows) + (SELECT count(*) FROM conversation) + (SELECT count(*) FROM flags)";
        self.vault.db().read(move |db| Ok(db.query_row(sql, [], |r| r.get(0))?)).await.unwrap()
    }
}
