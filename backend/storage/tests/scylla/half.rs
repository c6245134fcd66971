//! A batch that is only half stored: what readers see of it, and what its next owner does.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use storage::contract::{Room, user};
use storage::{
    Activity, Batch, Change, FoldStore, HistoryStore, ListRow, ListStore, Scylla, StorageError,
    Tell,
};

use crate::open;

/// Takes changes, or does not.
#[derive(Default)]
pub(crate) struct Ear {
    pub(crate) deaf: Mutex<bool>,
    pub(crate) heard: Mutex<Vec<Change>>,
}

#[async_trait]
impl Tell for Ear {
    async fn tell(&self, changes: Vec<Change>) -> storage::Result<()> {
        if *self.deaf.lock() {
            return Err(StorageError::Unavailable("nobody takes it".into()));
        }
        self.heard.lock().extend(changes);
        Ok(())
    }
}

/// The batch as it is stored when its writer ends after the heads.
fn up_to_heads(batch: &Batch, restart: u64) -> Batch {
    Batch {
        partition: batch.partition,
        events: batch.events.clone(),
        refs: batch.refs.clone(),
        heads: batch.heads.clone(),
        restart,
        ..Batch::default()
    }
}

/// A batch of a partition that no other test uses: restart rows are shared.
fn take(room: &mut Room, partition: u32) -> Batch {
    Batch { partition, ..room.take() }
}

async fn seen(store: &Scylla, room: &Room) -> (u64, usize, u64, usize) {
    let stretch = store.stretch(room.id, 1, 99, 99, 9_999).await.unwrap();
    let pages = store.pages(user(2), &[room.id], 99, 9_999).await.unwrap();
    (stretch.to, stretch.states.len(), pages[0].head.seq, pages[0].events.len())
}

#[tokio::test]
async fn row_43_a_message_is_not_seen_before_its_text() {
    let store = open::telling(Arc::new(Ear::default())).await;
    let mut room = Room::group(1, 2, false);
    store.apply(take(&mut room, 71)).await.unwrap();
    let before = room.head.position + 1;
    let first = room.says(1, "first");
    room.says_to(2, "an answer", Some(first));
    let batch = take(&mut room, 71);
    store.apply(up_to_heads(&batch, before)).await.unwrap();
    assert_eq!(store.head(room.id).await.unwrap(), Some(room.head));
    assert_eq!(seen(&store, &room).await, (1, 0, 1, 1));
    let whole = store.pages(user(2), &[room.id], 99, 9_999).await.unwrap().remove(0);
    assert_eq!((whole.head.ord, whole.at), (0, storage::contract::room::at(1)));
    // Whoever takes the batch up again gets the events as they are.
    let events = store.events(room.id, &[2, 3]).await.unwrap();
    assert_eq!(events.iter().map(|(_, state)| state.is_some()).collect::<Vec<_>>(), [false; 2]);
    // The second text alone shows neither message: there is no hole in what is seen.
    let second = Batch {
        messages: vec![batch.messages[1].clone()],
        restart: before,
        ..up_to_heads(&batch, 0)
    };
    store.apply(second).await.unwrap();
    let stretch = store.stretch(room.id, 1, 99, 99, 9_999).await.unwrap();
    assert_eq!((stretch.to, stretch.states.len()), (1, 0));
    store.apply(batch).await.unwrap();
    assert_eq!(seen(&store, &room).await, (3, 2, 3, 3));
}

#[tokio::test]
async fn row_43_an_edit_is_not_seen_before_its_text() {
    let store = open::telling(Arc::new(Ear::default())).await;
    let mut room = Room::group(1, 2, false);
    let said = room.says(1, "tyop");
    store.apply(take(&mut room, 72)).await.unwrap();
    let before = room.head.position + 1;
    room.edits(1, said, "typo");
    let batch = take(&mut room, 72);
    store.apply(up_to_heads(&batch, before)).await.unwrap();
    assert_eq!(seen(&store, &room).await, (2, 1, 2, 2));
    store.apply(batch).await.unwrap();
    assert_eq!(seen(&store, &room).await, (3, 1, 3, 3));
    let stretch = store.stretch(room.id, 3, 3, 9, 999).await.unwrap();
    assert_eq!(stretch.states, [room.state(said)]);
}

#[tokio::test]
async fn a_text_that_is_missing_in_a_batch_that_is_whole_is_an_alarm() {
    let store = open::telling(Arc::new(Ear::default())).await;
    let mut room = Room::group(1, 2, false);
    let said = room.says(1, "gone");
    let batch = take(&mut room, 73);
    store.apply(up_to_heads(&batch, batch.restart)).await.unwrap();
    let refused = store.stretch(room.id, 1, 99, 99, 9_999).await.unwrap_err();
    assert!(matches!(refused, StorageError::Damaged { seq, .. } if seq == said), "{refused}");
}

#[tokio::test]
async fn row_43_a_batch_whose_changes_are_not_taken_is_stored_but_not_done() {
    let ear = Arc::new(Ear::default());
    let store = open::telling(ear.clone()).await;
    let mut room = Room::group(1, 2, false);
    room.says(1, "hi");
    let told = room.tells(1, "hi");
    let batch = take(&mut room, 74);
    *ear.deaf.lock() = true;
    let failed = store.apply(batch.clone()).await.unwrap_err();
    assert!(
        matches!(&failed, StorageError::CommitFailed(why) if why.contains("nobody")),
        "{failed}"
    );
    assert_eq!(store.restart(74).await.unwrap(), None, "it is to be done again");
    assert_eq!(store.load(room.id).await.unwrap().head, room.head);
    *ear.deaf.lock() = false;
    store.apply(batch.clone()).await.unwrap();
    assert_eq!(store.restart(74).await.unwrap(), Some(batch.restart));
    assert_eq!(*ear.heard.lock(), [told]);
}

#[tokio::test]
async fn list_rows_come_in_any_order_and_the_newest_stays() {
    let store = open::telling(Arc::new(Ear::default())).await;
    let mut room = Room::group(1, 3, false);
    room.says(1, "a");
    room.leaves(2);
    store.apply(take(&mut room, 75)).await.unwrap();
    let row = |who, seq: Option<u64>, changed| ListRow {
        user: user(who),
        conversation: room.id,
        activity: seq.map(|seq| Activity { seq, ord: 1, at: storage::contract::room::at(seq) }),
        changed,
    };
    // Without rows the head shows that there is something.
    assert_eq!(store.listed(user(1), Some(u64::MAX)).await.unwrap().len(), 1);
    for (seq, changed) in [(Some(2), 20), (Some(3), 30), (Some(1), 10), (None, 25)] {
        store.note(vec![row(1, seq, changed), row(2, seq, changed)]).await.unwrap();
    }
    for (who, position) in [(1, room.head.position), (2, 0)] {
        let listed = store.listed(user(who), Some(29)).await.unwrap();
        let [one] = listed[..] else { panic!("one conversation: {listed:?}") };
        assert_eq!(
            (one.changed, one.head.seq, one.head.ord, one.head.position),
            (30, 3, 1, position)
        );
        assert_eq!(one.at, storage::contract::room::at(3));
        assert_eq!(store.listed(user(who), Some(30)).await.unwrap(), []);
    }
    // A message that no row knows of yet: only who is still there has news.
    room.says(1, "b");
    store.apply(take(&mut room, 75)).await.unwrap();
    assert_eq!(store.listed(user(1), Some(30)).await.unwrap().len(), 1);
    assert_eq!(store.listed(user(2), Some(30)).await.unwrap(), []);
}
