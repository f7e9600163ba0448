//! All figures on one page.
//!
//! Owns the names of those that are true only now; what is counted has its names where it is counted.
use super::site::Up;
use crate::limits::level::share;
use crate::metrics::{self, Kind, Page};
use crate::users::Vitals;
use std::collections::BTreeMap;
use std::fmt::Display;

/// The page. Before the daemon is up it has what is counted.
pub(super) fn page(version: &str, stopping: bool, up: Option<(&Up, &Vitals)>) -> String {
    let mut page = Page::default();
    page.head("sekat_build_info", "Which program this is; always 1.", Kind::Gauge);
    page.value("sekat_build_info", &[("version", version)], 1);
    page.gauge("sekat_ready", "Whether people are served.", u8::from(up.is_some() && !stopping));
    metrics::process::write(&mut page);
    if let Some((up, vitals)) = up {
        people(&mut page, vitals);
        resources(&mut page, vitals);
        queues(&mut page, vitals);
        outside(&mut page, up);
    }
    metrics::write_counted(&mut page);
    page.into_text()
}

fn people(page: &mut Page, vitals: &Vitals) {
    if let Some(known) = vitals.known {
        page.gauge("sekat_people_known", "People who are known.", known);
    }
    page.gauge("sekat_people_open", "People whose worlds are awake.", vitals.open);
    by(page, "sekat_numbers", "Numbers of people whose worlds are awake, by state.", "state", &vitals.states);
    let help = "Numbers of people whose worlds are awake that have a reason to be as they are, by reason.";
    by(page, "sekat_numbers_by_reason", help, "reason", &vitals.reasons);
    page.gauge("sekat_whatsapp_clients_running", "WhatsApp clients that run.", vitals.clients.0);
    page.gauge("sekat_whatsapp_clients_waiting", "Numbers that wait for a place.", vitals.room.waiting as u64);
    page.gauge("sekat_whatsapp_clients_most", "Numbers that may be connected at once.", vitals.room.most as u64);
    page.gauge("sekat_whatsapp_clients_online", "WhatsApp clients that are logged in.", vitals.clients.1);
}

fn resources(page: &mut Page, vitals: &Vitals) {
    let name = "sekat_resource_used_ratio";
    page.head(name, "Which share is used of what there is only so much of; at 1 nothing new is taken.", Kind::Gauge);
    for (resource, used, of) in &vitals.used {
        page.value(name, &[("resource", resource.code())], share(*used, *of));
    }
}

fn queues(page: &mut Page, vitals: &Vitals) {
    if let Ok(load) = vitals.spool {
        let help = "Updates in the spool, with those that a vault has taken and not flushed yet.";
        page.gauge("sekat_spool_updates", help, load.rows);
        let oldest = vitals.oldest.as_secs_f64();
        page.gauge("sekat_spool_oldest_age_seconds", "How long the oldest update in the spool has been there.", oldest);
    }
    let ok = u8::from(vitals.spool.is_ok());
    page.gauge("sekat_spool_ok", "Whether the spool answers.", ok);
    let ok = u8::from(vitals.folder.is_ok());
    page.gauge("sekat_data_folder_ok", "Whether the data folder takes what is written to it.", ok);
    page.gauge("sekat_whatsapp_news_waiting", "News of WhatsApp clients that wait to be taken.", vitals.news);
    let help = "Requests to Telegram that wait for their share of its limits.";
    page.gauge("sekat_telegram_budget_waiting", help, vitals.budget_waiting);
    page.gauge("sekat_database_threads", "Threads for database work.", vitals.queue.threads);
    page.gauge("sekat_database_jobs_waiting", "Database jobs that wait.", vitals.queue.queued);
    page.gauge("sekat_database_jobs_running", "Database jobs that run.", vitals.queue.running);
    page.counter("sekat_database_job_panics_total", "Database jobs that panicked.", vitals.queue.panicked);
    page.gauge("sekat_databases_open", "Databases of people that are open.", vitals.databases);
}

fn outside(page: &mut Page, up: &Up) {
    let name = "sekat_telegram_up";
    page.head(name, "Whether updates come in: the last request and the last commit went well.", Kind::Gauge);
    page.value(name, &[("mode", up.mode.as_str())], u8::from(up.intake.healthy()));
    let unchanged = up.intake.unchanged_for().as_secs_f64();
    page.gauge("sekat_telegram_up_unchanged_seconds", "For how long sekat_telegram_up has not changed.", unchanged);
    let help = "Updates that wait at Telegram for the webhook, when it was last asked.";
    page.gauge("sekat_telegram_webhook_pending_updates", help, up.intake.waiting());
    let (name, trouble) = ("sekat_session_engine_up", up.sessions.trouble());
    page.head(name, "Whether sessions are kept as they should be.", Kind::Gauge);
    page.value(name, &[("engine", up.sessions.name)], u8::from(trouble.is_none()));
    if let Some(code) = trouble {
        let name = "sekat_session_engine_trouble";
        page.head(name, "What is the matter with the keeping of sessions; 1 while it is.", Kind::Gauge);
        page.value(name, &[("code", code)], 1);
    }
}

fn by(page: &mut Page, name: &str, help: &str, label: &str, values: &BTreeMap<&'static str, impl Display>) {
    page.head(name, help, Kind::Gauge);
    for (value, count) in values {
        page.value(name, &[(label, value)], count);
    }
}
