//! Who uses the bot, for those who may know.
use super::{Members, plans};
use crate::domain::{Member, Plan, TelegramId, Timestamp};
use crate::store::error::Result;
use rusqlite::Connection;
use std::collections::BTreeMap;

/// What the file says of people: since when and by which code they are in, since when they are blocked, and their plan.
#[derive(Default)]
struct Said {
    joined: Option<(i64, Timestamp)>,
    blocked_at: Option<Timestamp>,
    plan: Option<Plan>,
}

fn said(db: &Connection) -> Result<BTreeMap<TelegramId, Said>> {
    let mut all: BTreeMap<TelegramId, Said> = BTreeMap::new();
    let mut query = db.prepare("SELECT user, invite, at FROM members")?;
    let rows = query.query_map([], |r| Ok((TelegramId(r.get(0)?), (r.get(1)?, Timestamp(r.get(2)?)))))?;
    for row in rows {
        let (user, joined) = row?;
        all.entry(user).or_default().joined = Some(joined);
    }
    let mut query = db.prepare("SELECT user, at FROM blocked")?;
    let rows = query.query_map([], |r| Ok((TelegramId(r.get(0)?), Timestamp(r.get(1)?))))?;
    for row in rows {
        let (user, at) = row?;
        all.entry(user).or_default().blocked_at = Some(at);
    }
    let mut query = db.prepare("SELECT user FROM admins")?;
    for user in query.query_map([], |r| r.get(0).map(TelegramId))? {
        all.entry(user?).or_default();
    }
    for (user, plan, _) in plans::rows(db)? {
        all.entry(user).or_default().plan = Some(plan);
    }
    Ok(all)
}

impl Members {
    /// Everybody whom the configuration or this file names, and those who are `known` to have used the bot: who came last
    /// first.
    ///
    /// # Errors
    /// [`StoreError`](crate::store::StoreError).
    pub async fn roster(&self, known: &[TelegramId]) -> Result<Vec<Member>> {
        let mut all = self.handle.read(said).await?;
        let named = self.rules.owner.iter().chain(&self.rules.admins).chain(&self.rules.allow);
        for user in named.chain(known) {
            all.entry(*user).or_default();
        }
        let mut members: Vec<Member> = all
            .into_iter()
            .map(|(user, said)| Member {
                user,
                standing: self.standing(user),
                joined: said.joined,
                blocked_at: said.blocked_at,
                plan: said.plan,
            })
            .collect();
        members.sort_by_key(|member| std::cmp::Reverse(member.joined.map(|(_, at)| at)));
        Ok(members)
    }
}
