//! The encrypted transport. It answers "what did the client say, and who is it?"; it owns the WebSocket, the framing and
//! the two ciphers of one connection. It knows no stanza.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_websockets::{Message, WebSocketStream};
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::wacore::framing::{FRAME_LENGTH_SIZE, FrameDecoder, append_frame_header_into, encode_frame};
use whatsapp_rust::wacore::handshake::{NoiseCipher, NoiseHandshake};
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore_binary::consts::{NOISE_PATTERN_IK, NOISE_PATTERN_XX, WA_CONN_HEADER};
use whatsapp_rust::wacore_binary::{Node, OwnedNodeRef, marshal, util};
use whatsapp_rust::waproto::whatsapp as wa;

use super::error::SimError;

/// How long a write may take before the peer counts as gone.
const WRITE_DEADLINE: Duration = Duration::from_secs(20);
/// Length of an AES-GCM tag, which every frame carries.
const TAG: usize = 16;

const BAD: SimError = SimError::Protocol("the handshake is malformed");

/// Who finished a handshake.
pub struct Hello {
    /// The client's lasting Noise key, proven by the handshake.
    pub client_key: [u8; 32],
    /// What the client says of itself.
    pub payload: wa::ClientPayload,
}

/// One client's connection after the handshake.
pub struct Transport {
    frames: Frames,
    incoming: (NoiseCipher, u32),
    outgoing: (NoiseCipher, u32),
    unsent: bool,
}

struct Frames {
    socket: WebSocketStream<TcpStream>,
    decoder: FrameDecoder,
    started: bool,
}

fn certificates(server_key: &[u8]) -> Vec<u8> {
    use wa::cert_chain::{NoiseCertificate, noise_certificate::Details};
    // Signed with nothing: the client that talks to a simulator is built not to check the chain's root.
    let certificate = |serial, issuer, key: Vec<u8>| NoiseCertificate {
        details: Some(
            Details {
                serial: Some(serial),
                issuer_serial: Some(issuer),
                key: Some(key),
                not_before: Some(1_700_000_000),
                not_after: Some(4_000_000_000),
            }
            .encode_to_vec(),
        ),
        signature: Some(vec![0; 64]),
    };
    wa::CertChain {
        leaf: MessageField::some(certificate(2, 1, server_key.to_vec())),
        intermediate: MessageField::some(certificate(1, 0, vec![0xCC; 32])),
    }
    .encode_to_vec()
}

/// Takes the routing preamble and the protocol header off the first bytes of a connection.
fn strip_preamble(mut data: &[u8]) -> Result<&[u8], SimError> {
    if data.starts_with(b"ED") {
        let length = data.get(4..7).ok_or(BAD)?;
        let length = length.iter().fold(0usize, |n, b| (n << 8) | usize::from(*b));
        data = data.get(7 + length..).ok_or(BAD)?;
    }
    data.strip_prefix(&WA_CONN_HEADER[..]).ok_or(BAD)
}

impl Frames {
    /// The next frame; `None` when the client left. Cancellation safe.
    async fn next(&mut self) -> Result<Option<BytesMut>, SimError> {
        loop {
            if let Some(frame) = self.decoder.decode_frame() {
                return Ok(Some(frame));
            }
            match self.socket.next().await {
                Some(Ok(message)) if message.is_binary() => {
                    let data: Bytes = message.into_payload().into();
                    let data = if self.started { &data[..] } else { strip_preamble(&data)? };
                    self.started = true;
                    self.decoder.feed(data);
                }
                Some(Ok(message)) if message.is_close() => return Ok(None),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(None),
            }
        }
    }

    async fn handshake_message(&mut self) -> Result<wa::HandshakeMessage, SimError> {
        let frame = self.next().await?.ok_or(BAD)?;
        wa::HandshakeMessage::decode_from_slice(&frame[..]).map_err(|_| BAD)
    }

    async fn send(&mut self, data: Vec<u8>) -> Result<(), SimError> {
        match timeout(WRITE_DEADLINE, self.socket.send(Message::binary(Bytes::from(data)))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(SimError::Protocol("the client left")),
            Err(_) => Err(SimError::Timeout("a write")),
        }
    }
}

impl Transport {
    /// Answers a WebSocket upgrade and a Noise handshake, XX or IK as the client asks.
    ///
    /// # Errors
    /// When the client leaves or does not keep to the protocol.
    pub async fn accept(socket: TcpStream, server: &KeyPair) -> Result<(Self, Hello), SimError> {
        let upgraded = tokio_websockets::ServerBuilder::new().accept(socket).await;
        let (_, socket) = upgraded.map_err(|_| SimError::Protocol("the WebSocket upgrade is malformed"))?;
        let mut frames = Frames { socket, decoder: FrameDecoder::new(), started: false };
        let hello = frames.handshake_message().await?.client_hello.into_option().ok_or(BAD)?;
        let client_ephemeral: [u8; 32] = hello.ephemeral.ok_or(BAD)?.try_into().map_err(|_| BAD)?;
        let known = match (hello.r#static, hello.payload) {
            (Some(key), Some(payload)) => Some((key, payload)),
            _ => None,
        };
        let mut responder = Responder::new(server, client_ephemeral, known.is_some())?;
        let mut early = None;
        if let Some((key, payload)) = known {
            early = Some(responder.read_early(&key, &payload)?);
        }
        frames.send(encode_frame(&responder.server_hello(server)?, None).map_err(|_| BAD)?).await?;
        let (client_key, payload) = match early {
            Some(known) => known,
            None => {
                let finish = frames.handshake_message().await?.client_finish.into_option().ok_or(BAD)?;
                responder.read_finish(&finish.r#static.ok_or(BAD)?, &finish.payload.ok_or(BAD)?)?
            }
        };
        // The pair comes in the initiator's order: what it writes with is what we read with.
        let (incoming, outgoing) = responder.noise.finish().map_err(|_| BAD)?;
        let payload = wa::ClientPayload::decode_from_slice(&payload[..]).map_err(|_| BAD)?;
        let transport = Self { frames, incoming: (incoming, 0), outgoing: (outgoing, 0), unsent: false };
        Ok((transport, Hello { client_key, payload }))
    }

    /// The next stanza; `None` when the client left. Cancellation safe.
    ///
    /// # Errors
    /// When a frame cannot be opened or read.
    pub async fn next(&mut self) -> Result<Option<Node>, SimError> {
        let Some(mut frame) = self.frames.next().await? else { return Ok(None) };
        let opened = self.incoming.0.decrypt_in_place_with_counter(self.incoming.1, &mut frame);
        opened.map_err(|_| SimError::Crypto("a frame"))?;
        self.incoming.1 += 1;
        let bad = |_| SimError::Protocol("a stanza is malformed");
        let data = util::unpack_bytes(frame).map_err(bad)?;
        Ok(Some(OwnedNodeRef::new(data).map_err(bad)?.to_owned_node()))
    }

    /// Queues a stanza; [`flush`](Self::flush) sends it.
    ///
    /// # Errors
    /// When the client left or takes nothing.
    pub async fn feed(&mut self, node: &Node) -> Result<(), SimError> {
        let bad = SimError::Protocol("an answer cannot be encoded");
        let Ok(mut sealed) = marshal::marshal(node) else { return Err(bad) };
        if self.outgoing.0.encrypt_in_place_with_counter(self.outgoing.1, &mut sealed).is_err() {
            return Err(SimError::Crypto("a frame"));
        }
        self.outgoing.1 += 1;
        let mut frame = Vec::with_capacity(FRAME_LENGTH_SIZE + sealed.len() + TAG);
        append_frame_header_into(sealed.len(), None, &mut frame).map_err(|_| bad)?;
        frame.extend_from_slice(&sealed);
        self.unsent = true;
        match timeout(WRITE_DEADLINE, self.frames.socket.feed(Message::binary(Bytes::from(frame)))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(SimError::Protocol("the client left")),
            Err(_) => Err(SimError::Timeout("a write")),
        }
    }

    /// Sends what was queued.
    ///
    /// # Errors
    /// When the client left or takes nothing.
    pub async fn flush(&mut self) -> Result<(), SimError> {
        if !std::mem::take(&mut self.unsent) {
            return Ok(());
        }
        match timeout(WRITE_DEADLINE, self.frames.socket.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(SimError::Protocol("the client left")),
            Err(_) => Err(SimError::Timeout("a write")),
        }
    }

    /// Closes the WebSocket in order; a peer that does not answer is left after a short while.
    pub async fn close(mut self) {
        let closed = timeout(Duration::from_secs(2), async {
            if self.frames.socket.close().await.is_ok() {
                while let Some(Ok(_)) = self.frames.socket.next().await {}
            }
        });
        if closed.await.is_err() {
            tracing::debug!("a client did not answer the close");
        }
    }
}

/// The responder's half of the handshake.
struct Responder {
    noise: NoiseHandshake,
    ephemeral: KeyPair,
    client_ephemeral: [u8; 32],
    client_key: Option<[u8; 32]>,
    server_private: [u8; 32],
}

impl Responder {
    fn new(server: &KeyPair, client_ephemeral: [u8; 32], ik: bool) -> Result<Self, SimError> {
        let pattern = if ik { NOISE_PATTERN_IK } else { NOISE_PATTERN_XX };
        let mut noise = NoiseHandshake::new(pattern, &WA_CONN_HEADER).map_err(|_| BAD)?;
        if ik {
            noise.authenticate(server.public_key.public_key_bytes());
        }
        noise.authenticate(&client_ephemeral);
        let ephemeral = KeyPair::generate(&mut rand::rng());
        Ok(Self {
            noise,
            ephemeral,
            client_ephemeral,
            client_key: None,
            server_private: *server.private_key.serialize(),
        })
    }

    fn read_early(&mut self, key: &[u8], payload: &[u8]) -> Result<([u8; 32], Vec<u8>), SimError> {
        self.noise.mix_shared_secret(&self.server_private, &self.client_ephemeral).map_err(|_| BAD)?;
        let key: [u8; 32] = self.noise.decrypt(key).map_err(|_| BAD)?.try_into().map_err(|_| BAD)?;
        self.noise.mix_shared_secret(&self.server_private, &key).map_err(|_| BAD)?;
        self.client_key = Some(key);
        Ok((key, self.noise.decrypt(payload).map_err(|_| BAD)?))
    }

    fn server_hello(&mut self, server: &KeyPair) -> Result<Vec<u8>, SimError> {
        let public = self.ephemeral.public_key.public_key_bytes().to_vec();
        let private = *self.ephemeral.private_key.serialize();
        self.noise.authenticate(&public);
        self.noise.mix_shared_secret(&private, &self.client_ephemeral).map_err(|_| BAD)?;
        let mut sealed_key = None;
        match &self.client_key {
            Some(client) => self.noise.mix_shared_secret(&private, client).map_err(|_| BAD)?,
            None => {
                sealed_key = Some(self.noise.encrypt(server.public_key.public_key_bytes()).map_err(|_| BAD)?);
                self.noise.mix_shared_secret(&self.server_private, &self.client_ephemeral).map_err(|_| BAD)?;
            }
        }
        let chain = certificates(server.public_key.public_key_bytes());
        let payload = self.noise.encrypt(&chain).map_err(|_| BAD)?;
        Ok(wa::HandshakeMessage {
            server_hello: MessageField::some(wa::handshake_message::ServerHello {
                ephemeral: Some(public),
                r#static: sealed_key,
                payload: Some(payload),
                ..Default::default()
            }),
            ..Default::default()
        }
        .encode_to_vec())
    }

    fn read_finish(&mut self, key: &[u8], payload: &[u8]) -> Result<([u8; 32], Vec<u8>), SimError> {
        let key: [u8; 32] = self.noise.decrypt(key).map_err(|_| BAD)?.try_into().map_err(|_| BAD)?;
        self.noise.mix_shared_secret(self.ephemeral.private_key.serialize(), &key).map_err(|_| BAD)?;
        Ok((key, self.noise.decrypt(payload).map_err(|_| BAD)?))
    }
}
