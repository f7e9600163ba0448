//! Does Telegram answer, does it know this bot, and is the clock right?
//!
//! Owns nothing. The address that is asked holds the token, so no error shown here may hold the address.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Client, Response, StatusCode, redirect};

use super::Findings;
use crate::config::Config;

const DEADLINE: Duration = Duration::from_secs(10);
/// Beyond this, times told to people are wrong and certificates begin to be refused.
const CLOCK_TOLERANCE_SECS: u64 = 30;

pub(super) async fn examine(config: &Config, findings: &mut Findings) {
    let Ok(token) = config.token() else { return };
    let server = format!("{}/bot{}", config.telegram.api_url.trim_end_matches('/'), token.expose());
    match ask(&format!("{server}/getMe")).await {
        Ok(response) => {
            clock(&response, findings);
            if judge(response, findings).await {
                webhook(config, &server, findings).await;
            }
        }
        Err(e) => {
            let advice = "check network, name service and firewall, and telegram.api_url";
            findings.fail("telegram", format!("does not answer: {}", in_words(&e)), advice);
        }
    }
}

/// What Telegram says of a webhook. Not every server has one.
async fn webhook(config: &Config, server: &str, findings: &mut Findings) {
    let Ok(response) = ask(&format!("{server}/getWebhookInfo")).await else { return };
    let info: serde_json::Value = response.json().await.unwrap_or_default();
    if info["ok"] == true {
        super::http::webhook(config, &info["result"], findings);
    }
}

async fn ask(address: &str) -> Result<Response, reqwest::Error> {
    // A redirect would carry the token in the address to wherever it points.
    let mut client = Client::builder().timeout(DEADLINE).redirect(redirect::Policy::none());
    if cfg!(feature = "demo") {
        // A proxy would be a way off this machine.
        client = client.no_proxy();
    }
    let client = client.build().map_err(reqwest::Error::without_url)?;
    // In the very form in which the daemon asks: what works here works there.
    client.post(address).json(&serde_json::json!({})).send().await.map_err(reqwest::Error::without_url)
}

/// Only the kind: the causes below it may quote the address.
fn in_words(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "nothing came within 10 seconds"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the exchange was cut off"
    }
}

/// Whether it answers as it should.
async fn judge(response: Response, findings: &mut Findings) -> bool {
    let status = response.status();
    let body: serde_json::Value = response.json().await.unwrap_or_default();
    let bot = &body["result"];
    match status {
        StatusCode::OK if bot["id"].is_number() => {
            let name = bot["username"].as_str().map_or_else(|| format!("id {}", bot["id"]), |name| format!("@{name}"));
            findings.ok("telegram", format!("answers, and knows this bot as {name}"));
            return true;
        }
        StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND => {
            findings.fail("telegram", "answers, but refuses the token", "ask @BotFather for the bot's present token");
        }
        status if status.is_redirection() => {
            let advice = "set telegram.api_url to the address of the Bot API server itself";
            findings.fail("telegram", "answers by pointing elsewhere, where the token is not taken", advice);
        }
        status => {
            let advice = "is telegram.api_url a Bot API server? If it is, try again in a minute";
            findings.fail(
                "telegram",
                format!("answers in a way that cannot be used (HTTP {})", status.as_u16()),
                advice,
            );
        }
    }
    false
}

fn clock(response: &Response, findings: &mut Findings) {
    let there = response.headers().get("date").and_then(|date| date.to_str().ok()).and_then(http_date);
    let here = SystemTime::now().duration_since(UNIX_EPOCH).map(|now| now.as_secs());
    match (there, here) {
        (Some(there), Ok(here)) if there.abs_diff(here) > CLOCK_TOLERANCE_SECS => {
            let way = if here > there { "ahead" } else { "behind" };
            let advice = "turn time synchronisation on (timedatectl set-ntp true)";
            findings.warn("clock", format!("{} s {way} of Telegram's", there.abs_diff(here)), advice);
        }
        (Some(_), Ok(_)) => findings.ok("clock", "agrees with Telegram's"),
        (_, Err(_)) => findings.fail("clock", "is before 1970", "set it"),
        (None, Ok(_)) => findings.warn("clock", "the server did not tell the time", "compare the clock yourself"),
    }
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, the form that HTTP prescribes (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.strip_suffix(" GMT")?.split(' ');
    let day: u64 = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)?;
    let year: u64 = parts.next()?.parse().ok()?;
    let time: Vec<u64> = parts.next()?.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (1..=31, 1970..=9999, [hour, minute, second]) = (day, year, time.as_slice()) else { return None };
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months: u64 = lengths.iter().take(month).sum();
    Some((((years + months + day - 1) * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_a_response_is_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
        for wrong in
            ["", "now", "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT"]
        {
            assert_eq!(http_date(wrong), None, "{wrong}");
        }
    }
}
