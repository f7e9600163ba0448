//! How is a connection to a server of sessions made, and whom does it trust?
//!
//! Owns nothing. Every connection has a deadline; TLS always checks the certificate and the name in it.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_postgres::tls::{ChannelBinding, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::fault::Fault;
use crate::reach::{self, ReachError};

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A host by name or number, and a port.
    Tcp(String, u16),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl Place {
    /// Whether what goes there stays on this machine, by the address alone.
    pub fn is_here(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp(host, _) => reach::is_named_here(host),
        }
    }
}

/// Whose certificates are believed.
#[derive(Debug, Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Those that the file vouches for; without one, those that the world's public authorities do.
    ///
    /// # Errors
    /// [`Fault::Certificate`] when the file holds none or cannot be read.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, Fault> {
        let mut roots = RootCertStore::empty();
        match ca_file {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                let unreadable = |what: String| Fault::Certificate(format!("the file of certificates {what}"));
                let found = CertificateDer::pem_file_iter(path).map_err(|e| unreadable(e.to_string()))?;
                for certificate in found {
                    let certificate = certificate.map_err(|e| unreadable(e.to_string()))?;
                    roots.add(certificate).map_err(|e| unreadable(e.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(unreadable("holds none".to_owned()));
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Fault::Certificate(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Trust(Arc::new(config)))
    }

    async fn over<S: Io>(&self, host: &str, stream: S) -> io::Result<TlsStream<S>> {
        let name = ServerName::try_from(host.to_owned()).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await
    }
}

/// What bytes go over.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// Any of them.
pub(super) struct Stream(Box<dyn Io>);

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Connects. `here_only`: whatever its name resolves to must be on this machine. The caller sets the deadline.
pub(super) async fn open(place: &Place, here_only: bool) -> Result<Stream, Fault> {
    let (host, port) = match place {
        Place::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(|e| Fault::io(&e))?;
            return Ok(Stream(Box::new(stream)));
        }
        Place::Tcp(host, port) => (host.as_str(), *port),
    };
    let mut last = ReachError::NoAddress;
    for address in reach::addresses(host, port, here_only).await? {
        match reach::dial(address).await {
            Ok(stream) => return Ok(Stream(Box::new(stream))),
            Err(e) => last = e,
        }
    }
    Err(last.into())
}

/// TLS over a stream to this host.
pub(super) async fn secure(trust: &Trust, host: &str, stream: Stream) -> Result<Stream, Fault> {
    let stream = trust.over(host, stream).await.map_err(|e| match Fault::io(&e) {
        // Whoever hangs up during the handshake speaks no TLS.
        Fault::Unreachable(why) => Fault::Certificate(format!("TLS does not come about ({why})")),
        other => other,
    })?;
    Ok(Stream(Box::new(stream)))
}

/// TLS as PostgreSQL's driver asks for it, after the server has agreed.
pub(super) struct PostgresTls {
    pub trust: Trust,
    pub host: String,
}

impl TlsConnect<Stream> for PostgresTls {
    type Stream = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn connect(self, stream: Stream) -> Self::Future {
        Box::pin(async move { self.trust.over(&self.host, stream).await.map(|stream| Stream(Box::new(stream))) })
    }
}

impl tokio_postgres::tls::TlsStream for Stream {
    /// The certificate has been checked against the name: a password cannot be passed on by somebody in between.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}
