//! What Sekat talks about: ids, accounts, messages, conversations and the states they may be in.
//!
//! Pure values and state machines. Nothing here does I/O, reads a clock or draws a random number: both are handed in.
pub mod access;
pub mod account;
pub mod action;
pub mod browse;
pub mod clock;
pub mod conversation;
pub mod effect;
pub mod email;
pub mod event;
pub mod expiry;
pub mod fold;
pub mod ids;
pub mod input;
pub mod invite;
pub mod key;
pub mod message;
pub mod name;
pub mod order;
pub mod phone;
pub mod phrase;
pub mod plan;
pub mod profile;
pub mod text;
pub mod zones;

pub use access::{AccessMode, AccessRules, Role, Standing};
pub use account::{Account, AccountState, LoginMethod, Reason};
pub use action::{Action, FlowTag, Manage, Section};
pub use browse::{Browse, Roll};
pub use clock::{Clock, Timestamp};
pub use conversation::{Conversation, Open, Place};
pub use effect::{Body, Button, Class, Effect, Outgoing, Shown};
pub use email::Email;
pub use event::{ClientEvent, LoginStep};
pub use ids::{AccountId, ChatId, Generation, MessageId, TelegramId, UpdateId};
pub use input::Input;
pub use invite::{Invite, InviteCode, InviteState, Terms, TermsError};
pub use key::Key;
pub use message::{Content, Delivery, InboundMessage, Jid};
pub use name::{About, PersonName};
pub use order::{Member, Order, Outcome, Refusal, Wish};
pub use phone::{Country, PhoneNumber};
pub use phrase::{Arg, Choice, Language, Phrase};
pub use plan::Plan;
pub use profile::{Card, CardId, Details, Profile, Registration, Shows};
pub use text::RichText;
