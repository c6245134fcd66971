//! The one writer: commits in groups, what fails alone and what fails together, and how it ends.

use std::sync::atomic::Ordering;

use storage::contract::{Room, user};
use storage::{
    AccountStore, Batch, Blocking, FoldStore, HistoryStore, NewAccount, Sqlite, StorageError,
};

use crate::open;

fn account(n: u64, name: &str) -> NewAccount {
    let (id, name) = (user(n), name.to_owned());
    NewAccount { id, display_name: name.clone(), name, password_hash: None, at: 0 }
}

#[tokio::test]
async fn what_waits_together_is_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut o = open::at(folder.path(), Blocking::Inline).unwrap();
    let mut all = tokio::task::JoinSet::new();
    for batch in groups(20) {
        let store = o.store.clone();
        all.spawn(async move { store.apply(batch).await });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap().unwrap();
    }
    let committed = o.committed.try_recv().unwrap();
    assert_eq!(committed.changes.len(), 20);
    assert_eq!(committed.commit, o.store.last_commit().await.unwrap());
    assert!(o.committed.try_recv().is_err());
}

fn groups(n: usize) -> Vec<Batch> {
    (1..=n as u64)
        .map(|n| {
            let mut room = Room::group(n, 2, false);
            room.tells(1, "told");
            room.take()
        })
        .collect()
}

#[tokio::test]
async fn the_writer_waits_for_the_disk_unless_a_test_says_otherwise() {
    for blocking in [Blocking::Threads, Blocking::Inline] {
        let folder = tempfile::tempdir().unwrap();
        let o = open::at(folder.path(), blocking).unwrap();
        assert_eq!(o.store.writer_synchronous().await.unwrap(), 2);
        let (mut sabotaged, _, _committed) = open::options(&folder.path().join("2"), blocking);
        sabotaged.synchronous_off = true;
        let store = Sqlite::open(sabotaged).unwrap();
        assert_eq!(store.writer_synchronous().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn work_that_changes_nothing_makes_no_commit() {
    let folder = tempfile::tempdir().unwrap();
    let o = open::at(folder.path(), Blocking::Inline).unwrap();
    o.store.create(vec![account(1, "ada")]).await.unwrap();
    let before = o.store.last_commit().await.unwrap();
    o.store.create(vec![account(2, "ada")]).await.unwrap_err();
    assert_eq!(o.store.prune_refs(0).await.unwrap(), 0);
    assert_eq!(o.store.last_commit().await.unwrap(), before);
}

#[tokio::test]
async fn a_full_channel_of_changes_holds_the_answers_back() {
    let folder = tempfile::tempdir().unwrap();
    let (mut options, _, _) = open::options(folder.path(), Blocking::Inline);
    let (sender, mut committed) = tokio::sync::mpsc::channel(1);
    options.committed = sender;
    let store = Sqlite::open(options).unwrap();
    let [first, second, third] =
        <[Batch; 3]>::try_from(groups(3)).unwrap().map(|batch| store.apply(batch));
    first.await.unwrap();
    let mut second = std::pin::pin!(second);
    let mut third = std::pin::pin!(third);
    for _ in 0..50 {
        tokio::select! {
            biased;
            _ = &mut second => panic!("nobody has taken the first commit's changes"),
            () = tokio::task::yield_now() => {}
        }
    }
    let one = committed.recv().await.unwrap();
    second.as_mut().await.unwrap();
    let two = committed.recv().await.unwrap();
    third.as_mut().await.unwrap();
    assert_eq!((one.commit + 1, one.changes.len()), (two.commit, 1));
}

#[tokio::test]
async fn row_44_on_a_full_disk_nothing_is_acknowledged_and_the_store_goes_on() {
    for blocking in [Blocking::Threads, Blocking::Inline] {
        let folder = tempfile::tempdir().unwrap();
        let (mut options, fatal, mut committed) = open::options(folder.path(), blocking);
        options.max_pages = Some(70);
        let store = Sqlite::open(options).unwrap();
        let mut room = Room::group(1, 2, false);
        store.apply(room.take()).await.unwrap();
        let head = room.head;
        room.says(1, &"x".repeat(60_000));
        for _ in 0..9 {
            room.says(1, &"x".repeat(60_000));
        }
        room.tells(1, "never told");
        let large = room.take();
        // What is committed together with it fails with it.
        let (a, b) =
            tokio::join!(store.apply(large.clone()), store.create(vec![account(1, "ada")]));
        for failed in [a, b] {
            assert!(matches!(failed, Err(StorageError::CommitFailed(_))), "{failed:?}");
        }
        assert_eq!(store.head(room.id).await.unwrap(), Some(head));
        assert_eq!(store.count().await.unwrap(), 0);
        assert!(committed.try_recv().is_err());
        store.create(vec![account(1, "ada")]).await.unwrap();
        assert_eq!((store.count().await.unwrap(), fatal.load(Ordering::Relaxed)), (1, 0));
        // And with room again, the same batch is taken.
        store.close().await;
        let o = open::at(folder.path(), blocking).unwrap();
        o.store.apply(large).await.unwrap();
        assert_eq!(o.store.head(room.id).await.unwrap(), Some(room.head));
        assert_eq!(o.store.check().await.unwrap(), []);
    }
}

#[tokio::test]
async fn row_44_a_disk_that_fails_ends_the_process_and_acknowledges_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut room = Room::group(1, 2, false);
    {
        let o = open::at(folder.path(), Blocking::Inline).unwrap();
        for _ in 0..400 {
            room.says(1, &"x".repeat(2_000));
        }
        o.store.apply(room.take()).await.unwrap();
        o.store.close().await;
    }
    let (options, fatal, mut committed) = open::options(folder.path(), Blocking::Inline);
    let store = Sqlite::open(options).unwrap();
    std::fs::File::options()
        .write(true)
        .open(folder.path().join("kith.db"))
        .and_then(|file| file.set_len(4096))
        .unwrap();
    room.says(1, "lost");
    room.tells(1, "never told");
    let failed = store.apply(room.take()).await;
    assert!(matches!(failed, Err(StorageError::CommitFailed(_))), "{failed:?}");
    assert_eq!(fatal.load(Ordering::Relaxed), 1);
    let refused = store.create(vec![account(1, "ada")]).await;
    assert!(matches!(refused, Err(StorageError::Unavailable(_))), "{refused:?}");
    assert!(committed.try_recv().is_err());
    let read = store.stretch(room.id, 1, 999, 999, 1 << 20).await;
    assert!(matches!(read, Err(StorageError::Unavailable(_))), "{read:?}");
}

#[tokio::test]
async fn after_close_everything_is_stored_in_one_file_and_nothing_is_taken() {
    for blocking in [Blocking::Threads, Blocking::Inline] {
        let folder = tempfile::tempdir().unwrap();
        let o = open::at(folder.path(), blocking).unwrap();
        let mut room = Room::group(1, 2, false);
        let mut all = tokio::task::JoinSet::new();
        let (store, batch) = (o.store.clone(), room.take());
        all.spawn(async move { store.apply(batch).await });
        tokio::task::yield_now().await;
        o.store.close().await;
        all.join_next().await.unwrap().unwrap().unwrap();
        let again = o.store.apply(room.take()).await;
        assert!(matches!(again, Err(StorageError::Unavailable(_))), "{again:?}");
        let again = o.store.head(room.id).await;
        assert!(matches!(again, Err(StorageError::Unavailable(_))), "{again:?}");
        o.store.close().await;
        drop(o);
        let wal = std::fs::metadata(folder.path().join("kith.db-wal"));
        assert!(wal.is_err() || wal.is_ok_and(|wal| wal.len() == 0));
        let o = open::at(folder.path(), blocking).unwrap();
        assert_eq!(o.store.head(room.id).await.unwrap(), Some(room.head));
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut room = Room::group(1, 2, false);
    for _ in 0..5 {
        let o = open::at(folder.path(), Blocking::Inline).unwrap();
        for _ in 0..100 {
            room.says(1, "hi");
            o.store.apply(room.take()).await.unwrap();
        }
        drop(o);
    }
    let o = open::at(folder.path(), Blocking::Inline).unwrap();
    let all = o.store.stretch(room.id, 1, u64::MAX, 1_000, 1 << 20).await.unwrap();
    assert_eq!(all.events.len(), 501);
    assert_eq!(o.store.check().await.unwrap(), []);
}

#[tokio::test]
async fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let o = open::at(folder.path(), Blocking::Inline).unwrap();
    let refused = open::at(folder.path(), Blocking::Inline).err().unwrap().to_string();
    assert!(refused.contains("another process"), "{refused}");
    drop(o);
    open::at(folder.path(), Blocking::Inline).unwrap();
}
