//! Row 45 and 44: files that are damaged, missing, newer, locked, or on a full disk.

use std::io::{Seek, SeekFrom, Write};

use super::*;
use crate::store::StoreError;

/// An account with something in the cache and something in the outbox.
fn filled(path: &Path) {
    let mut account = open(path);
    let id = account.open_direct(BOB).unwrap();
    for seq in 1..=50 {
        account.ingest(vec![frame(id, message(seq, seq, BOB))]).unwrap();
    }
    account.begin_answer();
    account.ingest(vec![last_page(false), cursor("50")]).unwrap();
    account.submit(id, say("not yet sent")).unwrap();
}

fn after(path: &Path) -> (Account, Vec<&'static str>) {
    let mut account = open(path);
    let notices = account.take_notices();
    (account, notices)
}

#[test]
fn row_45_a_damaged_truncated_or_newer_cache_is_set_aside_and_the_outbox_is_kept() {
    let damages: [fn(&Path); 4] = [
        |cache| std::fs::write(cache, b"this is no database at all, but long enough").unwrap(),
        |cache| {
            let file = std::fs::OpenOptions::new().write(true).open(cache).unwrap();
            file.set_len(5000).unwrap();
        },
        |cache| {
            let mut file = std::fs::OpenOptions::new().write(true).open(cache).unwrap();
            file.seek(SeekFrom::Start(4096)).unwrap();
            file.write_all(&[0xff; 8192]).unwrap();
        },
        |cache| {
            let db = rusqlite::Connection::open(cache).unwrap();
            db.pragma_update(None, "user_version", 99).unwrap();
        },
    ];
    for (n, damage) in damages.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        damage(&folder.path().join("cache.db"));
        let (account, notices) = after(folder.path());
        assert_eq!(notices, ["cache_rebuilt"], "damage {n}");
        assert_eq!(account.hello().cursor, None, "everything is asked for again");
        assert_eq!(texts(&shown(&account, direct())), ["not yet sent"]);
        assert!(folder.path().join("cache.db.damaged").exists());
    }
}

#[test]
fn row_45_a_missing_cache_or_one_with_only_its_log_is_begun_anew() {
    for log in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        std::fs::remove_file(folder.path().join("cache.db")).unwrap();
        if log {
            std::fs::write(folder.path().join("cache.db-wal"), [7; 5000]).unwrap();
        }
        let (account, _) = after(folder.path());
        assert_eq!(account.hello().cursor, None);
        assert_eq!(texts(&shown(&account, direct())), ["not yet sent"]);
    }
}

#[test]
fn row_45_damage_that_shows_in_use_is_set_aside_and_what_waits_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let mut account = open(folder.path());
    account.rebuild_cache().unwrap();
    assert_eq!(account.take_notices(), ["cache_rebuilt"]);
    account.ingest(vec![frame(direct(), message(1, 1, BOB))]).unwrap();
    assert_eq!(texts(&shown(&account, direct())), ["message 1", "not yet sent"]);
}

#[test]
fn row_45_a_damaged_outbox_is_set_aside_and_said() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    std::fs::write(folder.path().join("outbox.db"), vec![1; 9000]).unwrap();
    let (account, notices) = after(folder.path());
    assert_eq!(notices, ["outbox_rebuilt"]);
    assert_eq!(shown(&account, direct()).len(), 50);
    assert!(folder.path().join("outbox.db.damaged").exists(), "nothing is thrown away");
}

#[test]
fn row_45_a_second_program_is_told_that_the_account_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let second = Account::open(folder.path(), None, environment(), true);
    assert!(matches!(second, Err(StoreError::InUse)));
    drop(first);
    assert!(Account::open(folder.path(), None, environment(), true).unwrap().is_some());
}

#[test]
fn row_44_a_full_disk_loses_nothing_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let mut account = open(folder.path());
    account.cache.limit_pages(1);
    let mut refused = None;
    for seq in 51..2000 {
        if let Err(error) =
            account.ingest(vec![frame(direct(), message(seq, seq, BOB)), cursor("later")])
        {
            refused = Some((seq, error));
            break;
        }
    }
    let (seq, error) = refused.expect("the disk is full");
    assert!(!error.is_damage(), "{error}");
    let held = account.conversations[&direct()].head.seq;
    assert_eq!(held, seq - 1, "the memory says what the disk holds");
    account.submit(direct(), say("still taken")).unwrap();
    account.cache.limit_pages(1_000_000);
    account.ingest(vec![frame(direct(), message(seq, seq, BOB))]).unwrap();
    assert_eq!(account.conversations[&direct()].head.seq, seq);
}

#[cfg(unix)]
#[test]
fn row_44_a_folder_that_cannot_be_written_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file");
    std::fs::write(&file, b"").unwrap();
    let opened = Account::open(&file.join("account"), Some(identity()), environment(), true);
    assert!(matches!(opened, Err(StoreError::File { .. })));
}
