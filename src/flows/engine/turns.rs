//! From one question to the next.
use super::erased::Led;
use super::{AnyFlow, Choice, Given, Question};
use crate::domain::effect::Placing;
use crate::domain::{Action, Button, Conversation, Effect, MessageId, Open, Phrase};
use crate::flows::{Changes, Env, button};
use crate::store::UserContext;
use crate::t;

/// How many steps can be gone back.
const TRAIL: usize = 32;
/// How many messages may stand below the question for it to be changed where it is: more would have scrolled it away.
const NEAR: i64 = 12;

/// Where a question is shown that answers `message`, or a pressed button.
fn placing(user: &UserContext, message: Option<MessageId>) -> Placing {
    match (message, user.screen()) {
        (None, _) => Placing::InPlace,
        (Some(typed), Some(screen)) if typed.0.saturating_sub(screen.0) <= NEAR => Placing::InPlace,
        _ => Placing::Below,
    }
}

/// Where a question is shown that a pressed button asks for: where the person looks.
pub fn at_press(user: &UserContext) -> Placing {
    if user.pressed_on().is_none_or(|message| Some(message) == user.screen()) {
        Placing::InPlace
    } else {
        Placing::Below
    }
}

/// A turn that a button leads to.
type Turn = fn(&UserContext, &Env, Placing) -> Option<Changes>;

fn show(run: u32, text: Phrase, keyboard: Vec<Vec<Button>>, placing: Placing) -> Changes {
    Changes::default().effect(Effect::Ask { run, text, keyboard, placing })
}

/// The last word of what was under way: shown in the question's place, without buttons.
fn end(user: &UserContext, text: Phrase, placing: Placing) -> Changes {
    let before = user.conversation();
    show(before.run, text, Vec::new(), placing).then(before.idle())
}

/// The flow that waits for an answer, where this version knows it.
fn current<'a>(user: &'a UserContext, env: &Env) -> Option<(&'static dyn AnyFlow, &'a Open)> {
    let open = user.conversation().open.as_ref()?;
    Some((env.flow(&open.flow)?, open))
}

/// The question that waits, with its buttons, under this turn.
fn asked(
    flow: &dyn AnyFlow,
    open: &Open,
    turn: u32,
    user: &UserContext,
    env: &Env,
) -> Option<(Question, Vec<Vec<Button>>)> {
    let question = flow.ask(open, user, env)?;
    let choose = |choice: &Choice| button(choice.label.clone(), Action::Choose { turn, choice: choice.id });
    let mut keyboard: Vec<Vec<Button>> = question.choices.iter().map(|row| row.iter().map(choose).collect()).collect();
    let mut last = Vec::new();
    if !open.trail.is_empty() {
        last.push(button(t!("button-back"), Action::Back(turn)));
    }
    last.push(button(t!("button-cancel"), Action::Stop(turn)));
    keyboard.push(last);
    Some((question, keyboard))
}

/// Moves to this place and asks what it asks, after what was wrong with an answer. A place that this version does not know
/// ends kindly.
fn to(
    flow: &dyn AnyFlow,
    open: Open,
    user: &UserContext,
    env: &Env,
    placing: Placing,
    problem: Option<Phrase>,
) -> Changes {
    let before = user.conversation();
    let turn = before.turn.wrapping_add(1);
    // What is begun when nothing is under way gets a message of its own; what was said before stays.
    let goes_on = before.open.is_some() || before.aside.as_ref().is_some_and(|aside| aside.flow == open.flow);
    let run = if goes_on { before.run } else { turn };
    let Some((question, keyboard)) = asked(flow, &open, turn, user, env) else {
        return end(user, t!("flow-outdated", title = flow.title()), placing);
    };
    let text = match problem {
        Some(problem) => t!("flow-problem", problem = problem, question = question.text),
        None => question.text,
    };
    let reached = flow.reached(&open);
    let now = Conversation { turn, run, open: Some(open), aside: None, wanted: None };
    show(run, text, keyboard, placing).then(now).before(reached)
}

/// Begins a flow that the person asks for. In the middle of another one they are asked which one to keep; in the middle of
/// the same one it goes on.
pub fn begin(user: &UserContext, env: &Env, name: &str) -> Changes {
    let Some(flow) = env.flow(name) else { return Changes::default() };
    match current(user, env) {
        Some((_, open)) if open.flow == name => to(flow, open.clone(), user, env, Placing::Below, None),
        // Before anything was answered there is nothing to lose.
        Some((other, open)) if !open.trail.is_empty() => which(other, flow, user, Placing::Below),
        _ => begin_anew(flow, user, env, Placing::Below, None),
    }
}

/// Begins a flow at this place, for which something is chosen already. In the middle of another one as [`begin`] does.
pub fn begin_at(user: &UserContext, env: &Env, open: Open) -> Changes {
    let Some(flow) = env.flow(&open.flow) else { return Changes::default() };
    match current(user, env) {
        Some((other, there)) if there.flow != open.flow && !there.trail.is_empty() => {
            which(other, flow, user, Placing::Below)
        }
        _ => to(flow, open, user, env, Placing::Below, None),
    }
}

/// Begins a flow with an answer that came with the command and was no good: told why, and asked properly.
pub fn begin_again(user: &UserContext, env: &Env, name: &str, problem: Phrase) -> Changes {
    let Some(flow) = env.flow(name) else { return Changes::default() };
    begin_anew(flow, user, env, Placing::Below, Some(problem))
}

fn begin_anew(flow: &dyn AnyFlow, user: &UserContext, env: &Env, placing: Placing, problem: Option<Phrase>) -> Changes {
    match flow.begin(user, env) {
        Ok(open) => to(flow, open, user, env, placing, problem),
        Err(instead) => instead,
    }
}

fn keep_label(open: &dyn AnyFlow) -> Phrase {
    t!("button-keep-flow", title = open.title())
}

fn replace_label(wanted: &dyn AnyFlow) -> Phrase {
    t!("button-other-flow", title = wanted.title())
}

fn which(open: &dyn AnyFlow, wanted: &dyn AnyFlow, user: &UserContext, placing: Placing) -> Changes {
    let before = user.conversation();
    let turn = before.turn.wrapping_add(1);
    let keyboard = vec![
        vec![button(keep_label(open), Action::KeepFlow(turn))],
        vec![button(replace_label(wanted), Action::OtherFlow(turn))],
    ];
    let wanted_name = Some(wanted.name().to_owned());
    show(before.run, t!("flow-which", open = open.title(), wanted = wanted.title()), keyboard, placing)
        .then(Conversation { turn, wanted: wanted_name, ..before.clone() })
}

/// Whether a button belongs to a question that does not wait any more.
pub fn stale(user: &UserContext, turn: u32) -> bool {
    user.conversation().turn != turn
}

/// Takes an answer. `None`: nothing waits for one. `message`: the typed answer; without, a button was pressed.
pub fn take(user: &UserContext, env: &Env, given: Given<'_>, message: Option<MessageId>) -> Option<Changes> {
    let (flow, open) = current(user, env)?;
    let placing = placing(user, message);
    if let Some(wanted) = user.conversation().wanted.as_deref().and_then(|name| env.flow(name)) {
        let offered = [(keep_label(flow), keep as Turn), (replace_label(wanted), replace)];
        return match given.named(offered, user.locale()) {
            Some(turn) => turn(user, env, placing),
            None => Some(which(flow, wanted, user, placing)),
        };
    }
    let mut led = flow.answer(open, given, user, env);
    // What is no answer in itself may be what stands on a button, or its number.
    if let Some(Led::Again(_)) = led
        && let Some(question) = flow.ask(open, user, env)
    {
        let offered = question.choices.into_iter().flatten().map(|choice| (choice.label, choice.id));
        if let Some(id) = given.named(offered, user.locale()) {
            led = flow.answer(open, Given::Choice(id), user, env);
        }
    }
    Some(match led {
        Some(Led::Go(step, answers)) => {
            let mut trail = open.trail.clone();
            if let Some(been) = trail.iter().position(|before| *before == step) {
                // What leads back is a way back.
                trail.truncate(been);
            } else if step != open.step {
                trail.push(open.step.clone());
                let surplus = trail.len().saturating_sub(TRAIL);
                trail.drain(..surplus);
            }
            to(flow, Open { flow: open.flow.clone(), step, answers, trail }, user, env, placing, None)
        }
        Some(Led::Again(problem)) => ask_again(user, env, problem, message),
        // The last words come in the language that was perhaps just chosen.
        Some(Led::Done(text, changes)) => changes.before(end(user, text, placing)),
        None => end(user, t!("flow-outdated", title = flow.title()), placing),
    })
}

/// Something that cannot be an answer: told what is expected, and asked again. `None`: nothing waits.
pub fn unexpected(user: &UserContext, env: &Env, message: MessageId) -> Option<Changes> {
    let (flow, open) = current(user, env)?;
    let expects = match user.conversation().wanted {
        Some(_) => t!("flow-choose"),
        None => flow.ask(open, user, env)?.expects,
    };
    Some(ask_again(user, env, expects, Some(message)))
}

/// Shows what waits once more, with what was wrong.
fn ask_again(user: &UserContext, env: &Env, problem: Phrase, message: Option<MessageId>) -> Changes {
    let placing = placing(user, message);
    let Some((flow, open)) = current(user, env) else { return Changes::default() };
    match user.conversation().wanted.as_deref().and_then(|name| env.flow(name)) {
        Some(wanted) => which(flow, wanted, user, placing),
        None => to(flow, open.clone(), user, env, placing, Some(problem)),
    }
}

/// One step back. `None`: there is none.
pub fn back(user: &UserContext, env: &Env, placing: Placing) -> Option<Changes> {
    let (flow, open) = current(user, env)?;
    let mut open = open.clone();
    open.step = open.trail.pop()?;
    Some(to(flow, open, user, env, placing, None))
}

/// Goes on with what was under way before another flow was asked for.
pub fn keep(user: &UserContext, env: &Env, placing: Placing) -> Option<Changes> {
    let (flow, open) = current(user, env)?;
    Some(to(flow, open.clone(), user, env, placing, None))
}

/// Begins the other flow instead.
pub fn replace(user: &UserContext, env: &Env, placing: Placing) -> Option<Changes> {
    let wanted = env.flow(user.conversation().wanted.as_deref()?)?;
    Some(begin_anew(wanted, user, env, placing, None))
}

/// Takes up what was put aside.
pub fn resume(user: &UserContext, env: &Env, placing: Placing) -> Option<Changes> {
    let aside = user.conversation().aside.clone()?;
    let flow = env.flow(&aside.flow)?;
    Some(to(flow, aside, user, env, placing, None))
}

/// Stops what is under way. `None`: nothing is. `message`: the command; without, a button was pressed.
pub fn cancel(user: &UserContext, env: &Env, message: Option<MessageId>) -> Option<Changes> {
    let conversation = user.conversation();
    conversation.open.as_ref().or(conversation.aside.as_ref())?;
    // What was put aside is only not offered any more.
    let open = conversation.open.as_ref().and_then(|open| env.flow(&open.flow));
    let stopped = open.map_or_else(Changes::default, AnyFlow::stopped);
    let said = open.map_or_else(|| t!("cancelled"), AnyFlow::left);
    // A command's answer belongs under it, however near the question is.
    let placing = if message.is_some() { Placing::Below } else { at_press(user) };
    Some(end(user, said, placing).before(stopped))
}

/// Puts aside what nobody answered for long, with a button to take it up again. Nothing when nothing waits.
pub fn set_aside(user: &UserContext, env: &Env) -> Changes {
    let before = user.conversation();
    if before.open.is_none() {
        return Changes::default();
    }
    // A flow that this version does not know has nothing that could be taken up again.
    let Some((flow, open)) = current(user, env) else { return Changes::default().then(before.idle()) };
    let turn = before.turn.wrapping_add(1);
    let keyboard = vec![vec![button(t!("button-resume"), Action::Resume(turn))]];
    let now = Conversation { turn, run: before.run, open: None, aside: Some(open.clone()), wanted: None };
    show(before.run, flow.aside(user), keyboard, Placing::Below).then(now)
}
