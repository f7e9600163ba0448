//! The daemon is killed again and again while people and contacts write.
#![cfg(feature = "demo")]
use sekat::sim::kill::{Plan, play};
use std::path::Path;

/// Another seed, to play a failed run again.
const SEED: &str = "KILL_SEED";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_unmarked_doubled_however_often_it_is_killed() -> anyhow::Result<()> {
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse()?,
        Err(_) => rand::random(),
    };
    println!("{SEED}={seed}");
    let plan = Plan { updates: 1000, inbound: 1000, replies: 1000, life_ms: 20..=900, ..Plan::new(30, seed) };
    let report = play(Path::new(env!("CARGO_BIN_EXE_sekat-demo")), &plan).await?;
    println!("{report:#?}");
    assert!(report.is_clean(), "{report:#?}");
    Ok(())
}
