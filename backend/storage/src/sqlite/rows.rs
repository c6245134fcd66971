//! How rows are written and read: the one place of this store that encodes and decodes.
//!
//! Whatever history depends on carries a CRC-32 of what the row says and of the key under which it
//! must stand, so a flipped bit or a row in the wrong place is an error and never an answer.

use protocol::model::{ConversationKind, Period};
use protocol::{ClientRef, Code, ConversationId, Event, MessageState, Role, UserId};
use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::{
    ConversationRow, EventRow, Head, MemberRow, MessageRow, Outcome, RefRow, StorageError,
};

/// Why a piece of work inside the database did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// What the work itself found.
    Own(StorageError),
    /// What SQLite said.
    Sqlite(rusqlite::Error),
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Own(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Failure {
    /// For callers of the store. A broken file is an alarm here, since this is where it is noticed.
    pub(super) fn into_error(self) -> StorageError {
        match self {
            Self::Own(error) => error,
            Self::Sqlite(error) => {
                if is_corrupt(&error) {
                    tracing::error!(%error, "the database is damaged; run `kithd check`");
                }
                StorageError::Unavailable(error.to_string())
            }
        }
    }
}

/// What work inside the database returns.
pub(super) type Work<T> = Result<T, Failure>;

/// Whether SQLite itself found the file to be broken.
pub(super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// The alarm for a row that is not as it was written.
pub(super) fn damaged(conversation: ConversationId, seq: u64) -> StorageError {
    tracing::error!(%conversation, seq, "stored history is damaged; run `kithd check`");
    StorageError::Damaged { conversation, seq }
}

/// A number for a column.
///
/// # Errors
/// When it is above 2^63: nothing that this server numbers gets there.
pub(super) fn int(value: u64) -> Work<i64> {
    i64::try_from(value)
        .map_err(|_| StorageError::Unavailable(format!("{value} cannot be stored")).into())
}

/// A number to compare a column with: what is above every stored number stays above it.
pub(super) fn bound(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A column's number. No column that is read so is ever written below zero, but for "never": −1.
pub(super) fn whole(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The key of an event's row.
///
/// # Errors
/// Beyond 2^31 conversations or 2^32 events in one: a limit of this file's format.
pub(super) fn place(key: i64, seq: u64) -> Work<i64> {
    match (i32::try_from(key), u32::try_from(seq)) {
        (Ok(key), Ok(seq)) if key >= 0 => Ok(i64::from(key) << 32 | i64::from(seq)),
        _ => Err(StorageError::Unavailable(format!("no place for event {seq}")).into()),
    }
}

/// The place of a seq that somebody asked for: clamped into the conversation's range.
pub(super) fn place_or_end(key: i64, seq: u64) -> i64 {
    place(key, seq.min(u64::from(u32::MAX))).unwrap_or(i64::MAX)
}

/// The seq in a place.
pub(super) fn seq_of(place: i64) -> u64 {
    whole(place & 0xffff_ffff)
}

/// A sixteen-byte id in a column.
pub(super) fn id(row: &Row<'_>, at: usize) -> rusqlite::Result<uuid::Uuid> {
    match row.get_ref(at)? {
        ValueRef::Blob(bytes) => uuid::Uuid::from_slice(bytes).map_err(|_| {
            rusqlite::Error::InvalidColumnType(at, "id".into(), rusqlite::types::Type::Blob)
        }),
        other => Err(rusqlite::Error::InvalidColumnType(at, "id".into(), other.data_type())),
    }
}

/// A text column, as bytes.
fn text<'r>(row: &'r Row<'_>, at: usize) -> rusqlite::Result<&'r [u8]> {
    match row.get_ref(at)? {
        ValueRef::Text(bytes) => Ok(bytes),
        other => Err(rusqlite::Error::InvalidColumnType(at, "text".into(), other.data_type())),
    }
}

/// JSON for a column. These types have string keys only, so it cannot fail.
pub(super) fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A checksum over a row: the numbers and ids in it first, then one text.
struct Sum {
    fixed: [u8; 96],
    used: usize,
}

impl Sum {
    fn of(conversation: ConversationId) -> Self {
        let mut sum = Self { fixed: [0; 96], used: 0 };
        sum.bytes(conversation.bytes());
        sum
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.fixed[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }

    fn number(mut self, value: i64) -> Self {
        self.bytes(&value.to_le_bytes());
        self
    }

    fn id(mut self, value: &[u8; 16]) -> Self {
        self.bytes(value);
        self
    }

    fn and(self, texts: &[&[u8]]) -> i64 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.fixed[..self.used]);
        for text in texts {
            hasher.update(text);
        }
        i64::from(hasher.finalize())
    }
}

/// The head's columns: `head_seq, head_ord, head_position, head_at`, and their checksum.
pub(super) fn head_checksum(conversation: ConversationId, head: [i64; 4]) -> i64 {
    let [seq, ord, position, at] = head;
    Sum::of(conversation).number(seq).number(ord).number(position).number(at).and(&[])
}

/// The columns that [`head`] reads.
pub(super) const HEAD: &str = "head_seq, head_ord, head_position, head_at, head_checksum";

/// The head in five columns from `at` on, and when its event was taken; `None` before the first.
pub(super) fn head(
    conversation: ConversationId,
    row: &Row<'_>,
    at: usize,
) -> Work<Option<(Head, i64)>> {
    let Some(checksum) = row.get::<_, Option<i64>>(at + 4)? else { return Ok(None) };
    let cell = [row.get(at)?, row.get(at + 1)?, row.get(at + 2)?, row.get(at + 3)?];
    if head_checksum(conversation, cell) != checksum {
        return Err(damaged(conversation, whole(cell[0])).into());
    }
    let [seq, ord, position, taken] = cell;
    Ok(Some((Head { seq: whole(seq), ord: whole(ord), position: whole(position) }, taken)))
}

/// The columns of an event as they are stored.
pub(super) struct EventCells {
    pub(super) ord: i64,
    pub(super) at: i64,
    pub(super) position: i64,
    pub(super) kind: String,
    pub(super) checksum: i64,
}

/// An event for its row.
pub(super) fn event_cells(row: &EventRow) -> Work<EventCells> {
    let event = &row.event;
    let (ord, position) = (int(event.ord)?, int(row.position)?);
    let kind = json(&event.kind);
    let checksum = event_checksum(
        row.conversation,
        [int(event.seq)?, ord, event.at, position],
        [event.sender.bytes(), event.client_ref.bytes()],
        kind.as_bytes(),
    );
    Ok(EventCells { ord, at: event.at, position, kind, checksum })
}

fn event_checksum(
    conversation: ConversationId,
    numbers: [i64; 4],
    ids: [&[u8; 16]; 2],
    kind: &[u8],
) -> i64 {
    let [seq, ord, at, position] = numbers;
    let sum = Sum::of(conversation).number(seq).number(ord).number(at).number(position);
    sum.id(ids[0]).id(ids[1]).and(&[kind])
}

/// A message's state for its row: text, position, checksum.
pub(super) fn state_cells(row: &MessageRow) -> Work<(String, i64, i64)> {
    let state = json(&row.state);
    let (seq, position) = (int(row.state.seq)?, int(row.position)?);
    let checksum = state_checksum(row.conversation, seq, position, state.as_bytes());
    Ok((state, position, checksum))
}

fn state_checksum(conversation: ConversationId, seq: i64, position: i64, state: &[u8]) -> i64 {
    Sum::of(conversation).number(seq).number(position).and(&[state])
}

/// The columns that [`event`] and [`state`] read.
pub(super) const EVENT: &str = "place, ord, at, position, sender, client_ref, kind, checksum, \
     state, state_position, state_checksum";

/// The event in a row of [`EVENT`] columns, if it is as it was written.
pub(super) fn event(conversation: ConversationId, row: &Row<'_>) -> Work<EventRow> {
    let place: i64 = row.get(0)?;
    let seq = seq_of(place);
    let (ord, at, position): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
    let (sender, client_ref) = (id(row, 4)?, id(row, 5)?);
    let kind = text(row, 6)?;
    let checksum = event_checksum(
        conversation,
        [place & 0xffff_ffff, ord, at, position],
        [sender.as_bytes(), client_ref.as_bytes()],
        kind,
    );
    if checksum != row.get::<_, i64>(7)? {
        return Err(damaged(conversation, seq).into());
    }
    let kind = serde_json::from_slice(kind).map_err(|_| damaged(conversation, seq))?;
    Ok(EventRow {
        conversation,
        event: Event {
            seq,
            ord: whole(ord),
            at,
            sender: UserId(sender),
            client_ref: ClientRef(client_ref),
            kind,
        },
        position: whole(position),
    })
}

/// The state in a row of [`EVENT`] columns, if there is one and it is as it was written.
pub(super) fn state(conversation: ConversationId, row: &Row<'_>) -> Work<Option<MessageRow>> {
    if row.get_ref(8)? == ValueRef::Null {
        return Ok(None);
    }
    let place: i64 = row.get(0)?;
    let (state, position) = (text(row, 8)?, row.get::<_, i64>(9)?);
    let seq = place & 0xffff_ffff;
    if state_checksum(conversation, seq, position, state) != row.get::<_, i64>(10)? {
        return Err(damaged(conversation, whole(seq)).into());
    }
    let state: MessageState =
        serde_json::from_slice(state).map_err(|_| damaged(conversation, whole(seq)))?;
    Ok(Some(MessageRow { conversation, state, position: whole(position) }))
}

/// How many bytes the state in a row of [`EVENT`] columns has.
pub(super) fn state_size(row: &Row<'_>) -> rusqlite::Result<usize> {
    match row.get_ref(8)? {
        ValueRef::Text(bytes) => Ok(bytes.len()),
        _ => Ok(0),
    }
}

/// A conversation's row, as columns `kind, title, history_open, pins, position, checksum`.
pub(super) fn conversation_cells(row: &ConversationRow) -> Work<(i64, String, i64, i64)> {
    let kind = match row.kind {
        ConversationKind::Direct => 0,
        ConversationKind::Group => 1,
    };
    let (pins, position) = (json(&row.pins), int(row.position)?);
    let sum = Sum::of(row.conversation).number(kind).number(row.history_open.into());
    let sum = sum.number(position).number(row.title.len() as i64);
    Ok((kind, pins.clone(), position, sum.and(&[row.title.as_bytes(), pins.as_bytes()])))
}

/// The columns that [`conversation`] reads.
pub(super) const CONVERSATION: &str = "kind, title, history_open, pins, position, checksum";

/// The row in six columns from `at` on; `None` when only rejections are known of it.
pub(super) fn conversation(
    conversation: ConversationId,
    row: &Row<'_>,
    at: usize,
) -> Work<Option<ConversationRow>> {
    let Some(checksum) = row.get::<_, Option<i64>>(at + 5)? else { return Ok(None) };
    let kind = match row.get::<_, i64>(at)? {
        0 => ConversationKind::Direct,
        _ => ConversationKind::Group,
    };
    let pins = serde_json::from_slice(text(row, at + 3)?).map_err(|_| damaged(conversation, 0))?;
    let read = ConversationRow {
        conversation,
        kind,
        title: row.get(at + 1)?,
        history_open: row.get(at + 2)?,
        pins,
        position: whole(row.get(at + 4)?),
    };
    if conversation_cells(&read)?.3 != checksum {
        return Err(damaged(conversation, 0).into());
    }
    Ok(Some(read))
}

/// A member's row, as columns `role, periods, position, checksum`.
pub(super) fn member_cells(row: &MemberRow) -> Work<(i64, String, i64, i64)> {
    let role = match row.role {
        Role::Member => 0,
        Role::Admin => 1,
        Role::Owner => 2,
    };
    let (periods, position) = (json(&row.periods), int(row.position)?);
    let sum = Sum::of(row.conversation).id(row.user.bytes()).number(role).number(position);
    let checksum = sum.and(&[periods.as_bytes()]);
    Ok((role, periods, position, checksum))
}

/// The columns that [`member`] reads.
pub(super) const MEMBER: &str = "user, role, periods, position, checksum";

/// The member in five columns from `at` on.
pub(super) fn member(conversation: ConversationId, row: &Row<'_>, at: usize) -> Work<MemberRow> {
    let role = match row.get::<_, i64>(at + 1)? {
        0 => Role::Member,
        1 => Role::Admin,
        _ => Role::Owner,
    };
    let periods: Vec<Period> =
        serde_json::from_slice(text(row, at + 2)?).map_err(|_| damaged(conversation, 0))?;
    let position = whole(row.get(at + 3)?);
    let read = MemberRow { conversation, user: UserId(id(row, at)?), role, periods, position };
    if member_cells(&read)?.3 != row.get::<_, i64>(at + 4)? {
        return Err(damaged(conversation, 0).into());
    }
    Ok(read)
}

/// The dedup row in columns `sender, client_ref, position, seq, code, hash, at`.
pub(super) fn reference(conversation: ConversationId, row: &Row<'_>) -> Work<RefRow> {
    let outcome = match (row.get::<_, Option<i64>>(3)?, row.get::<_, Option<String>>(4)?) {
        (Some(seq), _) => Outcome::Accepted(whole(seq)),
        (None, code) => Outcome::Rejected(Code::parse(&code.unwrap_or_default())),
    };
    Ok(RefRow {
        conversation,
        sender: UserId(id(row, 0)?),
        client_ref: ClientRef(id(row, 1)?),
        position: whole(row.get(2)?),
        outcome,
        hash: id(row, 5)?.into_bytes(),
        at: row.get(6)?,
    })
}
