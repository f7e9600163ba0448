//! The server's half of WhatsApp's handshake, and the encrypted frames after it.
use anyhow::{Context as _, bail, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_websockets::{Message, WebSocketStream};
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::wacore::framing::{FrameDecoder, encode_frame};
use whatsapp_rust::wacore::handshake::{NoiseCipher, NoiseHandshake};
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore_binary::consts::{NOISE_PATTERN_IK, NOISE_PATTERN_XX, WA_CONN_HEADER};
use whatsapp_rust::wacore_binary::{Node, OwnedNodeRef, marshal, util::unpack_bytes};
use whatsapp_rust::waproto::whatsapp as wa;

/// What the server does with a client that knows its key already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resume {
    /// Takes the short handshake.
    #[default]
    Short,
    /// Knows the whole one only: answers a short one as if it were that, and so wrongly.
    WholeOnly,
    /// Hangs up on a short one.
    HangsUp,
}

/// A server's key pair.
pub struct Identity(KeyPair);

impl Identity {
    pub fn new() -> Identity {
        Identity(KeyPair::generate(&mut rand::rng()))
    }

    fn public(&self) -> Vec<u8> {
        self.0.public_key.public_key_bytes().to_vec()
    }

    fn private(&self) -> [u8; 32] {
        *self.0.private_key.serialize()
    }

    /// A chain with made-up signatures: a demo build does not look at them.
    fn certificates(&self) -> Vec<u8> {
        use wa::cert_chain::{NoiseCertificate, noise_certificate::Details};
        let certificate = |serial: u32, key: Vec<u8>| {
            let details = Details {
                serial: Some(serial),
                issuer_serial: Some(serial - 1),
                key: Some(key),
                not_before: Some(1_600_000_000),
                not_after: Some(4_100_000_000),
            };
            NoiseCertificate { details: Some(details.encode_to_vec()), signature: Some(vec![7; 64]) }
        };
        let chain = wa::CertChain {
            leaf: MessageField::some(certificate(2, self.public())),
            intermediate: MessageField::some(certificate(1, vec![9; 32])),
        };
        chain.encode_to_vec()
    }
}

/// A client's connection after the handshake.
pub struct Wire {
    socket: WebSocketStream<TcpStream>,
    frames: FrameDecoder,
    begun: bool,
    reading: Option<(NoiseCipher, u32)>,
    writing: Option<(NoiseCipher, u32)>,
}

impl Wire {
    /// Shakes hands; gives the connection and who the client says it is.
    pub async fn accept(
        peer: TcpStream,
        server: &Identity,
        resume: Resume,
    ) -> anyhow::Result<(Wire, wa::ClientPayload)> {
        let (_, socket) = tokio_websockets::ServerBuilder::new().accept(peer).await?;
        let mut wire = Wire { socket, frames: FrameDecoder::new(), begun: false, reading: None, writing: None };
        let hello = wire.frame().await?.context("it hangs up before its hello")?;
        let hello = wa::HandshakeMessage::decode_from_slice(&hello)?.client_hello.into_option().context("no hello")?;
        let theirs = hello.ephemeral.context("no ephemeral key")?.to_vec();
        let theirs: [u8; 32] = theirs.try_into().ok().context("a key of another length")?;
        let short = hello.r#static.zip(hello.payload);
        if short.is_some() && resume == Resume::HangsUp {
            bail!("short handshakes are not taken");
        }
        let payload = match short.filter(|_| resume == Resume::Short) {
            Some((key, payload)) => wire.short(server, theirs, &key, &payload).await?,
            None => wire.whole(server, theirs).await?,
        };
        Ok((wire, wa::ClientPayload::decode_from_slice(&payload)?))
    }

    async fn short(
        &mut self,
        server: &Identity,
        theirs: [u8; 32],
        key: &[u8],
        payload: &[u8],
    ) -> anyhow::Result<Vec<u8>> {
        let mut noise = NoiseHandshake::new(NOISE_PATTERN_IK, &WA_CONN_HEADER)?;
        noise.authenticate(&server.public());
        noise.authenticate(&theirs);
        noise.mix_shared_secret(&server.private(), &theirs)?;
        let client: [u8; 32] = noise.decrypt(key)?.try_into().ok().context("a key of another length")?;
        noise.mix_shared_secret(&server.private(), &client)?;
        let payload = noise.decrypt(payload)?;
        let ours = Identity::new();
        noise.authenticate(&ours.public());
        noise.mix_shared_secret(&ours.private(), &theirs)?;
        noise.mix_shared_secret(&ours.private(), &client)?;
        let sealed = noise.encrypt(&server.certificates())?;
        self.server_hello(&ours, None, sealed).await?;
        self.seal(noise)?;
        Ok(payload)
    }

    async fn whole(&mut self, server: &Identity, theirs: [u8; 32]) -> anyhow::Result<Vec<u8>> {
        let mut noise = NoiseHandshake::new(NOISE_PATTERN_XX, &WA_CONN_HEADER)?;
        noise.authenticate(&theirs);
        let ours = Identity::new();
        noise.authenticate(&ours.public());
        noise.mix_shared_secret(&ours.private(), &theirs)?;
        let key = noise.encrypt(&server.public())?;
        noise.mix_shared_secret(&server.private(), &theirs)?;
        let sealed = noise.encrypt(&server.certificates())?;
        self.server_hello(&ours, Some(key), sealed).await?;
        let last = self.frame().await?.context("it hangs up within the handshake")?;
        let last = wa::HandshakeMessage::decode_from_slice(&last)?.client_finish.into_option().context("no finish")?;
        let client = noise.decrypt(&last.r#static.context("no key")?)?;
        let client: [u8; 32] = client.try_into().ok().context("a key of another length")?;
        noise.mix_shared_secret(&ours.private(), &client)?;
        let payload = noise.decrypt(&last.payload.context("no payload")?)?;
        self.seal(noise)?;
        Ok(payload)
    }

    async fn server_hello(&mut self, ours: &Identity, key: Option<Vec<u8>>, payload: Vec<u8>) -> anyhow::Result<()> {
        let hello = wa::handshake_message::ServerHello {
            ephemeral: Some(ours.public()),
            r#static: key,
            payload: Some(payload),
            ..Default::default()
        };
        let message = wa::HandshakeMessage { server_hello: MessageField::some(hello), ..Default::default() };
        self.write(&message.encode_to_vec()).await
    }

    fn seal(&mut self, noise: NoiseHandshake) -> anyhow::Result<()> {
        // In the order of the one who began: what it writes with, we read with.
        let (reading, writing) = noise.finish()?;
        (self.reading, self.writing) = (Some((reading, 0)), Some((writing, 0)));
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let frame = encode_frame(bytes, None)?;
        Ok(self.socket.send(Message::binary(bytes::Bytes::from(frame))).await?)
    }

    /// Says a stanza.
    pub async fn say(&mut self, node: &Node) -> anyhow::Result<()> {
        let (cipher, count) = self.writing.as_mut().context("no handshake")?;
        let sealed = cipher.encrypt_with_counter(*count, &marshal::marshal(node)?)?;
        *count += 1;
        self.write(&sealed).await
    }

    /// Hears a stanza; `None` when the client hangs up. Cancel safe: what has come stays in the decoder.
    pub async fn hear(&mut self) -> anyhow::Result<Option<Node>> {
        let Some(mut frame) = self.frame().await? else { return Ok(None) };
        let (cipher, count) = self.reading.as_mut().context("no handshake")?;
        cipher.decrypt_in_place_with_counter(*count, &mut frame)?;
        *count += 1;
        Ok(Some(OwnedNodeRef::new(unpack_bytes(frame)?)?.to_owned_node()))
    }

    pub async fn close(mut self) {
        self.socket.close().await.ok();
    }

    async fn frame(&mut self) -> anyhow::Result<Option<bytes::BytesMut>> {
        loop {
            if let Some(frame) = self.frames.decode_frame() {
                return Ok(Some(frame));
            }
            let Some(message) = self.socket.next().await else { return Ok(None) };
            let message = message?;
            if message.is_close() {
                return Ok(None);
            }
            if message.is_binary() {
                let bytes = bytes::Bytes::from(message.into_payload());
                let bytes = if std::mem::replace(&mut self.begun, true) { &bytes[..] } else { begin(&bytes)? };
                self.frames.feed(bytes);
            }
        }
    }
}

/// Takes off what stands before the first frame: a hint where to route, and the protocol's version.
fn begin(bytes: &[u8]) -> anyhow::Result<&[u8]> {
    let mut rest = bytes;
    if let Some(hint) = rest.strip_prefix(b"ED\x00\x01") {
        ensure!(hint.len() >= 3, "a hint that is cut off");
        let length = usize::from(hint[0]) << 16 | usize::from(hint[1]) << 8 | usize::from(hint[2]);
        rest = hint.get(3 + length..).context("a hint that is cut off")?;
    }
    rest.strip_prefix(&WA_CONN_HEADER[..]).context("no WhatsApp client")
}
