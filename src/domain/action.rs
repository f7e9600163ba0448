//! What a button does, in the few bytes that Telegram leaves for it.
//!
//! The encoding is what gets authenticated (`store::tokens`); it names rows of the user's own database and nothing else.
use super::{AccountId, Language};

/// What a pressed button asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Answer the question of this turn so.
    Choose {
        /// The question.
        turn: u32,
        /// What the flow is told.
        choice: i64,
    },
    /// From the question of this turn one step back.
    Back(u32),
    /// Stop the flow whose question this turn is.
    Stop(u32),
    /// Take up what was put aside at this turn.
    Resume(u32),
    /// Go on with what was under way at this turn.
    KeepFlow(u32),
    /// Begin what was asked for at this turn.
    OtherFlow(u32),
    /// Begin linking a number.
    Link,
    /// Link by QR picture.
    LinkQr,
    /// Link by code.
    LinkCode,
    /// Stop this linking.
    LinkCancel(AccountId),
    /// Show the numbers.
    Numbers,
    /// Connect this number again.
    Reconnect(AccountId),
    /// Ask whether to log this number out.
    Logout(AccountId),
    /// Log this number out.
    LogoutConfirm(AccountId),
    /// Send this message, whose fate is unknown, once more under the same id.
    Resend(i64),
    /// Leave this message, whose fate is unknown, as it is.
    Forget(i64),
    /// Leave the current conversation.
    Cancel,
    /// Show the help.
    Help,
    /// Speak this language.
    Speak(Language),
    /// Make a code that lets people in.
    Invite {
        /// How many.
        uses: u32,
        /// For how many days.
        days: u32,
    },
    /// Take the code with this number back.
    Revoke(i64),
}

impl Action {
    /// The question that it belongs to, where it belongs to one: after that it does nothing any more.
    pub fn turn(self) -> Option<u32> {
        match self {
            Self::Choose { turn, .. }
            | Self::Back(turn)
            | Self::Stop(turn)
            | Self::Resume(turn)
            | Self::KeepFlow(turn)
            | Self::OtherFlow(turn) => Some(turn),
            _ => None,
        }
    }

    /// A short text: a letter, or a letter and what it is about.
    pub fn encode(self) -> String {
        match self {
            Self::Choose { turn, choice } => format!("w{turn}.{choice}"),
            Self::Back(turn) => format!("b{turn}"),
            Self::Stop(turn) => format!("z{turn}"),
            Self::Resume(turn) => format!("u{turn}"),
            Self::KeepFlow(turn) => format!("p{turn}"),
            Self::OtherFlow(turn) => format!("P{turn}"),
            Self::Link => "l".into(),
            Self::LinkQr => "q".into(),
            Self::LinkCode => "c".into(),
            Self::LinkCancel(a) => format!("x{a}"),
            Self::Numbers => "n".into(),
            Self::Reconnect(a) => format!("r{a}"),
            Self::Logout(a) => format!("o{a}"),
            Self::LogoutConfirm(a) => format!("O{a}"),
            Self::Resend(id) => format!("s{id}"),
            Self::Forget(id) => format!("f{id}"),
            Self::Cancel => "k".into(),
            Self::Help => "h".into(),
            Self::Speak(language) => format!("g{}", language.code()),
            Self::Invite { uses, days } => format!("i{uses}.{days}"),
            Self::Revoke(id) => format!("v{id}"),
        }
    }

    /// Reads what [`encode`](Self::encode) wrote; anything else is `None`.
    pub fn decode(text: &str) -> Option<Self> {
        let mut chars = text.chars();
        let letter = chars.next()?;
        let rest = chars.as_str();
        if rest.is_empty() {
            return Some(match letter {
                'l' => Self::Link,
                'q' => Self::LinkQr,
                'c' => Self::LinkCode,
                'n' => Self::Numbers,
                'k' => Self::Cancel,
                'h' => Self::Help,
                _ => return None,
            });
        }
        if letter == 'g' {
            return Language::from_code(rest).map(Self::Speak);
        }
        if letter == 'w' {
            let (turn, choice) = rest.split_once('.')?;
            return Some(Self::Choose { turn: turn.parse().ok()?, choice: choice.parse().ok()? });
        }
        if letter == 'i' {
            let (uses, days) = rest.split_once('.')?;
            return Some(Self::Invite { uses: uses.parse().ok()?, days: days.parse().ok()? });
        }
        let id: i64 = rest.parse().ok()?;
        let turn = u32::try_from(id);
        Some(match letter {
            'b' => Self::Back(turn.ok()?),
            'z' => Self::Stop(turn.ok()?),
            'u' => Self::Resume(turn.ok()?),
            'p' => Self::KeepFlow(turn.ok()?),
            'P' => Self::OtherFlow(turn.ok()?),
            'x' => Self::LinkCancel(AccountId(id)),
            'r' => Self::Reconnect(AccountId(id)),
            'o' => Self::Logout(AccountId(id)),
            'O' => Self::LogoutConfirm(AccountId(id)),
            's' => Self::Resend(id),
            'f' => Self::Forget(id),
            'v' => Self::Revoke(id),
            _ => return None,
        })
    }
}
