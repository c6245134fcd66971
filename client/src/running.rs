//! What the tasks and calls of one signed-in account share.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::account::Account;
use crate::environment::Environment;
use crate::session::Session;
use crate::store::{Identity, StoreError};
use crate::view::Connection;

/// A signed-in account at work.
pub(crate) struct Running {
    /// One caller at a time, always where blocking work runs.
    account: Arc<Mutex<Account>>,
    pub(crate) session: Session,
    pub(crate) environment: Environment,
    pub(crate) signals: Signals,
    connection: watch::Sender<Connection>,
    /// As it was when something was last told; the account's own copy is behind its lock.
    identity: Mutex<Identity>,
}

/// Who is woken by what.
#[derive(Default)]
pub(crate) struct Signals {
    /// Something may have to be sent.
    pub(crate) outgoing: Notify,
    /// Something may have to be fetched.
    pub(crate) want: Notify,
    /// The network may be back.
    pub(crate) network: Notify,
    /// The cache was rebuilt: the connection has to begin anew.
    pub(crate) anew: Notify,
    /// Something may have to be told. Shared by all accounts of a client.
    pub(crate) tell: Arc<Notify>,
}

impl Running {
    pub(crate) fn new(
        account: Account,
        session: Session,
        environment: Environment,
        tell: Arc<Notify>,
    ) -> Self {
        Self {
            identity: Mutex::new(account.identity().clone()),
            account: Arc::new(Mutex::new(account)),
            session,
            environment,
            signals: Signals { tell, ..Signals::default() },
            connection: watch::Sender::new(Connection::Connecting),
        }
    }

    /// Do something with the account, where blocking work runs, and let the tasks see what came of
    /// it. When damage of the cache shows, what is damaged is begun anew.
    pub(crate) async fn with<T: Send + 'static, E: AsStoreError + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Account) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let account = self.account.clone();
        let (result, recovered) = self
            .environment
            .blocking
            .run(move || {
                let mut account = account.lock();
                let result = work(&mut account);
                let damage = result
                    .as_ref()
                    .err()
                    .and_then(AsStoreError::as_store_error)
                    .filter(|error| error.is_damage());
                let recovered = damage.is_some_and(|damage| account.recover(damage).is_ok());
                (result, recovered)
            })
            .await;
        if recovered {
            self.signals.anew.notify_one();
        }
        self.signals.outgoing.notify_one();
        self.signals.want.notify_one();
        self.signals.tell.notify_one();
        result
    }

    /// As [`Running::with`], for what only looks and wakes nobody.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Account) -> T + Send + 'static,
    ) -> T {
        let account = self.account.clone();
        self.environment.blocking.run(move || work(&mut account.lock())).await
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity.lock().clone()
    }

    pub(crate) fn set_identity(&self, identity: Identity) {
        *self.identity.lock() = identity;
    }

    pub(crate) fn connection(&self) -> Connection {
        *self.connection.borrow()
    }

    pub(crate) fn is_online(&self) -> bool {
        self.connection().is_live()
    }

    pub(crate) fn set_connection(&self, new: Connection) {
        if self.connection.send_if_modified(|old| std::mem::replace(old, new) != new) {
            self.signals.tell.notify_one();
        }
    }

    /// To wait for the connection to change.
    pub(crate) fn watch_connection(&self) -> watch::Receiver<Connection> {
        self.connection.subscribe()
    }
}

/// An error that may be the store's.
pub(crate) trait AsStoreError {
    fn as_store_error(&self) -> Option<&StoreError>;
}

impl AsStoreError for StoreError {
    fn as_store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl AsStoreError for crate::account::ComposeError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}
