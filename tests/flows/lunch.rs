//! A flow of three steps, as the walkthrough in ARCHITECTURE.md builds it.
use sekat::domain::Phrase;
use sekat::flows::engine::{Flow, Given, Next, Question};
use sekat::flows::{Changes, Env};
use sekat::store::UserContext;
use serde::{Deserialize, Serialize};

/// Ordering lunch.
pub struct Lunch;

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    Dish,
    Portions,
    Confirm,
}

#[derive(Default, Serialize, Deserialize)]
pub struct Answers {
    dish: String,
    portions: u32,
}

const YES: i64 = 1;

impl Flow for Lunch {
    const NAME: &'static str = "lunch";
    type Step = Step;
    type Answers = Answers;

    fn title() -> Phrase {
        Phrase::verbatim("ordering lunch")
    }

    fn begin(_: &UserContext, _: &Env) -> Result<(Step, Answers), Changes> {
        Ok((Step::Dish, Answers::default()))
    }

    fn ask(step: Step, answers: &Answers, _: &UserContext, _: &Env) -> Question {
        let say = |text: &str| Phrase::verbatim(text);
        match step {
            Step::Dish => Question::new(say("What would you like?"), say("The name of a dish, as text.")),
            Step::Portions => Question::new(say("How many portions?"), say("A number from 1 to 9.")),
            Step::Confirm => {
                let order = format!("{} × {}. Right?", answers.portions, answers.dish);
                Question::new(say(&order), say("Press the button.")).choice(say("Order"), YES)
            }
        }
    }

    fn answer(step: Step, mut answers: Answers, given: Given<'_>, _: &UserContext, _: &Env) -> Next<Self> {
        match (step, given) {
            (Step::Dish, Given::Text(dish)) => {
                answers.dish = dish.trim().to_owned();
                Next::Go(Step::Portions, answers)
            }
            (Step::Portions, Given::Text(text)) => match text.trim().parse() {
                Ok(portions @ 1..=9) => Next::Go(Step::Confirm, Answers { portions, ..answers }),
                _ => Next::Again(Phrase::verbatim("That is no number from 1 to 9.")),
            },
            (Step::Confirm, Given::Choice(YES)) => Next::Done(Phrase::verbatim("Ordered!"), Changes::default()),
            _ => Next::Again(Phrase::verbatim("That is no answer here.")),
        }
    }
}
