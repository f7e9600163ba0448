//! How a client reaches WhatsApp's server: a web socket, every step of it bounded.
//!
//! Owns no connection. Must not know what goes over the wire.
use crate::reach;
use async_trait::async_trait;
use hyper::header::{HeaderValue, ORIGIN};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
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

    /// Its host, without the brackets of an address.
    fn host(&self) -> &str {
        reach::bare(self.url.host_str().unwrap_or_default())
    }

    /// Its port: the protocol's own, where none is named.
    fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }
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
        let Endpoint { loopback_only, .. } = self.endpoint;
        let addresses = reach::addresses(self.endpoint.host(), self.endpoint.port(), loopback_only).await?;
        first_that_answers(&self.endpoint, &addresses).await
    }
}

/// A name such as `localhost` has several addresses, and a server may listen on one of them. There is at least one.
async fn first_that_answers(endpoint: &Endpoint, addresses: &[SocketAddr]) -> anyhow::Result<Connection> {
    let mut last = Err(reach::ReachError::NoAddress.into());
    for address in addresses {
        last = answers(endpoint, *address).await;
        if last.is_ok() {
            break;
        }
    }
    last
}

/// A connection as the library makes it, but over a socket of ours.
async fn answers(endpoint: &Endpoint, address: SocketAddr) -> anyhow::Result<Connection> {
    let dialled = tokio::time::timeout(DIAL, reach::dial(address)).await;
    let socket = dialled.map_err(|_| DialError::Timeout(DIAL))??;
    // With TLS the certificate is for the name, whatever address it has.
    let connector = if endpoint.url.scheme() == "wss" { default_tls_connector() } else { Connector::Plain };
    let stream = connector.wrap(endpoint.host(), socket).await?;
    let request = ClientBuilder::new().uri(endpoint.url.as_str())?;
    let request = request.add_header(ORIGIN, HeaderValue::from_static(WHATSAPP_WEB_ORIGIN))?;
    Ok(from_websocket(request.connect_on(stream).await?.0))
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
        let endpoint = Endpoint::new("ws://localhost/", true).unwrap();
        assert!(first_that_answers(&endpoint, &[nobody]).await.is_err());
        assert!(first_that_answers(&endpoint, &[nobody, somebody]).await.is_ok());
    }

    #[tokio::test]
    async fn only_this_machine_is_dialled_when_told_so() {
        struct Nobody;
        #[async_trait]
        impl Attempts for Nobody {
            async fn connecting(&self) {}
            fn failed(&self) {}
        }
        for far in ["ws://192.0.2.1/ws", "wss://192.0.2.1/ws", "ws://[2001:db8::1]:80/", "ws://0.0.0.0:9/"] {
            let dialer = Dialer { endpoint: Endpoint::new(far, true).unwrap(), attempts: Nobody };
            let Err(refused) = dialer.dial().await else { panic!("{far} was dialled") };
            assert!(matches!(refused.downcast_ref(), Some(reach::ReachError::NotHere)), "{far}: {refused}");
        }
    }

    #[test]
    fn an_endpoint_is_a_web_socket_address() {
        for wrong in ["http://127.0.0.1/", "127.0.0.1:80", "ws://", ""] {
            assert!(Endpoint::new(wrong, false).is_err(), "{wrong}");
        }
        for (url, host, port) in [
            ("wss://web.whatsapp.com/ws/chat", "web.whatsapp.com", 443),
            ("ws://localhost/", "localhost", 80),
            ("wss://[::1]:9/", "::1", 9),
        ] {
            let endpoint = Endpoint::new(url, false).unwrap();
            assert_eq!((endpoint.url.as_str(), endpoint.host(), endpoint.port()), (url, host, port));
        }
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
