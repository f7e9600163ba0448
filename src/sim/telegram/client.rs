//! The control API in Rust: to be a user of the simulated Telegram from a test, the tour or a benchmark.
//!
//! Owns an HTTP client. Works the same in the server's process and in any other. Waits are for events: every wait has a
//! deadline, and what was seen until then is in the error.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Url};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::wire::{Acted, Bulk, BulkReport, CallbackReply, Calls, Fault, Press, RateLimits, Say, Stats, Transcript};

pub use super::person::SimUser;

/// Beyond what a request waits for by itself.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// One round of a wait; longer waits are several rounds.
pub(super) const ROUND: Duration = Duration::from_secs(20);

/// Why a request to the simulator failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be one of a simulator.
    #[error("use this address: it is not a loopback http address")]
    Address,
    /// No answer.
    #[error("reach the Telegram simulator")]
    Unreachable(#[source] reqwest::Error),
    /// It said no.
    #[error("do that on the simulated Telegram ({status}): {words}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        words: String,
    },
    /// What was waited for did not come.
    #[error("see {what} within {within:?}; seen instead:\n{seen}")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        within: Duration,
        /// What came instead.
        seen: String,
    },
}

/// Results of this module.
pub type Result<T> = std::result::Result<T, ClientError>;

/// A connection to the control API.
#[derive(Debug, Clone)]
pub struct SimClient {
    http: reqwest::Client,
    base: Url,
}

impl SimClient {
    /// Takes the address of the server, `http://127.0.0.1:PORT`.
    ///
    /// # Errors
    /// When the address is not loopback.
    pub fn new(base: &str) -> Result<Self> {
        let base = Url::parse(base).map_err(|_| ClientError::Address)?;
        let local = base.host_str().is_some_and(|host| matches!(host, "127.0.0.1" | "localhost" | "[::1]"));
        if !local || base.scheme() != "http" {
            return Err(ClientError::Address);
        }
        let http = reqwest::Client::builder().no_proxy().build().map_err(ClientError::Unreachable)?;
        Ok(Self { http, base })
    }

    /// A person on this Telegram, in their private chat with the bot.
    pub fn user(&self, id: i64) -> SimUser {
        SimUser::new(self.clone(), id)
    }

    /// A user writes something.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn say(&self, say: &Say) -> Result<Acted> {
        self.post("say", say).await
    }

    /// A user presses something.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn press(&self, press: &Press) -> Result<Acted> {
        self.post("press", press).await
    }

    /// Queues any object as an update.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn update(&self, update: &Value) -> Result<Acted> {
        self.post("update", update).await
    }

    /// Messages of a chat that changed after the cursor; waits for one.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn transcript(&self, chat: i64, after: u64, wait: Duration) -> Result<Transcript> {
        let query = [("chat", chat.to_string()), ("after", after.to_string()), ("wait_ms", millis(wait))];
        self.get("transcript", &query, wait).await
    }

    /// Calls that the bot made after the cursor, of one method or of all; waits for one.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn calls(&self, method: Option<&str>, after: u64, wait: Duration) -> Result<Calls> {
        let mut query = vec![("after", after.to_string()), ("wait_ms", millis(wait))];
        query.extend(method.map(|name| ("method", name.to_owned())));
        self.get("calls", &query, wait).await
    }

    /// What the bot answered to a press; waits until it did.
    ///
    /// # Errors
    /// When the server cannot be reached or does not know the press.
    pub async fn answer(&self, callback_query_id: &str, wait: Duration) -> Result<CallbackReply> {
        self.get("answer", &[("id", callback_query_id.to_owned()), ("wait_ms", millis(wait))], wait).await
    }

    /// The bytes of a message's picture or file.
    ///
    /// # Errors
    /// When the server cannot be reached or the message shows none.
    pub async fn file_of_message(&self, chat: i64, message_id: i64) -> Result<Bytes> {
        let query = [("chat", chat.to_string()), ("message_id", message_id.to_string())];
        let request = self.request(Method::GET, "file", Duration::ZERO).query(&query);
        let response = accepted(request.send().await.map_err(ClientError::Unreachable)?).await?;
        response.bytes().await.map_err(ClientError::Unreachable)
    }

    /// Makes something go wrong.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn fault(&self, fault: &Fault) -> Result<()> {
        self.post::<_, Value>("fault", fault).await.map(|_| ())
    }

    /// Takes back all faults and ends an outage.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn clear_faults(&self) -> Result<()> {
        let response = self.request(Method::DELETE, "faults", Duration::ZERO).send().await;
        accepted(response.map_err(ClientError::Unreachable)?).await.map(|_| ())
    }

    /// Cuts every connection of the bot, or no longer does.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn outage(&self, on: bool) -> Result<()> {
        self.post::<_, Value>("outage", &json!({ "on": on })).await.map(|_| ())
    }

    /// Sets the limits on sending.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn set_limits(&self, limits: RateLimits) -> Result<()> {
        self.post::<_, Value>("limits", &limits).await.map(|_| ())
    }

    /// Queues many measured messages.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn bulk(&self, bulk: &Bulk) -> Result<()> {
        self.post::<_, Value>("bulk", bulk).await.map(|_| ())
    }

    /// How long replies took, of users in the range or of all; waits until so many replies came in total.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn bulk_report(
        &self,
        users: Option<(i64, i64)>,
        replied: u64,
        samples: bool,
        wait: Duration,
    ) -> Result<BulkReport> {
        let deadline = Instant::now() + wait;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let round = left.min(ROUND);
            let mut query =
                vec![("replied", replied.to_string()), ("samples", samples.to_string()), ("wait_ms", millis(round))];
            if let Some((first, last)) = users {
                query.extend([("from_user", first.to_string()), ("to_user", last.to_string())]);
            }
            let report: BulkReport = self.get("bulk", &query, round).await?;
            if users.is_some() || report.replied >= replied || left <= ROUND {
                return Ok(report);
            }
        }
    }

    /// Counters.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn stats(&self) -> Result<Stats> {
        self.get("stats", &[], Duration::ZERO).await
    }

    /// Forgets everything but which ids were used.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn reset(&self) -> Result<()> {
        self.post::<_, Value>("reset", &json!({})).await.map(|_| ())
    }

    fn request(&self, method: Method, name: &str, wait: Duration) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(&format!("/control/{name}"));
        self.http.request(method, url).timeout(wait + REQUEST_TIMEOUT)
    }

    pub(super) async fn post<B: Serialize + ?Sized, T: DeserializeOwned>(&self, name: &str, body: &B) -> Result<T> {
        // A bulk of hundreds of thousands takes its time.
        let wait = if name == "bulk" { Duration::from_secs(60) } else { Duration::ZERO };
        let response = self.request(Method::POST, name, wait).json(body).send().await;
        let response = accepted(response.map_err(ClientError::Unreachable)?).await?;
        response.json().await.map_err(ClientError::Unreachable)
    }

    async fn get<T: DeserializeOwned>(&self, name: &str, query: &[(&str, String)], wait: Duration) -> Result<T> {
        let response = self.request(Method::GET, name, wait).query(query).send().await;
        let response = accepted(response.map_err(ClientError::Unreachable)?).await?;
        response.json().await.map_err(ClientError::Unreachable)
    }
}

fn millis(wait: Duration) -> String {
    wait.as_millis().to_string()
}

async fn accepted(response: reqwest::Response) -> Result<reqwest::Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let words = response.text().await.map_err(ClientError::Unreachable)?;
    Err(ClientError::Refused { status, words })
}
