//! How much one client may keep in memory: every cache of the library, bounded.
//!
//! Owns no state. The library's defaults suit one account in one process; here a thousand share one, each of them
//! mostly idle, so a cache is sized for one person's busy day and whatever falls out is read again from the key store.
use std::time::Duration;
use whatsapp_rust::{CacheConfig, CacheEntryConfig};

/// The caches of one client.
///
/// Safe to bound: the LID map, device lists, groups and sender-key status are asked of the key store on a miss. The lock
/// tables are bounded softly by the library itself: a lock that somebody holds is never dropped.
pub(super) fn bounded() -> CacheConfig {
    let hour = Some(Duration::from_secs(3_600));
    let minutes = Some(Duration::from_secs(300));
    CacheConfig {
        group_cache: CacheEntryConfig::new(hour, 32),
        device_registry_cache: CacheEntryConfig::new(hour, 1_100),
        lid_pn_cache: CacheEntryConfig::new(None, 1_000),
        recent_messages: CacheEntryConfig::new(minutes, 0),
        message_retry_counts: CacheEntryConfig::new(hour, 256),
        undecryptable_dispatched: CacheEntryConfig::new(minutes, 128),
        pdo_pending_requests: CacheEntryConfig::new(Some(Duration::from_secs(30)), 32),
        pdo_requested: CacheEntryConfig::new(Some(Duration::from_secs(24 * 3_600)), 256),
        sender_key_devices_cache: CacheEntryConfig::new(hour, 32),
        session_recreate_history: CacheEntryConfig::new(hour, 64),
        session_locks_capacity: 1_024,
        chat_lanes_capacity: 128,
        group_distribution_locks_capacity: 32,
        resend_rate_limiter_capacity: 128,
        // History is not taken, so there is nothing to seed from.
        seed_msg_secrets_from_history: false,
        ..CacheConfig::default()
    }
}
