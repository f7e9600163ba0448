//! Which page is asked for, and may whoever asks have it?
//!
//! Owns what pages are made of. From the first moment it says how the daemon is: also while that is still coming up.
use super::guard::Guard;
use super::hook::Hook;
use super::metrics;
use crate::metrics::CONTENT_TYPE;
use crate::telegram::IntakeStats;
use crate::users::{UserDataStore, Vitals};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE as TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// The pages that are here besides the webhook.
pub const PAGES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// What was found holds for this long: whoever asks often does not make the daemon look as often.
const FRESH: Duration = Duration::from_secs(1);
const JSON: &str = "application/json";

type Answer = Response<Full<Bytes>>;

/// How updates come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are fetched.
    Polling,
    /// They are brought.
    Webhook,
}

impl Mode {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Webhook => "webhook",
        }
    }
}

/// Where sessions are kept.
pub struct Engine {
    /// What it is called.
    pub name: &'static str,
    /// The code of what is the matter with it, while something is.
    pub trouble: Option<Arc<dyn Fn() -> Option<&'static str> + Send + Sync>>,
}

impl Engine {
    /// The code of what is the matter with it now.
    #[must_use]
    pub fn trouble(&self) -> Option<&'static str> {
        self.trouble.as_ref().and_then(|trouble| trouble())
    }
}

/// What there is once the daemon is up.
pub struct Up {
    /// Everybody.
    pub users: UserDataStore,
    /// What has come in.
    pub intake: Arc<IntakeStats>,
    /// How.
    pub mode: Mode,
    /// Where sessions are kept.
    pub sessions: Engine,
    /// Where Telegram brings updates.
    pub hook: Option<Hook>,
}

/// Everything that is answered.
pub struct Site {
    token: Option<Guard>,
    version: &'static str,
    up: OnceLock<Up>,
    stopping: CancellationToken,
    seen: Mutex<Option<(Instant, Arc<Vitals>)>>,
}

impl Site {
    /// A site of a daemon that is coming up. `token`: what whoever asks for pages has to show.
    #[must_use]
    pub fn new(token: Option<&str>, version: &'static str, stopping: CancellationToken) -> Self {
        let token = token.map(Guard::new);
        Site { token, version, up: OnceLock::new(), stopping, seen: Mutex::default() }
    }

    /// The daemon is up. Said once.
    pub fn is_up(&self, up: Up) {
        if self.up.set(up).is_err() {
            tracing::error!("the daemon came up twice");
        }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let path = request.uri().path();
        let Some(page) = PAGES.iter().find(|page| **page == path) else {
            return Ok(self.hooked(request).await);
        };
        if !self.admits(&request) {
            let mut answer = plain(StatusCode::UNAUTHORIZED);
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return Ok(answer);
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return Ok(allowing("GET, HEAD"));
        }
        Ok(match *page {
            "/healthz" => self.health().await,
            "/readyz" => self.readiness().await,
            _ => self.figures().await,
        })
    }

    fn admits(&self, request: &Request<Incoming>) -> bool {
        let Some(token) = &self.token else { return true };
        let shown = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        shown.and_then(|shown| shown.strip_prefix(b"Bearer ")).is_some_and(|shown| token.knows(shown))
    }

    async fn hooked(&self, request: Request<Incoming>) -> Answer {
        let Some(up) = self.up.get() else {
            // Whether there is a webhook is not known yet; Telegram comes again.
            return unavailable();
        };
        let Some(hook) = up.hook.as_ref().filter(|hook| hook.is_at(request.uri().path())) else {
            return plain(StatusCode::NOT_FOUND);
        };
        match hook.take(request).await {
            StatusCode::SERVICE_UNAVAILABLE => unavailable(),
            StatusCode::METHOD_NOT_ALLOWED => allowing("POST"),
            status => plain(status),
        }
    }

    /// How everybody is; looked at anew when what was found is not fresh.
    async fn vitals(&self, up: &Up) -> Arc<Vitals> {
        let mut seen = self.seen.lock().await;
        match seen.as_ref() {
            Some((at, vitals)) if at.elapsed() < FRESH => Arc::clone(vitals),
            _ => {
                let vitals = Arc::new(up.users.vitals().await);
                *seen = Some((Instant::now(), Arc::clone(&vitals)));
                vitals
            }
        }
    }

    /// Whether it works: what fails here a start might mend. Telegram or a server of sessions that is away is told, and is no
    /// reason to start anew.
    async fn health(&self) -> Answer {
        let Some(up) = self.up.get() else { return page(true, &json!({ "status": "starting" })) };
        let vitals = self.vitals(up).await;
        let well = vitals.folder.is_ok() && vitals.spool.is_ok();
        page(well, &self.report(up, &vitals, if well { "ok" } else { "failing" }))
    }

    /// Whether people are served: up, well, and not on its way down.
    async fn readiness(&self) -> Answer {
        if self.stopping.is_cancelled() {
            return page(false, &json!({ "status": "stopping" }));
        }
        let Some(up) = self.up.get() else { return page(false, &json!({ "status": "starting" })) };
        let vitals = self.vitals(up).await;
        let well = vitals.folder.is_ok() && vitals.spool.is_ok();
        page(well, &json!({ "status": if well { "ready" } else { "failing" } }))
    }

    fn report(&self, up: &Up, vitals: &Vitals, status: &str) -> Value {
        let or_code = |failed: Option<&'static str>| match failed {
            None => json!({ "ok": true }),
            Some(code) => json!({ "ok": false, "code": code }),
        };
        let mut spool = or_code(vitals.spool.err());
        spool["rows"] = vitals.spool.map_or(Value::Null, |load| load.rows.into());
        let mut sessions = or_code(up.sessions.trouble());
        sessions["engine"] = up.sessions.name.into();
        json!({
            "status": status,
            "version": self.version,
            "uptime_seconds": crate::metrics::process::uptime_seconds() as u64,
            "checks": {
                "data_folder": or_code(vitals.folder.err()),
                "spool": spool,
                "telegram": {
                    "ok": up.intake.healthy(), "mode": up.mode.as_str(),
                    "for_seconds": up.intake.unchanged_for().as_secs(),
                },
                "sessions": sessions,
            },
        })
    }

    async fn figures(&self) -> Answer {
        let stopping = self.stopping.is_cancelled();
        let text = match self.up.get() {
            Some(up) => metrics::page(self.version, stopping, Some((up, &*self.vitals(up).await))),
            None => metrics::page(self.version, stopping, None),
        };
        with_body(StatusCode::OK, CONTENT_TYPE, text)
    }
}

fn page(well: bool, body: &Value) -> Answer {
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    with_body(status, JSON, format!("{body}\n"))
}

fn with_body(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn plain(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn allowing(methods: &'static str) -> Answer {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

fn unavailable() -> Answer {
    let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}
