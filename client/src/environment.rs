//! What the client takes from the world: time, randomness, threads. It comes in as an argument, so
//! that a test that gives the same seed sees the same run.

use std::sync::Arc;

use parking_lot::Mutex;
use protocol::{ClientRef, ConversationId, DeviceId, Millis};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use crate::blocking::Blocking;

/// Time, randomness and threads. Waiting is always tokio's time, which a test can pause.
#[derive(Clone)]
pub struct Environment {
    now: Arc<dyn Fn() -> Millis + Send + Sync>,
    random: Arc<Mutex<StdRng>>,
    /// Where blocking work runs.
    pub blocking: Blocking,
}

impl Environment {
    /// `now` gives milliseconds since 1970; it may jump, since nothing is ordered by it. `seed`
    /// begins the random numbers that ids and back-off are made of; every start needs another one, or
    /// the ids of the run before come again.
    #[must_use]
    pub fn new(
        now: Arc<dyn Fn() -> Millis + Send + Sync>,
        seed: [u8; 32],
        blocking: Blocking,
    ) -> Self {
        let random = Arc::new(Mutex::new(StdRng::from_seed(seed)));
        Self { now, random, blocking }
    }

    /// The real ones: the computer's clock, the system's randomness, threads.
    #[must_use]
    pub fn system() -> Self {
        let mut seed = [0; 32];
        rand::rng().fill_bytes(&mut seed);
        Self::new(Arc::new(system_clock), seed, Blocking::Threads)
    }

    /// The same, with another clock.
    #[must_use]
    pub fn with_clock(self, now: Arc<dyn Fn() -> Millis + Send + Sync>) -> Self {
        Self { now, ..self }
    }

    /// Milliseconds since 1970, for display and for new ids.
    #[must_use]
    pub fn now(&self) -> Millis {
        (self.now)()
    }

    /// A ref for a new change.
    #[must_use]
    pub fn client_ref(&self) -> ClientRef {
        ClientRef(self.uuid_v7())
    }

    /// An id for a new group.
    #[must_use]
    pub fn group_id(&self) -> ConversationId {
        ConversationId(self.uuid_v7())
    }

    /// An id for this installed app.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        DeviceId(self.uuid_v7())
    }

    /// A number from 0 up to and without `below`; 0 when that is 0.
    #[must_use]
    pub fn random_below(&self, below: u64) -> u64 {
        if below == 0 { 0 } else { self.random.lock().random_range(0..below) }
    }

    fn uuid_v7(&self) -> uuid::Uuid {
        let mut tail = [0; 10];
        self.random.lock().fill_bytes(&mut tail);
        // A clock before 1970 or far in the future still gives a valid id: 48 bits are taken.
        let millis = u64::try_from(self.now()).unwrap_or(0).min((1 << 48) - 1);
        uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid()
    }
}

#[allow(clippy::disallowed_methods)] // This is the clock.
fn system_clock() -> Millis {
    use std::time::{SystemTime, UNIX_EPOCH};
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX),
        Err(before) => -Millis::try_from(before.duration().as_millis()).unwrap_or(Millis::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_27_a_clock_ten_years_off_or_before_1970_still_gives_valid_refs() {
        for now in [-1, 0, i64::MIN, i64::MAX, 1_700_000_000_000 + 315_360_000_000] {
            let environment = Environment::new(Arc::new(move || now), [1; 32], Blocking::Inline);
            assert!(environment.client_ref().is_valid());
            assert!(environment.group_id().is_group());
            assert_ne!(environment.client_ref(), environment.client_ref());
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let make = || Environment::new(Arc::new(|| 5), [7; 32], Blocking::Inline);
        assert_eq!(make().client_ref(), make().client_ref());
        assert_eq!(make().random_below(1000), make().random_below(1000));
    }
}
