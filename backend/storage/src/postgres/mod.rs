//! People in PostgreSQL: accounts, sessions, friends, for a server of many nodes.
//!
//! Everything that decides is asked of the primary, inside transactions that lock rows in one order:
//! accounts by id, then sessions by id, then the rest. So changes of one account happen one after
//! another, whichever nodes they come from, and never wait for each other in a circle.
//!
//! A replica answers what may be a moment old. It also answers when the primary does not, so that
//! people who are signed in stay so while a primary is replaced.

mod accounts;
mod agreement;
mod friends;
mod migrate;
mod options;
mod outbox;
mod push;
mod read;
mod servers;
mod sessions;
mod work;
mod write;

use std::sync::Arc;

pub use agreement::{Agreement, Topic};
pub use options::{ConnectError, Options, Server};
use servers::{Lease, Role, Servers};
use tokio_postgres::error::SqlState;

use crate::Tell;

/// The store of people of a cluster. See [`Postgres::connect`] and [`Postgres::migrate`].
pub struct Postgres {
    primary: Servers,
    replica: Option<Servers>,
    /// Where changes go once they are stored.
    tell: Arc<dyn Tell>,
}

/// The oldest server that is known to do, as it numbers itself.
const OLDEST: i32 = 150_000;

impl Postgres {
    /// Connect to a database that has been migrated. `tell` takes what people have to hear of. A replica
    /// that cannot be reached now is tried again whenever it is asked; one that refuses us is an error.
    ///
    /// # Errors
    /// Every kind of [`ConnectError`]; nothing is written.
    pub async fn connect(options: &Options, tell: Arc<dyn Tell>) -> Result<Self, ConnectError> {
        let primary =
            Servers::new(&options.primary, Role::Primary, options.connections, options.timeout)?;
        let client = options.primary.client(Role::Primary, Some(options.timeout)).await?;
        check_age(&client).await?;
        migrate::check(&client).await?;
        let replica = match &options.replica {
            Some(server) => {
                let reached = server.client(Role::Replica, Some(options.timeout)).await;
                match reached {
                    Err(error @ ConnectError::Unreachable { .. }) => {
                        tracing::warn!(%error, "the replica cannot be reached");
                    }
                    other => drop(other?),
                }
                let connections = options.replica_connections;
                Some(Servers::new(server, Role::Replica, connections, options.timeout)?)
            }
            None => None,
        };
        Ok(Self { primary, replica, tell })
    }
}

async fn check_age(client: &tokio_postgres::Client) -> Result<(), ConnectError> {
    let row = client
        .query_one("SELECT current_setting('server_version_num')::int4", &[])
        .await
        .map_err(ConnectError::failed)?;
    let found: i32 = row.get(0);
    if found < OLDEST {
        return Err(ConnectError::TooOld { found: found / 10_000, needed: OLDEST / 10_000 });
    }
    Ok(())
}

/// What a server or the way to it said, in words that carry no value of a row.
fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut words = error.to_string();
    let mut below = std::error::Error::source(error);
    while let Some(error) = below {
        words = format!("{words}: {error}");
        below = error.source();
    }
    words
}

/// Whether a server refuses us, whatever is tried again.
fn is_refused(error: &tokio_postgres::Error) -> bool {
    let refusals = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INVALID_CATALOG_NAME,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    error.code().is_some_and(|code| refusals.contains(code))
}
