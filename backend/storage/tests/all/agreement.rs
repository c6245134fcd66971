//! The memory store and SQLite give the same answers, whatever the order in which batches come.

use std::sync::Arc;

use proptest::prelude::*;
use storage::contract::{Conversations, Room, user};
use storage::memory::Memory;
use storage::{Batch, Blocking, FoldStore};

use crate::open;

/// What somebody does in the room.
#[derive(Clone, Copy, Debug)]
enum Act {
    Says(u64),
    Answers(u64, usize),
    Edits(usize),
    Leaves(u64),
    Adds(u64),
    Renames,
    /// Ends the batch.
    Cut,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1u64..4).prop_map(Act::Says),
        2 => (1u64..4, 0usize..9).prop_map(|(who, of)| Act::Answers(who, of)),
        2 => (0usize..9).prop_map(Act::Edits),
        1 => (2u64..4).prop_map(Act::Leaves),
        1 => (2u64..4).prop_map(Act::Adds),
        1 => Just(Act::Renames),
        3 => Just(Act::Cut),
    ]
}

/// The batches of these acts; what cannot be is left out.
fn batches(room: &mut Room, acts: &[Act]) -> Vec<Batch> {
    let (mut said, mut batches) = (Vec::new(), vec![room.take()]);
    for (n, act) in acts.iter().enumerate() {
        let is_in = |who| room.member(who).periods.last().unwrap().left_seq.is_none();
        match *act {
            Act::Says(who) if is_in(who) => said.push(room.says(who, "said")),
            Act::Answers(who, of) if is_in(who) && of < said.len() => {
                said.push(room.says_to(who, "answered", Some(said[of])));
            }
            Act::Edits(of) if of < said.len() => {
                room.edits(1, said[of], &n.to_string());
            }
            Act::Leaves(who) if is_in(who) => {
                // Its own batch: which title a person who left keeps is decided between batches.
                batches.push(room.take());
                room.leaves(who);
                batches.push(room.take());
            }
            Act::Adds(who) if !is_in(who) => {
                room.adds(1, who);
            }
            Act::Renames => {
                room.renames(1, &format!("name {n}"));
            }
            Act::Cut => batches.push(room.take()),
            _ => {}
        }
    }
    batches.push(room.take());
    batches
}

/// Everything that readers see, but for commit numbers, which are each store's own.
async fn seen(store: &impl Conversations, room: &Room) -> String {
    let mut seen = format!("{:#?}", store.load(room.id).await.unwrap());
    for who in 1..4 {
        let mut listed = store.listed(user(who), None).await.unwrap();
        listed.iter_mut().for_each(|row| row.changed = 0);
        let pages = store.pages(user(who), &[room.id], 5, usize::MAX).await.unwrap();
        seen += &format!("{listed:#?}{pages:#?}");
    }
    seen + &format!("{:#?}", store.stretch(room.id, 1, u64::MAX, 999, 1 << 20).await.unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn both_stores_show_the_same_and_a_second_owner_who_lags_changes_nothing(
        acts in prop::collection::vec(act(), 0..40),
        behind in prop::collection::vec(0usize..40, 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut room = Room::group(1, 3, false);
            let batches = batches(&mut room, &acts);
            let sqlite = open::empty(Blocking::Inline);
            let (sender, _committed) = tokio::sync::mpsc::channel(1_000);
            let memory = Arc::new(Memory::new(uuid::Uuid::nil(), sender));
            for (n, batch) in batches.iter().enumerate() {
                sqlite.store.apply(batch.clone()).await.unwrap();
                memory.apply(batch.clone()).await.unwrap();
                // The one that lags writes a batch again that is long done.
                if let Some(behind) = behind.get(n % 13).filter(|behind| **behind <= n) {
                    sqlite.store.apply(batches[*behind].clone()).await.unwrap();
                    memory.apply(batches[*behind].clone()).await.unwrap();
                }
            }
            assert_eq!(seen(&*sqlite.store, &room).await, seen(&*memory, &room).await);
            assert_eq!(sqlite.store.check().await.unwrap(), []);
        });
    }
}
