//! What is ordered that lies outside one's own vault, and what came of it.
//!
//! The only effect of a step that names another person, or reads what others have published. A step merely writes it down;
//! before it is carried out `store::Members` says once more whether whoever ordered it may.
use super::profile::{Anchor, CardId, Found, Results};
use super::{Invite, InviteCode, MessageId, Plan, Role, Standing, Statistics, TelegramId, Terms, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

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
    /// Give this person a plan, or none.
    Plan {
        /// Whom.
        user: TelegramId,
        /// Which.
        plan: Option<Plan>,
    },
    /// Show owner and admins.
    Admins,
    /// Show how the bot is used.
    Stats,
    /// Something with what people have published.
    People(Wish),
    /// Show who uses the bot.
    Members {
        /// Only those who are blocked.
        blocked: bool,
        /// Where the page begins: with this person, or, should they be gone, after so many others.
        from: Option<(TelegramId, u32)>,
        /// In the place of this message.
        at: Option<MessageId>,
    },
    /// Show what is known of this person.
    Member {
        /// Who.
        user: TelegramId,
        /// In the place of this message.
        at: Option<MessageId>,
    },
}

/// What somebody wants of what people have published.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// A page of those that have every word of a text.
    List {
        /// Which search of this person's it is.
        search: u32,
        /// The text.
        text: String,
        /// Where the page begins.
        from: Option<Anchor>,
        /// In the place of this message.
        at: Option<MessageId>,
    },
    /// One of them.
    Show {
        /// Which search of this person's found it.
        search: u32,
        /// Which.
        card: CardId,
        /// Whether it is asked whether to take it down.
        take_down: bool,
        /// In the place of this message.
        at: Option<MessageId>,
    },
    /// Nobody shall find it any more. For those who may.
    TakeDown {
        /// Which search of this person's found it.
        search: u32,
        /// Which.
        card: CardId,
        /// Told in the place of this message.
        at: Option<MessageId>,
    },
}

impl fmt::Debug for Wish {
    /// Without what is searched for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List { .. } => "List",
            Self::Show { .. } => "Show",
            Self::TakeDown { .. } => "TakeDown",
        })
    }
}

/// Somebody who uses the bot, may, or may not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: TelegramId,
    /// How they stand at the door.
    pub standing: Standing,
    /// By which invitation they came, and when.
    pub joined: Option<(i64, Timestamp)>,
    /// Since when they are blocked.
    pub blocked_at: Option<Timestamp>,
    /// Their plan, where they have one.
    pub plan: Option<Plan>,
}

impl Order {
    /// Who may order it.
    pub fn needs(&self) -> Role {
        match self {
            Self::AddAdmin(_) | Self::RemoveAdmin(_) => Role::Owner,
            Self::People(Wish::List { .. } | Wish::Show { take_down: false, .. }) => Role::Member,
            _ => Role::Admin,
        }
    }

    /// Whose standing or plan it changes.
    pub fn about(&self) -> Option<TelegramId> {
        match self {
            Self::Block(user) | Self::Unblock(user) | Self::AddAdmin(user) | Self::RemoveAdmin(user) => Some(*user),
            Self::Plan { user, .. } => Some(*user),
            Self::Invite(_) | Self::Invites | Self::Revoke(_) | Self::Admins | Self::Stats => None,
            Self::People(_) | Self::Members { .. } | Self::Member { .. } => None,
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
    /// Something is wrong with what everybody shares; its stable code.
    Failed(&'static str),
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
    /// How the bot is used.
    Stats(Statistics),
    /// Published profiles.
    Found(Results),
    /// A published profile, if it is still there.
    Card(Option<Found>),
    /// Who uses the bot, those who came last first.
    Members(Vec<Member>),
}
