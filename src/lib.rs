//! Sekat: one Telegram bot, many people, each with their own WhatsApp numbers and their own encrypted world.
//!
//! Modules, lowest first; each imports only those before it, and `tests/arrows.rs` holds that: [`domain`], [`metrics`], [`words`],
//! [`limits`], [`reach`], [`store`], [`session`], [`whatsapp`], [`flows`], [`users`], [`telegram`], [`http`], [`control`], then the edge:
//! [`config`], [`cli`], [`logging`], [`lifecycle`], [`app`]. The simulators (`sim`, feature `demo`) stand outside and are named by nothing else.
#![recursion_limit = "512"]

pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod domain;
pub mod flows;
pub mod http;
pub mod lifecycle;
pub mod limits;
pub mod logging;
pub mod metrics;
pub mod reach;
pub mod session;
#[cfg(feature = "demo")]
pub mod sim;
pub mod store;
pub mod telegram;
pub mod users;
pub mod whatsapp;
pub mod words;

/// Where all memory comes from, that of SQLite and OpenSSL too. Chosen by measurement: `docs/PERFORMANCE.md`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
