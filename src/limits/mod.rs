//! How often and how fast: quotas, waits, and the one budget that everybody shares towards Telegram.
//!
//! Nothing here knows who asks or why.
pub mod backoff;
pub mod budget;
pub mod level;
pub mod rate;
pub mod retry;
pub mod window;

pub use backoff::Backoff;
pub use budget::{Budget, BudgetConfig};
pub use level::Level;
pub use rate::Rate;
pub use retry::{Failure, Retry};
