//! The list of conversations as a UI shows it, and everything that a UI has to be told.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use protocol::model::{ConversationKind, Event, EventKind};
use protocol::{Command, ConversationId, UserId};

use super::Account;
use crate::store::StoreError;
use crate::sync::Conversation;
use crate::text;
use crate::view::{
    ConversationDetails, ConversationItem, ConversationList, MemberView, MessageReaders,
    Notification, Progress,
};

/// How far back the last message is looked for; reactions and edits may lie on top of it.
const LOOKED_AT: u64 = 50;
/// Names of those who write, at most.
const TYPING_NAMES: usize = 5;

impl Account {
    /// The list, most recent first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn list(&mut self) -> Result<ConversationList, StoreError> {
        if self.items.is_empty() {
            let all: Vec<_> = self.conversations.keys().copied().collect();
            for id in all {
                self.renew_item(id)?;
            }
            self.order = self.sorted();
        }
        let conversations =
            self.order.iter().filter_map(|id| self.items.get(id)).cloned().collect();
        Ok(ConversationList { conversations, unread: self.unread(), complete: self.sync.complete })
    }

    /// Everything that changed since the last call, ready to be told. The caller tells `State`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn notifications(&mut self) -> Result<Vec<Notification>, StoreError> {
        let changes = self.take_changes();
        let mut told = Vec::new();
        let first = self.items.is_empty();
        let before = (self.unread(), self.order.clone());
        let ids: BTreeSet<ConversationId> = if first {
            self.conversations.keys().copied().collect()
        } else {
            changes.conversations
        };
        let mut changed = Vec::new();
        for &id in &ids {
            if self.renew_item(id)?
                && let Some(item) = self.items.get(&id)
            {
                changed.push(item.clone());
            }
        }
        self.order = self.sorted();
        let order = (self.order != before.1).then(|| self.order.clone());
        if !changed.is_empty() || order.is_some() || changes.list || self.unread() != before.0 {
            let (unread, complete) = (self.unread(), self.sync.complete);
            told.push(Notification::Conversations { changed, order, unread, complete });
        }
        for id in self.windows.open() {
            if ids.contains(&id) {
                told.extend(self.window_changes(id)?);
            }
            if changes.details.contains(&id)
                && let Some(details) = self.details(id)?
            {
                told.push(Notification::Details { details });
            }
            if changes.typing.contains(&id) {
                let names = self.writers(id);
                told.push(Notification::Typing { conversation: id, names });
            }
        }
        let presence = changes.presence.into_iter();
        told.extend(presence.map(|(user, online)| Notification::Presence { user, online }));
        let rejected = changes.rejected.into_iter();
        told.extend(rejected.map(|(conversation, client_ref, code)| Notification::Rejected {
            conversation,
            client_ref,
            code,
        }));
        Ok(told)
    }

    /// Unread messages in all conversations.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.items.values().map(|item| item.unread).sum()
    }

    /// Compute a conversation's list row anew. Whether it looks different.
    fn renew_item(&mut self, id: ConversationId) -> Result<bool, StoreError> {
        match self.item(id)? {
            Some(new) => {
                let changed = self.items.get(&id) != Some(&new);
                self.items.insert(id, new);
                Ok(changed)
            }
            None => {
                self.items.remove(&id);
                Ok(false)
            }
        }
    }

    fn sorted(&self) -> Vec<ConversationId> {
        let mut order: Vec<(Reverse<i64>, ConversationId)> =
            self.items.values().map(|item| (Reverse(item.at), item.id)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, id)| id).collect()
    }

    fn item(&self, id: ConversationId) -> Result<Option<ConversationItem>, StoreError> {
        let Some(conversation) = self.conversations.get(&id) else { return Ok(None) };
        let entries = self.queue.entries(id);
        let draft = self.drafts.get(&id).map(|draft| text::preview(&draft.text));
        // A direct conversation exists as soon as somebody writes.
        let empty = conversation.head.seq == 0 && entries.is_empty() && draft.is_none();
        let begun = conversation.kind == ConversationKind::Group && conversation.is_member();
        if !conversation.described || (empty && !begun) {
            return Ok(None);
        }
        let waiting = entries.iter().rev().find_map(|entry| match &entry.command {
            Command::Message { text, .. } => Some((entry, text)),
            _ => None,
        });
        let mut item = ConversationItem {
            id,
            kind: conversation.kind,
            title: self.title(conversation),
            peer: conversation.peer.map(|peer| self.people.view(peer)),
            preview: String::new(),
            preview_sender: None,
            progress: None,
            draft: draft.filter(|draft| !draft.is_empty()),
            at: conversation.at.max(entries.last().map_or(0, |entry| entry.created)),
            unread: conversation.unread(self.cache.own_after(id, conversation.mine.read)?),
            member: conversation.is_member(),
            muted_until: self.muted_until(id),
            typing: self.writers(id),
        };
        if let Some((entry, written)) = waiting {
            item.preview = text::preview(written);
            let failed = entry.failed.is_some();
            item.progress = Some(if failed { Progress::Failed } else { Progress::Sending });
        } else if let Some(event) = self.last_message(conversation)? {
            let state = self.cache.state(id, event.seq)?;
            let written = state.as_ref().and_then(|state| state.text()).unwrap_or_default();
            item.preview = text::preview(written);
            if event.sender == self.me {
                item.progress = Some(conversation.progress(event.seq, self.me));
            } else if conversation.kind == ConversationKind::Group {
                item.preview_sender = Some(self.people.name(event.sender));
            }
        }
        Ok(Some(item))
    }

    fn last_message(&self, conversation: &Conversation) -> Result<Option<Event>, StoreError> {
        let events = self.cache.newest(conversation.id, 1, conversation.head.seq, LOOKED_AT)?;
        Ok(events.into_iter().rev().find(|event| matches!(event.kind, EventKind::Message { .. })))
    }

    fn title(&self, conversation: &Conversation) -> String {
        match conversation.peer {
            Some(peer) => self.people.name(peer),
            None => conversation.title.clone(),
        }
    }

    fn writers(&self, id: ConversationId) -> Vec<String> {
        let writers = self.typing.get(&id).into_iter().flat_map(BTreeMap::keys);
        writers.take(TYPING_NAMES).map(|&user| self.people.name(user)).collect()
    }

    /// Title, members, roles and pinned messages.
    ///
    /// # Errors
    /// [`StoreError`]; `Ok(None)` for a conversation that is not known.
    pub fn details(&self, id: ConversationId) -> Result<Option<ConversationDetails>, StoreError> {
        let Some(conversation) = self.conversations.get(&id) else { return Ok(None) };
        let mut members: Vec<MemberView> = conversation
            .roster
            .members
            .iter()
            .map(|(&user, &role)| MemberView { person: self.people.view(user), role })
            .collect();
        members.sort_by_cached_key(|m| (Reverse(m.role), m.person.display_name.to_lowercase()));
        Ok(Some(ConversationDetails {
            id,
            kind: conversation.kind,
            title: self.title(conversation),
            role: conversation.role,
            member: conversation.is_member(),
            member_count: conversation.member_count,
            members,
            pinned: self.pinned(id)?,
        }))
    }

    /// Somebody looks at a conversation's details: fetch what is missing of them.
    ///
    /// # Errors
    /// As [`Account::details`].
    pub fn look_at_details(
        &mut self,
        id: ConversationId,
    ) -> Result<Option<ConversationDetails>, StoreError> {
        self.want_members(id);
        let Some(conversation) = self.conversations.get(&id) else { return Ok(None) };
        let members: Vec<UserId> = conversation.roster.members.keys().copied().collect();
        self.want_people(members, true);
        self.details(id)
    }

    /// Who has a message, as far as this app knows; `None` when that is not kept here.
    #[must_use]
    pub fn readers(&self, id: ConversationId, seq: u64) -> Option<MessageReaders> {
        let conversation = self.conversations.get(&id)?;
        if !conversation.roster.known
            || conversation.member_count > protocol::limits::SMALL_GROUP as u64
        {
            return None;
        }
        let others = conversation.roster.members.keys().filter(|&&user| user != self.me);
        let seen = others.map(|&user| {
            (user, conversation.roster.markers.get(&user).copied().unwrap_or_default())
        });
        Some(self.sort_readers(seq, seen.map(|(user, seen)| (user, seen.delivered, seen.read))))
    }

    /// Sort people by how far they are with a message.
    #[must_use]
    pub fn sort_readers(
        &self,
        seq: u64,
        seen: impl IntoIterator<Item = (UserId, u64, u64)>,
    ) -> MessageReaders {
        let mut readers =
            MessageReaders { read: Vec::new(), delivered: Vec::new(), waiting: Vec::new() };
        for (user, delivered, read) in seen.into_iter().filter(|(user, ..)| *user != self.me) {
            let list = if read >= seq {
                &mut readers.read
            } else if delivered >= seq {
                &mut readers.delivered
            } else {
                &mut readers.waiting
            };
            list.push(self.people.view(user));
        }
        readers
    }
}
