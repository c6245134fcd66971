//! What readers see, in the memory store: everything clamped to the head.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use async_trait::async_trait;
use protocol::frame::ConversationPage;
use protocol::limits::SMALL_GROUP;
use protocol::model::{self, EventKind, Member, is_current};
use protocol::{ConversationId, MessageState, UserId};
use uuid::Uuid;

use super::{Memory, Outgoing, Tables};
use crate::{EventRow, Head, HistoryStore, Listed, MemberRow, Result, StorageError, Stretch};

#[async_trait]
impl HistoryStore for Memory {
    fn database(&self) -> Uuid {
        self.database
    }

    async fn head(&self, conversation: ConversationId) -> Result<Option<Head>> {
        Ok(self.tables.lock().rows.heads.get(&conversation).copied())
    }

    async fn member(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> Result<Option<MemberRow>> {
        Ok(self.tables.lock().rows.members.get(&(conversation, user)).cloned())
    }

    async fn members(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<Member>> {
        let members = self.tables.lock().current(conversation);
        let behind = members.into_iter().filter(|m| after.is_none_or(|after| m.user > after));
        Ok(behind.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }

    async fn stretch(
        &self,
        conversation: ConversationId,
        from: u64,
        to: u64,
        limit: u64,
        bytes: usize,
    ) -> Result<Stretch> {
        let tables = self.tables.lock();
        let to = to.min(tables.rows.heads.get(&conversation).map_or(0, |head| head.seq));
        tables.read_back(conversation, (from.max(1), to), limit, bytes, |_| true)
    }

    async fn listed(&self, user: UserId, since: Option<u64>) -> Result<Vec<Listed>> {
        let tables = self.tables.lock();
        let mut list = Vec::new();
        for row in tables.rows.members.values().filter(|row| row.user == user) {
            if let Outgoing::Inbox(_) = self.outgoing {
                list.extend(tables.listed_by_row(row, since));
                continue;
            }
            let changed = tables.changed(row);
            if let Some((head, at)) = tables.head_for(row)
                && since.is_none_or(|since| changed > since)
            {
                list.push(Listed { conversation: row.conversation, head, at, changed });
            }
        }
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
        let tables = self.tables.lock();
        let mut pages = Vec::new();
        for conversation in conversations {
            pages.extend(tables.page(user, *conversation, events, bytes)?);
        }
        Ok(pages)
    }
}

impl Tables {
    fn current(&self, conversation: ConversationId) -> Vec<Member> {
        let current = self.rows.members_of(conversation).filter(|row| is_current(&row.periods));
        current.map(|row| Member { user: row.user, role: row.role }).collect()
    }

    pub(super) fn ord_at(&self, conversation: ConversationId, seq: u64) -> u64 {
        self.rows.events.get(&(conversation, seq)).map_or(0, |row| row.event.ord)
    }

    /// The last seq that this person can see.
    pub(super) fn end_for(&self, row: &MemberRow) -> u64 {
        let head = self.rows.heads.get(&row.conversation).map_or(0, |head| head.seq);
        row.periods.last().and_then(|period| period.left_seq).map_or(head, |left| left.min(head))
    }

    pub(super) fn head_for(&self, row: &MemberRow) -> Option<(Head, i64)> {
        let seq = self.end_for(row);
        let event = &self.rows.events.get(&(row.conversation, seq))?.event;
        let position = match is_current(&row.periods) {
            true => self.rows.heads.get(&row.conversation)?.position,
            false => 0,
        };
        Some((Head { seq, ord: event.ord, position }, event.at))
    }

    fn changed(&self, row: &MemberRow) -> u64 {
        let own = self.person_changed.get(&(row.conversation, row.user)).copied().unwrap_or(0);
        match is_current(&row.periods) {
            true => own.max(self.conversation_changed.get(&row.conversation).copied().unwrap_or(0)),
            false => own,
        }
    }

    fn read_back(
        &self,
        conversation: ConversationId,
        (from, to): (u64, u64),
        limit: u64,
        bytes: usize,
        may_read: impl Fn(u64) -> bool,
    ) -> Result<Stretch> {
        let mut events = Vec::new();
        let mut states: BTreeMap<u64, MessageState> = BTreeMap::new();
        let (mut to, mut next, mut size) = (to, to, 0);
        while next >= from && (events.len() as u64) < limit && (events.is_empty() || size < bytes) {
            let event = self.rows.events.get(&(conversation, next));
            let event = event.ok_or(StorageError::Damaged { conversation, seq: next })?;
            if !self.is_whole(event) {
                // Readers see the conversation as it was just before an event that is half stored.
                (to, size) = (next - 1, 0);
                (events, states) = (Vec::new(), BTreeMap::new());
                next -= 1;
                continue;
            }
            let named = event.event.kind.names().filter(|named| may_read(*named));
            for seq in [Some(next), named].into_iter().flatten() {
                if let Some(row) = self.rows.messages.get(&(conversation, seq))
                    && states.insert(seq, row.state.clone()).is_none()
                {
                    size += row.state.texts.iter().map(|text| text.text.len()).sum::<usize>();
                }
            }
            events.push(event.event.clone());
            next -= 1;
        }
        events.reverse();
        Ok(Stretch { from: next + 1, to, events, states: states.into_values().collect() })
    }

    /// Whether the state of the message that the event is, or changes, is as new as the event. Once its
    /// batch is stored it is.
    fn is_whole(&self, row: &EventRow) -> bool {
        let Some(target) = row.event.kind.changes(row.event.seq) else { return true };
        let state = self.rows.messages.get(&(row.conversation, target));
        let stored = || {
            let partition = self.partitions.get(&row.conversation);
            let restart = partition.and_then(|partition| self.rows.restarts.get(partition));
            restart.is_some_and(|restart| *restart > row.position)
        };
        state.is_some_and(|row_of| row_of.state.state_seq >= row.event.seq) || stored()
    }

    fn page(
        &self,
        user: UserId,
        conversation: ConversationId,
        events: u64,
        bytes: usize,
    ) -> Result<Option<ConversationPage>> {
        let Some(row) = self.rows.members.get(&(conversation, user)) else { return Ok(None) };
        let Some((head, at)) = self.head_for(row) else { return Ok(None) };
        let Some(own) = self.rows.conversations.get(&conversation) else { return Ok(None) };
        let may_read = |seq: u64| own.history_open || row.periods.iter().any(|p| p.covers(seq));
        let mut from = head.seq + 1;
        while from > 1 && may_read(from - 1) {
            from -= 1;
        }
        from = from.max(head.seq.saturating_sub(events) + 1);
        let stretch = self.read_back(conversation, (from, head.seq), events, bytes, may_read)?;
        if stretch.to == 0 {
            return Ok(None);
        }
        // Everything here is as of what can be shown.
        let (ord, at) = match self.rows.events.get(&(conversation, stretch.to)) {
            Some(last) => (last.event.ord, last.event.at),
            None => (head.ord, at),
        };
        let marker = self.marker(row);
        let members = self.current(conversation);
        let (current, member_count) = (is_current(&row.periods), members.len() as u64);
        let small = current && members.len() <= SMALL_GROUP;
        let markers =
            if small { self.markers_of(conversation, None, member_count) } else { vec![marker] };
        Ok(Some(ConversationPage {
            conversation,
            kind: own.kind,
            title: if current { own.title.clone() } else { self.title_at(conversation, head.seq) },
            history_open: own.history_open,
            head: model::Head { seq: stretch.to, ord },
            at,
            role: row.role,
            periods: row.periods.clone(),
            member_count,
            members: if small { members } else { Vec::new() },
            markers,
            read_ord: self.ord_at(conversation, marker.read),
            events: stretch.events,
            states: stretch.states,
        }))
    }

    /// What the conversation was called at that seq.
    fn title_at(&self, conversation: ConversationId, seq: u64) -> String {
        let events = self.rows.events.range((conversation, 0)..=(conversation, seq)).rev();
        let mut titles = events.filter_map(|(_, row)| match &row.event.kind {
            EventKind::Created { title, .. } | EventKind::Renamed { title } => Some(title.clone()),
            _ => None,
        });
        titles.next().unwrap_or_default()
    }
}
