//! Which pairs of people were found to have no block between them, or one: asked before every message
//! between two, and hardly ever changed.

use std::num::NonZeroUsize;

use lru::LruCache;
use parking_lot::Mutex;
use protocol::UserId;

/// So many pairs are kept: about six megabytes when full.
const KEPT: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// What readers found. Whatever changes a relation makes all of it forgotten, before whoever asked for
/// the change is answered.
pub(super) struct Blocks {
    kept: Mutex<Kept>,
}

struct Kept {
    /// How often everything was forgotten.
    times: u64,
    blocked: LruCache<[UserId; 2], bool>,
}

impl Blocks {
    pub(super) fn new() -> Self {
        Self { kept: Mutex::new(Kept { times: 0, blocked: LruCache::sparse(KEPT) }) }
    }

    /// Of these others, those with a block between them and the person, if it is known of all. Else
    /// what [`Blocks::keep`] wants to be told.
    pub(super) fn find(&self, user: UserId, others: &[UserId]) -> Result<Vec<UserId>, u64> {
        let mut kept = self.kept.lock();
        let mut found = Vec::new();
        for other in others {
            match kept.blocked.get(&pair(user, *other)) {
                Some(true) => found.push(*other),
                Some(false) => {}
                None => return Err(kept.times),
            }
        }
        Ok(found)
    }

    /// Keep what was read after [`Blocks::find`] had said `times`. It is not kept when a relation has
    /// changed since: it may have been read before that.
    pub(super) fn keep(&self, times: u64, user: UserId, others: &[UserId], blocked: &[UserId]) {
        let mut kept = self.kept.lock();
        if kept.times == times {
            for other in others {
                kept.blocked.put(pair(user, *other), blocked.contains(other));
            }
        }
    }

    /// A relation has changed.
    pub(super) fn forget(&self) {
        let mut kept = self.kept.lock();
        kept.times += 1;
        kept.blocked.clear();
    }
}

/// A block stands between two people, whichever of them made it.
fn pair(a: UserId, b: UserId) -> [UserId; 2] {
    if a <= b { [a, b] } else { [b, a] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: u128) -> UserId {
        UserId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let blocks = Blocks::new();
        let others = [user(2), user(3)];
        let times = blocks.find(user(1), &others).unwrap_err();
        blocks.forget();
        blocks.keep(times, user(1), &others, &[]);
        let times = blocks.find(user(1), &others).unwrap_err();
        blocks.keep(times, user(1), &others, &[user(3)]);
        assert_eq!(blocks.find(user(1), &others), Ok(vec![user(3)]));
        assert_eq!(blocks.find(user(3), &[user(1)]), Ok(vec![user(1)]), "from either side");
        blocks.forget();
        assert!(blocks.find(user(1), &others).is_err());
    }
}
