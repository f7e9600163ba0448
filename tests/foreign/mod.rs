//! Servers that share nothing with our simulators, and the daemon as a process between them.
#![allow(dead_code, reason = "each story uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, and so do its servers")]
mod answers;
pub mod contact;
pub mod daemon;
pub mod http;
mod methods;
pub mod noise;
mod peers;
pub mod person;
pub mod stanza;
pub mod telegram;
pub mod whatsapp;

use std::time::Duration;

/// How long anything may take before it counts as failed. Without a phone that hands out its keys, the library waits 10 s
/// after each first login.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// Looks again and again until there is something.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}
