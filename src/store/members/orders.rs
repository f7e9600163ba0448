//! What is ordered, carried out, or refused.
use super::{Members, invites, plans};
use crate::domain::{AccessMode, AccessRules, InviteCode, Order, Outcome, Refusal, Role, TelegramId, Timestamp};
use crate::store::error::Result;
use crate::store::handle::{Durability, Tx};
use rusqlite::{Params, params};

/// How many codes are shown in a chat.
const SHOWN: usize = 20;

/// The roles, as the file and the configuration have them at the time of an order.
struct Roles<'a> {
    tx: &'a Tx<'a>,
    rules: &'a AccessRules,
}

impl Roles<'_> {
    /// As what this person may order something.
    fn role(&self, user: TelegramId) -> Result<Role> {
        let by_rule = self.rules.role(user).unwrap_or_default();
        if by_rule != Role::Owner && self.has("SELECT 1 FROM blocked WHERE user = ?1", user)? {
            return Ok(Role::Member);
        }
        self.rank(user)
    }

    /// The same, whether they are blocked or not.
    fn rank(&self, user: TelegramId) -> Result<Role> {
        let made = self.has("SELECT 1 FROM admins WHERE user = ?1", user)?;
        let made = if made { Role::Admin } else { Role::Member };
        Ok(self.rules.role(user).unwrap_or_default().max(made))
    }

    fn has(&self, sql: &str, user: TelegramId) -> Result<bool> {
        Ok(self.tx.prepare_cached(sql)?.exists([user.0])?)
    }

    /// Why this person cannot have that done to that one; `None`: the operator, at the command line, who may what the owner may.
    fn refusal(&self, by: Option<TelegramId>, order: &Order) -> Result<Option<Refusal>> {
        let role = by.map_or(Ok(Role::Owner), |by| self.role(by))?;
        if role < order.needs() {
            return Ok(Some(Refusal::Role));
        }
        if matches!(order, Order::Invite(_)) && self.rules.mode != AccessMode::Invite {
            return Ok(Some(Refusal::Mode));
        }
        let Some(about) = order.about() else { return Ok(None) };
        if matches!(order, Order::Plan { .. }) && (by.is_none() || by == Some(about)) && role == Role::Owner {
            return Ok(None);
        }
        if by == Some(about) {
            return Ok(Some(Refusal::Yourself));
        }
        Ok(match (order, self.rank(about)?) {
            (_, Role::Owner) => Some(Refusal::Owner),
            (_, Role::Admin) if role < Role::Owner => Some(Refusal::Admin),
            (Order::RemoveAdmin(_), _) if self.rules.admins.contains(&about) => Some(Refusal::Configured),
            (Order::AddAdmin(_), _) if self.has("SELECT 1 FROM blocked WHERE user = ?1", about)? => {
                Some(Refusal::Blocked)
            }
            _ => None,
        })
    }

    /// Makes it so; told in the same words when it was so already, so that carrying it out twice tells nothing else.
    fn done(&self, sql: &str, params: impl Params) -> Result<Outcome> {
        self.tx.execute(sql, params)?;
        Ok(Outcome::Done)
    }

    fn carry_out(&self, by: Option<TelegramId>, order: &Order, made: &Made, now: Timestamp) -> Result<Outcome> {
        if let Some(refusal) = self.refusal(by, order)? {
            return Ok(Outcome::Refused(refusal));
        }
        match order {
            Order::Invite(terms) => {
                let expires_at = invites::create(self.tx, made.digest, terms, by, now)?;
                Ok(Outcome::Invited { code: made.code, bot: made.bot.clone(), uses: terms.uses, expires_at })
            }
            Order::Invites => Ok(Outcome::Invites(invites::list(self.tx, SHOWN)?)),
            Order::Revoke(id) => Ok(match invites::revoke(self.tx, *id, now)? {
                Some(_) => Outcome::Done,
                None => Outcome::NoSuch,
            }),
            Order::Block(user) => self
                .done("INSERT INTO blocked (user, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING", params![user.0, now.0]),
            Order::Unblock(user) => self.done("DELETE FROM blocked WHERE user = ?1", [user.0]),
            Order::AddAdmin(user) if self.rules.admins.contains(user) => Ok(Outcome::Done),
            Order::AddAdmin(user) => {
                self.done("INSERT INTO admins VALUES (?1, ?2) ON CONFLICT DO NOTHING", params![user.0, now.0])
            }
            Order::RemoveAdmin(user) => self.done("DELETE FROM admins WHERE user = ?1", [user.0]),
            Order::Plan { user, plan } => {
                plans::set(self.tx, *user, *plan, now)?;
                Ok(Outcome::Done)
            }
            Order::Admins => self.admins(),
            // They may. What it is about lies elsewhere, and whoever asked goes on.
            Order::Stats | Order::People(_) | Order::Members { .. } | Order::Member { .. } => Ok(Outcome::Done),
        }
    }

    fn admins(&self) -> Result<Outcome> {
        let mut query = self.tx.prepare("SELECT user FROM admins ORDER BY user")?;
        let made = query.query_map([], |r| r.get(0).map(TelegramId))?.collect::<rusqlite::Result<Vec<_>>>()?;
        let mut configured: Vec<TelegramId> =
            self.rules.admins.iter().copied().filter(|user| self.rules.owner != Some(*user)).collect();
        configured.sort_unstable();
        let made = made.into_iter().filter(|user| !configured.contains(user)).collect();
        Ok(Outcome::Admins { owner: self.rules.owner, configured, made })
    }
}

/// What an order to make a code needs.
struct Made {
    code: InviteCode,
    digest: [u8; 32],
    bot: Option<String>,
}

impl Members {
    /// Carries out what this person orders, if they may. What lies in other files is only allowed hereby: [`Outcome::Done`].
    /// `code`: what is made if a code is ordered. An order that is carried out again after a kill changes nothing more.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError); then nothing has happened.
    pub async fn carry_out(&self, by: TelegramId, order: &Order, code: InviteCode, now: Timestamp) -> Result<Outcome> {
        if !self.admits(by) {
            return Ok(Outcome::Refused(Refusal::Role));
        }
        self.carried_out(Some(by), order, code, now).await
    }

    /// Carries out what the operator orders at the command line, who may whatever the owner may.
    ///
    /// # Errors
    /// As above.
    pub async fn command(&self, order: &Order, now: Timestamp) -> Result<Outcome> {
        self.carried_out(None, order, InviteCode::from_random(rand::random()), now).await
    }

    async fn carried_out(
        &self,
        by: Option<TelegramId>,
        order: &Order,
        code: InviteCode,
        now: Timestamp,
    ) -> Result<Outcome> {
        let made = Made { code, digest: self.digest(&code), bot: self.bot() };
        let (rules, asked) = (self.rules.clone(), order.clone());
        let _writing = self.writing.lock().await;
        let outcome = self
            .handle
            .tx(Durability::Full, move |tx| Roles { tx, rules: &rules }.carry_out(by, &asked, &made, now))
            .await?;
        if matches!(outcome, Outcome::Done) {
            self.remember(order);
        }
        Ok(outcome)
    }

    fn remember(&self, order: &Order) {
        if let Order::Plan { user, plan } = order {
            return self.remember_plan(*user, *plan);
        }
        let mut people = self.write();
        match order {
            Order::Block(user) => {
                people.blocked.entry(*user).or_insert(false);
            }
            Order::Unblock(user) => {
                people.blocked.remove(user);
            }
            Order::AddAdmin(user) if !self.rules.admins.contains(user) => {
                people.admins.insert(*user);
            }
            Order::RemoveAdmin(user) => {
                people.admins.remove(user);
            }
            Order::AddAdmin(_) | Order::Invite(_) | Order::Invites | Order::Revoke(_) | Order::Admins => {}
            Order::Stats | Order::People(_) | Order::Members { .. } | Order::Member { .. } | Order::Plan { .. } => {}
        }
    }
}
