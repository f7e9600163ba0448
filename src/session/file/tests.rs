//! The file engine on a real folder.
