//! How often a person may ask for the same thing: REQUIREMENTS B3. What was granted is kept in the vault, so that a restart
//! gives nothing away.
use super::{Changes, Env};
use crate::domain::{Action, Effect, Input, Key, LoginMethod, Section, Timestamp};
use crate::limits::Rate;
use crate::store::UserContext;
use crate::t;
use crate::words::span;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::time::Duration;

/// How often each person may ask for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// To link a number.
    pub create: Rate,
    /// How their numbers stand.
    pub status: Rate,
    /// For a new QR picture in place of one that is shown.
    pub qr_refresh: Rate,
}

impl Rates {
    /// The same for each.
    pub fn all(per_minute: NonZeroU32) -> Self {
        let rate = Rate::per_minute(per_minute);
        Rates { create: rate, status: rate, qr_refresh: rate }
    }
}

/// What was granted so far: see [`Rate::take`].
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
struct Granted {
    create: Option<Timestamp>,
    status: Option<Timestamp>,
    qr_refresh: Option<Timestamp>,
}

const GRANTED: Key<Granted> = Key::new("rates");

enum Asked {
    Create,
    Status,
    QrRefresh,
}

/// The step, with what it asks for charged; in its place how long to wait, when that was asked for too often.
pub(super) fn charged(user: &UserContext, input: &Input, env: &Env, step: Changes) -> Changes {
    let Some(asked) = asked(user, input, &step) else { return step };
    let mut granted = user.get(GRANTED).unwrap_or_default();
    let (rate, before) = match asked {
        Asked::Create => (env.rules.rates.create, &mut granted.create),
        Asked::Status => (env.rules.rates.status, &mut granted.status),
        Asked::QrRefresh => (env.rules.rates.qr_refresh, &mut granted.qr_refresh),
    };
    match rate.take(*before, env.now) {
        Ok(next) => {
            *before = Some(next);
            step.set(GRANTED, &granted)
        }
        Err(wait) => refused(input, rate, wait),
    }
}

fn asked(user: &UserContext, input: &Input, step: &Changes) -> Option<Asked> {
    let method = step.effects.iter().find_map(|effect| match effect {
        Effect::StartLink(method) => Some(method),
        _ => None,
    });
    match (method, user.pressed(), input) {
        (Some(LoginMethod::Qr), Some(Action::LinkAnew(_)), _) => Some(Asked::QrRefresh),
        (Some(_), _, _) => Some(Asked::Create),
        (None, Some(Action::Open(Section::Numbers | Section::Status)), _)
        | (None, Some(Action::NumbersFrom { .. } | Action::Number(_)), _) => Some(Asked::Status),
        (None, _, Input::Command { name, .. }) if matches!(name.as_str(), "numbers" | "status") => Some(Asked::Status),
        _ => None,
    }
}

fn refused(input: &Input, rate: Rate, wait: Duration) -> Changes {
    let whole = Duration::from_secs(wait.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX));
    let text = t!("rate-limited", allowed = rate.allowed(), wait = span(whole));
    match input {
        Input::Press { callback, .. } => {
            Changes::default().effect(Effect::AnswerPress { callback: callback.clone(), text: Some(text), alert: true })
        }
        _ => Changes::default().say(text),
    }
}
