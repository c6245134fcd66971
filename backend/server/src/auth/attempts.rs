//! How often somebody may try. Each key has so many attempts at once and gets one back after each
//! interval. What is remembered is bounded: the key that was quiet the longest is forgotten first.

use std::hash::Hash;
use std::num::NonZeroUsize;

use lru::LruCache;
use parking_lot::Mutex;
use protocol::Millis;

/// Keys that are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// Counts attempts by key.
#[derive(Debug)]
pub(crate) struct Attempts<K: Hash + Eq> {
    at_once: Millis,
    every: Millis,
    /// For each key, when all its attempts will have come back.
    full_at: Mutex<LruCache<K, Millis>>,
}

impl<K: Hash + Eq> Attempts<K> {
    /// `at_once` attempts, and one more each `every` milliseconds.
    pub(crate) fn new(at_once: u32, every: Millis) -> Self {
        let full_at = Mutex::new(LruCache::sparse(REMEMBERED));
        Self { at_once: Millis::from(at_once), every, full_at }
    }

    /// Take one attempt.
    ///
    /// # Errors
    /// When there is none left: the milliseconds until there is one.
    pub(crate) fn take(&self, key: K, now: Millis) -> Result<(), u64> {
        let mut full_at = self.full_at.lock();
        let window = self.at_once * self.every;
        // Never more than the window ahead, also when the clock was set back meanwhile.
        let full = full_at.get(&key).copied().unwrap_or(now).clamp(now, now + window);
        let wait = full + self.every - window - now;
        let refused = wait > 0;
        full_at.put(key, if refused { full } else { full + self.every });
        if refused { Err(wait.unsigned_abs()) } else { Ok(()) }
    }

    /// Give all of the key's attempts back.
    pub(crate) fn forget(&self, key: &K) {
        self.full_at.lock().pop(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_then_one_each_interval() {
        let attempts = Attempts::new(3, 1_000);
        for _ in 0..3 {
            assert_eq!(attempts.take("ada", 0), Ok(()));
        }
        assert_eq!(attempts.take("ada", 0), Err(1_000));
        assert_eq!(attempts.take("grace", 0), Ok(()));
        assert_eq!(attempts.take("ada", 400), Err(600));
        assert_eq!(attempts.take("ada", 1_000), Ok(()));
        assert_eq!(attempts.take("ada", 1_000), Err(1_000));
        attempts.forget(&"ada");
        assert_eq!(attempts.take("ada", 1_000), Ok(()));
    }

    #[test]
    fn row_27_a_clock_that_was_set_back_locks_nobody_out() {
        let attempts = Attempts::new(2, 1_000);
        assert_eq!(attempts.take("ada", 3_600_000), Ok(()));
        assert_eq!(attempts.take("ada", 0), Err(1_000));
        assert_eq!(attempts.take("ada", 1_000), Ok(()));
    }
}
