//! A Bot API server that somebody else might have written: small, with habits of its own, and with nothing of ours in it.
use super::http::{self, Framing, Request};
use super::methods::{LUXURY, METHODS, bad, buttons_of, done, file_of};
use sekat::session::servers::HeldPort;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub const TOKEN: &str = "4242:foreign-TOKEN_x";
const DATE: i64 = 1_790_000_000;

/// How it names its methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    #[default]
    Any,
    /// `sendMessage`, and nothing else.
    Exact,
    /// `sendmessage`, whatever was asked being made so first.
    Lower,
}

/// How it holds a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Polling {
    #[default]
    Held,
    /// Answers at once.
    Hasty,
    /// Does not answer before there is something.
    Endless,
}

/// What makes one server different from another.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// Has only what a bot cannot do without.
    pub bare: bool,
    /// Messages and users have the fields that they must have.
    pub minimal: bool,
    /// Fields that are not there are there as null, and there are some that nobody knows.
    pub nulls: bool,
    pub no_edit_media: Option<u16>,
    /// What an unknown method is answered with; by default JSON.
    pub unknown: Option<(u16, &'static str)>,
    pub case: Case,
    pub prefix: &'static str,
    pub framing: Framing,
    pub close: bool,
    pub polling: Polling,
    /// Gives each confirmed update once more.
    pub redelivers: bool,
    pub first_update: i64,
    pub gap: i64,
    pub first_message: i64,
    /// Updates of kinds that were not asked for come in between.
    pub chatter: bool,
}

/// A fault, for one call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Refused with this.
    Says(u16, &'static str),
    /// Not done; the connection breaks off before any answer.
    Drops,
    /// Done; the connection breaks off within the answer.
    Cuts,
    /// Sent elsewhere, this once and ever after.
    Redirects(String),
}

#[derive(Clone, Debug, Default)]
pub struct Message {
    pub id: i64,
    pub chat: i64,
    pub bot: bool,
    pub text: String,
    pub photo: Option<Vec<u8>>,
    pub buttons: Vec<(String, String)>,
    pub reply_to: Option<i64>,
    pub deleted: bool,
}

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    updates: VecDeque<Value>,
    confirmed: VecDeque<Value>,
    next_update: i64,
    faults: VecDeque<(String, Fault)>,
    calls: Vec<String>,
    answers: HashMap<String, String>,
}

pub struct Telegram {
    pub habits: Habits,
    port: HeldPort,
    state: Mutex<State>,
    news: watch::Sender<u64>,
    serving: Mutex<Option<JoinHandle<()>>>,
}

impl Telegram {
    pub async fn start(habits: Habits) -> anyhow::Result<Arc<Telegram>> {
        let server = Telegram::later(habits).await?;
        server.open().await?;
        Ok(server)
    }

    /// Knows its address and does not listen yet.
    pub async fn later(habits: Habits) -> anyhow::Result<Arc<Telegram>> {
        let port = HeldPort::take()?;
        let state = State { next_update: habits.first_update.max(1), ..State::default() };
        let (news, _) = watch::channel(0);
        Ok(Arc::new(Telegram { habits, port, state: Mutex::new(state), news, serving: Mutex::default() }))
    }

    pub async fn open(self: &Arc<Self>) -> anyhow::Result<()> {
        let listener = TcpListener::bind(self.port.address()).await?;
        let me = Arc::clone(self);
        let serving = tokio::spawn(async move {
            let mut peers = tokio::task::JoinSet::new();
            while let Ok((peer, _)) = listener.accept().await {
                let me = Arc::clone(&me);
                peers.spawn(async move { me.serve(BufReader::new(peer)).await.ok() });
            }
        });
        *self.serving.lock().unwrap() = Some(serving);
        Ok(())
    }

    pub fn url(&self) -> String {
        format!("http://{}{}", self.port.address(), self.habits.prefix)
    }

    /// The next call of this method goes wrong.
    pub fn fault(&self, method: &str, fault: Fault) {
        self.state().faults.push_back((method.to_lowercase(), fault));
    }

    /// The methods that were called, in lower case.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// What a pressed button was answered with.
    pub fn answer_to(&self, press: &str) -> Option<String> {
        self.state().answers.get(press).cloned()
    }

    pub fn messages(&self, chat: i64) -> Vec<Message> {
        self.state().messages.iter().filter(|m| m.chat == chat && !m.deleted).cloned().collect()
    }

    pub fn changes(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// A person's message arrives; its id.
    pub fn says(&self, chat: i64, text: &str, reply_to: Option<i64>) -> i64 {
        let id = self.add(Message { chat, text: text.into(), reply_to, ..Message::default() });
        let mut message =
            json!({"message_id": id, "date": DATE, "chat": self.chat(chat), "from": self.user(chat), "text": text});
        if let Some(reply_to) = reply_to {
            message["reply_to_message"] = json!({"message_id": reply_to, "date": DATE, "chat": self.chat(chat)});
        }
        self.give("message", self.dressed(message));
        id
    }

    /// A person presses a button; the press's id.
    pub fn pressed(&self, chat: i64, message: i64, data: &str) -> String {
        let id = format!("press-{}", self.state().next_update);
        let message = json!({"message_id": message, "date": DATE, "chat": self.chat(chat)});
        let press = json!({"id": id, "from": self.user(chat), "chat_instance": "1", "data": data, "message": message});
        self.give("callback_query", press);
        id
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn add(&self, message: Message) -> i64 {
        let id = {
            let mut state = self.state();
            let id = self.habits.first_message.max(1) + i64::try_from(state.messages.len()).unwrap();
            state.messages.push(Message { id, ..message });
            id
        };
        self.news.send_modify(|n| *n += 1);
        id
    }

    fn give(&self, kind: &str, what: Value) {
        let mut state = self.state();
        if self.habits.chatter {
            let id = state.next_update;
            state.updates.push_back(json!({"update_id": id, "poll": {"id": "1", "question": "?"}}));
            state.updates.push_back(json!({"update_id": id + 1, "shipping_hologram": [1, null]}));
            state.next_update += 2;
        }
        let mut update = json!({"update_id": state.next_update, kind: what});
        if self.habits.nulls {
            for other in ["message", "edited_message", "callback_query", "my_chat_member", "poll"] {
                if other != kind {
                    update[other] = Value::Null;
                }
            }
        }
        state.updates.push_back(update);
        state.next_update += 1 + self.habits.gap;
        drop(state);
        self.news.send_modify(|n| *n += 1);
    }

    fn chat(&self, id: i64) -> Value {
        json!({"id": id, "type": "private"})
    }

    fn user(&self, id: i64) -> Value {
        match self.habits.minimal {
            true => json!({"id": id, "first_name": "P"}),
            false => json!({"id": id, "is_bot": false, "first_name": "P", "language_code": "en"}),
        }
    }

    fn dressed(&self, mut message: Value) -> Value {
        if self.habits.nulls {
            for field in ["sender_chat", "entities", "via_bot", "edit_date", "photo", "contact", "a_thing_of_tomorrow"]
            {
                message[field] = Value::Null;
            }
            message["weather"] = json!({"rain": [true]});
        }
        message
    }

    async fn serve(self: Arc<Self>, mut peer: BufReader<TcpStream>) -> anyhow::Result<()> {
        while let Some(request) = http::read(&mut peer).await? {
            let method = self.method(&request.path);
            let fault = self.fault_of(method.as_deref().unwrap_or_default());
            if let Some(Fault::Drops) = fault {
                return Ok(());
            }
            let (status, body) = match (&fault, method) {
                (Some(Fault::Redirects(_)), _) => (302, String::new()),
                (Some(Fault::Says(status, body)), _) => (*status, (*body).to_owned()),
                (_, Some(method)) => self.call(&method, &request).await,
                (_, None) => self.unknown(),
            };
            let elsewhere = match &fault {
                Some(Fault::Redirects(to)) => format!("Location: {to}\r\n"),
                _ => String::new(),
            };
            let cut = matches!(fault, Some(Fault::Cuts));
            let close = self.habits.close || self.habits.framing == Framing::Old;
            http::answer(&mut peer, status, &body, self.habits.framing, close, &elsewhere, cut).await?;
            if cut || close {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The method asked for, in lower case, where this server has one.
    fn method(&self, path: &str) -> Option<String> {
        let prefix = format!("{}/bot{TOKEN}/", self.habits.prefix.trim_end_matches('/'));
        let asked = path.strip_prefix(&prefix)?;
        let has = |known: &&&str| match self.habits.case {
            Case::Exact => **known == asked,
            Case::Any | Case::Lower => known.eq_ignore_ascii_case(asked),
        };
        let known = METHODS.iter().find(has).filter(|known| !self.habits.bare || !LUXURY.contains(known));
        self.state().calls.push(asked.to_owned());
        known.map(|known| known.to_lowercase())
    }

    fn unknown(&self) -> (u16, String) {
        let usual = (404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#);
        let (status, body) = self.habits.unknown.unwrap_or(usual);
        (status, body.to_owned())
    }

    fn fault_of(&self, method: &str) -> Option<Fault> {
        let mut state = self.state();
        let at = state.faults.iter().position(|(of, _)| of == method)?;
        match &state.faults[at].1 {
            lasting @ Fault::Redirects(_) => Some(lasting.clone()),
            _ => state.faults.remove(at).map(|(_, fault)| fault),
        }
    }

    async fn call(&self, method: &str, request: &Request) -> (u16, String) {
        match method {
            "getme" => done(if self.habits.minimal {
                json!({"id": 4242, "is_bot": true, "first_name": "B"})
            } else {
                json!({"id": 4242, "is_bot": true, "first_name": "B", "username": "ForeignBot", "can_join_groups": true})
            }),
            "getupdates" => done(self.updates(request).await),
            "sendmessage" | "sendphoto" => self.send(method, request),
            "editmessagemedia" if self.habits.no_edit_media == Some(404) => self.unknown(),
            "editmessagemedia" if self.habits.no_edit_media.is_some() => bad("Bad Request: method is not supported"),
            "editmessagetext" | "editmessagecaption" | "editmessagemedia" | "editmessagereplymarkup" => {
                self.edit(request)
            }
            "deletemessage" => {
                let id = request.int("message_id");
                self.state().messages.iter_mut().filter(|m| Some(m.id) == id).for_each(|m| m.deleted = true);
                done(json!(true))
            }
            "answercallbackquery" => {
                let id = request.text("callback_query_id").unwrap_or_default().to_owned();
                let text = request.text("text").unwrap_or_default().to_owned();
                self.state().answers.insert(id, text);
                done(json!(true))
            }
            _ => done(json!(true)),
        }
    }

    fn send(&self, method: &str, request: &Request) -> (u16, String) {
        let Some(chat) = request.int("chat_id") else { return bad("Bad Request: chat_id is empty") };
        let picture = method == "sendphoto";
        let text = request.text(if picture { "caption" } else { "text" }).unwrap_or_default().to_owned();
        let photo = picture.then(|| file_of(request, "photo", request.text("photo"))).flatten();
        if (picture && photo.is_none()) || (!picture && text.is_empty()) {
            return bad("Bad Request: there is nothing to send");
        }
        let reply_to = request.object("reply_parameters").and_then(|r| r["message_id"].as_i64());
        let buttons = buttons_of(request);
        let id =
            self.add(Message { chat, bot: true, text: text.clone(), photo, buttons, reply_to, ..Message::default() });
        let mut sent = json!({"message_id": id, "date": DATE, "chat": self.chat(chat)});
        if !self.habits.minimal {
            sent["from"] = json!({"id": 4242, "is_bot": true, "first_name": "B"});
            sent["text"] = text.into();
        }
        done(self.dressed(sent))
    }

    fn edit(&self, request: &Request) -> (u16, String) {
        let mut state = self.state();
        let id = request.int("message_id");
        let Some(message) = state.messages.iter_mut().find(|m| Some(m.id) == id && m.bot && !m.deleted) else {
            return bad("Bad Request: message to edit not found");
        };
        if let Some(text) = request.text("text").or(request.text("caption")) {
            text.clone_into(&mut message.text);
        }
        if let Some(media) = request.object("media") {
            message.photo = file_of(request, "media", media["media"].as_str());
            message.text = media["caption"].as_str().unwrap_or_default().to_owned();
        }
        message.buttons = buttons_of(request);
        drop(state);
        self.news.send_modify(|n| *n += 1);
        done(json!(true))
    }

    async fn updates(&self, request: &Request) -> Value {
        let (offset, limit) = (request.int("offset").unwrap_or(0), request.int("limit").unwrap_or(100));
        let asked = Duration::from_secs(request.int("timeout").unwrap_or(0).unsigned_abs());
        let until = Instant::now()
            + match self.habits.polling {
                Polling::Held => asked,
                Polling::Hasty => Duration::ZERO,
                Polling::Endless => Duration::from_secs(3600),
            };
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            let given = self.waiting(offset, usize::try_from(limit).unwrap_or(100));
            if !given.is_empty() || Instant::now() >= until {
                return Value::Array(given);
            }
            tokio::time::timeout_at(until, changes.changed()).await.ok();
        }
    }

    fn waiting(&self, offset: i64, limit: usize) -> Vec<Value> {
        let mut state = self.state();
        let mut given = Vec::new();
        while state.updates.front().is_some_and(|update| update["update_id"].as_i64() < Some(offset)) {
            let update = state.updates.pop_front().unwrap();
            if self.habits.redelivers {
                state.confirmed.push_back(update);
            }
        }
        given.extend(state.confirmed.drain(..));
        given.extend(state.updates.iter().take(limit).cloned());
        given
    }
}

impl Drop for Telegram {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.lock().unwrap().take() {
            serving.abort();
        }
    }
}
