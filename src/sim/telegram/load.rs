//! Measured updates: when each was queued, first handed to the bot, and replied to.
//!
//! Owns the measurements. Costs one map look-up per message of the bot while nothing is measured in its chat.

use std::collections::{HashMap, VecDeque};

use super::wire::{BulkReport, Matching, Spread};

/// The first number that stands for `{n}`: long enough that no other number in a reply looks like it.
const FIRST_NUMBER: u64 = 1_000_000;

#[derive(Debug, Clone, Copy, Default)]
struct Track {
    user: i64,
    queued_us: u64,
    handed_us: u64,
    replied_us: u64,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    track: usize,
    matching: Matching,
}

/// All measured updates.
#[derive(Debug, Default)]
pub(super) struct Load {
    tracks: Vec<Track>,
    waiting: HashMap<i64, VecDeque<Waiting>>,
    delivered: u64,
    replied: u64,
    last_us: u64,
}

impl Load {
    pub(super) fn next_number(&self) -> u64 {
        FIRST_NUMBER + self.tracks.len() as u64
    }

    pub(super) fn queued(&mut self, user: i64, matching: Matching, now_us: u64) -> usize {
        let track = self.tracks.len();
        self.tracks.push(Track { user, queued_us: now_us, ..Track::default() });
        if matching != Matching::None {
            self.waiting.entry(user).or_default().push_back(Waiting { track, matching });
        }
        track
    }

    pub(super) fn handed_over(&mut self, tracks: &[usize], now_us: u64) {
        for index in tracks {
            if let Some(track) = self.tracks.get_mut(*index).filter(|track| track.handed_us == 0) {
                track.handed_us = now_us;
                self.delivered += 1;
            }
        }
    }

    /// A message of the bot; true when it was the reply to something.
    pub(super) fn replied(&mut self, chat: i64, text: &str, now_us: u64) -> bool {
        let Some(waiting) = self.waiting.get_mut(&chat) else { return false };
        let found = waiting.iter().position(|entry| match entry.matching {
            Matching::Fifo => true,
            Matching::Token => has_number(text, FIRST_NUMBER + entry.track as u64),
            Matching::None => false,
        });
        let Some(entry) = found.and_then(|at| waiting.remove(at)) else { return false };
        if waiting.is_empty() {
            self.waiting.remove(&chat);
        }
        self.tracks[entry.track].replied_us = now_us;
        self.replied += 1;
        self.last_us = now_us;
        true
    }

    pub(super) fn replies(&self) -> u64 {
        self.replied
    }

    pub(super) fn deliveries(&self) -> u64 {
        self.delivered
    }

    /// The report over users within the range.
    pub(super) fn report(&self, users: std::ops::RangeInclusive<i64>, samples: bool) -> BulkReport {
        let chosen = || self.tracks.iter().filter(|track| users.contains(&track.user));
        let done = || chosen().filter(|track| track.replied_us > 0);
        BulkReport {
            enqueued: chosen().count() as u64,
            delivered: chosen().filter(|track| track.handed_us > 0).count() as u64,
            replied: done().count() as u64,
            from_enqueue: spread(done().map(|track| track.replied_us - track.queued_us).collect()),
            from_delivery: spread(done().map(|track| track.replied_us.saturating_sub(track.handed_us)).collect()),
            first_us: chosen().map(|track| track.queued_us).min().unwrap_or_default(),
            last_us: done().map(|track| track.replied_us).max().unwrap_or_default(),
            samples: if samples { chosen().map(sample).collect() } else { Vec::new() },
        }
    }
}

fn sample(track: &Track) -> [i64; 4] {
    let micros = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    [track.user, micros(track.queued_us), micros(track.handed_us), micros(track.replied_us)]
}

fn has_number(text: &str, number: u64) -> bool {
    text.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| word.parse() == Ok(number))
}

fn spread(mut values: Vec<u64>) -> Spread {
    values.sort_unstable();
    let at = |percent: usize| {
        let rank = (values.len() * percent).div_ceil(100).max(1) - 1;
        values.get(rank).copied().unwrap_or_default()
    };
    Spread {
        count: values.len() as u64,
        p50_us: at(50),
        p90_us: at(90),
        p99_us: at(99),
        max_us: values.last().copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_matched_in_order_or_by_number() {
        let mut load = Load::default();
        load.queued(5, Matching::Fifo, 10);
        let number = load.next_number();
        load.queued(6, Matching::Token, 20);
        load.handed_over(&[0, 1], 30);
        assert!(!load.replied(7, "x", 40));
        assert!(!load.replied(6, "something else", 40));
        assert!(load.replied(6, &format!("echo {number}!"), 50));
        assert!(load.replied(5, "x", 110));
        let report = load.report(i64::MIN..=i64::MAX, true);
        assert_eq!((report.enqueued, report.delivered, report.replied), (2, 2, 2));
        assert_eq!((report.from_enqueue.p50_us, report.from_enqueue.max_us), (30, 100));
        assert_eq!(report.samples[1], [6, 20, 30, 50]);
    }
}
