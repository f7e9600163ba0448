//! The settings that one account's devices share ("app state"). It answers "what has changed since version n?"; it owns the
//! encrypted patches and the key with which the phone sealed the first one. Later patches it cannot read.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::wacore::appstate::hash::{HashState, generate_patch_mac};
use whatsapp_rust::wacore::appstate::{encode_record, expand_app_state_keys};
use whatsapp_rust::waproto::whatsapp as wa;

use super::error::SimError;
use super::wire::{now_secs, random};

/// The collection that carries the account's own name.
const CRITICAL_BLOCK: &str = "critical_block";

/// One account's shared settings.
#[derive(Debug)]
pub struct AppState {
    key_id: [u8; 6],
    key: [u8; 32],
    made_at: u64,
    collections: Mutex<HashMap<String, Vec<Vec<u8>>>>,
}

/// The answer to a request for one collection.
#[derive(Debug)]
pub struct Changes {
    /// Newest version.
    pub version: u64,
    /// Patches after the version that was asked from.
    pub patches: Vec<Vec<u8>>,
    /// The patch that came along was made from an old version and was not taken.
    pub conflict: bool,
}

impl AppState {
    /// Settings that hold the account's name and nothing else.
    ///
    /// # Errors
    /// [`SimError::Crypto`] when the first patch cannot be sealed.
    pub fn new(name: &str) -> Result<Self, SimError> {
        let (id, key) = (random::<2>(), random());
        let state =
            Self { key_id: [0, 0, 0, 0, id[0], id[1]], key, made_at: now_secs(), collections: Mutex::default() };
        if !name.is_empty() {
            let patch = state.name_patch(name)?;
            let mut collections = state.collections.lock().unwrap_or_else(PoisonError::into_inner);
            collections.insert(CRITICAL_BLOCK.to_owned(), vec![patch]);
        }
        Ok(state)
    }

    fn name_patch(&self, name: &str) -> Result<Vec<u8>, SimError> {
        let keys = expand_app_state_keys(&self.key);
        let value = wa::SyncActionValue {
            push_name_setting: MessageField::some(wa::sync_action_value::PushNameSetting {
                name: Some(name.to_owned()),
            }),
            timestamp: i64::try_from(self.made_at * 1000).ok(),
            ..Default::default()
        };
        let set = wa::syncd_mutation::SyncdOperation::SET;
        let index = br#"["setting_pushName"]"#;
        let (mutation, _) = encode_record(set, index, &value, &keys, &self.key_id, &random(), 1);
        let mut hash = HashState::default();
        let mutations = vec![mutation];
        hash.update_hash(&mutations, |_, _| Ok(None)).1.map_err(|_| SimError::Crypto("an app-state patch"))?;
        hash.version = 1;
        let mut patch = wa::SyncdPatch {
            version: MessageField::some(wa::SyncdVersion { version: Some(1) }),
            snapshot_mac: Some(hash.generate_snapshot_mac(CRITICAL_BLOCK, &keys.snapshot_mac)),
            key_id: MessageField::some(wa::KeyId { id: Some(self.key_id.to_vec()) }),
            mutations,
            ..Default::default()
        };
        patch.patch_mac = Some(generate_patch_mac(&patch, CRITICAL_BLOCK, &keys.patch_mac, 1));
        Ok(patch.encode_to_vec())
    }

    /// Answers a request from `version` on and takes the patch that may come along.
    ///
    /// # Errors
    /// [`SimError::Protocol`] when the patch is malformed.
    pub fn sync(&self, collection: &str, version: u64, patch: Option<&[u8]>) -> Result<Changes, SimError> {
        let mut collections = self.collections.lock().unwrap_or_else(PoisonError::into_inner);
        let patches = collections.entry(collection.to_owned()).or_default();
        let known = patches.len() as u64;
        let mut conflict = false;
        if let Some(patch) = patch {
            conflict = version != known;
            if !conflict {
                let bad = |_| SimError::Protocol("an app-state patch is malformed");
                let mut patch = wa::SyncdPatch::decode_from_slice(patch).map_err(bad)?;
                patch.version = MessageField::some(wa::SyncdVersion { version: Some(known + 1) });
                patches.push(patch.encode_to_vec());
                // The sender has applied its own patch already.
                return Ok(Changes { version: known + 1, patches: Vec::new(), conflict });
            }
        }
        let from = usize::try_from(version).unwrap_or(usize::MAX).min(patches.len());
        Ok(Changes { version: known, patches: patches[from..].to_vec(), conflict })
    }

    /// The message with which the phone gives the key to a companion.
    pub fn key_share(&self) -> wa::Message {
        let fingerprint =
            wa::message::AppStateSyncKeyFingerprint { raw_id: Some(1), current_index: Some(0), ..Default::default() };
        let key = wa::message::AppStateSyncKey {
            key_id: MessageField::some(wa::message::AppStateSyncKeyId { key_id: Some(self.key_id.to_vec()) }),
            key_data: MessageField::some(wa::message::AppStateSyncKeyData {
                key_data: Some(self.key.to_vec()),
                fingerprint: MessageField::some(fingerprint),
                timestamp: i64::try_from(self.made_at * 1000).ok(),
            }),
        };
        wa::Message {
            protocol_message: MessageField::some(wa::message::ProtocolMessage {
                r#type: Some(wa::message::protocol_message::Type::APP_STATE_SYNC_KEY_SHARE),
                app_state_sync_key_share: MessageField::some(wa::message::AppStateSyncKeyShare { keys: vec![key] }),
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}
