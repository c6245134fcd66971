//! Whatever is read: it never panics, accepts nothing that would be written as something else, and
//! takes no more memory than a multiple of what came. The same texts each time; `PROPTEST_CASES` asks
//! for more of them.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use std::fmt::Debug;

use parking_lot::Mutex;
use peak_alloc::PeakAlloc;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use protocol::model::Range;
use protocol::testing::{broken, read_back};
use protocol::{Code, Event, MessageState, Problem, Submit, push, request, wire};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Held by the test that runs, since memory is measured for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// How many bytes of memory a byte of text may cost. A digit and a comma become a value of 32 bytes,
/// in a list that has grown to twice what it holds, beside the one that it grew out of.
const COST: usize = 64;

/// Run `read` over broken texts.
fn over(group: &str, read: impl Fn(&[u8]) -> Result<(), TestCaseError>) {
    let _alone = ALONE.lock();
    let file = format!("{}/tests/snapshots/{group}.json", env!("CARGO_MANIFEST_DIR"));
    let all: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let corpus = all.as_object().unwrap().values().map(Value::to_string).collect();
    let config = ProptestConfig {
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let config = ProptestConfig { cases: config.cases.max(1_500), ..config };
    TestRunner::new(config).run(&broken(corpus), |bytes| read(&bytes)).unwrap();
}

/// What `read` gives, and that it took no more memory than it may.
fn measured<T>(bytes: &[u8], read: impl FnOnce() -> T) -> Result<T, TestCaseError> {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let read = read();
    let taken = MEMORY.peak_usage().saturating_sub(before);
    let may = COST * bytes.len() + 64 * 1024;
    prop_assert!(taken <= may, "{taken} bytes of memory for {} bytes", bytes.len());
    Ok(read)
}

fn body<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    bytes: &[u8],
) -> Result<(), TestCaseError> {
    if let Ok(value) = measured(bytes, || wire::decode::<T>(bytes))? {
        read_back(&value);
    }
    Ok(())
}

#[test]
fn frames_of_apps() {
    over("client-frames", |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
        match measured(bytes, || wire::decode_client(text))? {
            Ok(frame) => {
                read_back(&frame);
                prop_assert_eq!(wire::decode_client(&wire::encode(&frame)), Ok(frame));
            }
            Err(refused) => {
                let codes =
                    [Code::Malformed, Code::UnknownOp, Code::UnknownCommand, Code::TooLarge];
                prop_assert!(codes.contains(&refused.code), "{refused:?}");
                prop_assert!(refused.detail.chars().count() <= 200);
            }
        }
        Ok(())
    });
}

#[test]
fn frames_of_servers() {
    over("server-frames", |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
        if let Ok(Some(frame)) = measured(bytes, || wire::decode_server(text))? {
            read_back(&frame);
        }
        Ok(())
    });
}

#[test]
fn commands_and_what_checks_them() {
    over("commands", |bytes| {
        body::<Submit>(bytes)?;
        let me = protocol::UserId(uuid::Uuid::from_u128(1));
        if let Ok(submit) = wire::decode::<Submit>(bytes) {
            // Whatever they say, they say it without a panic.
            let _ = submit.check(me);
            for entry in &submit.commands {
                let _ = entry.command.check();
            }
        }
        Ok(())
    });
}

#[test]
fn events_and_states() {
    over("events", body::<Event>);
    over("model", body::<MessageState>);
    over("model", body::<Range>);
}

#[test]
fn bodies_of_requests() {
    over("signing-in", |bytes| {
        body::<request::Register>(bytes)?;
        body::<request::SignIn>(bytes)?;
        body::<request::Refresh>(bytes)?;
        body::<request::ChangePassword>(bytes)
    });
    over("people", |bytes| {
        body::<request::ChangeProfile>(bytes)?;
        body::<request::Settings>(bytes)
    });
    over("push", body::<push::SubscribePush>);
    over("polls", |bytes| {
        body::<request::Poll>(bytes)?;
        body::<request::PollSend>(bytes)
    });
}

#[test]
fn answers_to_requests() {
    over("signing-in", |bytes| {
        body::<request::Tokens>(bytes)?;
        body::<request::Sessions>(bytes)
    });
    over("people", |bytes| {
        body::<request::Me>(bytes)?;
        body::<request::People>(bytes)?;
        body::<request::Friends>(bytes)
    });
    over("answers", |bytes| {
        body::<request::Members>(bytes)?;
        body::<request::Markers>(bytes)?;
        body::<request::About>(bytes)?;
        body::<request::Nodes>(bytes)?;
        body::<Problem>(bytes)
    });
    over("push", |bytes| {
        body::<push::PushSubscribed>(bytes)?;
        body::<push::PushSubscriptions>(bytes)?;
        body::<push::PushKey>(bytes)?;
        body::<push::Pushed>(bytes)
    });
    over("polls", |bytes| {
        body::<request::PollOpened>(bytes)?;
        body::<request::Polled>(bytes)
    });
}
