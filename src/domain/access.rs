//! Who may use the bot, and as what.
//!
//! Values and the rules of the configuration. Who was let in, made an admin or blocked since is known by `store::Members`,
//! which alone answers for everything together.
use super::TelegramId;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Who may use the bot without having been named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AccessMode {
    /// Nobody.
    #[default]
    AllowList,
    /// Whoever has a code.
    Invite,
    /// Everybody.
    Open,
}

/// As what somebody uses the bot. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// For themselves.
    #[default]
    Member,
    /// Lets others in, and blocks members.
    Admin,
    /// The operator: names admins too, and can be blocked by nobody.
    Owner,
}

/// How somebody stands at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// They may, as this.
    Admitted(Role),
    /// They may not, because somebody said so.
    Blocked,
    /// They may not, because nobody let them in.
    Stranger,
}

/// What the configuration says about people.
#[derive(Debug, Clone, Default)]
pub struct AccessRules {
    /// Who may besides those who are named.
    pub mode: AccessMode,
    /// The operator.
    pub owner: Option<TelegramId>,
    /// Admins whom only the configuration can dismiss.
    pub admins: HashSet<TelegramId>,
    /// People who may without a code.
    pub allow: HashSet<TelegramId>,
}

impl AccessRules {
    /// As what the configuration alone lets this person in.
    pub fn role(&self, user: TelegramId) -> Option<Role> {
        if !user.is_person() {
            None
        } else if self.owner == Some(user) {
            Some(Role::Owner)
        } else if self.admins.contains(&user) {
            Some(Role::Admin)
        } else {
            (self.mode == AccessMode::Open || self.allow.contains(&user)).then_some(Role::Member)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_owner_admins_and_members() {
        let [owner, admin, member, other] = [1, 2, 3, 4].map(TelegramId);
        let mut rules = AccessRules {
            mode: AccessMode::AllowList,
            owner: Some(owner),
            admins: HashSet::from([admin, owner]),
            allow: HashSet::from([member]),
        };
        let roles = |rules: &AccessRules| [owner, admin, member, other].map(|user| rules.role(user));
        let named = [Some(Role::Owner), Some(Role::Admin), Some(Role::Member), None];
        assert_eq!(roles(&rules), named);
        rules.mode = AccessMode::Invite;
        assert_eq!(roles(&rules), named, "in without a code");
        rules.mode = AccessMode::Open;
        assert_eq!(rules.role(other), Some(Role::Member));
        assert!(TelegramId::SHARED.iter().all(|&shared| rules.role(shared).is_none()), "many people are nobody");
        assert!(Role::Owner > Role::Admin && Role::Admin > Role::Member);
    }
}
