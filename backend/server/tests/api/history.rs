//! Conversations as the sequencer would have stored them, put there directly, so that a test can
//! have exactly the memberships that it is about.

use protocol::model::{ConversationKind, MessageState, Period, Text};
use protocol::{ConversationId, Event, EventKind, Role, UserId};
use storage::{Batch, ConversationRow, EventRow, Head, MemberRow, MessageRow};

use super::Api;

/// When somebody joined, and when they left.
pub type Stay = (u64, Option<u64>);

/// A group to be.
pub struct Group {
    pub id: ConversationId,
    pub open: bool,
    pub members: Vec<(UserId, Vec<Stay>)>,
    /// The kinds of its events, from seq 1. A message's text is `text <seq>`.
    pub events: Vec<EventKind>,
}

impl Api {
    /// Store a group with `n` messages.
    pub async fn group(&self, open: bool, members: &[(UserId, &[Stay])], n: u64) -> ConversationId {
        let id = ConversationId(self.app.environment.id());
        let members = members.iter().map(|(user, periods)| (*user, periods.to_vec())).collect();
        let events = (0..n).map(|_| EventKind::Message { reply_to: None }).collect();
        self.store(Group { id, open, members, events }, |seq| format!("text {seq}")).await;
        id
    }

    pub async fn store(&self, group: Group, text: impl Fn(u64) -> String) {
        let Group { id: conversation, open, members, events } = group;
        // Below everything that the log gives out, as what is imported.
        let position = 1;
        let sender = members[0].0;
        let at = self.app.environment.now();
        let mut ord = 0;
        let mut batch = Batch { restart: position + 1, ..Batch::default() };
        for (seq, kind) in (1..).zip(events) {
            ord += u64::from(kind.counts());
            if kind.counts() {
                let texts = vec![Text { text: text(seq), at }];
                let state = MessageState {
                    seq,
                    texts,
                    reactions: Vec::new(),
                    pinned: false,
                    state_seq: seq,
                };
                batch.messages.push(MessageRow { conversation, state, position });
            }
            let client_ref = self.app.environment.id().into();
            let event = Event { seq, ord, at, sender, client_ref, kind };
            batch.events.push(EventRow { conversation, event, position });
        }
        let seq = batch.events.len() as u64;
        batch.heads.push((conversation, Head { seq, ord, position }));
        batch.conversations.push(ConversationRow {
            conversation,
            kind: ConversationKind::Group,
            title: "Engine room".into(),
            history_open: open,
            pins: Vec::new(),
            position,
        });
        let row = |(user, periods): (UserId, Vec<Stay>)| MemberRow {
            conversation,
            user,
            role: if user == sender { Role::Owner } else { Role::Member },
            periods: periods
                .into_iter()
                .map(|(joined_seq, left_seq)| Period { joined_seq, left_seq })
                .collect(),
            position,
        };
        batch.members = members.into_iter().map(row).collect();
        self.app.stores.fold.apply(batch).await.unwrap();
    }
}
