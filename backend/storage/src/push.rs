//! Where pushes go.

use async_trait::async_trait;
use protocol::push::{PushSays, PushTarget};
use protocol::{Millis, SessionId, SubscriptionId, UserId};

use crate::Result;

/// One place to which a device's pushes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionRow {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose.
    pub user: UserId,
    /// The session that it ends with.
    pub session: SessionId,
    /// Where.
    pub target: PushTarget,
    /// How much its pushes say.
    pub says: PushSays,
    /// When it was set first.
    pub created: Millis,
}

/// What became of a subscription that was to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscribed {
    /// It is kept under this id: the one it had, if the session had one to the same address.
    Kept(SubscriptionId),
    /// The session or the person has as many as they may.
    Full,
    /// The session was ended, or there is none.
    Ended,
}

/// Where pushes go. Every subscription belongs to a session and ends with it.
#[async_trait]
pub trait PushStore: Send + Sync {
    /// Keep a subscription. One of the same session to the same address gives its place and its id, so
    /// an app may say the same again at every start.
    async fn subscribe(&self, row: SubscriptionRow) -> Result<Subscribed>;

    /// The subscriptions of these people, oldest first.
    async fn subscriptions(&self, users: &[UserId]) -> Result<Vec<SubscriptionRow>>;

    /// End one of the person's subscriptions; whether there was one.
    async fn unsubscribe(&self, user: UserId, id: SubscriptionId) -> Result<bool>;

    /// Those of these people who have a subscription, and perhaps some who had one. Asked for every
    /// message, so it has to be cheap for people who have none.
    async fn subscribers(&self, users: &[UserId]) -> Result<Vec<UserId>>;
}
