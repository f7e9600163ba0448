//! Brings updates to the bot's webhook, as long as one is set.
//!
//! Owns the requests on their way. Only this machine is ever called: to any other address nothing is sent, and what was to
//! be brought waits. What counts as brought is Telegram's word: any status of 200 to 299.

use std::{error::Error as _, io, sync::Arc, time::Duration};

use reqwest::{Client, StatusCode, Url, header::CONTENT_TYPE, redirect::Policy};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    methods,
    updates::Delivery,
    world::{Shared, unix_now},
};

/// How long the bot may take to answer. Telegram waits a minute.
const DEADLINE: Duration = Duration::from_secs(60);
const SECRET: &str = "X-Telegram-Bot-Api-Secret-Token";
/// How long nothing happens where nothing says when to look again.
const LONG: Duration = Duration::from_secs(3600);

/// Brings updates until the server stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let Ok(client) = Client::builder().no_proxy().redirect(Policy::none()).timeout(DEADLINE).build() else {
        return tracing::error!("no webhook can be called: there is no HTTP client");
    };
    let mut flying = JoinSet::new();
    loop {
        let mut woken = std::pin::pin!(shared.signals.poll.notified());
        woken.as_mut().enable();
        let again = match due(&shared) {
            Ok(deliveries) => {
                for delivery in deliveries {
                    let (client, shared) = (client.clone(), Arc::clone(&shared));
                    flying.spawn(async move { bring(&client, &shared, delivery).await });
                }
                continue;
            }
            Err(again) => again,
        };
        tokio::select! {
            () = shared.cancel.cancelled() => return,
            () = woken => {}
            Some(_) = flying.join_next() => {}
            () = sleep_until(again.unwrap_or_else(|| Instant::now() + LONG)) => {}
        }
    }
}

fn due(shared: &Shared) -> Result<Vec<Delivery>, Option<Instant>> {
    let mut world = shared.world();
    if world.faults.outage {
        return Err(None);
    }
    let due = world.queue.deliveries(std::time::Instant::now()).map_err(|again| again.map(Instant::from_std))?;
    let tracks: Vec<usize> = due.iter().filter_map(|delivery| delivery.track).collect();
    if !tracks.is_empty() {
        let now_us = world.now_us();
        world.load.handed_over(&tracks, now_us);
        world.signals.load.notify_waiters();
    }
    Ok(due)
}

async fn bring(client: &Client, shared: &Shared, delivery: Delivery) {
    let Delivery { id, body, hook, .. } = delivery;
    let outcome = match Url::parse(&hook.url).ok().filter(methods::is_local) {
        Some(url) => {
            let mut request = client.post(url).header(CONTENT_TYPE, "application/json").body(body);
            if let Some(secret) = &hook.secret {
                request = request.header(SECRET, secret);
            }
            match request.send().await {
                Ok(answer) => judge(answer.status()),
                Err(error) => Err(in_words(&error)),
            }
        }
        None => Err("Only this machine is called".to_owned()),
    };
    let now = std::time::Instant::now();
    shared.world().queue.delivered(id, hook.setting, outcome, unix_now(), now);
}

fn judge(status: StatusCode) -> Result<(), String> {
    if status.is_success() {
        return Ok(());
    }
    Err(format!(
        "Wrong response from the webhook: {} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    ))
}

/// As Telegram words it.
fn in_words(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::ConnectionRefused) {
            return "Connection refused".to_owned();
        }
        cause = error.source();
    }
    if error.is_timeout() { "Read timeout expired".to_owned() } else { "Connection reset by peer".to_owned() }
}
