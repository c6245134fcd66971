//! What is missing or not as it was written is an error, and never a shorter history.

use std::sync::Arc;

use scylla::client::session::Session;
use storage::contract::{Room, user};
use storage::{FoldStore, HistoryStore, Scylla, StorageError};

use crate::half::Ear;
use crate::open;

/// A group in which 1 is the beginning and 2 to 5 are messages, and a session to harm it with.
async fn harmed(statement: &str) -> (Arc<Scylla>, Room) {
    let store = open::telling(Arc::new(Ear::default())).await;
    let mut room = Room::group(1, 2, false);
    for _ in 0..4 {
        room.says(1, "x");
    }
    store.apply(room.take()).await.unwrap();
    let session: Session = open::session(&open::keyspace().await.keyspace).await;
    let text = statement.replace("{room}", &room.id.to_string());
    session.query_unpaged(text, ()).await.unwrap();
    (store, room)
}

async fn is_damaged_at(store: &Scylla, room: &Room, seq: u64) {
    let is = |refused: &StorageError| matches!(refused, StorageError::Damaged { seq: at, .. } if *at == seq);
    let refused = store.stretch(room.id, 1, 9, 9, 9_999).await.unwrap_err();
    assert!(is(&refused), "{refused}");
    let refused = store.pages(user(1), &[room.id], 9, 9_999).await.unwrap_err();
    assert!(is(&refused), "{refused}");
    let refused = store.events(room.id, &[2, 3, 4]).await.unwrap_err();
    assert!(is(&refused), "{refused}");
    // The part beside it is served.
    assert_eq!(store.stretch(room.id, seq + 1, 9, 9, 9_999).await.unwrap().to, 5);
}

#[tokio::test]
async fn an_event_that_is_missing_is_an_alarm() {
    let (store, room) =
        harmed("DELETE FROM events WHERE conversation_id = {room} AND bucket = 0 AND seq = 3")
            .await;
    is_damaged_at(&store, &room, 3).await;
}

#[tokio::test]
async fn an_event_that_is_not_as_it_was_written_is_an_alarm() {
    let (store, room) = harmed(
        "UPDATE events SET event = (7, '{}') WHERE conversation_id = {room} AND bucket = 0 AND seq = 3",
    )
    .await;
    is_damaged_at(&store, &room, 3).await;
}

#[tokio::test]
async fn a_text_that_is_not_as_it_was_written_is_an_alarm() {
    let (store, room) = harmed(
        "UPDATE events SET state = (7, '{}') WHERE conversation_id = {room} AND bucket = 0 AND seq = 3",
    )
    .await;
    is_damaged_at(&store, &room, 3).await;
}

#[tokio::test]
async fn a_head_that_is_not_as_it_was_written_is_an_alarm() {
    let (store, room) =
        harmed("UPDATE conversations SET head = (7, '{\"seq\":1}') WHERE conversation_id = {room}")
            .await;
    assert!(matches!(store.head(room.id).await, Err(StorageError::Damaged { .. })));
    assert!(matches!(store.load(room.id).await, Err(StorageError::Damaged { .. })));
    assert!(store.listed(user(1), None).await.is_err());
}
