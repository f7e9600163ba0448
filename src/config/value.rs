//! How does a value read from a file or a variable become a typed one?
//!
//! Owns the notations ("5m", "100MB", …). It must not know which key a value is for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::secret::Secret;
use crate::domain::{AccessMode, Country};

/// A type that a key can have.
pub(super) trait Field: Sized {
    /// What to write, for messages: reads after "expects".
    const EXPECTS: &'static str;
    /// Whether the value must never be shown.
    const SECRET: bool = false;
    /// From a variable's text, or a string in the file.
    fn from_text(text: &str) -> Option<Self>;
    /// From the file.
    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().and_then(Self::from_text)
    }
    /// As it would stand in the file; `None` for "not set".
    fn show(&self) -> Option<String>;
}

fn quoted(text: &str) -> Option<String> {
    Some(format!("{text:?}"))
}

fn integer<T: TryFrom<i64>>(value: &DeValue<'_>) -> Option<T> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok().and_then(|n| T::try_from(n).ok())
}

impl Field for String {
    const EXPECTS: &'static str = "a text in quotes";
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn show(&self) -> Option<String> {
        quoted(self)
    }
}

impl Field for PathBuf {
    const EXPECTS: &'static str = "a path in quotes";
    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }
    fn show(&self) -> Option<String> {
        quoted(&self.to_string_lossy())
    }
}

impl Field for Secret {
    const EXPECTS: &'static str = "a text in quotes";
    const SECRET: bool = true;
    fn from_text(text: &str) -> Option<Self> {
        Some(Self::new(text))
    }
    fn show(&self) -> Option<String> {
        None
    }
}

impl Field for bool {
    const EXPECTS: &'static str = "true or false";
    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_bool()
    }
    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Field for u32 {
    const EXPECTS: &'static str = "a whole number, 0 or more";
    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        integer(value)
    }
    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Field for i64 {
    const EXPECTS: &'static str = "a whole number";
    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        integer(value)
    }
    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Field for Vec<i64> {
    const EXPECTS: &'static str = "a list of whole numbers such as [1, 2] (in a variable: 1,2)";
    fn from_text(text: &str) -> Option<Self> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect()
    }
    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_array()?.iter().map(|item| integer(item.get_ref())).collect()
    }
    fn show(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }
}

impl<T: Field> Field for Option<T> {
    const EXPECTS: &'static str = T::EXPECTS;
    const SECRET: bool = T::SECRET;
    fn from_text(text: &str) -> Option<Self> {
        T::from_text(text).map(Some)
    }
    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        T::from_toml(value).map(Some)
    }
    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }
}

const DURATION_UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Field for Duration {
    const EXPECTS: &'static str = "a duration such as \"500ms\", \"30s\", \"5m\" or \"2h\"";
    fn from_text(text: &str) -> Option<Self> {
        with_unit(text, &DURATION_UNITS).map(Self::from_millis)
    }
    fn show(&self) -> Option<String> {
        let millis = u64::try_from(self.as_millis()).ok()?;
        quoted(&show_unit(millis, &DURATION_UNITS, "ms"))
    }
}

impl Field for SocketAddr {
    const EXPECTS: &'static str = "an address with its port such as \"127.0.0.1:9464\"";
    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
    fn show(&self) -> Option<String> {
        quoted(&self.to_string())
    }
}

impl Field for Country {
    const EXPECTS: &'static str = "a country's two letters such as \"ID\" or \"SG\"";
    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
    fn show(&self) -> Option<String> {
        quoted(self.code())
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const SIZE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

impl Field for Size {
    const EXPECTS: &'static str = "a size such as \"500KB\", \"100MB\" or \"2GiB\"";
    fn from_text(text: &str) -> Option<Self> {
        with_unit(text, &SIZE_UNITS).map(Self)
    }
    fn show(&self) -> Option<String> {
        quoted(&show_unit(self.0, &SIZE_UNITS, "B"))
    }
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show_unit(value: u64, units: &[(&str, u64)], smallest: &str) -> String {
    let fit = units.iter().rev().find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor));
    let (name, factor) = fit.copied().unwrap_or((smallest, 1));
    format!("{}{name}", value / factor)
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $expects:literal, $($(#[$vdoc:meta])* $variant:ident = $word:literal),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }
        impl $name {
            /// As it stands in the file.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl Field for $name {
            const EXPECTS: &'static str = $expects;
            fn from_text(text: &str) -> Option<Self> {
                match text.trim() { $($word => Some(Self::$variant),)+ _ => None }
            }
            fn show(&self) -> Option<String> {
                quoted(self.as_str())
            }
        }
    };
}

impl Field for AccessMode {
    const EXPECTS: &'static str = "\"allow-list\", \"invite\" or \"open\"";
    fn from_text(text: &str) -> Option<Self> {
        match text.trim() {
            "allow-list" => Some(Self::AllowList),
            "invite" => Some(Self::Invite),
            "open" => Some(Self::Open),
            _ => None,
        }
    }
    fn show(&self) -> Option<String> {
        quoted(match self {
            Self::AllowList => "allow-list",
            Self::Invite => "invite",
            Self::Open => "open",
        })
    }
}

words!(
    /// Where sessions of registrations and of linked numbers are kept.
    SessionEngine, "\"auto\", \"memory\", \"file\", \"redis\", \"postgres\" or \"hybrid\"",
    /// With the servers that are named, else in files, else in memory.
    #[default] Auto = "auto",
    /// In this process.
    Memory = "memory",
    /// In a file each.
    File = "file",
    /// In Redis.
    Redis = "redis",
    /// In PostgreSQL.
    Postgres = "postgres",
    /// In both: Redis first, PostgreSQL behind it.
    Hybrid = "hybrid"
);
words!(
    /// How updates come in.
    UpdateMode, "\"polling\" or \"webhook\"",
    /// They are fetched.
    #[default] Polling = "polling",
    /// Telegram brings them.
    Webhook = "webhook"
);
words!(
    /// The form of the log.
    LogFormat, "\"text\" or \"json\"",
    /// One line a person can read.
    #[default] Text = "text",
    /// One JSON object a line.
    Json = "json"
);
words!(
    /// How much is logged.
    LogLevel, "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
    /// Only what failed.
    Error = "error",
    /// And what looks wrong.
    Warn = "warn",
    /// And what happened.
    #[default] Info = "info",
    /// And how.
    Debug = "debug",
    /// And every step of it.
    Trace = "trace"
);
