//! How much, how often, how long: the figures of the whole process.
//!
//! Whoever does something counts it here, in one line, under one of the names below; `http` writes all of them down. They
//! are the one thing that is the process's and not somebody's: a figure has no owner, so nothing here can tell anything
//! about anybody. No label holds what comes from outside, and none names a person, a number or a chat. What is true only at
//! the moment at which it is asked for (queues, states) is not kept here; `users::vitals` looks.
//!
//! Own atomics rather than a library: `prometheus-client` and `metrics` with its exporter both register, lock and allocate
//! at run time for labels that are not known in advance. All of ours are.
mod cells;
pub mod process;
mod text;

pub use cells::{Cell, Counter, Family, Figure, Histogram, Label, Labelled, Table};
pub use text::{CONTENT_TYPE, Kind, Page};

use crate::domain::{Class, ClientEvent, LoginStep, Reason};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $label:literal { $($(#[$vdoc:meta])* $value:ident = $code:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $value,)+ }
        impl Label for $name {
            const NAME: &'static str = $label;
            const ALL: &'static [Self] = &[$(Self::$value,)+];
            fn code(self) -> &'static str {
                match self { $(Self::$value => $code,)+ }
            }
        }
    )+};
}

labels! {
    /// What became of an update on its way in.
    Taken = "outcome" {
        /// Committed for its owner.
        Stored = "stored",
        /// It has no owner: a group's, a channel's, a bot's.
        Nobodys = "nobodys",
        /// No update at all.
        Unreadable = "unreadable",
    }
    /// What a request to the webhook was answered.
    Hooked = "outcome" {
        /// Its update is committed.
        Taken = "taken",
        /// Without the secret, or with a wrong one.
        Forged = "forged",
        /// Too large, too slow, no JSON, not a POST.
        Refused = "refused",
        /// It could not be stored; Telegram tries again.
        Unstored = "unstored",
    }
    /// What became of an update's step.
    Stepped = "outcome" {
        /// Committed.
        Done = "done",
        /// Panicked; it is tried once more.
        Panicked = "panicked",
        /// Lies with the dead letters.
        SetAside = "set_aside",
        /// The vault did not work; it waits.
        Failed = "failed",
    }
    /// What Telegram answered.
    Answered = "outcome" {
        /// Done.
        Ok = "ok",
        /// Too many requests.
        RetryAfter = "retry_after",
        /// Refused for good.
        Refused = "refused",
        /// Another program takes this bot's updates.
        Conflict = "conflict",
        /// The token is not known.
        Token = "token",
        /// The server does not have the method.
        NoMethod = "no_method",
        /// No usable answer.
        Unreachable = "unreachable",
    }
    /// What became of a message to a person.
    Said = "outcome" {
        /// It stands in the chat.
        Sent = "sent",
        /// Telegram asked to wait.
        RetryAfter = "retry_after",
        /// No answer; it is tried again.
        Unreachable = "unreachable",
        /// The person has blocked the bot; it waits.
        Blocked = "blocked",
        /// Refused for good.
        Refused = "refused",
    }
    /// What became of a message from WhatsApp.
    Received = "outcome" {
        /// Stored; WhatsApp was told.
        Stored = "stored",
        /// It lay there already.
        Repeated = "repeated",
        /// It could not be stored; WhatsApp delivers it again.
        Failed = "failed",
    }
    /// What became of a message to WhatsApp.
    Sent = "outcome" {
        /// WhatsApp's server has it.
        Accepted = "accepted",
        /// It was not sent and never will be.
        Rejected = "rejected",
        /// Nobody knows yet.
        Unknown = "unknown",
        /// The number was not online; it waits.
        NotConnected = "not_connected",
    }
    /// A step of linking.
    LinkStep = "step" {
        /// From being asked for to the first picture or code from WhatsApp.
        FirstCode = "first_code",
        /// From the first picture or code to the phone's confirmation: the person's own time.
        Confirmed = "confirmed",
        /// From the phone's confirmation to the first login.
        Linked = "linked",
    }
    /// Why a client starts.
    Connect = "kind" {
        /// To link a number.
        Link = "link",
        /// To bring a linked number online.
        Login = "login",
    }
}

impl Label for Class {
    const NAME: &'static str = "class";
    const ALL: &'static [Self] = &[Class::Answer, Class::Forward, Class::Progress];
    fn code(self) -> &'static str {
        match self {
            Class::Answer => "answer",
            Class::Forward => "forward",
            Class::Progress => "progress",
        }
    }
}

impl Label for Reason {
    const NAME: &'static str = "reason";
    const ALL: &'static [Self] = Reason::ALL;
    fn code(self) -> &'static str {
        Reason::code(self)
    }
}

const REASONS: usize = Reason::ALL.len();

macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $text:literal, $help:literal, $how:ident;)+) => {
        $($(#[$doc])* pub static $name: $type = <$type>::NEW;)+

        /// Writes down everything that is counted.
        pub fn write_counted(page: &mut Page) {
            $(figures!(@ $how page, $text, $help, $name);)+
        }
    };
    (@ plain $page:ident, $text:literal, $help:literal, $name:ident) => { $page.figure($text, $help, &$name) };
    (@ labelled $page:ident, $text:literal, $help:literal, $name:ident) => { $page.figure($text, $help, &Labelled(&$name)) };
}

figures! {
    /// Updates from Telegram.
    UPDATES: Family<Taken, Counter, 3> = "sekat_telegram_updates_total",
        "Updates from Telegram, by what became of them on their way in.", labelled;
    /// Requests and commits on the way in that failed.
    INTAKE_FAILURES: Counter = "sekat_telegram_intake_failures_total",
        "Requests for updates, and commits of them, that failed.", plain;
    /// Requests to the webhook.
    WEBHOOK: Family<Hooked, Counter, 4> = "sekat_telegram_webhook_requests_total",
        "Requests to the webhook, by what they were answered.", labelled;
    /// Requests to Telegram.
    REQUESTS: Family<Answered, Counter, 7> = "sekat_telegram_requests_total",
        "Requests to Telegram, by what it answered.", labelled;
    /// How long Telegram took.
    REQUEST_TIME: Histogram = "sekat_telegram_request_duration_seconds",
        "How long Telegram took to answer, without requests for updates.", plain;
    /// Messages to people.
    SAID: Table<Class, Said, Counter, 3, 5> = "sekat_telegram_messages_total",
        "Tries to say or show something to a person, by urgency and outcome.", labelled;
    /// How long messages to people waited.
    SAID_WAIT: Family<Class, Histogram, 3> = "sekat_telegram_message_wait_seconds",
        "From the commit of a message to a person until it stood in the chat.", labelled;
    /// How long Telegram's limits held up.
    BUDGET_WAIT: Family<Class, Histogram, 3> = "sekat_telegram_budget_wait_seconds",
        "How long a request waited for its share of Telegram's limits.", labelled;
    /// Steps.
    STEPS: Family<Stepped, Counter, 4> = "sekat_steps_total",
        "Updates that a step took, by outcome.", labelled;
    /// How long a step took.
    STEP_TIME: Histogram = "sekat_step_duration_seconds",
        "How long the transaction took that takes a person's waiting updates.", plain;
    /// Messages from WhatsApp.
    RECEIVED: Family<Received, Counter, 3> = "sekat_whatsapp_received_total",
        "Messages from WhatsApp, by outcome.", labelled;
    /// Messages to WhatsApp.
    SENDS: Family<Sent, Counter, 4> = "sekat_whatsapp_sends_total",
        "Messages handed to WhatsApp, by outcome.", labelled;
    /// How long WhatsApp took.
    SEND_TIME: Histogram = "sekat_whatsapp_send_duration_seconds",
        "From handing a message to a client until its outcome.", plain;
    /// Starts of clients.
    CONNECTS: Family<Connect, Counter, 2> = "sekat_whatsapp_connects_total",
        "Starts of WhatsApp clients.", labelled;
    /// Logins.
    ONLINE: Counter = "sekat_whatsapp_online_total",
        "Times that a number came online.", plain;
    /// Numbers that went offline or stopped.
    OFFLINE: Family<Reason, Counter, REASONS> = "sekat_whatsapp_disconnects_total",
        "Times that a number went offline or its client stopped, by reason.", labelled;
    /// Steps of linking.
    LINK_TIME: Family<LinkStep, Histogram, 3> = "sekat_link_step_duration_seconds",
        "How long each step of linking a number took.", labelled;
    /// Linkings that came to nothing.
    LINK_FAILURES: Family<Reason, Counter, REASONS> = "sekat_link_failures_total",
        "Linkings that came to nothing, by reason.", labelled;
    /// Database jobs.
    DB_JOB_TIME: Histogram = "sekat_database_job_duration_seconds",
        "How long jobs ran on the database threads.", plain;
}

/// Counts what a client tells of its connection. What is not about that counts nothing.
pub fn news(event: &ClientEvent) {
    match event {
        ClientEvent::Online => ONLINE.inc(),
        ClientEvent::Offline(reason) | ClientEvent::Ended { reason, .. } => OFFLINE.of(*reason).inc(),
        ClientEvent::Login(LoginStep::Refused(reason)) => LINK_FAILURES.of(*reason).inc(),
        ClientEvent::Login(_)
        | ClientEvent::PhoneSeen
        | ClientEvent::Locked { .. }
        | ClientEvent::Ack { .. }
        | ClientEvent::Receipt { .. } => {}
    }
}

/// One linking, from being asked for to the first login.
#[derive(Debug)]
pub struct Linking(Mutex<Option<(LinkStep, Instant)>>);

impl Linking {
    /// One that was asked for at this moment.
    #[must_use]
    pub fn asked(at: Instant) -> Self {
        Linking(Mutex::new(Some((LinkStep::FirstCode, at))))
    }

    /// This step is reached. One that is not next (a later picture, say) changes nothing.
    pub fn reached(&self, step: LinkStep) {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, since)) = next.filter(|(awaited, _)| *awaited == step) else { return };
        LINK_TIME.of(step).observe(since.elapsed());
        *next = match step {
            LinkStep::FirstCode => Some((LinkStep::Confirmed, Instant::now())),
            LinkStep::Confirmed => Some((LinkStep::Linked, Instant::now())),
            LinkStep::Linked => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_its_name_once_and_a_unit_that_prometheus_recommends() {
        let mut page = Page::default();
        write_counted(&mut page);
        process::write(&mut page);
        let text = page.into_text();
        let heads: Vec<(&str, &str)> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
        for (name, kind) in &heads {
            assert_eq!(heads.iter().filter(|(other, _)| other == name).count(), 1, "{name}");
            assert!(name.starts_with("sekat_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == "counter", "{name} is a {kind}");
            assert!(*kind != "histogram" || name.ends_with("_seconds"), "{name}");
        }
        assert!(text.contains("sekat_telegram_messages_total{class=\"forward\",outcome=\"sent\"} "), "{text}");
    }

    #[test]
    fn a_linking_is_measured_step_by_step_and_each_step_once() {
        let counts = || LinkStep::ALL.iter().map(|step| LINK_TIME.of(*step).count()).collect::<Vec<_>>();
        let before = counts();
        let linking = Linking::asked(Instant::now());
        linking.reached(LinkStep::Linked);
        for step in [LinkStep::FirstCode, LinkStep::FirstCode, LinkStep::Confirmed, LinkStep::Linked, LinkStep::Linked]
        {
            linking.reached(step);
        }
        let after = counts();
        assert_eq!(after.iter().zip(before).map(|(now, then)| now - then).collect::<Vec<_>>(), [1, 1, 1]);
    }
}
