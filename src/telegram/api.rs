//! One request to the Bot API, within a deadline, and what came of it.
//!
//! Owns the HTTP client and the token; the token is in no error, no log and no `Debug`. Never repeats a request and never
//! sleeps: teloxide's own network layer sleeps ten seconds on every 5xx, so it carries none of our calls.
use reqwest::multipart::Form;
use reqwest::{Client, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::error::Error as _;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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

/// The bot, as it knows itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Me {
    /// Its id.
    pub id: i64,
    /// Its name, without `@`.
    #[serde(default)]
    pub username: String,
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
            let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
            if literal.is_ok_and(|ip| !ip.to_canonical().is_loopback()) {
                return Err(SetupError::NotLoopback);
            }
            client = client.no_proxy().dns_resolver(Arc::new(LoopbackOnly));
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
        self.call::<Value>("setMyCommands", &parameters).await.map(drop)
    }

    /// Ends a webhook, which would keep updates from being fetched; what waits stays.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn delete_webhook(&self) -> Result<(), ApiError> {
        self.call::<Value>("deleteWebhook", &json!({ "drop_pending_updates": false })).await.map(drop)
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
        self.finish(self.request(method).json(parameters).timeout(deadline)).await
    }

    /// One call with files.
    pub(super) async fn upload<T: DeserializeOwned>(&self, method: &str, form: Form) -> Result<T, ApiError> {
        self.finish(self.request(method).multipart(form)).await
    }

    fn request(&self, method: &str) -> reqwest::RequestBuilder {
        self.0.client.post(format!("{}{method}", self.0.prefix))
    }

    async fn finish<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, ApiError> {
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

/// Resolves names to this machine's own addresses and to nothing else.
struct LoopbackOnly;

impl reqwest::dns::Resolve for LoopbackOnly {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() || found.iter().any(|address| !address.ip().to_canonical().is_loopback()) {
                return Err(SetupError::NotLoopback.into());
            }
            Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "123456:A-secret_token";

    fn api(url: &str, loopback_only: bool) -> Result<Api, SetupError> {
        let deadline = Duration::from_secs(2);
        Api::new(ApiConfig { token: TOKEN.into(), api_url: url.parse().unwrap(), deadline, loopback_only })
    }

    #[test]
    fn only_this_machine_where_asked() {
        assert!(api("http://127.0.0.1:1", true).is_ok());
        assert!(api("http://[::1]:1", true).is_ok());
        assert!(api("http://localhost:1", true).is_ok());
        assert!(matches!(api("http://192.0.2.1:1", true), Err(SetupError::NotLoopback)));
        assert!(api("https://192.0.2.1", false).is_ok());
        assert!(matches!(api("ftp://127.0.0.1", false), Err(SetupError::Address)));
    }

    #[test]
    fn a_token_cannot_change_the_address() {
        for token in ["", "123", "1:a/../../x", "1:a?b", "1:a b", "1:a#"] {
            let config = ApiConfig {
                token: token.into(),
                api_url: "http://127.0.0.1:1".parse().unwrap(),
                deadline: Duration::from_secs(1),
                loopback_only: true,
            };
            assert!(matches!(Api::new(config), Err(SetupError::Token)), "{token}");
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let api = api("http://127.0.0.1:1", true).unwrap();
        let judge = |status, body: &str| api.judge::<bool>(status, body.as_bytes());
        for unread in [(404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#), (404, "not here")] {
            assert!(matches!(judge(unread.0, unread.1), Err(ApiError::Token)), "nothing is known of the token yet");
        }
        assert!(judge(200, r#"{"ok":true,"result":true,"new":1}"#).unwrap());
        assert!(matches!(judge(200, r#"{"ok":true}"#), Err(ApiError::Unreachable(_))));
        assert!(api.judge::<Value>(200, br#"{"ok":true,"result":null}"#).unwrap().is_null());
        for missing in [
            (404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#),
            (404, "<html>"),
            (405, ""),
            (501, r#"{"ok":false,"error_code":501,"description":"Not Implemented"}"#),
        ] {
            assert!(matches!(judge(missing.0, missing.1), Err(ApiError::NoMethod(s)) if s == missing.0));
        }
        let refused = format!(r#"{{"ok":false,"error_code":400,"description":"Bad Request: {TOKEN}"}}"#);
        let error = judge(400, &refused).unwrap_err();
        assert!(matches!(&error, ApiError::Refused { code: 400, .. }));
        assert!(!format!("{error} {error:?}").contains(TOKEN));
        let wait = r#"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":7}}"#;
        assert!(matches!(judge(429, wait), Err(ApiError::RetryAfter(d)) if d.as_secs() == 7));
        assert!(matches!(judge(429, "slow down"), Err(ApiError::RetryAfter(_))));
        assert!(matches!(judge(401, r#"{"ok":false,"error_code":401}"#), Err(ApiError::Token)));
        assert!(matches!(judge(409, r#"{"ok":false,"error_code":409}"#), Err(ApiError::Conflict)));
        assert!(matches!(judge(502, "<html>"), Err(ApiError::Unreachable(_))));
        assert!(matches!(judge(200, r#"{"ok":true,"result":"text"}"#), Err(ApiError::Unreachable(_))));
        assert!(matches!(judge(302, ""), Err(ApiError::Unreachable(_))));
    }

    #[tokio::test]
    async fn no_error_carries_the_token() {
        let closed = api("http://127.0.0.1:1", true).unwrap();
        let error = closed.get_me().await.unwrap_err();
        assert!(matches!(error, ApiError::Unreachable(_)));
        assert!(!format!("{error} {error:?} {closed:?}").contains("secret_token"));
    }
}
