//! Time since the process began, in microseconds: small enough to travel inside a ref, so that
//! whoever sees an event knows when it was meant to be sent, and nothing has to be looked up.

use std::time::Duration;

use protocol::ClientRef;
use tokio::time::Instant;
use uuid::Uuid;

/// The bits of a ref that hold the moment: nine years of microseconds.
const MOMENT: u128 = (1 << 48) - 1;

/// Microseconds since the process began.
pub(crate) type Micros = u64;

/// Where time begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    began: Instant,
    /// Unix milliseconds at that moment: refs begin with the time of day, as those of apps do.
    unix: u64,
}

impl Clock {
    #[allow(clippy::disallowed_methods)] // The one place that reads the time of day.
    pub(crate) fn start() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let unix = now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or_default());
        Self { began: Instant::now(), unix }
    }

    pub(crate) fn now(self) -> Micros {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or_default()
    }

    pub(crate) fn at(self, moment: Micros) -> Instant {
        self.began + Duration::from_micros(moment)
    }

    /// The ref of what `sender` was meant to send at this moment: a UUIDv7.
    pub(crate) fn client_ref(self, sender: usize, moment: Micros) -> ClientRef {
        let unix = u128::from(self.unix + moment / 1000);
        let sender = sender as u128;
        let (high, low) = (sender >> 12 & 0xfff, sender & 0xfff);
        ClientRef(Uuid::from_u128(
            unix << 80
                | 7 << 76
                | high << 64
                | 0b10 << 62
                | low << 48
                | u128::from(moment) & MOMENT,
        ))
    }
}

/// The moment in a ref that [`Clock::client_ref`] made.
pub(crate) fn moment(client_ref: ClientRef) -> Micros {
    u64::try_from(client_ref.0.as_u128() & MOMENT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_ref_is_a_uuidv7_that_no_other_sender_has_and_tells_its_moment() {
        let clock = Clock::start();
        let one = clock.client_ref(5_000, 123_456_789);
        assert!(one.is_valid());
        assert_eq!(moment(one), 123_456_789);
        assert_ne!(one, clock.client_ref(5_001, 123_456_789));
        assert_ne!(one, clock.client_ref(5_000, 123_456_790));
        assert_ne!(clock.client_ref(1, 9), clock.client_ref(4_097, 9));
        tokio::time::advance(Duration::from_micros(1_500)).await;
        assert_eq!(clock.now(), 1_500);
        assert_eq!(clock.at(1_500), Instant::now());
    }
}
