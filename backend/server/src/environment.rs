//! What a server cannot compute: time, randomness, and where blocking work runs. All of it comes in
//! from outside, so that a simulated world decides it.

use std::sync::Arc;

use parking_lot::Mutex;
use protocol::Millis;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use storage::Blocking;
use uuid::Uuid;

/// Time, randomness and threads, as given from outside. A cheap handle.
#[derive(Clone)]
pub struct Environment {
    clock: Arc<dyn Fn() -> Millis + Send + Sync>,
    random: Arc<Mutex<StdRng>>,
    /// Where blocking work runs.
    pub blocking: Blocking,
}

impl Environment {
    /// The real one: the system's clock and randomness, threads for blocking work.
    #[must_use]
    pub fn real() -> Self {
        let wrong = storage::sabotage::clock_offset();
        let clock = Arc::new(move || system_clock().saturating_add(wrong));
        Self::new(clock, rand::make_rng(), Blocking::Threads)
    }

    /// One whose every answer follows from its arguments.
    #[must_use]
    pub fn simulated(clock: Arc<dyn Fn() -> Millis + Send + Sync>, seed: u64) -> Self {
        Self::new(clock, StdRng::seed_from_u64(seed), Blocking::Inline)
    }

    fn new(
        clock: Arc<dyn Fn() -> Millis + Send + Sync>,
        random: StdRng,
        blocking: Blocking,
    ) -> Self {
        Self { clock, random: Arc::new(Mutex::new(random)), blocking }
    }

    /// Milliseconds since 1970-01-01 UTC. For display, expiry and rates; never for order.
    #[must_use]
    pub fn now(&self) -> Millis {
        (self.clock)()
    }

    /// The clock alone, for parts that need nothing else.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Fn() -> Millis + Send + Sync> {
        self.clock.clone()
    }

    /// A new UUIDv7.
    #[must_use]
    pub fn id(&self) -> Uuid {
        let random: [u8; 10] = self.random.lock().random();
        let millis = u64::try_from(self.now()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// Random bytes that nobody can guess (in the real environment).
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.lock().fill_bytes(&mut bytes);
        bytes
    }

    /// A number from 0 to `below - 1`; 0 for `below` 0.
    #[must_use]
    pub fn below(&self, below: u64) -> u64 {
        if below == 0 { 0 } else { self.random.lock().random_range(0..below) }
    }
}

/// The one place that reads the system's clock.
#[allow(clippy::disallowed_methods)]
fn system_clock() -> Millis {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
