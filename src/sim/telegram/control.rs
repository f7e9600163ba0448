//! The control API: to be a user, to read what the bot did, to make things go wrong.
//!
//! Owns no state. The list of addresses is at the top of the parent module; the words are in `wire`.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::{
    acting::Refused,
    reply::json_response,
    wire::{
        Acted, Bulk, CallbackReply, Calls, Fault, Membership, Press, RateLimits, Say, SimMessage, Stats, Transcript,
    },
    world::{Shared, World},
};

/// No wait is longer than this, whatever is asked for.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// How many updates of a bulk are made while the lock is held.
const BULK_SLICE: u64 = 500;

type Control = State<Arc<Shared>>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/say", post(say))
        .route("/edit", post(edit))
        .route("/press", post(press))
        .route("/membership", post(membership))
        .route("/update", post(raw_update))
        .route("/transcript", get(transcript))
        .route("/calls", get(calls))
        .route("/answer", get(answer))
        .route("/file", get(file))
        .route("/fault", post(add_fault))
        .route("/faults", get(faults).delete(clear_faults))
        .route("/outage", post(outage))
        .route("/limits", get(limits).post(set_limits))
        .route("/bulk", get(bulk_report).post(bulk))
        .route("/stats", get(stats))
        .route("/reset", post(reset))
        .with_state(shared)
}

/// A request that could not be served.
struct Unserved(StatusCode, String);

impl IntoResponse for Unserved {
    fn into_response(self) -> Response {
        json_response(self.0.as_u16(), json!({ "error": self.1 }).to_string())
    }
}

impl From<Refused> for Unserved {
    fn from((status, words): Refused) -> Self {
        Self(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), words)
    }
}

type Served = Result<Response, Unserved>;

fn give(value: &impl Serialize) -> Served {
    match serde_json::to_string(value) {
        Ok(body) => Ok(json_response(200, body)),
        Err(error) => Err(Unserved(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}

/// The body, whatever its content type says: so that a plain `curl -d` works.
fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Unserved> {
    serde_json::from_slice(bytes).map_err(|error| Unserved(StatusCode::BAD_REQUEST, error.to_string()))
}

/// Asks until there is something or the time is up; then what there is.
async fn until<T>(shared: &Shared, signal: &Notify, wait_ms: u64, mut probe: impl FnMut(&mut World) -> (bool, T)) -> T {
    let deadline = Instant::now() + Duration::from_millis(wait_ms).min(MAX_WAIT);
    loop {
        let mut woken = std::pin::pin!(signal.notified());
        woken.as_mut().enable();
        let (enough, found) = probe(&mut shared.world());
        if enough || Instant::now() >= deadline {
            return found;
        }
        tokio::select! {
            late = timeout_at(deadline, woken) => if late.is_err() {
                return probe(&mut shared.world()).1;
            },
            () = shared.cancel.cancelled() => return found,
        }
    }
}

async fn say(State(shared): Control, bytes: Bytes) -> Served {
    let say: Say = body(&bytes)?;
    let acted = shared.world().say(say)?;
    give(&acted)
}

async fn edit(State(shared): Control, bytes: Bytes) -> Served {
    let edit = body(&bytes)?;
    let acted = shared.world().edit(&edit)?;
    give(&acted)
}

async fn press(State(shared): Control, bytes: Bytes) -> Served {
    let press: Press = body(&bytes)?;
    let acted = shared.world().press(&press)?;
    give(&acted)
}

async fn membership(State(shared): Control, bytes: Bytes) -> Served {
    let change: Membership = body(&bytes)?;
    let acted = shared.world().membership(&change)?;
    give(&acted)
}

async fn raw_update(State(shared): Control, bytes: Bytes) -> Served {
    let update: Value = body(&bytes)?;
    let acted = {
        let mut world = shared.world();
        let update_id = world.queue.push_raw(update);
        Acted { update_id, cursor: world.cursor(), ..Acted::default() }
    };
    if acted.update_id.is_none() {
        return Err(Unserved(StatusCode::BAD_REQUEST, "an update is an object".into()));
    }
    shared.signals.poll.notify_waiters();
    give(&acted)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TranscriptQuery {
    chat: i64,
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait_ms: u64,
    #[serde(default = "many")]
    limit: usize,
}

fn many() -> usize {
    1000
}

async fn transcript(State(shared): Control, Query(query): Query<TranscriptQuery>) -> Served {
    let TranscriptQuery { chat, after, wait_ms, limit } = query;
    let changed = until(&shared, &shared.signals.chats, wait_ms, |world| {
        let changed = world.chat(chat).map(|chat| Arc::clone(&chat.changed));
        (changed.is_some(), changed)
    });
    let Some(changed) = changed.await else {
        // Nobody spoke there, so there is nothing to read.
        let cursor = shared.world().cursor();
        return give(&Transcript { messages: Vec::new(), cursor, status: "unknown".into() });
    };
    let found = until(&shared, &changed, wait_ms, |world| {
        let status = world.chat(chat).map(|chat| chat.status.clone()).unwrap_or_default();
        let messages: Vec<SimMessage> = world.chat(chat).map(|chat| chat.since(after, limit)).unwrap_or_default();
        let full = messages.len() >= limit;
        let cursor = if full { messages.last().map_or(after, |last| last.seq) } else { world.cursor() };
        (!messages.is_empty(), Transcript { messages, cursor, status })
    });
    give(&found.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallsQuery {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait_ms: u64,
    #[serde(default)]
    method: Option<String>,
    #[serde(default = "many")]
    limit: usize,
}

async fn calls(State(shared): Control, Query(query): Query<CallsQuery>) -> Served {
    let found = until(&shared, &shared.signals.calls, query.wait_ms, |world| {
        let log = &world.calls;
        let oldest = log.kept.front().map_or(log.last_seq + 1, |call| call.seq);
        let skip = usize::try_from((query.after + 1).saturating_sub(oldest)).unwrap_or(usize::MAX);
        let wanted = |method: &str| query.method.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(method));
        let chosen = log.kept.iter().skip(skip).filter(|call| wanted(&call.method));
        let calls: Vec<_> = chosen.take(query.limit).cloned().collect();
        let full = calls.len() >= query.limit;
        let cursor = if full { calls.last().map_or(query.after, |call| call.seq) } else { log.last_seq };
        (!calls.is_empty(), Calls { calls, cursor, forgotten: oldest - 1 })
    });
    give(&found.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerQuery {
    id: String,
    #[serde(default)]
    wait_ms: u64,
}

async fn answer(State(shared): Control, Query(query): Query<AnswerQuery>) -> Served {
    let found = until(&shared, &shared.signals.answers, query.wait_ms, |world| {
        let reply: Option<CallbackReply> = world.query(&query.id).map(|known| known.reply.clone());
        (reply.as_ref().is_none_or(|reply| reply.answered), reply)
    });
    match found.await {
        Some(reply) => give(&reply),
        None => Err(Unserved(StatusCode::NOT_FOUND, "no such press".into())),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileQuery {
    file_id: Option<String>,
    chat: Option<i64>,
    message_id: Option<i64>,
}

/// The bytes of a file, by its id or by the message that shows it.
async fn file(State(shared): Control, Query(query): Query<FileQuery>) -> Served {
    let missing = || Unserved(StatusCode::NOT_FOUND, "no such file".into());
    let world = shared.world();
    let of_message = || {
        let message = world.chat(query.chat?)?.live(query.message_id?)?;
        let sizes = message.json.get("photo").and_then(Value::as_array).and_then(|sizes| sizes.last());
        sizes.or_else(|| message.json.get("document"))?["file_id"].as_str().map(str::to_owned)
    };
    let id = query.file_id.clone().or_else(of_message).ok_or_else(missing)?;
    let file = world.files.get(&id).ok_or_else(missing)?;
    Ok(Response::new(Body::from(file.bytes.clone())))
}

async fn add_fault(State(shared): Control, bytes: Bytes) -> Served {
    let fault: Fault = body(&bytes)?;
    let mut world = shared.world();
    world.faults.add(fault);
    give(&world.faults.rules())
}

async fn faults(State(shared): Control) -> Served {
    give(&shared.world().faults.rules())
}

async fn clear_faults(State(shared): Control) -> Served {
    shared.world().faults.clear();
    shared.signals.poll.notify_waiters();
    give(&json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outage {
    on: bool,
}

async fn outage(State(shared): Control, bytes: Bytes) -> Served {
    let outage: Outage = body(&bytes)?;
    shared.world().faults.outage = outage.on;
    shared.signals.poll.notify_waiters();
    give(&json!({ "on": outage.on }))
}

async fn limits(State(shared): Control) -> Served {
    give(&shared.world().gate.limits())
}

async fn set_limits(State(shared): Control, bytes: Bytes) -> Served {
    let limits: RateLimits = body(&bytes)?;
    shared.world().set_limits(limits);
    give(&limits)
}

async fn bulk(State(shared): Control, bytes: Bytes) -> Served {
    let bulk: Bulk = body(&bytes)?;
    let mut done = 0;
    while done < bulk.updates {
        let next = (done + BULK_SLICE).min(bulk.updates);
        shared.world().bulk(&bulk, done..next)?;
        done = next;
        // The bot's calls come in between.
        tokio::task::yield_now().await;
    }
    give(&json!({ "enqueued": done }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BulkQuery {
    from_user: Option<i64>,
    to_user: Option<i64>,
    #[serde(default)]
    samples: bool,
    /// Wait until this many replies came, all users together.
    #[serde(default)]
    replied: u64,
    /// Wait until this many updates were handed over, all users together.
    #[serde(default)]
    delivered: u64,
    #[serde(default)]
    wait_ms: u64,
}

async fn bulk_report(State(shared): Control, Query(query): Query<BulkQuery>) -> Served {
    let waited = until(&shared, &shared.signals.load, query.wait_ms, |world| {
        (world.load.replies() >= query.replied && world.load.deliveries() >= query.delivered, ())
    });
    waited.await;
    let users = query.from_user.unwrap_or(i64::MIN)..=query.to_user.unwrap_or(i64::MAX);
    let report = shared.world().load.report(users, query.samples);
    give(&report)
}

async fn stats(State(shared): Control) -> Served {
    let world = shared.world();
    give(&Stats {
        calls: world.calls.by_method.iter().map(|(method, count)| ((*method).to_owned(), *count)).collect(),
        refused: world.calls.refused.clone(),
        updates_queued: world.queue.queued,
        updates_handed_over: world.queue.handed_over,
        updates_pending: world.queue.pending() as u64,
        bot_messages: world.bot_messages,
        cut: world.cut,
        now_us: world.now_us(),
    })
}

async fn reset(State(shared): Control) -> Served {
    shared.world().reset(&shared.cfg);
    give(&json!({}))
}
