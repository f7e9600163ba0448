//! What a person has told of themselves, what of it others may see, and where their registration stands.
use super::{About, Email, PersonName, PhoneNumber, Timestamp};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long an unfinished registration can be taken up again after its last step.
pub const REGISTRATION_LIFE: Duration = Duration::from_hours(24);

/// What a person has told of themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Their telephone number.
    pub phone: PhoneNumber,
    /// What they are called.
    pub name: PersonName,
    /// Their address for mail.
    pub email: Option<Email>,
    /// Where they are, as far as clocks go.
    #[serde(with = "zone_name")]
    pub zone: Tz,
    /// What they say of themselves.
    pub about: Option<About>,
}

/// A zone is written as its name.
mod zone_name {
    use chrono_tz::Tz;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(zone: &Tz, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(zone.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Tz, D::Error> {
        Ok(super::zone_named(&String::deserialize(from)?))
    }
}

/// A zone of this name. Names vanish from the table of zones only rarely; nobody's profile shall be lost by that.
pub fn zone_named(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

/// A registered person's profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What they have told.
    pub details: Details,
    /// Since when they are registered.
    pub registered_at: Timestamp,
    /// What they have published. It stays as it was published, whatever they change, until they publish anew.
    pub published: Option<Card>,
}

/// What a person shows beside their name and what they say of themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shows {
    /// Their telephone number.
    pub phone: bool,
    /// Their address for mail.
    pub email: bool,
}

/// What others see of a person who has published their profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// What they are called.
    pub name: PersonName,
    /// What they say of themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// Their telephone number, if they show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneNumber>,
    /// Their address for mail, if they show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
}

/// Which published profile. It tells nothing of whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CardId(pub i64);

/// A published profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub id: CardId,
    /// What stands on it.
    pub card: Card,
}

/// Where a page of published profiles begins: with this one, or, should it be gone, after so many others.
pub type Anchor = (CardId, u32);

/// Some of what a search has found, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Results {
    /// They.
    pub found: Vec<Found>,
    /// How many come before them.
    pub before: usize,
    /// How many were found in all.
    pub total: usize,
    /// Where the page before begins.
    pub previous: Option<Anchor>,
    /// Where the next page begins.
    pub next: Option<Anchor>,
}

impl Details {
    /// What others would see.
    pub fn card(&self, shows: Shows) -> Card {
        Card {
            name: self.name.clone(),
            about: self.about.clone(),
            phone: shows.phone.then(|| self.phone.clone()),
            email: self.email.clone().filter(|_| shows.email),
        }
    }
}

impl Card {
    /// What it shows beside name and text.
    pub fn shows(&self) -> Shows {
        Shows { phone: self.phone.is_some(), email: self.email.is_some() }
    }
}

impl Profile {
    /// Whether something has changed since that is published differently.
    pub fn is_outdated(&self) -> bool {
        self.published.as_ref().is_some_and(|card| *card != self.details.card(card.shows()))
    }
}

/// A registration that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The number that it is for.
    pub phone: PhoneNumber,
    /// The step that waits.
    pub step: String,
    /// The answers so far.
    pub session_data: serde_json::Value,
    /// When it began.
    pub created_at: Timestamp,
    /// From then on it begins anew.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details() -> Details {
        Details {
            phone: PhoneNumber::parse("+6281234567890").unwrap(),
            name: PersonName::parse("Ana").unwrap(),
            email: Some(Email::parse("ana@example.org").unwrap()),
            zone: Tz::Asia__Jakarta,
            about: None,
        }
    }

    #[test]
    fn a_card_has_what_was_chosen_and_stays_as_it_was() {
        let hidden = details().card(Shows::default());
        assert_eq!(serde_json::to_string(&hidden).unwrap(), r#"{"name":"Ana"}"#);
        let shown = details().card(Shows { phone: true, email: true });
        assert_eq!(shown.shows(), Shows { phone: true, email: true });
        let mut profile = Profile { details: details(), registered_at: Timestamp(0), published: Some(hidden) };
        profile.details.email = None;
        assert!(!profile.is_outdated(), "what is not shown may change");
        profile.details.name = PersonName::parse("Anna").unwrap();
        assert!(profile.is_outdated());
        assert!(!format!("{profile:?}").contains("Ana") && !format!("{profile:?}").contains("812"));
        let written = serde_json::to_string(&details()).unwrap();
        assert_eq!(serde_json::from_str::<Details>(&written).unwrap(), details());
    }
}
