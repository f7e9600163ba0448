//! Takes what Telegram brings.
//!
//! The secret is looked at before the body is, and the body is on disk before Telegram hears 200. Whoever does not know the
//! secret learns nothing but that.
use super::guard::Guard;
use crate::metrics::{self, Hooked};
use crate::telegram::Intake;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The header in which Telegram shows the secret. Source: Bot API, `setWebhook`.
pub const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";
/// The largest update that is taken. Telegram's own are some kilobytes; one fetched batch of a hundred fits in as much.
const MOST_BYTES: usize = 1024 * 1024;
/// How much of a larger one is read, so that whoever sends it gets to read why it is refused: an answer given while they
/// still write is lost with the connection.
const MOST_READ: usize = 8 * MOST_BYTES;
/// How long a body may take to come.
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// How often it is logged that somebody comes without the secret.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// The webhook.
pub struct Hook {
    path: String,
    secret: Guard,
    intake: Intake,
    /// When a forged request was last logged: anybody can send as many as they like.
    logged: Mutex<Option<Instant>>,
}

impl Hook {
    /// At this path, for whoever knows this secret.
    #[must_use]
    pub fn new(path: String, secret: &str, intake: Intake) -> Self {
        Hook { path, secret: Guard::new(secret), intake, logged: Mutex::default() }
    }

    /// Whether this is where it is.
    pub(super) fn is_at(&self, path: &str) -> bool {
        self.path == path
    }

    /// Takes what a request brings.
    pub(super) async fn take(&self, request: Request<Incoming>) -> StatusCode {
        let (status, outcome) = self.answer(request).await;
        metrics::WEBHOOK.of(outcome).inc();
        status
    }

    async fn answer(&self, request: Request<Incoming>) -> (StatusCode, Hooked) {
        if request.method() != Method::POST {
            return (StatusCode::METHOD_NOT_ALLOWED, Hooked::Refused);
        }
        let mut shown = request.headers().get_all(SECRET_HEADER).iter();
        // Two of them are no secret: which would be believed?
        let known = shown.next().is_some_and(|shown| self.secret.knows(shown.as_bytes())) && shown.next().is_none();
        if !known {
            self.log_forged();
            return (StatusCode::FORBIDDEN, Hooked::Forged);
        }
        let body = match timeout(BODY_DEADLINE, read(request.into_body())).await {
            Ok(Ok(Some(body))) => body,
            Ok(Ok(None)) => return (StatusCode::PAYLOAD_TOO_LARGE, Hooked::Refused),
            Ok(Err(_)) => return (StatusCode::BAD_REQUEST, Hooked::Refused),
            Err(_) => return (StatusCode::REQUEST_TIMEOUT, Hooked::Refused),
        };
        match self.intake.brought(&body).await {
            Ok(()) => (StatusCode::OK, Hooked::Taken),
            Err(e) => {
                tracing::error!(error.code = e.code(), "failed to store an update; Telegram brings it again");
                (StatusCode::SERVICE_UNAVAILABLE, Hooked::Unstored)
            }
        }
    }

    fn log_forged(&self) {
        // Before the webhook is set, it may be Telegram with the secret of the last start; it brings that again.
        if !self.intake.stats().healthy() {
            return;
        }
        let mut logged = self.logged.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if logged.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            *logged = Some(Instant::now());
            tracing::warn!(error.code = "tg-webhook-forged", "somebody called the webhook without its secret");
        }
    }
}

/// All that a body says; `None` when that is too much.
async fn read(mut body: Incoming) -> hyper::Result<Option<Vec<u8>>> {
    let (mut bytes, mut came) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        came += data.len();
        if came > MOST_READ {
            break;
        }
        if came <= MOST_BYTES {
            bytes.extend_from_slice(&data);
        } else {
            bytes = Vec::new();
        }
    }
    Ok((came <= MOST_BYTES).then_some(bytes))
}
