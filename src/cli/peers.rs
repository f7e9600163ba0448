//! Where do the configured servers lie? A demo build does not check WhatsApp's certificate, and so may talk to this machine
//! only.
//!
//! Owns nothing. This is the plain word at the start; each connection is checked again when it is made, because a name may
//! resolve to something else by then. It must not show an address.

use std::time::Duration;

use reqwest::Url;

use crate::config::Config;
use crate::reach;

/// For one name.
const DEADLINE: Duration = Duration::from_secs(10);

/// The configured servers are not all on this machine.
#[derive(Debug, thiserror::Error)]
#[error("use {}: this is a demo build, which talks to this machine only (code demo-not-loopback)", keys.join(" and "))]
pub(super) struct NotHere {
    keys: Vec<&'static str>,
}

/// Looks where both servers lie, in a demo build; any other may talk to the world.
///
/// # Errors
/// [`NotHere`].
pub(super) async fn check(config: &Config) -> Result<(), NotHere> {
    if !cfg!(feature = "demo") {
        return Ok(());
    }
    let mut keys = Vec::new();
    for (key, address) in servers(config) {
        if !is_here(address).await {
            keys.push(key);
        }
    }
    // Nor do others talk to it.
    if config.http.listen.is_some_and(|at| !reach::is_here(at.ip())) {
        keys.push("http.listen");
    }
    if keys.is_empty() { Ok(()) } else { Err(NotHere { keys }) }
}

/// The servers that the daemon talks to, by the keys that name them.
fn servers(config: &Config) -> [(&'static str, &str); 2] {
    [("telegram.api_url", &config.telegram.api_url), ("whatsapp.web.endpoint", &config.whatsapp.web.endpoint)]
}

/// Whether every address behind this one is on this machine. A name that cannot be resolved is not.
async fn is_here(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    matches!(tokio::time::timeout(DEADLINE, reach::addresses(host, port, true)).await, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_lies_on_this_machine_is_here() {
        for here in ["http://127.0.0.1:9", "http://127.8.8.8/", "ws://[::1]:9/x", "http://localhost:9/tg/"] {
            assert!(is_here(here).await, "{here}");
        }
        let far =
            ["http://192.0.2.1", "wss://192.0.2.1/ws", "ws://[2001:db8::1]:9", "http://0.0.0.0:9", "http://[::]:9"];
        for far in far.into_iter().chain(["https://nowhere.invalid", "nonsense"]) {
            assert!(!is_here(far).await, "{far}");
        }
    }
}
