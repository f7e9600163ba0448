//! Sekat: one Telegram bot, many people, each with their own WhatsApp numbers and their own encrypted world.
//!
//! Modules are listed lowest first; a module imports only those above it in this list (`tests/arrows.rs` holds that).
#![recursion_limit = "512"]

pub mod domain;
pub mod limits;
pub mod store;
pub mod whatsapp;
pub mod flows;
pub mod users;
pub mod telegram;
pub mod config;
pub mod cli;
pub mod lifecycle;
pub mod app;
#[cfg(feature = "demo")]
pub mod sim;
