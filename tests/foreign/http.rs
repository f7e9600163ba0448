//! HTTP as a small server speaks it, byte by byte: a request with its parameters in any form, and an answer in several.
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A request, its parameters read from the address, JSON, a form or a form with files.
#[derive(Default, Debug)]
pub struct Request {
    pub verb: String,
    pub path: String,
    pub fields: Map<String, Value>,
    pub files: HashMap<String, Vec<u8>>,
}

impl Request {
    pub fn int(&self, name: &str) -> Option<i64> {
        let value = self.fields.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }

    /// A parameter that is an object: as such, or as text in a form.
    pub fn object(&self, name: &str) -> Option<Value> {
        match self.fields.get(name)? {
            Value::String(text) => serde_json::from_str(text).ok(),
            other => Some(other.clone()),
        }
    }
}

/// How an answer is put on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    #[default]
    Length,
    Chunked,
    /// HTTP/1.0 without a length: the end of the connection is the end of the answer.
    Old,
}

/// The next request of a connection; `None` when it is over.
pub async fn read(peer: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if peer.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (verb, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request { verb: verb.into(), path: path.into(), ..Request::default() };
    form(query, &mut request);
    let (mut length, mut kind, mut chunked) = (0, String::new(), false);
    loop {
        let mut header = String::new();
        peer.read_line(&mut header).await?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "content-type" => kind = value.trim().to_owned(),
            "transfer-encoding" => chunked = value.contains("chunked"),
            _ => {}
        }
    }
    let body = if chunked { unchunk(peer).await? } else { exactly(peer, length).await? };
    if kind.starts_with("application/json") {
        if let Ok(Value::Object(fields)) = serde_json::from_slice(&body) {
            request.fields.extend(fields);
        }
    } else if let Some((_, boundary)) = kind.split_once("boundary=") {
        parts(&body, boundary.trim_matches('"'), &mut request);
    } else {
        form(&String::from_utf8_lossy(&body), &mut request);
    }
    Ok(Some(request))
}

/// Writes an answer; `cut`: breaks off in the middle of it.
pub async fn answer(
    peer: &mut BufReader<TcpStream>,
    status: u16,
    body: &str,
    framing: Framing,
    close: bool,
    more: &str,
    cut: bool,
) -> io::Result<()> {
    let kind = if body.starts_with('{') { "application/json" } else { "text/html" };
    let version = if framing == Framing::Old { "1.0" } else { "1.1" };
    let mut head = format!("HTTP/{version} {status} Whatever\r\nContent-Type: {kind}\r\n{more}");
    if close {
        head.push_str("Connection: close\r\n");
    }
    let mut bytes = Vec::new();
    match framing {
        Framing::Length => {
            bytes.extend(format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes());
            bytes.extend(body.as_bytes());
        }
        Framing::Old => bytes.extend(format!("{head}\r\n{body}").into_bytes()),
        Framing::Chunked => {
            bytes.extend(format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes());
            for piece in body.as_bytes().chunks(7) {
                bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                bytes.extend(piece);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        }
    }
    if cut {
        bytes.truncate(bytes.len() - body.len() / 2 - 1);
    }
    peer.get_mut().write_all(&bytes).await?;
    peer.get_mut().flush().await
}

async fn exactly(peer: &mut BufReader<TcpStream>, length: usize) -> io::Result<Vec<u8>> {
    let mut body = vec![0; length];
    peer.read_exact(&mut body).await?;
    Ok(body)
}

async fn unchunk(peer: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        peer.read_line(&mut size).await?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        body.extend(exactly(peer, size).await?);
        exactly(peer, 2).await?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn form(text: &str, request: &mut Request) {
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        request.fields.insert(decoded(name), Value::String(decoded(value)));
    }
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.extend(u8::from_str_radix(&digits, 16).ok());
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn parts(body: &[u8], boundary: &str, request: &mut Request) {
    let mark = format!("--{boundary}");
    let mut rest = body;
    while let Some(at) = find(rest, mark.as_bytes()) {
        rest = &rest[at + mark.len()..];
        let Some(end) = find(rest, mark.as_bytes()) else { break };
        let part = &rest[..end];
        let Some(split) = find(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&part[..split]).into_owned();
        let content = part[split + 4..].strip_suffix(b"\r\n").unwrap_or_default();
        let named = |what: &str| head.split_once(&format!(" {what}=\"")).and_then(|(_, v)| v.split_once('"'));
        let Some((name, _)) = named("name") else { continue };
        if named("filename").is_some() {
            request.files.insert(name.to_owned(), content.to_vec());
        } else {
            let text = String::from_utf8_lossy(content).into_owned();
            request.fields.insert(name.to_owned(), Value::String(text));
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
