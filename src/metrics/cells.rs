//! What a figure is made of: counters and histograms, alone or one for each value of a label.
//!
//! Each is a fixed set of atomics that exists from the start of the process: counting allocates nothing, locks nothing and
//! cannot fail. Must not know what is counted.
use super::text::{Kind, Page};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a label can say. Few values, all known in advance: no label ever holds what comes from outside.
pub trait Label: Copy + PartialEq + 'static {
    /// The label's name.
    const NAME: &'static str;
    /// All that it can say.
    const ALL: &'static [Self];
    /// The stable word for one of them.
    fn code(self) -> &'static str;
}

fn index<L: Label>(label: L) -> usize {
    // There are a handful of them; each is in the list, for the list is made of the type's own values.
    L::ALL.iter().position(|one| *one == label).unwrap_or(0)
}

/// One that starts at nothing and can be written down.
pub trait Cell: 'static {
    /// Of which kind it is.
    const KIND: Kind;
    /// At nothing.
    const NEW: Self;
    /// Writes it down, with these labels.
    fn write(&self, name: &str, labels: &[(&str, &str)], page: &mut Page);
}

/// What has its own place on the page.
pub trait Figure {
    /// Of which kind it is.
    fn kind(&self) -> Kind;
    /// Writes every value of it.
    fn write_all(&self, name: &str, page: &mut Page);
}

/// Only ever rises.
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// How many.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Cell for Counter {
    const KIND: Kind = Kind::Counter;
    const NEW: Self = Counter(AtomicU64::new(0));

    fn write(&self, name: &str, labels: &[(&str, &str)], page: &mut Page) {
        page.value(name, labels, self.get());
    }
}

/// The upper bounds of a histogram's buckets, in microseconds: from what a commit takes to what a person waits for.
const BOUNDS_US: [u64; 15] = [
    50,
    200,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    100_000,
    250_000,
    1_000_000,
    2_500_000,
    10_000_000,
    30_000_000,
    120_000_000,
];

/// How long things took.
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    /// One more, which took this long.
    pub fn observe(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BOUNDS_US.iter().position(|bound| took <= *bound) {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(took, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Cell for Histogram {
    const KIND: Kind = Kind::Histogram;
    const NEW: Self = Histogram {
        buckets: [const { AtomicU64::new(0) }; BOUNDS_US.len()],
        count: AtomicU64::new(0),
        sum_us: AtomicU64::new(0),
    };

    fn write(&self, name: &str, labels: &[(&str, &str)], page: &mut Page) {
        // Read first: what is observed meanwhile must not make a bucket larger than the whole.
        let all = self.count();
        let mut within = 0;
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS_US) {
            within = (within + bucket.load(Ordering::Relaxed)).min(all);
            let bound = seconds(bound).to_string();
            page.value(&format!("{name}_bucket"), &[labels, &[("le", &bound)]].concat(), within);
        }
        page.value(&format!("{name}_bucket"), &[labels, &[("le", "+Inf")]].concat(), all);
        page.value(&format!("{name}_sum"), labels, seconds(self.sum_us.load(Ordering::Relaxed)));
        page.value(&format!("{name}_count"), labels, all);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a sum of microseconds loses its last digits after 285 years")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

impl<T: Cell> Figure for T {
    fn kind(&self) -> Kind {
        T::KIND
    }
    fn write_all(&self, name: &str, page: &mut Page) {
        self.write(name, &[], page);
    }
}

/// One for each value of a label; `N` values.
pub struct Family<L, T, const N: usize> {
    cells: [T; N],
    label: PhantomData<fn() -> L>,
}

impl<L: Label, T: Cell, const N: usize> Family<L, T, N> {
    /// All at nothing.
    pub const NEW: Self = {
        assert!(L::ALL.len() == N, "one cell for each value of the label");
        Family { cells: [const { T::NEW }; N], label: PhantomData }
    };

    /// The one of this value.
    pub fn of(&self, label: L) -> &T {
        &self.cells[index(label)]
    }
}

/// A [`Family`], or a [`Table`]: what is written down with labels. Apart from [`Figure`], which every cell is.
pub struct Labelled<'a, F>(pub &'a F);

impl<L: Label, T: Cell, const N: usize> Figure for Labelled<'_, Family<L, T, N>> {
    fn kind(&self) -> Kind {
        T::KIND
    }
    fn write_all(&self, name: &str, page: &mut Page) {
        for (cell, label) in self.0.cells.iter().zip(L::ALL) {
            cell.write(name, &[(L::NAME, label.code())], page);
        }
    }
}

/// One for each pair of values of two labels.
pub struct Table<A, B, T, const N: usize, const M: usize> {
    cells: [[T; M]; N],
    labels: PhantomData<fn() -> (A, B)>,
}

impl<A: Label, B: Label, T: Cell, const N: usize, const M: usize> Table<A, B, T, N, M> {
    /// All at nothing.
    pub const NEW: Self = {
        assert!(A::ALL.len() == N && B::ALL.len() == M, "one cell for each pair of values of the labels");
        Table { cells: [const { [const { T::NEW }; M] }; N], labels: PhantomData }
    };

    /// The one of these values.
    pub fn of(&self, first: A, second: B) -> &T {
        &self.cells[index(first)][index(second)]
    }
}

impl<A: Label, B: Label, T: Cell, const N: usize, const M: usize> Figure for Labelled<'_, Table<A, B, T, N, M>> {
    fn kind(&self) -> Kind {
        T::KIND
    }
    fn write_all(&self, name: &str, page: &mut Page) {
        for (row, first) in self.0.cells.iter().zip(A::ALL) {
            for (cell, second) in row.iter().zip(B::ALL) {
                cell.write(name, &[(A::NAME, first.code()), (B::NAME, second.code())], page);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(figure: &impl Figure) -> String {
        let mut page = Page::default();
        page.figure("sekat_x", "X.", figure);
        page.into_text()
    }

    #[test]
    fn a_histogram_counts_into_every_bucket_above() {
        let took = Histogram::NEW;
        took.observe(Duration::from_micros(50));
        took.observe(Duration::from_millis(3));
        took.observe(Duration::from_secs(600));
        let text = page_of(&took);
        assert!(text.starts_with("# HELP sekat_x X.\n# TYPE sekat_x histogram\n"), "{text}");
        for line in [
            "sekat_x_bucket{le=\"0.00005\"} 1",
            "sekat_x_bucket{le=\"0.0025\"} 1",
            "sekat_x_bucket{le=\"0.005\"} 2",
            "sekat_x_bucket{le=\"120\"} 2",
            "sekat_x_bucket{le=\"+Inf\"} 3",
            "sekat_x_sum 600.00305",
            "sekat_x_count 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
