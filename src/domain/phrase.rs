//! What is to be said, before it is in anybody's language.
//!
//! Flows say phrases; `words` turns them into text when it is known whose they are. What a person or a contact wrote is
//! always an argument, so that nothing of it can be taken for formatting or for another argument.
use super::{RichText, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something to say.
#[derive(Clone, PartialEq, Eq)]
pub enum Phrase {
    /// A text of the catalogue, by its key, with what stands in its gaps.
    Message {
        /// Its key in `src/words/*.ftl`.
        key: &'static str,
        /// The gaps' names and contents.
        args: Vec<(&'static str, Arg)>,
    },
    /// The same in every language.
    Verbatim(RichText),
    /// One after the other, without anything between them.
    Joined(Vec<Phrase>),
}

/// What stands in a gap.
#[derive(Clone, PartialEq, Eq)]
pub enum Arg {
    /// A count; it may choose the plural form.
    Number(i64),
    /// One of several names that the text chooses by.
    Choice(&'static str),
    /// Text as somebody wrote it.
    Text(RichText),
    /// Another phrase.
    Phrase(Box<Phrase>),
    /// A moment, told in the reader's time zone.
    Moment(Timestamp),
}

impl Phrase {
    /// A text of the catalogue. Usually written as [`t!`](crate::t).
    pub fn message(key: &'static str, args: Vec<(&'static str, Arg)>) -> Self {
        Self::Message { key, args }
    }

    /// The same text in every language.
    pub fn verbatim(text: impl Into<String>) -> Self {
        Self::Verbatim(RichText::plain(text))
    }

    /// This one, and then that one.
    #[must_use]
    pub fn and(self, that: Phrase) -> Self {
        match self {
            Self::Joined(mut all) => {
                all.push(that);
                Self::Joined(all)
            }
            first => Self::Joined(vec![first, that]),
        }
    }

    /// These, each on a line of its own.
    pub fn lines(all: impl IntoIterator<Item = Phrase>) -> Self {
        Self::apart("\n", all)
    }

    /// These, each a paragraph of its own.
    pub fn paragraphs(all: impl IntoIterator<Item = Phrase>) -> Self {
        Self::apart("\n\n", all)
    }

    fn apart(gap: &str, all: impl IntoIterator<Item = Phrase>) -> Self {
        let mut joined = Vec::new();
        for phrase in all {
            if !joined.is_empty() {
                joined.push(Phrase::verbatim(gap));
            }
            joined.push(phrase);
        }
        Self::Joined(joined)
    }
}

impl fmt::Debug for Phrase {
    /// Which text, and not what stands in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message { key, .. } => write!(f, "Phrase({key})"),
            Self::Verbatim(_) => f.write_str("Phrase(verbatim)"),
            Self::Joined(all) => f.debug_list().entries(all).finish(),
        }
    }
}

macro_rules! numbers {
    ($($number:ty)+) => {$(
        impl From<$number> for Arg {
            fn from(number: $number) -> Self {
                // Beyond what any list here can hold.
                Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
            }
        }
    )+};
}
numbers!(u8 u16 u32 u64 usize i32 i64);

/// A name that a text chooses by, as an argument: `why = Choice("online")`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice(pub &'static str);

impl From<Choice> for Arg {
    fn from(name: Choice) -> Self {
        Self::Choice(name.0)
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(RichText::plain(text))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(RichText::plain(text))
    }
}

impl From<RichText> for Arg {
    fn from(text: RichText) -> Self {
        Self::Text(text)
    }
}

impl From<Phrase> for Arg {
    fn from(phrase: Phrase) -> Self {
        Self::Phrase(Box::new(phrase))
    }
}

impl From<Timestamp> for Arg {
    fn from(at: Timestamp) -> Self {
        Self::Moment(at)
    }
}

/// A [`Phrase`] of the catalogue: `t!("erase-ask")`, `t!("numbers-full", used = 3, allowed = 3)`. `tests/words.rs` holds
/// that each key is in every language, with the same gaps.
#[macro_export]
macro_rules! t {
    ($key:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::domain::Phrase::message($key, vec![$((stringify!($name), $crate::domain::Arg::from($value))),*])
    };
}

/// A language that the bot speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub enum Language {
    /// English; also for whoever's language the bot does not speak.
    #[default]
    #[serde(rename = "en")]
    English,
    /// Indonesian.
    #[serde(rename = "id")]
    Indonesian,
}

impl Language {
    /// Every language.
    pub const ALL: [Language; 2] = [Language::English, Language::Indonesian];

    /// Whether it is the one for whoever's language the bot does not speak.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Its ISO 639-1 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Indonesian => "id",
        }
    }

    /// Its name, in itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Indonesian => "Bahasa Indonesia",
        }
    }

    /// The one with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The one for whoever uses Telegram in this language (an IETF tag). Whoever reads Javanese or Sundanese there reads
    /// Indonesian too.
    pub fn from_telegram(tag: &str) -> Self {
        let language = tag.split(['-', '_']).next().unwrap_or_default();
        match language.to_ascii_lowercase().as_str() {
            "id" | "in" | "jv" | "su" => Self::Indonesian,
            _ => Self::English,
        }
    }
}
