//! `sekat plan`: how many numbers may each person link?
//!
//! Owns the words. The same whether a daemon carries it out or nobody runs.

use anyhow::bail;
use serde_json::{Value, json};

use super::PlanCommand;
use super::desk::Said;
use super::members::moment;
use crate::config::Config;
use crate::domain::{Plan, TelegramId, Timestamp};
use crate::store::Members;

pub(super) const ABOUT: &str = "\
Say how many numbers each person may link

A plan allows: free 1, basic 3, pro 10, enterprise 50. Whoever has none may link whatsapp.max_numbers. What counts is numbers that \
are linked or being linked. A smaller plan logs nothing out: whoever has more than it allows keeps them, and links nothing new until \
there is room.

Plans lie in members.db in the data folder. While a daemon runs these commands ask it, and count at once; without one they work on that \
file. The daemon must have run once, because it makes the keys. In the chat, owner and admins do the same with /plan.";

pub(super) const EXAMPLES: &str = "\
Examples:
  sekat plan set 123456789 pro    a person by their Telegram id
  sekat plan show 123456789
  sekat plan list                 everybody who has a plan
  sekat plan clear 123456789      as many as the configuration says";

pub(super) fn user(text: &str) -> Result<TelegramId, String> {
    let user = text.parse().ok().map(TelegramId).filter(|user| user.is_person() && i64::try_from(user.0).is_ok());
    user.ok_or_else(|| "expected a person's Telegram id, such as 123456789".to_owned())
}

pub(super) fn plan(text: &str) -> Result<Plan, String> {
    Plan::named(text).ok_or_else(|| "expected free, basic, pro or enterprise".to_owned())
}

/// Does what was asked.
///
/// # Errors
/// What the store said, or that there is no plan to take away.
pub(super) async fn perform(config: &Config, members: &Members, command: PlanCommand) -> anyhow::Result<Said> {
    let now = Timestamp::now();
    let told = match command {
        PlanCommand::Set { id, plan } => {
            members.set_plan(id, Some(plan), now).await?;
            format!("{id} has the plan {}: {} from now on\n", plan.code(), numbers(plan.numbers()))
        }
        PlanCommand::Clear { id } => match members.set_plan(id, None, now).await? {
            Some(_) => format!("{id} has no plan: {} from now on\n", numbers(configured(config)?)),
            None => bail!("find a plan of {id}: sekat plan list shows all"),
        },
        PlanCommand::Show { id, json } => {
            let plan = members.plan(id);
            let allowed = plan.map_or(configured(config)?, Plan::numbers);
            if json {
                let shown = json!({ "telegram_id": id, "plan": plan.map(Plan::code), "numbers": allowed });
                format!("{shown}\n")
            } else {
                let named = plan.map_or("no plan", Plan::code);
                format!("{id}: {named}, {}\n", numbers(allowed))
            }
        }
        PlanCommand::List { json } => list(&members.plans().await?, json),
    };
    Ok(told.into())
}

/// How many numbers somebody without a plan may link.
pub(super) fn configured(config: &Config) -> anyhow::Result<usize> {
    Ok(usize::try_from(config.whatsapp.max_numbers)?)
}

pub(super) fn numbers(n: usize) -> String {
    if n == 1 { "1 number".to_owned() } else { format!("up to {n} numbers") }
}

fn list(plans: &[(TelegramId, Plan, Timestamp)], json: bool) -> String {
    if json {
        let plans = plans.iter().map(|(user, plan, at)| {
            json!({ "telegram_id": user, "plan": plan.code(), "numbers": plan.numbers(), "since": at.to_string() })
        });
        return format!("{}\n", json!({ "plans": plans.collect::<Vec<Value>>() }));
    }
    if plans.is_empty() {
        return "Nobody has a plan: whatsapp.max_numbers holds for everybody.\n".to_owned();
    }
    let lines = plans.iter().map(|(user, plan, at)| {
        format!("{:<12} {:<10} {:<16} since {}\n", user.to_string(), plan.code(), numbers(plan.numbers()), moment(*at))
    });
    lines.collect()
}
