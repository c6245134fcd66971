//! How far everybody is, in the memory store.

use async_trait::async_trait;
use protocol::frame::{Mark, MarkStored, Marked};
use protocol::limits::SMALL_GROUP;
use protocol::model::{Marker, is_current};
use protocol::{ConversationId, UserId};

use super::{Memory, Step, Tables};
use crate::{Change, MarkOutcome, MarkerStore, MemberRow, Result};

/// A person's markers as stored; 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    delivered: u64,
    read: u64,
}

impl Held {
    /// What everybody is shown: at least the seq at which one joined, and read implies delivered.
    fn effective(self, row: &MemberRow) -> Marker {
        let joined = row.periods.last().map_or(0, |period| period.joined_seq);
        let read = self.read.max(joined);
        Marker { user: row.user, delivered: self.delivered.max(read), read }
    }

    /// Markers only grow.
    fn raise(&mut self, to: Self) {
        self.delivered = self.delivered.max(to.delivered);
        self.read = self.read.max(to.read);
    }
}

#[async_trait]
impl MarkerStore for Memory {
    async fn mark(&self, user: UserId, mark: Mark) -> Result<MarkOutcome> {
        let (conversation, key) = (mark.conversation, (mark.conversation, user));
        let (row, next) = {
            let tables = self.tables.lock();
            let Some(row) = tables.rows.members.get(&key).cloned() else {
                return Ok(MarkOutcome::NotAMember);
            };
            let end = tables.end_for(&row);
            let mut next = tables.markers.get(&key).copied().unwrap_or_default();
            next.raise(Held { delivered: mark.delivered.min(end), read: mark.read.min(end) });
            (row, next)
        };
        self.pass(Step::Marker(conversation, user)).await?;
        let marker = next.effective(&row);
        let (read_ord, recipients) = {
            let mut tables = self.tables.lock();
            tables.markers.entry(key).or_default().raise(next);
            // Compared with what the others were told: a node may have ended between the two.
            let told = tables.told.get(&key).copied().unwrap_or_default().effective(&row);
            let read_ord = tables.ord_at(conversation, marker.read);
            (read_ord, (marker != told).then(|| tables.told_of_marks(&row)))
        };
        if let Some(recipients) = recipients {
            let everybody = recipients.clone();
            let marked = Marked { conversation, marker, read_ord };
            self.hand_out(vec![Change::Marked { recipients, marked }], |tables, commit| {
                for person in everybody {
                    tables.person_changed.insert((conversation, person), commit);
                }
            })
            .await?;
            self.pass(Step::Told(conversation, user)).await?;
            self.tables.lock().told.entry(key).or_default().raise(next);
        }
        Ok(MarkOutcome::Stored(MarkStored {
            conversation,
            delivered: marker.delivered,
            read: marker.read,
            read_ord,
        }))
    }

    async fn markers(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<Marker>> {
        Ok(self.tables.lock().markers_of(conversation, after, limit))
    }
}

impl Tables {
    /// The effective marker of one person.
    pub(super) fn marker(&self, row: &MemberRow) -> Marker {
        let held = self.markers.get(&(row.conversation, row.user)).copied();
        held.unwrap_or_default().effective(row)
    }

    /// The effective markers of current members by user id.
    pub(super) fn markers_of(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: u64,
    ) -> Vec<Marker> {
        let current = self.rows.members_of(conversation).filter(|row| is_current(&row.periods));
        let current = current.filter(|row| after.is_none_or(|after| row.user > after));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        current.take(limit).map(|row| self.marker(row)).collect()
    }

    fn told_of_marks(&self, row: &MemberRow) -> Vec<UserId> {
        let current = self.rows.members_of(row.conversation).filter(|row| is_current(&row.periods));
        let current: Vec<_> = current.map(|row| row.user).collect();
        if is_current(&row.periods) && current.len() <= SMALL_GROUP {
            current
        } else {
            vec![row.user]
        }
    }
}
