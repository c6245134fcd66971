//! What one node does to the services, effect after effect.

use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use storage::memory::{Gate, Read, Step, Verdict};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// One of the topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// The conversation log.
    Log,
    /// The inbox.
    Inbox,
    /// The push queue.
    Push,
}

/// What a node is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write a row.
    Row(Step),
    /// Read rows, all at one moment.
    Read(Read),
    /// Append a record.
    Append(Topic, u32),
    /// Hear that a record was appended, which it was.
    Appended(Topic, u32),
    /// Commit a position.
    Commit(Topic, u32),
}

/// What one start of a node does to the services: it waits here before each effect, and what was
/// decided about it happens between two of them.
pub struct Effects {
    state: Mutex<State>,
    life: watch::Sender<Life>,
    ended: CancellationToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Runs,
    /// It does nothing, and does not know it.
    Frozen,
    /// It does nothing ever again.
    Ended,
}

struct State {
    random: StdRng,
    /// The longest time that an effect takes, in milliseconds.
    latency: u64,
    /// What becomes of it before which effect, and the effects since that was decided.
    fate: Option<(usize, Life)>,
    seen: Vec<Effect>,
    /// How many appends will not arrive, and of how many the answer will not.
    lose: (u32, u32),
}

impl Effects {
    /// Effects that take up to so many milliseconds each; how long follows from the seed.
    #[must_use]
    pub fn new(seed: u64, latency: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let state = State { random, latency, fate: None, seen: Vec::new(), lose: (0, 0) };
        let life = watch::Sender::new(Life::Runs);
        Self { state: Mutex::new(state), life, ended: CancellationToken::new() }
    }

    /// Write down what it does from here on.
    pub fn watch(&self) {
        self.decide(usize::MAX, Life::Ended);
    }

    /// End before the nth effect from here on.
    pub fn end_before(&self, nth: usize) {
        self.decide(nth, Life::Ended);
    }

    /// Freeze before the nth effect from here on.
    pub fn freeze_before(&self, nth: usize) {
        self.decide(nth, Life::Frozen);
    }

    fn decide(&self, nth: usize, life: Life) {
        let mut state = self.state.lock();
        (state.seen, state.fate) = (Vec::new(), Some((nth, life)));
    }

    /// What it has done since something was decided about it, and until that happened.
    #[must_use]
    pub fn seen(&self) -> Vec<Effect> {
        self.state.lock().seen.clone()
    }

    /// Nothing is decided about it any more, nothing gets lost, and it is not frozen.
    pub fn spare(&self) {
        let mut state = self.state.lock();
        (state.fate, state.lose) = (None, (0, 0));
        drop(state);
        self.thaw();
    }

    /// Of the next appends lose so many on their way, and of those that arrive so many answers.
    pub fn lose(&self, appends: u32, answers: u32) {
        self.state.lock().lose = (appends, answers);
    }

    /// Do nothing more, but be there.
    pub fn freeze(&self) {
        self.becomes(Life::Frozen);
    }

    /// Go on as if nothing had been.
    pub fn thaw(&self) {
        self.becomes(Life::Runs);
    }

    /// Do nothing ever again.
    pub fn end(&self) {
        self.becomes(Life::Ended);
        self.ended.cancel();
    }

    /// Cancelled when it has ended.
    #[must_use]
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Whether it is frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        *self.life.borrow() == Life::Frozen
    }

    /// Whether it is frozen or has ended.
    pub(super) fn is_still(&self) -> bool {
        *self.life.borrow() != Life::Runs
    }

    /// Wait until it is frozen or has ended.
    pub async fn stands_still(&self) {
        let _ = self.life.subscribe().wait_for(|life| *life != Life::Runs).await;
    }

    /// Wait while it is frozen. Never returns when it has ended.
    pub async fn lives(&self) {
        // It cannot fail: the other half is here.
        let _ = self.life.subscribe().wait_for(|life| *life != Life::Frozen).await;
        if *self.life.borrow() == Life::Ended {
            std::future::pending::<()>().await;
        }
    }

    fn becomes(&self, to: Life) {
        self.life.send_if_modified(|life| {
            let changes = *life != Life::Ended && *life != to;
            if changes {
                *life = to;
            }
            changes
        });
    }

    /// Returns when this effect is to happen: never, when the node ends before it.
    pub(super) async fn before(&self, effect: Effect) {
        self.lives().await;
        let (takes, fate) = {
            let mut state = self.state.lock();
            if state.fate.is_some() {
                state.seen.push(effect);
            }
            let count = state.seen.len();
            let fate = state.fate.take_if(|(nth, _)| *nth == count).map(|(_, life)| life);
            let latency = state.latency;
            (state.random.random_range(0..=latency), fate)
        };
        if let Some(fate) = fate {
            tracing::debug!(?effect, ?fate);
            match fate {
                Life::Ended => self.end(),
                life => self.becomes(life),
            }
            self.lives().await;
        }
        if takes > 0 {
            tokio::time::sleep(Duration::from_millis(takes)).await;
            self.lives().await;
        }
    }

    /// Whether the append that is about to happen gets lost on its way.
    pub(super) fn loses_append(&self) -> bool {
        take_one(&mut self.state.lock().lose.0)
    }

    /// Whether the answer to an append that has happened gets lost.
    pub(super) fn loses_answer(&self) -> bool {
        take_one(&mut self.state.lock().lose.1)
    }
}

fn take_one(from: &mut u32) -> bool {
    let some = *from > 0;
    *from = from.saturating_sub(1);
    some
}

#[async_trait]
impl Gate for Effects {
    async fn before_row(&self, step: Step) -> Verdict {
        self.before(Effect::Row(step)).await;
        Verdict::Go
    }

    async fn before_read(&self, read: Read) {
        self.before(Effect::Read(read)).await;
    }
}
