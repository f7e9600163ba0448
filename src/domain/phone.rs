//! Phone numbers: as people type them, and in international form.
mod countries;

pub use countries::Country;

use serde::{Deserialize, Serialize};
use std::fmt;

/// An E.164 phone number: 7 to 15 digits, kept without the plus sign.
///
/// `Debug` hides it, because numbers are never logged.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// Why a text is not a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Something other than digits and the usual separators.
    #[error("only digits, spaces and + ( ) - . belong in a phone number")]
    Character,
    /// Fewer than 7 or more than 15 digits, the bounds of E.164.
    #[error("a phone number has 7 to 15 digits")]
    Length,
    /// Starts with 0, which no country code does, or with what is none.
    #[error("a phone number starts with its country code")]
    CountryCode,
    /// No number of the country that it belongs to has so many digits.
    #[error("numbers of that country have another length")]
    National,
}

impl PhoneNumber {
    /// Reads an international number: separators are dropped, a leading `+` or `00` is the international prefix, and may be
    /// missing.
    ///
    /// # Errors
    /// [`PhoneError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let (digits, _) = typed(text)?;
        if digits.starts_with('0') {
            return Err(PhoneError::CountryCode);
        }
        Self::of(digits)
    }

    /// Reads what a person in `home` typed: a number of that country as it is dialled there, with or without the 0 (or whatever
    /// it is there) in front, or an international one, with or without prefix. What could be either is a mobile number of that
    /// country, if it has the form of one.
    ///
    /// # Errors
    /// [`PhoneError`] says what is wrong with it.
    pub fn parse_local(text: &str, home: Country) -> Result<Self, PhoneError> {
        let (digits, prefixed) = typed(text)?;
        if prefixed {
            return Self::international(digits);
        }
        let plan = home.plan();
        let fits = |rest: &str, (least, most): (usize, usize)| (least..=most).contains(&rest.len());
        let is_mobile = |rest: &str| rest.starts_with(|c| plan.mobile.contains(c)) && fits(rest, plan.mobile_lengths);
        let national = |rest: &str| Self::of(format!("{}{rest}", plan.calling));
        if let Some(rest) = digits.strip_prefix(plan.trunk).filter(|_| !plan.trunk.is_empty()) {
            if fits(rest, plan.lengths) {
                return national(rest);
            }
            if plan.trunk.starts_with('0') {
                return Err(PhoneError::National);
            }
        }
        if is_mobile(&digits) {
            return national(&digits);
        }
        if digits.strip_prefix(plan.calling).is_some_and(|rest| fits(rest, plan.lengths)) {
            return Self::of(digits);
        }
        // Where nothing is dialled in front, a number of the country is as long as it is.
        if plan.trunk.is_empty() && fits(&digits, (plan.lengths.0, plan.mobile_lengths.1)) {
            return national(&digits);
        }
        Self::international(digits)
    }

    /// A number that begins with its calling code.
    fn international(digits: String) -> Result<Self, PhoneError> {
        if !(LEAST..=MOST).contains(&digits.len()) {
            return Err(PhoneError::Length);
        }
        let mut plans = countries::reached_by(&digits).peekable();
        if plans.peek().is_none() {
            return Err(PhoneError::CountryCode);
        }
        let fits = |plan: &countries::Plan| {
            let rest = digits.len() - plan.calling.len();
            (plan.lengths.0..=plan.lengths.1).contains(&rest)
        };
        let fits = plans.any(fits);
        drop(plans);
        if fits { Ok(PhoneNumber(digits)) } else { Err(PhoneError::National) }
    }

    fn of(digits: String) -> Result<Self, PhoneError> {
        if (LEAST..=MOST).contains(&digits.len()) { Ok(PhoneNumber(digits)) } else { Err(PhoneError::Length) }
    }

    /// The digits, without plus sign.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

/// The bounds of E.164, in digits.
const LEAST: usize = 7;
const MOST: usize = 15;

/// The digits of what was typed, and whether an international prefix stood before them.
fn typed(text: &str) -> Result<(String, bool), PhoneError> {
    // Copied numbers bring marks of direction along.
    let is_mark = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_mark(c));
    let (text, plus) = match text.strip_prefix(['+', '＋']) {
        // +44 (0)20…: the 0 is for those who call within the country.
        Some(rest) => (rest.replacen("(0)", "", 1), true),
        None => (text.to_owned(), false),
    };
    let mut digits = String::with_capacity(MOST);
    for c in text.chars() {
        match c {
            '0'..='9' => digits.push(c),
            ' ' | '\u{a0}' | '\u{202f}' | '(' | ')' | '-' | '.' | '/' | '\u{2010}'..='\u{2013}' => {}
            c if is_mark(c) => {}
            _ => return Err(PhoneError::Character),
        }
        if digits.len() > 20 {
            return Err(PhoneError::Length);
        }
    }
    match digits.strip_prefix("00").filter(|_| !plus) {
        Some(rest) => Ok((rest.to_owned(), true)),
        None => Ok((digits, plus)),
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = PhoneError;
    fn try_from(text: String) -> Result<Self, PhoneError> {
        Self::parse(&text)
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> String {
        number.0
    }
}

#[cfg(test)]
mod tests;
