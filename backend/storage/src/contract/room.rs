//! A conversation for the sentences: it numbers its events as the sequencer would.

use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::frame::{EventFrame, ServerFrame};
use protocol::model::{ConversationKind, EventKind, Period, Text};
use protocol::{
    ClientRef, ConversationId, Event, MessageState, Millis, Role, UserId, direct_conversation,
};

use super::{user, uuid7};
use crate::{
    Batch, Change, ConversationRow, EventRow, Head, MemberRow, MessageRow, Outcome, Position,
    RefRow,
};

/// A conversation, and the batch that is not applied yet.
pub struct Room {
    /// Its id.
    pub id: ConversationId,
    /// What is to be applied next; `take` empties it.
    pub batch: Batch,
    /// The head after that.
    pub head: Head,
    row: ConversationRow,
    members: BTreeMap<UserId, MemberRow>,
    states: BTreeMap<u64, MessageState>,
}

/// When the event with this seq is taken.
#[must_use]
pub fn at(seq: u64) -> Millis {
    1_700_000_000_000 + i64::try_from(seq).unwrap() * 1_000
}

impl Room {
    /// A group of people 1 to `members`, created by the first. `number` tells rooms apart.
    #[must_use]
    pub fn group(number: u64, members: u64, history_open: bool) -> Self {
        let id = ConversationId(uuid7(number << 32));
        let mut room = Self::empty(id, ConversationKind::Group, history_open);
        room.row.title = format!("room {number}");
        let others: Vec<_> = (2..=members).map(user).collect();
        let title = room.row.title.clone();
        room.event(1, EventKind::Created { title, members: others.clone(), history_open });
        room.row.position = room.head.position;
        room.batch.conversations.push(room.row.clone());
        room.join(&[user(1)], Role::Owner);
        room.join(&others, Role::Member);
        room
    }

    /// The direct conversation of persons 1 and `peer`, before its first message: they are members
    /// from the start of it.
    #[must_use]
    pub fn direct(peer: u64) -> Self {
        let id = direct_conversation(user(1), user(peer));
        let mut room = Self::empty(id, ConversationKind::Direct, false);
        room.row.position = 1;
        room.batch.conversations.push(room.row.clone());
        room.join(&[user(1), user(peer)], Role::Member);
        room
    }

    fn empty(id: ConversationId, kind: ConversationKind, history_open: bool) -> Self {
        let row = ConversationRow {
            conversation: id,
            kind,
            title: String::new(),
            history_open,
            pins: Vec::new(),
            position: 0,
        };
        Self {
            id,
            batch: Batch::default(),
            head: Head::default(),
            row,
            members: BTreeMap::new(),
            states: BTreeMap::new(),
        }
    }

    /// What is to be applied next.
    pub fn take(&mut self) -> Batch {
        let mut batch = std::mem::take(&mut self.batch);
        if self.head.seq > 0 {
            batch.heads = vec![(self.id, self.head)];
        }
        batch.restart = self.head.position + 1;
        batch
    }

    /// As [`Room::take`], with every event told to those who are members of it, as the fan-out does.
    pub fn take_told(&mut self) -> Batch {
        let mut batch = self.take();
        for row in &batch.events {
            let event = row.event.clone();
            let is_told = |member: &&MemberRow| member.periods.iter().any(|p| p.covers(event.seq));
            let recipients: Vec<_> =
                self.members.values().filter(is_told).map(|member| member.user).collect();
            let states = self.states.get(&event.seq).cloned().into_iter().collect();
            let frame = EventFrame { conversation: self.id, event, states };
            let frame = Bytes::from(serde_json::to_vec(&ServerFrame::Event(frame)).unwrap());
            batch.changes.push(Change::Frame { recipients: recipients.into(), frame });
        }
        batch
    }

    /// Somebody says something; its seq.
    pub fn says(&mut self, who: u64, text: &str) -> u64 {
        self.says_to(who, text, None)
    }

    /// Somebody answers a message; its seq.
    pub fn says_to(&mut self, who: u64, text: &str, reply_to: Option<u64>) -> u64 {
        let seq = self.event(who, EventKind::Message { reply_to });
        let texts = vec![Text { text: text.into(), at: at(seq) }];
        self.states.insert(
            seq,
            MessageState { seq, texts, reactions: Vec::new(), pinned: false, state_seq: seq },
        );
        self.keep_state(seq);
        seq
    }

    /// Somebody gives a message another text; the event's seq.
    pub fn edits(&mut self, who: u64, target: u64, text: &str) -> u64 {
        let seq = self.event(who, EventKind::Edited { target });
        let state = self.states.get_mut(&target).unwrap();
        state.texts.push(Text { text: text.into(), at: at(seq) });
        state.state_seq = seq;
        self.keep_state(target);
        seq
    }

    /// The group gets another name; the event's seq.
    pub fn renames(&mut self, who: u64, title: &str) -> u64 {
        let seq = self.event(who, EventKind::Renamed { title: title.into() });
        self.row.title = title.into();
        self.row.position = self.head.position;
        self.batch.conversations.retain(|row| row.conversation != self.id);
        self.batch.conversations.push(self.row.clone());
        seq
    }

    /// Somebody is added; the event's seq.
    pub fn adds(&mut self, who: u64, new: u64) -> u64 {
        let seq = self.event(who, EventKind::Added { users: vec![user(new)] });
        self.join(&[user(new)], Role::Member);
        seq
    }

    /// Somebody leaves; the event's seq.
    pub fn leaves(&mut self, who: u64) -> u64 {
        let seq = self.event(who, EventKind::Left { new_owner: None });
        let position = self.head.position;
        let member = self.members.get_mut(&user(who)).unwrap();
        member.periods.last_mut().unwrap().left_seq = Some(seq);
        member.position = position;
        let member = member.clone();
        self.keep_member(member);
        seq
    }

    /// The state of a message as it is now.
    #[must_use]
    pub fn state(&self, seq: u64) -> MessageState {
        self.states[&seq].clone()
    }

    /// The row of a member as it is now.
    #[must_use]
    pub fn member(&self, who: u64) -> MemberRow {
        self.members[&user(who)].clone()
    }

    /// The row of the conversation as it is now.
    #[must_use]
    pub fn row(&self) -> ConversationRow {
        self.row.clone()
    }

    /// Tell somebody something when the batch is applied.
    pub fn tells(&mut self, who: u64, what: &str) -> Change {
        let frame = Bytes::from(what.to_owned());
        let change = Change::Frame { recipients: vec![user(who)].into(), frame };
        self.batch.changes.push(change.clone());
        change
    }

    fn event(&mut self, who: u64, kind: EventKind) -> u64 {
        let seq = self.head.seq + 1;
        let ord = self.head.ord + u64::from(kind.counts());
        // Positions have holes, as in a partition that others write to.
        let position: Position = seq * 10;
        self.head = Head { seq, ord, position };
        let client_ref = ClientRef(uuid7(seq));
        let event = Event { seq, ord, at: at(seq), sender: user(who), client_ref, kind };
        self.batch.refs.push(RefRow {
            conversation: self.id,
            sender: user(who),
            client_ref,
            position,
            outcome: Outcome::Accepted(seq),
            hash: [u8::try_from(seq % 251).unwrap(); 16],
            at: at(seq),
        });
        self.batch.events.push(EventRow { conversation: self.id, event, position });
        seq
    }

    fn join(&mut self, users: &[UserId], role: Role) {
        for user in users {
            let period = Period { joined_seq: self.head.seq, left_seq: None };
            let member = self.members.entry(*user).or_insert_with(|| MemberRow {
                conversation: self.id,
                user: *user,
                role,
                periods: Vec::new(),
                position: 0,
            });
            member.role = role;
            member.periods.push(period);
            member.position = self.head.position.max(1);
            let member = member.clone();
            self.keep_member(member);
        }
    }

    fn keep_member(&mut self, member: MemberRow) {
        self.batch.members.retain(|row| row.user != member.user);
        self.batch.members.push(member);
    }

    fn keep_state(&mut self, seq: u64) {
        let row = MessageRow {
            conversation: self.id,
            state: self.states[&seq].clone(),
            position: self.head.position,
        };
        self.batch.messages.retain(|row| row.state.seq != seq);
        self.batch.messages.push(row);
    }
}
