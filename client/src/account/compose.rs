//! What the person does: every change is committed to the outbox before anything is answered.

use std::collections::BTreeSet;

use protocol::{ClientRef, Code, Command, ConversationId, UserId, limits};

use super::Account;
use crate::outbox;
use crate::store::{Draft, StoreError, Stored};
use crate::sync::Conversation;

/// Why something cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// It is not allowed or not well formed, as the server would say.
    #[error("{0}")]
    Refused(#[from] Code),
    /// It was handed to a connection already.
    #[error("it was sent already")]
    TooLate,
    /// The outbox cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Account {
    /// Put a command into the outbox. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn submit(
        &mut self,
        id: ConversationId,
        command: Command,
    ) -> Result<ClientRef, ComposeError> {
        let conversation = self.conversations.get(&id).ok_or(Code::NoConversation)?;
        if !conversation.is_member() {
            return Err(Code::NotAMember.into());
        }
        if command.target().is_some_and(|target| target > conversation.head.seq) {
            return Err(Code::NoMessage.into());
        }
        let peer = conversation.peer;
        self.add(id, peer, vec![command])
    }

    /// Write a message. Its draft is gone with the same commit.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn send(
        &mut self,
        id: ConversationId,
        text: String,
        reply_to: Option<u64>,
    ) -> Result<ClientRef, ComposeError> {
        self.submit(id, Command::Message { text, reply_to })
    }

    fn add(
        &mut self,
        id: ConversationId,
        peer: Option<UserId>,
        commands: Vec<Command>,
    ) -> Result<ClientRef, ComposeError> {
        for command in &commands {
            command.check()?;
            if !outbox::fits(command) {
                return Err(Code::TooLarge.into());
            }
        }
        let writes = commands.iter().any(|c| matches!(c, Command::Message { .. }));
        let entries: Vec<Stored> = commands
            .into_iter()
            .map(|command| Stored {
                conversation: id,
                peer,
                client_ref: self.environment.client_ref(),
                command,
                handed: false,
                failed: None,
                created: self.environment.now(),
            })
            .collect();
        let first = entries.first().map(|entry| entry.client_ref).ok_or(Code::Malformed)?;
        let write = self.outbox.begin()?;
        for entry in &entries {
            write.add(entry)?;
        }
        if writes {
            write.draft(id, None)?;
        }
        write.commit()?;
        if writes {
            self.drafts.remove(&id);
        }
        entries.into_iter().for_each(|entry| self.queue.add(entry));
        self.touch(id);
        Ok(first)
    }

    /// Give a queued message another text.
    ///
    /// # Errors
    /// [`ComposeError::TooLate`] when it was handed to a connection.
    pub fn edit_queued(
        &mut self,
        id: ConversationId,
        client_ref: ClientRef,
        text: String,
    ) -> Result<(), ComposeError> {
        let entry = self.queue.get(id, client_ref).ok_or(ComposeError::TooLate)?;
        let Command::Message { reply_to, .. } = entry.command else {
            return Err(Code::NoMessage.into());
        };
        if entry.handed || entry.failed.is_some() {
            return Err(ComposeError::TooLate);
        }
        let command = Command::Message { text, reply_to };
        command.check()?;
        if !outbox::fits(&command) {
            return Err(Code::TooLarge.into());
        }
        let write = self.outbox.begin()?;
        write.change(client_ref, &command)?;
        write.commit()?;
        self.queue.update(id, client_ref, |entry| entry.command = command);
        self.touch(id);
        Ok(())
    }

    /// Take a queued message back, or remove a failed one.
    ///
    /// # Errors
    /// [`ComposeError::TooLate`] when it was handed to a connection and did not fail.
    pub fn cancel(
        &mut self,
        id: ConversationId,
        client_ref: ClientRef,
    ) -> Result<(), ComposeError> {
        let entry = self.queue.get(id, client_ref).ok_or(ComposeError::TooLate)?;
        if entry.handed && entry.failed.is_none() {
            return Err(ComposeError::TooLate);
        }
        let write = self.outbox.begin()?;
        write.remove(client_ref)?;
        write.commit()?;
        self.queue.remove(id, client_ref);
        self.touch(id);
        Ok(())
    }

    /// Send a failed message again, as a new one at the end.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn retry(
        &mut self,
        id: ConversationId,
        client_ref: ClientRef,
    ) -> Result<ClientRef, ComposeError> {
        let old = self.queue.get(id, client_ref).ok_or(ComposeError::TooLate)?.clone();
        if old.failed.is_none() {
            return Err(ComposeError::TooLate);
        }
        let new = Stored {
            client_ref: self.environment.client_ref(),
            handed: false,
            failed: None,
            created: self.environment.now(),
            ..old
        };
        let write = self.outbox.begin()?;
        write.remove(client_ref)?;
        write.add(&new)?;
        write.commit()?;
        self.queue.remove(id, client_ref);
        let new_ref = new.client_ref;
        self.queue.add(new);
        self.touch(id);
        Ok(new_ref)
    }

    /// The direct conversation with somebody, begun here if there was none.
    ///
    /// # Errors
    /// [`Code::NotWithYourself`].
    pub fn open_direct(&mut self, peer: UserId) -> Result<ConversationId, ComposeError> {
        if peer == self.me {
            return Err(Code::NotWithYourself.into());
        }
        let new = Conversation::direct(self.me, peer);
        let id = new.id;
        if !self.conversations.get(&id).is_some_and(|c| c.described) {
            let write = self.cache.begin()?;
            write.conversation(&new, self.conversations.get(&id))?;
            write.commit()?;
            self.conversations.insert(id, new);
            self.want_people([peer], false);
        }
        Ok(id)
    }

    /// Begin a group.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn create_group(
        &mut self,
        title: String,
        members: Vec<UserId>,
    ) -> Result<ConversationId, ComposeError> {
        let others: BTreeSet<UserId> =
            members.into_iter().filter(|&user| user != self.me).collect();
        if others.len() >= limits::GROUP_MEMBERS {
            return Err(Code::GroupFull.into());
        }
        let others: Vec<UserId> = others.into_iter().collect();
        let mut parts = others.chunks(limits::PEOPLE_PER_COMMAND);
        let first = parts.next().unwrap_or_default().to_vec();
        let create = Command::Create { title: title.clone(), members: first, history_open: false };
        let more = parts.map(|users| Command::Add { users: users.to_vec() });
        let id = self.environment.group_id();
        self.add(id, None, std::iter::once(create).chain(more).collect())?;
        self.conversations.insert(id, Conversation::begun(id, self.me, &title, &others));
        self.want_people(others, false);
        Ok(id)
    }

    /// Make people members, in as many commands as it takes.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn add_members(
        &mut self,
        id: ConversationId,
        users: Vec<UserId>,
    ) -> Result<(), ComposeError> {
        let conversation = self.conversations.get(&id).ok_or(Code::NoConversation)?;
        if !id.is_group() {
            return Err(Code::NotAGroup.into());
        }
        if !conversation.is_member() {
            return Err(Code::NotAMember.into());
        }
        let users: Vec<UserId> = users.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        if users.is_empty() || users.len() > limits::GROUP_MEMBERS {
            return Err(Code::BadValue.into());
        }
        let parts = users.chunks(limits::PEOPLE_PER_COMMAND);
        let commands = parts.map(|users| Command::Add { users: users.to_vec() }).collect();
        self.add(id, None, commands)?;
        Ok(())
    }

    /// Keep what is being written; `None` removes it.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn save_draft(
        &mut self,
        id: ConversationId,
        draft: Option<Draft>,
    ) -> Result<(), ComposeError> {
        if draft.as_ref().is_some_and(|draft| draft.text.len() > 4 * limits::BODY_BYTES) {
            return Err(Code::TooLarge.into());
        }
        if !self.conversations.contains_key(&id) {
            return Err(Code::NoConversation.into());
        }
        if self.drafts.get(&id) == draft.as_ref() {
            return Ok(());
        }
        let write = self.outbox.begin()?;
        write.draft(id, draft.as_ref())?;
        write.commit()?;
        match draft {
            Some(draft) => self.drafts.insert(id, draft),
            None => self.drafts.remove(&id),
        };
        self.touch(id);
        Ok(())
    }

    /// The person has seen everything up to `seq`. More than there is counts as all.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn mark_read(&mut self, id: ConversationId, seq: u64) -> Result<(), ComposeError> {
        let old = self.conversations.get(&id).ok_or(Code::NoConversation)?;
        let seq = seq.min(old.head.seq);
        if seq <= old.mine.read {
            return Ok(());
        }
        let ord = if seq == old.head.seq {
            old.head.ord
        } else {
            self.cache.ord_at(id, seq)?.unwrap_or(0).max(old.read_ord)
        };
        if let Some(values) = self.marks.raise(id, seq, seq) {
            let write = self.outbox.begin()?;
            write.mark(id, Some(values))?;
            write.commit()?;
        }
        let mut new = old.clone();
        new.see_mine(seq, seq, ord);
        let write = self.cache.begin()?;
        write.conversation(&new, Some(old))?;
        write.commit()?;
        self.conversations.insert(id, new);
        self.touch(id);
        Ok(())
    }
}
