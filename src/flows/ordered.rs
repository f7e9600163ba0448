//! What orders came to, told: each by the flow that gave it.
use super::{Changes, members, people, roster, stats};
use crate::domain::{Order, Outcome, Role, Timestamp};
use crate::t;

/// What an order came to, told. `role`: as what whoever gave it uses the bot.
pub fn told(order: &Order, outcome: Outcome, now: Timestamp, role: Role) -> Changes {
    match (order, outcome) {
        (_, Outcome::Refused(why)) => Changes::default().say(members::refusal(why)),
        (_, Outcome::Failed(code)) => Changes::default().say(t!("order-failed", code = code)),
        (Order::People(wish), outcome) => people::told(wish, outcome, role),
        (_, Outcome::Stats(found)) => stats::told(&found, now),
        (order, Outcome::Members(all)) => roster::told(order, all, role),
        (order, outcome) => members::told(order, &outcome, now),
    }
}
