//! Logging a number out: which, and whether really.
use super::engine::{Flow, Given, Next, Question};
use super::{Changes, Env, engine, numbers, phrases};
use crate::domain::{Account, AccountId, AccountState, Effect, Open, Phrase};
use crate::store::UserContext;
use crate::t;
use serde::{Deserialize, Serialize};

/// The flow.
pub struct Logout;

/// Its steps.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Which number.
    Which,
    /// Whether really.
    Confirm,
}

/// The answer so far.
#[derive(Default, Serialize, Deserialize)]
pub struct Answers {
    account: Option<AccountId>,
}

const KEEP: i64 = 0;
const LOG_OUT: i64 = 1;

impl Flow for Logout {
    const NAME: &'static str = "logout";
    type Step = Step;
    type Answers = Answers;

    fn title() -> Phrase {
        t!("logout-title")
    }

    fn begin(user: &UserContext, _: &Env) -> Result<(Step, Answers), Changes> {
        match candidates(user).as_slice() {
            [] => Err(Changes::default().ask(t!("no-numbers"), super::link::methods())),
            [one] => Ok((Step::Confirm, Answers { account: Some(one.id) })),
            _ => Ok((Step::Which, Answers::default())),
        }
    }

    fn ask(step: Step, answers: &Answers, user: &UserContext, _: &Env) -> Question {
        let chosen = answers.account.and_then(|id| candidate(user, id));
        match (step, chosen) {
            (Step::Confirm, Some(account)) => {
                Question::new(t!("logout-ask", number = phrases::account_name(account)), t!("flow-choose"))
                    .choice(t!("button-logout-yes"), LOG_OUT)
                    .beside(t!("button-keep"), KEEP)
            }
            _ => candidates(user).iter().fold(
                Question::new(t!("logout-which"), t!("number-unknown")),
                |question, account| {
                    let label = t!("button-logout-number", number = phrases::account_name(account));
                    question.choice(label, account.id.0)
                },
            ),
        }
    }

    fn answer(step: Step, answers: Answers, given: Given<'_>, user: &UserContext, _: &Env) -> Next<Self> {
        let chosen = answers.account.and_then(|id| candidate(user, id));
        let named = match (step, chosen, given) {
            (Step::Confirm, Some(account), Given::Choice(LOG_OUT)) => return log_out(account),
            (Step::Confirm, _, Given::Choice(KEEP)) => return Next::Done(t!("cancelled"), Changes::default()),
            (Step::Confirm, Some(_), _) => return Next::Again(t!("flow-choose")),
            (_, _, Given::Choice(id)) => candidate(user, AccountId(id)),
            (_, _, Given::Text(text)) => numbers::named(user, text).filter(|account| can_go(account)),
            (_, _, Given::Phone(phone)) => candidates(user).into_iter().find(|a| a.phone.as_ref() == Some(phone)),
        };
        match named {
            Some(account) => Next::Go(Step::Confirm, Answers { account: Some(account.id) }),
            // The last one may have gone while it was asked which.
            None if candidates(user).is_empty() => Next::Done(t!("cancelled"), Changes::default()),
            None => Next::Again(t!("number-unknown")),
        }
    }
}

fn log_out(account: &Account) -> Next<Logout> {
    let changes =
        Changes::default().account(account.id, AccountState::LoggingOut, None).effect(Effect::Logout(account.id));
    Next::Done(t!("logging-out", number = phrases::account_name(account)), changes)
}

/// Whether there is a device of this number that can go.
pub fn can_go(account: &Account) -> bool {
    account.state.is_linked() || account.state == AccountState::Failed
}

fn candidates(user: &UserContext) -> Vec<&Account> {
    numbers::sorted(user).into_iter().filter(|account| can_go(account)).collect()
}

fn candidate(user: &UserContext, id: AccountId) -> Option<&Account> {
    user.account(id).filter(|account| can_go(account))
}

/// Asks whether to log this number out. `None`: it is not there to be logged out.
pub fn of(user: &UserContext, env: &Env, account: AccountId) -> Option<Changes> {
    let account = candidate(user, account)?;
    let answers = serde_json::to_value(Answers { account: Some(account.id) }).ok()?;
    let open = Open { answers, ..Open::new(Logout::NAME, "confirm") };
    Some(engine::begin_at(user, env, open))
}

/// `/logout`, with a number after it or without.
pub fn command(user: &UserContext, typed: &str, env: &Env) -> Changes {
    let named = numbers::named(user, typed).and_then(|account| of(user, env, account.id));
    named.unwrap_or_else(|| engine::begin(user, env, Logout::NAME))
}
