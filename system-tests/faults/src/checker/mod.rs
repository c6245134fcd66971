//! From what happened to what must not have happened. Pure: the same lines give the same violations.

mod membership;
mod room;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use protocol::ConversationId;

use crate::history::{Line, What};
pub use membership::Periods;
use room::Room;

/// What kind of promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something that was told or taken is not there, or not as it was.
    Lost,
    /// Something is there twice.
    Duplicate,
    /// Not everybody sees one order, or a sender's own order is not kept.
    Order,
    /// Something that was rejected, or that nobody has sent, was told or stored.
    Aborted,
    /// Somebody saw what their membership does not cover, or missed what it does.
    Membership,
    /// Markers shrank, went beyond the head, or are not the same everywhere in the end.
    Markers,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Of which kind.
    pub kind: Kind,
    /// Where.
    pub room: ConversationId,
    /// What, for people.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {}: {}", self.kind, self.room, self.what)
    }
}

/// More of one kind in one room than these say nothing new.
const ENOUGH: usize = 10;

/// Everything that is wrong with a history, in order of kind and room.
#[must_use]
pub fn check(lines: impl IntoIterator<Item = Line>) -> Vec<Violation> {
    let mut rooms: BTreeMap<ConversationId, Room> = BTreeMap::new();
    for Line { n, what, .. } in lines {
        let Some(id) = of(&what) else { continue };
        rooms.entry(id).or_default().take(n, what);
    }
    let mut violations: Vec<Violation> = rooms
        .into_iter()
        .flat_map(|(room, state)| {
            let wrong = state.end().into_iter();
            wrong.map(move |(kind, what)| Violation { kind, room, what })
        })
        .collect();
    violations.sort();
    violations
}

/// Which room a line is about.
fn of(what: &What) -> Option<ConversationId> {
    match what {
        What::Direct { room, .. }
        | What::Sent { room, .. }
        | What::Rejected { room, .. }
        | What::Seen { room, .. }
        | What::Read { room, .. }
        | What::MarkStored { room, .. }
        | What::Marked { room, .. }
        | What::Stored { room, .. }
        | What::StoredMarks { room, .. } => Some(*room),
        What::Act { .. } => None,
    }
}
