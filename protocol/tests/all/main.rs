//! What crosses, as it is written: a snapshot of every type that one side sends and the other reads.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod commands;
mod events;
mod frames;
mod requests;

use protocol::push::PushTarget;
use protocol::testing::{Snapshots, variants};
use protocol::{ClientFrame, ClientRef, Command, ConversationId, ServerFrame, UserId};
use uuid::Uuid;

/// The group of this name beside these tests.
fn snapshots(group: &str) -> Snapshots {
    Snapshots::of(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots"), group, wrappers())
}

/// The names that wrap what they name.
fn wrappers() -> Vec<String> {
    let mut names = variants::<ClientFrame>(None);
    names.extend(variants::<ServerFrame>(None));
    names.extend(variants::<Command>(None));
    names.extend(variants::<PushTarget>(None));
    names.extend(events::KINDS.iter().map(|name| (*name).to_owned()));
    names
}

fn uuid7(n: u128) -> Uuid {
    Uuid::from_u128(0x0190_a000_0000_7000_8000_0000_0000_0000 + n)
}

fn ada() -> UserId {
    UserId(uuid7(1))
}

fn grace() -> UserId {
    UserId(uuid7(2))
}

fn group() -> ConversationId {
    ConversationId(uuid7(3))
}

fn client_ref(n: u128) -> ClientRef {
    ClientRef(uuid7(0x1000 + n))
}

#[test]
fn every_code_is_written_as_it_always_was() {
    let mut codes = snapshots("codes");
    for code in protocol::Code::ALL {
        codes.add(code.as_str(), &(*code, code.status()));
    }
    codes.close();
}
