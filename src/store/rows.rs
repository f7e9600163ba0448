//! How domain values stand in columns: states and reasons by their stable words, the rest as JSON.
use super::error::{Result, StoreError};
use rusqlite::types::Type;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value as JSON.
///
/// # Errors
/// [`StoreError`] when it has no JSON form.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Query(rusqlite::Error::ToSqlConversionFailure(Box::new(e))))
}

/// A value back from its JSON. The error carries no content.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|_| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, "a stored value cannot be read".into()))
}

/// A unit variant as its bare word, without JSON's quotation marks.
pub(super) fn word<T: Serialize>(value: &T) -> Result<String> {
    Ok(json(value)?.trim_matches('"').to_owned())
}

/// A unit variant back from its word.
pub(super) fn from_word<T: DeserializeOwned>(word: &str) -> rusqlite::Result<T> {
    from_json(&format!("\"{word}\""))
}
