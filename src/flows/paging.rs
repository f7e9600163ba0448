//! Pages of a list that may change between two presses.
//!
//! A page is known by the item that it begins with, and by how many came before it. As long as that item is there, nothing is
//! skipped or shown twice, whatever came or went before it; when it is gone, its old place is as near as one can come.
use super::button;
use crate::domain::{Action, Button};
use crate::t;

/// One page.
pub struct Pages<'a, T> {
    /// What stands on it.
    pub shown: &'a [T],
    start: usize,
    total: usize,
    size: usize,
    previous: Option<(i64, u32)>,
    next: Option<(i64, u32)>,
}

impl<'a, T> Pages<'a, T> {
    /// The page of `all` that begins with the item `from`, or where that was; without one, the first. `size`: items a page, at
    /// least 1. `id`: an item's number, which no other one has.
    pub fn of(all: &'a [T], size: usize, from: Option<(i64, u32)>, id: impl Fn(&T) -> i64) -> Self {
        let last = all.len().saturating_sub(1);
        let place = |(first, before): (i64, u32)| {
            let there = all.iter().position(|item| id(item) == first);
            there.unwrap_or_else(|| usize::try_from(before).unwrap_or(last).min(last))
        };
        let start = from.map_or(0, place);
        let end = (start + size).min(all.len());
        let anchor = |at: usize| all.get(at).map(|item| (id(item), u32::try_from(at).unwrap_or(u32::MAX)));
        let previous = if start > 0 { anchor(start.saturating_sub(size)) } else { None };
        Pages { shown: &all[start..end], start, total: all.len(), size, previous, next: anchor(end) }
    }

    /// Which page this is, from 1, and of how many; `None` when there is only one.
    pub fn place(&self) -> Option<(usize, usize)> {
        let before = self.start.div_ceil(self.size);
        let after = (self.total - self.start - self.shown.len()).div_ceil(self.size);
        (before + after > 0).then_some((before + 1, before + 1 + after))
    }

    /// How many items come before it.
    pub fn before(&self) -> usize {
        self.start
    }

    /// The row of buttons that turn the page, where there is another one.
    pub fn buttons(&self, turn: impl Fn((i64, u32)) -> Action) -> Option<Vec<Button>> {
        let previous = self.previous.map(|anchor| button(t!("button-previous"), turn(anchor)));
        let next = self.next.map(|anchor| button(t!("button-next"), turn(anchor)));
        let row: Vec<Button> = previous.into_iter().chain(next).collect();
        (!row.is_empty()).then_some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(items: &[i64]) -> Pages<'_, i64> {
        Pages::of(items, 3, None, |id| *id)
    }

    #[test]
    fn one_page_has_no_buttons() {
        let pages = ids(&[1, 2, 3]);
        assert_eq!((pages.shown, pages.place()), (&[1, 2, 3][..], None));
        assert!(pages.buttons(|_| Action::Link).is_none());
        assert!(ids(&[]).shown.is_empty());
    }

    #[test]
    fn the_item_that_begins_a_page_is_found_wherever_it_is() {
        let next = ids(&[1, 2, 3, 4, 5]).next;
        assert_eq!(next, Some((4, 3)));
        for (now, shown) in [
            (&[4, 5][..], &[4, 5][..]),
            (&[0, 1, 2, 3, 4, 5], &[4, 5]),
            (&[1, 2, 3, 5, 6], &[5, 6]),
            (&[1], &[1]),
            (&[], &[]),
        ] {
            assert_eq!(Pages::of(now, 3, next, |id| *id).shown, shown);
        }
    }

    proptest! {
        #[test]
        fn page_after_page_everything_comes_once(n in 0_i64..40, size in 1_usize..7) {
            let all: Vec<i64> = (0..n).collect();
            let (mut seen, mut from, mut count) = (Vec::new(), None, 0);
            loop {
                let page = Pages::of(&all, size, from, |id| *id);
                count += 1;
                prop_assert_eq!(page.place().map_or((1, 1), |place| place).0, count);
                prop_assert_eq!(page.previous.is_some(), count > 1);
                seen.extend_from_slice(page.shown);
                let Some(next) = page.next else { break };
                from = Some(next);
            }
            prop_assert_eq!(seen, all);
        }
    }
}
