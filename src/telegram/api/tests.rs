//! What answers mean, and what no error may say.

use super::*;

const TOKEN: &str = "123456:A-secret_token";

fn api(url: &str, loopback_only: bool) -> Result<Api, SetupError> {
    let deadline = Duration::from_secs(2);
    Api::new(ApiConfig { token: TOKEN.into(), api_url: url.parse().unwrap(), deadline, loopback_only })
}

#[test]
fn only_this_machine_where_asked() {
    assert!(api("http://127.0.0.1:1", true).is_ok());
    assert!(api("http://[::1]:1", true).is_ok());
    assert!(api("http://localhost:1", true).is_ok());
    assert!(matches!(api("http://192.0.2.1:1", true), Err(SetupError::NotLoopback)));
    assert!(api("https://192.0.2.1", false).is_ok());
    assert!(matches!(api("ftp://127.0.0.1", false), Err(SetupError::Address)));
}

#[test]
fn a_token_cannot_change_the_address() {
    for token in ["", "123", "1:a/../../x", "1:a?b", "1:a b", "1:a#"] {
        let config = ApiConfig {
            token: token.into(),
            api_url: "http://127.0.0.1:1".parse().unwrap(),
            deadline: Duration::from_secs(1),
            loopback_only: true,
        };
        assert!(matches!(Api::new(config), Err(SetupError::Token)), "{token}");
    }
}

#[test]
fn answers_are_told_apart() {
    let api = api("http://127.0.0.1:1", true).unwrap();
    let judge = |status, body: &str| api.judge::<bool>(status, body.as_bytes());
    for unread in [(404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#), (404, "not here")] {
        assert!(matches!(judge(unread.0, unread.1), Err(ApiError::Token)), "nothing is known of the token yet");
    }
    assert!(judge(200, r#"{"ok":true,"result":true,"new":1}"#).unwrap());
    assert!(matches!(judge(200, r#"{"ok":true}"#), Err(ApiError::Unreachable(_))));
    assert!(api.judge::<Value>(200, br#"{"ok":true,"result":null}"#).unwrap().is_null());
    for missing in [
        (404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#),
        (404, "<html>"),
        (405, ""),
        (501, r#"{"ok":false,"error_code":501,"description":"Not Implemented"}"#),
    ] {
        assert!(matches!(judge(missing.0, missing.1), Err(ApiError::NoMethod(s)) if s == missing.0));
    }
    let refused = format!(r#"{{"ok":false,"error_code":400,"description":"Bad Request: {TOKEN}"}}"#);
    let error = judge(400, &refused).unwrap_err();
    assert!(matches!(&error, ApiError::Refused { code: 400, .. }));
    assert!(!format!("{error} {error:?}").contains(TOKEN));
    let wait = r#"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":7}}"#;
    assert!(matches!(judge(429, wait), Err(ApiError::RetryAfter(d)) if d.as_secs() == 7));
    assert!(matches!(judge(429, "slow down"), Err(ApiError::RetryAfter(_))));
    assert!(matches!(judge(401, r#"{"ok":false,"error_code":401}"#), Err(ApiError::Token)));
    assert!(matches!(judge(409, r#"{"ok":false,"error_code":409}"#), Err(ApiError::Conflict)));
    assert!(matches!(judge(502, "<html>"), Err(ApiError::Unreachable(_))));
    assert!(matches!(judge(200, r#"{"ok":true,"result":"text"}"#), Err(ApiError::Unreachable(_))));
    assert!(matches!(judge(302, ""), Err(ApiError::Unreachable(_))));
}

#[tokio::test]
async fn no_error_carries_the_token() {
    let closed = api("http://127.0.0.1:1", true).unwrap();
    let error = closed.get_me().await.unwrap_err();
    assert!(matches!(error, ApiError::Unreachable(_)));
    assert!(!format!("{error} {error:?} {closed:?}").contains("secret_token"));
}
