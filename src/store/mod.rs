//! (see DESIGN)
pub mod keys;
pub mod seal;
