//! Records of a fold that this program does not know.

use bytes::Bytes;
use futures_util::FutureExt;
use server::pipeline::record::{FOLD_VERSION, Record};
use server::pipeline::sequence::Halt;
use server::pipeline::version::{raise, raised};

use super::lone::Lone;
use super::records::{create, group, log, record, say};

/// A batch whose second record is of this version and in a form that only such a fold knows.
fn batch(version: u32) -> Vec<(u64, Bytes)> {
    let mut log = log([
        record(group(1), 1, [(1, create("Engine room", &[2]))]),
        record(group(1), 1, [(2, say("of another fold"))]),
        record(group(1), 2, [(3, say("behind it"))]),
    ]);
    let text = format!("{{\"version\":{version},\"commands\":{{\"folded\":\"otherwise\"}}}}");
    log[1].1 = text.into();
    log
}

#[test]
fn row_41_a_fold_version_that_was_raised_and_cannot_be_folded_halts_the_lane() {
    let mut lone = Lone::new();
    raise(&lone.store, FOLD_VERSION + 1).now_or_never().unwrap().unwrap();
    let log = batch(FOLD_VERSION + 1);
    let halt = lone.try_process(&log).unwrap_err();
    let at = log[1].0;
    assert!(matches!(halt, Halt::Newer(position, _) if position == at), "{halt}");
    assert_eq!(lone.skipped(), 0, "it is not taken for garbage");
    assert_eq!(lone.rows().restarts[&0], at, "what stands before it is stored, and nothing behind");
    // However often it is tried.
    lone.forget();
    assert!(lone.try_process(&log).is_err());
    assert_eq!(lone.rows().restarts[&0], at);
}

#[test]
fn row_41_a_fold_version_above_the_raised_one_is_garbage() {
    let mut lone = Lone::new();
    for version in [0, FOLD_VERSION + 1, u32::MAX] {
        lone.process(&batch(version));
    }
    raise(&lone.store, FOLD_VERSION + 1).now_or_never().unwrap().unwrap();
    lone.process(&batch(FOLD_VERSION + 2));
    assert_eq!(lone.skipped(), 4);
    assert_eq!(lone.rows().restarts[&0], batch(0)[2].0 + 1);
}

#[test]
fn the_raised_version_never_falls() {
    let lone = Lone::new();
    let now = || raised(&lone.store).now_or_never().unwrap().unwrap();
    assert_eq!(now(), 1, "before anybody has raised it");
    for version in [3, 2] {
        raise(&lone.store, version).now_or_never().unwrap().unwrap();
        assert_eq!(now(), 3);
    }
}

#[test]
fn what_gateways_write_is_read_as_this_version() {
    let record: Record = record(group(1), 1, [(1, create("Engine room", &[2]))]);
    assert_eq!(Record::version(&record.encode()), Some(FOLD_VERSION));
    assert_eq!(Record::version(b"garbage"), None);
}
