//! Whether a message is worth a notification: one function over everything that matters, without a
//! clock, a database or a screen. It may be asked as often as one likes; what it said before is
//! part of what it is given.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::{ConversationId, Millis};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use ts_rs::TS;

use crate::view::Notify;

/// One conversation is not told of more often. What comes meanwhile is in the next one.
pub const PACE: Duration = Duration::from_secs(3);
/// So long a notification waits for the name of who wrote.
pub const NAME_PATIENCE: Duration = Duration::from_secs(2);
/// More conversations at once become one summary.
pub const MOST_AT_ONCE: usize = 5;

/// What is in front of the person's eyes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Looking {
    /// Whether a window of the app is visible and has the keyboard.
    pub focused: bool,
    /// The conversation whose newest message is on screen there.
    pub conversation: Option<ConversationId>,
}

/// Everything that matters at one moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The time of day, for mutes.
    pub time: Millis,
    /// The same moment on a clock that only moves forward, for what may be told how often.
    pub now: Instant,
    /// What the person wants to be told of.
    pub notify: Notify,
    /// Whether a notification may show what was written, and by whom.
    pub content: bool,
    /// What the person looks at.
    pub looking: Looking,
    /// Whether what is new came with the answer to a `hello`: the person, or the network, was away.
    pub replay: bool,
    /// The conversations in which something changed, and those that are shown.
    pub stands: Vec<Stand>,
}

/// One conversation.
#[derive(Clone, Debug)]
pub struct Stand {
    /// Which.
    pub conversation: ConversationId,
    /// A group's name; `None` for a direct conversation.
    pub group: Option<String>,
    /// Its newest seq.
    pub head: u64,
    /// The person has read up to here, on any device.
    pub read: u64,
    /// Up to here everything was told of, or was not worth it.
    pub noticed: u64,
    /// Unread messages, derived.
    pub unread: u64,
    /// Until when it is muted; 0 for not.
    pub muted_until: Millis,
    /// Events above `noticed` and `read`, ascending.
    pub happened: Vec<Happened>,
    /// Whether the message that is shown was deleted since.
    pub shown_is_deleted: bool,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Its seq.
    pub seq: u64,
    /// What it is.
    pub what: What,
}

/// What an event is to somebody who may be told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A message of somebody else.
    Message {
        /// Who wrote it; `None` while their name is not known.
        sender: Option<String>,
        /// What they wrote, in one plain line.
        text: String,
    },
    /// A message that was deleted already.
    Deleted,
    /// Something that the person did, here or on another device.
    Own,
    /// An edit, a reaction, somebody who joined: nothing that calls for the person.
    Other,
}

/// What is shown now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// One for each conversation at most: the seq, and since when.
    pub messages: BTreeMap<ConversationId, (u64, Instant)>,
    /// What the summary is of: the newest seq of each conversation, and what was unread there.
    pub summary: BTreeMap<ConversationId, (u64, u64)>,
    /// Conversations whose newest message waits for a name, and since when.
    pub nameless: BTreeMap<ConversationId, Instant>,
    /// Conversations that were put off, and have to be looked at again.
    pub waiting: BTreeSet<ConversationId>,
}

/// What is to be shown, or taken away. The last one of a conversation replaces those before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alert {
    /// Somebody wrote.
    Message {
        /// Where.
        conversation: ConversationId,
        /// The message: a click leads to it.
        seq: u64,
        /// Unread messages there, this one included.
        unread: u64,
        /// What to show of it; `None` when the person wants nothing to be seen.
        content: Option<Content>,
    },
    /// Much has come while the person was away.
    Summary {
        /// How many messages.
        messages: u64,
        /// In how many conversations.
        conversations: u64,
    },
    /// The notification of this conversation has become pointless.
    Withdraw(ConversationId),
    /// And so has the summary.
    WithdrawSummary,
}

/// What a notification shows of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// A group's name.
    pub group: Option<String>,
    /// Who wrote; empty when that could not be found out in time.
    pub sender: String,
    /// What, in one plain line.
    pub text: String,
}

/// What was decided.
#[derive(Debug, Default, PartialEq)]
pub struct Decision {
    /// In this order.
    pub alerts: Vec<Alert>,
    /// Conversations that are settled up to these seqs: what is there never comes up again.
    pub noticed: Vec<(ConversationId, u64)>,
    /// What is shown afterwards.
    pub shown: Shown,
    /// When to ask again, if nothing changes before.
    pub again: Option<Instant>,
}

/// What one conversation calls for.
enum Call<'a> {
    /// Nothing, and what is there is settled.
    Nothing,
    /// Nothing before this time.
    Later(Instant),
    /// The person.
    Person { seq: u64, sender: &'a str, text: &'a str },
}

/// Decide.
#[must_use]
pub fn decide(shown: &Shown, moment: &Moment) -> Decision {
    let mut decision = Decision { shown: shown.clone(), ..Decision::default() };
    let mut calls = Vec::new();
    for stand in &moment.stands {
        withdraw(stand, moment, &mut decision);
        decision.shown.waiting.remove(&stand.conversation);
        match call(stand, moment, &mut decision.shown) {
            Call::Nothing => decision.settle(stand),
            Call::Later(at) => {
                decision.shown.waiting.insert(stand.conversation);
                decision.again = Some(decision.again.map_or(at, |other| other.min(at)));
            }
            Call::Person { seq, sender, text } => {
                decision.settle(stand);
                calls.push((stand, seq, sender, text));
            }
        }
    }
    let most = if moment.replay { 1 } else { MOST_AT_ONCE };
    if calls.len() > most {
        // Who has the app before them sees in the list what has come.
        if !(moment.replay && moment.looking.focused) {
            summarize(&calls, &mut decision);
        }
        return decision;
    }
    for (stand, seq, sender, text) in calls {
        let content = moment.content.then(|| Content {
            group: stand.group.clone(),
            sender: sender.to_owned(),
            text: text.to_owned(),
        });
        let conversation = stand.conversation;
        decision.shown.messages.insert(conversation, (seq, moment.now));
        let unread = stand.unread.max(1);
        decision.alerts.push(Alert::Message { conversation, seq, unread, content });
    }
    decision
}

impl Decision {
    fn settle(&mut self, stand: &Stand) {
        if stand.head > stand.noticed {
            self.noticed.push((stand.conversation, stand.head));
        }
    }
}

impl Moment {
    /// Whether nothing of this conversation may be shown.
    fn hushed(&self, stand: &Stand) -> bool {
        let looking = self.looking.focused && self.looking.conversation == Some(stand.conversation);
        looking || self.notify == Notify::Nothing || self.time < stand.muted_until
    }
}

/// Take away what became pointless.
fn withdraw(stand: &Stand, moment: &Moment, decision: &mut Decision) {
    let (id, shown) = (stand.conversation, &mut decision.shown);
    let hushed = moment.hushed(stand);
    if let Some(&(seq, _)) = shown.messages.get(&id)
        && (hushed || stand.read >= seq || stand.shown_is_deleted)
    {
        shown.messages.remove(&id);
        decision.alerts.push(Alert::Withdraw(id));
    }
    if let Some(&(seq, _)) = shown.summary.get(&id)
        && (hushed || stand.read >= seq)
    {
        shown.summary.remove(&id);
        if shown.summary.is_empty() {
            decision.alerts.push(Alert::WithdrawSummary);
        }
    }
}

fn call<'a>(stand: &'a Stand, moment: &Moment, shown: &mut Shown) -> Call<'a> {
    let above = stand.read.max(stand.noticed);
    let newest = stand.happened.iter().rev().filter(|event| event.seq > above);
    let newest = newest.filter_map(|event| match &event.what {
        What::Message { sender, text } => Some((event.seq, sender, text)),
        _ => None,
    });
    let Some((seq, sender, text)) = newest.into_iter().next().filter(|_| !moment.hushed(stand))
    else {
        shown.nameless.remove(&stand.conversation);
        return Call::Nothing;
    };
    if sender.is_none() && moment.content {
        let since = *shown.nameless.entry(stand.conversation).or_insert(moment.now);
        if moment.now < since + NAME_PATIENCE {
            return Call::Later(since + NAME_PATIENCE);
        }
    }
    shown.nameless.remove(&stand.conversation);
    if let Some(&(_, since)) = shown.messages.get(&stand.conversation)
        && moment.now < since + PACE
    {
        return Call::Later(since + PACE);
    }
    Call::Person { seq, sender: sender.as_deref().unwrap_or_default(), text }
}

/// One for all of them, together with what an earlier one still stands for.
fn summarize(calls: &[(&Stand, u64, &str, &str)], decision: &mut Decision) {
    for (stand, seq, ..) in calls {
        let unread = stand.unread.max(1);
        decision.shown.summary.insert(stand.conversation, (*seq, unread));
    }
    let all = &decision.shown.summary;
    decision.alerts.push(Alert::Summary {
        messages: all.values().map(|(_, unread)| unread).sum(),
        conversations: all.len() as u64,
    });
}
