//! What the background worker should fetch next: what is looked at first, then names, then what is
//! unread or not delivered yet.

use std::collections::BTreeSet;

use protocol::model::{Marker, Member};
use protocol::{ConversationId, UserId, limits};

use super::Account;
use crate::store::StoreError;
use crate::sync::{Conversation, MOST_UNREAD};

/// Something to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// History.
    Range {
        /// Of which conversation.
        conversation: ConversationId,
        /// From this seq.
        from: u64,
        /// Up to and with this seq.
        to: u64,
    },
    /// Who some people are.
    People(Vec<UserId>),
    /// Oneself.
    Me,
    /// The members of a large group.
    Members(ConversationId),
    /// How far the members of a large group are.
    Markers(ConversationId),
}

#[derive(Default)]
pub(super) struct Wants {
    people: BTreeSet<UserId>,
    me: bool,
    members: BTreeSet<ConversationId>,
    markers: BTreeSet<ConversationId>,
    /// Conversations that may have holes to fill.
    holes: BTreeSet<ConversationId>,
    /// What was asked for on this connection without success: conversation and last seq.
    stuck: BTreeSet<(ConversationId, u64)>,
}

impl Wants {
    pub(super) fn person(&mut self, id: UserId) {
        self.people.insert(id);
    }

    pub(super) fn met(&mut self, id: UserId) {
        self.people.remove(&id);
    }

    pub(super) fn has_me(&mut self) {
        self.me = false;
    }

    pub(super) fn account_version(&mut self, now: u64, held: u64) {
        self.me |= now != held;
    }

    /// A new connection may have better luck.
    pub(super) fn forgive(&mut self) {
        self.stuck.clear();
    }

    pub(super) fn is_empty(&self, account: &Account) -> bool {
        account.first_want().is_none()
    }
}

impl Account {
    /// The account may have changed on the server.
    pub fn see_account_version(&mut self, version: u64) {
        self.want.account_version(version, self.sync.account_version);
    }

    /// What to fetch next. Says the same until something was fetched, or [`Account::give_up`].
    pub fn next_want(&mut self) -> Option<Want> {
        let filled: Vec<ConversationId> =
            self.want.holes.iter().filter(|&&id| self.hole(id).is_none()).copied().collect();
        for id in filled {
            self.want.holes.remove(&id);
        }
        self.first_want()
    }

    fn first_want(&self) -> Option<Want> {
        let looked_at = self.windows.shown().find_map(|(id, from, to)| {
            let conversation = self.conversations.get(&id)?;
            self.fillable(conversation, from, to)
        });
        if let Some(range) = looked_at {
            return Some(range);
        }
        if !self.want.people.is_empty() {
            let some = self.want.people.iter().take(limits::IDS_PER_REQUEST);
            return Some(Want::People(some.copied().collect()));
        }
        if self.want.me {
            return Some(Want::Me);
        }
        if let Some(&id) = self.want.members.first() {
            return Some(Want::Members(id));
        }
        if let Some(&id) = self.want.markers.first() {
            return Some(Want::Markers(id));
        }
        self.want.holes.iter().find_map(|&id| self.hole(id))
    }

    /// The newest hole that the conversation should not have.
    fn hole(&self, id: ConversationId) -> Option<Want> {
        let c = self.conversations.get(&id)?;
        let unread = c.mine.read.max(c.head.seq.saturating_sub(MOST_UNREAD));
        [unread, c.as_of, c.mine.delivered]
            .into_iter()
            .find_map(|after| self.fillable(c, after.saturating_add(1), c.head.seq))
    }

    /// The newest of what is missing of a whole conversation.
    pub(super) fn all_of(&self, id: ConversationId) -> Option<Want> {
        self.fillable(self.conversations.get(&id)?, 1, u64::MAX)
    }

    fn fillable(&self, conversation: &Conversation, from: u64, to: u64) -> Option<Want> {
        if !conversation.described {
            return None;
        }
        let to = to.min(conversation.head.seq);
        let (from, to) = conversation.held.newest_hole(from, to, limits::PAGE_EVENTS)?;
        let id = conversation.id;
        (!self.want.stuck.contains(&(id, to))).then_some(Want::Range { conversation: id, from, to })
    }

    /// Something was asked for: if it is still missing, do not ask again on this connection.
    pub fn give_up(&mut self, want: &Want) {
        match want {
            Want::Range { conversation, to, .. } => {
                if self.conversations.get(conversation).is_some_and(|c| !c.held.contains(*to)) {
                    self.want.stuck.insert((*conversation, *to));
                }
            }
            Want::People(people) => {
                let now = self.environment.now();
                self.met(people, Vec::new(), now);
            }
            Want::Me => self.want.me = false,
            Want::Members(id) => {
                self.want.members.remove(id);
            }
            Want::Markers(id) => {
                self.want.markers.remove(id);
            }
        }
    }

    /// All members of a large group, as the server told them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_members(
        &mut self,
        id: ConversationId,
        members: &[Member],
    ) -> Result<(), StoreError> {
        self.want.members.remove(&id);
        let Some(old) = self.conversations.get(&id) else { return Ok(()) };
        let mut new = old.clone();
        new.roster.replace(members.iter().map(|member| (member.user, member.role)));
        new.member_count = new.roster.len();
        let write = self.cache.begin()?;
        write.conversation(&new, Some(old))?;
        write.commit()?;
        self.conversations.insert(id, new);
        self.changes.details.insert(id);
        self.want_people(members.iter().map(|member| member.user).collect::<Vec<_>>(), false);
        self.touch(id);
        Ok(())
    }

    /// Whether a large group is on screen. Nobody is told others' markers there: the app asks.
    #[must_use]
    pub fn shows_large_group(&self) -> bool {
        self.windows.open().into_iter().any(|id| self.is_large(id))
    }

    /// Ask how far the members of the large groups on screen are.
    pub fn want_markers(&mut self) {
        let shown = self.windows.open().into_iter().filter(|&id| self.is_large(id));
        self.want.markers = shown.collect();
    }

    fn is_large(&self, id: ConversationId) -> bool {
        let conversation = self.conversations.get(&id);
        conversation.is_some_and(|c| {
            c.described && c.is_member() && c.member_count > limits::SMALL_GROUP as u64
        })
    }

    /// How far the members of a large group are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_markers(
        &mut self,
        id: ConversationId,
        markers: &[Marker],
    ) -> Result<(), StoreError> {
        self.want.markers.remove(&id);
        let Some(old) = self.conversations.get(&id) else { return Ok(()) };
        let mut new = old.clone();
        for marker in markers.iter().filter(|marker| marker.user != self.me) {
            new.see_marker(marker, new.read_ord, self.me);
        }
        let write = self.cache.begin()?;
        write.conversation(&new, Some(old))?;
        write.commit()?;
        self.conversations.insert(id, new);
        self.touch(id);
        Ok(())
    }

    /// Somebody looks at the members of a group.
    pub(super) fn want_members(&mut self, id: ConversationId) {
        if self.conversations.get(&id).is_some_and(|c| c.described && !c.roster.known) {
            self.want.members.insert(id);
        }
    }

    pub(super) fn may_have_holes(&mut self, id: ConversationId) {
        self.want.holes.insert(id);
    }
}
