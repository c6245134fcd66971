//! Accounts: names, passwords, profiles, settings.

use async_trait::async_trait;
use protocol::request::{ChangeProfile, Person};
use protocol::{Millis, SessionId, UserId};

use crate::Result;

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its id.
    pub id: UserId,
    /// Its folded name: see [`protocol::name::account_name`].
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// A PHC string; `None` for an account that cannot sign in with a password.
    pub password_hash: Option<String>,
    /// Now.
    pub at: Millis,
}

/// What a password is checked against.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Whose.
    pub user: UserId,
    /// A PHC string.
    pub password_hash: Option<String>,
}

/// Accounts. Every change of an account raises its version by one and hands out
/// [`crate::Change::Account`] in the same commit. Making one is no change: its version is 1, and
/// nobody is told. Changes of an account that does not exist change nothing.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Make accounts, all or none.
    ///
    /// # Errors
    /// [`crate::StorageError::NameTaken`].
    async fn create(&self, accounts: Vec<NewAccount>) -> Result<()>;

    /// By folded name.
    async fn credentials(&self, name: &str) -> Result<Option<Credentials>>;

    /// By id.
    async fn credentials_of(&self, user: UserId) -> Result<Option<Credentials>>;

    /// Replace the password, and end all the person's sessions but `keep` in the same commit, each
    /// handed out as [`crate::SessionStore::end`] does.
    async fn set_password(
        &self,
        user: UserId,
        password_hash: String,
        keep: SessionId,
        at: Millis,
    ) -> Result<()>;

    /// Those of these people who exist, at most [`protocol::limits::IDS_PER_REQUEST`].
    async fn people(&self, ids: &[UserId]) -> Result<Vec<Person>>;

    /// People whose account name or any word of whose display name begins with the query, whatever
    /// the case; exact account name first, then by name; at most `limit`. Nobody for an empty query.
    async fn find(&self, query: &str, limit: u64) -> Result<Vec<Person>>;

    /// The account's version; `None` when it does not exist.
    async fn version(&self, user: UserId) -> Result<Option<u64>>;

    /// Change the profile; the person as it is then.
    async fn change_profile(&self, user: UserId, change: ChangeProfile) -> Result<Option<Person>>;

    /// The settings, an empty object before the first `put`.
    async fn settings(&self, user: UserId) -> Result<serde_json::Value>;

    /// Replace the settings.
    async fn put_settings(&self, user: UserId, settings: serde_json::Value) -> Result<()>;

    /// Note something that an operator may want to look up later: who did what, from where.
    async fn audit(
        &self,
        at: Millis,
        user: Option<UserId>,
        action: &str,
        detail: &str,
    ) -> Result<()>;

    /// How many accounts there are.
    async fn count(&self) -> Result<u64>;
}
