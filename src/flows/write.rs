//! Writing to somebody first: to which number, from which of one's own, and what.
use super::engine::{Flow, Given, Next, Question};
use super::{Changes, Env, chat, engine, numbers, phrases};
use crate::domain::{Account, AccountId, Jid, PhoneNumber, Phrase};
use crate::store::UserContext;
use crate::t;
use serde::{Deserialize, Serialize};

/// The flow.
pub struct Write;

/// Its steps.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// To whom.
    To,
    /// From which of one's numbers.
    From,
    /// What.
    Text,
}

/// The answers so far.
#[derive(Default, Serialize, Deserialize)]
pub struct Answers {
    to: Option<PhoneNumber>,
    from: Option<AccountId>,
}

impl Flow for Write {
    const NAME: &'static str = "write";
    type Step = Step;
    type Answers = Answers;

    fn title() -> Phrase {
        t!("write-title")
    }

    fn begin(user: &UserContext, _: &Env) -> Result<(Step, Answers), Changes> {
        if linked(user).is_empty() {
            return Err(Changes::default().ask(t!("chat-link-first"), super::link::methods()));
        }
        Ok((Step::To, Answers::default()))
    }

    fn ask(step: Step, answers: &Answers, user: &UserContext, _: &Env) -> Question {
        match (step, &answers.to, chosen(user, answers)) {
            (Step::Text, Some(to), Some(from)) => {
                let text = t!("write-text", to = to.to_string(), from = phrases::account_name(from));
                Question::new(text, t!("detail-text-expected"))
            }
            (Step::From | Step::Text, Some(to), _) => {
                numbers::question(t!("write-from", to = to.to_string()), &linked(user))
            }
            _ => Question::new(t!("write-to"), t!("link-send-number")),
        }
    }

    fn answer(step: Step, answers: Answers, given: Given<'_>, user: &UserContext, env: &Env) -> Next<Self> {
        match (step, answers.to.clone(), chosen(user, &answers)) {
            (Step::Text, Some(to), Some(from)) => match given {
                Given::Text(text) => match written(user, &to, from, text, env) {
                    Ok((told, changes)) => Next::Done(told, changes),
                    Err(problem) => Next::Again(problem),
                },
                Given::Choice(_) | Given::Phone(_) => Next::Again(t!("detail-text-expected")),
            },
            (Step::From | Step::Text, Some(to), _) => match numbers::given(user, linked(user), given) {
                Some(from) => Next::Go(Step::Text, Answers { to: Some(to), from: Some(from.id) }),
                None => Next::Again(t!("number-unknown")),
            },
            _ => match phone(given, env) {
                Ok(to) => match primary(user) {
                    Some(from) => Next::Go(Step::Text, Answers { to: Some(to), from: Some(from.id) }),
                    None => Next::Go(Step::From, Answers { to: Some(to), from: None }),
                },
                Err(problem) => Next::Again(problem),
            },
        }
    }

    fn button(user: &UserContext) -> Option<Phrase> {
        (!linked(user).is_empty()).then(|| t!("button-write"))
    }
}

fn phone(given: Given<'_>, env: &Env) -> Result<PhoneNumber, Phrase> {
    match given {
        Given::Text(text) => PhoneNumber::parse_local(text, env.rules.country)
            .map_err(|problem| t!("detail-phone-bad", problem = phrases::phone_problem(problem))),
        Given::Phone(phone) => Ok(phone.clone()),
        Given::Choice(_) => Err(t!("link-send-number")),
    }
}

fn linked(user: &UserContext) -> Vec<&Account> {
    numbers::sorted(user).into_iter().filter(|account| account.state.is_linked()).collect()
}

fn chosen<'a>(user: &'a UserContext, answers: &Answers) -> Option<&'a Account> {
    user.account(answers.from?).filter(|account| account.state.is_linked())
}

/// The number that a message to a new chat leaves from: the primary one, or the only one.
fn primary(user: &UserContext) -> Option<&Account> {
    let linked = linked(user);
    let only = linked.first().filter(|_| linked.len() == 1).copied();
    linked.into_iter().find(|account| account.is_primary).or(only)
}

/// Writes this. The phrase tells to whom, and from where.
///
/// # Errors
/// What is wrong with the text.
fn written(
    user: &UserContext,
    to: &PhoneNumber,
    from: &Account,
    text: &str,
    env: &Env,
) -> Result<(Phrase, Changes), Phrase> {
    let Some(typed) = user.typed() else { return Err(t!("detail-text-expected")) };
    let send = chat::send(from.id, Jid::of(to), text, typed, env).ok_or_else(|| t!("chat-too-long"))?;
    let told = t!("write-done", to = to.to_string(), from = phrases::account_name(from));
    Ok((told, Changes::default().effect(send)))
}

/// `/write`, with a number and a text after it, or without. The number is one word, unless a line ends it.
pub fn command(user: &UserContext, typed: &str, env: &Env) -> Changes {
    let (number, text) = typed.split_once(['\n', ' ']).unwrap_or((typed, ""));
    if text.trim().is_empty() {
        return engine::begin(user, env, Write::NAME);
    }
    let told = phone(Given::Text(number), env).and_then(|to| match primary(user) {
        Some(from) => written(user, &to, from, text.trim(), env),
        None => Err(t!("write-no-primary")),
    });
    match told {
        Ok((told, changes)) => changes.say(told),
        Err(problem) => Changes::default().say(problem),
    }
}
