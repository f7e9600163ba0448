//! What a button does, in the few bytes that Telegram leaves for it.
//!
//! The encoding is what gets authenticated (`store::tokens`). It names rows of the user's own database; and, in what they may
//! only order, published profiles and other people.
use super::{AccountId, Browse, Language, Roll};

/// A flow in a button: its name in four bytes, the same in every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowTag(u32);

impl FlowTag {
    /// The tag of the flow of this name: FNV-1a. A test holds that no two flows have the same one.
    pub const fn of(name: &str) -> Self {
        let (bytes, mut hash, mut at) = (name.as_bytes(), 0x811c_9dc5_u32, 0);
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
            at += 1;
        }
        FlowTag(hash)
    }
}

/// A screen of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// What needs attention, the numbers, and the way to everything else.
    Home,
    /// The numbers.
    Numbers,
    /// The ways to link one.
    Link,
    /// What is connected and what is under way.
    Status,
    /// The languages.
    Language,
    /// How it works.
    Help,
    /// What owner and admins can do.
    Admin,
}

impl Section {
    /// Every section.
    pub const ALL: [Section; 7] = [
        Section::Home,
        Section::Numbers,
        Section::Link,
        Section::Status,
        Section::Language,
        Section::Help,
        Section::Admin,
    ];

    fn letter(self) -> char {
        match self {
            Section::Home => 'h',
            Section::Numbers => 'n',
            Section::Link => 'l',
            Section::Status => 's',
            Section::Language => 'g',
            Section::Help => 'e',
            Section::Admin => 'a',
        }
    }
}

/// What owner and admins do from the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manage {
    /// Let people in.
    Invite,
    /// Look at the codes that let people in.
    Invites,
    /// Look at owner and admins.
    Admins,
    /// Look at those who use the bot.
    Members,
    /// Look at how the bot is used.
    Stats,
}

impl Manage {
    /// All of it.
    pub const ALL: [Manage; 5] = [Manage::Invite, Manage::Invites, Manage::Admins, Manage::Members, Manage::Stats];

    fn letter(self) -> char {
        match self {
            Manage::Invite => 'i',
            Manage::Invites => 'c',
            Manage::Admins => 'a',
            Manage::Members => 'm',
            Manage::Stats => 's',
        }
    }
}

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
    /// Begin this flow, or go on with it.
    Begin(FlowTag),
    /// Turn the message with the button into this screen.
    Open(Section),
    /// Turn it into the page of the numbers that begins with this one.
    NumbersFrom {
        /// The first number of the page.
        first: AccountId,
        /// How many came before it, should it be gone.
        before: u32,
    },
    /// Begin linking a number.
    Link,
    /// Link by QR picture.
    LinkQr,
    /// Link by code.
    LinkCode,
    /// Stop this linking.
    LinkCancel(AccountId),
    /// Connect this number again.
    Reconnect(AccountId),
    /// Ask whether to log this number out.
    Logout(AccountId),
    /// Turn the message with the button into this number's screen.
    Number(AccountId),
    /// Make this number the primary one.
    Primary(AccountId),
    /// Ask what to call this number.
    Rename(AccountId),
    /// Ask whether to delete this number, which is logged out.
    Delete(AccountId),
    /// Give up this linking and begin it anew.
    LinkAnew(AccountId),
    /// Send this message, whose fate is unknown, once more under the same id.
    Resend(i64),
    /// Leave this message, whose fate is unknown, as it is.
    Forget(i64),
    /// Leave the current conversation.
    Cancel,
    /// Speak this language.
    Speak(Language),
    /// For owner and admins.
    Manage(Manage),
    /// Make a code that lets people in.
    Invite {
        /// How many.
        uses: u32,
        /// For how many days.
        days: u32,
    },
    /// Take the code with this number back.
    Revoke(i64),
    /// Something with published profiles.
    People(Browse),
    /// Something with those who use the bot.
    Members(Roll),
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
            Self::Begin(FlowTag(tag)) => format!("B{tag}"),
            Self::Open(section) => format!("m{}", section.letter()),
            Self::NumbersFrom { first, before } => format!("N{before}.{first}"),
            Self::Manage(what) => format!("M{}", what.letter()),
            Self::Link => "l".into(),
            Self::LinkQr => "q".into(),
            Self::LinkCode => "c".into(),
            Self::LinkCancel(a) => format!("x{a}"),
            Self::Reconnect(a) => format!("r{a}"),
            Self::Logout(a) => format!("o{a}"),
            Self::Number(a) => format!("n{a}"),
            Self::Primary(a) => format!("t{a}"),
            Self::Rename(a) => format!("e{a}"),
            Self::Delete(a) => format!("D{a}"),
            Self::LinkAnew(a) => format!("y{a}"),
            Self::Resend(id) => format!("s{id}"),
            Self::Forget(id) => format!("f{id}"),
            Self::Cancel => "k".into(),
            Self::Speak(language) => format!("g{}", language.code()),
            Self::Invite { uses, days } => format!("i{uses}.{days}"),
            Self::Revoke(id) => format!("v{id}"),
            Self::People(what) => format!("a{}", what.encode()),
            Self::Members(what) => format!("d{}", what.encode()),
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
                'k' => Self::Cancel,
                _ => return None,
            });
        }
        if letter == 'g' {
            return Language::from_code(rest).map(Self::Speak);
        }
        if letter == 'a' {
            return Browse::decode(rest).map(Self::People);
        }
        if letter == 'd' {
            return Roll::decode(rest).map(Self::Members);
        }
        if letter == 'M' {
            return Manage::ALL.into_iter().find(|what| what.letter().to_string() == rest).map(Self::Manage);
        }
        if letter == 'm' {
            return Section::ALL.into_iter().find(|section| section.letter().to_string() == rest).map(Self::Open);
        }
        if let Some((a, b)) = rest.split_once('.') {
            let a: u32 = a.parse().ok()?;
            return Some(match letter {
                'w' => Self::Choose { turn: a, choice: b.parse().ok()? },
                'i' => Self::Invite { uses: a, days: b.parse().ok()? },
                'N' => Self::NumbersFrom { first: AccountId(b.parse().ok()?), before: a },
                _ => return None,
            });
        }
        let id: i64 = rest.parse().ok()?;
        let turn = u32::try_from(id);
        Some(match letter {
            'b' => Self::Back(turn.ok()?),
            'B' => Self::Begin(FlowTag(turn.ok()?)),
            'z' => Self::Stop(turn.ok()?),
            'u' => Self::Resume(turn.ok()?),
            'p' => Self::KeepFlow(turn.ok()?),
            'P' => Self::OtherFlow(turn.ok()?),
            'x' => Self::LinkCancel(AccountId(id)),
            'r' => Self::Reconnect(AccountId(id)),
            'o' => Self::Logout(AccountId(id)),
            'n' => Self::Number(AccountId(id)),
            't' => Self::Primary(AccountId(id)),
            'e' => Self::Rename(AccountId(id)),
            'D' => Self::Delete(AccountId(id)),
            'y' => Self::LinkAnew(AccountId(id)),
            's' => Self::Resend(id),
            'f' => Self::Forget(id),
            'v' => Self::Revoke(id),
            _ => return None,
        })
    }
}
