//! What effects about a profile leave in the vault.
use super::*;
use crate::domain::profile::{Details, Shows};
use crate::domain::{PersonName, PhoneNumber, TelegramId, Timestamp};
use crate::store::keys::MasterKey;
use crate::store::{DbThreads, Vaults};
use crate::t;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn details() -> Details {
    Details {
        phone: PhoneNumber::parse("+6281234567890").unwrap(),
        name: PersonName::parse("Ana").unwrap(),
        email: None,
        zone: chrono_tz::Asia::Jakarta,
        about: None,
    }
}

#[tokio::test]
async fn registering_publishing_and_withdrawing_are_in_the_commit_of_their_step() {
    let folder = tempfile::tempdir().unwrap();
    let vaults = Vaults::new(DbThreads::start(1), MasterKey::generate().unwrap(), folder.path());
    let vault = vaults.open(TelegramId(1)).await.unwrap();
    vault
        .step(NOW, |tx, person| {
            let apply = |source: &str, changes: Changes| Applier::new(tx, person, source.into())?.apply(changes);
            let phone = details().phone;
            let keep = |step: &str| {
                let session_data = serde_json::json!({"a": 1});
                Effect::KeepRegistration { phone: phone.clone(), step: step.into(), session_data }
            };
            assert!(apply("1", Changes::default().effect(keep("name")))?.share);
            assert_eq!(person.unasked()?.registration().map(|kept| kept.step.clone()), Some("name".into()));
            assert!(
                !apply("2", Changes::default().effect(Effect::Publish(Shows::default())))?.share,
                "nothing to publish"
            );
            // What is said after the zone was told is said in it.
            let registered = Changes::default()
                .effect(Effect::SaveProfile(details()))
                .effect(Effect::EndRegistration)
                .effect(Effect::Publish(Shows { phone: true, email: true }))
                .say(t!("ago", span = NOW));
            assert!(apply("3", registered)?.share);
            let said: String = tx.query_row("SELECT payload FROM says", [], |r| r.get(0))?;
            assert!(said.contains("21:13 WIB"), "{said}");
            let user = person.unasked()?;
            let card = user.profile().and_then(|profile| profile.published.clone()).unwrap();
            assert_eq!((card.phone, card.email), (Some(phone.clone()), None));
            assert!(user.registration().is_none() && user.locale().zone == chrono_tz::Asia::Jakarta);
            assert!(apply("4", Changes::default().effect(Effect::Unpublish))?.share);
            assert!(!apply("5", Changes::default().effect(Effect::Unpublish))?.share);
            assert!(person.unasked()?.profile().is_some_and(|profile| profile.published.is_none()));
            Ok(())
        })
        .await
        .unwrap();
}
