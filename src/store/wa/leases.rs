//! Counters that are leased ahead: must a record be on the disk before the bytes that it sealed go out?
//!
//! The library draws the keys of what it sends from counters, and no counter may come twice, also after a power failure. So a
//! record leases a stretch of them ahead, and whoever reads it again begins beyond that. A record that leases more than the one
//! before it has to be flushed; any other may be the one before it again after a power failure: received messages move a chain
//! forward that is derived anew, and a sending chain that is lost is never gone on with. Owns memory only: how much each record
//! leased that was written last. What is not known counts as raised.
use bytes::Bytes;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many records are known; beyond, all are forgotten.
const KNOWN: usize = 256;

/// The library's field for the first counter that is not leased, beside the protocol's own fields in the same record.
const FIELD: u64 = 100;

#[derive(Default)]
struct Known {
    names: RandomState,
    leased: HashMap<u64, u64>,
}

/// What is known of one kind of record. A clone is another reference to it.
#[derive(Clone, Default)]
pub(super) struct Leases(Arc<Mutex<Known>>);

impl std::fmt::Debug for Leases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Leases({})", self.known().leased.len())
    }
}

impl Leases {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether these records, which are about to be written after all others, must be flushed. Where that fails, they are to
    /// be [forgotten](Self::forget).
    pub(super) fn raised(&self, records: &[(Arc<str>, Bytes)]) -> bool {
        let mut known = self.known();
        if known.leased.len() + records.len() > KNOWN {
            known.leased.clear();
        }
        records.iter().fold(false, |raised, (address, record)| {
            let name = known.names.hash_one(&**address);
            let Some(leased) = leased(record) else {
                known.leased.remove(&name);
                return true;
            };
            raised | known.leased.insert(name, leased).is_none_or(|before| leased > before)
        })
    }

    /// What is written of this record now is not known here.
    pub(super) fn forget(&self, address: &str) {
        let mut known = self.known();
        let name = known.names.hash_one(address);
        known.leased.remove(&name);
    }
}

/// The first counter that a record does not lease, 0 where it leases none. `None`: this is no record.
fn leased(record: &[u8]) -> Option<u64> {
    let (mut rest, mut leased) = (record, 0);
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let value = match tag & 7 {
            0 => varint(&mut rest)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
                0
            }
            _ => return None,
        };
        if tag >> 3 == FIELD {
            leased = value;
        }
    }
    Some(leased)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use whatsapp_rust::wacore::libsignal::protocol::SessionRecord;

    fn record(counter: Option<u32>) -> (Arc<str>, Bytes) {
        let mut record = SessionRecord::new_fresh();
        if let Some(counter) = counter {
            record.reserve_sender_chain_counters(counter);
        }
        let bytes = record.serialize().unwrap();
        assert_eq!(leased(&bytes), Some(u64::from(record.reserved_sender_chain_index())), "as the library reads it");
        ("a@s".into(), bytes.into())
    }

    #[test]
    fn what_leases_more_than_before_must_be_flushed() {
        let leases = Leases::default();
        assert!(leases.raised(&[record(None)]), "nothing is known of it");
        assert!(!leases.raised(&[record(None)]));
        assert!(leases.raised(&[record(Some(0))]));
        assert!(!leases.raised(&[record(Some(0))]));
        assert!(leases.raised(&[record(Some(200))]));
        assert!(!leases.raised(&[record(Some(0))]), "another chain, of which less is leased");
        assert!(leases.raised(&[record(Some(200))]), "more than of that one");
        leases.forget("a@s");
        assert!(leases.raised(&[record(Some(200))]));
        assert!(leases.raised(&[record(Some(200)), ("b@s".into(), record(None).1)]));
    }

    #[test]
    fn what_is_no_record_must_be_flushed_each_time() {
        let leases = Leases::default();
        for bytes in [&b"ratchet"[..], &[0x0a, 0xff], &[0xa0, 0x06], &[0x80; 12]] {
            assert!(leases.raised(&[("a@s".into(), bytes.into())]));
            assert!(leases.raised(&[("a@s".into(), bytes.into())]));
        }
    }
}
