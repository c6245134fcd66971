//! Backups and the full check.

use storage::contract::Room;
use storage::sqlite::{backup, backups, check};
use storage::{Blocking, FoldStore, HistoryStore};

use crate::open;

#[tokio::test]
async fn a_backup_is_a_whole_database_named_after_its_moment() {
    let folder = tempfile::tempdir().unwrap();
    let o = open::at(folder.path(), Blocking::Threads).unwrap();
    let mut room = Room::group(1, 3, false);
    room.says(1, "kept");
    o.store.apply(room.take()).await.unwrap();
    let path = backup(folder.path(), 1_763_974_381_123).unwrap();
    assert_eq!(path, folder.path().join("backups/kith-20251124T085301.123Z.db"));
    room.says(1, "later");
    o.store.apply(room.take()).await.unwrap();
    let restored = tempfile::tempdir().unwrap();
    std::fs::copy(path, restored.path().join("kith.db")).unwrap();
    assert_eq!(check(restored.path()).unwrap(), []);
    let old = open::at(restored.path(), Blocking::Inline).unwrap();
    assert_eq!(old.store.head(room.id).await.unwrap().map(|head| head.seq), Some(2));
}

#[tokio::test]
async fn seven_backups_are_kept_and_nothing_else_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let o = open::at(folder.path(), Blocking::Inline).unwrap();
    let mut made = Vec::new();
    for _ in 0..9 {
        made.push(o.store.backup().await.unwrap());
        std::fs::write(folder.path().join("backups/readme.txt"), "mine").unwrap();
    }
    assert_eq!(backups(folder.path()), made[2..]);
    assert!(folder.path().join("backups/readme.txt").exists());
    assert_eq!(std::fs::read_dir(folder.path().join("backups")).unwrap().count(), 8);
}

#[tokio::test]
async fn a_backup_that_fails_leaves_nothing_half() {
    let folder = tempfile::tempdir().unwrap();
    let o = open::at(folder.path(), Blocking::Inline).unwrap();
    // A file where the folder of backups has to be, which stops even root.
    std::fs::write(folder.path().join("backups"), "").unwrap();
    assert!(o.store.backup().await.is_err());
    assert_eq!(backups(folder.path()), Vec::<std::path::PathBuf>::new());
    let nowhere = tempfile::tempdir().unwrap();
    assert!(check(nowhere.path()).is_err());
    assert!(backup(nowhere.path(), 0).is_err());
    assert_eq!(std::fs::read_dir(nowhere.path().join("backups")).unwrap().count(), 0);
}

#[tokio::test]
async fn row_44_a_folder_that_cannot_be_made_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let why = open::at(&file, Blocking::Inline).err().unwrap().to_string();
    assert!(why.contains("a-file"), "{why}");
}
