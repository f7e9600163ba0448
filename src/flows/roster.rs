//! Who uses the bot, for owner and admins: a list, each of them, and keeping them out or letting them in again.
use super::paging::Pages;
use super::{Changes, Env, button, members, menu};
use crate::domain::{
    Action, Button, Choice, Member, MessageId, Order, Phrase, Refusal, Role, Roll, Standing, TelegramId,
};
use crate::store::UserContext;
use crate::t;

/// How many stand on a page.
const PAGE: usize = 10;

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
        _ => None,
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
    }
}

/// What an order to see the list, or one of them, came to.
pub fn told(order: &Order, all: Vec<Member>, role: Role) -> Changes {
    match order {
        Order::Members { blocked, from, at } => list(all, *blocked, *from, *at),
        Order::Member { user, at } => {
            let (text, keyboard) = one(*user, all.iter().find(|member| member.user == *user), role);
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
    let lines = Phrase::lines(pages.shown.iter().zip(1..).map(|(member, n)| line(member, n)));
    let text = match blocked {
        false => t!("members", total = all.len(), members = lines),
        true => t!("members-blocked", total = all.len(), members = lines),
    };
    let text = match pages.place() {
        Some((page, of)) => t!("members-page", list = text, page = page, of = of),
        None => text,
    };
    let each = pages.shown.iter().zip(1..);
    let each: Vec<Button> = each
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

/// As what they use the bot, and since when.
fn how(member: &Member) -> Phrase {
    let standing = t!(
        "member-standing",
        standing = Choice(match member.standing {
            Standing::Admitted(Role::Owner) => "owner",
            Standing::Admitted(Role::Admin) => "admin",
            Standing::Admitted(Role::Member) => "member",
            Standing::Blocked => "blocked",
            Standing::Stranger => "stranger",
        })
    );
    let joined = member.joined.map(|(invite, at)| t!("member-joined", invite = invite.to_string(), at = at));
    let blocked = member.blocked_at.map(|at| t!("member-blocked-at", at = at));
    let parts = [Some(standing), joined, blocked];
    let mut parts = parts.into_iter().flatten();
    let first = parts.next().unwrap_or_else(|| Phrase::verbatim(""));
    parts.fold(first, |text, part| text.and(Phrase::verbatim(", ")).and(part))
}

fn one(user: TelegramId, member: Option<&Member>, role: Role) -> (Phrase, Vec<Vec<Button>>) {
    let back =
        vec![button(t!("button-members-list"), Action::Members(Roll::Page { blocked: false, first: user, before: 0 }))];
    let Some(member) = member else { return (t!("member-unknown", id = user.to_string()), vec![back]) };
    let mut keyboard = Vec::new();
    let may = match member.standing {
        Standing::Admitted(Role::Owner) => false,
        Standing::Admitted(Role::Admin) => role == Role::Owner,
        _ => true,
    };
    if member.blocked_at.is_some() {
        keyboard.push(vec![button(t!("button-unblock"), Action::Members(Roll::AskUnblock(user)))]);
    } else if may {
        keyboard.push(vec![button(t!("button-block"), Action::Members(Roll::AskBlock(user)))]);
    }
    keyboard.push(back);
    (t!("member", id = user.to_string(), how = how(member)), keyboard)
}
