//! How far everybody has a conversation. Each column's timestamp is the seq that it holds, so a marker
//! only ever grows, whoever writes it when.

use std::collections::HashMap;

use async_trait::async_trait;
use protocol::frame::{Mark, MarkStored, Marked};
use protocol::limits::SMALL_GROUP;
use protocol::model::Marker;
use protocol::{ConversationId, UserId};
use scylla::SerializeRow;
use scylla::statement::prepared::PreparedStatement;
use uuid::Uuid;

use super::Scylla;
use super::cells::{int, whole};
use super::history::{end_for, left};
use super::requests::Write;
use crate::{Change, MarkOutcome, MarkerStore, MemberRow, Result};

/// A person's markers as stored; 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    delivered: u64,
    read: u64,
}

impl Held {
    /// What everybody is shown: at least the seq at which one joined, and read implies delivered.
    pub(super) fn effective(self, member: &MemberRow) -> Marker {
        let joined = member.periods.last().map_or(0, |period| period.joined_seq);
        let read = self.read.max(joined);
        Marker { user: member.user, delivered: self.delivered.max(read), read }
    }
}

/// The timestamp is the value.
#[derive(SerializeRow)]
struct Raise {
    seq: i64,
    conversation_id: Uuid,
    user_id: Uuid,
}

#[async_trait]
impl MarkerStore for Scylla {
    async fn mark(&self, user: UserId, mark: Mark) -> Result<MarkOutcome> {
        let conversation = mark.conversation;
        let Some(head) = self.head_of(conversation).await? else {
            return Ok(MarkOutcome::NotAMember);
        };
        let (member, held) = futures_util::try_join!(
            self.member_of(conversation, user),
            self.held(conversation, user)
        )?;
        let Some(member) = member else { return Ok(MarkOutcome::NotAMember) };
        let (held, told) = held;
        // Clamped to what the person can see: a marker never shrinks, so one far ahead would stay for ever.
        let end = end_for(&member, &head);
        let next = Held {
            delivered: held.delivered.max(mark.delivered.min(end)),
            read: held.read.max(mark.read.min(end)),
        };
        let put = &self.statements;
        self.step(self.raises(&member, held, next, [&put.put_delivered, &put.put_read])?).await?;
        let marker = next.effective(&member);
        let read_ord = self.ord_at(conversation, marker.read).await?;
        // Compared with what the others were told, and not with what was stored: a node may have ended
        // between storing and telling, and then the app that got no answer marks again.
        if marker != told.effective(&member) {
            let recipients = self.told_of_marks(&member).await?;
            let marked = Marked { conversation, marker, read_ord };
            self.tell.tell(vec![Change::Marked { recipients, marked }]).await?;
            let columns = [&put.put_told_delivered, &put.put_told_read];
            self.step(self.raises(&member, told, next, columns)?).await?;
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
        let members = self.current(conversation, after, limit).await?;
        self.markers_of(conversation, &members).await
    }
}

impl Scylla {
    /// A person's markers, and how much of them the others have been told.
    async fn held(&self, conversation: ConversationId, user: UserId) -> Result<(Held, Held)> {
        type Columns = (Option<i64>, Option<i64>, Option<i64>, Option<i64>);
        let row: Option<Columns> =
            self.one(&self.statements.marker, (conversation.0, user.0)).await?;
        let held = |delivered: Option<i64>, read: Option<i64>| Held {
            delivered: delivered.map_or(0, whole),
            read: read.map_or(0, whole),
        };
        let (delivered, read, told_delivered, told_read) = row.unwrap_or_default();
        Ok((held(delivered, read), held(told_delivered, told_read)))
    }

    /// The effective marker of one person.
    pub(super) async fn marker_of(&self, member: &MemberRow) -> Result<Marker> {
        Ok(self.held(member.conversation, member.user).await?.0.effective(member))
    }

    /// The effective markers of these members, who come by user id.
    pub(super) async fn markers_of(
        &self,
        conversation: ConversationId,
        members: &[MemberRow],
    ) -> Result<Vec<Marker>> {
        let (Some(first), Some(last)) = (members.first(), members.last()) else {
            return Ok(Vec::new());
        };
        let mut held = HashMap::new();
        let range = (conversation.0, first.user.0, last.user.0);
        type Columns = (Uuid, Option<i64>, Option<i64>);
        self.each(&self.statements.markers, range, |(user, delivered, read): Columns| {
            let of = Held { delivered: delivered.map_or(0, whole), read: read.map_or(0, whole) };
            held.insert(UserId(user), of);
            Ok(true)
        })
        .await?;
        let held = |member: &MemberRow| held.get(&member.user).copied().unwrap_or_default();
        Ok(members.iter().map(|member| held(member).effective(member)).collect())
    }

    /// The writes that bring two columns from these values up to those.
    fn raises<'s>(
        &'s self,
        member: &MemberRow,
        from: Held,
        to: Held,
        [delivered, read]: [&'s PreparedStatement; 2],
    ) -> Result<Vec<Write<'s>>> {
        let moves = [(delivered, from.delivered, to.delivered), (read, from.read, to.read)];
        let mut writes = Vec::new();
        for (statement, _, seq) in moves.into_iter().filter(|(_, from, to)| to > from) {
            let (conversation_id, user_id) = (member.conversation.0, member.user.0);
            writes.push(self.write(statement, Raise { seq: int(seq)?, conversation_id, user_id }));
        }
        Ok(writes)
    }

    /// All members of a small group, else the person alone.
    async fn told_of_marks(&self, member: &MemberRow) -> Result<Vec<UserId>> {
        if left(member).is_none() {
            let members = self.current(member.conversation, None, SMALL_GROUP as u64 + 1).await?;
            if members.len() <= SMALL_GROUP {
                return Ok(members.into_iter().map(|member| member.user).collect());
            }
        }
        Ok(vec![member.user])
    }
}
