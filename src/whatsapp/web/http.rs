//! The library's way to WhatsApp's HTTP servers, for media: asynchronous, with a deadline for each stage and a bound on
//! the size of an answer.
//!
//! Owns one connection pool for all clients of the provider; requests carry no cookies and nothing of a user but what the
//! library puts there. Must not stream: the library's streaming interface blocks threads.
use crate::reach;
use async_trait::async_trait;
use std::time::Duration;
use whatsapp_rust::http::{HttpClient, HttpRequest, HttpResponse};

/// TCP and TLS.
const CONNECT: Duration = Duration::from_secs(20);
/// Between two pieces of an answer.
const IDLE: Duration = Duration::from_secs(30);
/// From the request to the end of the answer.
const TOTAL: Duration = Duration::from_secs(180);
/// The largest answer that is kept in memory: WhatsApp's limit for ordinary media is 64 MiB, encryption adds little.
const MAX_BYTES: usize = 66 * 1024 * 1024;

/// Why a request did not come to an answer. Tells nothing of its address: it may carry a token.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("read the request's address or method")]
    Request,
    #[error("read the request's headers")]
    Header,
    #[error("send the request")]
    Send(#[source] reqwest::Error),
    #[error("read the answer")]
    Read(#[source] reqwest::Error),
    #[error("take an answer of more than {MAX_BYTES} bytes")]
    TooLarge,
}

/// The HTTP client of all clients of one provider. A clone shares its connections.
#[derive(Clone)]
pub(super) struct Http {
    client: reqwest::Client,
    loopback_only: bool,
}

impl Http {
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(loopback_only: bool) -> reqwest::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(IDLE)
            .timeout(TOTAL)
            .pool_max_idle_per_host(4)
            .redirect(reqwest::redirect::Policy::none());
        if loopback_only {
            builder = builder.no_proxy().dns_resolver(std::sync::Arc::new(reach::HereOnly));
        }
        Ok(Http { client: builder.build()?, loopback_only })
    }

    async fn fetch(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        let url = reqwest::Url::parse(&request.url).map_err(|_| FetchError::Request)?;
        if self.loopback_only && url.host_str().is_some_and(reach::is_elsewhere) {
            return Err(reach::ReachError::NotHere.into());
        }
        let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|_| FetchError::Request)?;
        let mut outgoing = self.client.request(method, url);
        for (name, value) in &request.headers {
            let name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).map_err(|_| FetchError::Header)?;
            let value = reqwest::header::HeaderValue::from_str(value).map_err(|_| FetchError::Header)?;
            outgoing = outgoing.header(name, value);
        }
        if let Some(body) = request.body {
            outgoing = outgoing.body(body);
        }
        let mut answer = outgoing.send().await.map_err(|error| FetchError::Send(error.without_url()))?;
        let announced = answer.content_length().unwrap_or(0);
        if usize::try_from(announced).is_ok_and(|bytes| bytes > MAX_BYTES) {
            return Err(FetchError::TooLarge.into());
        }
        let status_code = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| FetchError::Read(error.without_url()))? {
            if body.len() + piece.len() > MAX_BYTES {
                return Err(FetchError::TooLarge.into());
            }
            body.extend_from_slice(&piece);
        }
        Ok(HttpResponse { status_code, body })
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        self.fetch(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn answering(answer: &'static str) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            let mut request = [0u8; 2_048];
            let read = peer.read(&mut request).await.unwrap();
            assert!(read > 0);
            peer.write_all(answer.as_bytes()).await.unwrap();
        });
        format!("http://{address}/media")
    }

    #[tokio::test]
    async fn every_status_is_an_answer() {
        for (answer, status) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", 200),
            ("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", 403),
            ("HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n", 302),
        ] {
            let url = answering(answer).await;
            let told = Http::new(true).unwrap().execute(HttpRequest::get(url)).await.unwrap();
            assert_eq!(told.status_code, status);
        }
    }

    #[tokio::test]
    async fn too_large_an_answer_is_not_taken() {
        let url = answering("HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\nx").await;
        let error = Http::new(true).unwrap().execute(HttpRequest::get(url)).await.unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(FetchError::TooLarge)));
    }

    #[tokio::test]
    async fn only_this_machine_is_asked_when_told_so() {
        for far in ["https://192.0.2.1/x", "http://[2001:db8::1]/x"] {
            assert!(Http::new(true).unwrap().execute(HttpRequest::get(far)).await.is_err());
        }
    }
}
