//! What the daemon answers over HTTP: is it well, is it ready, its figures; and updates that Telegram brings.
//!
//! Off unless it is set up. Plain HTTP: TLS towards the world is a reverse proxy's, which passes on the webhook's path and
//! nothing else. Owns the listener and its connections. It decides nothing and must not reach past `users`.
mod guard;
mod hook;
mod metrics;
mod server;
mod site;

pub use guard::Guard;
pub use hook::{Hook, SECRET_HEADER};
pub use server::{Listener, Stop};
pub use site::{Engine, Mode, PAGES, Site, Up};
