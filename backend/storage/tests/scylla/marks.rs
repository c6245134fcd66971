//! Marks that were stored and not told.

use std::sync::Arc;

use protocol::frame::Mark;
use storage::contract::{Room, user};
use storage::{Change, FoldStore, MarkOutcome, MarkerStore};

use crate::half::Ear;
use crate::open;

#[tokio::test]
async fn a_mark_that_was_not_told_is_told_when_it_comes_again_and_once_only() {
    let ear = Arc::new(Ear::default());
    let store = open::telling(ear.clone()).await;
    let mut room = Room::group(1, 2, false);
    let said = room.says(1, "hi");
    store.apply(room.take()).await.unwrap();
    let mark = Mark { conversation: room.id, delivered: said, read: 0 };
    *ear.deaf.lock() = true;
    assert!(store.mark(user(2), mark).await.is_err(), "nobody is answered before others are told");
    assert_eq!(store.markers(room.id, None, 9).await.unwrap()[1].delivered, said, "it is stored");
    *ear.deaf.lock() = false;
    for _ in 0..2 {
        let MarkOutcome::Stored(stored) = store.mark(user(2), mark).await.unwrap() else {
            panic!("a member")
        };
        assert_eq!((stored.delivered, stored.read), (said, 1));
    }
    let heard = ear.heard.lock();
    let [Change::Marked { marked, recipients }] = &heard[..] else { panic!("once: {heard:?}") };
    assert_eq!((marked.marker.delivered, recipients.len()), (said, 2));
}

#[tokio::test]
async fn of_marks_that_meet_the_highest_stays() {
    let store = open::telling(Arc::new(Ear::default())).await;
    let mut room = Room::group(1, 2, false);
    for _ in 0..8 {
        room.says(1, "x");
    }
    store.apply(room.take()).await.unwrap();
    let mark =
        |delivered, read| store.mark(user(2), Mark { conversation: room.id, delivered, read });
    let all = tokio::join!(mark(9, 0), mark(4, 7), mark(2, 2), mark(8, 3), mark(5, 6));
    for outcome in [all.0, all.1, all.2, all.3, all.4] {
        assert!(matches!(outcome.unwrap(), MarkOutcome::Stored(_)));
    }
    let markers = store.markers(room.id, None, 9).await.unwrap();
    assert_eq!((markers[1].delivered, markers[1].read), (9, 7));
}
