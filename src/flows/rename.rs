//! Calling a number by a name.
use super::engine::{Flow, Given, Next, Question};
use super::{Changes, Env, engine, numbers, phrases};
use crate::domain::fold::fold;
use crate::domain::name::LABEL;
use crate::domain::{Account, AccountId, Effect, Label, Open, Phrase};
use crate::store::UserContext;
use crate::t;
use serde::{Deserialize, Serialize};

/// The flow.
pub struct Rename;

/// What is typed for no name.
const NONE: &str = "-";

/// Its steps.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Which number.
    Which,
    /// What to call it.
    Name,
}

/// The answer so far.
#[derive(Default, Serialize, Deserialize)]
pub struct Answers {
    account: Option<AccountId>,
}

impl Flow for Rename {
    const NAME: &'static str = "rename";
    type Step = Step;
    type Answers = Answers;

    fn title() -> Phrase {
        t!("rename-title")
    }

    fn begin(user: &UserContext, _: &Env) -> Result<(Step, Answers), Changes> {
        match candidates(user).as_slice() {
            [] => Err(Changes::default().ask(t!("no-numbers"), super::link::methods())),
            [one] => Ok((Step::Name, Answers { account: Some(one.id) })),
            _ => Ok((Step::Which, Answers::default())),
        }
    }

    fn ask(step: Step, answers: &Answers, user: &UserContext, _: &Env) -> Question {
        match (step, chosen(user, answers)) {
            (Step::Name, Some(account)) => {
                let text = t!("rename-ask", number = phrases::account_name(account), most = LABEL);
                Question::new(text, t!("detail-text-expected"))
            }
            _ => numbers::question(t!("rename-which"), &candidates(user)),
        }
    }

    fn answer(step: Step, answers: Answers, given: Given<'_>, user: &UserContext, _: &Env) -> Next<Self> {
        match (step, chosen(user, &answers), given) {
            (Step::Name, Some(account), Given::Text(text)) => match called(user, account, text) {
                Ok((text, changes)) => Next::Done(text, changes),
                Err(problem) => Next::Again(problem),
            },
            (Step::Name, Some(_), _) => Next::Again(t!("detail-text-expected")),
            (_, _, given) => match numbers::given(user, candidates(user), given) {
                Some(account) => Next::Go(Step::Name, Answers { account: Some(account.id) }),
                None => Next::Again(t!("number-unknown")),
            },
        }
    }
}

/// Calls this number so. The phrase tells it.
///
/// # Errors
/// What is wrong with the name.
fn called(user: &UserContext, account: &Account, text: &str) -> Result<(Phrase, Changes), Phrase> {
    if text.trim() == NONE {
        let plain = Account { label: None, ..account.clone() };
        let done = t!("rename-undone", number = phrases::account_name(&plain));
        return Ok((done, Changes::default().effect(Effect::Rename(account.id, None))));
    }
    let label =
        Label::parse(text).map_err(|problem| t!("rename-bad", problem = phrases::text_problem(problem, LABEL)))?;
    let same = |other: &&Account| other.label.as_ref().is_some_and(|l| fold(l.as_str()) == fold(label.as_str()));
    if user.accounts().iter().filter(same).any(|other| other.id != account.id) {
        return Err(t!("rename-taken", label = label.as_str()));
    }
    let number = account.phone.as_ref().map(ToString::to_string).unwrap_or_default();
    let done = t!("renamed", number = number, label = label.as_str());
    Ok((done, Changes::default().effect(Effect::Rename(account.id, Some(label)))))
}

fn candidates(user: &UserContext) -> Vec<&Account> {
    numbers::sorted(user).into_iter().filter(|account| account.state.has_device()).collect()
}

fn chosen<'a>(user: &'a UserContext, answers: &Answers) -> Option<&'a Account> {
    user.account(answers.account?).filter(|account| account.state.has_device())
}

/// Asks what to call this number. `None`: it is not there.
pub fn of(user: &UserContext, env: &Env, account: AccountId) -> Option<Changes> {
    let answers = Answers { account: Some(account) };
    chosen(user, &answers)?;
    let open = Open { answers: serde_json::to_value(answers).ok()?, ..Open::new(Rename::NAME, "name") };
    Some(engine::begin_at(user, env, open))
}

/// `/rename`, with a number after it and perhaps its name, or without.
pub fn command(user: &UserContext, typed: &str, env: &Env) -> Changes {
    let (number, name) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    let named = numbers::named(user, number).filter(|account| account.state.has_device());
    match named {
        Some(account) if !name.trim().is_empty() => match called(user, account, name) {
            Ok((text, changes)) => changes.say(text),
            Err(problem) => Changes::default().say(problem),
        },
        Some(account) => of(user, env, account.id).unwrap_or_default(),
        None if typed.is_empty() => engine::begin(user, env, Rename::NAME),
        None => Changes::default().say(t!("number-unknown")),
    }
}
