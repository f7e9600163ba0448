//! The daemon is killed again and again while people and contacts write.
#![cfg(feature = "demo")]
#[macro_use]
mod modes;

use sekat::sim::kill::{Plan, play};
use sekat::sim::stage::Updates;
use std::path::Path;
use std::time::Duration;

/// Another seed, to play a failed run again.
const SEED: &str = "KILL_SEED";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_everything_is_accounted_for() -> anyhow::Result<()> {
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse()?,
        Err(_) => rand::random(),
    };
    println!("{SEED}={seed}");
    let plan = Plan::chaos(Duration::from_secs(20), seed);
    let report = play(Path::new(env!("CARGO_BIN_EXE_sekat-demo")), &plan).await?;
    println!("{report:#?}");
    assert!(report.is_clean(), "{report:#?}");
    assert!(report.faults > 5);
    Ok(())
}

in_both_modes! { nothing_is_lost_and_nothing_unmarked_doubled_however_often_it_is_killed }

async fn nothing_is_lost_and_nothing_unmarked_doubled_however_often_it_is_killed(way: Updates) -> anyhow::Result<()> {
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse()?,
        Err(_) => rand::random(),
    };
    println!("{SEED}={seed}");
    let plan = Plan { updates: 1000, inbound: 1000, replies: 1000, life_ms: 20..=900, way, ..Plan::new(30, seed) };
    let report = play(Path::new(env!("CARGO_BIN_EXE_sekat-demo")), &plan).await?;
    println!("{report:#?}");
    assert!(report.is_clean(), "{report:#?}");
    Ok(())
}
