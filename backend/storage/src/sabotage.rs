//! Faults that tests put in on purpose, to show that they would notice. Only with the feature
//! `sabotage`, and then only when [`VARIABLE`] names a case; in every other build the answer is a
//! constant no.

use crate::Position;
use protocol::Millis;

/// The environment variable that names the case.
pub const VARIABLE: &str = "KITH_SABOTAGE";

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Who sent a command hears its outcome before it is stored.
    AcknowledgeBeforeStoring,
    /// A second copy of a command is folded like a first one.
    SkipDedup,
    /// Everybody hears of an event before it is stored.
    PublishBeforeStoring,
    /// A conversation is taken up again as if it had no events.
    ForgetHead,
    /// Rows that are overwritten carry the time in microseconds instead of the record's position.
    WallClock,
    /// Commits do not wait for the disk.
    SynchronousOff,
}

impl Case {
    /// Every case.
    pub const ALL: [Self; 6] = [
        Self::AcknowledgeBeforeStoring,
        Self::SkipDedup,
        Self::PublishBeforeStoring,
        Self::ForgetHead,
        Self::WallClock,
        Self::SynchronousOff,
    ];

    /// Its name in [`VARIABLE`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AcknowledgeBeforeStoring => "acknowledge-before-storing",
            Self::SkipDedup => "skip-dedup",
            Self::PublishBeforeStoring => "publish-before-storing",
            Self::ForgetHead => "forget-head",
            Self::WallClock => "wall-clock",
            Self::SynchronousOff => "synchronous-off",
        }
    }
}

/// Whether this fault is put in.
#[cfg(feature = "sabotage")]
#[must_use]
pub fn is(case: Case) -> bool {
    std::env::var(VARIABLE).is_ok_and(|name| name == case.name())
}

/// Whether this fault is put in: never, in this build.
#[cfg(not(feature = "sabotage"))]
#[must_use]
pub const fn is(_: Case) -> bool {
    false
}

/// The environment variable with what is added to the server's clock, in milliseconds.
pub const CLOCK: &str = "KITH_CLOCK_OFFSET";

/// How wrong the server's clock is.
#[cfg(feature = "sabotage")]
#[must_use]
pub fn clock_offset() -> Millis {
    std::env::var(CLOCK).ok().and_then(|offset| offset.parse().ok()).unwrap_or_default()
}

/// How wrong the server's clock is: not at all, in this build.
#[cfg(not(feature = "sabotage"))]
#[must_use]
pub const fn clock_offset() -> Millis {
    0
}

/// The position that a row carries: the record's own, unless the case is [`Case::WallClock`].
#[must_use]
pub fn row_position(position: Position, at: Millis) -> Position {
    if is(Case::WallClock) { u64::try_from(at).unwrap_or_default() * 1_000 } else { position }
}
