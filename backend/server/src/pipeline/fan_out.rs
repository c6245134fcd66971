//! Who hears of what, and in which bytes. A frame is encoded once for everybody who gets it.

use std::sync::Arc;

use protocol::frame::{EventFrame, Rejected};
use protocol::{ClientRef, Code, Event, MessageState, ServerFrame, UserId, wire};
use storage::Change;

use super::record::Record;
use super::state::State;

/// The frames of one accepted event, for everybody with a membership that covers it. Whoever may not
/// read the message that it is about (it is older than their membership) gets it without its state.
#[must_use]
pub fn event(state: &State, record: &Record, event: &Event) -> Vec<Change> {
    let recipients = state.recipients(event.seq);
    let states = states(state, event);
    let Some(other) = event.kind.names().filter(|_| !states.is_empty()) else {
        return vec![frame(record, event, states, recipients)];
    };
    let (seeing, others): (Vec<UserId>, Vec<UserId>) =
        recipients.iter().partition(|user| state.can_see(**user, other));
    let mut changes = Vec::with_capacity(2);
    if !others.is_empty() {
        let own = states.iter().filter(|s| s.seq == event.seq).cloned().collect();
        changes.push(frame(record, event, own, others.into()));
    }
    if !seeing.is_empty() {
        changes.push(frame(record, event, states, seeing.into()));
    }
    changes
}

/// An event again, for one person: the answer to a second copy of a command.
#[must_use]
pub fn again(state: &State, record: &Record, event: &Event) -> Change {
    let states =
        states(state, event).into_iter().filter(|s| state.can_see(record.sender, s.seq)).collect();
    frame(record, event, states, Arc::new([record.sender]))
}

/// A rejection, for the apps of who sent the command.
#[must_use]
pub fn rejected(record: &Record, client_ref: ClientRef, code: Code) -> Change {
    let rejected = Rejected { conversation: record.conversation, client_ref, code };
    Change::Frame {
        recipients: Arc::new([record.sender]),
        frame: wire::encode(&ServerFrame::Rejected(rejected)).into(),
    }
}

/// The states of the messages that an event makes, changes or quotes.
fn states(state: &State, event: &Event) -> Vec<MessageState> {
    let own = event.kind.counts().then_some(event.seq);
    own.into_iter()
        .chain(event.kind.names())
        .filter_map(|seq| state.messages.get(&seq))
        .map(|message| message.row.state.clone())
        .collect()
}

fn frame(
    record: &Record,
    event: &Event,
    states: Vec<MessageState>,
    recipients: Arc<[UserId]>,
) -> Change {
    let frame = ServerFrame::Event(EventFrame {
        conversation: record.conversation,
        event: event.clone(),
        states,
    });
    Change::Frame { recipients, frame: wire::encode(&frame).into() }
}
