//! The bot's side over HTTP: who may call, which fault the call meets, what is answered; and long polling.
//!
//! Owns no state beyond a request. Must not decide what a method does.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, DefaultBodyLimit, Request, State},
    http::{HeaderValue, header},
    response::Response,
};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    control,
    line::Line,
    methods,
    params::{Params, Peer},
    reply::{self, Refusal},
    schema,
    wire::FaultAction,
    world::Shared,
};

/// Telegram holds a poll no longer than this.
const MAX_POLL: i64 = 50;
const UPLOAD_LIMIT: usize = 52 * 1024 * 1024;

/// Everything under one address: `/bot…`, `/file/bot…`, `/control/…`.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let bot = Router::new().fallback(answer).layer(DefaultBodyLimit::max(UPLOAD_LIMIT)).with_state(Arc::clone(&shared));
    Router::new().nest("/control", control::router(shared)).fallback_service(bot)
}

/// Ends the connection without an answer.
fn cut(shared: &Shared, line: &Line) -> Response {
    shared.world().cut += 1;
    line.cut();
    // Never arrives: the connection refuses to write from now on.
    Response::new(Body::empty())
}

async fn answer(State(shared): State<Arc<Shared>>, ConnectInfo(line): ConnectInfo<Line>, request: Request) -> Response {
    let path = request.uri().path().replace("%3A", ":").replace("%3a", ":");
    if let Some(rest) = path.strip_prefix("/file/bot") {
        return download(&shared, &line, rest);
    }
    let Some((token, name)) = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) else {
        return reply::refusal_response(&Refusal::not_found());
    };
    if token != shared.cfg.token {
        return reply::refusal_response(&Refusal::unauthorized());
    }
    let Some(method) = schema::method(name) else {
        let refusal = Refusal::not_found();
        let named = serde_json::json!({ "name": name });
        shared.world().log_call("(unknown)", named, Err((refusal.code, &refusal.description)));
        return reply::refusal_response(&refusal);
    };
    match Params::read(method, request).await {
        Ok(params) => call(&shared, &line, method.name, &params).await,
        Err(refusal) => {
            shared.world().log_call(method.name, Value::Null, Err((refusal.code, &refusal.description)));
            reply::refusal_response(&refusal)
        }
    }
}

async fn call(shared: &Shared, line: &Line, method: &'static str, params: &Params) -> Response {
    let chat = params.peer().ok().and_then(|peer| if let Peer::Id(id) = peer { Some(id) } else { None });
    let fault = shared.world().faults.next(method, chat);
    match &fault {
        Some(FaultAction::Drop) => {
            shared.world().log_call(method, params.logged(), Err((0, "connection cut")));
            return cut(shared, line);
        }
        Some(FaultAction::Status { code, retry_after, description }) => {
            let refusal = Refusal::injected(*code, *retry_after, description.as_deref());
            shared.world().log_call(method, params.logged(), Err((refusal.code, &refusal.description)));
            return reply::refusal_response(&refusal);
        }
        Some(FaultAction::Delay { ms }) => {
            tokio::select! {
                () = sleep(Duration::from_millis(*ms)) => {}
                () = shared.cancel.cancelled() => return cut(shared, line),
            }
        }
        Some(FaultAction::AcceptThenDrop | FaultAction::AcceptThenStatus { .. }) | None => {}
    }
    let outcome = if method == "getUpdates" {
        match poll(shared, params).await {
            Polled::Answer(outcome) => outcome,
            Polled::Cut => return cut(shared, line),
        }
    } else {
        perform(shared, method, params)
    };
    match fault {
        Some(FaultAction::AcceptThenDrop) => cut(shared, line),
        Some(FaultAction::AcceptThenStatus { code }) => reply::refusal_response(&Refusal::injected(code, None, None)),
        _ => match outcome {
            Ok(result) => reply::ok_response(&result),
            Err(refusal) => reply::refusal_response(&refusal),
        },
    }
}

/// Does what the method says; the result is JSON text.
fn perform(shared: &Shared, method: &'static str, params: &Params) -> Result<String, Refusal> {
    let logged = if shared.cfg.call_log > 0 { params.logged() } else { Value::Null };
    let answer = {
        let mut world = shared.world();
        let answer = methods::call(&mut world, method, params);
        let outcome = answer.as_ref().map(|_| ()).map_err(|refusal| (refusal.code, refusal.description.as_ref()));
        world.log_call(method, logged, outcome);
        answer
    };
    answer.map(|result| result.to_string())
}

enum Polled {
    Answer(Result<String, Refusal>),
    Cut,
}

/// `getUpdates`: confirms, then waits until there is something, the time is up, or another poll takes over.
async fn poll(shared: &Shared, params: &Params) -> Polled {
    let generation = match begin_poll(shared, params) {
        Ok(generation) => generation,
        Err(refusal) => return Polled::Answer(Err(refusal)),
    };
    let limit = usize::try_from(params.integer("limit").unwrap_or(100).clamp(1, 100)).unwrap_or(100);
    let seconds = u64::try_from(params.integer("timeout").unwrap_or(0).clamp(0, MAX_POLL)).unwrap_or(0);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        let mut woken = std::pin::pin!(shared.signals.poll.notified());
        woken.as_mut().enable();
        {
            let mut world = shared.world();
            if world.faults.outage {
                return Polled::Cut;
            }
            let overtaken = world.queue.generation != generation;
            if overtaken || world.queue.webhook.is_some() {
                let text = if overtaken {
                    "terminated by other getUpdates request; make sure that only one bot instance is running"
                } else {
                    "terminated by setWebhook request"
                };
                let refusal = Refusal::conflict(text);
                *world.calls.refused.entry(refusal.code).or_default() += 1;
                return Polled::Answer(Err(refusal));
            }
            if let Some(batch) = world.queue.batch(limit) {
                if !batch.tracks.is_empty() {
                    let now_us = world.now_us();
                    world.load.handed_over(&batch.tracks, now_us);
                    world.signals.load.notify_waiters();
                }
                return Polled::Answer(Ok(batch.body));
            }
        }
        tokio::select! {
            woken = timeout_at(deadline, woken) => if woken.is_err() {
                return Polled::Answer(Ok("[]".to_owned()));
            },
            () = shared.cancel.cancelled() => return Polled::Cut,
        }
    }
}

/// Checks a poll, confirms what its offset confirms, and ends the poll before it.
fn begin_poll(shared: &Shared, params: &Params) -> Result<u64, Refusal> {
    let mut world = shared.world();
    let begun = methods::allowed_kinds(params).and_then(|kinds| {
        if world.queue.webhook.is_some() {
            let text =
                "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
            return Err(Refusal::conflict(text));
        }
        if let Some(kinds) = kinds {
            world.queue.allow(kinds);
        }
        world.queue.confirm(params.integer("offset").unwrap_or(0));
        world.queue.generation += 1;
        Ok(world.queue.generation)
    });
    let outcome = begun.as_ref().map(|_| ()).map_err(|refusal| (refusal.code, refusal.description.as_ref()));
    world.log_call("getUpdates", params.logged(), outcome);
    drop(world);
    shared.signals.poll.notify_waiters();
    begun
}

/// `/file/bot<token>/<path>`.
fn download(shared: &Shared, line: &Line, rest: &str) -> Response {
    let Some((token, path)) = rest.split_once('/') else { return reply::refusal_response(&Refusal::not_found()) };
    if token != shared.cfg.token {
        return reply::refusal_response(&Refusal::unauthorized());
    }
    let fault = shared.world().faults.next("(download)", None);
    match fault {
        Some(FaultAction::Status { code, retry_after, description }) => {
            return reply::refusal_response(&Refusal::injected(code, retry_after, description.as_deref()));
        }
        Some(FaultAction::Drop | FaultAction::AcceptThenDrop) => return cut(shared, line),
        _ => {}
    }
    let found = shared.world().files.at_path(path).cloned();
    match found {
        Some(file) => {
            let mut response = Response::new(Body::from(file.bytes));
            let kind = HeaderValue::from_static("application/octet-stream");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        None => reply::refusal_response(&Refusal::not_found()),
    }
}
