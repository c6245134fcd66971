//! The account without a network: what comes in any order, what is kept over a kill, what is shown.

mod damage;
mod model;
mod news;
mod order;
mod queue;
mod search;
mod search_model;
mod unread;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use protocol::command::Command;
use protocol::frame::{Cursor, EventFrame, Page, Rejected};
use protocol::model::{Event, EventKind, MessageState, Text};
use protocol::request::Person;
use protocol::{ClientRef, ConversationId, DeviceId, SessionId, UserId, direct_conversation};
use uuid::Uuid;

use super::{Account, Arrival};
use crate::store::Identity;
use crate::view::{Row, RowBody};
use crate::{Blocking, Environment};

pub(super) const ME: UserId = UserId(Uuid::from_u128(1));
pub(super) const BOB: UserId = UserId(Uuid::from_u128(2));
pub(super) const EVE: UserId = UserId(Uuid::from_u128(3));
pub(super) const ROOM: ConversationId =
    ConversationId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00aa));

/// Each start has other random numbers, or the ids of the run before would come again.
pub(super) fn environment() -> Environment {
    static STARTS: AtomicU8 = AtomicU8::new(0);
    let seed = [STARTS.fetch_add(1, Ordering::Relaxed); 32];
    Environment::new(Arc::new(|| 1_700_000_000_000), seed, Blocking::Inline)
}

fn identity() -> Identity {
    Identity {
        address: "http://127.0.0.1:1".into(),
        person: Person {
            id: ME,
            name: "me".into(),
            display_name: String::new(),
            about: String::new(),
        },
        device: DeviceId(Uuid::from_u128(9)),
        session: SessionId(Uuid::from_u128(8)),
        session_only: false,
    }
}

/// Sign in on this folder.
pub(super) fn open(path: &Path) -> Account {
    Account::open(path, Some(identity()), environment(), true).unwrap().unwrap()
}

pub(super) fn direct() -> ConversationId {
    direct_conversation(ME, BOB)
}

pub(super) fn reference(n: u64) -> ClientRef {
    ClientRef(Uuid::from_u128(0x0190_0000_0000_7000_8000_0001_0000_0000 + u128::from(n)))
}

/// An event that counts as the `ord`th message at most.
pub(super) fn event(seq: u64, ord: u64, sender: UserId, kind: EventKind) -> Event {
    Event { seq, ord, at: seq as i64 * 1000, sender, client_ref: reference(seq), kind }
}

pub(super) fn message(seq: u64, ord: u64, sender: UserId) -> Event {
    event(seq, ord, sender, EventKind::Message { reply_to: None })
}

pub(super) fn state(seq: u64, text: &str, state_seq: u64) -> MessageState {
    let texts = vec![Text { text: text.into(), at: 0 }];
    MessageState { seq, texts, reactions: vec![], pinned: false, state_seq }
}

pub(super) fn frame(conversation: ConversationId, event: Event) -> Arrival {
    let text = format!("message {}", event.seq);
    let states = match event.kind.counts() {
        true => vec![state(event.seq, &text, event.seq)],
        false => vec![],
    };
    Arrival::Event(EventFrame { conversation, event, states })
}

pub(super) fn cursor(text: &str) -> Arrival {
    Arrival::Cursor(Cursor { cursor: text.into() })
}

pub(super) fn rejected(
    conversation: ConversationId,
    client_ref: ClientRef,
    code: protocol::Code,
) -> Arrival {
    Arrival::Rejected(Rejected { conversation, client_ref, code })
}

/// The last page of an answer to hello that names nothing.
pub(super) fn last_page(whole: bool) -> Arrival {
    Arrival::Page(Page { conversations: vec![], account_version: 0, last: true, whole })
}

/// What a window of the whole conversation shows.
pub(super) fn shown(account: &Account, id: ConversationId) -> Vec<Row> {
    let rows = account.rows(id, 1, u64::MAX, true).unwrap();
    rows.into_iter().map(|(_, row)| row).collect()
}

pub(super) fn texts(rows: &[Row]) -> Vec<String> {
    rows.iter()
        .map(|row| match &row.body {
            RowBody::Message(message) => message.text.clone(),
            RowBody::Gap { missing } => format!("gap of {missing}"),
            RowBody::Change { .. } => "change".into(),
            RowBody::NewerApp => "newer app".into(),
        })
        .collect()
}

pub(super) fn say(text: &str) -> Command {
    Command::Message { text: text.into(), reply_to: None }
}
