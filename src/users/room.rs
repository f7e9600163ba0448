//! How many clients run at once, and who is next when all places are taken.
//!
//! A place goes to whoever has the fewest: what counts is the places that a person has and those that they wait for with an
//! older number of theirs; among equals it goes to who has waited longest. Owns the places and the line. Must not know what a
//! place is used for.
use crate::domain::{AccountId, TelegramId};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Somebody who waits.
struct Ticket {
    owner: TelegramId,
    account: AccountId,
    /// Whom to tell when there is a place.
    wake: Arc<Notify>,
    /// The place, once there is one; it is kept until it is fetched.
    place: Option<Place>,
}

#[derive(Default)]
struct State {
    taken: usize,
    of: HashMap<TelegramId, usize>,
    /// In the order in which they came.
    line: Vec<Ticket>,
    /// Everybody waits: until all who were there before the start have come, nobody knows who has the fewest.
    gathering: bool,
}

/// The room for clients.
#[derive(Clone)]
pub struct Room {
    most: usize,
    state: Arc<Mutex<State>>,
}

/// A place in the room; it is free again when this is dropped.
pub struct Place {
    room: Room,
    owner: TelegramId,
}

/// What somebody who asks for a place is told.
pub(super) enum Entrance {
    /// There is one.
    In(Place),
    /// They wait, so many-th in line, from one.
    Line(usize),
}

/// How full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomLoad {
    /// Places that are taken.
    pub taken: usize,
    /// How many there are.
    pub most: usize,
    /// Numbers in line.
    pub waiting: usize,
}

impl State {
    /// Who waits for a place, in the order in which they get one if none is given back meanwhile: indexes into the line.
    fn order(&self) -> Vec<usize> {
        let mut before: HashMap<TelegramId, usize> = HashMap::new();
        let mut keys = Vec::with_capacity(self.line.len());
        for (n, ticket) in self.line.iter().enumerate().filter(|(_, ticket)| ticket.place.is_none()) {
            let has = before.entry(ticket.owner).or_insert_with(|| self.of.get(&ticket.owner).copied().unwrap_or(0));
            keys.push((*has, n));
            *has += 1;
        }
        keys.sort_unstable();
        keys.into_iter().map(|(_, n)| n).collect()
    }

    fn position(&self, owner: TelegramId, account: AccountId) -> Option<usize> {
        self.line.iter().position(|ticket| ticket.owner == owner && ticket.account == account)
    }
}

impl Room {
    /// Room for so many. With `gathering`, nobody gets a place before [`Room::open`].
    #[must_use]
    pub fn new(most: NonZeroUsize, gathering: bool) -> Self {
        let state = State { gathering, ..State::default() };
        Room { most: most.get(), state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a place. Whoever has to wait asks again when `wake` is told, or [leaves](Self::leave).
    pub(super) fn ask(&self, owner: TelegramId, account: AccountId, wake: &Arc<Notify>) -> Entrance {
        let mut state = self.state();
        if state.position(owner, account).is_none() {
            state.line.push(Ticket { owner, account, wake: Arc::clone(wake), place: None });
            self.serve(&mut state);
        }
        let Some(at) = state.position(owner, account) else { return Entrance::Line(1) };
        match state.line[at].place.take() {
            Some(place) => {
                state.line.remove(at);
                Entrance::In(place)
            }
            None => Entrance::Line(1 + state.order().iter().position(|n| *n == at).unwrap_or(0)),
        }
    }

    /// A number needs no place any more.
    pub(super) fn leave(&self, owner: TelegramId, account: AccountId) {
        let mut state = self.state();
        let ticket = state.position(owner, account).map(|at| state.line.remove(at));
        // A place that it had got gives itself back, and for that needs the lock.
        drop(state);
        drop(ticket);
    }

    /// Nothing of this person waits any more.
    pub(super) fn forget(&self, owner: TelegramId) {
        let mut state = self.state();
        let (theirs, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.line).into_iter().partition(|ticket| ticket.owner == owner);
        state.line = others;
        // Places that they had got give themselves back, and for that need the lock.
        drop(state);
        drop(theirs);
    }

    /// Everybody who was there before the start has come: from now on places are given.
    pub fn open(&self) {
        let mut state = self.state();
        state.gathering = false;
        self.serve(&mut state);
    }

    /// How full it is.
    #[must_use]
    pub fn load(&self) -> RoomLoad {
        let state = self.state();
        let waiting = state.line.iter().filter(|ticket| ticket.place.is_none()).count();
        RoomLoad { taken: state.taken, most: self.most, waiting }
    }

    /// Gives free places to those whose turn it is.
    fn serve(&self, state: &mut State) {
        while !state.gathering && state.taken < self.most {
            let Some(&next) = state.order().first() else { return };
            let ticket = &mut state.line[next];
            let owner = ticket.owner;
            ticket.place = Some(Place { room: self.clone(), owner });
            ticket.wake.notify_one();
            state.taken += 1;
            *state.of.entry(owner).or_default() += 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.room.state();
        state.taken = state.taken.saturating_sub(1);
        if let Some(has) = state.of.get_mut(&self.owner) {
            *has = has.saturating_sub(1);
            if *has == 0 {
                state.of.remove(&self.owner);
            }
        }
        self.room.serve(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn room(most: usize) -> Room {
        Room::new(NonZeroUsize::new(most).unwrap(), false)
    }

    fn ask(room: &Room, owner: u64, account: i64) -> Result<Place, usize> {
        match room.ask(TelegramId(owner), AccountId(account), &Arc::default()) {
            Entrance::In(place) => Ok(place),
            Entrance::Line(place) => Err(place),
        }
    }

    #[test]
    fn a_free_place_goes_to_who_has_the_fewest() {
        let room = room(3);
        let mut ana: VecDeque<Place> = (1..=3).map(|n| ask(&room, 7, n).unwrap()).collect();
        assert_eq!(ask(&room, 7, 4).err(), Some(1));
        assert_eq!(ask(&room, 7, 5).err(), Some(2));
        // Somebody without any goes first, with their second number too; their third is equal to Ana's fourth, and younger.
        assert_eq!((1..=4).map(|n| ask(&room, 8, n).err()).collect::<Vec<_>>(), [Some(1), Some(2), Some(3), Some(5)]);
        assert_eq!(ask(&room, 7, 4).err(), Some(4));
        drop(ana.pop_front());
        // Ana has two now, and Budi one.
        let budi = ask(&room, 8, 1).unwrap();
        assert_eq!([ask(&room, 8, 2).err(), ask(&room, 7, 4).err()], [Some(1), Some(2)]);
        assert_eq!(room.load(), RoomLoad { taken: 3, most: 3, waiting: 5 });
        drop((ana, budi));
    }

    #[test]
    fn who_leaves_gives_back_what_they_had_got() {
        let room = room(1);
        let place = ask(&room, 7, 1).unwrap();
        assert!(ask(&room, 8, 1).is_err() && ask(&room, 9, 1).is_err());
        drop(place);
        room.leave(TelegramId(8), AccountId(1));
        let _place = ask(&room, 9, 1).unwrap();
        assert!(ask(&room, 8, 1).is_err() && ask(&room, 8, 2).is_err());
        room.forget(TelegramId(8));
        assert_eq!(room.load().waiting, 0);
    }

    #[test]
    fn at_a_start_all_come_before_anybody_gets_a_place() {
        let room = Room::new(NonZeroUsize::new(2).unwrap(), true);
        for n in 1..=5 {
            assert!(ask(&room, 7, n).is_err());
        }
        assert!(ask(&room, 8, 1).is_err());
        room.open();
        let places = [ask(&room, 7, 1), ask(&room, 8, 1)];
        assert!(places.iter().all(Result::is_ok) && ask(&room, 7, 2).is_err());
    }

    proptest! {
        /// Whatever people do, no more than there is room for run, nobody waits beside a free place, and whoever gets one had
        /// no more than anybody else who waited.
        #[test]
        fn it_is_never_too_full_and_never_unfair(most in 1_usize..5, acts in prop::collection::vec((1_u64..5, 1_i64..6, 0_u8..4), 1..80)) {
            let room = room(most);
            let mut inside: HashMap<(u64, i64), Place> = HashMap::new();
            for (owner, account, act) in acts {
                match act {
                    0 => drop(inside.remove(&(owner, account))),
                    1 => room.leave(TelegramId(owner), AccountId(account)),
                    _ if inside.contains_key(&(owner, account)) => {}
                    _ => if let Ok(place) = ask(&room, owner, account) {
                        inside.insert((owner, account), place);
                    },
                }
                let load = room.load();
                prop_assert!(inside.len() <= load.taken && load.taken <= most);
                prop_assert!(load.waiting == 0 || load.taken == most);
                let state = room.state();
                prop_assert_eq!(state.of.values().sum::<usize>(), state.taken);
                let order = state.order();
                let has = |n: &usize| state.of.get(&state.line[*n].owner).copied().unwrap_or(0);
                if let Some(first) = order.first() {
                    prop_assert!(order.iter().all(|other| has(first) <= has(other)));
                }
            }
        }
    }
}
