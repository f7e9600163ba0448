//! Rules are tried on the state with a clock of the test's own; only who keeps the clock needs real time, and little.
use super::*;
use proptest::prelude::*;

const ANSWER: Class = Class::Answer;

/// So fast that only the bot's pace counts.
fn bot_only(per_second: u32) -> BudgetConfig {
    BudgetConfig { per_second, per_chat_per_second: 1_000_000, chat_burst: 1_000_000, per_group_per_minute: 1_000_000 }
}

fn ids(user: u64) -> (TelegramId, ChatId) {
    (TelegramId(user), TelegramId(user).private_chat())
}

/// One that was granted: whose, what, when.
type Grant = (u64, Class, Duration);

struct Bench {
    state: State,
    start: Instant,
    now: Instant,
    waiting: Vec<(Arc<Waiter>, u64, Class, Place)>,
    log: Vec<Grant>,
}

impl Bench {
    fn new(config: BudgetConfig) -> Self {
        let now = Instant::now();
        Bench { state: State::new(config, now), start: now, now, waiting: Vec::new(), log: Vec::new() }
    }

    fn ask(&mut self, user: u64, class: Class, times: usize) {
        let (id, chat) = ids(user);
        self.ask_in(id, chat, class, times);
    }

    fn ask_in(&mut self, user: TelegramId, chat: ChatId, class: Class, times: usize) {
        for _ in 0..times {
            match self.state.ask(user, chat, class, self.now) {
                Some((place, waiter)) => self.waiting.push((waiter, user.0, class, place)),
                None => self.log.push((user.0, class, self.now - self.start)),
            }
        }
    }

    /// Grants what can be granted now; gives when to go on.
    fn grant_now(&mut self) -> Option<Instant> {
        loop {
            match self.state.grant(self.now) {
                Ok(granted) => {
                    let at = self.waiting.iter().position(|(waiter, ..)| Arc::ptr_eq(waiter, &granted)).unwrap();
                    let (_, user, class, _) = self.waiting.remove(at);
                    self.log.push((user, class, self.now - self.start));
                }
                Err(later) => return later,
            }
        }
    }

    /// Lets time pass until `span` is over or nobody waits.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(later) = self.grant_now() {
            assert!(later > self.now, "time stands still");
            if later > end {
                self.now = end;
                return;
            }
            self.now = later;
        }
        assert!(self.waiting.is_empty() && self.state.lines.is_empty());
    }

    fn all(mut self) -> Vec<Grant> {
        self.run(Duration::from_secs(1_000_000));
        self.log
    }
}

fn most_in(log: &[Grant], window: Duration) -> usize {
    let within = |i: usize| log[i..].iter().take_while(|(_, _, at)| *at < log[i].2 + window).count();
    (0..log.len()).map(within).max().unwrap_or(0)
}

#[test]
fn no_second_sees_more_than_it_may() {
    let mut bench = Bench::new(bot_only(30));
    (1..=10).for_each(|user| bench.ask(user, ANSWER, 20));
    let log = bench.all();
    assert_eq!(log.len(), 200);
    assert!(most_in(&log, Duration::from_secs(1)) <= 30);
    // And it is not much slower than it may be.
    assert!(log[199].2 < Duration::from_secs(9), "{:?}", log[199].2);
}

#[test]
fn one_chat_gets_its_burst_and_then_one_a_second() {
    let mut bench = Bench::new(BudgetConfig { per_second: 1000, ..BudgetConfig::default() });
    bench.ask(1, ANSWER, 6);
    let millis: Vec<u128> = bench.all().iter().map(|(_, _, at)| at.as_millis()).collect();
    assert_eq!(millis, [0, 0, 0, 1000, 2000, 3000]);
}

#[test]
fn a_group_gets_twenty_a_minute() {
    let mut bench = Bench::new(BudgetConfig { per_second: 1000, ..BudgetConfig::default() });
    bench.ask_in(TelegramId(1), ChatId(-5), ANSWER, 60);
    let log = bench.all();
    assert!(most_in(&log, Duration::from_secs(60)) <= 20);
    assert!(log[59].2 < Duration::from_secs(240), "{:?}", log[59].2);
}

#[test]
fn a_flood_delays_anothers_single_message_by_one_turn() {
    let mut bench = Bench::new(bot_only(10));
    bench.ask(1, ANSWER, 10_000);
    bench.run(Duration::from_secs(3));
    let before = bench.log.len();
    bench.ask(2, ANSWER, 1);
    bench.run(Duration::from_secs(3));
    let place = bench.log[before..].iter().position(|(user, ..)| *user == 2);
    assert!(place <= Some(1), "granted as number {place:?}");
}

#[test]
fn users_take_turns() {
    let mut bench = Bench::new(bot_only(10));
    (1..=5).for_each(|user| bench.ask(user, ANSWER, 40));
    let log = bench.all();
    // Once all stand in line, any five grants in a row go to five people.
    for five in log[1..176].chunks_exact(5) {
        let mut users: Vec<u64> = five.iter().map(|(user, ..)| *user).collect();
        users.sort_unstable();
        assert_eq!(users, [1, 2, 3, 4, 5]);
    }
}

#[test]
fn answers_go_first_and_nobody_starves() {
    let mut bench = Bench::new(bot_only(10));
    bench.state.bot.pause(bench.now + Duration::from_secs(1));
    bench.ask(1, Class::Progress, 100);
    bench.ask(2, Class::Forward, 100);
    bench.ask(3, ANSWER, 100);
    let log = bench.all();
    let count = |of: &[Grant], class| of.iter().filter(|(_, c, _)| *c == class).count();
    let first = &log[..50];
    assert_eq!([ANSWER, Class::Forward, Class::Progress].map(|c| count(first, c)), [35, 10, 5]);
    // With the answers gone, forwarded messages go before progress.
    let last = log.iter().rposition(|(_, c, _)| *c == ANSWER).unwrap();
    assert_eq!(count(&log[last + 1..last + 21], Class::Forward), 18);
}

#[test]
fn a_chat_at_rest_holds_nobody_else_up() {
    let mut bench = Bench::new(BudgetConfig::default());
    bench.state.chats.pause(ids(1).1, bench.now + Duration::from_secs(60), bench.now);
    bench.ask(1, ANSWER, 5);
    bench.ask(2, ANSWER, 1);
    let log = bench.all();
    assert_eq!((log[0].0, log[0].2), (2, Duration::ZERO));
    assert!(log[1].2 >= Duration::from_secs(60));
}

#[test]
fn a_users_group_at_rest_does_not_hold_their_own_chat_up() {
    let mut bench = Bench::new(BudgetConfig::default());
    bench.state.chats.pause(ChatId(-9), bench.now + Duration::from_secs(60), bench.now);
    bench.ask_in(TelegramId(1), ChatId(-9), ANSWER, 1);
    bench.ask(1, ANSWER, 1);
    let log = bench.all();
    assert_eq!(log.iter().map(|(_, _, at)| at.as_secs()).collect::<Vec<_>>(), [0, 60]);
}

#[test]
fn a_pause_holds_everybody_up_and_ends() {
    let mut bench = Bench::new(bot_only(100));
    bench.state.bot.pause(bench.now + Duration::from_secs(7));
    bench.ask(1, ANSWER, 3);
    bench.ask(2, Class::Forward, 3);
    assert!(bench.all().iter().all(|(_, _, at)| at.as_secs() == 7));
}

#[test]
fn coming_and_going_in_a_pause_leaves_no_trail() {
    let mut bench = Bench::new(bot_only(10));
    bench.state.bot.pause(bench.now + Duration::from_secs(3600));
    for round in 0..20_000 {
        let (user, chat) = ids(round % 3 + 1);
        let (place, _) = bench.state.ask(user, chat, Class::Forward, bench.now).unwrap();
        bench.grant_now();
        bench.state.lines.remove(&place);
    }
    assert_eq!(bench.state.lines.len(), 0);
    assert!(bench.state.lines.queued() < 500, "{}", bench.state.lines.queued());
}

#[test]
fn idle_chats_are_forgotten() {
    let mut bench = Bench::new(BudgetConfig { per_second: 1_000_000, ..BudgetConfig::default() });
    for user in 1..20_000 {
        bench.ask(user, ANSWER, 1);
        bench.now += Duration::from_millis(10);
    }
    assert_eq!(bench.log.len(), 19_999, "none of them had to wait");
    assert!(bench.state.chats.len() <= 1024, "{}", bench.state.chats.len());
}

proptest! {
    #[test]
    fn whoever_comes_and_goes_the_limits_hold_and_all_are_served(
        moves in prop::collection::vec((1u64..12, 0usize..3, 0u64..400, 0usize..6), 1..200),
    ) {
        let mut bench = Bench::new(BudgetConfig { per_second: 20, ..BudgetConfig::default() });
        let (mut asked, mut left) = (0, 0);
        for (user, class, pause, leave) in moves {
            let class = [Class::Answer, Class::Forward, Class::Progress][class];
            // Every fourth has a second chat.
            let chat = if user % 4 == 0 { ChatId(-1) } else { ids(user).1 };
            bench.ask_in(TelegramId(user), chat, class, 1 + leave % 2);
            asked += 1 + leave % 2;
            if leave == 5 && !bench.waiting.is_empty() {
                let (_, _, _, place) = bench.waiting.remove(bench.waiting.len() / 2);
                bench.state.lines.remove(&place);
                left += 1;
            }
            bench.run(Duration::from_millis(pause));
        }
        let log = bench.all();
        prop_assert_eq!(log.len() + left, asked);
        prop_assert!(most_in(&log, Duration::from_secs(1)) <= 20);
        for user in 1..12 {
            let own: Vec<Grant> = log.iter().filter(|(u, ..)| *u == user).copied().collect();
            prop_assert!(user % 4 == 0 || most_in(&own, Duration::from_secs(1)) <= 4);
        }
    }
}

fn acquire(budget: &Budget, user: u64) -> tokio::task::JoinHandle<()> {
    let budget = budget.clone();
    tokio::spawn(async move {
        let (user, chat) = ids(user);
        budget.acquire(user, chat, ANSWER).await;
    })
}

#[tokio::test]
async fn pauses_of_forever_are_cut_short() {
    Budget::new(bot_only(1)).pause(Duration::MAX);
    Budget::new(bot_only(1)).pause_chat(ChatId(1), Duration::MAX);
}

#[tokio::test]
async fn all_who_wait_are_served_and_somebody_always_keeps_the_clock() {
    let budget = Budget::new(bot_only(1000));
    let tasks: Vec<_> = (0..300u64).map(|n| acquire(&budget, n % 7 + 1)).collect();
    for (n, task) in tasks.into_iter().enumerate() {
        // Some give up, among them again and again the one that keeps the clock.
        if n % 3 == 0 {
            task.abort();
        }
        drop(task.await);
    }
    let state = budget.lock();
    assert!(state.lines.is_empty() && state.clock.is_none() && state.rings.is_none());
}

#[tokio::test]
async fn a_dropped_call_leaves_the_line() {
    let budget = Budget::new(bot_only(1));
    acquire(&budget, 1).await.unwrap();
    let mut keeps_the_clock = Box::pin(budget.acquire(TelegramId(2), ChatId(2), ANSWER));
    let mut other = Box::pin(budget.acquire(TelegramId(3), ChatId(3), ANSWER));
    assert!(futures_util::poll!(&mut keeps_the_clock).is_pending());
    assert!(futures_util::poll!(&mut other).is_pending());
    assert_eq!(budget.waiting(), 2);
    drop(keeps_the_clock);
    assert_eq!(budget.waiting(), 1);
    assert!(budget.lock().clock.is_some(), "passed on");
    drop(other);
    assert_eq!(budget.waiting(), 0);
    assert!(budget.lock().clock.is_none());
}

#[tokio::test]
async fn what_was_granted_and_not_seen_is_given_back() {
    let budget = Budget::new(bot_only(1));
    let (user, chat) = ids(1);
    budget.acquire(user, chat, ANSWER).await;
    let mut call = Box::pin(budget.acquire(user, chat, ANSWER));
    assert!(futures_util::poll!(&mut call).is_pending());
    let later = Instant::now() + Duration::from_secs(2);
    budget.lock().settle(later);
    assert_eq!(budget.waiting(), 0, "granted");
    let before = budget.lock().bot.ready_at();
    drop(call);
    assert!(budget.lock().bot.ready_at() < before, "its turn goes to the next");
}

#[tokio::test]
async fn it_is_no_bottleneck_where_nothing_is_short() {
    let budget = Budget::new(bot_only(1_000_000));
    // Not a measurement: a line where there should be none would take far longer than this test may.
    for n in 0..50_000u64 {
        let (user, chat) = ids(n % 1000 + 1);
        budget.acquire(user, chat, ANSWER).await;
    }
    assert_eq!(budget.waiting(), 0);
}
