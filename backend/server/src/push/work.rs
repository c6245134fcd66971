//! Workers: read the push queue, wait until an app would have said that it has the message, decide, send,
//! try again later, give up. A place in the queue is committed when all before it has an outcome, so a
//! worker that ends repeats a push rather than losing it.
//!
//! Everything that is to be done has its time and waits in one bounded list. What is due runs beside
//! what else is due, so nobody waits for a slow receiver but those who want the same one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ::metrics::{counter, gauge, histogram};
use event_log::{Delivery, EventLog, LogError, Position, Subscription};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use protocol::push::Pushed;
use protocol::{Millis, SubscriptionId, UserId, wire};
use storage::{StorageError, SubscriptionRow};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::decide::{Silence, decide, due};
use super::send::{Outcome, Sender};
use super::subjects;
use crate::admin::metrics;
use crate::app::Stores;
use crate::environment::Environment;
use crate::pipeline::dead::Dead;
use crate::pipeline::record::PushRecord;

/// Most jobs that wait; beyond that the queue is not read.
const WAITING: usize = 16_384;
/// Most jobs that run at the same time.
const RUNNING: usize = 128;
/// How often it is looked whether something is due: the clock is not the one that sleeps.
const LOOK: Duration = Duration::from_millis(100);
/// So often a push is tried.
pub const TRIES: u32 = 6;
/// How long to wait after the first try, at most; twice as long after each further one.
const FIRST: Millis = 2_000;
/// A receiver that wants to be left alone for longer than this is given up.
const LONGEST: Millis = 10 * 60 * 1_000;
/// Pushes to one place that wait to be tried again; beyond that they are given up.
const AGAIN_PER_PLACE: usize = 16;
/// How long to wait for a store that does not answer, or for a turn.
const SOON: Millis = 500;

/// What workers are made of. A cheap handle.
#[derive(Clone)]
pub struct Worker {
    /// The stores.
    pub stores: Stores,
    /// What makes requests.
    pub sender: Arc<Sender>,
    /// Time and randomness.
    pub environment: Environment,
    /// Where goes what is given up.
    pub dead: Dead,
    /// Whether the person has a session on this node.
    pub active: Arc<dyn Fn(UserId) -> bool + Send + Sync>,
}

/// Something that is to be done.
enum Job {
    /// Find the places to which the people of a record are pushed.
    Spread(PushRecord),
    /// Push to one place, for the nth time.
    Push { about: Arc<PushRecord>, user: UserId, place: SubscriptionId, tries: u32 },
    /// Too much waits for that place already.
    GiveUp { about: Arc<PushRecord>, user: UserId },
}

/// A job, and the record that it came from.
struct Held {
    job: Job,
    from: From,
}

/// A record's place in the queue, while the partition is this worker's.
#[derive(Clone, Copy)]
struct From {
    partition: u32,
    position: Position,
    /// Which time it is that this worker owns the partition.
    turn: u64,
}

/// A partition of this worker's.
#[derive(Default)]
struct Owned {
    turn: u64,
    /// Records that have no outcome yet, and how many jobs each has.
    open: BTreeMap<Position, usize>,
    /// Behind the last record that was read.
    next: Position,
}

#[derive(Default)]
struct Work {
    turns: u64,
    owned: BTreeMap<u32, Owned>,
    /// By the time at which they are due, then in the order in which they came.
    waiting: BTreeMap<(Millis, u64), Held>,
    number: u64,
    /// How many pushes to a place wait to be tried again.
    again: BTreeMap<SubscriptionId, usize>,
    /// Partitions in which something got its outcome.
    moved: BTreeSet<u32>,
}

/// What a job leaves to be done, and when.
type Next = Vec<(Millis, Job)>;

impl Worker {
    /// Work until `stop`; what has no outcome then is the next worker's.
    ///
    /// # Errors
    /// When the queue cannot be reached.
    pub async fn run(
        self,
        queue: Arc<dyn EventLog>,
        stop: CancellationToken,
    ) -> Result<(), LogError> {
        let mut queue = queue.subscribe().await?;
        let mut work = Work::default();
        let mut running: FuturesUnordered<BoxFuture<'_, (From, Next)>> = FuturesUnordered::new();
        loop {
            while running.len() < RUNNING
                && let Some(held) = work.pop(self.environment.now())
            {
                running.push(self.perform(held).boxed());
            }
            #[expect(clippy::cast_precision_loss, reason = "at most a few thousand")]
            gauge!(metrics::PUSHES_WAITING).set(work.waiting.len() as f64);
            let idle = work.waiting.is_empty() || running.len() >= RUNNING;
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                Some((from, next)) = running.next(), if !running.is_empty() => {
                    work.done(from, next);
                }
                delivery = queue.next(), if work.waiting.len() < WAITING => match delivery {
                    Err(LogError::Closed) => return Ok(()),
                    delivery => self.heed(&mut work, delivery?).await,
                },
                () = tokio::time::sleep(LOOK), if !idle => {}
            }
            work.commit(&mut *queue).await?;
        }
    }

    async fn heed(&self, work: &mut Work, delivery: Delivery) {
        match delivery {
            Delivery::Assigned { partition, position } => work.assigned(partition, position),
            Delivery::Revoked { partition } => work.revoked(partition),
            Delivery::Record { partition, position, bytes } => {
                let Some(from) = work.read(partition, position) else { return };
                let now = self.environment.now();
                match PushRecord::decode(&bytes) {
                    Some(record) => {
                        work.done(from, vec![(due(record.at, now), Job::Spread(record))]);
                    }
                    None => {
                        self.bury(from, "it is no record of the push queue", &bytes).await;
                        work.done(from, Vec::new());
                    }
                }
            }
        }
    }

    async fn perform(&self, Held { job, from }: Held) -> (From, Next) {
        let next = match job {
            Job::Spread(record) => self.spread(record).await,
            Job::Push { about, user, place, tries } => {
                self.push(from, about, user, place, tries).await
            }
            Job::GiveUp { about, user } => {
                self.give_up(from, &about, user, "too many wait for this place").await;
                Vec::new()
            }
        };
        (from, next)
    }

    async fn spread(&self, record: PushRecord) -> Next {
        let now = self.environment.now();
        // Who is there needs no look at anything else.
        let (active, absent): (Vec<UserId>, Vec<UserId>) =
            record.to.iter().partition(|user| (self.active)(**user));
        let places = match self.stores.push.subscriptions(&absent).await {
            Ok(places) => places,
            Err(error) => {
                tracing::warn!("pushes wait for the store: {error}");
                return vec![(now + SOON, Job::Spread(record))];
            }
        };
        active.iter().for_each(|_| count(Silence::Active.word()));
        let about = Arc::new(PushRecord { to: Vec::new(), ..record });
        let push = |place: SubscriptionRow| Job::Push {
            about: about.clone(),
            user: place.user,
            place: place.id,
            tries: 0,
        };
        places.into_iter().map(|place| (now, push(place))).collect()
    }

    async fn push(
        &self,
        from: From,
        about: Arc<PushRecord>,
        user: UserId,
        place: SubscriptionId,
        tries: u32,
    ) -> Next {
        let again = |after: Millis, tries: u32| {
            let at = self.environment.now().saturating_add(after);
            vec![(at, Job::Push { about: about.clone(), user, place, tries })]
        };
        let (to, pushed) = match self.consider(&about, user, place).await {
            Ok(Some(found)) => found,
            Ok(None) => return Vec::new(),
            Err(error @ StorageError::Damaged { .. }) => {
                self.give_up(from, &about, user, &error.to_string()).await;
                return Vec::new();
            }
            Err(error) => {
                tracing::warn!("a push waits for the store: {error}");
                return again(SOON, tries);
            }
        };
        let begun = Instant::now();
        let outcome = self.sender.send(&to, &pushed).await;
        if outcome != Outcome::Busy {
            histogram!(metrics::PUSH).record(begun.elapsed());
        }
        match outcome {
            Outcome::Sent => count("sent"),
            Outcome::Busy => return again(SOON, tries),
            Outcome::Gone => {
                count("gone");
                if let Err(error) = self.stores.push.unsubscribe(user, place).await {
                    // The next push finds it gone as well.
                    tracing::warn!("a subscription that is gone stays for now: {error}");
                }
            }
            Outcome::Never(why) => self.give_up(from, &about, user, &why).await,
            Outcome::Later(after, why) => {
                let tries = tries + 1;
                if tries >= TRIES || after.is_some_and(|after| after > LONGEST) {
                    self.give_up(from, &about, user, &format!("{why}, {tries} times")).await;
                } else {
                    count("again");
                    let back_off = back_off(tries, self.environment.below(1_000));
                    return again(back_off.max(after.unwrap_or_default()), tries);
                }
            }
        }
        Vec::new()
    }

    /// Where to push, and what; `None` when nothing is to be pushed.
    async fn consider(
        &self,
        about: &PushRecord,
        user: UserId,
        place: SubscriptionId,
    ) -> storage::Result<Option<(SubscriptionRow, Pushed)>> {
        let places = self.stores.push.subscriptions(&[user]).await?;
        let Some(to) = places.into_iter().find(|row| row.id == place) else {
            count("ended");
            return Ok(None);
        };
        let at = (about.conversation, about.seq);
        let active = (self.active)(user);
        let (recipient, title) = subjects::recipient(&self.stores, at, &to, active).await?;
        let message = subjects::message(&self.stores, about, title).await?;
        let decided = match &message {
            Some(message) => decide(&recipient, message, self.environment.now()),
            None => Err(Silence::NoMember),
        };
        match decided {
            Ok(pushed) => Ok(Some((to, pushed))),
            Err(silence) => {
                count(silence.word());
                Ok(None)
            }
        }
    }

    async fn give_up(&self, from: From, about: &PushRecord, user: UserId, why: &str) {
        count("dead");
        let record = PushRecord { to: vec![user], ..about.clone() };
        self.bury(from, why, wire::encode(&record).as_bytes()).await;
    }

    /// Until it is kept: what is committed without that is lost without a trace.
    async fn bury(&self, from: From, why: &str, bytes: &[u8]) {
        let place = (from.partition, from.position);
        while let Err(error) = self.dead.bury("push", place, why, bytes).await {
            tracing::warn!("a dead letter is tried again: {error:#}");
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// How long to wait before the next try, in milliseconds: half of it for sure, the other half by
/// `chance`, which is below 1,000.
fn back_off(tries: u32, chance: u64) -> Millis {
    let most = FIRST << tries.saturating_sub(1).min(10);
    most / 2 + most / 2 * Millis::try_from(chance).unwrap_or_default() / 1_000
}

fn count(outcome: &'static str) {
    counter!(metrics::PUSHES, "outcome" => outcome).increment(1);
}

impl Work {
    fn assigned(&mut self, partition: u32, position: Position) {
        self.revoked(partition);
        self.turns += 1;
        let owned = Owned { turn: self.turns, next: position, ..Owned::default() };
        self.owned.insert(partition, owned);
    }

    fn revoked(&mut self, partition: u32) {
        self.owned.remove(&partition);
        let gone = self.waiting.extract_if(.., |_, held| held.from.partition == partition);
        for (_, held) in gone.collect::<Vec<_>>() {
            self.forget(&held.job);
        }
    }

    /// This waits no more.
    fn forget(&mut self, job: &Job) {
        if let Job::Push { place, tries: 1.., .. } = job
            && let Some(count) = self.again.get_mut(place)
        {
            *count -= 1;
            if *count == 0 {
                self.again.remove(place);
            }
        }
    }

    /// A record was read: it has one thing to be done. `None` for a partition that is not this worker's.
    fn read(&mut self, partition: u32, position: Position) -> Option<From> {
        let owned = self.owned.get_mut(&partition)?;
        owned.next = position + 1;
        owned.open.insert(position, 1);
        Some(From { partition, position, turn: owned.turn })
    }

    /// The first job that is due.
    fn pop(&mut self, now: Millis) -> Option<Held> {
        let first = self.waiting.first_entry().filter(|first| first.key().0 <= now)?;
        let held = first.remove();
        self.forget(&held.job);
        Some(held)
    }

    /// One thing is done, and has left others.
    fn done(&mut self, from: From, next: Next) {
        let Some(owned) = self.owned.get_mut(&from.partition).filter(|o| o.turn == from.turn)
        else {
            return;
        };
        let Some(open) = owned.open.get_mut(&from.position) else { return };
        *open = *open - 1 + next.len();
        if *open == 0 {
            owned.open.remove(&from.position);
            self.moved.insert(from.partition);
        }
        for (at, mut job) in next {
            if let Job::Push { about, user, place, tries: 1.. } = &job {
                let count = self.again.entry(*place).or_default();
                if *count < AGAIN_PER_PLACE {
                    *count += 1;
                } else {
                    job = Job::GiveUp { about: about.clone(), user: *user };
                }
            }
            self.number += 1;
            self.waiting.insert((at, self.number), Held { job, from });
        }
    }

    /// Commit up to the first record without an outcome.
    async fn commit(&mut self, queue: &mut dyn Subscription) -> Result<(), LogError> {
        for partition in std::mem::take(&mut self.moved) {
            let Some(owned) = self.owned.get(&partition) else { continue };
            let open = owned.open.first_key_value().map(|(position, _)| *position);
            queue.commit(partition, open.unwrap_or(owned.next)).await?;
        }
        Ok(())
    }
}
