//! Is what callers were told consistent?
//!
//! Owns what was asked and answered, and when. Under each key it holds that
//! - whoever reads after somebody was answered, by a write or by a read, meets that version or a later one: so no acknowledged write
//!   is lost and no read goes backwards;
//! - nothing is read only where that version, or a later one, was being removed, and then what was removed is not read again;
//! - what is read was written under this key, by a write that had begun;
//! - a version stands for one value, and of those who expected the same version, to replace or to remove it, one at most was told
//!   that they met it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

/// What one call was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// A write of this value happened and got this version.
    Wrote { value: u64, version: u64, expected: Option<u64> },
    /// A write of this value may have happened.
    MayHaveWritten { value: u64 },
    /// This version was removed.
    Removed { version: u64 },
    /// It may have been.
    MayHaveRemoved { version: u64 },
    /// This was read: value and version.
    Read(Option<(u64, u64)>),
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub key: u64,
    pub begun: Instant,
    pub ended: Instant,
    pub told: Told,
}

/// Everything that is not consistent.
pub(super) fn check(calls: &[Call]) -> Vec<String> {
    let mut by_key: BTreeMap<u64, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        by_key.entry(call.key).or_default().push(call);
    }
    by_key.into_iter().flat_map(|(key, calls)| check_key(key, calls)).collect()
}

fn check_key(key: u64, mut calls: Vec<&Call>) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut written, mut values, mut met) = (HashMap::new(), HashMap::new(), HashSet::new());
    for call in &calls {
        match call.told {
            Told::Wrote { value, version, expected } => {
                written.insert(value, call.begun);
                if values.insert(version, value).is_some_and(|other| other != value) {
                    wrong.push(format!("key {key}: version {version} was given twice"));
                }
                if let Some(expected) = expected
                    && !met.insert(expected)
                {
                    wrong.push(format!("key {key}: two were told that they met version {expected}"));
                }
            }
            Told::Removed { version } if !met.insert(version) => {
                wrong.push(format!("key {key}: two were told that they met version {version}"));
            }
            Told::MayHaveWritten { value } => drop(written.insert(value, call.begun)),
            Told::Removed { .. } | Told::MayHaveRemoved { .. } | Told::Read(_) => {}
        }
    }
    // The latest version that anybody had been told of before a moment, and the latest that was known to be gone.
    let known = Known::new(calls.iter().filter_map(|call| Some((call.ended, version(call)?))));
    let gone = Known::new(calls.iter().filter_map(|call| match call.told {
        Told::Removed { version } => Some((call.ended, version)),
        Told::Read(None) => Some((call.ended, known.before(call.begun))),
        _ => None,
    }));
    calls.sort_by_key(|call| call.begun);
    for call in &calls {
        let Told::Read(found) = call.told else { continue };
        let Some((value, version)) = found else {
            let least = known.before(call.begun);
            let is_removed = |other: &&Call| match other.told {
                Told::Removed { version } | Told::MayHaveRemoved { version } => {
                    version >= least && other.begun <= call.ended
                }
                _ => false,
            };
            if least > 0 && !calls.iter().any(is_removed) {
                wrong.push(format!("key {key}: nothing was read after {least} was known"));
            }
            continue;
        };
        for (least, what) in [(known.before(call.begun), "known"), (gone.before(call.begun) + 1, "the least possible")]
        {
            if version < least {
                wrong.push(format!("key {key}: version {version} was read after {least} was {what}"));
            }
        }
        match written.get(&value) {
            None => wrong.push(format!("key {key}: {value} was read, which nobody wrote there")),
            Some(begun) if *begun > call.ended => {
                wrong.push(format!("key {key}: {value} was read before it was written"))
            }
            Some(_) => {}
        }
        if values.get(&version).is_some_and(|meant| *meant != value) {
            wrong.push(format!("key {key}: version {version} was read with another value"));
        }
    }
    wrong
}

fn version(call: &Call) -> Option<u64> {
    match call.told {
        Told::Wrote { version, .. } => Some(version),
        Told::Read(found) => found.map(|(_, version)| version),
        Told::Removed { version } | Told::MayHaveRemoved { version } => Some(version),
        Told::MayHaveWritten { .. } => None,
    }
}

/// The latest of some versions that had been told of before a moment.
struct Known(Vec<(Instant, u64)>);

impl Known {
    fn new(told: impl Iterator<Item = (Instant, u64)>) -> Self {
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        let mut latest = 0;
        for (_, version) in &mut told {
            latest = latest.max(*version);
            *version = latest;
        }
        Known(told)
    }

    fn before(&self, moment: Instant) -> u64 {
        let before = self.0.partition_point(|(told, _)| *told < moment);
        before.checked_sub(1).map_or(0, |at| self.0[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Calls one after the other, unless `begun` and `ended` say otherwise: key, begun, ended, told.
    fn told(calls: &[(u64, u64, u64, Told)]) -> Vec<String> {
        let zero = Instant::now();
        let at = |n: u64| zero + Duration::from_millis(n);
        let calls: Vec<_> = calls
            .iter()
            .map(|&(key, begun, ended, told)| Call { key, begun: at(begun), ended: at(ended), told })
            .collect();
        check(&calls)
    }

    fn wrote(value: u64, version: u64) -> Told {
        Told::Wrote { value, version, expected: None }
    }

    fn read(value: u64, version: u64) -> Told {
        Told::Read(Some((value, version)))
    }

    #[test]
    fn what_can_have_been_is_believed() {
        let fine = [
            (1, 0, 1, Told::Read(None)),
            (1, 2, 5, wrote(10, 1)),
            (1, 3, 4, read(10, 1)),
            (1, 6, 9, wrote(11, 2)),
            // Beside a write either is right, in either order of beginning.
            (1, 6, 8, read(11, 2)),
            (1, 6, 9, read(10, 1)),
            (1, 10, 11, Told::MayHaveWritten { value: 12 }),
            (1, 20, 21, read(12, 3)),
            (2, 30, 31, Told::Read(None)),
        ];
        assert_eq!(told(&fine), Vec::<String>::new());
    }

    #[test]
    fn what_is_removed_may_be_gone() {
        let fine = [
            (1, 0, 1, wrote(10, 1)),
            (1, 2, 5, Told::Removed { version: 1 }),
            // Beside it either is right.
            (1, 3, 6, Told::Read(None)),
            (1, 3, 7, read(10, 1)),
            (1, 8, 9, wrote(11, 2)),
            (1, 10, 11, Told::MayHaveRemoved { version: 2 }),
            (1, 12, 13, read(11, 2)),
            (1, 14, 15, Told::Read(None)),
        ];
        assert_eq!(told(&fine), Vec::<String>::new());
    }

    #[test]
    fn each_kind_of_inconsistency_is_caught() {
        type Calls<'a> = &'a [(u64, u64, u64, Told)];
        let cases: [(Calls<'_>, &str); 12] = [
            (&[(1, 0, 1, wrote(10, 1)), (1, 2, 3, Told::Read(None))], "nothing was read after 1 was known"),
            (
                &[(1, 0, 1, wrote(10, 1)), (1, 2, 3, Told::Removed { version: 1 }), (1, 4, 5, read(10, 1))],
                "version 1 was read after 2 was the least possible",
            ),
            (
                &[
                    (1, 0, 1, wrote(10, 1)),
                    (1, 2, 9, Told::Removed { version: 1 }),
                    (1, 3, 4, Told::Read(None)),
                    (1, 5, 6, read(10, 1)),
                ],
                "version 1 was read after 2 was the least possible",
            ),
            (
                &[
                    (1, 0, 1, wrote(10, 1)),
                    (1, 2, 3, Told::Removed { version: 1 }),
                    (1, 4, 5, wrote(11, 2)),
                    (1, 6, 7, Told::Read(None)),
                ],
                "nothing was read after 2 was known",
            ),
            (
                &[
                    (1, 0, 1, Told::Removed { version: 1 }),
                    (1, 0, 2, Told::Wrote { value: 11, version: 3, expected: Some(1) }),
                ],
                "two were told that they met version 1",
            ),
            (&[(1, 0, 1, wrote(10, 1)), (1, 2, 3, wrote(11, 2)), (1, 4, 5, read(10, 1))], "version 1 was read after 2"),
            (
                &[
                    (1, 0, 1, wrote(10, 1)),
                    (1, 2, 9, Told::MayHaveWritten { value: 11 }),
                    (1, 3, 4, read(11, 2)),
                    (1, 5, 6, read(10, 1)),
                ],
                "version 1 was read after 2",
            ),
            (&[(1, 0, 1, wrote(10, 1)), (2, 2, 3, read(10, 1))], "which nobody wrote there"),
            (&[(1, 0, 1, read(10, 1)), (1, 2, 3, wrote(10, 1))], "before it was written"),
            (&[(1, 0, 1, wrote(10, 1)), (1, 0, 1, wrote(11, 1))], "version 1 was given twice"),
            (&[(1, 0, 1, wrote(10, 1)), (1, 0, 2, wrote(11, 2)), (1, 3, 4, read(10, 2))], "with another value"),
            (
                &[
                    (1, 0, 1, Told::Wrote { value: 10, version: 2, expected: Some(1) }),
                    (1, 0, 1, Told::Wrote { value: 11, version: 3, expected: Some(1) }),
                ],
                "two were told that they met version 1",
            ),
        ];
        for (calls, what) in cases {
            let wrong = told(calls);
            assert!(wrong.iter().any(|wrong| wrong.contains(what)), "{what}: {wrong:?}");
        }
    }
}
