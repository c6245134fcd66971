//! People, commands and records, and the log of one partition that they make.

use bytes::Bytes;
use protocol::{ClientRef, Command, ConversationId, Entry, Role, UserId};
use server::pipeline::record::{FOLD_VERSION, Record};
use storage::Position;
use uuid::Uuid;

pub(crate) use storage::contract::user;

/// Where the partition begins.
pub(crate) const START: Position = 1 << 42;

/// One partition's records, in order.
pub(crate) type Log = Vec<(Position, Bytes)>;

/// The nth ref, or a group's id.
pub(crate) fn uuid7(n: u64) -> Uuid {
    Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 | u128::from(n))
}

/// The nth group.
pub(crate) fn group(n: u64) -> ConversationId {
    ConversationId(uuid7(0xff00_0000 + n))
}

/// The nth ref.
pub(crate) fn reference(n: u64) -> ClientRef {
    ClientRef(uuid7(n))
}

pub(crate) fn users(numbers: &[u64]) -> Vec<UserId> {
    numbers.iter().copied().map(user).collect()
}

pub(crate) fn say(text: &str) -> Command {
    Command::Message { text: text.into(), reply_to: None }
}

pub(crate) fn reply(seq: u64, text: &str) -> Command {
    Command::Message { text: text.into(), reply_to: Some(seq) }
}

pub(crate) fn edit(target: u64, text: &str) -> Command {
    Command::Edit { target, text: text.into() }
}

pub(crate) fn delete(target: u64) -> Command {
    Command::Delete { target }
}

pub(crate) fn react(target: u64, emoji: &str, on: bool) -> Command {
    Command::React { target, emoji: emoji.into(), on }
}

pub(crate) fn pin(target: u64, on: bool) -> Command {
    Command::Pin { target, on }
}

pub(crate) fn create(title: &str, members: &[u64]) -> Command {
    Command::Create { title: title.into(), members: users(members), history_open: false }
}

pub(crate) fn rename(title: &str) -> Command {
    Command::Rename { title: title.into() }
}

pub(crate) fn add(numbers: &[u64]) -> Command {
    Command::Add { users: users(numbers) }
}

pub(crate) fn remove(number: u64) -> Command {
    Command::Remove { user: user(number) }
}

pub(crate) fn leave() -> Command {
    Command::Leave {}
}

pub(crate) fn give(number: u64, role: Role) -> Command {
    Command::Role { user: user(number), role }
}

/// Commands of one person for one conversation, under these refs.
pub(crate) fn record(
    conversation: ConversationId,
    sender: u64,
    commands: impl IntoIterator<Item = (u64, Command)>,
) -> Record {
    let entry = |(n, command)| Entry { client_ref: reference(n), command };
    Record {
        version: FOLD_VERSION,
        conversation,
        sender: user(sender),
        peer: None,
        at: 1_700_000_000_000,
        commands: commands.into_iter().map(entry).collect(),
        absent: Vec::new(),
        blocked: Vec::new(),
    }
}

/// A record of the direct conversation of `sender` and `peer`.
pub(crate) fn direct(
    sender: u64,
    peer: u64,
    commands: impl IntoIterator<Item = (u64, Command)>,
) -> Record {
    let id = protocol::direct_conversation(user(sender), user(peer));
    Record { peer: Some(user(peer)), ..record(id, sender, commands) }
}

/// The records as a partition holds them, each taken a second after the one before.
pub(crate) fn log(records: impl IntoIterator<Item = Record>) -> Log {
    let place = |(at, record): (u64, Record)| {
        let taken = record.at + i64::try_from(at).unwrap() * 1_000;
        (START + at, Record { at: taken, ..record }.encode())
    };
    (0..).zip(records).map(place).collect()
}

/// The records in batches of these sizes, again and again.
pub(crate) fn cut(mut records: &[(Position, Bytes)], sizes: &[usize]) -> Vec<Log> {
    let mut batches = Vec::new();
    for size in sizes.iter().cycle() {
        if records.is_empty() {
            break;
        }
        let (batch, rest) = records.split_at((*size).clamp(1, records.len()));
        batches.push(batch.to_vec());
        records = rest;
    }
    batches
}
