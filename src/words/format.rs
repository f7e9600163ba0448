//! Numbers and moments, as each language writes them.
use super::Locale;
use crate::domain::{Language, Timestamp};
use chrono::{DateTime, Datelike as _, NaiveTime, Offset as _, TimeZone as _, Utc};
use fluent_bundle::FluentValue;

/// A whole number with its thousands apart.
pub(super) fn number(value: &FluentValue<'_>, separator: char) -> Option<String> {
    let FluentValue::Number(number) = value else { return None };
    let text = number.as_string();
    let digits = text.trim_start_matches('-');
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut out = String::from(if digits.len() < text.len() { "-" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(separator);
        }
        out.push(digit);
    }
    Some(out)
}

const MONTHS: [(&str, &str); 12] = [
    ("Jan", "Jan"),
    ("Feb", "Feb"),
    ("Mar", "Mar"),
    ("Apr", "Apr"),
    ("May", "Mei"),
    ("Jun", "Jun"),
    ("Jul", "Jul"),
    ("Aug", "Agu"),
    ("Sep", "Sep"),
    ("Oct", "Okt"),
    ("Nov", "Nov"),
    ("Dec", "Des"),
];

/// A moment, to the minute, in the reader's time zone, which is named.
pub(super) fn moment(at: Timestamp, locale: Locale) -> String {
    let Some(utc) = DateTime::<Utc>::from_timestamp_millis(at.0) else { return at.to_string() };
    let local = utc.with_timezone(&locale.zone);
    let month = MONTHS.get(local.month0() as usize).copied().unwrap_or_default();
    match locale.language {
        Language::English => format!("{} {} {}", local.format("%-d"), month.0, local.format("%Y, %H:%M %Z")),
        Language::Indonesian => format!("{} {} {}", local.format("%-d"), month.1, local.format("%Y pukul %H.%M %Z")),
    }
}

/// How far the reader's clocks are ahead of UTC, in minutes.
pub(super) fn minutes_ahead(at: Timestamp, locale: Locale) -> i32 {
    let utc = DateTime::<Utc>::from_timestamp_millis(at.0).unwrap_or_default();
    utc.with_timezone(&locale.zone).offset().fix().local_minus_utc() / 60
}

/// When the day of this moment began in the reader's time zone. Where clocks skip midnight, the moment that they skip to
/// is not looked for: the day then begins at midnight of Greenwich.
pub fn midnight(at: Timestamp, locale: Locale) -> Timestamp {
    let Some(utc) = DateTime::<Utc>::from_timestamp_millis(at.0) else { return at };
    let day = utc.with_timezone(&locale.zone).date_naive().and_time(NaiveTime::MIN);
    let begins = locale.zone.from_local_datetime(&day).earliest().map(|begins| begins.to_utc());
    Timestamp(begins.unwrap_or_else(|| day.and_utc()).timestamp_millis())
}
