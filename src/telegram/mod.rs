//! Telegram's Bot API: what comes in is committed and routed, what goes out is sent once and its fate is told.
//!
//! The only home of teloxide. It decides nothing: it neither knows what an update means nor which user may do what.
pub mod api;
pub mod chart;
pub mod dispatcher;
pub mod entities;
pub mod intake;
pub mod listener;
pub mod owner;
pub mod poll;
pub mod qr;
pub mod read;
pub mod sender;
pub mod webhook;

pub use api::{Api, ApiConfig, ApiError, Me, WebhookInfo};
pub use intake::{Intake, IntakeStats};
pub use poll::{PollConfig, Poller};
pub use read::Reader;
pub use sender::Sender;
pub use webhook::{Webhook, WebhookConfig};
