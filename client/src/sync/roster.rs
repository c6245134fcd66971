//! The members of a conversation and how far each of them is.

use std::collections::BTreeMap;

use protocol::limits::SMALL_GROUP;
use protocol::{Role, UserId};
use serde::{Deserialize, Serialize};

/// More than the members of a group whose members are looked at one by one, and than come and go.
const MOST_MARKERS: usize = 3 * SMALL_GROUP;

/// How far somebody is: two marks that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The seq up to which one of the person's apps has it.
    pub delivered: u64,
    /// The seq up to which the person has seen it.
    pub read: u64,
}

impl Seen {
    /// Take other values in: the larger ones stay, and what was read was delivered.
    pub fn see(&mut self, delivered: u64, read: u64) {
        self.read = self.read.max(read);
        self.delivered = self.delivered.max(delivered).max(self.read);
    }
}

/// Members and markers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Members with their roles, as far as known.
    pub members: BTreeMap<UserId, Role>,
    /// Whether `members` are all there are.
    pub known: bool,
    /// Others' markers, in groups of up to 20.
    pub markers: BTreeMap<UserId, Seen>,
    /// The farthest that anybody else is: what counts in larger groups.
    pub anybody: Seen,
}

impl Roster {
    /// How many members are known.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.members.len() as u64
    }

    /// Whether no member is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// These are all members.
    pub fn replace(&mut self, members: impl IntoIterator<Item = (UserId, Role)>) {
        self.members = members.into_iter().collect();
        self.known = true;
        let members = &self.members;
        self.markers.retain(|user, _| members.contains_key(user));
    }

    /// Not all members are known any more; those that are stay for display.
    pub fn forget(&mut self) {
        self.known = false;
        self.markers.clear();
    }

    /// Somebody became a member.
    pub fn join(&mut self, user: UserId) {
        self.members.insert(user, Role::Member);
    }

    /// Who joined at `seq` counts as having what was before, but is nobody who saw it.
    pub fn joined(&mut self, user: UserId, seq: u64) {
        self.keep(user, seq, seq);
    }

    /// Somebody is not a member any more.
    pub fn leave(&mut self, user: UserId) {
        self.members.remove(&user);
    }

    /// Somebody has another role.
    pub fn give_role(&mut self, user: UserId, role: Role) {
        if let Some(has) = self.members.get_mut(&user) {
            *has = role;
        }
    }

    /// Somebody else's markers.
    pub fn see(&mut self, user: UserId, delivered: u64, read: u64) {
        self.anybody.see(delivered, read);
        self.keep(user, delivered, read);
    }

    /// A marker may come before the event that makes its owner a member, so everybody's is kept;
    /// but in a large group they are of no use and would pile up.
    fn keep(&mut self, user: UserId, delivered: u64, read: u64) {
        if self.markers.len() < MOST_MARKERS || self.markers.contains_key(&user) {
            self.markers.entry(user).or_default().see(delivered, read);
        }
    }

    /// How far the others are: every one of them in groups of up to 20, else whoever is farthest.
    #[must_use]
    pub fn everybody(&self, me: UserId, member_count: u64) -> Seen {
        if member_count > SMALL_GROUP as u64 || !self.known {
            return self.anybody;
        }
        let others = self.members.keys().filter(|&&user| user != me);
        let all = others.map(|user| self.markers.get(user).copied().unwrap_or_default());
        all.reduce(|a, b| Seen {
            delivered: a.delivered.min(b.delivered),
            read: a.read.min(b.read),
        })
        // Alone there is nobody who could have it.
        .unwrap_or_default()
    }
}
