//! Connections to one database: a bounded number, each given back only when it is known to be good.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::{Client, Connect, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row};

use super::options::{ConnectError, Server};
use super::reason;
use super::work::{Failure, Work};

/// What a database is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Reads and writes. A host that takes no writes will not do.
    Primary,
    /// Reads.
    Replica,
}

/// A database and the connections to it.
pub(super) struct Servers {
    pool: Pool,
    limit: Duration,
}

impl Servers {
    pub(super) fn new(
        server: &Server,
        role: Role,
        connections: usize,
        limit: Duration,
    ) -> Result<Self, ConnectError> {
        let configs = server.configs(role, Some(limit));
        let hosts = u32::try_from(configs.len()).unwrap_or(u32::MAX);
        let connect = Hosts { configs, each: limit, good: AtomicUsize::new(0) };
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(Config::new(), connect, recycling);
        let pool = Pool::builder(manager)
            .max_size(connections.max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(limit))
            // Each host has its own limit, and none hides the one after it.
            .create_timeout(Some(limit.saturating_mul(hosts)))
            .recycle_timeout(Some(limit))
            .build()
            .map_err(|error| ConnectError::Failed(error.to_string()))?;
        Ok(Self { pool, limit })
    }

    /// A connection, for as long as it is held.
    pub(super) async fn lease(&self) -> Work<Lease> {
        let client = self.pool.get().await?;
        Ok(Lease { client: Some(client), limit: self.limit })
    }

    /// Throw away the connections that nobody holds: one of them was found to be of no use, and what
    /// broke it has most likely broken them all.
    pub(super) fn forget_idle(&self) {
        self.pool.retain(|_, _| false);
    }

    /// How long one statement has.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }
}

/// Connects to the first host that will do, beginning with the one that did the last time.
///
/// The driver knows several hosts too, but one that takes a connection and then stands still would keep
/// it from the next.
struct Hosts {
    configs: Vec<Config>,
    each: Duration,
    good: AtomicUsize,
}

type Connected = Result<(tokio_postgres::Client, JoinHandle<()>), tokio_postgres::Error>;

impl Connect for Hosts {
    fn connect(&self, _: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        Box::pin(async move {
            let first = self.good.load(Ordering::Relaxed);
            let mut last = None;
            for at in 0..self.configs.len() {
                let at = (first + at) % self.configs.len();
                let connecting = self.configs[at].connect(NoTls);
                match tokio::time::timeout(self.each, connecting).await {
                    Ok(Ok((client, connection))) => {
                        self.good.store(at, Ordering::Relaxed);
                        let task = tokio::spawn(async move {
                            if let Err(error) = connection.await {
                                tracing::debug!(error = reason(&error), "a connection ended");
                            }
                        });
                        return Ok((client, task));
                    }
                    Ok(Err(error)) => last = Some(error),
                    Err(_) => {}
                }
            }
            match last {
                Some(error) => Err(error),
                // None of them said anything; the pool's own limit has come.
                None => std::future::pending().await,
            }
        })
    }
}

/// A connection that is held. It goes back only through [`Lease::give_back`]: one that is dropped in the
/// middle of something, by an error or by a caller who went away, is closed, and the server undoes
/// what was not committed.
pub(super) struct Lease {
    client: Option<Client>,
    limit: Duration,
}

impl Lease {
    /// The rows that a statement gives.
    pub(super) async fn query(
        &self,
        statement: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Work<Vec<Row>> {
        let client = self.client()?;
        self.in_time(async {
            let prepared = client.prepare_cached(statement).await?;
            client.query(&prepared, values).await
        })
        .await
    }

    /// The first row that a statement gives.
    pub(super) async fn first(
        &self,
        statement: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Work<Option<Row>> {
        Ok(self.query(statement, values).await?.into_iter().next())
    }

    /// How many rows a statement changes.
    pub(super) async fn execute(
        &self,
        statement: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Work<u64> {
        let client = self.client()?;
        self.in_time(async {
            let prepared = client.prepare_cached(statement).await?;
            client.execute(&prepared, values).await
        })
        .await
    }

    /// Run words that have no values.
    pub(super) async fn run(&self, words: &str) -> Work<()> {
        let client = self.client()?;
        self.in_time(client.batch_execute(words)).await
    }

    /// Let others have it.
    pub(super) fn give_back(mut self) {
        drop(self.client.take());
    }

    fn client(&self) -> Work<&Client> {
        self.client.as_ref().ok_or(Failure::Slow)
    }

    /// The server has the same limit and says more about it when it is met; this one is for a server
    /// that says nothing at all.
    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Work<T> {
        match tokio::time::timeout(self.limit + self.limit / 8, answer).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Failure::Slow),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Client::take(client));
        }
    }
}
