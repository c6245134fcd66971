//! A lane that nobody disturbs, over a store that writes without delay.

use bytes::Bytes;
use futures_util::FutureExt;
use server::pipeline::sequence::{Halt, Lane};
use std::sync::Arc;
use storage::memory::{Memory, Rows};
use storage::{Committed, Position};
use tokio::sync::mpsc;

use super::told::{self, Told};

/// Commits that may wait to be looked at: more than any test here makes between two looks.
const COMMITS: usize = 100_000;

/// An empty store and what it hands out.
pub(crate) fn store() -> (Memory, mpsc::Receiver<Committed>) {
    let (sender, committed) = mpsc::channel(COMMITS);
    (Memory::new(uuid::Uuid::nil(), sender), committed)
}

/// The lane, its store, and what is handed out.
pub(crate) struct Lone {
    pub(crate) store: Memory,
    committed: mpsc::Receiver<Committed>,
    lane: Lane,
}

impl Lone {
    pub(crate) fn new() -> Self {
        let (store, committed) = store();
        Self::over(store, committed)
    }

    pub(crate) fn over(store: Memory, committed: mpsc::Receiver<Committed>) -> Self {
        let lane = Lane::new(0, Arc::new(store.clone()));
        Self { store, committed, lane }
    }

    /// Whoever comes after a crash: it knows only what is stored.
    pub(crate) fn forget(&mut self) {
        self.lane = Lane::new(0, Arc::new(self.store.clone()));
    }

    pub(crate) fn try_process(&mut self, batch: &[(Position, Bytes)]) -> Result<Vec<Told>, Halt> {
        let done = self.lane.process(batch).now_or_never();
        done.expect("the store does not wait")?;
        Ok(told::drain(&mut self.committed))
    }

    /// What is told of this batch.
    pub(crate) fn process(&mut self, batch: &[(Position, Bytes)]) -> Vec<Told> {
        self.try_process(batch).unwrap_or_else(|halt| panic!("a lone lane has halted: {halt}"))
    }

    /// How many records were garbage.
    pub(crate) fn skipped(&self) -> u64 {
        self.lane.skipped()
    }

    pub(crate) fn rows(&self) -> Rows {
        self.store.rows()
    }
}

/// The rows that a lone lane makes of this log, and what it tells.
pub(crate) fn fold(batches: &[Vec<(Position, Bytes)>]) -> (Rows, Vec<Told>) {
    let mut lone = Lone::new();
    let told = batches.iter().flat_map(|batch| lone.process(batch)).collect();
    (lone.rows(), told)
}
