//! People: each one's world, awake while it is needed, asleep otherwise.
//!
//! `UserDataStore` finds a person's [`UserEntry`]; the entry owns everything of theirs. Nothing here looks anybody up by
//! anything but their own [`TelegramId`](crate::domain::TelegramId), and nothing here decides what a person may do:
//! flows do.
pub mod apply;
mod away;
mod bell;
mod care;
mod courier;
pub mod entry;
mod erase;
mod gate;
mod going;
pub mod guard;
mod handover;
mod keep;
mod lag;
mod life;
mod line;
mod looks;
mod news;
pub mod ordered;
mod outside;
mod phones;
pub mod port;
mod resume;
pub mod roll;
pub mod room;
mod screen;
mod sink;
mod slots;
mod statistics;
pub mod storage;
pub mod store;
mod sweep;
mod talker;
pub mod vitals;
mod worker;

pub use entry::UserEntry;
pub use guard::Guard;
pub use roll::Roll;
pub use room::Room;
pub use storage::Storage;
pub use store::{Settings, Shared, UserDataStore};
pub use sweep::Swept;
pub use vitals::Vitals;
