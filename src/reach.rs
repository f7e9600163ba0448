//! Where is a server, may it be talked to, and how is it dialled?
//!
//! Owns nothing. The one place that knows what "on this machine" means, to which a demo build is confined: a name is looked up
//! first, and what is dialled is an address that was looked at. Must not know what is said over a connection, nor tell an address.
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpStream;

/// What kept a server from being reached.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// Its name cannot be looked up.
    #[error("resolve its name")]
    Resolve(#[source] io::Error),
    /// Its name is known and leads nowhere.
    #[error("resolve its name: it stands for no address")]
    NoAddress,
    /// It is elsewhere, and only this machine may be talked to.
    #[error("connect: this build talks to this machine only")]
    NotHere,
    /// Nobody takes the connection.
    #[error("connect")]
    Connect(#[source] io::Error),
}

/// Whether this is an address of this machine alone.
#[must_use]
pub fn is_here(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Whether a host is on this machine by its text alone: `localhost`, or an address of this machine.
#[must_use]
pub fn is_named_here(host: &str) -> bool {
    host == "localhost" || literal(host).is_some_and(is_here)
}

/// Whether a host is an address of another machine by its text alone. A name may lead anywhere.
#[must_use]
pub fn is_elsewhere(host: &str) -> bool {
    literal(host).is_some_and(|ip| !is_here(ip))
}

/// The address that a host is written as, with the brackets of a URL around it or without; `None` for a name.
#[must_use]
pub fn literal(host: &str) -> Option<IpAddr> {
    bare(host).parse().ok()
}

/// A host without the brackets that a URL puts around an address.
#[must_use]
pub fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// The addresses behind a host, at least one. `here_only`: each of them must be on this machine. Takes as long as the system's
/// resolver does.
///
/// # Errors
/// [`ReachError::Resolve`], [`ReachError::NoAddress`], [`ReachError::NotHere`].
pub async fn addresses(host: &str, port: u16, here_only: bool) -> Result<Vec<SocketAddr>, ReachError> {
    let found: Vec<SocketAddr> = match literal(host) {
        Some(ip) => vec![SocketAddr::new(ip, port)],
        None => tokio::net::lookup_host((host, port)).await.map_err(ReachError::Resolve)?.collect(),
    };
    if found.is_empty() {
        return Err(ReachError::NoAddress);
    }
    if here_only && !found.iter().all(|address| is_here(address.ip())) {
        return Err(ReachError::NotHere);
    }
    Ok(found)
}

/// A connection that sends what it is given at once. The kernel would keep a short write back until the peer has acknowledged
/// the one before, which takes the peer 40 ms where it has nothing to say itself. The caller sets the deadline: dropped in
/// between, nothing is left.
///
/// # Errors
/// [`ReachError::Connect`].
pub async fn dial(address: SocketAddr) -> Result<TcpStream, ReachError> {
    let socket = TcpStream::connect(address).await.map_err(ReachError::Connect)?;
    socket.set_nodelay(true).map_err(ReachError::Connect)?;
    Ok(socket)
}

/// For an HTTP client that may talk to this machine only: names resolve to it or not at all. A host that is written as an
/// address never comes here, and is to be looked at with [`is_elsewhere`].
#[derive(Debug)]
pub struct HereOnly;

impl reqwest::dns::Resolve for HereOnly {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            // The client puts its own port in.
            let found = addresses(name.as_str(), 0, true).await?;
            Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn found(host: &str) -> Result<Vec<String>, ReachError> {
        Ok(addresses(host, 9, true).await?.iter().map(SocketAddr::to_string).collect())
    }

    #[tokio::test]
    async fn only_this_machine_is_found_when_told_so() {
        assert_eq!(found("127.8.8.8").await.unwrap(), ["127.8.8.8:9"]);
        for v6 in ["::1", "[::1]"] {
            assert_eq!(found(v6).await.unwrap(), ["[::1]:9"]);
        }
        let named = found("localhost").await.unwrap();
        assert!(!named.is_empty() && named.iter().all(|address| ["127.0.0.1:9", "[::1]:9"].contains(&&**address)));
        // In a dress of the newer protocol it is still the same address.
        assert!(found("::ffff:127.0.0.1").await.is_ok());
        for far in ["192.0.2.1", "[2001:db8::1]", "0.0.0.0", "::", "::ffff:192.0.2.1"] {
            assert!(matches!(found(far).await, Err(ReachError::NotHere)), "{far}");
            assert!(addresses(far, 9, false).await.is_ok(), "{far}");
        }
        assert!(matches!(found("nowhere.invalid").await, Err(ReachError::Resolve(_))));
    }

    #[test]
    fn a_text_alone_says_where_it_is_or_not() {
        for here in ["localhost", "127.0.0.1", "[::1]", "::1"] {
            assert!(is_named_here(here), "{here}");
        }
        for elsewhere in ["", "192.0.2.1", "localhost.example", "[::]", "127.0.0.1.example", "[127.0.0.1"] {
            assert!(!is_named_here(elsewhere), "{elsewhere}");
        }
        for elsewhere in ["192.0.2.1", "[2001:db8::1]", "[::]"] {
            assert!(is_elsewhere(elsewhere), "{elsewhere}");
        }
        for anywhere in ["localhost", "127.0.0.1", "[::1]", "localhost.example"] {
            assert!(!is_elsewhere(anywhere), "{anywhere}");
        }
    }

    #[tokio::test]
    async fn what_is_sent_leaves_at_once() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(dial(server.local_addr().unwrap()).await.unwrap().nodelay().unwrap());
    }
}
