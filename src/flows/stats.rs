//! What an operator is shown of how the bot is used.
use super::Changes;
use crate::domain::effect::{Effect, Shown, Slot};
use crate::domain::{Chart, Choice, Hour, Phrase, Statistics, Timestamp};
use crate::limits::level::percent;
use crate::t;

/// How many hours the picture has.
const HOURS: usize = 24;

/// The figures, with a picture of the last hours.
pub fn told(found: &Statistics, now: Timestamp) -> Changes {
    let from = Timestamp(Hour::of(now).0 - (HOURS as i64 - 1) * Hour::MILLIS);
    let mut bars = vec![[0, 0]; HOURS];
    for hour in &found.hours {
        if let Some(bar) = usize::try_from((hour.at.0 - from.0) / Hour::MILLIS)
            .ok()
            .filter(|_| hour.at >= from)
            .and_then(|n| bars.get_mut(n))
        {
            *bar = [hour.received, hour.sent];
        }
    }
    let sum = |of: fn(&Hour) -> u64, from: Timestamp| -> String {
        found.hours.iter().filter(|hour| hour.at >= from).map(of).sum::<u64>().to_string()
    };
    let done = |span: &'static str, from: Timestamp| {
        t!(
            "stats-done",
            span = Choice(span),
            received = sum(|hour| hour.received, from),
            sent = sum(|hour| hour.sent, from),
            updates = sum(|hour| hour.updates, from)
        )
    };
    let used = found
        .used
        .iter()
        .map(|(resource, used, of)| t!("stats-used", what = Choice(resource.code()), percent = percent(*used, *of)));
    let known = found.known.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let caption = t!(
        "stats",
        since = found.since,
        known = known,
        awake = found.awake,
        connected = found.connected,
        numbers = found.numbers,
        waiting = found.waiting,
        day = done("day", from),
        week = done("week", Timestamp(0)),
        used = Phrase::lines(used)
    );
    Changes::default().effect(Effect::Show {
        slot: Slot::stats(now),
        shown: Shown::Chart { chart: Chart { bars, from, ahead: 0 }, caption },
        keyboard: Vec::new(),
        reply_to: None,
        expires_at: None,
    })
}
