//! Member rows as readers need them.

use std::sync::Arc;

use protocol::model::is_current;
use protocol::{ConversationId, UserId};
use uuid::Uuid;

use super::Scylla;
use super::cells::{self, Cell};
use crate::{MemberRow, Result};

/// The members of a conversation as a page shows them.
#[derive(Default)]
pub(super) struct Roster {
    /// How many there are now.
    pub(super) count: u64,
    /// The first of them by user id.
    pub(super) first: Vec<MemberRow>,
}

impl Scylla {
    /// Somebody's member row.
    pub(super) async fn member_of(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<MemberRow>> {
        let row: Option<(Option<Cell>,)> =
            self.one(&self.statements.member, (conversation.0, user.0)).await?;
        let cell = row.and_then(|(cell,)| cell);
        cell.map(|cell| cells::member(conversation, user, &cell)).transpose()
    }

    /// Member rows by user id, from the one after `after` on, as long as `wanted` says so.
    pub(super) async fn each_member(
        &self,
        conversation: ConversationId,
        after: Uuid,
        mut wanted: impl FnMut(MemberRow) -> bool + Send,
    ) -> Result<()> {
        let from = (conversation.0, after);
        self.each(&self.statements.members, from, |(user, cell): (Uuid, Option<Cell>)| {
            let Some(cell) = cell else { return Ok(true) };
            Ok(wanted(cells::member(conversation, UserId(user), &cell)?))
        })
        .await
    }

    /// At most `limit` current members by user id.
    pub(super) async fn current(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<MemberRow>> {
        let mut members = Vec::new();
        let after = after.map_or(Uuid::nil(), |user| user.0);
        if limit > 0 {
            self.each_member(conversation, after, |row| {
                if is_current(&row.periods) {
                    members.push(row);
                }
                (members.len() as u64) < limit
            })
            .await?;
        }
        Ok(members)
    }

    /// How many members there are, and the first `most` of them.
    pub(super) async fn roster(
        &self,
        conversation: ConversationId,
        most: usize,
    ) -> Result<Arc<Roster>> {
        let read = async || {
            let mut roster = Roster::default();
            self.each_member(conversation, Uuid::nil(), |row| {
                if is_current(&row.periods) {
                    roster.count += 1;
                    if roster.first.len() < most {
                        roster.first.push(row);
                    }
                }
                true
            })
            .await?;
            Ok(Arc::new(roster))
        };
        self.reads.rosters.read((conversation, most), read).await
    }
}
