//! One request to the Bot API, within a deadline, and what came of it.
//!
//! Owns the HTTP client and the token; the token is in no error, no log and no `Debug`. Never repeats a request and never
//! sleeps: teloxide's own network layer sleeps ten seconds on every 5xx, so it carries none of our calls.
use super::owner::KINDS;
use crate::metrics::{self, Answered};
use crate::reach;
use reqwest::multipart::Form;
use reqwest::{Client, Url};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Telegram's wait when it asks for one without saying how long.
const UNNAMED_WAIT: Duration = Duration::from_secs(5);
/// How much of Telegram's own words an error keeps, in characters.
const DESCRIPTION_CHARS: usize = 160;

/// Where the Bot API is and how to talk to it.
#[derive(Clone)]
pub struct ApiConfig {
    /// The bot's token.
    pub token: String,
    /// The server, `https://api.telegram.org` for the real one.
    pub api_url: Url,
    /// The longest that a request may take; the caller's loop stays responsive within it. At most 17 s is sensible.
    pub deadline: Duration,
    /// Refuse every server that is not on this machine.
    pub loopback_only: bool,
}

impl fmt::Debug for ApiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiConfig").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Why the client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The token has characters that no token has.
    #[error("read the bot token: it looks like 123456:AbC-dEf")]
    Token,
    /// The address is not `http` or `https`, or has no host.
    #[error("use the Bot API address: it must be http:// or https:// and name a host")]
    Address,
    /// Only this machine is allowed.
    #[error("use the Bot API address: only this machine's own addresses are allowed here")]
    NotLoopback,
    /// The HTTP client did not start.
    #[error("start the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Why a request did not do what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Telegram does not know this token, or not any more.
    #[error("be let in by Telegram: it does not accept the bot token")]
    Token,
    /// Another program fetches this bot's updates.
    #[error("fetch updates: another program fetches them with the same token")]
    Conflict,
    /// Too many requests.
    #[error("wait {0:?} for Telegram")]
    RetryAfter(Duration),
    /// Telegram refuses it.
    #[error("have Telegram accept this ({code}): {description}")]
    Refused {
        /// Its code, 400 to 499.
        code: i64,
        /// Its words, cut short.
        description: String,
    },
    /// The server knows the bot, but not this method or not this form of it. Not every server has all of them.
    #[error("find this on Telegram's server: status {0}")]
    NoMethod(u16),
    /// No usable answer: it may or may not have been done.
    #[error("reach Telegram: {0}")]
    Unreachable(String),
}

impl ApiError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Token => "tg-token",
            Self::Conflict => "tg-conflict",
            Self::Refused { .. } => "tg-refused",
            Self::NoMethod(_) => "tg-no-method",
            Self::RetryAfter(_) | Self::Unreachable(_) => "tg-unreachable",
        }
    }
}

/// The bot, as it knows itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Me {
    /// Its id.
    pub id: i64,
    /// Its name, without `@`.
    #[serde(default)]
    pub username: String,
}

/// Where Telegram brings updates, as it says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct WebhookInfo {
    /// The address; empty when they are fetched.
    pub url: String,
    /// Updates that wait there.
    pub pending_update_count: u64,
    /// When bringing one last failed, in seconds since 1970.
    pub last_error_date: Option<i64>,
    /// Why, in Telegram's words, cut short.
    pub last_error_message: Option<String>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    ok: bool,
    result: Option<T>,
    error_code: Option<i64>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
}

struct Inner {
    client: Client,
    token: String,
    server: Url,
    /// `<server>/bot<token>/`
    prefix: String,
    deadline: Duration,
    /// Whether the server has done anything for this token: only then a 404 cannot be about the token.
    let_in: AtomicBool,
}

/// The Bot API. A clone is the same client.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("deadline", &self.0.deadline).finish_non_exhaustive()
    }
}

impl Api {
    /// A client for one bot. Connects to nothing yet.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(config: ApiConfig) -> Result<Self, SetupError> {
        let ApiConfig { token, api_url, deadline, loopback_only } = config;
        if !token.contains(':') || !token.bytes().all(|b| b.is_ascii_alphanumeric() || b":_-".contains(&b)) {
            return Err(SetupError::Token);
        }
        let host = match api_url.host_str() {
            Some(host) if matches!(api_url.scheme(), "http" | "https") => host,
            _ => return Err(SetupError::Address),
        };
        // A redirect would carry the token in the address to wherever it points; an idle connection that the server is
        // about to close would cost a request whose fate is unknown.
        let mut client = Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(deadline)
            .connect_timeout(deadline.min(Duration::from_secs(10)))
            .pool_idle_timeout(Duration::from_secs(30));
        if loopback_only {
            // A name is checked each time it is resolved; an address is never resolved and checked here.
            if reach::is_elsewhere(host) {
                return Err(SetupError::NotLoopback);
            }
            client = client.no_proxy().dns_resolver(Arc::new(reach::HereOnly));
        }
        let client = client.build().map_err(SetupError::Client)?;
        let server = api_url.as_str().trim_end_matches('/');
        let prefix = format!("{server}/bot{token}/");
        // With a slash at the end teloxide would put two of them before its method.
        let server = server.parse().map_err(|_| SetupError::Address)?;
        Ok(Api(Arc::new(Inner { client, token, server, prefix, deadline, let_in: AtomicBool::new(false) })))
    }

    /// The same bot as teloxide sees it, for its dispatcher.
    pub(super) fn bot(&self) -> teloxide::Bot {
        teloxide::Bot::with_client(self.0.token.clone(), self.0.client.clone()).set_api_url(self.0.server.clone())
    }

    /// Who the bot is.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn get_me(&self) -> Result<Me, ApiError> {
        self.call("getMe", &json!({})).await
    }

    /// Tells Telegram the commands, as (name, description), so that clients show them.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn set_commands(&self, language: Option<&str>, commands: &[(&str, String)]) -> Result<(), ApiError> {
        let list: Vec<_> = commands.iter().map(|(c, d)| json!({"command": c, "description": d})).collect();
        let mut parameters = json!({ "commands": list });
        if let Some(code) = language {
            parameters["language_code"] = code.into();
        }
        self.call::<IgnoredAny>("setMyCommands", &parameters).await.map(drop)
    }

    /// Ends a webhook, which would keep updates from being fetched; what waits stays.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn delete_webhook(&self) -> Result<(), ApiError> {
        self.call::<IgnoredAny>("deleteWebhook", &json!({ "drop_pending_updates": false })).await.map(drop)
    }

    /// Has Telegram bring updates to `url` from now on, each request with `secret` in its header; what waits stays.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn set_webhook(&self, url: &str, secret: &str, connections: u32) -> Result<(), ApiError> {
        let parameters = json!({
            "url": url, "secret_token": secret, "max_connections": connections, "allowed_updates": KINDS,
            "drop_pending_updates": false,
        });
        self.call::<IgnoredAny>("setWebhook", &parameters).await.map(drop)
    }

    /// Where Telegram brings updates.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn webhook_info(&self) -> Result<WebhookInfo, ApiError> {
        let mut info: WebhookInfo = self.call("getWebhookInfo", &json!({})).await?;
        info.last_error_message = info.last_error_message.map(|text| self.scrub(&text));
        Ok(info)
    }

    /// One call with parameters as JSON.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        parameters: &impl Serialize,
    ) -> Result<T, ApiError> {
        self.call_within(method, parameters, self.0.deadline).await
    }

    /// [`call`](Self::call) with its own deadline.
    pub(super) async fn call_within<T: DeserializeOwned>(
        &self,
        method: &str,
        parameters: &impl Serialize,
        deadline: Duration,
    ) -> Result<T, ApiError> {
        // Waiting for updates is no slowness of Telegram's.
        let took = (method != "getUpdates").then_some(&metrics::REQUEST_TIME);
        self.finish(self.request(method).json(parameters).timeout(deadline), took).await
    }

    /// One call with files.
    pub(super) async fn upload<T: DeserializeOwned>(&self, method: &str, form: Form) -> Result<T, ApiError> {
        self.finish(self.request(method).multipart(form), Some(&metrics::REQUEST_TIME)).await
    }

    fn request(&self, method: &str) -> reqwest::RequestBuilder {
        self.0.client.post(format!("{}{method}", self.0.prefix))
    }

    async fn finish<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        took: Option<&metrics::Histogram>,
    ) -> Result<T, ApiError> {
        let began = Instant::now();
        let done = self.exchange(request).await;
        if let Some(took) = took {
            took.observe(began.elapsed());
        }
        let answered = match &done {
            Ok(_) => Answered::Ok,
            Err(ApiError::RetryAfter(_)) => Answered::RetryAfter,
            Err(ApiError::Refused { .. }) => Answered::Refused,
            Err(ApiError::Conflict) => Answered::Conflict,
            Err(ApiError::Token) => Answered::Token,
            Err(ApiError::NoMethod(_)) => Answered::NoMethod,
            Err(ApiError::Unreachable(_)) => Answered::Unreachable,
        };
        metrics::REQUESTS.of(answered).inc();
        done
    }

    async fn exchange<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, ApiError> {
        let response = request.send().await.map_err(|e| self.unreachable(e))?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|e| self.unreachable(e))?;
        self.judge(status, &body)
    }

    /// What an answer says.
    fn judge<T: DeserializeOwned>(&self, status: u16, body: &[u8]) -> Result<T, ApiError> {
        let envelope = match serde_json::from_slice::<Envelope<T>>(body) {
            Ok(envelope) => envelope,
            // Not even the Bot API's form: a proxy, or a server in trouble. serde's words could quote the answer.
            Err(_) if status == 429 => return Err(ApiError::RetryAfter(UNNAMED_WAIT)),
            Err(_) if status == 401 => return Err(ApiError::Token),
            Err(_) if matches!(status, 404 | 405 | 415 | 422 | 501) => return Err(self.not_found(status)),
            Err(_) => return Err(ApiError::Unreachable(format!("status {status} with an answer that is not one"))),
        };
        if envelope.ok {
            self.0.let_in.store(true, Ordering::Relaxed);
            // Where nothing is expected, nothing is an answer too.
            let result = envelope.result.map_or_else(|| T::deserialize(Value::Null), Ok);
            return result.map_err(|_| ApiError::Unreachable("an answer without its result".to_owned()));
        }
        let code = envelope.error_code.unwrap_or(i64::from(status));
        let description = envelope.description.unwrap_or_default();
        if let Some(seconds) = envelope.parameters.and_then(|p| p.retry_after) {
            return Err(ApiError::RetryAfter(Duration::from_secs(seconds)));
        }
        Err(match code {
            401 => ApiError::Token,
            404 => self.not_found(404),
            501 => self.not_found(501),
            409 => ApiError::Conflict,
            429 => ApiError::RetryAfter(UNNAMED_WAIT),
            400..=499 => ApiError::Refused { code, description: self.scrub(&description) },
            _ => ApiError::Unreachable(format!("status {code}")),
        })
    }

    /// Telegram says 404 to a token that it cannot even read, and to a method that it does not have.
    fn not_found(&self, status: u16) -> ApiError {
        if status == 404 && !self.0.let_in.load(Ordering::Relaxed) {
            return ApiError::Token;
        }
        ApiError::NoMethod(status)
    }

    fn unreachable(&self, error: reqwest::Error) -> ApiError {
        if error.is_timeout() {
            return ApiError::Unreachable("no answer in time".to_owned());
        }
        let error = error.without_url();
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        ApiError::Unreachable(self.scrub(&text))
    }

    /// Without the token, and short.
    fn scrub(&self, text: &str) -> String {
        text.replace(&self.0.token, "…").chars().take(DESCRIPTION_CHARS).collect()
    }
}

#[cfg(test)]
mod tests;
