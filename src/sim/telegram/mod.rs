//! A Telegram Bot API server for one bot, over real HTTP, for the demo, the tests and the benchmarks.
//!
//! It answers `http://ADDR/bot<token>/<Method>` and `http://ADDR/file/bot<token>/<path>` as Telegram does, with Telegram's
//! own error texts, and is stricter in one thing: parameters and fields that Bot API 10.1 does not document are refused.
//! Differences worth knowing: a webhook is called on this machine only (elsewhere updates wait), Markdown is refused, and
//! files are never fetched from addresses. It owns all state of the simulated Telegram, in memory, and must only listen on loopback.
//!
//! # Control API
//!
//! JSON in, JSON out; a refusal is `{"error": "…"}` with 400, 404 or 409. The types are in [`wire`], and [`client`] is the
//! same in Rust. Every change of a message has a number, the *cursor*, so that readers can ask for what came after and
//! wait (`wait_ms`, at most 60,000) instead of sleeping.
//!
//! | request | what it does |
//! |---|---|
//! | `POST /control/say` | a user writes: `{user: {id, first_name?, last_name?, username?, language_code?, is_bot?}, chat?: {id, type?, title?, username?}, text \| content \| sample, file_base64?, reply_to_message_id?, as?}`; `content` is raw `Message` fields, `sample` one of `sticker photo document voice location contact`, `as` one of `user anonymous_admin linked_channel as_channel` |
//! | `POST /control/edit` | a user changes their message: `{user, chat?, message_id, text}` |
//! | `POST /control/press` | a button: `{user, chat?, message_id?, label}`, or anything: `{user, chat?, message_id, data}` |
//! | `POST /control/membership` | `{user, chat?, status}`: `kicked` blocks the bot, `member` unblocks it; in groups also `left`, `administrator` |
//! | `POST /control/update` | any object, queued as an update |
//! | `GET /control/transcript?chat=&after=&wait_ms=&limit=` | messages of a chat as they stand, by last change: `{messages, cursor, status}` |
//! | `GET /control/calls?after=&method=&wait_ms=&limit=` | calls that the bot made: `{calls, cursor, forgotten}` |
//! | `GET /control/answer?id=&wait_ms=` | what the bot answered to a press: `{answered, text, show_alert}` |
//! | `GET /control/file?file_id=` or `?chat=&message_id=` | the bytes of a file, or of a message's picture or file |
//! | `POST /control/fault` | `{method, chat_id?, times?, action}`; `method` may be `send*` or `*`, or `(download)`; `action` is `{"kind":"status","code":429,"retry_after":3}`, `{"kind":"delay","ms":200}`, `{"kind":"drop"}`, `{"kind":"accept_then_drop"}` or `{"kind":"accept_then_status","code":502}` |
//! | `GET`, `DELETE /control/faults` | faults to come; `DELETE` also ends an outage |
//! | `POST /control/outage` | `{on}`: every connection of the bot is cut, waiting polls too |
//! | `GET`, `POST /control/limits` | `{bot_per_second, bot_burst, chat_per_second, chat_burst, group_per_minute}`; a rate of 0 is no limit |
//! | `POST /control/bulk` | many measured messages: `{updates, users, first_user_id, text, matching?}`; `{n}` in the text becomes a unique number; `matching` is `fifo`, `token` or `none` |
//! | `GET /control/bulk?replied=&delivered=&wait_ms=&from_user=&to_user=&samples=` | how long replies took, from queueing and from the first hand-over |
//! | `GET /control/stats` | counters |
//! | `POST /control/reset` | forgets everything but which ids were used |

mod acting;
mod chats;
pub mod client;
mod control;
mod faults;
mod hooks;
mod html;
mod limits;
mod line;
mod load;
mod markup;
mod measure;
mod media;
mod methods;
mod params;
mod person;
mod profile;
mod reply;
mod schema;
mod server;
mod updates;
pub mod wire;
mod world;

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use self::{
    client::{SimClient, SimUser},
    line::{CutListener, Line},
    world::Shared,
};

pub use self::wire::RateLimits;

/// How long open requests may take to end when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// What a simulated Telegram is to be like.
#[derive(Clone)]
pub struct SimConfig {
    /// Where to listen; loopback only, port 0 for any free one.
    pub listen: SocketAddr,
    /// The bot's token; the number before the colon is the bot's id.
    pub token: String,
    /// The bot's name without `@`.
    pub bot_username: String,
    /// The bot's shown name.
    pub bot_name: String,
    /// Limits on sending.
    pub limits: RateLimits,
    /// How many calls are kept for reading; 0 keeps none.
    pub call_log: usize,
    /// The first update's id.
    pub first_update_id: i64,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: "7000000001:simulated-token-for-loopback-only-1".into(),
            bot_username: "sekat_demo_bot".into(),
            bot_name: "Sekat demo".into(),
            limits: RateLimits::default(),
            call_log: 20_000,
            first_update_id: 500_000_001,
        }
    }
}

impl fmt::Debug for SimConfig {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimConfig").field("listen", &self.listen).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl SimConfig {
    /// The bot's id, out of its token.
    pub fn bot_id(&self) -> i64 {
        self.token.split(':').next().and_then(|number| number.parse().ok()).unwrap_or(7_000_000_001)
    }

    /// What `getMe` tells.
    fn me(&self) -> Map<String, Value> {
        let me = json!({
            "id": self.bot_id(), "is_bot": true, "first_name": self.bot_name, "username": self.bot_username,
            "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": false,
            "can_connect_to_business": false, "has_main_web_app": false, "supports_guest_queries": false,
            "has_topics_enabled": false, "allows_users_to_create_topics": false, "can_manage_bots": false,
            "supports_join_request_queries": false,
        });
        me.as_object().cloned().unwrap_or_default()
    }
}

/// A running server in this process.
#[derive(Debug)]
pub struct TelegramSim {
    address: SocketAddr,
    cancel: CancellationToken,
    task: JoinHandle<io::Result<()>>,
    client: SimClient,
}

impl TelegramSim {
    /// Starts a server and returns once it listens.
    ///
    /// # Errors
    /// When the address is not loopback or cannot be listened on.
    pub async fn start(cfg: SimConfig) -> io::Result<Self> {
        let listener = bind(cfg.listen).await?;
        let address = listener.local_addr()?;
        let cancel = CancellationToken::new();
        let task = tokio::spawn(run(listener, cfg, cancel.clone()));
        let client = SimClient::new(&format!("http://{address}")).map_err(io::Error::other)?;
        Ok(Self { address, cancel, task, client })
    }

    /// What a bot takes as its API address.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The control API.
    pub fn client(&self) -> &SimClient {
        &self.client
    }

    /// A person on this Telegram.
    pub fn user(&self, id: i64) -> SimUser {
        self.client.user(id)
    }

    /// Stops listening and ends open requests, within a few seconds.
    ///
    /// # Errors
    /// When the server had failed.
    pub async fn shutdown(mut self) -> io::Result<()> {
        self.cancel.cancel();
        (&mut self.task).await.map_err(io::Error::other)?
    }
}

impl Drop for TelegramSim {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Serves until cancelled.
///
/// # Errors
/// When the address is not loopback or cannot be listened on.
pub async fn serve(listen: SocketAddr, cfg: SimConfig, cancel: CancellationToken) -> io::Result<()> {
    run(bind(listen).await?, cfg, cancel).await
}

async fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    if !listen.ip().is_loopback() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the simulator listens on loopback addresses only"));
    }
    TcpListener::bind(listen).await
}

async fn run(listener: TcpListener, cfg: SimConfig, cancel: CancellationToken) -> io::Result<()> {
    let shared = Arc::new(Shared::new(cfg, cancel.clone()));
    let bringing = tokio::spawn(hooks::run(Arc::clone(&shared)));
    let service = server::router(shared).into_make_service_with_connect_info::<Line>();
    let stopped = cancel.clone();
    let serving =
        axum::serve(CutListener(listener), service).with_graceful_shutdown(async move { stopped.cancelled().await });
    let mut serving = std::pin::pin!(std::future::IntoFuture::into_future(serving));
    tokio::select! {
        ended = &mut serving => return ended,
        () = cancel.cancelled() => {}
    }
    // A caller that keeps its connection busy must not keep the server alive.
    let stopped = timeout(STOP_WITHIN, serving).await.unwrap_or(Ok(()));
    // It heeds the same token, and what it has on its way goes with it.
    bringing.await.map_err(io::Error::other)?;
    stopped
}
