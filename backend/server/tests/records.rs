//! What travels through the logs: snapshots of its records, and broken ones for whatever reads them.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use bytes::Bytes;
use parking_lot::Mutex;
use peak_alloc::PeakAlloc;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use protocol::testing::{Snapshots, broken, read_back, variants};
use protocol::{
    ClientRef, Command, ConversationId, Entry, ServerFrame, SessionId, UserId, direct_conversation,
    wire,
};
use serde_json::{Value, json};
use server::pipeline::record::{DeadLetter, FOLD_VERSION, InboxRecord, PushRecord, Record};
use uuid::Uuid;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Held by the test that runs, since memory is measured for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// How many bytes of memory a byte of a record may cost.
const COST: usize = 64;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots");

fn uuid7(n: u128) -> Uuid {
    Uuid::from_u128(0x0190_a000_0000_7000_8000_0000_0000_0000 + n)
}

fn user(n: u128) -> UserId {
    UserId(uuid7(n))
}

fn record() -> Record {
    let command = |n: u128, command| Entry { client_ref: ClientRef(uuid7(0x1000 + n)), command };
    Record {
        version: FOLD_VERSION,
        conversation: ConversationId(uuid7(3)),
        sender: user(1),
        peer: None,
        at: 1_700_000_000_000,
        commands: vec![
            command(1, Command::Add { users: vec![user(2), user(4), user(5)] }),
            command(2, Command::Message { text: "hi".into(), reply_to: Some(7) }),
        ],
        absent: vec![user(4)],
        blocked: vec![user(5)],
    }
}

fn direct() -> Record {
    let message = Command::Message { text: "hi".into(), reply_to: None };
    Record {
        conversation: direct_conversation(user(1), user(2)),
        peer: Some(user(2)),
        commands: vec![Entry { client_ref: ClientRef(uuid7(0x1001)), command: message }],
        absent: Vec::new(),
        blocked: Vec::new(),
        ..record()
    }
}

fn inbox(session: Option<SessionId>) -> InboxRecord {
    InboxRecord {
        changed: Some(42),
        listed: true,
        to: vec![user(1), user(2)],
        session,
        frame: wire::encode(&ServerFrame::SessionEnded {}).into(),
    }
}

#[test]
fn every_record_is_written_as_it_always_was() {
    let _alone = ALONE.lock();
    let mut records = Snapshots::of(FOLDER, "records", variants::<Command>(None));
    for (name, record) in [("in a group", record()), ("in a direct conversation", direct())] {
        records.add(name, &record);
        assert_eq!(Record::decode(&record.encode()), Some(record));
    }
    for (name, record) in [
        ("in the inbox", inbox(None)),
        ("in the inbox, for one session", inbox(Some(SessionId(uuid7(6))))),
        ("in the inbox of a cluster, of a large group", {
            InboxRecord { changed: None, listed: false, ..inbox(None) }
        }),
    ] {
        let bytes = record.encode();
        let mut json: Value = serde_json::from_slice(&bytes).unwrap();
        records.add_free(name, &json);
        json["from_2031"] = json!({"x": [1]});
        for bytes in [bytes, json.to_string().into()] {
            let read = InboxRecord::decode(&bytes).unwrap();
            assert_eq!((read.changed, read.listed), (record.changed, record.listed));
            assert_eq!((&read.to, read.session), (&record.to, record.session));
            assert_eq!(read.frame, record.frame);
        }
    }
    let push = PushRecord {
        conversation: ConversationId(uuid7(3)),
        seq: 7,
        at: 1_700_000_000_000,
        sender: user(1),
        to: vec![user(2), user(4)],
    };
    records.add("of the push queue", &push);
    let letter = DeadLetter::new("push", (3, 9), 1_700_000_000_000, "it answered 400", b"{}");
    records.add("of the dead letters", &letter);
    records.close();
}

/// Run `read` over broken records.
fn over(names: &str, read: impl Fn(&Bytes) -> Result<(), TestCaseError>) {
    let _alone = ALONE.lock();
    let text = std::fs::read_to_string(format!("{FOLDER}/records.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let some = all.as_object().unwrap().iter().filter(|(name, _)| name.starts_with(names));
    let corpus: Vec<String> = some.map(|(_, record)| record.to_string()).collect();
    assert!(!corpus.is_empty());
    let config = ProptestConfig {
        rng_seed: RngSeed::Fixed(12),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let config = ProptestConfig { cases: config.cases.max(1_500), ..config };
    TestRunner::new(config).run(&broken(corpus), |bytes| read(&bytes.into())).unwrap();
}

/// What `read` gives, and that it took no more memory than it may.
fn measured<T>(bytes: &Bytes, read: impl FnOnce() -> T) -> Result<T, TestCaseError> {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let read = read();
    let taken = MEMORY.peak_usage().saturating_sub(before);
    let may = COST * bytes.len() + 64 * 1024;
    prop_assert!(taken <= may, "{taken} bytes of memory for {} bytes", bytes.len());
    Ok(read)
}

#[test]
fn a_broken_record_of_the_log_is_garbage_or_says_the_same_again() {
    over("in a", |bytes| {
        if let Some(record) = measured(bytes, || Record::decode(bytes))? {
            read_back(&record);
            prop_assert_eq!(Record::decode(&record.encode()), Some(record));
        }
        Ok(())
    });
}

#[test]
fn a_broken_record_of_the_push_queue_is_garbage_or_says_the_same_again() {
    over("of the push queue", |bytes| {
        if let Some(record) = measured(bytes, || PushRecord::decode(bytes))? {
            prop_assert_eq!(PushRecord::decode(&record.encode()), Some(record));
        }
        Ok(())
    });
}

#[test]
fn a_broken_record_of_the_inbox_is_garbage_or_says_the_same_again() {
    over("in the inbox", |bytes| {
        let Some(record) = measured(bytes, || InboxRecord::decode(bytes))? else { return Ok(()) };
        let again = record.encode();
        let read = InboxRecord::decode(&again).unwrap();
        prop_assert_eq!((read.changed, read.session), (record.changed, record.session));
        prop_assert_eq!(read.to, record.to);
        prop_assert_eq!(read.frame, record.frame);
        Ok(())
    });
}
