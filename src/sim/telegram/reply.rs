//! What the server answers: Telegram's envelope and its refusals, in Telegram's own words.
//!
//! Owns no state. Must not know which method was called.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

/// What a method gives: the `result`, or a refusal.
pub(super) type Answer = Result<Value, Refusal>;

/// A call that was turned down.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) description: Cow<'static, str>,
    pub(super) retry_after: Option<u64>,
}

impl Refusal {
    fn new(code: u16, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into(), retry_after: None }
    }

    /// 400, with the prefix that Telegram puts before every such text.
    pub(super) fn bad(text: impl AsRef<str>) -> Self {
        Self::new(400, format!("Bad Request: {}", text.as_ref()))
    }

    pub(super) fn forbidden(text: impl AsRef<str>) -> Self {
        Self::new(403, format!("Forbidden: {}", text.as_ref()))
    }

    pub(super) fn conflict(text: impl AsRef<str>) -> Self {
        Self::new(409, format!("Conflict: {}", text.as_ref()))
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized")
    }

    /// What Telegram says to an unknown method.
    pub(super) fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    pub(super) fn too_many(retry_after: u64) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(429, format!("Too Many Requests: retry after {retry_after}"))
        }
    }

    /// An answer that a fault asked for.
    pub(super) fn injected(code: u16, retry_after: Option<u64>, description: Option<&str>) -> Self {
        if code == 429 {
            return Self::too_many(retry_after.unwrap_or(1));
        }
        let text = description.map_or_else(
            || match code {
                500 => "Internal Server Error".to_owned(),
                502 => "Bad Gateway".to_owned(),
                503 => "Service Unavailable".to_owned(),
                504 => "Gateway Timeout".to_owned(),
                other => format!("Injected {other}"),
            },
            str::to_owned,
        );
        Self { retry_after, ..Self::new(code, text) }
    }

    fn body(&self) -> String {
        let mut body = json!({ "ok": false, "error_code": self.code, "description": self.description });
        if let Some(seconds) = self.retry_after {
            body["parameters"] = json!({ "retry_after": seconds });
        }
        body.to_string()
    }
}

/// A JSON body with its status.
pub(super) fn json_response(status: u16, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `result` is JSON text already.
pub(super) fn ok_response(result: &str) -> Response {
    json_response(200, format!("{{\"ok\":true,\"result\":{result}}}"))
}

pub(super) fn refusal_response(refusal: &Refusal) -> Response {
    json_response(refusal.code, refusal.body())
}
