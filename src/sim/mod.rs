//! Stand-ins for Telegram and WhatsApp, for the demo, the tests and the benchmarks. Never part of a production build.
pub mod command;
pub mod english;
pub mod kill;
pub mod load;
pub mod scan;
pub mod stage;
pub mod telegram;
pub mod tour;
pub mod whatsapp;
