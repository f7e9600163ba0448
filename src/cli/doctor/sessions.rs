//! What lies in the sessions folder that an operator should know of?
//!
//! Owns nothing. It only reads, and removes nothing.

use std::path::Path;

use super::Findings;
use crate::config::Config;
use crate::session::file::{self, Look};

/// How many names are told; the others are counted.
const NAMED: usize = 3;

pub(super) fn examine(config: &Config, findings: &mut Findings) {
    let dir = config.sessions.dir.as_path();
    let look = match file::look(dir) {
        Ok(look) => look,
        // What is wrong with the folder itself has been told already.
        Err(_) => return,
    };
    summary(config, &look, findings);
    let shown = dir.display();
    if !look.damaged.is_empty() {
        let names = named(look.damaged.iter().map(|(key, why)| format!("{} ({})", file::file_name(*key), why.code())));
        let advice = "the daemon's next start sets them aside and goes on; nothing is lost, the vaults hold the truth";
        findings.warn("session files", format!("{} damaged: {names}", look.damaged.len()), advice);
    }
    if !look.aside.is_empty() {
        let names = named(look.aside.iter().map(|(_, name)| name.clone()));
        let advice = format!("the name says why; look at them, then remove them: {shown}/*.damaged-*");
        findings.warn("session files", format!("{} set aside: {names}", look.aside.len()), advice);
    }
    orphans(&config.data.dir, &look, findings);
}

fn summary(config: &Config, look: &Look, findings: &mut Findings) {
    let mut what = format!("sessions: {}", look.sessions.len());
    if !look.registrations.is_empty() {
        what.push_str(&format!("; registrations: {}", look.registrations.len()));
    }
    if !look.leftovers.is_empty() {
        // Beside a running daemon they are being written; otherwise the next start removes them.
        what.push_str(&format!("; unfinished: {}", look.leftovers.len()));
    }
    if look.others > 0 {
        what.push_str(&format!("; not ours, left alone: {}", look.others));
    }
    if config.writes_session_files() {
        findings.ok("session files", what);
    } else if look.sessions.is_empty() && look.registrations.is_empty() {
        findings.ok("session files", "switched off (sessions.enabled)");
    } else {
        let advice = "they go out of date; remove them, or set sessions.enabled = true";
        findings.warn("session files", format!("switched off (sessions.enabled), but there are files: {what}"), advice);
    }
}

/// Sessions of people who have no vault: it was removed by hand, or restored without them.
fn orphans(data: &Path, look: &Look, findings: &mut Findings) {
    let users = data.join("users");
    let orphans: Vec<_> = look
        .sessions
        .iter()
        .map(|found| found.session.telegram_id)
        .filter(|user| !users.join(user.to_string()).exists())
        .collect();
    if !orphans.is_empty() {
        let names = named(orphans.iter().map(|user| format!("user_{user}.json")));
        let advice =
            "they have no vault in data.dir; is it the right folder? if so, remove the files, or let them expire";
        findings.warn("session files", format!("{} without a person: {names}", orphans.len()), advice);
    }
}

fn named(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut text = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
