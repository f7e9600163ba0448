//! What is shipped talks to WhatsApp's own server and to nobody who merely speaks its protocol.
//!
//! `./test production` builds the binary that this needs: the one without the feature `demo`.
#![cfg(feature = "demo")]
use sekat::sim::english;
use sekat::sim::stage::{PATIENCE, Stage, StageConfig};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const ANA: u64 = 1001;

fn production_binary() -> PathBuf {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_sekat")).with_file_name("sekat-production");
    assert!(built.exists(), "{} is missing: `./test production` makes it", built.display());
    built
}

#[test]
fn the_production_binary_says_nothing_of_a_demo() {
    let out = std::process::Command::new(production_binary()).arg("--version").output().unwrap();
    assert!(out.status.success());
    assert!(!String::from_utf8_lossy(&out.stdout).contains("demo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_production_client_refuses_the_simulators_certificate() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let stage = Stage::open(StageConfig::new(production_binary(), folder.path(), &[ANA])).await?;
    let mut ana = stage.person(ANA, "Ana");
    ana.send("/link").await?;
    ana.wait_button(english::QR_BUTTON, PATIENCE).await?;
    let pressed = Instant::now();
    ana.press_label(english::QR_BUTTON).await?;
    // It comes, refuses, and comes again: a client that took the certificate would have shown its picture by then.
    while stage.whatsapp.stats().accepted < 2 {
        assert!(pressed.elapsed() < PATIENCE, "the production client did not even try");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(ana.transcript().await?.iter().all(|m| m.photo.is_none()), "a QR picture was shown");
    stage.close().await
}
