//! The numbered changes of the schema, made one process at a time.

use std::future::Future;

use refinery::{Migration, Runner};
use tokio_postgres::Client;

use super::options::{ConnectError, Options};
use super::servers::Role;
use super::{Postgres, check_age};

/// All of them, oldest first. One that was released is never changed.
const ALL: &[(&str, &str)] = &[
    ("V1__people", include_str!("migrations/V1__people.sql")),
    ("V2__push", include_str!("migrations/V2__push.sql")),
    ("V3__cluster", include_str!("migrations/V3__cluster.sql")),
];
/// The name of the lock that holds for all of a cluster's databases: the letters of `kith`.
const LOCK: i64 = 0x6b69_7468;

impl Postgres {
    /// Bring the tables up to this program's schema, which may be done again at any time and by several
    /// at once: one waits for the other. Answers with the names of the migrations that were made.
    ///
    /// # Errors
    /// As [`Postgres::connect`], but for [`ConnectError::NotMigrated`]. A schema that is newer than this
    /// program is left as it is.
    pub async fn migrate(options: &Options) -> Result<Vec<String>, ConnectError> {
        let (made, ()) = Self::migrate_and(options, async { Ok::<_, ConnectError>(()) }).await?;
        Ok(made)
    }

    /// As [`Postgres::migrate`], and then `others`, the migrations of databases that have no lock of
    /// their own, still under the lock. The connection must be to the server itself: the lock belongs
    /// to it, and a pooler that hands connections round per transaction would lose it.
    ///
    /// # Errors
    /// As [`Postgres::migrate`]; what `others` says; [`ConnectError::LockLost`] when it cannot be said
    /// that no other process ran them at the same time.
    pub async fn migrate_and<T, E: From<ConnectError>>(
        options: &Options,
        others: impl Future<Output = Result<T, E>>,
    ) -> Result<(Vec<String>, T), E> {
        // Without a limit: a migration takes as long as it takes.
        let mut client = options.primary.client(Role::Primary, None).await?;
        check_age(&client).await?;
        lock(&client).await?;
        let made = run(&mut client).await?;
        let others = others.await?;
        client.simple_query("SELECT 1").await.map_err(|_| ConnectError::LockLost)?;
        Ok((made, others))
    }
}

/// It ends with the connection.
async fn lock(client: &Client) -> Result<(), ConnectError> {
    let tried = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await;
    if !tried.map_err(ConnectError::failed)?.get::<_, bool>(0) {
        tracing::info!("waiting for another process that migrates");
        let waited = client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await;
        waited.map_err(ConnectError::failed)?;
    }
    Ok(())
}

async fn run(client: &mut Client) -> Result<Vec<String>, ConnectError> {
    let (found, known) = (found(client).await?, known());
    if found > known {
        return Err(ConnectError::Newer { found, known });
    }
    let all = ALL.iter().map(|(name, text)| Migration::unapplied(name, text));
    let all = all.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let report = Runner::new(&all).run_async(client).await.map_err(failed)?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

/// Whether the schema is this program's.
pub(super) async fn check(client: &Client) -> Result<(), ConnectError> {
    let (found, known) = (found(client).await?, known());
    if found > known {
        return Err(ConnectError::Newer { found, known });
    }
    if found < known {
        return Err(ConnectError::NotMigrated { found, needed: known });
    }
    Ok(())
}

/// The last migration that this program knows.
fn known() -> i32 {
    i32::try_from(ALL.len()).unwrap_or(i32::MAX)
}

/// The last migration that was made; 0 for none.
async fn found(client: &Client) -> Result<i32, ConnectError> {
    let there = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    let there = client.query_one(there, &[]).await.map_err(ConnectError::failed)?;
    if !there.get::<_, bool>(0) {
        return Ok(0);
    }
    let last = "SELECT coalesce(max(version), 0)::int4 FROM refinery_schema_history";
    let last = client.query_one(last, &[]).await.map_err(ConnectError::failed)?;
    Ok(last.get(0))
}

fn failed(error: refinery::Error) -> ConnectError {
    match error.kind() {
        refinery::error::Kind::DivergentVersion(made, _) => ConnectError::Changed(made.to_string()),
        other => ConnectError::Failed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_by_their_place() {
        for (at, (name, text)) in (1..).zip(ALL) {
            assert_eq!(Migration::unapplied(name, text).unwrap().version(), at, "{name}");
        }
    }
}
