//! How far everybody is, in the memory store.

use async_trait::async_trait;
use protocol::frame::{Mark, MarkStored, Marked};
use protocol::limits::SMALL_GROUP;
use protocol::model::{Marker, is_current};
use protocol::{ConversationId, UserId};

use super::{Memory, Tables};
use crate::{Change, MarkOutcome, MarkerStore, MemberRow, Result};

#[async_trait]
impl MarkerStore for Memory {
    async fn mark(&self, user: UserId, mark: Mark) -> Result<MarkOutcome> {
        let conversation = mark.conversation;
        let (marker, read_ord, recipients) = {
            let mut tables = self.tables.lock();
            let Some(row) = tables.rows.members.get(&(conversation, user)).cloned() else {
                return Ok(MarkOutcome::NotAMember);
            };
            let before = tables.marker(&row);
            let end = tables.end_for(&row);
            let stored = tables.markers.entry((conversation, user)).or_default();
            stored.0 = stored.0.max(mark.delivered.min(end));
            stored.1 = stored.1.max(mark.read.min(end));
            let marker = tables.marker(&row);
            let moved = marker != before;
            let read_ord = tables.ord_at(conversation, marker.read);
            (marker, read_ord, moved.then(|| tables.told_of_marks(&row)))
        };
        if let Some(recipients) = recipients {
            let everybody = recipients.clone();
            let marked = Marked { conversation, marker, read_ord };
            self.hand_out(vec![Change::Marked { recipients, marked }], |tables, commit| {
                for person in everybody {
                    tables.person_changed.insert((conversation, person), commit);
                }
            })
            .await;
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
        let stored = self.markers.get(&(row.conversation, row.user)).copied().unwrap_or_default();
        let joined = row.periods.last().map_or(0, |period| period.joined_seq);
        let read = stored.1.max(joined);
        Marker { user: row.user, delivered: stored.0.max(read), read }
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
