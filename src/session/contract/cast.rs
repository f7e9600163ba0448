//! Sessions to play the contract with: of each kind, by a number each, with a number in them.

use super::START;
use crate::domain::{AccountId, AccountState, TelegramId, Timestamp};
use crate::session::sealed::SealedSession;
use crate::session::*;
use crate::store::seal::SealKey;

pub(in crate::session) fn key(user: u64) -> SessionKey {
    SessionKey::User(TelegramId(user))
}

/// What a part of the contract is played with: sessions of one kind, by a number each, with a number in them.
#[derive(Clone, Copy)]
pub(in crate::session) struct Cast {
    pub kind: SessionKind,
    pub key: fn(u64) -> SessionKey,
    pub payload: fn(u64, i64) -> Payload,
    pub mark: fn(&Record) -> i64,
    pub large: fn(u64, usize) -> Result<Payload>,
}

pub(in crate::session) const CASTS: [Cast; 3] = [
    Cast { kind: SessionKind::User, key, payload, mark, large },
    Cast {
        kind: SessionKind::Registration,
        key: registration_key,
        payload: registration,
        mark: registration_mark,
        large: large_registration,
    },
    Cast {
        kind: SessionKind::Client,
        key: client_key,
        payload: |n, mark| sealed(&client_key(n), mark),
        mark: registration_mark,
        large: |n, bytes| large_sealed(&client_key(n), bytes),
    },
];

/// What engines that keep sessions outside this process are played with: kinds that are sealed.
pub(in crate::session) const SEALED: [Cast; 2] = [CASTS[1], CASTS[2]];

/// Digests in the order of their numbers.
fn digest(n: u64) -> Digest {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&n.to_be_bytes());
    Digest(digest)
}

pub(in crate::session) fn registration_key(n: u64) -> SessionKey {
    SessionKey::Registration(digest(n))
}

pub(in crate::session) fn client_key(n: u64) -> SessionKey {
    SessionKey::Client(digest(n))
}

/// What engines see of a sealed session; here its last bytes tell it from others.
pub(in crate::session) fn registration(n: u64, mark: i64) -> Payload {
    sealed(&registration_key(n), mark)
}

fn sealed(key: &SessionKey, mark: i64) -> Payload {
    let mut sealed = vec![1; SealKey::OVERHEAD];
    sealed.extend(mark.to_be_bytes());
    Payload::of(&SealedSession::new(key, &sealed)).unwrap()
}

pub(in crate::session) fn registration_mark(record: &Record) -> i64 {
    let bytes = record.payload.read::<SealedSession>().unwrap().bytes().unwrap();
    i64::from_be_bytes(bytes[bytes.len() - 8..].try_into().unwrap())
}

fn large_registration(n: u64, bytes: usize) -> Result<Payload> {
    large_sealed(&registration_key(n), bytes)
}

fn large_sealed(key: &SessionKey, bytes: usize) -> Result<Payload> {
    Payload::of(&SealedSession::new(key, &vec![1; (bytes - 150) / 4 * 3]))
}

/// A session of this person that holds a number, to tell it from others.
pub(in crate::session) fn payload(user: u64, mark: i64) -> Payload {
    let mut session = UserSession::new(TelegramId(user), Timestamp(START));
    session.numbers.push(NumberState { account: AccountId(mark), state: AccountState::Connected, reason: None });
    Payload::of(&session).unwrap()
}

fn mark(record: &Record) -> i64 {
    record.payload.read::<UserSession>().unwrap().numbers[0].account.0
}

/// A payload of nearly this many bytes.
fn large(user: u64, bytes: usize) -> Result<Payload> {
    let mut session = UserSession::new(TelegramId(user), Timestamp(START));
    let number = NumberState { account: AccountId(1), state: AccountState::Connected, reason: None };
    session.numbers = vec![number; (bytes - 250) / 50];
    Payload::of(&session)
}
