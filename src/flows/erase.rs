//! Erasing everything, after a typed confirmation.
use super::engine::{Flow, Given, Next, Question};
use super::{Changes, Env, phrases};
use crate::domain::{Effect, Phrase};
use crate::store::UserContext;
use crate::t;
use serde::{Deserialize, Serialize};

/// The flow.
pub struct Erase;

/// The flow's name.
pub const NAME: &str = Erase::NAME;

/// Its steps.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Type the word.
    Confirm,
}

impl Flow for Erase {
    const NAME: &'static str = "erase";
    type Step = Step;
    type Answers = ();

    fn title() -> Phrase {
        t!("erase-title")
    }

    fn begin(_: &UserContext, _: &Env) -> Result<(Step, ()), Changes> {
        Ok((Step::Confirm, ()))
    }

    fn ask(_: Step, (): &(), user: &UserContext, _: &Env) -> Question {
        let word = phrases::erase_word(user.locale());
        Question::new(t!("erase-ask", word = word), again(user))
    }

    fn answer(_: Step, (): (), given: Given<'_>, user: &UserContext, _: &Env) -> Next<Self> {
        match given {
            Given::Text(text) if phrases::is_erase_word(text) => {
                Next::Done(t!("erasing"), Changes::default().effect(Effect::Erase))
            }
            _ => Next::Again(again(user)),
        }
    }

    fn aside(user: &UserContext) -> Phrase {
        t!("parked-erase", word = phrases::erase_word(user.locale()))
    }
}

fn again(user: &UserContext) -> Phrase {
    t!("erase-again", word = phrases::erase_word(user.locale()))
}
