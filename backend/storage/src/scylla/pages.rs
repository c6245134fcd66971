//! One conversation as it is for one person: what `hello` answers with.

use protocol::frame::ConversationPage;
use protocol::limits::SMALL_GROUP;
use protocol::model::{self, Member};
use protocol::{ConversationId, UserId};

use super::Scylla;
use super::cells::{self, Cell, int, whole};
use super::history::{end_for, left};
use super::stretch::Part;
use crate::{Result, readable::Readable};

impl Scylla {
    /// The page; `None` when the conversation is not the person's, or nothing of it can be shown yet.
    pub(super) async fn page(
        &self,
        user: UserId,
        conversation: ConversationId,
        events: u64,
        bytes: usize,
    ) -> Result<Option<ConversationPage>> {
        let Some(mut head) = self.head_of(conversation).await? else { return Ok(None) };
        let (row, own) =
            futures_util::try_join!(self.member_of(conversation, user), self.own_of(conversation))?;
        let (Some(row), Some(own)) = (row, own) else { return Ok(None) };
        if row.periods.last().is_some_and(|period| period.joined_seq > head.seq) {
            // The person joined after the head was read, which is there by now.
            head = self.head_of(conversation).await?.unwrap_or(head);
        }
        let end = end_for(&row, &head);
        let readable = Readable { open: own.history_open, periods: &row.periods };
        let from = readable.run_up_to(end).max(end.saturating_sub(events).saturating_add(1));
        let part = Part { from, to: end, limit: events, bytes };
        let covers = |seq| readable.covers(seq);
        let stretch = self.read_back(conversation, &head, part, covers).await?;
        if stretch.to == 0 {
            return Ok(None);
        }
        // Everything here is as of what can be shown.
        let (ord, at) = if stretch.to == head.seq {
            (head.ord, head.at)
        } else {
            let last = self.event_at(conversation, stretch.to).await?.event;
            (last.ord, last.at)
        };
        let current = left(&row).is_none();
        let roster = self.roster(conversation, SMALL_GROUP).await?;
        let mine = self.marker_of(&row).await?;
        let (members, markers) = if current && roster.count <= SMALL_GROUP as u64 {
            let markers = self.markers_of(conversation, &roster.first).await?;
            let member = |row: &crate::MemberRow| Member { user: row.user, role: row.role };
            (roster.first.iter().map(member).collect(), markers)
        } else {
            (Vec::new(), vec![mine])
        };
        let title = match current {
            true => own.title,
            false => self.title_at(conversation, end).await?,
        };
        Ok(Some(ConversationPage {
            conversation,
            kind: own.kind,
            title,
            history_open: own.history_open,
            head: model::Head { seq: stretch.to, ord },
            at,
            role: row.role,
            periods: row.periods,
            member_count: roster.count,
            members,
            markers,
            read_ord: self.ord_at(conversation, mine.read).await?,
            events: stretch.events,
            states: stretch.states,
        }))
    }

    /// What the conversation was called at that seq.
    async fn title_at(&self, conversation: ConversationId, seq: u64) -> Result<String> {
        let row: Option<(i64, Cell)> =
            self.one(&self.statements.title, (conversation.0, int(seq)?)).await?;
        let Some((seq, cell)) = row else { return Ok(String::new()) };
        cells::title(conversation, whole(seq), &cell)
    }
}
