//! What readers see.

use std::cmp::Reverse;
use std::collections::HashMap;

use async_trait::async_trait;
use futures_util::FutureExt;
use protocol::frame::ConversationPage;
use protocol::model::Member;
use protocol::{ConversationId, Millis, UserId};
use uuid::Uuid;

use super::Scylla;
use super::cells::{self, Cell, HeadCell};
use super::list::Row;
use super::requests::in_order;
use super::stretch::Part;
use crate::{Head, HistoryStore, Listed, MemberRow, Result, Stretch};

#[async_trait]
impl HistoryStore for Scylla {
    fn database(&self) -> Uuid {
        self.database
    }

    async fn head(&self, conversation: ConversationId) -> Result<Option<Head>> {
        Ok(self.head_of(conversation).await?.map(HeadCell::head))
    }

    async fn member(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<MemberRow>> {
        self.member_of(conversation, user).await
    }

    async fn members(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<Member>> {
        let rows = self.current(conversation, after, limit).await?;
        Ok(rows.into_iter().map(|row| Member { user: row.user, role: row.role }).collect())
    }

    async fn stretch(
        &self,
        conversation: ConversationId,
        from: u64,
        to: u64,
        limit: u64,
        bytes: usize,
    ) -> Result<Stretch> {
        let Some(head) = self.head_of(conversation).await? else {
            return Ok(Stretch { from: 1, ..Stretch::default() });
        };
        let part = Part { from: from.max(1), to: to.min(head.seq), limit, bytes };
        self.read_back(conversation, &head, part, |_| true).await
    }

    async fn listed(&self, user: UserId, since: Option<u64>) -> Result<Vec<Listed>> {
        let (members, rows) = futures_util::try_join!(self.memberships(user), self.rows_of(user))?;
        // Heads last: a row that was read before its head is at most too old, and then the head shows.
        let reads = members.iter().map(|member| {
            let row = rows.get(&member.conversation).copied().unwrap_or_default();
            self.listed_one(member, row, since).boxed()
        });
        let mut list: Vec<_> = in_order(reads.collect()).await?.into_iter().flatten().collect();
        list.sort_by_key(|row| (Reverse(row.at), row.conversation));
        Ok(list)
    }

    async fn pages(
        &self,
        user: UserId,
        conversations: &[ConversationId],
        events: u64,
        bytes: usize,
    ) -> Result<Vec<ConversationPage>> {
        let reads = conversations.iter().map(|id| self.page(user, *id, events, bytes).boxed());
        Ok(in_order(reads.collect()).await?.into_iter().flatten().collect())
    }
}

impl Scylla {
    /// All of a person's memberships, past ones too.
    async fn memberships(&self, user: UserId) -> Result<Vec<MemberRow>> {
        let mut members = Vec::new();
        let of = (user.0,);
        self.each(&self.statements.memberships, of, |(id, cell): (Uuid, Option<Cell>)| {
            if let Some(cell) = cell {
                members.push(cells::member(ConversationId(id), user, &cell)?);
            }
            Ok(true)
        })
        .await?;
        Ok(members)
    }

    /// A person's list rows by conversation.
    async fn rows_of(&self, user: UserId) -> Result<HashMap<ConversationId, Row>> {
        let mut rows = HashMap::new();
        self.each(&self.statements.list_rows, (user.0,), |row: super::list::Columns| {
            rows.insert(ConversationId(row.0), Row::from(row));
            Ok(true)
        })
        .await?;
        Ok(rows)
    }

    /// One row of the list; `None` when it has nothing newer than `since`. The head decides: a list row
    /// may be missing, and in a large group it does not follow every message.
    async fn listed_one(
        &self,
        member: &MemberRow,
        row: Row,
        since: Option<u64>,
    ) -> Result<Option<Listed>> {
        let conversation = member.conversation;
        let Some(head) = self.head_of(conversation).await? else { return Ok(None) };
        let end = end_for(member, &head);
        let known = row.activity.map_or(0, |activity| activity.seq);
        if since.is_some_and(|since| row.changed <= since) && end <= known {
            return Ok(None);
        }
        let (head, at) = self.head_for(member, &head, row).await?;
        Ok(Some(Listed { conversation, head, at, changed: row.changed }))
    }

    /// The head as it is for this person, and when its event was taken.
    async fn head_for(
        &self,
        member: &MemberRow,
        head: &HeadCell,
        row: Row,
    ) -> Result<(Head, Millis)> {
        if left(member).is_none() {
            return Ok((head.head(), head.at));
        }
        let seq = end_for(member, head);
        if let Some(activity) = row.activity.filter(|activity| activity.seq == seq) {
            return Ok((Head { seq, ord: activity.ord, position: 0 }, activity.at));
        }
        let event = self.event_at(member.conversation, seq).await?.event;
        Ok((Head { seq, ord: event.ord, position: 0 }, event.at))
    }
}

/// The seq of the event that ended the last membership.
pub(super) fn left(member: &MemberRow) -> Option<u64> {
    member.periods.last().and_then(|period| period.left_seq)
}

/// The last seq that this person can see.
pub(super) fn end_for(member: &MemberRow, head: &HeadCell) -> u64 {
    left(member).map_or(head.seq, |left| left.min(head.seq))
}
