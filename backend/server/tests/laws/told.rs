//! What people are told, and which answers that gives to whom.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{ClientRef, Code, ConversationId, ServerFrame, UserId};
use storage::{Change, Committed};
use tokio::sync::mpsc;

/// One frame and who hears it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) to: Vec<UserId>,
    pub(crate) frame: ServerFrame,
}

/// What a command became, as its sender hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    Accepted(u64),
    Rejected(Code),
}

/// Whose command.
pub(crate) type Key = (ConversationId, UserId, ClientRef);

/// Everything that was handed out since the last time.
pub(crate) fn drain(committed: &mut mpsc::Receiver<Committed>) -> Vec<Told> {
    let mut told = Vec::new();
    while let Ok(one) = committed.try_recv() {
        for change in one.changes {
            let Change::Frame { recipients, frame } = change else {
                panic!("the sequencer tells frames only: {change:?}");
            };
            let frame = serde_json::from_slice(&frame).unwrap();
            told.push(Told { to: recipients.to_vec(), frame });
        }
    }
    told
}

/// The answers in the order in which they were given.
pub(crate) fn answers(told: &[Told]) -> Vec<(Key, Answer)> {
    told.iter().filter_map(Told::answer).collect()
}

/// What is heard in all, however often and in whatever order: the answers to each command, who
/// hears of each event, and who is shown the state of which message.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Heard {
    answers: BTreeMap<Key, BTreeSet<Answer>>,
    events: BTreeMap<(ConversationId, u64), BTreeSet<UserId>>,
    states: BTreeMap<(ConversationId, u64), BTreeSet<UserId>>,
}

pub(crate) fn heard(told: &[Told]) -> Heard {
    let mut heard = Heard::default();
    for (key, answer) in answers(told) {
        heard.answers.entry(key).or_default().insert(answer);
    }
    for one in told {
        let ServerFrame::Event(frame) = &one.frame else { continue };
        let id = frame.conversation;
        heard.events.entry((id, frame.event.seq)).or_default().extend(&one.to);
        for state in &frame.states {
            heard.states.entry((id, state.seq)).or_default().extend(&one.to);
        }
    }
    heard
}

impl Told {
    /// The answer to a command, if this is one: to who sent it.
    fn answer(&self) -> Option<(Key, Answer)> {
        match &self.frame {
            ServerFrame::Event(frame) => {
                let event = &frame.event;
                let key = (frame.conversation, event.sender, event.client_ref);
                self.to.contains(&event.sender).then_some((key, Answer::Accepted(event.seq)))
            }
            ServerFrame::Rejected(rejected) => {
                let [sender] = self.to[..] else { panic!("a rejection is its sender's: {self:?}") };
                let key = (rejected.conversation, sender, rejected.client_ref);
                Some((key, Answer::Rejected(rejected.code)))
            }
            frame => panic!("not of the sequencer: {frame:?}"),
        }
    }
}
