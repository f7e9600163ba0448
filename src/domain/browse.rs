//! What the buttons under lists of people ask for.
use super::profile::{Anchor, CardId};
use super::{Plan, TelegramId};

/// Under published profiles: each says which search of this person's it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Browse {
    /// Look for everybody.
    Everybody,
    /// Turn to this page.
    Page {
        /// The search.
        search: u32,
        /// Where the page begins.
        from: Anchor,
    },
    /// Back to the page that was shown last.
    List(u32),
    /// Show this one.
    Person {
        /// The search.
        search: u32,
        /// Which.
        card: CardId,
    },
    /// Ask whether to take this one down.
    AskTakeDown {
        /// The search.
        search: u32,
        /// Which.
        card: CardId,
    },
    /// Take this one down.
    TakeDown {
        /// The search.
        search: u32,
        /// Which.
        card: CardId,
    },
}

/// Under the list of those who use the bot, for owner and admins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roll {
    /// Turn to this page.
    Page {
        /// Only those who are blocked.
        blocked: bool,
        /// Whom the page begins with.
        first: TelegramId,
        /// How many came before them, should they be gone.
        before: u32,
    },
    /// Show this one.
    Person(TelegramId),
    /// Ask whether to block this one.
    AskBlock(TelegramId),
    /// Block this one.
    Block(TelegramId),
    /// Ask whether to let this one in again.
    AskUnblock(TelegramId),
    /// Let this one in again.
    Unblock(TelegramId),
    /// Give this one a plan, or none.
    Plan {
        /// Whom.
        user: TelegramId,
        /// Which.
        plan: Option<Plan>,
    },
}

impl Browse {
    /// A short text: a letter, and numbers.
    pub fn encode(self) -> String {
        match self {
            Self::Everybody => "e".into(),
            Self::Page { search, from: (CardId(first), before) } => format!("p{search}.{first}.{before}"),
            Self::List(search) => format!("l{search}"),
            Self::Person { search, card: CardId(card) } => format!("c{search}.{card}"),
            Self::AskTakeDown { search, card: CardId(card) } => format!("t{search}.{card}"),
            Self::TakeDown { search, card: CardId(card) } => format!("T{search}.{card}"),
        }
    }

    /// Reads what [`encode`](Self::encode) wrote; anything else is `None`.
    pub fn decode(text: &str) -> Option<Self> {
        let (letter, numbers) = parts(text)?;
        let small = |number: i64| u32::try_from(number).ok();
        Some(match (letter, numbers.as_slice()) {
            ('e', []) => Self::Everybody,
            ('p', [search, first, before]) => {
                Self::Page { search: small(*search)?, from: (CardId(*first), small(*before)?) }
            }
            ('l', [search]) => Self::List(small(*search)?),
            ('c', [search, card]) => Self::Person { search: small(*search)?, card: CardId(*card) },
            ('t', [search, card]) => Self::AskTakeDown { search: small(*search)?, card: CardId(*card) },
            ('T', [search, card]) => Self::TakeDown { search: small(*search)?, card: CardId(*card) },
            _ => return None,
        })
    }

    /// The search that it belongs to.
    pub fn search(self) -> Option<u32> {
        match self {
            Self::Everybody => None,
            Self::Page { search, .. }
            | Self::List(search)
            | Self::Person { search, .. }
            | Self::AskTakeDown { search, .. }
            | Self::TakeDown { search, .. } => Some(search),
        }
    }
}

impl Roll {
    /// A short text: a letter, and numbers.
    pub fn encode(self) -> String {
        match self {
            Self::Page { blocked, first, before } => format!("{}{first}.{before}", if blocked { 'b' } else { 'a' }),
            Self::Person(user) => format!("p{user}"),
            Self::AskBlock(user) => format!("k{user}"),
            Self::Block(user) => format!("K{user}"),
            Self::AskUnblock(user) => format!("u{user}"),
            Self::Unblock(user) => format!("U{user}"),
            Self::Plan { user, plan } => {
                // None is 0, and the plans count from 1.
                let nth = Plan::ALL.iter().position(|one| Some(*one) == plan).map_or(0, |at| at + 1);
                format!("n{user}.{nth}")
            }
        }
    }

    /// Reads what [`encode`](Self::encode) wrote; anything else is `None`.
    pub fn decode(text: &str) -> Option<Self> {
        let (letter, numbers) = parts(text)?;
        let user = TelegramId(u64::try_from(*numbers.first()?).ok()?);
        Some(match (letter, &numbers[1..]) {
            ('a' | 'b', [before]) => {
                Self::Page { blocked: letter == 'b', first: user, before: u32::try_from(*before).ok()? }
            }
            ('p', []) => Self::Person(user),
            ('k', []) => Self::AskBlock(user),
            ('K', []) => Self::Block(user),
            ('u', []) => Self::AskUnblock(user),
            ('U', []) => Self::Unblock(user),
            ('n', [0]) => Self::Plan { user, plan: None },
            ('n', [nth]) => {
                let at = usize::try_from(*nth).ok()?.checked_sub(1)?;
                Self::Plan { user, plan: Some(*Plan::ALL.get(at)?) }
            }
            _ => return None,
        })
    }
}

/// A letter and the numbers after it.
fn parts(text: &str) -> Option<(char, Vec<i64>)> {
    let letter = text.chars().next()?;
    let rest = &text[letter.len_utf8()..];
    let numbers: Option<Vec<i64>> = rest.split('.').filter(|_| !rest.is_empty()).map(|n| n.parse().ok()).collect();
    Some((letter, numbers?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Action;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read_and_fits(search: u32, card: i64, before: u32, user in 0..=i64::MAX as u64) {
            let (card, user) = (CardId(card), TelegramId(user));
            let browse = [
                Browse::Everybody,
                Browse::Page { search, from: (card, before) },
                Browse::List(search),
                Browse::Person { search, card },
                Browse::AskTakeDown { search, card },
                Browse::TakeDown { search, card },
            ];
            let roll = [
                Roll::Page { blocked: true, first: user, before },
                Roll::Page { blocked: false, first: user, before },
                Roll::Person(user),
                Roll::AskBlock(user),
                Roll::Block(user),
                Roll::AskUnblock(user),
                Roll::Unblock(user),
                Roll::Plan { user, plan: None },
                Roll::Plan { user, plan: Some(Plan::Free) },
                Roll::Plan { user, plan: Some(Plan::Enterprise) },
            ];
            for action in browse.map(Action::People).into_iter().chain(roll.map(Action::Members)) {
                let text = action.encode();
                // With its version and its tag.
                prop_assert!(12 + text.len() <= 64, "{}", text);
                prop_assert_eq!(Action::decode(&text), Some(action));
            }
        }

        #[test]
        fn garbage_is_nothing(text in "[ad]?\\PC{0,20}") {
            if let Some(action) = Action::decode(&text) {
                prop_assert_eq!(Action::decode(&action.encode()), Some(action));
            }
        }
    }
}
