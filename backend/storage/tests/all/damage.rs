//! Row 42: a database that was torn, flipped, truncated or robbed of its log is refused, and says so,
//! and names the newest backup; or the range that is damaged is refused. Never a shortened history.

use std::fs;
use std::path::Path;

use storage::contract::{Room, user};
use storage::{Blocking, FoldStore, HistoryStore, StorageError};

use crate::open;

/// A database of two rooms that was closed in order, with a backup; the rooms as they are.
async fn closed(folder: &Path) -> Vec<Room> {
    let o = open::at(folder, Blocking::Inline).unwrap();
    let mut rooms = vec![Room::group(1, 3, false), Room::group(2, 2, false)];
    for room in &mut rooms {
        for n in 0..60 {
            room.says(1, &format!("{n} {}", "x".repeat(300)));
        }
        o.store.apply(room.take()).await.unwrap();
    }
    o.store.backup().await.unwrap();
    o.store.close().await;
    rooms
}

/// Why the folder's database is refused.
fn refusal(folder: &Path) -> String {
    match open::at(folder, Blocking::Inline) {
        Ok(_) => panic!("it was opened"),
        Err(StorageError::Unavailable(why)) => why,
        Err(other) => panic!("{other}"),
    }
}

fn assert_names_the_backup(folder: &Path, why: &str) {
    let newest = storage::sqlite::backups(folder).pop().unwrap();
    assert!(why.contains(newest.to_str().unwrap()), "{why}");
}

#[tokio::test]
async fn row_42_a_truncated_database_is_refused_and_the_newest_backup_is_named() {
    for keep in [0.0, 0.001, 0.3, 0.99] {
        let folder = tempfile::tempdir().unwrap();
        closed(folder.path()).await;
        let file = fs::File::options().write(true).open(folder.path().join("kith.db")).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len((length as f64 * keep) as u64).unwrap();
        let why = refusal(folder.path());
        assert_names_the_backup(folder.path(), &why);
    }
}

#[tokio::test]
async fn row_42_a_missing_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    closed(folder.path()).await;
    fs::remove_file(folder.path().join("kith.db")).unwrap();
    let why = refusal(folder.path());
    assert!(why.contains("it is missing"), "{why}");
    assert_names_the_backup(folder.path(), &why);
    assert!(!folder.path().join("kith.db").exists(), "and no empty one is put in its place");
}

/// The folder as it is when the server is killed after three more messages in the first room, which are
/// only in the log.
async fn killed() -> (tempfile::TempDir, Room) {
    let (running, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut room = closed(running.path()).await.remove(0);
    let o = open::at(running.path(), Blocking::Inline).unwrap();
    for _ in 0..3 {
        room.says(1, "only in the log");
        o.store.apply(room.take()).await.unwrap();
    }
    fs::create_dir(copy.path().join("backups")).unwrap();
    for file in ["kith.db", "kith.db-wal", "kith.durable"] {
        fs::copy(running.path().join(file), copy.path().join(file)).unwrap();
    }
    for backup in storage::sqlite::backups(running.path()) {
        let name = backup.file_name().unwrap().to_owned();
        fs::copy(backup, copy.path().join("backups").join(name)).unwrap();
    }
    (copy, room)
}

#[tokio::test]
async fn row_42_a_missing_log_is_refused() {
    let (folder, _) = killed().await;
    let log = folder.path().join("kith.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    fs::remove_file(&log).unwrap();
    let why = refusal(folder.path());
    assert!(why.contains("had durably reached"), "{why}");
    assert_names_the_backup(folder.path(), &why);
}

#[tokio::test]
async fn row_42_a_log_torn_before_what_was_durable_is_refused() {
    let (folder, room) = killed().await;
    let path = folder.path().join("kith.db-wal");
    let whole = fs::read(&path).unwrap();
    // Cut short, a page zeroed, a bit flipped in the first commit: SQLite alone would open all three.
    let mut zeroed = whole.clone();
    zeroed[32..32 + 4120].fill(0);
    let mut flipped = whole.clone();
    flipped[500] ^= 4;
    for torn in [whole[..whole.len() / 2].to_vec(), zeroed, flipped] {
        fs::write(&path, torn).unwrap();
        let why = refusal(folder.path());
        assert!(why.contains("had durably reached"), "{why}");
        assert_names_the_backup(folder.path(), &why);
        assert!(path.exists(), "what is left of it is kept for whoever looks into it");
    }
    fs::write(&path, whole).unwrap();
    let o = open::at(folder.path(), Blocking::Inline).unwrap();
    assert_eq!(o.store.head(room.id).await.unwrap(), Some(room.head), "whole again");
}

#[tokio::test]
async fn row_42_an_older_copy_or_another_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kith.db");
    let mut room = closed(folder.path()).await.remove(0);
    let older = fs::read(&path).unwrap();
    let o = open::at(folder.path(), Blocking::Inline).unwrap();
    room.says(1, "newer");
    o.store.apply(room.take()).await.unwrap();
    o.store.close().await;
    drop(o);
    fs::write(&path, older).unwrap();
    assert!(refusal(folder.path()).contains("had durably reached"));

    let other = tempfile::tempdir().unwrap();
    let (mut options, _, _committed) = open::options(other.path(), Blocking::Inline);
    options.new_database = uuid::Uuid::from_u128(2);
    storage::Sqlite::open(options).unwrap().close().await;
    fs::copy(other.path().join("kith.db"), &path).unwrap();
    assert!(refusal(folder.path()).contains("another database"));

    fs::write(&path, b"this is not a database at all, whatever it says of itself").unwrap();
    assert_names_the_backup(folder.path(), &refusal(folder.path()));
    fs::write(folder.path().join("kith.durable"), b"{").unwrap();
    assert!(refusal(folder.path()).contains("kith.durable"));
}

#[tokio::test]
async fn row_42_a_backup_that_an_operator_puts_in_place_is_served_under_another_id() {
    let folder = tempfile::tempdir().unwrap();
    let rooms = closed(folder.path()).await;
    let newest = storage::sqlite::backups(folder.path()).pop().unwrap();
    fs::copy(newest, folder.path().join("kith.db")).unwrap();
    fs::remove_file(folder.path().join("kith.durable")).unwrap();
    let (mut options, _, _committed) = open::options(folder.path(), Blocking::Inline);
    options.new_database = uuid::Uuid::from_u128(3);
    let store = storage::Sqlite::open(options).unwrap();
    assert_eq!(store.database(), uuid::Uuid::from_u128(3), "every cursor of before is foreign");
    assert_eq!(store.head(rooms[0].id).await.unwrap(), Some(rooms[0].head));
}

#[tokio::test]
async fn row_42_a_flipped_bit_is_refused_or_harmless_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let rooms = closed(folder.path()).await;
    let path = folder.path().join("kith.db");
    let whole = fs::read(&path).unwrap();
    let right = answers(folder.path(), &rooms).await;
    assert!(right.iter().all(Result::is_ok));
    let side = fs::read(folder.path().join("kith.durable")).unwrap();
    let mut refused = 0;
    // A stride that is prime, so that it meets every place of a page.
    for at in (0..whole.len()).step_by(1_361) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, flipped).unwrap();
        fs::write(folder.path().join("kith.durable"), &side).unwrap();
        for (was, is) in right.iter().zip(answers(folder.path(), &rooms).await) {
            match is {
                Err(_) => refused += 1,
                is => assert_eq!(*was, is, "byte {at}"),
            }
        }
    }
    assert!(refused > 20, "{refused}");
}

/// Everything that readers see of these rooms, each answer alone; errors as text.
async fn answers(folder: &Path, rooms: &[Room]) -> Vec<Result<String, String>> {
    let o = match open::at(folder, Blocking::Inline) {
        Ok(o) => o,
        Err(error) => return vec![Err(error.to_string()); 8],
    };
    fn shown<T: std::fmt::Debug>(answer: storage::Result<T>) -> Result<String, String> {
        answer.map(|value| format!("{value:?}")).map_err(|error| error.to_string())
    }
    let mut answers = Vec::new();
    for room in rooms {
        answers.push(shown(o.store.head(room.id).await));
        answers.push(shown(o.store.load(room.id).await));
        answers.push(shown(o.store.member(room.id, user(2)).await));
        answers.push(shown(o.store.stretch(room.id, 1, u64::MAX, 999, 1 << 20).await));
    }
    answers
}

#[tokio::test]
async fn row_42_a_changed_or_missing_row_is_an_error_for_its_range_and_a_finding() {
    let statements = [
        "UPDATE event SET ord = ord - 1 WHERE place & 4294967295 = 30",
        "UPDATE event SET kind = '{\"left\":{}}' WHERE place & 4294967295 = 30",
        "UPDATE event SET sender = x'00112233445566778899aabbccddeeff' WHERE place & 4294967295 = 30",
        "UPDATE event SET state = replace(state, 'x', 'y') WHERE place & 4294967295 = 30",
        "DELETE FROM event WHERE place & 4294967295 = 30",
        "DELETE FROM event WHERE place & 4294967295 > 29",
        "UPDATE event SET place = place + 1000 WHERE place & 4294967295 = 30",
    ];
    for statement in statements {
        let folder = tempfile::tempdir().unwrap();
        let room = closed(folder.path()).await.remove(0);
        let db = rusqlite::Connection::open(folder.path().join("kith.db")).unwrap();
        assert!(db.execute(statement, []).unwrap() > 0);
        drop(db);
        let o = open::at(folder.path(), Blocking::Inline).unwrap();
        let damaged = o.store.stretch(room.id, 20, 40, 999, 1 << 20).await;
        assert!(matches!(damaged, Err(StorageError::Damaged { .. })), "{statement}: {damaged:?}");
        let damaged = o.store.events(room.id, &[30]).await;
        assert!(matches!(damaged, Err(StorageError::Damaged { seq: 30, .. })), "{statement}");
        let whole = o.store.stretch(room.id, 1, 29, 999, 1 << 20).await.unwrap();
        assert_eq!(whole.events.len(), 29, "{statement}: the rest is served");
        assert_ne!(o.store.check().await.unwrap(), [], "{statement}");
    }
}

#[tokio::test]
async fn row_42_a_head_or_member_that_was_changed_is_an_error() {
    for statement in [
        "UPDATE conversation SET head_seq = 30",
        "UPDATE conversation SET head_seq = 30, head_ord = 29",
        "UPDATE conversation SET history_open = 1",
        "UPDATE member SET periods = '[{\"joined_seq\":40}]'",
        "UPDATE member SET role = 2",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let room = closed(folder.path()).await.remove(0);
        let db = rusqlite::Connection::open(folder.path().join("kith.db")).unwrap();
        assert!(db.execute(statement, []).unwrap() > 0);
        drop(db);
        let o = open::at(folder.path(), Blocking::Inline).unwrap();
        let damaged = o.store.load(room.id).await;
        assert!(matches!(damaged, Err(StorageError::Damaged { .. })), "{statement}: {damaged:?}");
        let damaged = o.store.pages(user(2), &[room.id], 9, usize::MAX).await;
        assert!(matches!(damaged, Err(StorageError::Damaged { .. })), "{statement}: {damaged:?}");
        assert_ne!(storage::sqlite::check(folder.path()).unwrap(), [], "{statement}");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    closed(folder.path()).await;
    let db = rusqlite::Connection::open(folder.path().join("kith.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let why = refusal(folder.path());
    assert!(why.contains("newer version"), "{why}");
}
