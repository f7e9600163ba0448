//! How does a row lie in Redis?
//!
//! Owns the form: `stamp:version:expires_at:payload`, where a removed one has no payload. The scripts read it too. Pure.

use crate::domain::Timestamp;
use crate::session::error::{Result, SessionError};
use crate::session::key::SessionKey;
use crate::session::payload::Payload;
use crate::session::row::Row;
use crate::session::store::Version;

pub(in crate::session) fn encode(row: &Row) -> String {
    let payload = row.payload.as_ref().map_or("", Payload::as_str);
    format!("{}:{}:{}:{payload}", row.stamp, row.version, row.expires_at.0)
}

/// # Errors
/// [`SessionError::Shape`]: it was not written by us, or belongs under another key.
pub(in crate::session) fn decode(key: &SessionKey, text: &str) -> Result<Row> {
    let mut parts = text.splitn(4, ':');
    let mut next = || parts.next().ok_or(SessionError::Shape);
    let stamp = next()?.parse().map_err(|_| SessionError::Shape)?;
    let version = Version(next()?.parse().map_err(|_| SessionError::Shape)?);
    let expires_at = Timestamp(next()?.parse().map_err(|_| SessionError::Shape)?);
    let text = next()?;
    let payload = if text.is_empty() { None } else { Some(Payload::from_text(text)?) };
    if let Some(payload) = &payload {
        payload.still_fits(key)?;
    }
    Ok(Row { key: *key, stamp, version, expires_at, payload })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::contract::{registration, registration_key};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,60}", stamp in any::<u64>(), end in any::<i64>()) {
            let key = registration_key(7);
            prop_assert!(decode(&key, &text).is_err());
            let removed = decode(&key, &format!("{stamp}:{stamp}:{end}:")).unwrap();
            prop_assert_eq!((removed.stamp, removed.live(Timestamp(0))), (stamp, None));
            let other = format!("{stamp}:{stamp}:{end}:{text}x");
            prop_assert!(decode(&key, &other).is_err());
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_nothing_else() {
        let key = registration_key(7);
        let row =
            Row { key, stamp: 12, version: Version(11), expires_at: Timestamp(-5), payload: Some(registration(7, 3)) };
        assert_eq!(decode(&key, &encode(&row)).unwrap(), row);
        let removed = Row { payload: None, ..row.clone() };
        assert_eq!(encode(&removed), "12:11:-5:");
        assert_eq!(decode(&key, &encode(&removed)).unwrap(), removed);
        for wrong in ["", "12", "12:11:-5", "x:11:-5:", "12:11:-5:hello", "12:11:-5:{}"] {
            assert_eq!(decode(&key, wrong).unwrap_err().code(), "session-shape", "{wrong}");
        }
        assert_eq!(decode(&registration_key(8), &encode(&row)).unwrap_err().code(), "session-shape");
    }
}
