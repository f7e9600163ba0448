//! The control socket: how a command reaches the daemon that runs.
//!
//! One connection is one question and its answer, a line of JSON each. Owns the socket, who may speak through it, and every bound:
//! sizes, deadlines, how many at a time. It must not know what is asked, and never holds up the daemon for whoever asks badly.
mod client;
mod place;
mod server;
mod wire;

pub use client::{AskError, ask};
pub use place::{MOST_BYTES, NAME, PlaceError, found, note, place};
pub use server::{BindError, Bound, Desk, Listener};
pub use wire::Answer;

use std::io;
use std::os::unix::fs::MetadataExt as _;

/// Who this process is to the system: its effective user id.
///
/// # Errors
/// Where `/proc` is not mounted.
pub fn own_uid() -> io::Result<u32> {
    // The folder of a process belongs to its effective user, also where the files in it do not (proc_pid(5)).
    Ok(std::fs::metadata("/proc/self")?.uid())
}
