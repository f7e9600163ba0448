//! How a call's parameters are read: JSON, urlencoded, query or multipart, made into one checked set.
//!
//! Owns nothing beyond one call. Telegram itself ignores what it does not know; here an unknown or ill-typed
//! parameter is refused, so that a mistake shows in a test and not in production.

use std::collections::HashMap;

use axum::{
    body::Bytes,
    extract::{FromRequest, Multipart, Request},
    http::{Method as Verb, header},
};
use serde_json::{Map, Value, json};

use super::{
    reply::Refusal,
    schema::{Kind, Method},
};

/// Above what Telegram takes as an upload (50 MB).
const BODY_LIMIT: usize = 52 * 1024 * 1024;

/// A part of a multipart body that carried a file.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) mime: Option<String>,
    pub(super) bytes: Bytes,
}

/// The parameters of one call, each of the documented type.
#[derive(Debug, Default)]
pub(super) struct Params {
    values: Map<String, Value>,
    files: HashMap<String, Upload>,
}

/// Who a call addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    Id(i64),
    Name(String),
}

impl Params {
    /// Reads the query and the body of a request.
    pub(super) async fn read(method: &'static Method, request: Request) -> Result<Self, Refusal> {
        let mut raw = RawParams::default();
        raw.add_form(request.uri().query().unwrap_or_default())?;
        if request.method() == Verb::POST {
            raw.add_body(request).await?;
        }
        raw.checked(method)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.values.get(name).and_then(Value::as_i64)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.values.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn json(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// An uploaded part by its field name.
    pub(super) fn file(&self, name: &str) -> Option<&Upload> {
        self.files.get(name)
    }

    pub(super) fn peer(&self) -> Result<Peer, Refusal> {
        match self.values.get("chat_id") {
            None => Err(Refusal::bad("chat_id is empty")),
            Some(value) => peer_of(value),
        }
    }

    /// For the call log: uploads appear by name and size.
    pub(super) fn logged(&self) -> Value {
        let mut all = self.values.clone();
        for (field, upload) in &self.files {
            all.insert(field.clone(), json!({ "file_name": upload.name, "size_bytes": upload.bytes.len() }));
        }
        Value::Object(all)
    }
}

pub(super) fn peer_of(value: &Value) -> Result<Peer, Refusal> {
    if let Some(id) = value.as_i64() {
        return Ok(Peer::Id(id));
    }
    let text = value.as_str().unwrap_or_default();
    if text.is_empty() {
        return Err(Refusal::bad("chat_id is empty"));
    }
    match (text.parse::<i64>(), text.strip_prefix('@')) {
        (Ok(id), _) => Ok(Peer::Id(id)),
        (Err(_), Some(name)) => Ok(Peer::Name(name.to_owned())),
        (Err(_), None) => Err(Refusal::bad("chat not found")),
    }
}

/// What came over the wire, before the table was asked.
#[derive(Default)]
struct RawParams {
    /// From JSON bodies: typed already.
    typed: Map<String, Value>,
    /// From forms and queries: text.
    texts: Vec<(String, String)>,
    files: HashMap<String, Upload>,
}

impl RawParams {
    fn add_form(&mut self, form: &str) -> Result<(), Refusal> {
        if form.is_empty() {
            return Ok(());
        }
        let mut carrier = reqwest::Url::parse("http://localhost/").map_err(|_| unreadable())?;
        carrier.set_query(Some(form));
        self.texts.extend(carrier.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())));
        Ok(())
    }

    async fn add_body(&mut self, request: Request) -> Result<(), Refusal> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind == "multipart/form-data" {
            return self.add_multipart(request).await;
        }
        let bytes = axum::body::to_bytes(request.into_body(), BODY_LIMIT).await.map_err(|_| too_large())?;
        if bytes.is_empty() {
            return Ok(());
        }
        match kind.as_str() {
            "application/json" => match serde_json::from_slice(&bytes) {
                Ok(Value::Object(map)) => self.typed = map,
                Ok(_) => return Err(Refusal::bad("can't parse JSON object")),
                Err(_) => return Err(Refusal::bad("can't parse JSON")),
            },
            "application/x-www-form-urlencoded" => {
                self.add_form(std::str::from_utf8(&bytes).map_err(|_| not_utf8())?)?;
            }
            _ => return Err(Refusal::bad("unsupported content type")),
        }
        Ok(())
    }

    async fn add_multipart(&mut self, request: Request) -> Result<(), Refusal> {
        // The limit of axum's extractor is set where the route is made; the form is read part by part here.
        let mut form = Multipart::from_request(request, &()).await.map_err(|_| unreadable())?;
        while let Some(part) = form.next_field().await.map_err(|_| unreadable())? {
            let Some(field) = part.name().map(str::to_owned) else { return Err(unreadable()) };
            let file_name = part.file_name().map(str::to_owned);
            let mime = part.content_type().map(str::to_owned);
            let bytes = part.bytes().await.map_err(|_| too_large())?;
            match file_name {
                Some(name) => {
                    self.files.insert(field, Upload { name, mime, bytes });
                }
                None => {
                    let text = String::from_utf8(bytes.to_vec()).map_err(|_| not_utf8())?;
                    self.texts.push((field, text));
                }
            }
        }
        Ok(())
    }

    fn checked(self, method: &'static Method) -> Result<Params, Refusal> {
        let mut values = Map::new();
        for (name, value) in self.typed {
            let kind = method.kind_of(&name).ok_or_else(|| unknown(&name, method))?;
            if !value.is_null() {
                values.insert(name.clone(), typed(kind, value).ok_or_else(|| ill_typed(&name, kind))?);
            }
        }
        for (name, text) in self.texts {
            let kind = method.kind_of(&name).ok_or_else(|| unknown(&name, method))?;
            if let Some(value) = from_text(kind, &name, text)? {
                values.insert(name, value);
            }
        }
        for field in self.files.keys() {
            let direct = method.kind_of(field) == Some(Kind::File);
            if !direct && !mentioned(&values, field) {
                return Err(unknown(field, method));
            }
        }
        Ok(Params { values, files: self.files })
    }
}

/// Whether some value says `attach://field`.
fn mentioned(values: &Map<String, Value>, field: &str) -> bool {
    fn inside(value: &Value, link: &str) -> bool {
        match value {
            Value::String(text) => text == link,
            Value::Array(items) => items.iter().any(|item| inside(item, link)),
            Value::Object(map) => map.values().any(|item| inside(item, link)),
            _ => false,
        }
    }
    let link = format!("attach://{field}");
    values.values().any(|value| inside(value, &link))
}

fn typed(kind: Kind, value: Value) -> Option<Value> {
    match (kind, &value) {
        (Kind::Integer, Value::Number(number)) if number.is_i64() => Some(value),
        (Kind::Integer, Value::String(text)) => text.parse::<i64>().ok().map(Value::from),
        (Kind::Boolean, Value::Bool(_)) | (Kind::Text | Kind::File | Kind::Chat, Value::String(_)) => Some(value),
        (Kind::Boolean, Value::String(text)) => boolean(text).map(Value::Bool),
        (Kind::Chat, Value::Number(number)) if number.is_i64() => Some(value),
        (Kind::Json, Value::Object(_) | Value::Array(_)) => Some(value),
        // Libraries of the older kind send JSON inside JSON.
        (Kind::Json, Value::String(text)) => {
            serde_json::from_str(text).ok().filter(|inner: &Value| inner.is_object() || inner.is_array())
        }
        _ => None,
    }
}

fn from_text(kind: Kind, name: &str, text: String) -> Result<Option<Value>, Refusal> {
    match kind {
        Kind::Text | Kind::File | Kind::Chat => Ok(Some(Value::String(text))),
        // An empty field is how forms leave something out.
        _ if text.is_empty() => Ok(None),
        Kind::Integer => text.parse::<i64>().map(|number| Some(number.into())).map_err(|_| ill_typed(name, kind)),
        Kind::Boolean => boolean(&text).map(|flag| Some(Value::Bool(flag))).ok_or_else(|| ill_typed(name, kind)),
        Kind::Json => serde_json::from_str::<Value>(&text)
            .ok()
            .filter(|value| value.is_object() || value.is_array())
            .map(Some)
            .ok_or_else(|| Refusal::bad(format!("can't parse {} JSON object", name.replace('_', " ")))),
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" => Some(false),
        _ => None,
    }
}

fn unknown(name: &str, method: &Method) -> Refusal {
    Refusal::bad(format!("unknown parameter \"{name}\" of {}", method.name))
}

fn ill_typed(name: &str, kind: Kind) -> Refusal {
    Refusal::bad(format!("field \"{name}\" must be of type {}", kind.documented_name()))
}

fn unreadable() -> Refusal {
    Refusal::bad("can't read the request")
}

fn not_utf8() -> Refusal {
    Refusal::bad("strings must be encoded in UTF-8")
}

fn too_large() -> Refusal {
    Refusal { code: 413, description: "Request Entity Too Large".into(), retry_after: None }
}
