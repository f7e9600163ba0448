//! Registering: number, name, address, where one lives and which language one reads, and whether all of it is right.
//!
//! An unfinished registration can be taken up again for 24 hours, also after it was left without a word.
use super::details::{self, City, Located};
use super::engine::{Flow, Given, Next, Question};
use super::{Changes, Env};
use crate::domain::{Details, Effect, Email, Language, PersonName, PhoneNumber, Phrase};
use crate::store::UserContext;
use crate::t;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// The flow.
pub struct Registering;

/// The flow's name.
pub const NAME: &str = Registering::NAME;

/// Its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The telephone number.
    Phone,
    /// What they are called.
    Name,
    /// Their address for mail.
    Email,
    /// The city that they live in.
    City,
    /// The language that they read.
    Language,
    /// Whether all of it is right.
    Confirm,
}

/// The answers so far.
#[derive(Default, Serialize, Deserialize)]
pub struct Answers {
    phone: Option<PhoneNumber>,
    name: Option<PersonName>,
    email: Option<Email>,
    /// Its name, and that of its time zone.
    city: Option<City>,
    /// The places that the city may mean, until one is chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    places: Vec<City>,
    language: Option<Language>,
    /// Whether one answer is changed before confirming.
    #[serde(default)]
    is_changing: bool,
}

const SKIP: i64 = 0;
const CONFIRM: i64 = 0;
/// What can be changed before confirming, under the number of its button.
const CHANGES: [(i64, Step); 5] =
    [(1, Step::Phone), (2, Step::Name), (3, Step::Email), (4, Step::City), (5, Step::Language)];

impl Flow for Registering {
    const NAME: &'static str = "registration";
    type Step = Step;
    type Answers = Answers;

    fn title() -> Phrase {
        t!("registration-title")
    }

    fn begin(user: &UserContext, _: &Env) -> Result<(Step, Answers), Changes> {
        if user.profile().is_some() {
            return Err(Changes::default().say(t!("registration-done-already")));
        }
        let begun = user.registration().and_then(|begun| {
            let step = serde_json::from_value(begun.step.clone().into()).ok()?;
            Some((step, serde_json::from_value(begun.session_data.clone()).ok()?))
        });
        Ok(begun.unwrap_or((Step::Phone, Answers::default())))
    }

    fn ask(step: Step, answers: &Answers, _: &UserContext, _: &Env) -> Question {
        match step {
            Step::Phone => Question::new(t!("registration-phone"), t!("detail-phone-expected")),
            Step::Name => Question::new(t!("registration-name"), t!("detail-text-expected")),
            Step::Email => {
                Question::new(t!("registration-email"), t!("detail-text-expected")).choice(t!("button-no-email"), SKIP)
            }
            Step::City if answers.places.is_empty() => {
                Question::new(t!("registration-city"), t!("detail-text-expected"))
            }
            Step::City => {
                let question = Question::new(t!("registration-which-city"), t!("detail-city-expected"));
                details::offering(question, &answers.places)
            }
            Step::Language => {
                let question = Question::new(t!("registration-language"), t!("flow-choose"));
                let languages = Language::ALL.into_iter().zip(0..);
                languages
                    .fold(question, |question, (language, i)| question.choice(Phrase::verbatim(language.name()), i))
            }
            Step::Confirm => confirm(answers),
        }
    }

    fn answer(step: Step, answers: Answers, given: Given<'_>, user: &UserContext, env: &Env) -> Next<Self> {
        let read = match (step, given) {
            (Step::Phone, given) => details::phone(given, env).map(|phone| Answers { phone: Some(phone), ..answers }),
            (Step::Name, given) => details::name(given).map(|name| Answers { name: Some(name), ..answers }),
            (Step::Email, Given::Choice(SKIP)) => Ok(Answers { email: None, ..answers }),
            (Step::Email, given) => details::email(given).map(|email| Answers { email: Some(email), ..answers }),
            (Step::City, given) => match details::city(given, &answers.places) {
                Located::There(city) => Ok(Answers { city: Some(city), places: Vec::new(), ..answers }),
                Located::Which(places) => return Next::Go(Step::City, Answers { places, ..answers }),
                Located::Nowhere(problem) => Err(problem),
            },
            (Step::Language, Given::Choice(i)) => match usize::try_from(i).ok().and_then(|i| Language::ALL.get(i)) {
                Some(language) => Ok(Answers { language: Some(*language), ..answers }),
                None => Err(t!("flow-choose")),
            },
            (Step::Confirm, Given::Choice(CONFIRM)) => return done(answers, user),
            (Step::Confirm, Given::Choice(id)) => {
                return match CHANGES.iter().find(|(change, _)| *change == id) {
                    Some((_, step)) => Next::Go(*step, Answers { is_changing: true, ..answers }),
                    None => Next::Again(t!("flow-choose")),
                };
            }
            (Step::Confirm | Step::Language, _) => Err(t!("flow-choose")),
        };
        match read {
            Ok(answers) => go_on(step, answers),
            Err(problem) => Next::Again(problem),
        }
    }

    fn reached(step: Step, answers: &Answers) -> Changes {
        let (Some(phone), Ok(session_data), Ok(step)) =
            (answers.phone.clone(), serde_json::to_value(answers), serde_json::to_value(step))
        else {
            return Changes::default();
        };
        let step = step.as_str().unwrap_or_default().to_owned();
        Changes::default().effect(Effect::KeepRegistration { phone, step, session_data })
    }

    fn button(user: &UserContext) -> Option<Phrase> {
        let is_open = user.conversation().open.as_ref().is_some_and(|open| open.flow == NAME);
        // One that is under way is among what needs attention.
        let is_new = user.profile().is_none() && user.registration().is_none() && !is_open;
        is_new.then(|| t!("button-registration"))
    }

    fn stopped() -> Changes {
        Changes::default().effect(Effect::EndRegistration)
    }
}

/// What comes after this step; after a change all of it is shown again.
fn go_on(step: Step, answers: Answers) -> Next<Registering> {
    let next = match step {
        _ if answers.is_changing => Step::Confirm,
        Step::Phone => Step::Name,
        Step::Name => Step::Email,
        Step::Email => Step::City,
        Step::City => Step::Language,
        Step::Language | Step::Confirm => Step::Confirm,
    };
    let is_changing = answers.is_changing && next != Step::Confirm;
    Next::Go(next, Answers { is_changing, ..answers })
}

fn confirm(answers: &Answers) -> Question {
    let text = |shown: Option<&str>| shown.map_or_else(|| t!("registration-none"), Phrase::verbatim);
    let city = answers.city.as_ref().map(|(name, zone)| format!("{name} ({zone})"));
    let all = t!(
        "registration-confirm",
        phone = text(answers.phone.as_ref().map(ToString::to_string).as_deref()),
        name = text(answers.name.as_ref().map(PersonName::as_str)),
        email = text(answers.email.as_ref().map(Email::as_str)),
        city = text(city.as_deref()),
        language = text(answers.language.map(Language::name)),
    );
    Question::new(all, t!("flow-choose"))
        .choice(t!("button-register"), CONFIRM)
        .choice(t!("button-change-phone"), 1)
        .beside(t!("button-change-name"), 2)
        .choice(t!("button-change-email"), 3)
        .beside(t!("button-change-city"), 4)
        .choice(t!("button-change-language"), 5)
}

fn done(answers: Answers, user: &UserContext) -> Next<Registering> {
    // An answer that an older version did not ask for: asked now.
    let zone: Option<Tz> = answers.city.as_ref().and_then(|(_, zone)| zone.parse().ok());
    let (Some(phone), Some(name), Some(zone)) = (answers.phone.clone(), answers.name.clone(), zone) else {
        return Next::Go(Step::Phone, answers);
    };
    let language = answers.language.unwrap_or(user.locale().language);
    let details = Details { phone, name, email: answers.email, zone, about: None };
    let called = details.name.as_str().to_owned();
    let changes = Changes::default()
        .effect(Effect::Speak(language))
        .effect(Effect::SaveProfile(details))
        .effect(Effect::EndRegistration);
    Next::Done(t!("registration-done", name = called), changes)
}
