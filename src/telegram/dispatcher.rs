//! teloxide's dispatcher, with one handler: whose update this is gets woken.
//!
//! Owns nothing. The handler does not wait and does not panic, because either would take the dispatcher down with it:
//! a handler's panic ends its worker and then the process, and a full queue stalls everybody.
use super::api::Api;
use super::listener::{Committed, person, wake};
use crate::domain::TelegramId;
use crate::limits::backoff::Backoff;
use crate::users::port::Route;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use teloxide::dispatching::Dispatcher;
use teloxide::error_handlers::IgnoringErrorHandlerSafe;
use teloxide::prelude::{Requester, Update};
use teloxide::{RequestError, dptree};
use tokio_util::sync::CancellationToken;

/// How long the dispatcher may take to end. Told to while it begins, it may not hear it; nothing is lost by dropping it, for
/// what it was to wake people for lies in the spool.
const STOP: Duration = Duration::from_secs(1);
/// Between attempts to introduce teloxide to the bot.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), cap: Duration::from_secs(10) };
/// Attempts before it is left out.
const ATTEMPTS: u32 = 20;

/// Hands what the listener gives to the route until cancelled. When teloxide cannot start or dies, this returns, and
/// from then on the feed wakes users directly.
pub async fn run(api: Api, listener: Committed, route: Arc<dyn Route>, cancel: CancellationToken) {
    let bot = api.bot();
    if !introduced(&bot, &cancel).await {
        return;
    }
    let handler = dptree::endpoint(|update: Update, route: Arc<dyn Route>| async move {
        match person(&update) {
            Some(user) => wake(route.as_ref(), user),
            // The feed lets nothing through that has no person.
            None => tracing::warn!(update.id = update.id.0, "an update without a person reached the dispatcher"),
        }
        Ok::<(), Infallible>(())
    });
    let mut dispatcher = Dispatcher::builder(bot, handler)
        .dependencies(dptree::deps![route])
        .distribution_function(|_| None::<TelegramId>)
        .worker_queue_size(256)
        // teloxide's own would write the whole update into the log.
        .default_handler(|_| async {})
        .build();
    let shutdown = dispatcher.shutdown_token();
    let dispatching = dispatcher.try_dispatch_with_listener(listener, Arc::new(IgnoringErrorHandlerSafe));
    tokio::pin!(dispatching);
    tokio::select! {
        ended = &mut dispatching => {
            // Its error carries the address it asked, and in it the token.
            tracing::error!(failed = ended.is_err(), error.code = "tg-dispatcher", "teloxide's dispatcher ended");
            return;
        }
        () = cancel.cancelled() => {}
    }
    // An error only says that it has not begun to dispatch; dropping it is enough then.
    if let Ok(stopped) = shutdown.shutdown() {
        let both = async { tokio::join!(&mut dispatching, stopped) };
        if tokio::time::timeout(STOP, both).await.is_err() {
            tracing::debug!("teloxide's dispatcher did not end in time");
        }
    }
}

/// Whether teloxide understands who the bot is: it asks when it starts to dispatch, and takes a failure badly.
async fn introduced(bot: &teloxide::Bot, cancel: &CancellationToken) -> bool {
    for attempt in 0..ATTEMPTS {
        let asked = tokio::select! {
            asked = bot.get_me() => asked,
            () = cancel.cancelled() => return false,
        };
        match asked {
            Ok(_) => return true,
            Err(RequestError::InvalidJson { .. }) => {
                tracing::warn!("teloxide cannot read what this server says of the bot; users are woken without it");
                return false;
            }
            Err(_) => tracing::debug!(attempt, "teloxide could not ask who the bot is"),
        }
        tokio::select! {
            () = tokio::time::sleep(BACKOFF.delay(attempt, rand::random())) => {}
            () = cancel.cancelled() => return false,
        }
    }
    tracing::warn!(attempt = ATTEMPTS, "teloxide could not ask who the bot is; users are woken without it");
    false
}
