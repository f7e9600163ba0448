//! One's own profile: looking at it, changing it, and letting others find it.
//!
//! What is changed is written down at once and shown to nobody: only publishing shows it, and what was published stays as
//! it was until it is published anew.
use super::details::{self, City, Located};
use super::engine::{Flow, Given, Next, Question};
use super::{Changes, Env, menu, registration};
use crate::domain::profile::zone_named;
use crate::domain::{About, Choice, Details, Effect, Email, Phrase, Profile, Shows};
use crate::store::UserContext;
use crate::t;
use serde::{Deserialize, Serialize};

/// The flow.
pub struct Profiling;

/// Its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The profile, and what can be done with it.
    Show,
    /// Another name.
    Name,
    /// Another telephone number.
    Phone,
    /// Another address for mail, or none.
    Email,
    /// Another city.
    City,
    /// Another text about oneself, or none.
    About,
    /// What others will see.
    Publish,
}

/// What lies between two steps.
#[derive(Default, Serialize, Deserialize)]
pub struct Answers {
    /// The details with what was just changed. They are written down by the commit that reaches [`Step::Show`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed: Option<Details>,
    /// The places that the city may mean, until one is chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    places: Vec<City>,
    /// What is to be shown beside the name.
    #[serde(default)]
    shows: Shows,
}

const DONE: i64 = 0;
const PUBLISH: i64 = 6;
const UNPUBLISH: i64 = 7;
/// What can be changed, under the number of its button.
const CHANGES: [(i64, Step); 5] =
    [(1, Step::Name), (2, Step::Phone), (3, Step::Email), (4, Step::City), (5, Step::About)];
/// Without an address, without a text.
const NONE: i64 = 0;
const PUBLISH_YES: i64 = 0;
const SHOW_PHONE: i64 = 1;
const SHOW_EMAIL: i64 = 2;

impl Flow for Profiling {
    const NAME: &'static str = "profile";
    type Step = Step;
    type Answers = Answers;

    fn title() -> Phrase {
        t!("profile-title")
    }

    fn begin(user: &UserContext, _: &Env) -> Result<(Step, Answers), Changes> {
        match user.profile() {
            Some(_) => Ok((Step::Show, Answers::default())),
            None => {
                let register = menu::begins(t!("button-registration"), registration::NAME);
                Err(Changes::default().ask(t!("profile-none"), vec![vec![register]]))
            }
        }
    }

    fn button(user: &UserContext) -> Option<Phrase> {
        user.profile().map(|_| t!("button-profile"))
    }

    fn ask(step: Step, answers: &Answers, user: &UserContext, _: &Env) -> Question {
        let text = |question| Question::new(question, t!("detail-text-expected"));
        let Some(profile) = now(answers, user) else { return Question::new(t!("profile-none"), t!("flow-choose")) };
        match step {
            Step::Show => show(&profile),
            Step::Name => text(t!("profile-name")),
            Step::Phone => Question::new(t!("profile-phone"), t!("detail-phone-expected")),
            Step::Email => text(t!("profile-email")).choice(t!("button-no-email"), NONE),
            Step::City if answers.places.is_empty() => text(t!("profile-city")),
            Step::City => {
                details::offering(Question::new(t!("profile-which-city"), t!("detail-city-expected")), &answers.places)
            }
            Step::About => text(t!("profile-about")).choice(t!("button-no-about"), NONE),
            Step::Publish => publish(&profile.details, answers.shows),
        }
    }

    fn answer(step: Step, answers: Answers, given: Given<'_>, user: &UserContext, env: &Env) -> Next<Self> {
        // Erased, or an older version's: there is nothing to change.
        let Some(profile) = user.profile() else { return Next::Done(t!("profile-none"), Changes::default()) };
        let old = profile.details.clone();
        let changed = match (step, given) {
            (Step::Show, Given::Choice(id)) => return chosen(id, profile),
            (Step::Publish, Given::Choice(id)) => return published(id, answers.shows, &old),
            (Step::Show | Step::Publish, _) => Err(t!("flow-choose")),
            (Step::Name, given) => details::name(given).map(|name| Details { name, ..old }),
            (Step::Phone, given) => details::phone(given, env).map(|phone| Details { phone, ..old }),
            (Step::Email, Given::Choice(NONE)) => Ok(Details { email: None, ..old }),
            (Step::Email, given) => details::email(given).map(|email| Details { email: Some(email), ..old }),
            (Step::About, Given::Choice(NONE)) => Ok(Details { about: None, ..old }),
            // Whatever is typed here could be meant, so what stands on the button cannot be typed instead.
            (Step::About, Given::Text(text)) if is_nothing(text) => Ok(Details { about: None, ..old }),
            (Step::About, given) => details::about(given).map(|about| Details { about: Some(about), ..old }),
            (Step::City, given) => match details::city(given, &answers.places) {
                Located::There((_, zone)) => Ok(Details { zone: zone_named(&zone), ..old }),
                Located::Which(places) => return Next::Go(Step::City, Answers { places, ..answers }),
                Located::Nowhere(problem) => Err(problem),
            },
        };
        match changed {
            Ok(changed) => Next::Go(Step::Show, Answers { changed: Some(changed), ..Answers::default() }),
            Err(problem) => Next::Again(problem),
        }
    }

    fn left() -> Phrase {
        t!("profile-done")
    }

    fn reached(step: Step, answers: &Answers) -> Changes {
        match &answers.changed {
            // Whenever it is shown again the same is written again, which changes nothing.
            Some(changed) if step == Step::Show => Changes::default().effect(Effect::SaveProfile(changed.clone())),
            _ => Changes::default(),
        }
    }
}

/// Whether nothing is to be said.
fn is_nothing(text: &str) -> bool {
    ["-", "–", "—"].contains(&text.trim())
}

/// The profile with what was just changed, which the vault has once this step is committed.
fn now(answers: &Answers, user: &UserContext) -> Option<Profile> {
    let profile = user.profile()?.clone();
    Some(Profile { details: answers.changed.clone().unwrap_or(profile.details), ..profile })
}

fn show(profile: &Profile) -> Question {
    let text = |text: Option<&str>| text.map_or_else(|| t!("registration-none"), Phrase::verbatim);
    let card = profile.published.as_ref().map(details::card);
    let outdated = profile.is_outdated();
    let published = match card {
        None => t!("profile-private"),
        Some(card) if outdated => t!("profile-outdated", card = card),
        Some(card) => t!("profile-public", card = card),
    };
    let is_public = profile.published.is_some();
    let told = &profile.details;
    let all = t!(
        "profile-show",
        name = told.name.as_str(),
        phone = told.phone.to_string(),
        email = text(told.email.as_ref().map(Email::as_str)),
        zone = told.zone.name(),
        about = text(told.about.as_ref().map(About::as_str)),
        published = published,
    );
    let mut question = Question::new(all, t!("flow-choose"))
        .choice(t!("button-change-name"), 1)
        .beside(t!("button-change-phone"), 2)
        .choice(t!("button-change-email"), 3)
        .beside(t!("button-change-city"), 4)
        .choice(t!("button-change-about"), 5);
    question = match is_public {
        false => question.choice(t!("button-publish"), PUBLISH),
        true => question
            .choice(if outdated { t!("button-publish-anew") } else { t!("button-publish-other") }, PUBLISH)
            .beside(t!("button-unpublish"), UNPUBLISH),
    };
    question.choice(t!("button-done"), DONE)
}

/// What a button under the profile leads to.
fn chosen(id: i64, profile: &Profile) -> Next<Profiling> {
    match id {
        DONE => Next::Done(t!("profile-done"), Changes::default()),
        PUBLISH => {
            let shows = profile.published.as_ref().map(|card| card.shows()).unwrap_or_default();
            Next::Go(Step::Publish, Answers { shows, ..Answers::default() })
        }
        UNPUBLISH if profile.published.is_some() => {
            Next::Done(t!("profile-unpublished"), Changes::default().effect(Effect::Unpublish))
        }
        id => match CHANGES.iter().find(|(change, _)| *change == id) {
            Some((_, step)) => Next::Go(*step, Answers::default()),
            None => Next::Again(t!("flow-choose")),
        },
    }
}

/// Just what others will see, and what can stand on it besides.
fn publish(told: &Details, shows: Shows) -> Question {
    let toggle = |on: bool| Choice(if on { "on" } else { "off" });
    let question = Question::new(t!("profile-publish", card = details::card(&told.card(shows))), t!("flow-choose"))
        .choice(t!("button-show-phone", shown = toggle(shows.phone)), SHOW_PHONE);
    let question = match told.email {
        Some(_) => question.beside(t!("button-show-email", shown = toggle(shows.email)), SHOW_EMAIL),
        None => question,
    };
    question.choice(t!("button-publish-yes"), PUBLISH_YES)
}

fn published(id: i64, shows: Shows, told: &Details) -> Next<Profiling> {
    let again = |shows| Next::Go(Step::Publish, Answers { shows, ..Answers::default() });
    match id {
        PUBLISH_YES => {
            let card = details::card(&told.card(shows));
            Next::Done(t!("profile-published", card = card), Changes::default().effect(Effect::Publish(shows)))
        }
        SHOW_PHONE => again(Shows { phone: !shows.phone, ..shows }),
        SHOW_EMAIL if told.email.is_some() => again(Shows { email: !shows.email, ..shows }),
        _ => Next::Again(t!("flow-choose")),
    }
}
