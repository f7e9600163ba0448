//! The control API. It answers "what may a person, a script or a benchmark make the simulator do?"; it owns the HTTP
//! listener and nothing else: each request is one call of [`WhatsAppSim`]. The table of requests is in the parent module.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use whatsapp_rust::Jid;

use super::{CompanionInfo, Fault, Received, SeenReceipt, SimError, Stats, WhatsAppSim};

/// Largest request body, bytes.
const BODY: usize = 1 << 20;
/// Longest wait for an inbox.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Most numbers or texts of one request.
const MOST: u32 = 100_000;

type Sim = State<WhatsAppSim>;
type Answer<T> = Result<Json<T>, Refusal>;

/// An error on its way out.
struct Refusal(SimError);

impl From<SimError> for Refusal {
    fn from(error: SimError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.0 {
            SimError::UnknownNumber
            | SimError::UnknownCompanion
            | SimError::UnknownMessage
            | SimError::UnknownQr
            | SimError::NoPairCodeRequest => StatusCode::NOT_FOUND,
            SimError::Timeout(_) => StatusCode::REQUEST_TIMEOUT,
            SimError::Io(_) | SimError::Crypto(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        (status, Json(json!({ "error": format!("failed to {}", self.0) }))).into_response()
    }
}

/// Serves the API until the simulator ends.
pub async fn serve(sim: WhatsAppSim, listener: TcpListener) {
    let cancel = sim.hub.cancel.clone();
    let router = Router::new()
        .route("/health", get(health))
        .route("/stats", get(async |State(sim): Sim| -> Json<Stats> { Json(sim.stats()) }))
        .route("/phones", post(register))
        .route("/contacts", post(register))
        .route("/phones/bulk", post(register_bulk))
        .route("/phones/{number}/companions", get(companions))
        .route("/phones/{number}/companions/{device}", delete(remove_companion))
        .route("/scan", post(scan))
        .route("/code", post(code))
        .route("/send", post(send))
        .route("/send/bulk", post(send_bulk))
        .route("/react", post(react))
        .route("/read", post(read))
        .route("/inbox/{number}", get(inbox))
        .route("/receipts/{number}", get(receipts))
        .route("/faults", post(inject))
        .route("/faults/{number}", delete(clear))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(sim);
    let ended = cancel.clone();
    let served = axum::serve(listener, router).with_graceful_shutdown(async move { ended.cancelled().await });
    let served = std::future::IntoFuture::into_future(served);
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::warn!(%error, "the control API ended");
        },
        // Kept-alive connections do not hold up a shutdown.
        () = async { cancel.cancelled().await; tokio::time::sleep(Duration::from_secs(1)).await } => {}
    }
}

#[derive(Deserialize)]
struct Person {
    number: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct People {
    first: u64,
    count: u32,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Scan {
    qr: String,
    number: String,
}

#[derive(Deserialize)]
struct Code {
    code: String,
    number: String,
}

#[derive(Deserialize)]
struct Text {
    from: String,
    to: String,
    text: String,
}

#[derive(Deserialize)]
struct Texts {
    from: String,
    to: String,
    #[serde(default)]
    prefix: String,
    count: u32,
}

#[derive(Deserialize)]
struct Which {
    number: String,
    id: String,
}

#[derive(Deserialize)]
struct Reaction {
    number: String,
    id: String,
    emoji: String,
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait: u64,
}

#[derive(Deserialize)]
struct Injection {
    number: String,
    #[serde(flatten)]
    fault: Fault,
}

#[derive(Serialize)]
struct Linked {
    jid: String,
    device: u16,
}

impl From<Jid> for Linked {
    fn from(jid: Jid) -> Self {
        Self { device: jid.device, jid: jid.to_string() }
    }
}

async fn health(State(sim): Sim) -> Json<Value> {
    Json(json!({ "ok": true, "ws_url": sim.ws_url() }))
}

async fn register(State(sim): Sim, Json(person): Json<Person>) -> Answer<Value> {
    sim.register(&person.number, &person.name)?;
    Ok(Json(json!({ "number": person.number })))
}

async fn register_bulk(State(sim): Sim, Json(people): Json<People>) -> Answer<Value> {
    for n in 0..u64::from(people.count.min(MOST)) {
        sim.register(&(people.first + n).to_string(), &people.name)?;
        // Keys take a while; others get their turn.
        tokio::task::yield_now().await;
    }
    Ok(Json(json!({ "first": people.first, "count": people.count.min(MOST) })))
}

async fn companions(State(sim): Sim, Path(number): Path<String>) -> Answer<Vec<CompanionInfo>> {
    Ok(Json(sim.companions(&number)?))
}

async fn remove_companion(State(sim): Sim, Path((number, device)): Path<(String, u16)>) -> Answer<Value> {
    sim.remove_companion(&number, device)?;
    Ok(Json(json!({})))
}

async fn scan(State(sim): Sim, Json(scan): Json<Scan>) -> Answer<Linked> {
    Ok(Json(sim.scan(&scan.qr, &scan.number).await?.into()))
}

async fn code(State(sim): Sim, Json(code): Json<Code>) -> Answer<Linked> {
    Ok(Json(sim.enter_code(&code.code, &code.number).await?.into()))
}

async fn send(State(sim): Sim, Json(text): Json<Text>) -> Answer<Value> {
    Ok(Json(json!({ "id": sim.send(&text.from, &text.to, &text.text).await? })))
}

async fn send_bulk(State(sim): Sim, Json(texts): Json<Texts>) -> Answer<Value> {
    let count = texts.count.min(MOST);
    Ok(Json(json!({ "ids": sim.send_bulk(&texts.from, &texts.to, &texts.prefix, count).await? })))
}

async fn react(State(sim): Sim, Json(reaction): Json<Reaction>) -> Answer<Value> {
    Ok(Json(json!({ "id": sim.react(&reaction.number, &reaction.id, &reaction.emoji).await? })))
}

async fn read(State(sim): Sim, Json(which): Json<Which>) -> Answer<Value> {
    sim.mark_read(&which.number, &which.id)?;
    Ok(Json(json!({})))
}

async fn inbox(State(sim): Sim, Path(number): Path<String>, Query(since): Query<Since>) -> Answer<Vec<Received>> {
    let wait = Duration::from_millis(since.wait).min(LONGEST_WAIT);
    Ok(Json(sim.inbox(&number, since.after, wait).await?))
}

async fn receipts(State(sim): Sim, Path(number): Path<String>) -> Answer<Vec<SeenReceipt>> {
    Ok(Json(sim.receipts(&number)?))
}

async fn inject(State(sim): Sim, Json(injection): Json<Injection>) -> Answer<Value> {
    sim.inject(&injection.number, &injection.fault)?;
    Ok(Json(json!({})))
}

async fn clear(State(sim): Sim, Path(number): Path<String>) -> Answer<Value> {
    sim.clear_faults(&number)?;
    Ok(Json(json!({})))
}
