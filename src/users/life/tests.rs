//! Every way in which a closing and what arrives during it can interleave, on the real protocol.
//!
//! A hand-written scheduler polls a handful of futures in every possible order (a search through the tree of choices).
//! Each future stops at every place where it touches what it shares with others, so that the orders of whole polls are
//! the orders of those touches. The spool, the vault and the map are models; the life and the closing are the real ones.
use super::{Closing, Life, close};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use tokio::sync::Notify;

/// Lets everybody else have a turn first.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Tasks that may begin others.
#[derive(Clone, Default)]
struct Spawner(Rc<RefCell<Vec<Task>>>);

impl Spawner {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.borrow_mut().push(Box::pin(task));
    }
}

/// Runs a scenario once for every order of its tasks; how many there are. `after` looks at each outcome.
fn every_order<W>(scenario: impl Fn(&Spawner) -> W, after: impl Fn(&W)) -> usize {
    let mut choices: Vec<(usize, usize)> = Vec::new();
    let mut runs = 0;
    loop {
        runs += 1;
        assert!(runs < 5_000_000, "too many orders: make the scenario smaller");
        let world = one_order(&scenario, &mut choices);
        after(&world);
        while choices.last().is_some_and(|(chosen, of)| chosen + 1 == *of) {
            choices.pop();
        }
        match choices.last_mut() {
            Some((chosen, _)) => *chosen += 1,
            None => return runs,
        }
    }
}

fn one_order<W>(scenario: impl Fn(&Spawner) -> W, choices: &mut Vec<(usize, usize)>) -> W {
    let spawner = Spawner::default();
    let world = scenario(&spawner);
    let mut tasks: Vec<Option<(Task, Arc<Flag>)>> = Vec::new();
    let mut step = 0;
    loop {
        for task in spawner.0.borrow_mut().drain(..) {
            tasks.push(Some((task, Arc::new(Flag(AtomicBool::new(true))))));
        }
        let ready: Vec<usize> = (0..tasks.len())
            .filter(|n| tasks[*n].as_ref().is_some_and(|(_, flag)| flag.0.load(Ordering::SeqCst)))
            .collect();
        if ready.is_empty() {
            return world;
        }
        if step == choices.len() {
            choices.push((0, ready.len()));
        }
        assert_eq!(choices[step].1, ready.len(), "the scenario does not repeat itself");
        let chosen = ready[choices[step].0];
        step += 1;
        let (task, flag) = tasks[chosen].as_mut().unwrap();
        flag.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(flag));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            tasks[chosen] = None;
        }
    }
}

/// What a person may do, or WhatsApp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    Update(u32),
    Erase,
    /// A message from WhatsApp, told to the entry whose client it came to.
    Event(u32),
}

struct Entry {
    number: usize,
    life: Life,
    work: Notify,
    shut: Cell<bool>,
    stop: Cell<bool>,
    ended: Cell<bool>,
    done: Notify,
}

/// What survives, and the map.
#[derive(Default)]
struct World {
    spool: RefCell<VecDeque<Thing>>,
    /// What was done, and by which entry.
    vault: RefCell<Vec<(Thing, usize)>>,
    erased: Cell<usize>,
    map: RefCell<Option<Rc<Entry>>>,
    made: Cell<usize>,
    closed: Cell<usize>,
    /// Entries whose files are not shut: two at a time would work on the same files.
    open: Cell<usize>,
}

#[derive(Clone)]
struct Stage(Rc<World>, Spawner);

impl Stage {
    fn new(spawner: &Spawner) -> Stage {
        Stage(Rc::default(), spawner.clone())
    }

    fn entry(&self) -> Rc<Entry> {
        let mut map = self.0.map.borrow_mut();
        if let Some(entry) = map.as_ref() {
            return Rc::clone(entry);
        }
        let number = self.0.made.get();
        self.0.made.set(number + 1);
        self.0.open.set(self.0.open.get() + 1);
        assert_eq!(self.0.open.get(), 1, "two entries of one person at a time");
        let entry = Rc::new(Entry {
            number,
            life: Life::default(),
            work: Notify::new(),
            shut: Cell::new(false),
            stop: Cell::new(false),
            ended: Cell::new(false),
            done: Notify::new(),
        });
        *map = Some(Rc::clone(&entry));
        entry.work.notify_one();
        self.1.spawn(worker(self.clone(), Rc::clone(&entry)));
        entry
    }

    /// As `UserDataStore::arrived` does, after the listener's commit.
    async fn arrives(&self, thing: Thing) {
        self.0.spool.borrow_mut().push_back(thing);
        pause().await;
        self.wake().await;
    }

    async fn wake(&self) {
        let entry = self.entry();
        pause().await;
        if entry.life.knock() {
            entry.work.notify_one();
        }
    }

    fn commit(&self, entry: &Entry, thing: Thing) {
        assert!(!entry.shut.get(), "{thing:?} was written by an entry whose files are shut");
        self.0.vault.borrow_mut().push((thing, entry.number));
    }

    async fn look_again(&self) {
        let waits = !self.0.spool.borrow().is_empty();
        pause().await;
        if waits {
            self.wake().await;
        }
    }

    fn leave(&self, entry: &Rc<Entry>) {
        let mut map = self.0.map.borrow_mut();
        if map.as_ref().is_some_and(|now| Rc::ptr_eq(now, entry)) {
            *map = None;
        }
    }
}

/// The worker: inside while it works, outside while it waits.
async fn worker(stage: Stage, entry: Rc<Entry>) {
    loop {
        entry.work.notified().await;
        if entry.stop.get() {
            break;
        }
        let Some(inside) = entry.life.enter() else { break };
        pause().await;
        let next = stage.0.spool.borrow().front().copied();
        match next {
            None => drop(inside),
            Some(Thing::Erase) => {
                erase(&stage, &entry).await;
                drop(inside);
                break;
            }
            Some(thing) => {
                pause().await;
                stage.commit(&entry, thing);
                pause().await;
                stage.0.spool.borrow_mut().pop_front();
                drop(inside);
                entry.work.notify_one();
            }
        }
    }
    entry.ended.set(true);
    entry.done.notify_one();
}

/// As `erase::begin` does, in the worker's place.
async fn erase(stage: &Stage, entry: &Rc<Entry>) {
    entry.life.begin_anyway();
    pause().await;
    stage.0.spool.borrow_mut().pop_front();
    stage.0.erased.set(stage.0.erased.get() + 1);
    entry.shut.set(true);
    stage.0.open.set(0);
    pause().await;
    entry.life.end();
    stage.leave(entry);
    pause().await;
    stage.look_again().await;
}

/// What the real `close` is given. Everybody else may have a turn before and after each of its steps.
struct Model(Stage, Rc<Entry>);

impl Closing for Model {
    async fn is_quiet(&self) -> bool {
        pause().await;
        let quiet = self.0.0.spool.borrow().is_empty();
        pause().await;
        quiet
    }

    async fn settle(&self) {
        pause().await;
        self.1.stop.set(true);
        self.1.work.notify_one();
        while !self.1.ended.get() {
            self.1.done.notified().await;
        }
    }

    async fn disconnect(&self) {
        pause().await;
    }

    async fn shut(&self) {
        self.1.shut.set(true);
        self.0.0.open.set(0);
        pause().await;
    }

    async fn note(&self) {}

    async fn leave(&self) {
        pause().await;
        self.0.leave(&self.1);
        pause().await;
    }

    async fn look_again(&self) {
        self.0.look_again().await;
    }
}

async fn closes(stage: Stage, entry: Rc<Entry>) {
    if close(&entry.life, &Model(stage.clone(), Rc::clone(&entry))).await {
        stage.0.closed.set(stage.0.closed.get() + 1);
    }
}

/// What every order must end in: nothing waits, and each thing was done once.
fn nothing_is_lost(stage: &Stage, things: &[Thing]) {
    assert!(stage.0.spool.borrow().is_empty(), "{:?} waits for ever", stage.0.spool.borrow());
    let done: Vec<Thing> = stage.0.vault.borrow().iter().map(|(thing, _)| *thing).collect();
    for thing in things {
        let times = done.iter().filter(|other| *other == thing).count();
        assert_eq!(times, 1, "{thing:?} was done {times} times");
    }
}

#[test]
fn an_update_during_a_closing_is_neither_lost_nor_done_by_the_entry_that_goes() {
    let closed = Cell::new(0);
    let fresh = Cell::new(0);
    let orders = every_order(
        |spawner| {
            let stage = Stage::new(spawner);
            let entry = stage.entry();
            spawner.spawn(closes(stage.clone(), entry));
            let arrives = stage.clone();
            spawner.spawn(async move { arrives.arrives(Thing::Update(1)).await });
            stage
        },
        |stage| {
            nothing_is_lost(stage, &[Thing::Update(1)]);
            closed.set(closed.get() + stage.0.closed.get());
            fresh.set(fresh.get() + usize::from(stage.0.vault.borrow()[0].1 == 1));
        },
    );
    // All three kinds of orders are there: no closing, a closing before, and one that the update ran into.
    assert!(orders > 1_000, "{orders}");
    assert!(closed.get() > 0 && closed.get() < orders && fresh.get() > 0 && fresh.get() < orders);
}

#[test]
fn two_replies_during_a_closing_keep_their_order_and_meet_one_entry_at_a_time() {
    every_order(
        |spawner| {
            let stage = Stage::new(spawner);
            let entry = stage.entry();
            spawner.spawn(closes(stage.clone(), entry));
            let arrives = stage.clone();
            spawner.spawn(async move {
                arrives.0.spool.borrow_mut().push_back(Thing::Update(1));
                arrives.arrives(Thing::Update(2)).await;
            });
            stage
        },
        |stage| {
            nothing_is_lost(stage, &[Thing::Update(1), Thing::Update(2)]);
            let done = stage.0.vault.borrow();
            assert!(done.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{done:?}");
            assert_eq!(done[0].0, Thing::Update(1));
        },
    );
}

#[test]
fn an_erase_during_a_closing_is_done_once_and_what_follows_it_begins_anew() {
    every_order(
        |spawner| {
            let stage = Stage::new(spawner);
            let entry = stage.entry();
            spawner.spawn(closes(stage.clone(), entry));
            let arrives = stage.clone();
            spawner.spawn(async move { arrives.arrives(Thing::Erase).await });
            stage
        },
        |stage| {
            assert_eq!(stage.0.erased.get(), 1);
            assert!(stage.0.spool.borrow().is_empty());
            // The knock of an update that was done already may have made an entry anew; it finds nothing.
            assert!(stage.0.map.borrow().as_ref().is_none_or(|entry| !entry.shut.get()));
        },
    );
}

#[test]
fn a_message_from_whatsapp_during_a_closing_is_taken_before_it_or_not_acknowledged() {
    let refused = Cell::new(0);
    let orders = every_order(
        |spawner| {
            let stage = Stage::new(spawner);
            let entry = stage.entry();
            spawner.spawn(closes(stage.clone(), Rc::clone(&entry)));
            let sink = stage.clone();
            spawner.spawn(async move {
                // As `AccountSink::messages` does; refused, WhatsApp delivers again to the next client.
                let Some(inside) = entry.life.enter() else {
                    sink.0.vault.borrow_mut().push((Thing::Event(1), usize::MAX));
                    return;
                };
                pause().await;
                sink.commit(&entry, Thing::Event(1));
                pause().await;
                drop(inside);
            });
            stage
        },
        |stage| {
            nothing_is_lost(stage, &[Thing::Event(1)]);
            refused.set(refused.get() + usize::from(stage.0.vault.borrow()[0].1 == usize::MAX));
        },
    );
    assert!(refused.get() > 0 && refused.get() < orders);
}

#[test]
fn of_two_closings_one_closes() {
    every_order(
        |spawner| {
            let stage = Stage::new(spawner);
            let entry = stage.entry();
            spawner.spawn(closes(stage.clone(), Rc::clone(&entry)));
            spawner.spawn(closes(stage.clone(), entry));
            stage
        },
        |stage| {
            assert!(stage.0.closed.get() <= 1);
            assert_eq!(stage.0.map.borrow().is_none(), stage.0.closed.get() == 1);
        },
    );
}

#[test]
fn the_scheduler_finds_a_lost_arrival_where_there_is_one() {
    // A closing that does not look again loses what arrived between its look and its leaving.
    let lost = Cell::new(0);
    every_order(
        |spawner| {
            let stage = Stage::new(spawner);
            let entry = stage.entry();
            let closing = stage.clone();
            spawner.spawn(async move {
                let seen = entry.life.seen();
                pause().await;
                if closing.0.spool.borrow().is_empty() && entry.life.begin_close(seen) {
                    let model = Model(closing, entry);
                    model.settle().await;
                    model.shut().await;
                    model.leave().await;
                }
            });
            let arrives = stage.clone();
            spawner.spawn(async move { arrives.arrives(Thing::Update(1)).await });
            stage
        },
        |stage| lost.set(lost.get() + usize::from(!stage.0.spool.borrow().is_empty())),
    );
    assert!(lost.get() > 0);
}
