//! Real servers of sessions for tests and benchmarks: each private, on a free port of this machine, in a folder of its own.
//!
//! Owns the processes: they end with the value, and with this process however it ends. They can be stopped, killed, frozen,
//! started anew, and partitioned. Not in a production build.

mod port;
mod postgres;
mod process;
mod proxy;
mod redis;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use self::port::HeldPort;
pub use self::postgres::{PostgresOptions, PostgresServer};
pub use self::process::Running;
pub use self::proxy::{Path, Proxy};
pub use self::redis::{RedisOptions, RedisServer};

/// The files that a server with TLS needs.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate, as PEM.
    pub certificate: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
}

/// How long a server may take to come up or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until it is so.
fn wait_until(mut is_so: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let begun = Instant::now();
    while !is_so()? {
        if begun.elapsed() > PATIENCE {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the server did not come up"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
