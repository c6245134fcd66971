//! The rows of a stretch of history, as a UI shows them: what is held, gaps for what is not, and at
//! the tail what is still in the outbox.

use std::collections::BTreeMap;

use protocol::model::{Event, EventKind, MessageState};
use protocol::{Command, ConversationId};

use super::Account;
use crate::store::{StoreError, Stored};
use crate::sync::{Conversation, overlay};
use crate::text;
use crate::view::{ChangeView, MessageView, Progress, Quote, ReactionView, Row, RowBody};

/// Names shown with a reaction.
const REACTION_NAMES: usize = 5;

/// A row and where it stands: its seq, the first seq of a gap, or the end of all.
pub(super) type Placed = (u64, Row);

/// Whether an event has a row of its own. Edits and the like show on the message that they change.
pub(super) fn is_visible(event: &Event) -> bool {
    !matches!(
        event.kind,
        EventKind::Edited { .. }
            | EventKind::Deleted { .. }
            | EventKind::Reacted { .. }
            | EventKind::Pinned { on: false, .. }
    )
}

impl Account {
    /// The rows of `[from, to]`, and with `tail` the queued messages after them.
    pub(super) fn rows(
        &self,
        id: ConversationId,
        from: u64,
        to: u64,
        tail: bool,
    ) -> Result<Vec<Placed>, StoreError> {
        let Some(conversation) = self.conversations.get(&id) else { return Ok(Vec::new()) };
        let to = to.min(conversation.head.seq);
        let events = self.cache.oldest(id, from, to, u64::MAX)?;
        let states = self.cache.states(id, from, to)?;
        let mut rows = Vec::new();
        for event in events.iter().filter(|event| is_visible(event)) {
            rows.push((event.seq, self.row(conversation, event, &states)?));
        }
        if conversation.described {
            for (first, last) in conversation.held.missing(from, to) {
                // The time of what follows, so that the day is not a day of its own.
                let at = events.iter().find(|e| e.seq > last).map_or(conversation.at, |e| e.at);
                rows.push((first, gap(first, last, at)));
            }
        }
        rows.sort_by_key(|(place, _)| *place);
        if tail {
            for entry in self.queue.entries(id) {
                if let Some(row) = self.pending(entry)? {
                    rows.push((u64::MAX, row));
                }
            }
        }
        Ok(rows)
    }

    fn row(
        &self,
        conversation: &Conversation,
        event: &Event,
        states: &BTreeMap<u64, MessageState>,
    ) -> Result<Row, StoreError> {
        let name = |user| self.people.name(user);
        let by = name(event.sender);
        let change = |change| RowBody::Change { change };
        let body = match &event.kind {
            EventKind::Message { reply_to } => {
                RowBody::Message(self.message(conversation, event, *reply_to, states)?)
            }
            EventKind::Created { title, .. } => {
                change(ChangeView::Created { by, title: title.clone() })
            }
            EventKind::Renamed { title } => {
                change(ChangeView::Renamed { by, title: title.clone() })
            }
            EventKind::Added { users } => change(ChangeView::Added {
                by,
                names: users.iter().map(|&user| name(user)).collect(),
            }),
            EventKind::Removed { user } => change(ChangeView::Removed { by, name: name(*user) }),
            EventKind::Left { .. } => change(ChangeView::Left { name: by }),
            EventKind::RoleChanged { user, role } => {
                change(ChangeView::RoleChanged { by, name: name(*user), role: *role })
            }
            EventKind::Pinned { target, .. } => change(ChangeView::Pinned { by, seq: *target }),
            _ => RowBody::NewerApp,
        };
        // Only one's own refs find a row; another's could be chosen to replace a row of one's own.
        let key = if event.sender == self.me {
            event.client_ref.to_string()
        } else {
            format!("{}-{}", event.client_ref, event.seq)
        };
        Ok(Row { key, seq: Some(event.seq), at: event.at, body })
    }

    fn message(
        &self,
        conversation: &Conversation,
        event: &Event,
        reply_to: Option<u64>,
        states: &BTreeMap<u64, MessageState>,
    ) -> Result<MessageView, StoreError> {
        let mine = event.sender == self.me;
        let mut state = states.get(&event.seq).cloned();
        if let Some(state) = &mut state {
            for entry in self.queue.entries(conversation.id).iter().filter(|e| e.failed.is_none()) {
                overlay(state, &entry.command, self.me, entry.created);
            }
        }
        let written = state.as_ref().and_then(|state| state.text()).unwrap_or_default().to_owned();
        Ok(MessageView {
            sender: self.people.view(event.sender),
            mine,
            blocks: text::blocks(&written),
            edited: state.as_ref().is_some_and(|state| state.texts.len() > 1),
            deleted: state.as_ref().is_some_and(|state| state.texts.is_empty()),
            pinned: state.as_ref().is_some_and(|state| state.pinned),
            reply: reply_to.map(|seq| self.quote(conversation.id, seq)).transpose()?,
            reactions: state.as_ref().map(|state| self.reactions(state)).unwrap_or_default(),
            progress: mine.then(|| conversation.progress(event.seq, self.me)),
            error: None,
            queued: false,
            text: written,
        })
    }

    fn reactions(&self, state: &MessageState) -> Vec<ReactionView> {
        let all = state.reactions.iter().map(|reaction| ReactionView {
            emoji: reaction.emoji.clone(),
            count: reaction.users.len() as u64,
            mine: reaction.users.contains(&self.me),
            names: reaction
                .users
                .iter()
                .take(REACTION_NAMES)
                .map(|&user| self.people.name(user))
                .collect(),
        });
        all.collect()
    }

    pub(super) fn quote(&self, id: ConversationId, seq: u64) -> Result<Quote, StoreError> {
        let event = self.cache.event(id, seq)?;
        let state = self.cache.state(id, seq)?;
        Ok(Quote {
            seq,
            sender: event.map(|event| self.people.name(event.sender)).unwrap_or_default(),
            text: state
                .as_ref()
                .and_then(MessageState::text)
                .map(text::preview)
                .unwrap_or_default(),
            deleted: state.is_some_and(|state| state.texts.is_empty()),
        })
    }

    /// The row of an entry of the outbox; only messages have one.
    fn pending(&self, entry: &Stored) -> Result<Option<Row>, StoreError> {
        let Command::Message { text: written, reply_to } = &entry.command else { return Ok(None) };
        let progress = if entry.failed.is_some() { Progress::Failed } else { Progress::Sending };
        let reply = reply_to.map(|seq| self.quote(entry.conversation, seq)).transpose()?;
        Ok(Some(Row {
            key: entry.client_ref.to_string(),
            seq: None,
            at: entry.created,
            body: RowBody::Message(MessageView {
                sender: self.people.view(self.me),
                mine: true,
                text: written.clone(),
                blocks: text::blocks(written),
                edited: false,
                deleted: false,
                pinned: false,
                reply,
                reactions: Vec::new(),
                progress: Some(progress),
                error: entry.failed.and_then(crate::store::Failure::code),
                queued: !entry.handed && entry.failed.is_none(),
            }),
        }))
    }
}

fn gap(first: u64, last: u64, at: protocol::Millis) -> Row {
    Row {
        key: format!("gap-{first}"),
        seq: None,
        at,
        body: RowBody::Gap { missing: last - first + 1 },
    }
}
