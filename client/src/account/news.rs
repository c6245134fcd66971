//! What is new in each conversation, for the policy of notifications; and what was settled before.

use std::collections::{BTreeMap, BTreeSet};

use protocol::model::EventKind;
use protocol::{ConversationId, Millis};

use super::{Account, ComposeError};
use crate::notify::Looking;
use crate::notify::policy::{Happened, Stand, What};
use crate::store::StoreError;
use crate::sync::Conversation;
use crate::text;

/// So many of the newest events of a conversation are looked at.
const LOOKED_AT: u64 = 50;

/// What was settled, and what may be new since.
#[derive(Default)]
pub(super) struct News {
    /// Up to where each conversation is settled. What is not in it was never looked at.
    pub(super) noticed: BTreeMap<ConversationId, u64>,
    /// Until when a conversation is muted.
    pub(super) mutes: BTreeMap<ConversationId, Millis>,
    /// Conversations that changed since they were last looked at.
    pub(super) changed: BTreeSet<ConversationId>,
    /// Whether a `hello` was answered since.
    pub(super) replay: bool,
}

impl Account {
    /// The conversations in which something is new, and those `concerned`: shown in a notification,
    /// where `seq_of` is the message, or put off. And whether it came with the answer to a `hello`.
    /// `None` while such an answer comes: nobody is told of half of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn news(
        &mut self,
        concerned: &BTreeSet<ConversationId>,
        seq_of: impl Fn(ConversationId) -> Option<u64>,
    ) -> Result<Option<(Vec<Stand>, bool)>, StoreError> {
        if self.sync.answering.is_some() || !self.sync.complete {
            return Ok(None);
        }
        self.settle_what_was_there()?;
        let changed = std::mem::take(&mut self.news.changed);
        let mut stands = Vec::new();
        for &id in changed.union(concerned) {
            let Some(conversation) = self.conversations.get(&id) else { continue };
            let noticed = self.news.noticed.get(&id).copied().unwrap_or(0);
            if conversation.head.seq > noticed || concerned.contains(&id) {
                stands.push(self.stand(conversation, noticed, seq_of(id))?);
            }
        }
        Ok(Some((stands, std::mem::take(&mut self.news.replay))))
    }

    /// On a new device all of history is old: it was there when the person signed in.
    fn settle_what_was_there(&mut self) -> Result<(), StoreError> {
        if self.outbox.began_to_notice()? {
            return Ok(());
        }
        let write = self.outbox.begin()?;
        for (&id, conversation) in &self.conversations {
            write.notice(id, conversation.head.seq)?;
            self.news.noticed.insert(id, conversation.head.seq);
        }
        write.begin_to_notice()?;
        write.commit()
    }

    fn stand(
        &self,
        c: &Conversation,
        noticed: u64,
        shown: Option<u64>,
    ) -> Result<Stand, StoreError> {
        let id = c.id;
        let above = noticed.max(c.mine.read);
        let fresh = c.described && c.is_member() && c.head.seq > above;
        let shown_is_deleted = match shown {
            Some(seq) => self.is_deleted(id, seq)?,
            None => false,
        };
        Ok(Stand {
            conversation: id,
            group: c.peer.is_none().then(|| c.title.clone()),
            // What no page has described yet is looked at again when one has.
            head: if c.described { c.head.seq } else { noticed },
            read: c.mine.read,
            noticed,
            unread: c.unread(self.cache.own_after(id, c.mine.read)?),
            muted_until: self.news.mutes.get(&id).copied().unwrap_or(0),
            happened: if fresh { self.happened(id, above, c.head.seq)? } else { Vec::new() },
            shown_is_deleted,
        })
    }

    fn happened(
        &self,
        id: ConversationId,
        above: u64,
        head: u64,
    ) -> Result<Vec<Happened>, StoreError> {
        let events = self.cache.newest(id, above + 1, head, LOOKED_AT)?;
        let first = events.first().map_or(head, |event| event.seq);
        let states = self.cache.states(id, first, head)?;
        let happened = events.iter().map(|event| {
            let what = match &event.kind {
                _ if event.sender == self.me => What::Own,
                EventKind::Message { .. } => match states.get(&event.seq) {
                    Some(state) if state.texts.is_empty() => What::Deleted,
                    state => {
                        let name = self.people.name(event.sender);
                        let written = state.and_then(|state| state.text()).unwrap_or_default();
                        What::Message {
                            sender: (!name.is_empty()).then_some(name),
                            text: text::preview(written),
                        }
                    }
                },
                _ => What::Other,
            };
            Happened { seq: event.seq, what }
        });
        Ok(happened.collect())
    }

    fn is_deleted(&self, id: ConversationId, seq: u64) -> Result<bool, StoreError> {
        let state = self.cache.states(id, seq, seq)?.remove(&seq);
        Ok(state.is_some_and(|state| state.texts.is_empty()))
    }

    /// Conversations are settled up to these seqs. What the person is looking at is read within
    /// the moment, and needs no commit of its own.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may be shown.
    pub(crate) fn notice_up_to(
        &mut self,
        noticed: &[(ConversationId, u64)],
        looking: Looking,
    ) -> Result<(), StoreError> {
        let read = |id: ConversationId| self.conversations.get(&id).map_or(0, |c| c.mine.read);
        let kept =
            |&(id, seq): &(ConversationId, u64)| seq > read(id) && looking.conversation != Some(id);
        if noticed.iter().any(&kept) {
            let write = self.outbox.begin()?;
            for &(id, seq) in noticed.iter().filter(|one| kept(one)) {
                write.notice(id, seq)?;
            }
            write.commit()?;
        }
        self.news.noticed.extend(noticed.iter().copied());
        Ok(())
    }

    /// Until when a conversation is muted, if it ever was.
    #[must_use]
    pub fn muted_until(&self, id: ConversationId) -> Option<Millis> {
        self.news.mutes.get(&id).copied()
    }

    /// Tell nothing of a conversation until then, on this device; `None` ends it.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn mute(&mut self, id: ConversationId, until: Option<Millis>) -> Result<(), ComposeError> {
        if !self.conversations.contains_key(&id) {
            return Err(protocol::Code::NoConversation.into());
        }
        let write = self.outbox.begin()?;
        write.mute(id, until)?;
        write.commit()?;
        match until {
            Some(until) => self.news.mutes.insert(id, until),
            None => self.news.mutes.remove(&id),
        };
        self.touch(id);
        Ok(())
    }

    /// Whether this is a conversation that the person has.
    #[must_use]
    pub fn knows(&self, id: ConversationId) -> bool {
        self.conversations.get(&id).is_some_and(|c| c.described)
    }

    /// The time of day, as this device shows it.
    #[must_use]
    pub fn time(&self) -> Millis {
        self.environment.now()
    }
}
