//! What an order comes to that lies beyond the vault of whoever gave it.
//!
//! `Members` says whether it may be carried out, each time. It must not touch anybody's vault or entry: whom it concerns
//! besides is part of the answer.
use crate::domain::{InviteCode, Order, Outcome, TelegramId, Timestamp, Wish};
use crate::store::{Directory, Members, Profiles, Result};
use tracing::error;

/// What orders are carried out on.
pub struct Stores<'a> {
    /// Who may.
    pub members: &'a Members,
    /// What people have published.
    pub profiles: &'a Profiles,
    /// Who has ever been here.
    pub directory: &'a Directory,
}

/// What came of it.
pub struct CarriedOut {
    /// For whoever ordered it.
    pub outcome: Outcome,
    /// Whose published profile was taken away.
    pub withdrawn: Option<TelegramId>,
}

impl Stores<'_> {
    /// Carries out what this person orders, if they may. `code`: what is made if a code is ordered. Carried out again after a
    /// kill it changes nothing more.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError) when it is not known whether they may: then nothing has happened.
    pub async fn carry_out(
        &self,
        by: TelegramId,
        order: &Order,
        code: InviteCode,
        now: Timestamp,
    ) -> Result<CarriedOut> {
        let decided = self.members.carry_out(by, order, code, now).await?;
        if !matches!(decided, Outcome::Done) {
            return Ok(CarriedOut { outcome: decided, withdrawn: None });
        }
        // What is wrong with what everybody shares must not hold up whatever else is this person's.
        Ok(self.beyond(order).await.unwrap_or_else(|e| {
            error!(user.id = by.0, error.code = e.code(), error = ?e, "what was ordered cannot be carried out");
            CarriedOut { outcome: Outcome::Failed(e.code()), withdrawn: None }
        }))
    }

    /// What is allowed, and lies in other files than the members'.
    async fn beyond(&self, order: &Order) -> Result<CarriedOut> {
        let outcome = match order {
            Order::People(Wish::List { text, from, .. }) => Outcome::Found(self.profiles.search(text, *from).await?),
            Order::People(Wish::Show { card, .. }) => Outcome::Card(self.profiles.get(*card).await?),
            Order::People(Wish::TakeDown { card, .. }) => {
                let withdrawn = self.profiles.withdraw(*card).await?;
                let outcome = if withdrawn.is_some() { Outcome::Done } else { Outcome::NoSuch };
                return Ok(CarriedOut { outcome, withdrawn });
            }
            Order::Members { .. } | Order::Member { .. } => {
                let known: Vec<TelegramId> = self.directory.users().await?.iter().map(|known| known.user).collect();
                Outcome::Members(self.members.roster(&known).await?)
            }
            _ => Outcome::Done,
        };
        Ok(CarriedOut { outcome, withdrawn: None })
    }
}
