//! What comes due when: an order by time, with which a look costs in proportion to what is due and not to what is there.
//!
//! Items are never moved when what they stand for is used again: their owner only notes the use, and files the item anew
//! when it comes due too early.
use std::cmp::Ordering;
use std::collections::BinaryHeap;

struct Item<T, V> {
    at: T,
    /// Tells items of the same moment apart.
    number: u64,
    value: V,
}

impl<T: Ord, V> Ord for Item<T, V> {
    /// The heap gives its greatest first; the earliest is wanted.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at).then(other.number.cmp(&self.number))
    }
}

impl<T: Ord, V> PartialOrd for Item<T, V> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord, V> PartialEq for Item<T, V> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Ord, V> Eq for Item<T, V> {}

/// Values in the order of the moments that they were filed under; of the same moment, the one filed first comes first.
pub struct Expiry<T, V> {
    heap: BinaryHeap<Item<T, V>>,
    filed: u64,
}

impl<T: Ord, V> Default for Expiry<T, V> {
    fn default() -> Self {
        Expiry { heap: BinaryHeap::new(), filed: 0 }
    }
}

impl<T: Ord, V> Expiry<T, V> {
    /// Files a value under a moment.
    pub fn file(&mut self, at: T, value: V) {
        self.filed += 1;
        self.heap.push(Item { at, number: self.filed, value });
    }

    /// Takes out the earliest value, if it was filed under `now` or earlier.
    pub fn due(&mut self, now: &T) -> Option<V> {
        if self.heap.peek()?.at > *now {
            return None;
        }
        self.heap.pop().map(|item| item.value)
    }

    /// How many values are filed.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is filed.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_due_comes_in_its_order_and_the_rest_stays(times in prop::collection::vec(0u8..20, 0..60), now in 0u8..20) {
            let mut expiry = Expiry::default();
            for (n, at) in times.iter().enumerate() {
                expiry.file(*at, n);
            }
            let mut wanted: Vec<(u8, usize)> = times.iter().copied().zip(0..).filter(|(at, _)| *at <= now).collect();
            wanted.sort_unstable();
            let got: Vec<usize> = std::iter::from_fn(|| expiry.due(&now)).collect();
            prop_assert_eq!(&got, &wanted.iter().map(|(_, n)| *n).collect::<Vec<_>>());
            prop_assert_eq!(expiry.len(), times.len() - got.len());
        }
    }
}
