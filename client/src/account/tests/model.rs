//! A server in a few lines: it makes the history of a group, and answers for parts of it.

use std::collections::BTreeMap;

use protocol::frame::{ConversationPage, EventFrame, Page};
use protocol::model::{
    ConversationKind, Event, EventKind, Head, Marker, Member, MessageState, Period, Range,
    Reaction, Role, Text,
};
use protocol::{UserId, model};
use uuid::Uuid;

use super::{ME, ROOM, event};
use crate::account::Arrival;

/// What somebody does next; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Say(u8),
    Edit(u8),
    Delete(u8),
    React(u8),
    Rename,
    Add(u8),
    Remove(u8),
    Promote(u8),
}

/// A group as its server knows it: `ME` is its owner's first member and never leaves.
pub(super) struct Server {
    pub(super) events: Vec<Event>,
    /// The state of each message after each event that changed it.
    history: BTreeMap<u64, Vec<MessageState>>,
    /// Members and title after each event.
    after: Vec<(String, BTreeMap<UserId, Role>)>,
}

fn user(n: u8) -> UserId {
    UserId(Uuid::from_u128(2 + u128::from(n % 5)))
}

impl Server {
    pub(super) fn new(acts: &[Act]) -> Self {
        let created = EventKind::Created {
            title: "room".into(),
            members: vec![ME, user(1)],
            history_open: false,
        };
        let members =
            BTreeMap::from([(ME, Role::Member), (user(0), Role::Owner), (user(1), Role::Member)]);
        let mut server = Self {
            events: vec![event(1, 0, user(0), created)],
            history: BTreeMap::new(),
            after: vec![("room".into(), members)],
        };
        acts.iter().for_each(|act| server.act(act));
        server
    }

    fn act(&mut self, act: &Act) {
        let seq = self.events.len() as u64 + 1;
        let ord = self.events.last().map_or(0, |event| event.ord);
        let (mut title, mut members) = self.after.last().cloned().unwrap();
        let messages: Vec<u64> = self.history.keys().copied().collect();
        let target = |n: u8| messages.get(usize::from(n) % messages.len().max(1)).copied();
        let mut sender = user(0);
        let kind = match act {
            Act::Say(n) => {
                let all: Vec<UserId> = members.keys().copied().collect();
                sender = all[usize::from(*n) % all.len()];
                EventKind::Message { reply_to: target(*n) }
            }
            Act::Edit(n) | Act::Delete(n) | Act::React(n) => {
                let Some(target) = target(*n) else { return };
                if self.state(target, seq).texts.is_empty() {
                    return;
                }
                match act {
                    Act::Edit(_) => EventKind::Edited { target },
                    Act::Delete(_) => EventKind::Deleted { target },
                    _ => EventKind::Reacted { target, emoji: "👍".into(), on: true },
                }
            }
            Act::Rename => {
                title = format!("title {seq}");
                EventKind::Renamed { title: title.clone() }
            }
            Act::Add(n) => {
                if members.contains_key(&user(*n)) {
                    return;
                }
                members.insert(user(*n), Role::Member);
                EventKind::Added { users: vec![user(*n)] }
            }
            Act::Remove(n) => {
                if user(*n) == user(0) || members.remove(&user(*n)).is_none() {
                    return;
                }
                EventKind::Removed { user: user(*n) }
            }
            Act::Promote(n) => {
                if user(*n) == user(0) || !members.contains_key(&user(*n)) {
                    return;
                }
                members.insert(user(*n), Role::Admin);
                EventKind::RoleChanged { user: user(*n), role: Role::Admin }
            }
        };
        let ord = ord + u64::from(kind.counts());
        let event = event(seq, ord, sender, kind);
        self.change(&event);
        self.events.push(event);
        self.after.push((title, members));
    }

    fn change(&mut self, event: &Event) {
        let seq = event.seq;
        let Some(target) = event.kind.changes(seq) else { return };
        let mut state =
            self.history.get(&target).and_then(|all| all.last().cloned()).unwrap_or_else(|| {
                MessageState { seq, texts: vec![], reactions: vec![], pinned: false, state_seq: 0 }
            });
        state.state_seq = seq;
        match &event.kind {
            EventKind::Message { .. } | EventKind::Edited { .. } => {
                state.texts.push(Text { text: format!("text {seq}"), at: 0 });
            }
            EventKind::Deleted { .. } => state.texts.clear(),
            EventKind::Reacted { emoji, .. } => {
                state.reactions =
                    vec![Reaction { emoji: emoji.clone(), users: vec![event.sender] }];
            }
            _ => {}
        }
        self.history.entry(target).or_default().push(state);
    }

    /// The state of a message as it was when the head was `head`.
    fn state(&self, of: u64, head: u64) -> MessageState {
        let all = &self.history[&of];
        all.iter().rev().find(|state| state.state_seq <= head).unwrap_or(&all[0]).clone()
    }

    pub(super) fn head(&self) -> u64 {
        self.events.len() as u64
    }

    fn states(&self, events: &[Event], head: u64) -> Vec<MessageState> {
        let mut seqs: Vec<u64> = events
            .iter()
            .flat_map(|event| [event.kind.changes(event.seq), event.kind.names()])
            .flatten()
            .collect();
        seqs.sort_unstable();
        seqs.dedup();
        seqs.into_iter().map(|seq| self.state(seq, head)).collect()
    }

    /// The live frame of an event, as it went out when the event was the newest.
    pub(super) fn frame(&self, seq: u64) -> Arrival {
        let event = self.events[seq as usize - 1].clone();
        let states = self.states(std::slice::from_ref(&event), seq);
        Arrival::Event(EventFrame { conversation: ROOM, event, states })
    }

    /// A page as of an earlier or the present head, with its newest events.
    pub(super) fn page(&self, head: u64, newest: u64) -> Arrival {
        let first = head.saturating_sub(newest) + 1;
        let events = self.events[first as usize - 1..head as usize].to_vec();
        let states = self.states(&events, head);
        let (title, members) = self.after[head as usize - 1].clone();
        let page = ConversationPage {
            conversation: ROOM,
            kind: ConversationKind::Group,
            title,
            history_open: false,
            head: Head { seq: head, ord: self.events[head as usize - 1].ord },
            at: self.events[head as usize - 1].at,
            role: members[&ME],
            periods: vec![Period { joined_seq: 1, left_seq: None }],
            member_count: members.len() as u64,
            members: members.iter().map(|(&user, &role)| Member { user, role }).collect(),
            markers: members.keys().map(|&user| Marker { user, delivered: 1, read: 1 }).collect(),
            read_ord: 0,
            events,
            states,
        };
        Arrival::Page(Page {
            conversations: vec![page],
            account_version: 0,
            last: true,
            whole: false,
        })
    }

    /// The answer to a request for history, cut to `most` events as a server may.
    pub(super) fn range(&self, from: u64, to: u64, most: u64) -> Arrival {
        let to = to.min(self.head());
        let from = from.max((to + 1).saturating_sub(most)).max(1);
        let events = self.events[from as usize - 1..to as usize].to_vec();
        let states = self.states(&events, self.head());
        let range = Range { conversation: ROOM, from, to, events, states, closed: vec![] };
        Arrival::Range(range)
    }

    /// Messages of others after `read`: what unread has to be.
    pub(super) fn unread(&self, read: u64) -> u64 {
        let after = self.events.iter().filter(|event| event.seq > read);
        after.filter(|event| event.kind.counts() && event.sender != ME).count() as u64
    }

    pub(super) fn ord(&self, seq: u64) -> u64 {
        self.events.get(seq as usize - 1).map_or(0, |event: &model::Event| event.ord)
    }
}
