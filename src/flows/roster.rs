//! Who uses the bot, for owner and admins: a list, each of them, and keeping them out or letting them in again.
use super::paging::Pages;
use super::{Changes, Env, button, members, menu};
use crate::domain::{
    Action, Button, Choice, Member, MessageId, Order, Phrase, Plan, Refusal, Role, Roll, Standing, TelegramId,
};
use crate::store::UserContext;
use crate::t;

/// How many stand on a page.
const PAGE: usize = 10;
/// What is typed in place of a plan to take it away.
const NO_PLAN: &str = "none";

/// A command of theirs. `None`: it is none.
pub fn command(name: &str, rest: &str) -> Option<Changes> {
    let list = |blocked| {
        // Nobody has this id, so the page begins after so many.
        let before = rest.trim().parse::<u32>().ok().and_then(|page| page.checked_sub(1)?.checked_mul(PAGE as u32));
        order(blocked, before.map(|before| (TelegramId(0), before)), None)
    };
    match name {
        "members" => Some(list(false)),
        "blocked" => Some(list(true)),
        "member" => Some(match members::person(rest) {
            Some(user) => Changes::default().order(Order::Member { user, at: None }),
            None => Changes::default().say(t!("member-usage")),
        }),
        "plan" => Some(plan(rest).unwrap_or_else(|| Changes::default().say(t!("plan-usage")))),
        _ => None,
    }
}

/// `/plan`, with whose after it, and perhaps which. `None`: it is not clear what is meant.
fn plan(rest: &str) -> Option<Changes> {
    let (id, name) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (user, name) = (members::person(id)?, name.trim());
    let plan = match name {
        "" => return Some(Changes::default().order(Order::Member { user, at: None })),
        name if name.eq_ignore_ascii_case(NO_PLAN) => None,
        name => Some(Plan::named(name)?),
    };
    Some(Changes::default().order(Order::Plan { user, plan }))
}

/// What a plan is called.
pub fn plan_name(plan: Option<Plan>) -> Phrase {
    t!("plan-name", plan = Choice(plan.map_or(NO_PLAN, Plan::code)))
}

/// Somebody has this plan from now on, or none.
pub fn plan_set(id: String, plan: Option<Plan>) -> Phrase {
    match plan {
        Some(plan) => t!("plan-set", id = id, plan = plan_name(Some(plan)), numbers = plan.numbers()),
        None => t!("plan-cleared", id = id),
    }
}

fn order(blocked: bool, from: Option<(TelegramId, u32)>, at: Option<MessageId>) -> Changes {
    Changes::default().order(Order::Members { blocked, from, at })
}

/// A button under the list or under one of them.
pub fn press(user: &UserContext, what: Roll, env: &Env) -> Changes {
    if env.role < Role::Admin {
        return Changes::default().say(members::refusal(Refusal::Role));
    }
    let at = user.pressed_on();
    let see = |user| Order::Member { user, at };
    let ask = |text, yes, what, user| {
        let yes = button(yes, Action::Members(what));
        let no = button(t!("button-back"), Action::Members(Roll::Person(user)));
        Changes::default().show_at(at, text, vec![vec![yes, no]])
    };
    match what {
        Roll::Page { blocked, first, before } => order(blocked, Some((first, before)), at),
        Roll::Person(user) => Changes::default().order(see(user)),
        Roll::AskBlock(user) => {
            ask(t!("block-ask", id = user.to_string()), t!("button-block-yes"), Roll::Block(user), user)
        }
        Roll::AskUnblock(user) => {
            ask(t!("unblock-ask", id = user.to_string()), t!("button-unblock-yes"), Roll::Unblock(user), user)
        }
        Roll::Block(user) => Changes::default().order(Order::Block(user)).order(see(user)),
        Roll::Unblock(user) => Changes::default().order(Order::Unblock(user)).order(see(user)),
        Roll::Plan { user, plan } => Changes::default().order(Order::Plan { user, plan }).order(see(user)),
    }
}

/// What an order to see the list, or one of them, came to.
pub fn told(order: &Order, all: Vec<Member>, role: Role) -> Changes {
    match order {
        Order::Members { blocked, from, at } => list(all, *blocked, *from, *at),
        Order::Member { user, at } => {
            let (text, keyboard) = one(*user, &all, role);
            Changes::default().show_at(*at, text, keyboard)
        }
        _ => Changes::default(),
    }
}

fn list(all: Vec<Member>, blocked: bool, from: Option<(TelegramId, u32)>, at: Option<MessageId>) -> Changes {
    let all: Vec<Member> = all.into_iter().filter(|member| !blocked || member.blocked_at.is_some()).collect();
    if all.is_empty() {
        return Changes::default().show_at(at, t!("blocked-none"), vec![vec![other(blocked), menu::home_button()]]);
    }
    let number = |user: TelegramId| i64::try_from(user.0).unwrap_or(i64::MAX);
    let pages = Pages::of(&all, PAGE, from.map(|(user, before)| (number(user), before)), |member| number(member.user));
    let numbered = || pages.shown.iter().zip(pages.before() + 1..);
    let lines = Phrase::lines(numbered().map(|(member, n)| line(member, n)));
    let text = match blocked {
        false => t!("members", total = all.len(), members = lines),
        true => t!("members-blocked", total = all.len(), members = lines),
    };
    let text = match pages.place() {
        Some((page, of)) => t!(
            "members-page",
            list = text,
            page = page,
            of = of,
            command = if blocked { "/blocked 2" } else { "/members 2" }
        ),
        None => text,
    };
    let each: Vec<Button> = numbered()
        .map(|(member, n)| button(Phrase::verbatim(n.to_string()), Action::Members(Roll::Person(member.user))))
        .collect();
    let mut keyboard: Vec<Vec<Button>> = each.chunks(5).map(<[Button]>::to_vec).collect();
    let turn = |(first, before): (i64, u32)| {
        let first = TelegramId(u64::try_from(first).unwrap_or_default());
        Action::Members(Roll::Page { blocked, first, before })
    };
    keyboard.extend(pages.buttons(turn));
    keyboard.push(vec![other(blocked), menu::home_button()]);
    Changes::default().show_at(at, text, keyboard)
}

/// The button to the other list.
fn other(blocked: bool) -> Button {
    let label = if blocked { t!("button-members") } else { t!("button-blocked") };
    button(label, Action::Members(Roll::Page { blocked: !blocked, first: TelegramId(0), before: 0 }))
}

fn line(member: &Member, n: usize) -> Phrase {
    t!("member-line", n = n.to_string(), id = member.user.to_string(), how = how(member))
}

/// As what they use the bot, or that they may not; and how they came.
fn how(member: &Member) -> Phrase {
    let standing = Choice(match member.standing {
        Standing::Admitted(Role::Owner) => "owner",
        Standing::Admitted(Role::Admin) => "admin",
        Standing::Admitted(Role::Member) => "member",
        Standing::Blocked | Standing::Stranger => "stranger",
    });
    let how = match member.blocked_at {
        Some(at) => t!("member-blocked", at = at),
        None => t!("member-standing", standing = standing),
    };
    match member.joined {
        Some((invite, at)) => t!("member-joined", how = how, invite = invite.to_string(), at = at),
        None => how,
    }
}

/// One of them, with what can be done about them.
fn one(user: TelegramId, all: &[Member], role: Role) -> (Phrase, Vec<Vec<Button>>) {
    let place = all.iter().position(|member| member.user == user);
    // Back to the page that they stand on.
    let begin = place.unwrap_or_default() / PAGE * PAGE;
    let first = all.get(begin).map_or(user, |member| member.user);
    let page = Roll::Page { blocked: false, first, before: u32::try_from(begin).unwrap_or(u32::MAX) };
    let back = vec![button(t!("button-members-list"), Action::Members(page))];
    let Some(member) = place.and_then(|place| all.get(place)) else {
        return (t!("member-unknown", id = user.to_string()), vec![back]);
    };
    let above = role == Role::Owner;
    let (may_block, may_plan) = match member.standing {
        Standing::Admitted(Role::Owner) => (false, above),
        Standing::Admitted(Role::Admin) => (above, above),
        _ => (true, true),
    };
    let act = match member.blocked_at {
        Some(_) => Some((t!("button-unblock"), Roll::AskUnblock(user))),
        None => may_block.then(|| (t!("button-block"), Roll::AskBlock(user))),
    };
    let mut keyboard = if may_plan { plans(member) } else { Vec::new() };
    keyboard.extend(act.map(|(label, what)| vec![button(label, Action::Members(what))]));
    keyboard.push(back);
    let plan = match member.plan {
        Some(plan) => t!("member-plan", plan = plan_name(Some(plan)), numbers = plan.numbers()),
        None => t!("member-no-plan"),
    };
    (Phrase::lines([t!("member", id = user.to_string(), how = how(member)), plan]), keyboard)
}

/// The plans that somebody does not have.
fn plans(member: &Member) -> Vec<Vec<Button>> {
    let others = [None].into_iter().chain(Plan::ALL.map(Some)).filter(|plan| *plan != member.plan);
    let give = |plan| button(plan_name(plan), Action::Members(Roll::Plan { user: member.user, plan }));
    others.map(give).collect::<Vec<_>>().chunks(2).map(<[Button]>::to_vec).collect()
}
