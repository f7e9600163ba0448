//! Phone numbers in international form.
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
    /// Starts with 0, which no country code does.
    #[error("a phone number starts with its country code, not with 0")]
    CountryCode,
}

impl PhoneNumber {
    /// Reads what a person typed: separators are dropped, a leading `+` or `00` is the international prefix.
    ///
    /// # Errors
    /// [`PhoneError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let text = text.trim();
        let mut digits = String::with_capacity(15);
        for (i, c) in text.chars().enumerate() {
            match c {
                '0'..='9' => digits.push(c),
                '+' if i == 0 => {}
                ' ' | '\u{a0}' | '(' | ')' | '-' | '.' => {}
                _ => return Err(PhoneError::Character),
            }
            if digits.len() > 20 {
                return Err(PhoneError::Length);
            }
        }
        let digits = match digits.strip_prefix("00") {
            Some(rest) if !text.starts_with('+') => rest.to_owned(),
            _ => digits,
        };
        if digits.starts_with('0') {
            return Err(PhoneError::CountryCode);
        }
        if !(7..=15).contains(&digits.len()) {
            return Err(PhoneError::Length);
        }
        Ok(PhoneNumber(digits))
    }

    /// The digits, without plus sign.
    pub fn digits(&self) -> &str {
        &self.0
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
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_understood() {
        for text in ["+62 812-3456-7890", "62 (812) 3456.7890", "0062 81234567890"] {
            assert_eq!(PhoneNumber::parse(text).unwrap().digits(), "6281234567890", "{text}");
        }
        assert_eq!(PhoneNumber::parse("0812345678"), Err(PhoneError::CountryCode));
        assert_eq!(PhoneNumber::parse("12345"), Err(PhoneError::Length));
        assert_eq!(PhoneNumber::parse("62812x"), Err(PhoneError::Character));
        assert_eq!(format!("{:?}", PhoneNumber::parse("+6281234567890").unwrap()), "PhoneNumber(…)");
    }
}
