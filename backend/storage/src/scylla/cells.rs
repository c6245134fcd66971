//! How cells are written and read: the one place of this store that encodes and decodes.
//!
//! A cell is JSON with a CRC-32 of it and of the key under which it must stand, so a flipped bit or a
//! cell in the wrong place is an error and never an answer.

use protocol::model::{ConversationKind, Period};
use protocol::{ClientRef, Code, ConversationId, Event, MessageState, Millis, Role, UserId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{
    ConversationRow, EventRow, Head, MemberRow, MessageRow, Outcome, Position, RefRow, Result,
    StorageError,
};

/// A cell as the store holds it: checksum and JSON.
pub(super) type Cell = (i64, String);

/// A head, and what readers need to know of its event.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct HeadCell {
    pub(super) seq: u64,
    pub(super) ord: u64,
    pub(super) position: Position,
    /// When its event was taken.
    pub(super) at: Millis,
    /// The partition of the log, for life: its restart row tells whether a batch is stored whole.
    pub(super) partition: u32,
}

impl HeadCell {
    pub(super) fn head(self) -> Head {
        Head { seq: self.seq, ord: self.ord, position: self.position }
    }
}

#[derive(Serialize, Deserialize)]
struct EventCell<E> {
    position: Position,
    event: E,
}

#[derive(Serialize, Deserialize)]
struct StateCell<S> {
    position: Position,
    state: S,
}

#[derive(Serialize, Deserialize)]
struct OwnCell<S, P> {
    kind: ConversationKind,
    title: S,
    history_open: bool,
    pins: P,
    position: Position,
}

#[derive(Serialize, Deserialize)]
struct MemberCell<P> {
    role: Role,
    periods: P,
    position: Position,
}

#[derive(Serialize, Deserialize)]
struct RefCell {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    hash: u128,
    at: Millis,
}

/// The key of a cell, as far as it is not the conversation.
#[derive(Clone, Copy)]
enum Key<'k> {
    Head,
    Own,
    Event(u64),
    State(u64),
    Title(u64),
    Member(&'k UserId),
    Ref(&'k UserId, &'k ClientRef, Position),
}

impl Key<'_> {
    fn checksum(self, conversation: ConversationId, text: &str) -> i64 {
        let mut sum = crc32fast::Hasher::new();
        sum.update(conversation.bytes());
        let mut part = |kind: u8, bytes: &[u8]| {
            sum.update(&[kind]);
            sum.update(bytes);
        };
        match self {
            Self::Head => part(0, &[]),
            Self::Own => part(1, &[]),
            Self::Event(seq) => part(2, &seq.to_le_bytes()),
            Self::State(seq) => part(3, &seq.to_le_bytes()),
            Self::Title(seq) => part(4, &seq.to_le_bytes()),
            Self::Member(user) => part(5, user.bytes()),
            Self::Ref(sender, client_ref, position) => {
                part(6, sender.bytes());
                part(6, client_ref.bytes());
                part(6, &position.to_le_bytes());
            }
        }
        sum.update(text.as_bytes());
        i64::from(sum.finalize())
    }

    /// The seq that an alarm names.
    fn seq(self) -> u64 {
        match self {
            Self::Event(seq) | Self::State(seq) | Self::Title(seq) => seq,
            _ => 0,
        }
    }
}

fn seal(conversation: ConversationId, key: Key<'_>, value: &impl Serialize) -> Cell {
    // None of these types has a map with other keys than text, the one thing that could fail.
    let text = serde_json::to_string(value).unwrap_or_default();
    (key.checksum(conversation, &text), text)
}

fn open<T: DeserializeOwned>(conversation: ConversationId, key: Key<'_>, cell: &Cell) -> Result<T> {
    let right = key.checksum(conversation, &cell.1) == cell.0;
    let value = right.then(|| serde_json::from_str(&cell.1).ok()).flatten();
    value.ok_or_else(|| damaged(conversation, key.seq()))
}

/// The alarm for a row that is missing or not as it was written.
pub(super) fn damaged(conversation: ConversationId, seq: u64) -> StorageError {
    tracing::error!(%conversation, seq, "stored history is damaged");
    StorageError::Damaged { conversation, seq }
}

/// A number for a column.
///
/// # Errors
/// When it is above 2^63: nothing that this server numbers gets there.
pub(super) fn int(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| StorageError::Unavailable(format!("{value} cannot be stored")))
}

/// A column's number; none is ever written below zero.
pub(super) fn whole(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

pub(super) fn head_cell(conversation: ConversationId, head: &HeadCell) -> Cell {
    seal(conversation, Key::Head, head)
}

pub(super) fn head(conversation: ConversationId, cell: &Cell) -> Result<HeadCell> {
    open(conversation, Key::Head, cell)
}

pub(super) fn event_cell(row: &EventRow) -> Cell {
    let value = EventCell { position: row.position, event: &row.event };
    seal(row.conversation, Key::Event(row.event.seq), &value)
}

pub(super) fn event(conversation: ConversationId, seq: u64, cell: &Cell) -> Result<EventRow> {
    let EventCell::<Event> { position, event } = open(conversation, Key::Event(seq), cell)?;
    Ok(EventRow { conversation, event, position })
}

pub(super) fn state_cell(row: &MessageRow) -> Cell {
    let value = StateCell { position: row.position, state: &row.state };
    seal(row.conversation, Key::State(row.state.seq), &value)
}

pub(super) fn state(conversation: ConversationId, seq: u64, cell: &Cell) -> Result<MessageRow> {
    let StateCell::<MessageState> { position, state } = open(conversation, Key::State(seq), cell)?;
    Ok(MessageRow { conversation, state, position })
}

pub(super) fn title_cell(conversation: ConversationId, seq: u64, title: &str) -> Cell {
    seal(conversation, Key::Title(seq), &title)
}

pub(super) fn title(conversation: ConversationId, seq: u64, cell: &Cell) -> Result<String> {
    open(conversation, Key::Title(seq), cell)
}

pub(super) fn own_cell(row: &ConversationRow) -> Cell {
    let value = OwnCell {
        kind: row.kind,
        title: &row.title,
        history_open: row.history_open,
        pins: &row.pins,
        position: row.position,
    };
    seal(row.conversation, Key::Own, &value)
}

pub(super) fn own(conversation: ConversationId, cell: &Cell) -> Result<ConversationRow> {
    let own: OwnCell<String, Vec<u64>> = open(conversation, Key::Own, cell)?;
    Ok(ConversationRow {
        conversation,
        kind: own.kind,
        title: own.title,
        history_open: own.history_open,
        pins: own.pins,
        position: own.position,
    })
}

pub(super) fn member_cell(row: &MemberRow) -> Cell {
    let value = MemberCell { role: row.role, periods: &row.periods, position: row.position };
    seal(row.conversation, Key::Member(&row.user), &value)
}

pub(super) fn member(conversation: ConversationId, user: UserId, cell: &Cell) -> Result<MemberRow> {
    let cell: MemberCell<Vec<Period>> = open(conversation, Key::Member(&user), cell)?;
    let MemberCell { role, periods, position } = cell;
    Ok(MemberRow { conversation, user, role, periods, position })
}

pub(super) fn ref_cell(row: &RefRow) -> Cell {
    let (seq, code) = match row.outcome {
        Outcome::Accepted(seq) => (Some(seq), None),
        Outcome::Rejected(code) => (None, Some(code.as_str().to_owned())),
    };
    let value = RefCell { seq, code, hash: u128::from_be_bytes(row.hash), at: row.at };
    seal(row.conversation, Key::Ref(&row.sender, &row.client_ref, row.position), &value)
}

pub(super) fn reference(
    (conversation, sender, client_ref): (ConversationId, UserId, ClientRef),
    position: Position,
    cell: &Cell,
) -> Result<RefRow> {
    let key = Key::Ref(&sender, &client_ref, position);
    let cell: RefCell = open(conversation, key, cell)?;
    let outcome = match (cell.seq, cell.code) {
        (Some(seq), _) => Outcome::Accepted(seq),
        (None, code) => Outcome::Rejected(Code::parse(&code.unwrap_or_default())),
    };
    let hash = cell.hash.to_be_bytes();
    Ok(RefRow { conversation, sender, client_ref, position, outcome, hash, at: cell.at })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_cell_that_is_flipped_or_stands_elsewhere_is_damaged() {
        let (here, there) =
            (ConversationId(Uuid::from_u128(1)), ConversationId(Uuid::from_u128(2)));
        let cell = title_cell(here, 5, "room");
        assert_eq!(title(here, 5, &cell).unwrap(), "room");
        assert!(title(there, 5, &cell).is_err());
        let refused = title(here, 6, &cell).unwrap_err();
        assert!(matches!(refused, StorageError::Damaged { seq: 6, .. }), "{refused}");
        assert!(title(here, 5, &(cell.0, "\"roon\"".into())).is_err());
        assert!(state(here, 5, &cell).is_err(), "another kind of cell");
    }
}
