//! Codes that let people in: how they look, on what terms they hold, and what has become of them.
use super::{TelegramId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Thirty-two characters of which no two look or sound alike when written down: no 0 and O, no 1 and I.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Characters of a code: close to 50 bits, of which a person may guess five an hour.
const LENGTH: usize = 10;
/// How many of the alphabet are digits. A code has one at least, so that no word that people write is taken for one.
const DIGITS: usize = 8;

/// The most people that one code lets in.
pub const MOST_USES: u32 = 1_000;
/// The longest that a code holds, unless it holds for ever.
pub const LONGEST: Duration = Duration::from_hours(24 * 366);
/// The longest note, in characters.
pub const NOTE_CHARS: usize = 100;

/// A code. Shown once, to whoever made it; what is kept is a keyed digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InviteCode([u8; LENGTH]);

impl InviteCode {
    /// The code that these random bytes make.
    pub fn from_random(bytes: [u8; LENGTH]) -> Self {
        let mut code = bytes.map(|byte| ALPHABET[usize::from(byte) % ALPHABET.len()]);
        if !code.iter().any(u8::is_ascii_digit) {
            code[0] = ALPHABET[usize::from(bytes[0]) % DIGITS];
        }
        InviteCode(code)
    }

    /// Reads what somebody typed: in capitals or not, in one piece or with hyphens. `None`: this is no code at all.
    pub fn parse(text: &str) -> Option<Self> {
        let mut code = [0; LENGTH];
        let mut typed = text.trim().bytes().filter(|byte| *byte != b'-');
        for character in &mut code {
            *character = typed.next()?.to_ascii_uppercase();
        }
        let whole = typed.next().is_none() && code.iter().all(|character| ALPHABET.contains(character));
        (whole && code.iter().any(u8::is_ascii_digit)).then_some(InviteCode(code))
    }

    /// Its characters.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(..)")
    }
}

/// On what terms a code lets people in. `Debug` hides the note.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How many people.
    pub uses: u32,
    /// For how long; `None`: until it is revoked.
    pub expires_in: Option<Duration>,
    /// What its maker wants to remember about it.
    pub note: Option<String>,
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms").field("uses", &self.uses).field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Why terms make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// Nobody, or too many.
    #[error("let in between 1 and {MOST_USES} people")]
    Uses,
    /// No time, or too long.
    #[error("hold for more than nothing and at most 366 days")]
    Expiry,
    /// Too long a note.
    #[error("keep a note of at most {NOTE_CHARS} characters")]
    Note,
}

impl Default for Terms {
    /// One person, for a week.
    fn default() -> Self {
        Terms { uses: 1, expires_in: Some(Duration::from_hours(24 * 7)), note: None }
    }
}

impl Terms {
    /// The terms, if they make sense.
    ///
    /// # Errors
    /// [`TermsError`].
    pub fn checked(self) -> Result<Self, TermsError> {
        if !(1..=MOST_USES).contains(&self.uses) {
            return Err(TermsError::Uses);
        }
        if self.expires_in.is_some_and(|time| time.is_zero() || time > LONGEST) {
            return Err(TermsError::Expiry);
        }
        if self.note.as_ref().is_some_and(|note| note.chars().count() > NOTE_CHARS) {
            return Err(TermsError::Note);
        }
        Ok(self)
    }

    /// Reads `5 30d a note`: how many, how long, and what to remember, each of which may be left out.
    ///
    /// # Errors
    /// [`TermsError`].
    pub fn parse(text: &str) -> Result<Self, TermsError> {
        let (mut terms, mut rest) = (Terms::default(), text.trim());
        let (mut counted, mut timed) = (false, false);
        while let Some(word) = rest.split_whitespace().next() {
            if let Some(uses) = word.parse().ok().filter(|_| !counted) {
                (terms.uses, counted) = (uses, true);
            } else if let Some(time) = span(word).filter(|_| !timed) {
                (terms.expires_in, timed) = (Some(time), true);
            } else {
                break;
            }
            rest = rest[word.len()..].trim_start();
        }
        terms.note = (!rest.is_empty()).then(|| rest.to_owned());
        terms.checked()
    }
}

/// Reads `30s`, `15m`, `12h` or `7d`.
pub fn span(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

/// What has become of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteState {
    /// It lets people in.
    Open,
    /// It has let in as many as it was for.
    UsedUp,
    /// Its time is over.
    Expired,
    /// Somebody took it back.
    Revoked,
}

impl InviteState {
    /// Its stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::UsedUp => "used-up",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A code as it is on record: everything but itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite {
    /// Its number, by which it is revoked when nobody has it at hand any more.
    pub id: i64,
    /// How many it is for.
    pub uses: u32,
    /// How many it has let in, those who have erased everything of theirs included.
    pub used: u32,
    /// What its maker wanted to remember.
    pub note: Option<String>,
    /// When it was made.
    pub made_at: Timestamp,
    /// By whom; `None`: at the command line, or by somebody who has erased everything of theirs.
    pub made_by: Option<TelegramId>,
    /// Until when it holds.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Whom it let in, and when, oldest first.
    pub members: Vec<(TelegramId, Timestamp)>,
}

impl Invite {
    /// What has become of it.
    pub fn state(&self, now: Timestamp) -> InviteState {
        if self.revoked_at.is_some() {
            InviteState::Revoked
        } else if self.used >= self.uses {
            InviteState::UsedUp
        } else if self.expires_at.is_some_and(|at| at <= now) {
            InviteState::Expired
        } else {
            InviteState::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_read_as_people_write_it_and_shows_itself_only_when_asked() {
        let code = InviteCode::from_random([0, 1, 31, 32, 255, 5, 6, 7, 8, 9]);
        assert_eq!(code.to_string(), "23Z2Z789AB");
        for typed in ["23Z2Z789AB", " 23z2z789ab\n", "23Z2Z-789AB", "23z2-z789-ab"] {
            assert_eq!(InviteCode::parse(typed), Some(code), "{typed}");
        }
        for other in
            ["", "23Z2Z789A", "23Z2Z789ABC", "23Z2Z 789AB", "O3Z2Z789AB", "/start 23Z2Z789AB", "assalamu'alaikum"]
        {
            assert_eq!(InviteCode::parse(other), None, "{other}");
        }
        assert!(!format!("{code:?}").contains("23Z2"));
        assert_eq!(InviteCode::from_random([31; 10]).to_string(), "9ZZZZZZZZZ", "never a mere word");
    }

    #[test]
    fn terms_are_read_in_any_order_and_what_is_left_is_the_note() {
        let day = Duration::from_hours(24);
        let terms = |uses, expires_in, note: Option<&str>| {
            Ok(Terms { uses, expires_in: Some(expires_in), note: note.map(str::to_owned) })
        };
        assert_eq!(Terms::parse(""), terms(1, 7 * day, None));
        assert_eq!(Terms::parse("5"), terms(5, 7 * day, None));
        assert_eq!(Terms::parse(" 30d  5 "), terms(5, 30 * day, None));
        assert_eq!(Terms::parse("5 12h class 7 B"), terms(5, day / 2, Some("class 7 B")));
        assert_eq!(Terms::parse("the shop 5"), terms(1, 7 * day, Some("the shop 5")));
        assert_eq!(Terms::parse("0"), Err(TermsError::Uses));
        assert_eq!(Terms::parse("1001"), Err(TermsError::Uses));
        assert_eq!(Terms::parse("0d"), Err(TermsError::Expiry));
        assert_eq!(Terms::parse("367d"), Err(TermsError::Expiry));
        assert_eq!(Terms::parse(&"x".repeat(101)), Err(TermsError::Note));
    }

    #[test]
    fn a_code_ends_by_use_by_time_and_by_hand() {
        let invite = |used, expires_at: Option<i64>, revoked_at: Option<i64>| Invite {
            id: 1,
            uses: 2,
            used,
            note: None,
            made_at: Timestamp(0),
            made_by: None,
            expires_at: expires_at.map(Timestamp),
            revoked_at: revoked_at.map(Timestamp),
            members: Vec::new(),
        };
        let state = |invite: Invite| invite.state(Timestamp(10)).code();
        assert_eq!(state(invite(1, Some(11), None)), "open");
        assert_eq!(state(invite(1, None, None)), "open");
        assert_eq!(state(invite(1, Some(10), None)), "expired");
        assert_eq!(state(invite(2, Some(10), None)), "used-up");
        assert_eq!(state(invite(2, Some(10), Some(3))), "revoked");
    }

    proptest! {
        #[test]
        fn what_is_made_is_read_again(bytes: [u8; LENGTH]) {
            let code = InviteCode::from_random(bytes);
            prop_assert_eq!(InviteCode::parse(&code.to_string()), Some(code));
        }

        #[test]
        fn nothing_that_is_typed_panics(text in "\\PC{0,40}") {
            let code = InviteCode::parse(&text);
            prop_assert!(code.is_none_or(|code| text.to_ascii_uppercase().replace('-', "").contains(&code.to_string())));
            prop_assert!(Terms::parse(&text).is_ok() || Terms::parse(&text).is_err());
            span(&text);
        }
    }
}
