//! (see DESIGN)
pub mod web;
