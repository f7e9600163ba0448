//! The key directory's entry of one device. It answers "which public keys does a peer need for a first message?"; it owns
//! the uploaded public keys and hands every one-time key out once. It never sees a private key.

use std::collections::VecDeque;

use ring::digest;
use whatsapp_rust::wacore::libsignal::protocol::{IdentityKey, PreKeyBundle, PublicKey};
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use super::error::SimError;
use super::wire::{be_u32, child_array, child_content, children};

/// A signed pre-key as it was uploaded.
#[derive(Clone, Debug)]
pub struct SignedKey {
    /// Its id, three bytes on the wire.
    pub id: u32,
    /// The public key.
    pub value: [u8; 32],
    /// The identity's signature over it.
    pub signature: [u8; 64],
}

/// One device's public keys.
#[derive(Clone, Debug, Default)]
pub struct KeyDirectory {
    registration_id: u32,
    identity: Option<[u8; 32]>,
    signed: Option<SignedKey>,
    one_time: VecDeque<(u32, [u8; 32])>,
}

/// What one peer gets: the lasting keys and at most one one-time key.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Registration id of the device.
    pub registration_id: u32,
    /// Identity key.
    pub identity: [u8; 32],
    /// Signed pre-key.
    pub signed: SignedKey,
    /// One-time pre-key, gone from the directory now.
    pub one_time: Option<(u32, [u8; 32])>,
    /// The signed device identity of a companion.
    pub device_identity: Option<Vec<u8>>,
}

fn id3(id: u32) -> Vec<u8> {
    id.to_be_bytes()[1..].to_vec()
}

fn key_node(tag: &'static str, id: u32, value: &[u8; 32]) -> NodeBuilder {
    NodeBuilder::new(tag).children([
        NodeBuilder::new("id").bytes(id3(id)).build(),
        NodeBuilder::new("value").bytes(value.to_vec()).build(),
    ])
}

fn signed_node(key: &SignedKey) -> Node {
    NodeBuilder::new("skey")
        .children([
            NodeBuilder::new("id").bytes(id3(key.id)).build(),
            NodeBuilder::new("value").bytes(key.value.to_vec()).build(),
            NodeBuilder::new("signature").bytes(key.signature.to_vec()).build(),
        ])
        .build()
}

fn read_key(node: &Node) -> Option<(u32, [u8; 32])> {
    Some((be_u32(child_content(node, "id")?)?, child_array(node, "value")?))
}

/// Reads an `skey` node.
pub fn read_signed(node: &Node) -> Option<SignedKey> {
    let (id, value) = read_key(node)?;
    Some(SignedKey { id, value, signature: child_array(node, "signature")? })
}

impl KeyDirectory {
    /// Takes an upload: the lasting keys replace the old ones, one-time keys are added.
    ///
    /// # Errors
    /// [`SimError::Protocol`] when a part is missing or has the wrong size.
    pub fn upload(&mut self, node: &Node) -> Result<(), SimError> {
        let bad = SimError::Protocol("a pre-key upload is malformed");
        let registration = child_content(node, "registration").and_then(be_u32);
        let identity = child_array::<32>(node, "identity");
        let signed = node.get_optional_child("skey").and_then(read_signed);
        let (Some(registration_id), Some(identity), Some(signed)) = (registration, identity, signed) else {
            return Err(bad);
        };
        if self.identity.is_some_and(|old| old != identity) {
            self.one_time.clear();
        }
        (self.registration_id, self.identity, self.signed) = (registration_id, Some(identity), Some(signed));
        for key in node.get_optional_child("list").map(children).unwrap_or(&[]) {
            let key = read_key(key).ok_or(SimError::Protocol("a one-time key is malformed"))?;
            if !self.one_time.iter().any(|k| k.0 == key.0) {
                self.one_time.push_back(key);
            }
        }
        Ok(())
    }

    /// Replaces the signed pre-key.
    pub fn rotate(&mut self, key: SignedKey) {
        self.signed = Some(key);
    }

    /// How many one-time keys are left.
    pub fn left(&self) -> usize {
        self.one_time.len()
    }

    /// Hands out a bundle; one one-time key leaves the directory.
    pub fn take(&mut self, device_identity: Option<Vec<u8>>) -> Option<Bundle> {
        Some(Bundle {
            registration_id: self.registration_id,
            identity: self.identity?,
            signed: self.signed.clone()?,
            one_time: self.one_time.pop_front(),
            device_identity,
        })
    }

    /// The `digest` node with which a device checks what the server holds of it.
    pub fn digest_node(&self) -> Option<Node> {
        let (identity, signed) = (self.identity?, self.signed.as_ref()?);
        let mut sha = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        sha.update(&identity);
        sha.update(&signed.value);
        sha.update(&signed.signature);
        self.one_time.iter().for_each(|(_, value)| sha.update(value));
        let ids = self.one_time.iter().map(|(id, _)| NodeBuilder::new("id").bytes(id3(*id)).build());
        Some(
            NodeBuilder::new("digest")
                .children([
                    NodeBuilder::new("registration").bytes(self.registration_id.to_be_bytes().to_vec()).build(),
                    NodeBuilder::new("type").bytes(vec![5]).build(),
                    NodeBuilder::new("identity").bytes(identity.to_vec()).build(),
                    signed_node(signed),
                    NodeBuilder::new("list").children(ids).build(),
                    NodeBuilder::new("hash").bytes(sha.finish().as_ref().to_vec()).build(),
                ])
                .build(),
        )
    }
}

impl Bundle {
    /// The nodes of a `user` in the answer to a key fetch.
    pub fn nodes(&self) -> Vec<Node> {
        let mut nodes = vec![
            NodeBuilder::new("registration").bytes(self.registration_id.to_be_bytes().to_vec()).build(),
            NodeBuilder::new("type").bytes(vec![5]).build(),
            NodeBuilder::new("identity").bytes(self.identity.to_vec()).build(),
        ];
        if let Some((id, value)) = &self.one_time {
            nodes.push(key_node("key", *id, value).build());
        }
        nodes.push(signed_node(&self.signed));
        if let Some(identity) = &self.device_identity {
            nodes.push(NodeBuilder::new("device-identity").bytes(identity.clone()).build());
        }
        nodes
    }

    /// Reads the `keys` that a retry receipt carries; the registration id stands beside them.
    pub fn from_retry(keys: &Node, registration_id: u32) -> Option<Self> {
        Some(Self {
            registration_id,
            identity: child_array(keys, "identity")?,
            signed: keys.get_optional_child("skey").and_then(read_signed)?,
            one_time: keys.get_optional_child("key").and_then(read_key),
            device_identity: None,
        })
    }

    /// The bundle in the form the Signal library takes.
    ///
    /// # Errors
    /// [`SimError::Crypto`] when a key is no curve point.
    pub fn to_signal(&self, device: u16) -> Result<PreKeyBundle, SimError> {
        let one_time = match &self.one_time {
            Some((id, value)) => Some(((*id).into(), PublicKey::from_djb_public_key_bytes(value)?)),
            None => None,
        };
        Ok(PreKeyBundle::new(
            self.registration_id,
            u32::from(device).into(),
            one_time,
            self.signed.id.into(),
            PublicKey::from_djb_public_key_bytes(&self.signed.value)?,
            self.signed.signature.to_vec(),
            IdentityKey::new(PublicKey::from_djb_public_key_bytes(&self.identity)?),
        )?)
    }
}
