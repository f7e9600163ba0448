//! What people are called, and what they say of themselves.
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest name, in characters.
pub const NAME: usize = 64;
/// The longest name of a number, in characters.
pub const LABEL: usize = 32;
/// The longest text about oneself, in characters.
pub const ABOUT: usize = 500;

/// A person's name: 1 to 64 characters in one line, with nothing in it that hides or turns what stands around it.
///
/// `Debug` hides it, because names are never logged.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonName(String);

/// What a person says of themselves: 1 to 500 characters, in lines.
///
/// `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct About(String);

/// What a person calls one of their numbers: 1 to 32 characters in one line.
///
/// `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

/// Why a text is no name, or cannot be what somebody says of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing in it to be seen.
    #[error("there is nothing in it")]
    Empty,
    /// It is longer than allowed.
    #[error("it is too long")]
    Long,
    /// A control character, or one that hides or turns what stands around it.
    #[error("it has characters that cannot be shown")]
    Character,
}

impl PersonName {
    /// Reads what a person typed: white space around it goes, and within it each run becomes one space.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        checked(one_line(text), NAME).map(PersonName)
    }

    /// It.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Label {
    /// Reads what a person typed, as a name.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        checked(one_line(text), LABEL).map(Label)
    }

    /// It.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl About {
    /// Reads what a person typed: lines stay, at most one of them empty between two others.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut lines: Vec<String> = Vec::new();
        for line in text.lines().map(one_line) {
            if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
                lines.push(line);
            }
        }
        checked(lines.join("\n").trim_end().to_owned(), ABOUT).map(About)
    }

    /// It.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn checked(text: String, most: usize) -> Result<String, NameError> {
    if text.chars().any(|c| (c.is_control() && c != '\n') || is_deceptive(c)) {
        return Err(NameError::Character);
    }
    if !text.chars().any(is_visible) {
        return Err(NameError::Empty);
    }
    if text.chars().count() > most { Err(NameError::Long) } else { Ok(text) }
}

/// Whether this character hides, or turns what stands around it: marks and overrides of direction, spaces without width,
/// private ones and those that are none. The joiners of Persian, Indian scripts and emoji are not among them.
pub(super) fn is_deceptive(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{f0000}'..='\u{10ffff}'
    ) || u32::from(c) & 0xfffe == 0xfffe
}

/// Whether there is something to be seen. Joiners, selectors and the characters that are blank by design show nothing.
fn is_visible(c: char) -> bool {
    let is_blank = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200c}'
            | '\u{200d}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    );
    !c.is_whitespace() && !is_blank
}

macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}
text!(PersonName);
text!(About);
text!(Label);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_the_world_are_taken() {
        for (text, kept) in [
            ("  Siti \u{a0} Nur\n Haliza ", "Siti Nur Haliza"),
            ("R. A. Kartini", "R. A. Kartini"),
            ("X", "X"),
            ("Đặng Thị Mỹ", "Đặng Thị Mỹ"),
            ("محمد", "محمد"),
            ("می\u{200c}نا", "می\u{200c}نا"),
            ("李小龍", "李小龍"),
            ("👩\u{200d}🍳 Ana", "👩\u{200d}🍳 Ana"),
            ("I Gusti Ngurah Agung 2", "I Gusti Ngurah Agung 2"),
        ] {
            assert_eq!(PersonName::parse(text).map(String::from), Ok(kept.to_owned()), "{text}");
        }
        assert!(PersonName::parse(&"é".repeat(64)).is_ok());
        assert_eq!(format!("{:?}", PersonName::parse("Ana").unwrap()), "PersonName(…)");
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        for (text, why) in [
            ("", NameError::Empty),
            (" \n\t", NameError::Empty),
            ("\u{200d}", NameError::Empty),
            ("\u{3164}\u{2800}", NameError::Empty),
            ("Ana\u{202e}idub", NameError::Character),
            ("Ana\u{2066}", NameError::Character),
            ("A\u{200b}na", NameError::Character),
            ("Ana\u{0}", NameError::Character),
            ("Ana\u{7f}", NameError::Character),
            ("Ana \u{e001}", NameError::Character),
            (&"a".repeat(65), NameError::Long),
        ] {
            assert_eq!(PersonName::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn lines_about_oneself_stay() {
        let about = About::parse("\n Toko  roti \n\n\n\nBuka 07–17\n ").unwrap();
        assert_eq!(about.as_str(), "Toko roti\n\nBuka 07–17");
        assert_eq!(About::parse("\n\n"), Err(NameError::Empty));
        assert_eq!(About::parse(&"ab ".repeat(200)), Err(NameError::Long));
    }

    proptest! {
        #[test]
        fn what_was_taken_is_taken_again_as_it_is(text in any::<String>()) {
            if let Ok(name) = PersonName::parse(&text) {
                prop_assert!((1..=NAME).contains(&name.as_str().chars().count()));
                prop_assert!(!name.as_str().contains(|c: char| c.is_control() || is_deceptive(c)));
                prop_assert_eq!(PersonName::parse(name.as_str()), Ok(name));
            }
            if let Ok(about) = About::parse(&text) {
                prop_assert_eq!(About::parse(about.as_str()), Ok(about));
            }
        }
    }
}
