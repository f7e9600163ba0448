//! What owner and admins order, and what came of it.
//!
//! The only effect of a step that names another person. A step merely writes it down; `store::Members` carries it out, and
//! asks once more whether whoever ordered it may.
use super::{Invite, InviteCode, Role, TelegramId, Terms, Timestamp};
use serde::{Deserialize, Serialize};

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Make a code.
    Invite(Terms),
    /// Show the codes.
    Invites,
    /// Take a code back, by its number.
    Revoke(i64),
    /// Block this person.
    Block(TelegramId),
    /// Let this person in again.
    Unblock(TelegramId),
    /// Make this person an admin.
    AddAdmin(TelegramId),
    /// This person is no admin any more.
    RemoveAdmin(TelegramId),
    /// Show owner and admins.
    Admins,
}

impl Order {
    /// Who may order it.
    pub fn needs(&self) -> Role {
        match self {
            Self::AddAdmin(_) | Self::RemoveAdmin(_) => Role::Owner,
            _ => Role::Admin,
        }
    }

    /// Whom it is about.
    pub fn about(&self) -> Option<TelegramId> {
        match self {
            Self::Block(user) | Self::Unblock(user) | Self::AddAdmin(user) | Self::RemoveAdmin(user) => Some(*user),
            Self::Invite(_) | Self::Invites | Self::Revoke(_) | Self::Admins => None,
        }
    }
}

/// Why an order was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Whoever ordered it may not (any more).
    Role,
    /// Codes let nobody in as the bot is configured.
    Mode,
    /// It is about the owner.
    Owner,
    /// It is about an admin, which is for the owner to decide.
    Admin,
    /// It is about whoever ordered it.
    Yourself,
    /// It is about an admin whom the configuration names.
    Configured,
    /// It is about somebody who is blocked.
    Blocked,
}

/// What came of an order.
pub enum Outcome {
    /// Now it is so, whether it was before or not.
    Done,
    /// There is no such code.
    NoSuch,
    /// It stays as it was.
    Refused(Refusal),
    /// The code, to be shown this once.
    Invited {
        /// The code.
        code: InviteCode,
        /// The bot's user name, once Telegram has told it.
        bot: Option<String>,
        /// For how many it is.
        uses: u32,
        /// Until when it holds.
        expires_at: Option<Timestamp>,
    },
    /// The newest codes, newest first.
    Invites(Vec<Invite>),
    /// Owner and admins.
    Admins {
        /// The operator.
        owner: Option<TelegramId>,
        /// Those whom the configuration names.
        configured: Vec<TelegramId>,
        /// Those whom the owner made.
        made: Vec<TelegramId>,
    },
}
