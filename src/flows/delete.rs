//! Deleting a number that is logged out, with its messages.
use super::engine::{Flow, Given, Next, Question};
use super::{Changes, Env, engine, numbers, phrases};
use crate::domain::{Account, AccountId, Effect, Open, Phrase};
use crate::store::UserContext;
use crate::t;
use serde::{Deserialize, Serialize};

/// The flow.
pub struct Delete;

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
const DELETE: i64 = 1;

impl Flow for Delete {
    const NAME: &'static str = "delete";
    type Step = Step;
    type Answers = Answers;

    fn title() -> Phrase {
        t!("delete-title")
    }

    fn begin(user: &UserContext, _: &Env) -> Result<(Step, Answers), Changes> {
        match user.former() {
            [] => Err(Changes::default().say(t!("delete-none"))),
            [one] => Ok((Step::Confirm, Answers { account: Some(one.id) })),
            _ => Ok((Step::Which, Answers::default())),
        }
    }

    fn ask(step: Step, answers: &Answers, user: &UserContext, _: &Env) -> Question {
        match (step, chosen(user, answers)) {
            (Step::Confirm, Some(account)) => {
                Question::new(t!("delete-ask", number = phrases::account_name(account)), t!("flow-choose"))
                    .choice(t!("button-delete-yes"), DELETE)
                    .beside(t!("button-keep"), KEEP)
            }
            _ => numbers::question(t!("delete-which"), &user.former().iter().collect::<Vec<_>>()),
        }
    }

    fn answer(step: Step, answers: Answers, given: Given<'_>, user: &UserContext, _: &Env) -> Next<Self> {
        match (step, chosen(user, &answers), given) {
            (Step::Confirm, Some(account), Given::Choice(DELETE)) => {
                let done = t!("deleted", number = phrases::account_name(account));
                Next::Done(done, Changes::default().effect(Effect::DeleteNumber(account.id)))
            }
            (Step::Confirm, _, Given::Choice(KEEP)) => Next::Done(t!("cancelled"), Changes::default()),
            (Step::Confirm, Some(_), _) => Next::Again(t!("flow-choose")),
            (_, _, given) => match numbers::given(user, user.former().iter().collect(), given) {
                Some(account) => Next::Go(Step::Confirm, Answers { account: Some(account.id) }),
                // The last one may have gone while it was asked which.
                None if user.former().is_empty() => Next::Done(t!("cancelled"), Changes::default()),
                None => Next::Again(t!("number-unknown")),
            },
        }
    }
}

fn chosen<'a>(user: &'a UserContext, answers: &Answers) -> Option<&'a Account> {
    user.former().iter().find(|account| Some(account.id) == answers.account)
}

/// Asks whether to delete this number. `None`: it is not there to be deleted.
pub fn of(user: &UserContext, env: &Env, account: AccountId) -> Option<Changes> {
    let answers = Answers { account: Some(account) };
    chosen(user, &answers)?;
    let open = Open { answers: serde_json::to_value(answers).ok()?, ..Open::new(Delete::NAME, "confirm") };
    Some(engine::begin_at(user, env, open))
}

/// `/delete`, with a number after it or without.
pub fn command(user: &UserContext, typed: &str, env: &Env) -> Changes {
    match numbers::named(user, typed) {
        Some(account) => of(user, env, account.id)
            .unwrap_or_else(|| Changes::default().say(t!("delete-linked", number = phrases::account_name(account)))),
        None if typed.is_empty() => engine::begin(user, env, Delete::NAME),
        None => Changes::default().say(t!("number-unknown")),
    }
}
