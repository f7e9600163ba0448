//! Flows of every kind behind one face, with their steps and answers as the vault keeps them.
use super::{Flow, Given, Next, Question};
use crate::domain::{Open, Phrase};
use crate::flows::{Changes, Env};
use crate::store::UserContext;
use serde::Serialize;
use serde_json::Value;
use std::marker::PhantomData;

/// Where an answer leads, by the vault's names.
pub enum Led {
    /// To this step, with these answers.
    Go(String, Value),
    /// Nowhere.
    Again(Phrase),
    /// To the end.
    Done(Phrase, Changes),
}

/// A flow, whichever.
pub trait AnyFlow: Send + Sync {
    /// Its stable name.
    fn name(&self) -> &'static str;
    /// What it is about.
    fn title(&self) -> Phrase;
    /// What is told when no answer came for long.
    fn aside(&self, user: &UserContext) -> Phrase;
    /// What its button on the home screen says, if it has one.
    fn button(&self, user: &UserContext) -> Option<Phrase>;
    /// What else changes now that this step is reached.
    fn reached(&self, open: &Open) -> Changes;
    /// What else changes when the person stops it.
    fn stopped(&self) -> Changes;
    /// What is told when they do.
    fn left(&self) -> Phrase;
    /// Where it begins: step and answers.
    ///
    /// # Errors
    /// What happens instead when it cannot begin now.
    fn begin(&self, user: &UserContext, env: &Env) -> Result<Open, Changes>;
    /// What its step asks. `None`: the step is not of this version of the flow.
    fn ask(&self, open: &Open, user: &UserContext, env: &Env) -> Option<Question>;
    /// Where an answer leads. `None`: the step is not of this version of the flow.
    fn answer(&self, open: &Open, given: Given<'_>, user: &UserContext, env: &Env) -> Option<Led>;
}

/// The face of the flow `F`.
pub struct Of<F>(PhantomData<fn() -> F>);

impl<F: Flow> Of<F> {
    /// It.
    pub const fn new() -> Self {
        Of(PhantomData)
    }
}

impl<F: Flow> Default for Of<F> {
    fn default() -> Self {
        Self::new()
    }
}

/// A step's name. One that is no name (an enum with fields) cannot be read back, and so ends its flow kindly.
fn name(step: &impl Serialize) -> String {
    serde_json::to_value(step).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn kept(answers: &impl Serialize) -> Value {
    serde_json::to_value(answers).unwrap_or_default()
}

fn state<F: Flow>(open: &Open) -> Option<(F::Step, F::Answers)> {
    let step = serde_json::from_value(Value::String(open.step.clone())).ok()?;
    let answers = match &open.answers {
        Value::Null => F::Answers::default(),
        answers => serde_json::from_value(answers.clone()).ok()?,
    };
    Some((step, answers))
}

impl<F: Flow> AnyFlow for Of<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn title(&self) -> Phrase {
        F::title()
    }

    fn aside(&self, user: &UserContext) -> Phrase {
        F::aside(user)
    }

    fn button(&self, user: &UserContext) -> Option<Phrase> {
        F::button(user)
    }

    fn reached(&self, open: &Open) -> Changes {
        state::<F>(open).map_or_else(Changes::default, |(step, answers)| F::reached(step, &answers))
    }

    fn stopped(&self) -> Changes {
        F::stopped()
    }

    fn left(&self) -> Phrase {
        F::left()
    }

    fn begin(&self, user: &UserContext, env: &Env) -> Result<Open, Changes> {
        let (step, answers) = F::begin(user, env)?;
        Ok(Open { answers: kept(&answers), ..Open::new(F::NAME, &name(&step)) })
    }

    fn ask(&self, open: &Open, user: &UserContext, env: &Env) -> Option<Question> {
        let (step, answers) = state::<F>(open)?;
        Some(F::ask(step, &answers, user, env))
    }

    fn answer(&self, open: &Open, given: Given<'_>, user: &UserContext, env: &Env) -> Option<Led> {
        let (step, answers) = state::<F>(open)?;
        Some(match F::answer(step, answers, given, user, env) {
            Next::Go(step, answers) => Led::Go(name(&step), kept(&answers)),
            Next::Again(problem) => Led::Again(problem),
            Next::Done(text, changes) => Led::Done(text, changes),
        })
    }
}
