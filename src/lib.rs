//! Sekat: one Telegram bot, many people, each with their own WhatsApp numbers and their own encrypted world.
//!
//! Modules are listed lowest first; a module imports only those above it in this list (`tests/arrows.rs` holds that).
#![recursion_limit = "512"]

pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod flows;
pub mod lifecycle;
pub mod limits;
pub mod logging;
#[cfg(feature = "demo")]
pub mod sim;
pub mod store;
pub mod telegram;
pub mod users;
pub mod whatsapp;
