//! A conversation as a lane holds it, and what one event does to its overwritten rows.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::model::{ConversationKind, Period, Reaction, Text, is_current};
use protocol::{Command, ConversationId, Event, EventKind, MessageState, Role, UserId, limits};
use storage::{ConversationRow, EventRow, Head, Loaded, MemberRow, MessageRow, Position};

use super::record::Record;

/// A conversation's head and rows, as far as they are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The last accepted event.
    pub head: Head,
    /// Its own row.
    pub conversation: Option<ConversationRow>,
    /// Every member, past and present.
    pub members: BTreeMap<UserId, MemberRow>,
    /// The messages that were needed so far, by seq.
    pub messages: BTreeMap<u64, Message>,
    /// The highest position among the rows that came from storage.
    pub loaded: Position,
}

/// A message: who wrote it, and its current state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its author.
    pub sender: UserId,
    /// Its state cell.
    pub row: MessageRow,
}

/// The overwritten rows that a record touched. Their last values are what is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// The conversation's own row.
    pub conversation: bool,
    /// Member rows.
    pub members: BTreeSet<UserId>,
    /// Message rows.
    pub messages: BTreeSet<u64>,
}

impl State {
    /// The state as it was stored.
    #[must_use]
    pub fn new(loaded: Loaded) -> Self {
        let highest = loaded
            .members
            .iter()
            .map(|row| row.position)
            .chain(loaded.conversation.iter().map(|row| row.position))
            .max()
            .unwrap_or_default();
        Self {
            head: loaded.head,
            conversation: loaded.conversation,
            members: loaded.members.into_iter().map(|row| (row.user, row)).collect(),
            messages: BTreeMap::new(),
            loaded: highest,
        }
    }

    /// Take in a message that came from storage.
    pub fn remember(&mut self, event: &EventRow, row: MessageRow) {
        self.loaded = self.loaded.max(row.position);
        self.messages.insert(event.event.seq, Message { sender: event.event.sender, row });
    }

    /// The member with this id, if they are one now.
    #[must_use]
    pub fn current(&self, user: UserId) -> Option<&MemberRow> {
        self.members.get(&user).filter(|row| is_current(&row.periods))
    }

    /// How many members there are now.
    #[must_use]
    pub fn current_count(&self) -> usize {
        self.members.values().filter(|row| is_current(&row.periods)).count()
    }

    /// Whether somebody may read the event with this seq.
    #[must_use]
    pub fn can_see(&self, user: UserId, seq: u64) -> bool {
        let open = self.conversation.as_ref().is_some_and(|row| row.history_open);
        self.members.get(&user).is_some_and(|row| {
            row.periods
                .iter()
                .any(|p| p.covers(seq) || (open && p.left_seq.is_none_or(|left| seq <= left)))
        })
    }

    /// Who is told of the event with this seq: those with a membership that covers it.
    #[must_use]
    pub fn recipients(&self, seq: u64) -> Arc<[UserId]> {
        self.members
            .values()
            .filter(|row| row.periods.iter().any(|p| p.covers(seq)))
            .map(|row| row.user)
            .collect()
    }

    /// Apply an event to the overwritten rows that are older than its record, and say which were
    /// touched. A pure function of the event, the record and the rows: replaying it changes
    /// nothing. `touched` holds what earlier commands of the same record touched.
    pub fn apply(
        &mut self,
        event: &Event,
        record: &Record,
        command: &Command,
        position: Position,
        touched: &mut Touched,
    ) {
        let id = record.conversation;
        match &event.kind {
            EventKind::Message { .. } => {
                if let (Some(peer), None) = (record.peer, &self.conversation) {
                    self.begin(id, ConversationKind::Direct, "", false, position, touched);
                    // Nobody joins a direct conversation: both were there before its first message,
                    // which would otherwise count as read from the start.
                    self.join(id, record.sender, Role::Member, 0, position, touched);
                    self.join(id, peer, Role::Member, 0, position, touched);
                } else if let Some(peer) = record.peer {
                    // A crash may have come between these rows.
                    self.join_missing(id, [record.sender, peer], position, touched);
                }
                self.say(id, event, command, position, touched);
            }
            EventKind::Edited { target }
            | EventKind::Deleted { target }
            | EventKind::Reacted { target, .. }
            | EventKind::Pinned { target, .. } => {
                self.change_message(*target, event, command, position, touched);
            }
            EventKind::Created { title, members, history_open } => {
                self.begin(id, ConversationKind::Group, title, *history_open, position, touched);
                self.join(id, event.sender, Role::Owner, event.seq, position, touched);
                for user in members {
                    self.join(id, *user, Role::Member, event.seq, position, touched);
                }
            }
            EventKind::Renamed { title } => {
                if let Some(row) = self.own_row(position, touched) {
                    row.title.clone_from(title);
                }
            }
            EventKind::Added { users } => {
                for user in users {
                    self.join(id, *user, Role::Member, event.seq, position, touched);
                }
            }
            EventKind::Removed { user } => self.leave(*user, event.seq, position, touched),
            EventKind::Left { new_owner } => {
                self.leave(event.sender, event.seq, position, touched);
                if let Some(user) = new_owner {
                    self.give_role(*user, Role::Owner, position, touched);
                }
            }
            EventKind::RoleChanged { user, role } => {
                if *role == Role::Owner {
                    self.give_role(event.sender, Role::Admin, position, touched);
                }
                self.give_role(*user, *role, position, touched);
            }
            EventKind::Unknown(_) => {}
        }
    }

    fn begin(
        &mut self,
        id: ConversationId,
        kind: ConversationKind,
        title: &str,
        history_open: bool,
        position: Position,
        touched: &mut Touched,
    ) {
        if self.conversation.is_none() {
            touched.conversation = true;
            self.conversation = Some(ConversationRow {
                conversation: id,
                kind,
                title: title.to_owned(),
                history_open,
                pins: Vec::new(),
                position,
            });
        }
    }

    /// The conversation's own row, if this record may write it.
    fn own_row(
        &mut self,
        position: Position,
        touched: &mut Touched,
    ) -> Option<&mut ConversationRow> {
        let row = self.conversation.as_mut()?;
        if row.position >= position && !touched.conversation {
            return None;
        }
        touched.conversation = true;
        row.position = position;
        Some(row)
    }

    fn member_row(
        &mut self,
        user: UserId,
        position: Position,
        touched: &mut Touched,
    ) -> Option<&mut MemberRow> {
        let row = self.members.get_mut(&user)?;
        if row.position >= position && !touched.members.contains(&user) {
            return None;
        }
        touched.members.insert(user);
        row.position = position;
        Some(row)
    }

    fn join(
        &mut self,
        conversation: ConversationId,
        user: UserId,
        role: Role,
        seq: u64,
        position: Position,
        touched: &mut Touched,
    ) {
        let period = Period { joined_seq: seq, left_seq: None };
        if let Entry::Vacant(place) = self.members.entry(user) {
            touched.members.insert(user);
            let periods = vec![period];
            place.insert(MemberRow { conversation, user, role, periods, position });
        } else if let Some(row) = self.member_row(user, position, touched) {
            row.role = role;
            if !is_current(&row.periods) {
                row.periods.push(period);
            }
        }
    }

    fn join_missing(
        &mut self,
        conversation: ConversationId,
        users: [UserId; 2],
        position: Position,
        touched: &mut Touched,
    ) {
        for user in users {
            if !self.members.contains_key(&user) {
                self.join(conversation, user, Role::Member, 0, position, touched);
            }
        }
    }

    fn leave(&mut self, user: UserId, seq: u64, position: Position, touched: &mut Touched) {
        if let Some(row) = self.member_row(user, position, touched) {
            if let Some(period) = row.periods.last_mut().filter(|p| p.left_seq.is_none()) {
                period.left_seq = Some(seq);
            }
            row.role = Role::Member;
        }
    }

    fn give_role(&mut self, user: UserId, role: Role, position: Position, touched: &mut Touched) {
        if let Some(row) = self.member_row(user, position, touched) {
            row.role = role;
        }
    }

    fn say(
        &mut self,
        conversation: ConversationId,
        event: &Event,
        command: &Command,
        position: Position,
        touched: &mut Touched,
    ) {
        let Command::Message { text, .. } = command else { return };
        if self.messages.contains_key(&event.seq) {
            return;
        }
        touched.messages.insert(event.seq);
        let state = MessageState {
            seq: event.seq,
            texts: vec![Text { text: text.clone(), at: event.at }],
            reactions: Vec::new(),
            pinned: false,
            state_seq: event.seq,
        };
        let row = MessageRow { conversation, state, position };
        self.messages.insert(event.seq, Message { sender: event.sender, row });
    }

    fn change_message(
        &mut self,
        target: u64,
        event: &Event,
        command: &Command,
        position: Position,
        touched: &mut Touched,
    ) {
        if let EventKind::Pinned { on, .. } = &event.kind
            && let Some(row) = self.own_row(position, touched)
        {
            row.pins.retain(|pin| *pin != target);
            if *on {
                row.pins.push(target);
            }
        }
        if matches!(event.kind, EventKind::Deleted { .. })
            && self.conversation.as_ref().is_some_and(|row| row.pins.contains(&target))
            && let Some(row) = self.own_row(position, touched)
        {
            row.pins.retain(|pin| *pin != target);
        }
        let Some(message) = self.messages.get_mut(&target) else { return };
        if message.row.position >= position && !touched.messages.contains(&target) {
            return;
        }
        touched.messages.insert(target);
        message.row.position = position;
        let state = &mut message.row.state;
        state.state_seq = event.seq;
        match (&event.kind, command) {
            (EventKind::Edited { .. }, Command::Edit { text, .. }) => {
                state.texts.push(Text { text: text.clone(), at: event.at });
                forget_old_texts(&mut state.texts);
            }
            (EventKind::Deleted { .. }, _) => {
                state.texts.clear();
                state.reactions.clear();
                state.pinned = false;
            }
            (EventKind::Reacted { emoji, on, .. }, _) => {
                set_reaction(&mut state.reactions, event.sender, emoji, *on);
            }
            (EventKind::Pinned { on, .. }, _) => state.pinned = *on,
            _ => {}
        }
    }
}

/// Keep the current text and, of the earlier ones, the newest few that fit into one body's size.
fn forget_old_texts(texts: &mut Vec<Text>) {
    let mut kept = 0;
    let mut bytes = 0;
    for text in texts.iter().rev().skip(1) {
        bytes += text.text.len();
        if kept >= limits::TEXTS_PER_MESSAGE || bytes > limits::BODY_BYTES {
            break;
        }
        kept += 1;
    }
    texts.drain(..texts.len() - 1 - kept);
}

fn set_reaction(reactions: &mut Vec<Reaction>, user: UserId, emoji: &str, on: bool) {
    match reactions.iter_mut().find(|r| r.emoji == emoji) {
        Some(reaction) => {
            reaction.users.retain(|u| *u != user);
            if on {
                reaction.users.push(user);
            }
        }
        None if on => {
            reactions.push(Reaction { emoji: emoji.to_owned(), users: vec![user] });
        }
        None => {}
    }
    reactions.retain(|r| !r.users.is_empty());
}
