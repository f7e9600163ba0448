//! How long does a person wait for the QR picture?
use super::bed::{Bed, FIRST_NUMBER};
use super::report::{Better, Figure, percentile};
use super::{Options, progress};
use std::path::Path;

/// How many people link, one after the other.
const PEOPLE: u64 = 60;

/// From `/link` to the picture: the question how to link, its answer by a button, and the picture.
pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let people = options.n.unwrap_or(PEOPLE);
    let mut bed = Bed::open(binary, "", "").await?;
    bed.phones(FIRST_NUMBER, people).await?;
    bed.start().await?;
    progress(&format!("{people} people link, one after the other"));
    let mut waits = Vec::new();
    for n in 0..people {
        waits.push(bed.link(n).await?.as_secs_f64() * 1_000.0);
    }
    bed.stop().await?;
    waits.sort_by(f64::total_cmp);
    Ok(vec![
        Figure::new("/link until the picture is there: p50", percentile(&waits, 0.5), "ms", Better::Lower).hold(150.0),
        Figure::new("/link until the picture is there: p99", percentile(&waits, 0.99), "ms", Better::Lower),
    ])
}
