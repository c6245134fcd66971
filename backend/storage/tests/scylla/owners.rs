//! Two owners of one partition at once: one of them was overtaken and does not know it yet.

use std::sync::Arc;

use storage::contract::{Conversations, Room, user};
use storage::memory::Memory;
use storage::{Batch, FoldStore, Scylla};
use tokio::sync::mpsc;

use crate::half::Ear;
use crate::open;

/// What people did, in batches of a partition that no other test uses.
fn batches(room: &mut Room) -> Vec<Batch> {
    let mut batches = vec![room.take()];
    for round in 0..6 {
        let said = room.says(1, "said");
        let answer = room.says_to(2, "answered", Some(said));
        batches.push(room.take());
        room.edits(1, said, &format!("edited {round}"));
        room.renames(1, &format!("name {round}"));
        batches.push(room.take());
        room.leaves(3);
        batches.push(room.take());
        room.edits(2, answer, "also edited");
        room.adds(1, 3);
        batches.push(room.take());
    }
    room.leaves(2);
    batches.push(room.take());
    batches.into_iter().map(|batch| Batch { partition: 77, ..batch }).collect()
}

/// Everything that readers see.
async fn seen(store: &impl Conversations, room: &Room) -> String {
    let mut seen = format!("{:#?}", store.load(room.id).await.unwrap());
    for who in 1..4 {
        let mut listed = store.listed(user(who), None).await.unwrap();
        listed.iter_mut().for_each(|row| row.changed = 0);
        let pages = store.pages(user(who), &[room.id], 20, usize::MAX).await.unwrap();
        seen += &format!("{listed:#?}{pages:#?}");
    }
    seen + &format!("{:#?}", store.stretch(room.id, 1, u64::MAX, 999, 1 << 20).await.unwrap())
}

async fn apply_all(store: &Scylla, batches: &[Batch]) {
    for batch in batches {
        store.apply(batch.clone()).await.unwrap();
    }
}

#[tokio::test]
async fn two_owners_at_once_leave_what_one_alone_leaves() {
    let one = open::telling(Arc::new(Ear::default())).await;
    let options = open::keyspace().await;
    let other = Scylla::connect(options, Arc::new(Ear::default())).await.unwrap();
    let mut room = Room::group(1, 3, false);
    let batches = batches(&mut room);
    // The other is a few batches behind all the time, and comes in between at any row.
    apply_all(&one, &batches[..4]).await;
    tokio::join!(apply_all(&one, &batches[4..]), apply_all(&other, &batches));
    // At last it writes two batches that are long done.
    apply_all(&other, &batches[1..3]).await;
    let (sender, _committed) = mpsc::channel(1_000);
    let memory = Memory::new(uuid::Uuid::nil(), sender);
    for batch in &batches {
        memory.apply(batch.clone()).await.unwrap();
    }
    let alone = seen(&memory, &room).await;
    assert_eq!(seen(&*one, &room).await, alone);
    assert_eq!(seen(&other, &room).await, alone);
    assert_eq!(one.restart(77).await.unwrap(), Some(room.head.position + 1));
}
