//! The tour ends well, says so in both of its languages, and leaves nothing behind.
#![cfg(feature = "demo")]
use std::process::{Command, Stdio};

fn tour(temporary: &std::path::Path) -> Command {
    let mut tour = Command::new(env!("CARGO_BIN_EXE_sekat-demo"));
    tour.arg("tour").env("TMPDIR", temporary).env("TERM", "dumb").current_dir("/").stdin(Stdio::null());
    // What a caller's own daemon or proxy is told must not reach the one on the stage.
    tour.env("SEKAT_TELEGRAM__API_URL", "https://example.invalid").env("http_proxy", "http://127.0.0.1:1");
    tour
}

#[test]
fn the_tour_checks_every_outcome_and_leaves_nothing() -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let output = tour(temporary.path()).arg("--json").output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line)?;
        let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!((keys, line["ok"].as_bool()), (vec!["check", "ms", "ok"], Some(true)));
        assert!(line["check"].is_string() && line["ms"].is_u64());
    }
    assert!(text.lines().count() > 25, "{text}");
    assert_eq!(std::fs::read_dir(temporary.path())?.count(), 0);
    Ok(())
}

#[test]
fn a_reader_that_goes_away_does_not_disturb_the_tour() -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let mut child = tour(temporary.path()).stdout(Stdio::piped()).spawn()?;
    drop(child.stdout.take());
    assert!(child.wait()?.success());
    assert_eq!(std::fs::read_dir(temporary.path())?.count(), 0);
    Ok(())
}
