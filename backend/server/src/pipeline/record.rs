//! What travels through the logs: records of the conversation log, of the inbox and of the push queue,
//! and dead letters. One file encodes all of them, as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use protocol::{ConversationId, Entry, Millis, SessionId, UserId, wire};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The newest version of the fold that this program knows. See [`super::version`].
pub const FOLD_VERSION: u32 = 1;

/// One submitted frame, with what accept stamped on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the fold that it is for, [`FOLD_VERSION`] at most.
    pub version: u32,
    /// The conversation that it is about.
    pub conversation: ConversationId,
    /// Who submitted it.
    pub sender: UserId,
    /// For a direct conversation: the other person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<UserId>,
    /// When it was accepted. For display only.
    pub at: Millis,
    /// The commands, in order.
    pub commands: Vec<Entry>,
    /// Those of the people it would make members, or of the two of a direct conversation, who do
    /// not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<UserId>,
    /// Those of them between whom and the sender there is a block.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<UserId>,
}

impl Record {
    /// The bytes that are appended.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        wire::encode(self).into()
    }

    /// The version that these bytes say they are of, for bytes that are no record to this program.
    #[must_use]
    pub fn version(bytes: &[u8]) -> Option<u32> {
        wire::decode::<Versioned>(bytes).ok().map(|record| record.version)
    }

    /// The record in these bytes; `None` for garbage, which is skipped by every node alike: anything
    /// that accept would not have taken. So the fold meets no ref twice in one record.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        wire::decode::<Self>(bytes).ok().filter(|record| {
            let entries = &record.commands;
            let is_fit = |(at, entry): (usize, &Entry)| {
                entry.command.check().is_ok()
                    && entries[..at].iter().all(|e| e.client_ref != entry.client_ref)
            };
            record.version == FOLD_VERSION
                && entries.len() <= protocol::limits::COMMANDS
                && entries.iter().enumerate().all(is_fit)
        })
    }
}

/// The version that a record says it is of, whatever else is in it.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// One thing that people have to hear of, with the list of those in this inbox partition.
#[derive(Clone, Debug)]
pub struct InboxRecord {
    /// The unit of cursors, embedded: the commit that stored it. In a cluster it is the record's own
    /// position, which is not known before it is appended.
    pub changed: Option<u64>,
    /// Whether people's lists are to show it. In a large group most events have no list row.
    pub listed: bool,
    /// To whom, in this partition.
    pub to: Vec<UserId>,
    /// Only to sockets of this session, which close after it.
    pub session: Option<SessionId>,
    /// A [`protocol::ServerFrame`] as JSON, to be passed on as it is.
    pub frame: Bytes,
}

/// An inbox record as it is read.
#[derive(Deserialize)]
struct InboxWire<'a> {
    #[serde(default)]
    changed: Option<u64>,
    #[serde(default)]
    unlisted: bool,
    to: Vec<UserId>,
    #[serde(default)]
    session: Option<SessionId>,
    #[serde(borrow)]
    frame: &'a RawValue,
}

/// All of it but the frame, as it is written.
#[derive(Serialize)]
struct InboxAddress<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unlisted: bool,
    to: &'a [UserId],
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
}

/// What stands between the two.
const FRAME: &str = ",\"frame\":";

impl InboxRecord {
    /// The bytes that are appended. The frame was encoded once and is copied as it is; with one that
    /// is no JSON the record is garbage, which is skipped.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let Self { changed, listed, to, session, frame } = self;
        let (changed, unlisted, session) = (*changed, !listed, *session);
        let address = wire::encode(&InboxAddress { changed, unlisted, to, session });
        let mut bytes = Vec::with_capacity(address.len() + FRAME.len() + frame.len());
        // The address is an object that lacks its last field.
        bytes.extend_from_slice(address.strip_suffix('}').unwrap_or(&address).as_bytes());
        bytes.extend_from_slice(FRAME.as_bytes());
        bytes.extend_from_slice(frame);
        bytes.push(b'}');
        bytes.into()
    }

    /// The record in these bytes; its frame shares them.
    #[must_use]
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        let wire: InboxWire<'_> = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            changed: wire.changed,
            listed: !wire.unlisted,
            to: wire.to,
            session: wire.session,
            frame: bytes.slice_ref(wire.frame.get().as_bytes()),
        })
    }
}

/// A message that people may have to be pushed. What it says is read when it is pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRecord {
    /// Where it was said.
    pub conversation: ConversationId,
    /// Its place there.
    pub seq: u64,
    /// When it was said.
    pub at: Millis,
    /// Who said it.
    pub sender: UserId,
    /// To whom, in this partition.
    pub to: Vec<UserId>,
}

impl PushRecord {
    /// The bytes that are appended.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        wire::encode(self).into()
    }

    /// The record in these bytes; `None` for garbage.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        wire::decode(bytes).ok()
    }
}

/// Most bytes of a record that a dead letter keeps: with what is around them they are well below the
/// megabyte that a broker takes.
const BURIED: usize = 512 * 1024;

/// A copy of a record that could not be dealt with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// `log`, `inbox` or `push`.
    pub topic: String,
    /// Its partition there.
    pub partition: u32,
    /// Its position there.
    pub position: u64,
    /// When it was given up.
    pub at: Millis,
    /// Why, in English.
    pub reason: String,
    /// How many bytes it has.
    pub size: u64,
    /// Its bytes in base64, at most the first 524,288 of them.
    pub bytes: String,
}

impl DeadLetter {
    /// A copy of this record.
    #[must_use]
    pub fn new(
        topic: &str,
        (partition, position): (u32, u64),
        at: Millis,
        reason: &str,
        bytes: &[u8],
    ) -> Self {
        Self {
            topic: topic.into(),
            partition,
            position,
            at,
            reason: reason.into(),
            size: bytes.len() as u64,
            bytes: STANDARD.encode(&bytes[..bytes.len().min(BURIED)]),
        }
    }

    /// The bytes that are appended.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        wire::encode(self).into()
    }

    /// The letter in these bytes.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        wire::decode(bytes).ok()
    }

    /// What it keeps of the record.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.bytes).ok()
    }
}

/// The partition of a conversation's log, or of a person's inbox: our own hash of the id (FNV-1a,
/// 64 bits), the same on every node and in every version.
#[must_use]
pub fn partition(id: &[u8; 16], partitions: u32) -> u32 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in id {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    u32::try_from((hash >> 32) % u64::from(partitions.max(1))).unwrap_or_default()
}
