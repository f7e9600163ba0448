//! How a client reaches WhatsApp's server: a web socket, every step of it bounded.
//!
//! Owns no connection. In a process that may only talk to this machine it resolves the host first and dials the address
//! it has seen. Must not know what goes over the wire.
use async_trait::async_trait;
use hyper::header::{HeaderValue, ORIGIN};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_websockets::ClientBuilder;
use whatsapp_rust::transport::{
    Connector, Transport, TransportEvent, TransportFactory, default_tls_connector, from_websocket,
};
use whatsapp_rust::wacore::net::WHATSAPP_WEB_ORIGIN;

/// As WhatsApp's own client: name, TCP, TLS and web socket together.
const CONNECT: Duration = Duration::from_secs(20);
/// One of several addresses, so that there is time for another.
const DIAL: Duration = Duration::from_secs(8);
/// One write. A peer that takes nothing for so long is gone; the library's keepalive would wait about as long.
const WRITE: Duration = Duration::from_secs(20);
/// The closing frame: courtesy only.
const CLOSE: Duration = Duration::from_secs(2);

/// What kept a connection from being made. Tells neither the address nor what was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("read the endpoint's address")]
    Endpoint,
    #[error("resolve the endpoint's host")]
    Resolve(#[source] std::io::Error),
    #[error("resolve the endpoint's host: it has no address")]
    NoAddress,
    #[error("connect: this build talks to this machine only")]
    NotLoopback,
    #[error("connect")]
    Connect(#[source] std::io::Error),
    #[error("connect within {0:?}")]
    Timeout(Duration),
    #[error("write within {0:?}")]
    Stuck(Duration),
}

/// Where to connect to, and whether it may be elsewhere than here.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    url: reqwest::Url,
    loopback_only: bool,
}

impl Endpoint {
    /// # Errors
    /// When `url` is not `ws://` or `wss://` with a host.
    pub(super) fn new(url: &str, loopback_only: bool) -> Result<Self, DialError> {
        let url = reqwest::Url::parse(url).map_err(|_| DialError::Endpoint)?;
        if !matches!(url.scheme(), "ws" | "wss") || url.host_str().is_none_or(str::is_empty) {
            return Err(DialError::Endpoint);
        }
        Ok(Endpoint { url, loopback_only })
    }

    /// The addresses to dial, at least one. For a process that may only talk to this machine what is dialled is the address
    /// that was looked at.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, DialError> {
        if self.loopback_only { loopback(&self.url).await } else { resolve(&self.url).await }
    }
}

/// The addresses behind a host, at least one; refused unless every one of them is on this machine.
pub(super) async fn loopback(url: &reqwest::Url) -> Result<Vec<SocketAddr>, DialError> {
    let addresses = resolve(url).await?;
    let here = addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
    if here { Ok(addresses) } else { Err(DialError::NotLoopback) }
}

/// The addresses behind a host, at least one.
async fn resolve(url: &reqwest::Url) -> Result<Vec<SocketAddr>, DialError> {
    let port = match (url.port(), url.scheme()) {
        (Some(port), _) => port,
        (None, "ws" | "http") => 80,
        (None, _) => 443,
    };
    let host = bare_host(url);
    let addresses: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => tokio::net::lookup_host((host, port)).await.map_err(DialError::Resolve)?.collect(),
    };
    if addresses.is_empty() { Err(DialError::NoAddress) } else { Ok(addresses) }
}

/// The host without the brackets of an IPv6 address.
fn bare_host(url: &reqwest::Url) -> &str {
    url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}

/// Hears about attempts, because the library tells nobody of one that fails.
#[async_trait]
pub(super) trait Attempts: Send + Sync + 'static {
    /// A connection is about to be made; it waits for this.
    async fn connecting(&self);
    /// It could not be made.
    fn failed(&self);
}

/// Makes one client's connections.
pub(super) struct Dialer<A> {
    pub(super) endpoint: Endpoint,
    pub(super) attempts: A,
}

impl<A: Attempts> Dialer<A> {
    async fn dial(&self) -> anyhow::Result<Connection> {
        first_that_answers(&self.endpoint.url, self.endpoint.addresses().await?).await
    }
}

/// A name such as `localhost` has several addresses, and a server may listen on one of them.
async fn first_that_answers(url: &reqwest::Url, addresses: Vec<SocketAddr>) -> anyhow::Result<Connection> {
    let mut last = Err(DialError::NoAddress.into());
    for address in addresses {
        last = answers(url, address).await;
        if last.is_ok() {
            break;
        }
    }
    last
}

/// A connection as the library makes it, but over a socket of ours.
async fn answers(url: &reqwest::Url, address: SocketAddr) -> anyhow::Result<Connection> {
    let socket = dial(address).await?;
    // With TLS the certificate is for the name, whatever address it has.
    let connector = if url.scheme() == "wss" { default_tls_connector() } else { Connector::Plain };
    let stream = connector.wrap(bare_host(url), socket).await?;
    let request = ClientBuilder::new().uri(url.as_str())?;
    let request = request.add_header(ORIGIN, HeaderValue::from_static(WHATSAPP_WEB_ORIGIN))?;
    Ok(from_websocket(request.connect_on(stream).await?.0))
}

/// A socket that sends what it is given at once. The kernel would keep a short write back until the peer has acknowledged
/// the one before, which takes the peer 40 ms where it has nothing to say itself: each receipt would delay the next message
/// by that.
async fn dial(address: SocketAddr) -> Result<TcpStream, DialError> {
    let socket = match tokio::time::timeout(DIAL, TcpStream::connect(address)).await {
        Ok(socket) => socket.map_err(DialError::Connect)?,
        Err(_) => return Err(DialError::Timeout(DIAL)),
    };
    socket.set_nodelay(true).map_err(DialError::Connect)?;
    Ok(socket)
}

type Connection = (Arc<dyn Transport>, whatsapp_rust::async_channel::Receiver<TransportEvent>);

#[async_trait]
impl<A: Attempts> TransportFactory for Dialer<A> {
    async fn create_transport(&self) -> anyhow::Result<Connection> {
        self.attempts.connecting().await;
        let dialled = match tokio::time::timeout(CONNECT, self.dial()).await {
            Ok(dialled) => dialled,
            Err(_) => Err(DialError::Timeout(CONNECT).into()),
        };
        match dialled {
            Ok((transport, events)) => Ok((Arc::new(Bounded { inner: transport, write: WRITE, close: CLOSE }), events)),
            Err(error) => {
                self.attempts.failed();
                Err(error)
            }
        }
    }
}

/// A connection whose writes and closing end in time. Without it a peer that stops reading blocks the write, the write
/// blocks the closing, and the client never connects again.
struct Bounded {
    inner: Arc<dyn Transport>,
    write: Duration,
    close: Duration,
}

#[async_trait]
impl Transport for Bounded {
    async fn send(&self, data: bytes::Bytes) -> anyhow::Result<()> {
        match tokio::time::timeout(self.write, self.inner.send(data)).await {
            Ok(sent) => sent,
            Err(_) => Err(DialError::Stuck(self.write).into()),
        }
    }

    async fn disconnect(&self) {
        if tokio::time::timeout(self.close, self.inner.disconnect()).await.is_err() {
            tracing::debug!(event = "close_frame_stuck", "the peer does not take the closing frame");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn addresses(url: &str) -> Result<Vec<String>, DialError> {
        let addresses = Endpoint::new(url, true)?.addresses().await?;
        Ok(addresses.iter().map(SocketAddr::to_string).collect())
    }

    #[tokio::test]
    async fn only_this_machine_is_dialled_when_told_so() {
        assert_eq!(addresses("ws://127.0.0.1:9/ws/chat").await.unwrap(), ["127.0.0.1:9"]);
        assert_eq!(addresses("wss://[::1]/").await.unwrap(), ["[::1]:443"]);
        let named = addresses("ws://localhost/").await.unwrap();
        assert!(!named.is_empty() && named.iter().all(|address| ["127.0.0.1:80", "[::1]:80"].contains(&&**address)));
        for far in ["ws://192.0.2.1/ws", "wss://192.0.2.1/ws", "ws://[2001:db8::1]:80/", "ws://0.0.0.0:9/"] {
            assert!(matches!(addresses(far).await, Err(DialError::NotLoopback)), "{far}");
        }
    }

    #[tokio::test]
    async fn what_is_sent_leaves_at_once() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(dial(server.local_addr().unwrap()).await.unwrap().nodelay().unwrap());
    }

    #[cfg(feature = "demo")]
    #[tokio::test]
    async fn a_name_with_several_addresses_is_reached_on_any_of_them() {
        // Bound, so that nobody else is given its port, and not listened on.
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let nobody = silent.local_addr().unwrap();
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let somebody = server.local_addr().unwrap();
        tokio::spawn(async move {
            let (peer, _) = server.accept().await.unwrap();
            tokio_websockets::ServerBuilder::new().accept(peer).await.unwrap()
        });
        let url = reqwest::Url::parse("ws://localhost/").unwrap();
        assert!(first_that_answers(&url, vec![nobody]).await.is_err());
        assert!(first_that_answers(&url, vec![nobody, somebody]).await.is_ok());
    }

    #[tokio::test]
    async fn an_endpoint_is_a_web_socket_address() {
        for wrong in ["http://127.0.0.1/", "127.0.0.1:80", "ws://", ""] {
            assert!(Endpoint::new(wrong, false).is_err(), "{wrong}");
        }
        let far = Endpoint::new("wss://web.whatsapp.com/ws/chat", false).unwrap();
        assert_eq!((far.url.as_str(), bare_host(&far.url)), ("wss://web.whatsapp.com/ws/chat", "web.whatsapp.com"));
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_blocks_neither_writes_nor_closing() {
        struct Stuck;
        #[async_trait]
        impl Transport for Stuck {
            async fn send(&self, _: bytes::Bytes) -> anyhow::Result<()> {
                std::future::pending().await
            }
            async fn disconnect(&self) {
                std::future::pending().await
            }
        }
        let soon = Duration::from_millis(10);
        let bounded = Bounded { inner: Arc::new(Stuck), write: soon, close: soon };
        assert!(bounded.send(bytes::Bytes::new()).await.is_err());
        bounded.disconnect().await;
    }
}
