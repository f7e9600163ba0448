//! Plans: how many numbers somebody may link.
//!
//! Who has which one is known by `store::Members`; without one the configuration says how many.
use serde::{Deserialize, Serialize};

/// A plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// One number.
    Free,
    /// Three.
    Basic,
    /// Ten.
    Pro,
    /// Fifty.
    Enterprise,
}

impl Plan {
    /// All of them, the smallest first.
    pub const ALL: [Plan; 4] = [Plan::Free, Plan::Basic, Plan::Pro, Plan::Enterprise];

    /// How many numbers whoever has it may link.
    pub fn numbers(self) -> usize {
        match self {
            Self::Free => 1,
            Self::Basic => 3,
            Self::Pro => 10,
            Self::Enterprise => 50,
        }
    }

    /// The stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Basic => "basic",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }

    /// The plan of this name, however it is capitalised.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plan| plan.code().eq_ignore_ascii_case(name.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_found_by_their_names_and_rise() {
        for plan in Plan::ALL {
            assert_eq!(Plan::named(plan.code()), Some(plan));
            assert_eq!(serde_json::to_value(plan).unwrap(), plan.code());
        }
        assert_eq!(Plan::named(" Pro "), Some(Plan::Pro));
        assert!(Plan::named("gold").is_none() && Plan::named("").is_none());
        assert_eq!(Plan::ALL.map(Plan::numbers), [1, 3, 10, 50]);
    }
}
