//! What owner and admins can do: let people in, and keep them out.
//!
//! To everybody else these commands do not exist. A step only says what is ordered; whether it may be is asked again when
//! it is carried out, and `told` says what came of it.
use super::{Changes, Env, button, roster};
use crate::domain::{
    Action, Button, Choice, Invite, InviteState, Manage, Order, Outcome, Phrase, Refusal, Role, TelegramId, Terms,
    TermsError, Timestamp, invite,
};
use crate::t;
use crate::words::span;
use std::time::Duration;

/// How many of those whom a code let in are named.
const NAMED: usize = 5;
/// What buttons offer: for how many, and for how many days.
const OFFERS: [(u32, u32); 4] = [(1, 1), (1, 7), (10, 7), (50, 30)];

/// A command of theirs. `None`: it is none, or not this person's.
pub fn command(name: &str, rest: &str, env: &Env) -> Option<Changes> {
    if env.role < Role::Admin {
        return None;
    }
    let step = match name {
        "invite" if rest.is_empty() => Changes::default().ask(t!("invite-ask"), offers()),
        "invite" => match Terms::parse(rest) {
            Ok(terms) => Changes::default().order(Order::Invite(terms)),
            Err(problem) => {
                Changes::default().say(t!("invite-bad", why = Choice(why(problem)), most = invite::MOST_USES))
            }
        },
        "invites" => Changes::default().order(Order::Invites),
        "block" => about(rest, Order::Block, t!("block-usage")),
        "unblock" => about(rest, Order::Unblock, t!("unblock-usage")),
        "admins" => Changes::default().order(Order::Admins),
        "stats" => Changes::default().order(Order::Stats),
        "admin" => match rest.split_once(char::is_whitespace) {
            Some(("add", id)) => about(id, Order::AddAdmin, t!("admin-usage")),
            Some(("remove", id)) => about(id, Order::RemoveAdmin, t!("admin-usage")),
            _ => Changes::default().say(t!("admin-usage")),
        },
        _ => return roster::command(name, rest),
    };
    Some(step)
}

fn why(problem: TermsError) -> &'static str {
    match problem {
        TermsError::Uses => "uses",
        TermsError::Expiry => "expiry",
        TermsError::Note => "note",
    }
}

/// The person whose Telegram id this is.
pub fn person(id: &str) -> Option<TelegramId> {
    let user = TelegramId(id.trim().parse().ok()?);
    // Telegram's ids fit 52 bits; what does not fit a column cannot be anybody.
    (user.is_person() && i64::try_from(user.0).is_ok()).then_some(user)
}

/// An order about the person with this id.
fn about(id: &str, order: impl FnOnce(TelegramId) -> Order, usage: Phrase) -> Changes {
    person(id).map_or_else(|| Changes::default().say(usage), |user| Changes::default().order(order(user)))
}

fn offers() -> Vec<Vec<Button>> {
    let offer = |&(uses, days): &(u32, u32)| {
        let time = span(Duration::from_hours(24) * days);
        button(t!("button-invite", uses = uses, time = time), Action::Invite { uses, days })
    };
    OFFERS.chunks(2).map(|row| row.iter().map(offer).collect()).collect()
}

/// Makes a code as a button offered.
pub fn make(uses: u32, days: u32, env: &Env) -> Changes {
    let terms = Terms { uses, expires_in: Some(Duration::from_hours(24) * days), note: None };
    match terms.checked() {
        Ok(terms) if env.role >= Role::Admin => Changes::default().order(Order::Invite(terms)),
        _ => Changes::default().say(refusal(Refusal::Role)),
    }
}

/// Takes a code back.
pub fn revoke(id: i64) -> Changes {
    Changes::default().order(Order::Revoke(id))
}

/// What came of an order.
pub fn told(order: &Order, outcome: &Outcome, now: Timestamp) -> Changes {
    let about = order.about().map(|user| user.to_string()).unwrap_or_default();
    let text = match (order, outcome) {
        (_, Outcome::NoSuch) => t!("invite-no-such"),
        (_, Outcome::Invited { code, bot, uses, expires_at }) => {
            let until = expires_at.map_or_else(|| t!("invite-forever"), |at| t!("invite-until", at = at));
            let made = t!("invite-made", code = code.to_string(), uses = *uses, until = until);
            match bot {
                Some(bot) => made.and(Phrase::verbatim(format!("\n\nhttps://t.me/{bot}?start={code}"))),
                None => made,
            }
        }
        (_, Outcome::Invites(invites)) => return list(invites, now),
        (_, Outcome::Admins { owner, configured, made }) => admins(*owner, configured, made),
        (Order::Block(_), Outcome::Done) => t!("blocked", id = about),
        (Order::Unblock(_), Outcome::Done) => t!("unblocked", id = about),
        (Order::AddAdmin(_), Outcome::Done) => t!("admin-added", id = about),
        (Order::RemoveAdmin(_), Outcome::Done) => t!("admin-removed", id = about),
        (Order::Plan { plan, .. }, Outcome::Done) => roster::plan_set(about, *plan),
        (Order::Revoke(id), Outcome::Done) => t!("invite-revoked", id = id.to_string()),
        // These have outcomes of their own, or are told elsewhere.
        _ => return Changes::default(),
    };
    Changes::default().say(text)
}

/// Why an order was not carried out.
pub fn refusal(why: Refusal) -> Phrase {
    t!(
        "order-refused",
        why = Choice(match why {
            Refusal::Role => "role",
            Refusal::Mode => "mode",
            Refusal::Owner => "owner",
            Refusal::Admin => "admin",
            Refusal::Yourself => "yourself",
            Refusal::Configured => "configured",
            Refusal::Blocked => "blocked",
        })
    )
}

fn list(invites: &[Invite], now: Timestamp) -> Changes {
    if invites.is_empty() {
        return Changes::default().say(t!("invites-none"));
    }
    let open = invites.iter().filter(|invite| invite.state(now) == InviteState::Open);
    let revoke = |invite: &Invite| button(t!("button-revoke", id = invite.id.to_string()), Action::Revoke(invite.id));
    let buttons: Vec<Button> = open.map(revoke).collect();
    let keyboard = buttons.chunks(2).map(<[Button]>::to_vec).collect();
    let lines = Phrase::lines(invites.iter().map(|invite| line(invite, now)));
    Changes::default().ask(t!("invites", invites = lines), keyboard)
}

fn line(invite: &Invite, now: Timestamp) -> Phrase {
    let state = invite.state(now);
    let mut line = t!(
        "invite-line",
        id = invite.id.to_string(),
        used = invite.used,
        uses = invite.uses,
        state = Choice(state.code())
    );
    if let Some(at) = invite.expires_at.filter(|_| state == InviteState::Open) {
        line = t!("invite-line-until", line = line, at = at);
    }
    if let Some(note) = &invite.note {
        line = t!("invite-line-note", line = line, note = note.as_str());
    }
    let named = invite.members.iter().rev().take(NAMED);
    let mut lines: Vec<Phrase> = vec![line];
    lines.extend(named.map(|(user, at)| t!("invite-member", id = user.to_string(), at = *at)));
    if invite.members.len() > NAMED {
        lines.push(t!("invite-members-more", n = invite.members.len() - NAMED));
    }
    Phrase::lines(lines)
}

fn admins(owner: Option<TelegramId>, configured: &[TelegramId], made: &[TelegramId]) -> Phrase {
    let line = |user: TelegramId, how| t!("admin-line", id = user.to_string(), how = Choice(how));
    let all = owner.into_iter().map(|user| line(user, "owner"));
    let all = all.chain(configured.iter().map(|user| line(*user, "configured")));
    t!("admins", admins = Phrase::lines(all.chain(made.iter().map(|user| line(*user, "made")))))
}

/// How it works, for whoever asks.
pub fn help(role: Role) -> Phrase {
    let admin = (role >= Role::Admin).then(|| t!("help-admin"));
    let owner = (role == Role::Owner).then(|| t!("help-owner"));
    Phrase::paragraphs([Some(t!("help")), admin, owner].into_iter().flatten())
}

/// What leads to all of it.
pub fn home() -> Vec<Vec<Button>> {
    let act = |label, what| button(label, Action::Manage(what));
    vec![
        vec![act(t!("button-invite-people"), Manage::Invite), act(t!("button-invites"), Manage::Invites)],
        vec![act(t!("button-members"), Manage::Members), act(t!("button-admins"), Manage::Admins)],
        vec![act(t!("button-stats"), Manage::Stats)],
    ]
}

/// Does what a button of theirs says.
pub fn manage(what: Manage, env: &Env) -> Option<Changes> {
    let name = match what {
        Manage::Invite => "invite",
        Manage::Invites => "invites",
        Manage::Admins => "admins",
        Manage::Members => "members",
        Manage::Stats => "stats",
    };
    command(name, "", env)
}
