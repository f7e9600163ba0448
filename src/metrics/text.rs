//! Figures as Prometheus reads them (text exposition format 0.0.4).
//!
//! Owns the page that is being written. Must not know where figures come from.
use super::cells::Figure;
use std::fmt::{Display, Write as _};

/// The type that goes with such a page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What kind of figure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// How long things took.
    Histogram,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A page of figures.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// What follows are values of this figure.
    pub fn head(&mut self, name: &str, help: &str, kind: Kind) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {}", kind.word()));
    }

    /// One value. Labels are words of ours and need no escaping.
    pub fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        if labels.is_empty() {
            return self.line(format_args!("{name} {value}"));
        }
        let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        self.line(format_args!("{name}{{{}}} {value}", labels.join(",")));
    }

    /// A figure that rises and falls, with one value.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, Kind::Gauge);
        self.value(name, &[], value);
    }

    /// A figure that only rises, with one value.
    pub fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, Kind::Counter);
        self.value(name, &[], value);
    }

    /// All values of a figure.
    pub fn figure(&mut self, name: &str, help: &str, figure: &impl Figure) {
        self.head(name, help, figure.kind());
        figure.write_all(name, self);
    }

    /// The page.
    pub fn into_text(self) -> String {
        self.0
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into a string does not fail.
        if self.0.write_fmt(text).is_ok() {
            self.0.push('\n');
        }
    }
}
