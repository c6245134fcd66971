//! The same laws over SQLite: what a lane tells does not depend on the store.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use server::pipeline::sequence::Lane;
use storage::sqlite::Options;
use storage::{Blocking, Committed, FoldStore, Sqlite};
use tokio::sync::mpsc;

use super::generated::{config, history, sizes};
use super::lone::fold;
use super::records::cut;
use super::told::{answers, drain};

/// A database that runs on this thread. Power is not cut here, so it need not wait for the disk.
fn open(folder: &Path) -> (Arc<Sqlite>, mpsc::Receiver<Committed>) {
    let (sender, committed) = mpsc::channel(1_000);
    let store = Sqlite::open(Options {
        folder: folder.to_owned(),
        new_database: uuid::Uuid::nil(),
        blocking: Blocking::Inline,
        committed: sender,
        clock: Arc::new(|| 1_700_000_000_000),
        fatal: Arc::new(|why| panic!("the disk fails: {why}")),
        readers: 1,
        synchronous_off: true,
        max_pages: None,
    });
    (store.unwrap(), committed)
}

proptest! {
    #![proptest_config(config(16))]

    #[test]
    fn over_sqlite_a_lane_tells_the_same_whatever_is_forgotten_and_replayed(
        log in history(32),
        sizes in sizes(),
        crashes in prop::collection::vec(any::<bool>(), 1..8),
        from in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (rows, expected) = fold(&cut(&log, &[1]));
            let (store, mut committed) = open(folder.path());
            let mut lane = Lane::new(0, store.clone());
            let mut told = Vec::new();
            for (batch, crash) in cut(&log, &sizes).iter().zip(crashes.iter().cycle()) {
                lane.process(batch).await.unwrap();
                told.extend(drain(&mut committed));
                if *crash {
                    lane = Lane::new(0, store.clone());
                }
            }
            assert_eq!(told, expected);
            for (id, head) in &rows.heads {
                let loaded = store.load(*id).await.unwrap();
                assert_eq!(loaded.head, *head);
                assert_eq!(loaded.conversation.as_ref(), rows.conversations.get(id));
                for row in &loaded.members {
                    assert_eq!(rows.members.get(&(*id, row.user)), Some(row));
                }
                let members = rows.members.keys().filter(|(of, _)| of == id).count();
                assert_eq!(loaded.members.len(), members);
                let seqs: Vec<u64> = (1..=head.seq).collect();
                for (event, state) in store.events(*id, &seqs).await.unwrap() {
                    let key = (*id, event.event.seq);
                    assert_eq!(rows.events.get(&key), Some(&event));
                    assert_eq!(rows.messages.get(&key), state.as_ref());
                }
            }
            let from = from.index(log.len());
            let (_, before) = fold(&[log[..from].to_vec()]);
            let mut heir = Lane::new(0, store.clone());
            let mut again = answers(&before);
            for batch in cut(&log[from..], &sizes) {
                heir.process(&batch).await.unwrap();
                again.extend(answers(&drain(&mut committed)));
            }
            assert_eq!(again, answers(&expected));
            assert_eq!(store.check().await.unwrap(), []);
            store.close().await;
        });
    }
}
