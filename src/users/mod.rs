//! People: each one's world, awake while it is needed, asleep otherwise.
pub mod port;
