//! What is to be sent now: batches of the outbox, markers, typing, what is looked at.

use std::time::Duration;

use protocol::frame::{ClientFrame, Look, Typing};
use protocol::model::ConversationKind;
use protocol::{Code, ConversationId, UserId, limits, wire};
use tokio::time::Instant;

use super::Account;
use crate::store::{Failure, StoreError};

/// Frames for a connection, and when to ask again if nothing changes.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// In this order.
    pub frames: Vec<String>,
    /// When something will be due.
    pub next: Option<Instant>,
}

/// Between two typing frames for one conversation.
const TYPING_PAUSE: Duration = Duration::from_secs(3);
/// How many of the list's people are watched for presence.
const WATCHED_ITEMS: usize = 30;

impl Account {
    /// What to send on a connection now. Every entry in it is committed as handed over before this
    /// returns.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may be sent.
    pub fn outgoing(&mut self, connection: u64, now: Instant) -> Result<Outgoing, StoreError> {
        let batches = self.queue.due(connection, now);
        if let Err(error) = self.hand_over(&batches) {
            self.queue.not_handed(&batches);
            return Err(error);
        }
        let mut frames: Vec<String> =
            batches.into_iter().map(|batch| wire::encode(&ClientFrame::Submit(batch))).collect();
        let marks = self.marks.due(connection, now);
        frames.extend(marks.into_iter().map(|mark| wire::encode(&ClientFrame::Mark(mark))));
        for conversation in std::mem::take(&mut self.typing_to_send) {
            frames.push(wire::encode(&ClientFrame::Typing(Typing { conversation })));
        }
        let look = self.look();
        if self.windows.look_changed(connection, &look) {
            frames.push(wire::encode(&ClientFrame::Look(look)));
        }
        let next = [self.queue.next_due(connection, now), self.marks.next_due(connection, now)];
        Ok(Outgoing { frames, next: next.into_iter().flatten().min() })
    }

    fn hand_over(&mut self, batches: &[protocol::Submit]) -> Result<(), StoreError> {
        let mut fresh = Vec::new();
        for batch in batches {
            for entry in &batch.commands {
                let stored = self.queue.get(batch.conversation, entry.client_ref);
                if stored.is_some_and(|stored| !stored.handed) {
                    fresh.push((batch.conversation, entry.client_ref));
                }
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let write = self.outbox.begin()?;
        for &(_, client_ref) in &fresh {
            write.hand(client_ref)?;
        }
        write.commit()?;
        for (id, client_ref) in fresh {
            self.queue.update(id, client_ref, |entry| entry.handed = true);
            self.touch(id);
        }
        Ok(())
    }

    /// The server took none of a batch.
    pub fn slow_down(&mut self, of: ConversationId, now: Instant, pause: Duration) {
        self.queue.slow_down(of, now, pause);
    }

    /// A frame about a conversation was refused as a whole. A batch that has the wrong form would
    /// be refused for ever: its entries fail.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn refused(&mut self, of: ConversationId, code: Code) -> Result<(), StoreError> {
        use Code::{
            BadRef, BadValue, Malformed, NotWithYourself, TooLarge, TooMany, UnknownCommand,
        };
        let form = matches!(
            code,
            Malformed | BadValue | BadRef | TooLarge | TooMany | NotWithYourself | UnknownCommand
        );
        if matches!(code, Code::Busy | Code::SlowDown | Code::Stopping | Code::Internal) {
            // The server could not do it now. It is sent again like everything without an answer.
            return Ok(());
        }
        if !form {
            // It was a marker or a typing frame for what one is not a member of.
            self.marks.forget(of);
            let write = self.outbox.begin()?;
            write.mark(of, None)?;
            return write.commit();
        }
        for client_ref in self.queue.in_flight(of) {
            if let Some(entry) = self.queue.get(of, client_ref).cloned() {
                self.refuse(&entry, Failure::Rejected(code))?;
            }
        }
        Ok(())
    }

    /// The person is writing.
    pub fn is_typing(&mut self, id: ConversationId, now: Instant) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        let told = self.show_typing
            && conversation.head.seq > 0
            && conversation.is_member()
            && conversation.member_count <= limits::TYPING_GROUP as u64;
        self.typed.retain(|_, &mut at| now < at + TYPING_PAUSE);
        if told && !self.typed.contains_key(&id) {
            self.typed.insert(id, now);
            self.typing_to_send.insert(id);
        }
    }

    /// Somebody else is writing, for the next few seconds.
    pub fn see_typing(&mut self, id: ConversationId, user: UserId, now: Instant) {
        if !self.show_typing || user == self.me || !self.conversations.contains_key(&id) {
            return;
        }
        let until = now + Duration::from_millis(limits::TYPING_MILLIS.unsigned_abs());
        let writers = self.typing.entry(id).or_default();
        if writers.len() < limits::TYPING_GROUP && writers.insert(user, until).is_none() {
            self.changes.typing.insert(id);
            self.touch(id);
        }
    }

    /// Who has written is not writing any more.
    pub(super) fn stop_typing(&mut self, id: ConversationId, user: UserId) {
        if let Some(writers) = self.typing.get_mut(&id)
            && writers.remove(&user).is_some()
        {
            self.changes.typing.insert(id);
            self.touch(id);
        }
    }

    /// Forget who stopped writing. Gives the time of the next who will have.
    pub fn expire_typing(&mut self, now: Instant) -> Option<Instant> {
        for (&id, writers) in &mut self.typing {
            let before = writers.len();
            writers.retain(|_, &mut until| now < until);
            if writers.len() != before {
                self.changes.typing.insert(id);
                self.changes.conversations.insert(id);
            }
        }
        self.typing.retain(|_, writers| !writers.is_empty());
        self.typing.values().flat_map(|writers| writers.values()).min().copied()
    }

    /// Whose typing, presence and markers one wants to see.
    fn look(&self) -> Look {
        let open = self.windows.open();
        let on_screen = open.iter().filter_map(|id| self.conversations.get(id));
        let mut users: Vec<UserId> = on_screen
            .flat_map(|c| c.peer.into_iter().chain(c.roster.members.keys().copied()))
            .collect();
        let listed =
            self.order.iter().take(WATCHED_ITEMS).filter_map(|id| self.conversations.get(id));
        users.extend(listed.filter(|c| c.kind == ConversationKind::Direct).filter_map(|c| c.peer));
        let mut seen = std::collections::BTreeSet::from([self.me]);
        users.retain(|&user| seen.insert(user));
        users.truncate(limits::LOOKS);
        let known =
            |id: &&ConversationId| self.conversations.get(id).is_some_and(|c| c.head.seq > 0);
        let conversations = open.iter().filter(known).take(limits::LOOKS).copied().collect();
        Look { conversations, users }
    }
}
