//! Who knows whom, and who wants to hear nothing from whom.

use async_trait::async_trait;
use protocol::request::Person;
use protocol::{Millis, UserId};

use crate::Result;

/// What one person made of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Asked to be friends. Two people who both asked are friends.
    Asked,
    /// Wants to hear nothing from them.
    Blocked,
}

/// A person's relations, each list by display name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations {
    /// Both asked.
    pub friends: Vec<Person>,
    /// They asked.
    pub incoming: Vec<Person>,
    /// One asked.
    pub outgoing: Vec<Person>,
    /// One has blocked them.
    pub blocked: Vec<Person>,
}

impl Relations {
    /// Add a person by what the two made of each other.
    pub(crate) fn add(&mut self, person: Person, mine: Option<Relation>, theirs: Option<Relation>) {
        let list = match (mine, theirs) {
            (Some(Relation::Blocked), _) => &mut self.blocked,
            (Some(Relation::Asked), Some(Relation::Asked)) => &mut self.friends,
            (Some(Relation::Asked), _) => &mut self.outgoing,
            (None, Some(Relation::Asked)) => &mut self.incoming,
            // Who blocked one is not to be known.
            (None, _) => return,
        };
        list.push(person);
    }

    /// Each list by display name, in any case.
    pub(crate) fn sorted(mut self) -> Self {
        for list in [&mut self.friends, &mut self.incoming, &mut self.outgoing, &mut self.blocked] {
            list.sort_by_cached_key(|p: &Person| (p.display_name.to_lowercase(), p.id));
        }
        self
    }
}

/// Who knows whom. Every change raises the version of both accounts (of a block: only the
/// blocker's, the blocked one is not told) and hands out [`crate::Change::Account`].
#[async_trait]
pub trait FriendStore: Send + Sync {
    /// Set what `user` made of `other`. Blocking ends a friendship from both sides. Nothing changes
    /// when one of the two does not exist, or when both are the same person.
    async fn relate(
        &self,
        user: UserId,
        other: UserId,
        relation: Relation,
        at: Millis,
    ) -> Result<()>;

    /// Take `relation` back: what either of the two asked, since a friendship ends for both, or the
    /// block that `user` made. Whatever else stands between them, a block that came meanwhile for
    /// one, stays as it is.
    async fn take_back(&self, user: UserId, other: UserId, relation: Relation) -> Result<()>;

    /// The person's relations.
    async fn relations(&self, user: UserId) -> Result<Relations>;

    /// Those of `others` between whom and `user` there is a block, in either direction.
    async fn blocked(&self, user: UserId, others: &[UserId]) -> Result<Vec<UserId>>;
}
