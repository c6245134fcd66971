//! Signed-in devices.

use async_trait::async_trait;
use protocol::request::Device;
use protocol::{Millis, SessionId, UserId};

use crate::Result;

/// One signed-in device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id, part of its tokens.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The app.
    pub device: Device,
    /// When it signed in.
    pub created: Millis,
    /// When it was last used, to the minute.
    pub used: Millis,
    /// The number of the newest refresh token that was given out: 1, 2, 3 …
    pub generation: u64,
    /// Whether it was ended. Ended sessions are kept for 30 days.
    pub ended: bool,
}

/// Signed-in devices.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Begin a session. An earlier session of the same person and device ends with it.
    async fn begin(&self, session: SessionRow) -> Result<()>;

    /// By id, ended ones included.
    async fn session(&self, id: SessionId) -> Result<Option<SessionRow>>;

    /// Raise `generation` from `from` to `from + 1`, if that is what it is and the session was not
    /// ended. The generation now; 0 when there is no such session.
    async fn advance(&self, id: SessionId, from: u64) -> Result<u64>;

    /// Note that it was used.
    async fn touch(&self, id: SessionId, at: Millis) -> Result<()>;

    /// End these sessions of that person and hand out [`crate::Change::SessionEnded`] for each that
    /// was not ended yet; how many that were.
    async fn end(&self, user: UserId, ids: &[SessionId], at: Millis) -> Result<u64>;

    /// The person's sessions that were not ended, most recently used first.
    async fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>>;

    /// Forget sessions that were ended, or last used, before this moment; how many.
    async fn prune(&self, before: Millis) -> Result<u64>;
}
