//! What people tell of themselves: read and refused in the same way by every flow that asks for it, and shown to others.
use super::engine::{Given, Question};
use super::{Env, phrases};
use crate::domain::name::{ABOUT, NAME};
use crate::domain::{About, Card, Email, PersonName, PhoneNumber, Phrase, zones};
use crate::t;

/// A place and the name of its time zone, as answers keep them.
pub type City = (String, String);

/// What an answer to the question for a city comes to.
pub enum Located {
    /// This one.
    There(City),
    /// One of these.
    Which(Vec<City>),
    /// None.
    Nowhere(Phrase),
}

/// A telephone number, typed or on a card.
///
/// # Errors
/// What is wrong with it.
pub fn phone(given: Given<'_>, env: &Env) -> Result<PhoneNumber, Phrase> {
    match given {
        Given::Phone(phone) => Ok(phone.clone()),
        Given::Text(text) => PhoneNumber::parse_local(text, env.rules.country)
            .map_err(|problem| t!("detail-phone-bad", problem = phrases::phone_problem(problem))),
        Given::Choice(_) => Err(t!("detail-phone-expected")),
    }
}

/// What somebody is called.
///
/// # Errors
/// What is wrong with it.
pub fn name(given: Given<'_>) -> Result<PersonName, Phrase> {
    PersonName::parse(text(given)?)
        .map_err(|problem| t!("detail-name-bad", problem = phrases::text_problem(problem, NAME)))
}

/// An address for mail.
///
/// # Errors
/// What is wrong with it.
pub fn email(given: Given<'_>) -> Result<Email, Phrase> {
    Email::parse(text(given)?).map_err(|problem| t!("detail-email-bad", problem = phrases::email_problem(problem)))
}

/// What somebody says of themselves.
///
/// # Errors
/// What is wrong with it.
pub fn about(given: Given<'_>) -> Result<About, Phrase> {
    About::parse(text(given)?)
        .map_err(|problem| t!("detail-about-bad", problem = phrases::text_problem(problem, ABOUT)))
}

fn text(given: Given<'_>) -> Result<&str, Phrase> {
    match given {
        Given::Text(text) => Ok(text),
        Given::Choice(_) | Given::Phone(_) => Err(t!("detail-text-expected")),
    }
}

/// A city, typed, or chosen among the `offered` ones.
pub fn city(given: Given<'_>, offered: &[City]) -> Located {
    match given {
        Given::Text(text) => typed_city(text),
        Given::Choice(i) => match usize::try_from(i).ok().and_then(|i| offered.get(i)) {
            Some(city) => Located::There(city.clone()),
            None => Located::Nowhere(t!("detail-city-expected")),
        },
        Given::Phone(_) => Located::Nowhere(t!("detail-text-expected")),
    }
}

fn typed_city(text: &str) -> Located {
    let found = zones::find(text).into_iter().map(|place| (place.name, place.zone.name().to_owned()));
    let mut cities: Vec<City> = found.collect();
    // Whoever types a whole name means that place, and not those that are only like it.
    let is_meant = |name: &str| name.to_lowercase() == text.trim().to_lowercase();
    if cities.iter().filter(|(name, _)| is_meant(name)).count() == 1 {
        cities.retain(|(name, _)| is_meant(name));
    }
    match cities.pop() {
        None => Located::Nowhere(t!("detail-city-unknown")),
        Some(city) if cities.is_empty() => Located::There(city),
        Some(last) => {
            cities.push(last);
            Located::Which(cities)
        }
    }
}

/// The question with a button for each of these.
pub fn offering(question: Question, cities: &[City]) -> Question {
    let labels = cities.iter().map(|(name, zone)| Phrase::verbatim(format!("{name} ({zone})")));
    labels.zip(0..).fold(question, |question, (label, i)| question.choice(label, i))
}

/// A published profile, as others see it.
pub fn card(card: &Card) -> Phrase {
    let name = Some(t!("card-name", name = card.name.as_str()));
    let about = card.about.as_ref().map(|about| Phrase::verbatim(about.as_str()));
    let phone = card.phone.as_ref().map(|phone| t!("card-phone", phone = phone.to_string()));
    let email = card.email.as_ref().map(|email| t!("card-email", email = email.as_str()));
    Phrase::lines([name, about, phone, email].into_iter().flatten())
}
