//! Who is next: kinds by rank with a share for the lower ones, users in turn, a chat's requests in order.
//!
//! Pure bookkeeping: it holds waiters and tells none of them anything.
use super::Waiter;
use super::pace::Chats;
use crate::domain::effect::Class;
use crate::domain::{ChatId, TelegramId};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use tokio::time::Instant;

/// Kinds by rank.
const RANK: [Class; 3] = [Class::Answer, Class::Forward, Class::Progress];

/// Which kind is asked first, over ten grants: so each lower kind that waits gets a share.
const CYCLE: [usize; 10] = [0, 0, 1, 0, 0, 2, 0, 0, 1, 0];

/// Where a waiter stands.
pub(super) struct Place {
    class: Class,
    user: TelegramId,
    pub(super) chat: ChatId,
    number: u64,
}

/// One user's requests to one chat, in order.
struct Lane {
    chat: ChatId,
    waiters: VecDeque<(u64, Arc<Waiter>)>,
}

/// One user's requests of one kind. It stands in exactly one of its line's two queues.
#[derive(Default)]
struct UserLine {
    lanes: VecDeque<Lane>,
    /// In the queue of those that may go, else in the queue of those whose chats must rest.
    ready: bool,
    /// Which of its entries in the queues counts; others are leftovers.
    entry: u64,
}

impl UserLine {
    /// When the first of its chats may have a request; `None` when it has no request.
    fn ready_at(&self, chats: &Chats) -> Option<Instant> {
        self.lanes.iter().map(|lane| chats.ready_at(lane.chat)).min()
    }

    /// The first request whose chat may have one. Its lane goes to the back.
    fn take(&mut self, now: Instant, chats: &Chats) -> Option<(ChatId, Arc<Waiter>)> {
        let at = self.lanes.iter().position(|lane| chats.ready_at(lane.chat) <= now)?;
        let mut lane = self.lanes.remove(at)?;
        let (_, waiter) = lane.waiters.pop_front()?;
        let chat = lane.chat;
        if !lane.waiters.is_empty() {
            self.lanes.push_back(lane);
        }
        Some((chat, waiter))
    }
}

/// All requests of one kind.
#[derive(Default)]
struct Line {
    users: HashMap<TelegramId, UserLine>,
    ready: VecDeque<(u64, TelegramId)>,
    later: BinaryHeap<Reverse<(Instant, u64, TelegramId)>>,
    entries: u64,
}

/// Whether this entry is the one that stands for the user, and stands in the right queue.
fn counts(users: &HashMap<TelegramId, UserLine>, user: TelegramId, entry: u64, ready: bool) -> bool {
    users.get(&user).is_some_and(|line| line.entry == entry && line.ready == ready)
}

impl Line {
    /// Puts a user's line, which is in neither queue, where it belongs.
    fn place(&mut self, user: TelegramId, ready_at: Instant, now: Instant) {
        self.entries += 1;
        let Some(line) = self.users.get_mut(&user) else { return };
        line.entry = self.entries;
        line.ready = ready_at <= now;
        if line.ready {
            self.ready.push_back((self.entries, user));
        } else {
            self.later.push(Reverse((ready_at, self.entries, user)));
        }
    }

    /// Lets those go whose chats have rested.
    fn wake(&mut self, now: Instant) {
        while let Some(&Reverse((at, entry, user))) = self.later.peek() {
            let current = counts(&self.users, user, entry, false);
            if current && at > now {
                return;
            }
            self.later.pop();
            if current {
                self.place(user, now, now);
            }
        }
    }

    /// The next request, if one may go.
    fn next(&mut self, now: Instant, chats: &Chats) -> Option<(ChatId, Arc<Waiter>)> {
        while let Some((entry, user)) = self.ready.pop_front() {
            // The entry of a user that left stays in the queue until here.
            if !counts(&self.users, user, entry, true) {
                continue;
            }
            let Some(line) = self.users.get_mut(&user) else { continue };
            let taken = line.take(now, chats);
            match line.ready_at(chats) {
                // What is taken has not been counted yet; whoever looks next finds the chat at rest and waits.
                Some(at) => self.place(user, at, now),
                None => drop(self.users.remove(&user)),
            }
            if taken.is_some() {
                return taken;
            }
        }
        None
    }

    /// Sweeps leftovers out when they are more than what counts: those who come and go during a long pause must not
    /// leave a trail.
    fn tidy(&mut self) {
        let bound = 2 * self.users.len() + 64;
        let users = &self.users;
        if self.ready.len() > bound {
            self.ready.retain(|&(entry, user)| counts(users, user, entry, true));
        }
        if self.later.len() > bound {
            self.later.retain(|&Reverse((_, entry, user))| counts(users, user, entry, false));
        }
    }

    /// Entries in both queues, with the leftovers.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.ready.len() + self.later.len()
    }
}

/// Everybody who waits.
#[derive(Default)]
pub(super) struct Lines {
    lines: [Line; 3],
    len: usize,
    numbers: u64,
    grants: usize,
}

impl Lines {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn line(&mut self, class: Class) -> &mut Line {
        let [answer, forward, progress] = &mut self.lines;
        match class {
            Class::Answer => answer,
            Class::Forward => forward,
            Class::Progress => progress,
        }
    }

    /// Takes a place at the end, for a chat that may have a request at `ready_at`.
    pub(super) fn push(
        &mut self,
        user: TelegramId,
        chat: ChatId,
        class: Class,
        waiter: Arc<Waiter>,
        ready_at: Instant,
    ) -> Place {
        self.numbers += 1;
        self.len += 1;
        let number = self.numbers;
        let line = self.line(class);
        line.tidy();
        let is_new = !line.users.contains_key(&user);
        let own = line.users.entry(user).or_default();
        match own.lanes.iter_mut().find(|lane| lane.chat == chat) {
            Some(lane) => lane.waiters.push_back((number, waiter)),
            None => {
                own.lanes.push_back(Lane { chat, waiters: VecDeque::from([(number, waiter)]) });
                if is_new || !own.ready {
                    // Its time may have come nearer. The time as `now` lets `next` decide whether it may go.
                    line.entries += 1;
                    own.entry = line.entries;
                    own.ready = false;
                    line.later.push(Reverse((ready_at, own.entry, user)));
                }
            }
        }
        Place { class, user, chat, number }
    }

    /// Gives up a place.
    pub(super) fn remove(&mut self, place: &Place) {
        let line = self.line(place.class);
        let Some(own) = line.users.get_mut(&place.user) else { return };
        let Some(at) = own.lanes.iter().position(|lane| lane.chat == place.chat) else { return };
        let lane = &mut own.lanes[at];
        let Ok(index) = lane.waiters.binary_search_by_key(&place.number, |(number, _)| *number) else { return };
        lane.waiters.remove(index);
        if lane.waiters.is_empty() {
            own.lanes.remove(at);
        }
        if own.lanes.is_empty() {
            line.users.remove(&place.user);
        }
        self.len -= 1;
    }

    /// The next request to grant, or when to ask again; `Err(None)`: nobody waits.
    pub(super) fn next(&mut self, now: Instant, chats: &Chats) -> Result<(ChatId, Arc<Waiter>), Option<Instant>> {
        for line in &mut self.lines {
            line.wake(now);
        }
        let first = CYCLE[self.grants % CYCLE.len()];
        for rank in std::iter::once(first).chain(0..RANK.len()) {
            if let Some(granted) = self.lines[rank].next(now, chats) {
                self.grants = self.grants.wrapping_add(1);
                self.len -= 1;
                return Ok(granted);
            }
        }
        Err(self.lines.iter().filter_map(|line| line.later.peek().map(|Reverse((at, ..))| *at)).min())
    }

    /// Entries in all queues, with the leftovers.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.lines.iter().map(Line::queued).sum()
    }

    /// Anybody who waits.
    pub(super) fn anyone(&self) -> Option<Arc<Waiter>> {
        let mut users = self.lines.iter().flat_map(|line| line.users.values());
        let lane = users.find_map(|user| user.lanes.front())?;
        lane.waiters.front().map(|(_, waiter)| Arc::clone(waiter))
    }
}
