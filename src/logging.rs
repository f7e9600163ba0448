//! What is written to the log, and what can never be?
//!
//! Owns the process's subscriber and panic hook. Only our own lines are written: a line of a library may hold a phone number,
//! an address with the token in it, or a message's text, at any level, so every target but `sekat` is off and the `log` crate
//! (which the WhatsApp library writes to) is not bridged. What is worth knowing from a library is logged by the module of
//! ours that calls it.

use std::io::{self, IsTerminal as _};
use std::panic;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::SetGlobalDefaultError;
use tracing::{Subscriber, error};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::config::{Log, LogFormat, LogLevel};

/// Starts logging to standard error, for the whole process, once.
///
/// # Errors
/// When logging was started before.
pub fn init(log: &Log) -> Result<(), SetGlobalDefaultError> {
    // Not `try_init()`: that would also install the bridge from the `log` crate.
    tracing::subscriber::set_global_default(subscriber(log, io::stderr, io::stderr().is_terminal()))?;
    panic::set_hook(Box::new(|info| {
        // The payload stays out: it may quote what was being handled.
        let at = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        error!(error.code = "panic", at, thread, "a part of the program gave up");
    }));
    Ok(())
}

fn subscriber<W>(log: &Log, writer: W, colour: bool) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // Every target that is not named is off.
    let ours = Targets::new().with_target("sekat", level(log.level));
    let base = tracing_subscriber::registry().with(ours);
    match log.format {
        LogFormat::Text => Box::new(base.with(tracing_subscriber::fmt::layer().with_ansi(colour).with_writer(writer))),
        LogFormat::Json => {
            Box::new(base.with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(writer)))
        }
    }
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: &Log, write: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        tracing::subscriber::with_default(subscriber(log, move || writer.clone(), false), write);
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn no_line_of_a_library_is_written_even_at_trace() {
        let log = Log { format: LogFormat::Text, level: LogLevel::Trace };
        let text = logged(&log, || {
            error!(target: "whatsapp_rust::client", "private");
            error!(target: "wacore", "private");
            error!(target: "hyper::proto", "private");
            error!(target: "reqwest::connect", "private");
            error!(target: "teloxide_core", "private");
            error!(target: "log", "private");
            tracing::trace!(target: "sekat::users", "ours");
        });
        assert!(text.contains("ours") && !text.contains("private"), "{text}");
    }

    #[test]
    fn the_level_is_kept_and_json_is_one_object_a_line() {
        let log = Log { format: LogFormat::Json, level: LogLevel::Info };
        let text = logged(&log, || {
            tracing::debug!("too much");
            tracing::info!(user.id = 5, "one");
            tracing::warn!("two");
        });
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0]["message"].as_str(), lines[0]["user.id"].as_i64()), (Some("one"), Some(5)));
    }
}
