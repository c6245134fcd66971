//! Owners of one partition that are moved by hand: each stands before a row or a read, and goes on
//! to the next one when it is told to. Dropping one is a crash.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use futures_util::FutureExt;
use parking_lot::Mutex;
use protocol::ConversationId;
use server::pipeline::sequence::{Halt, Lane};
use storage::memory::{Gate, Memory, Read, Rows, Step, Verdict};
use storage::{Committed, HistoryStore, Stretch};
use tokio::sync::mpsc;

use super::lone::{self, store};
use super::properties::explained;
use super::records::{Log, START, cut};
use super::told::{Told, drain, heard};

/// Where an owner stands: before this row, or before this read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    Row(Step),
    Read(Read),
}

/// Lets one row or read through each time that it is opened.
#[derive(Default)]
struct Turnstile {
    open: AtomicBool,
    place: Mutex<Option<Place>>,
    /// Set with every row that is written, by whichever owner.
    written: Arc<AtomicBool>,
}

impl Turnstile {
    async fn pass(&self, place: Place) {
        *self.place.lock() = Some(place);
        poll_fn(|_| match self.open.swap(false, Ordering::Relaxed) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

#[async_trait]
impl Gate for Turnstile {
    async fn before_row(&self, step: Step) -> Verdict {
        self.pass(Place::Row(step)).await;
        self.written.store(true, Ordering::Relaxed);
        Verdict::Go
    }

    async fn before_read(&self, read: Read) {
        self.pass(Place::Read(read)).await;
    }
}

/// A lane's work on its stretch of the log.
type Work = Pin<Box<dyn Future<Output = Result<(), Halt>>>>;

/// One owner: a lane that folds a stretch of the log.
pub(crate) struct Owner {
    turnstile: Arc<Turnstile>,
    work: Option<Work>,
}

impl Owner {
    /// Whether it has more to do; if so, it goes on by one row or read.
    pub(crate) fn step(&mut self) -> bool {
        let Some(work) = &mut self.work else { return false };
        self.turnstile.open.store(true, Ordering::Relaxed);
        if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            done.unwrap_or_else(|halt| panic!("an owner has halted: {halt}"));
            self.work = None;
        }
        true
    }

    /// Up to `steps` steps; whether it has more to do.
    pub(crate) fn steps(&mut self, steps: usize) -> bool {
        for _ in 0..steps {
            self.step();
        }
        self.work.is_some()
    }

    pub(crate) fn finish(&mut self) {
        while self.step() {}
    }

    /// Go on until it stands here.
    pub(crate) fn goes_to(&mut self, place: Place) {
        while *self.turnstile.place.lock() != Some(place) {
            assert!(self.step(), "it never comes to {place:?}");
        }
    }
}

/// One partition: its log, its store, and what a lone lane makes of it.
pub(crate) struct Partition {
    log: Log,
    store: Memory,
    committed: mpsc::Receiver<Committed>,
    /// Whether a row was written since readers looked last.
    written: Arc<AtomicBool>,
}

/// What a lone lane makes of a log.
pub(crate) struct Expected {
    rows: Rows,
    told: Vec<Told>,
}

/// What a lone lane makes of this log.
pub(crate) fn expected(log: &Log) -> Expected {
    let (rows, told) = lone::fold(std::slice::from_ref(log));
    Expected { rows, told }
}

impl Partition {
    pub(crate) fn new(log: &Log) -> Self {
        let (store, committed) = store();
        Self { log: log.clone(), store, committed, written: Arc::default() }
    }

    /// A new owner. It begins where the store says, or where the log said before, knows nothing of
    /// the records from `end` on, and takes batches of these sizes.
    pub(crate) fn owner(&self, from: From, end: usize, sizes: &[usize]) -> Owner {
        let stored = self.store.rows().restarts.get(&0).copied().unwrap_or(START);
        let begin = match from {
            From::Stored => usize::try_from(stored - START).unwrap(),
            From::Beginning => 0,
        };
        let written = self.written.clone();
        let turnstile = Arc::new(Turnstile { written, ..Turnstile::default() });
        let store = Arc::new(self.store.with_gate(turnstile.clone()));
        let batches = cut(&self.log[begin.min(end)..end], sizes);
        let work = async move {
            let mut lane = Lane::new(0, store);
            for batch in batches {
                lane.process(&batch).await?;
            }
            Ok(())
        };
        let mut owner = Owner { turnstile, work: Some(Box::pin(work)) };
        // Up to its first row or read, which it does not pass.
        let work = owner.work.as_mut().unwrap();
        if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            owner.work = None;
        }
        owner
    }

    /// How many records there are.
    pub(crate) fn end(&self) -> usize {
        self.log.len()
    }

    /// What readers see now is whole: of a batch that is half stored nothing without its states.
    pub(crate) fn read(&self) {
        if !self.written.swap(false, Ordering::Relaxed) {
            return;
        }
        let rows = self.store.rows();
        explained(&rows);
        for (id, head) in &rows.heads {
            let stretch = self.stretch(*id);
            assert_eq!((stretch.from, stretch.events.len() as u64), (1, stretch.to));
            assert!(stretch.to <= head.seq);
            for event in &stretch.events {
                let state = stretch.states.iter().find(|state| state.seq == event.seq);
                assert!(!event.kind.counts() || state.is_some(), "a message without its text");
            }
        }
    }

    fn stretch(&self, id: ConversationId) -> Stretch {
        let stretch = self.store.stretch(id, 1, u64::MAX, u64::MAX, usize::MAX);
        stretch.now_or_never().expect("readers do not wait").unwrap()
    }

    /// All are done: the rows are those of a lone lane, readers see all of them, and nobody was told
    /// anything else.
    pub(crate) fn done(&mut self, expected: &Expected) {
        assert_eq!(self.store.rows(), expected.rows);
        for (id, head) in &expected.rows.heads {
            assert_eq!(self.stretch(*id).to, head.seq);
        }
        assert_eq!(heard(&drain(&mut self.committed)), heard(&expected.told));
    }
}

/// Where an owner begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    /// Where the store says that the partition is to be taken up.
    Stored,
    /// Where the log says so, when nothing has been committed to it yet.
    Beginning,
}
