//! Numbered changes of the schema, each made once and then never changed. A table holds which were
//! made, with a checksum of their text.
//!
//! Every statement of a migration may be run again (`IF NOT EXISTS`), since a program can end between
//! two of them. A column that was dropped never comes back under the same name: its older cells would
//! stay hidden.

use std::collections::BTreeMap;

use scylla::client::session::Session;
use uuid::Uuid;

use super::connect::{ConnectError, Options, database};
use super::statements::{HAS_TABLE, MIGRATIONS, MIGRATIONS_TABLE, PUT_DATABASE, PUT_MIGRATION};

/// One change of the schema. Its number is its place, from 1 on.
struct Migration {
    name: &'static str,
    text: &'static str,
}

const ALL: &[Migration] =
    &[Migration { name: "0001_tables", text: include_str!("migrations/0001_tables.cql") }];

impl Migration {
    fn checksum(&self) -> i64 {
        i64::from(crc32fast::hash(self.text.as_bytes()))
    }

    /// Its statements, without comments.
    fn statements(&self) -> Vec<String> {
        let code = self.text.lines().map(|line| line.split("--").next().unwrap_or_default());
        let code = code.collect::<Vec<_>>().join("\n");
        code.split(';').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
    }
}

/// What the table says was made: name and checksum by number.
type Made = BTreeMap<i64, (String, i64)>;

/// The last migration that this program knows.
fn last() -> i64 {
    ALL.len() as i64
}

/// Refuse a keyspace whose schema is not exactly this program's.
pub(super) async fn check(session: &Session, keyspace: &str) -> Result<(), ConnectError> {
    let has = session.query_unpaged(HAS_TABLE, (keyspace,)).await.map_err(ConnectError::failed)?;
    let has = has.into_rows_result().map_err(ConnectError::failed)?.rows_num() > 0;
    let made = if has {
        session.use_keyspace(keyspace, true).await.map_err(ConnectError::failed)?;
        made(session).await?
    } else {
        Made::new()
    };
    match missing(&made, keyspace)?.first() {
        None => Ok(()),
        Some((number, _)) => Err(ConnectError::NotMigrated {
            keyspace: keyspace.to_owned(),
            found: number - 1,
            needed: last(),
        }),
    }
}

/// Make what was not made yet.
pub(super) async fn run(
    options: &Options,
    new_database: Uuid,
) -> Result<Vec<&'static str>, ConnectError> {
    let session = options.session().await?;
    let keyspace = &options.keyspace;
    schema(&session, &create_keyspace(options)).await?;
    session.use_keyspace(keyspace, true).await.map_err(ConnectError::failed)?;
    schema(&session, MIGRATIONS_TABLE).await?;
    let mut names = Vec::new();
    for (number, migration) in missing(&made(&session).await?, keyspace)? {
        for statement in migration.statements() {
            schema(&session, &statement).await?;
        }
        session
            .query_unpaged(PUT_MIGRATION, (number, migration.name, migration.checksum()))
            .await
            .map_err(ConnectError::failed)?;
        names.push(migration.name);
    }
    if database(&session).await?.is_none() {
        session.query_unpaged(PUT_DATABASE, (new_database,)).await.map_err(ConnectError::failed)?;
    }
    Ok(names)
}

/// Change the schema, and wait until all nodes have the same one.
async fn schema(session: &Session, text: &str) -> Result<(), ConnectError> {
    session.query_unpaged(text, ()).await.map_err(ConnectError::failed)?;
    session.await_schema_agreement().await.map_err(ConnectError::failed)?;
    Ok(())
}

/// Both databases spread `replication_factor` over every datacenter that they know.
fn create_keyspace(options: &Options) -> String {
    let place = options.datacenter.as_deref().unwrap_or("replication_factor").replace('\'', "''");
    format!(
        "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = \
         {{'class': 'NetworkTopologyStrategy', '{place}': {}}}",
        options.keyspace, options.replication
    )
}

async fn made(session: &Session) -> Result<Made, ConnectError> {
    let rows = session.query_unpaged(MIGRATIONS, ()).await.map_err(ConnectError::failed)?;
    let rows = rows.into_rows_result().map_err(ConnectError::failed)?;
    let mut made = Made::new();
    for row in rows.rows::<(i64, String, i64)>().map_err(ConnectError::failed)? {
        let (number, name, checksum) = row.map_err(ConnectError::failed)?;
        made.insert(number, (name, checksum));
    }
    Ok(made)
}

/// What is still to be made, in order.
///
/// # Errors
/// [`ConnectError::Newer`] or [`ConnectError::Changed`], which name the migration.
fn missing(made: &Made, keyspace: &str) -> Result<Vec<(i64, &'static Migration)>, ConnectError> {
    if let Some((number, (name, _))) = made.range(last() + 1..).next() {
        return Err(ConnectError::Newer {
            keyspace: keyspace.to_owned(),
            found: *number,
            name: name.clone(),
            known: last(),
        });
    }
    let mut missing = Vec::new();
    for (number, migration) in (1..).zip(ALL) {
        match made.get(&number) {
            None => missing.push((number, migration)),
            Some((_, checksum)) if *checksum == migration.checksum() => {}
            Some(_) => {
                let (keyspace, name) = (keyspace.to_owned(), migration.name.to_owned());
                return Err(ConnectError::Changed { keyspace, name });
            }
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_made() -> Made {
        let rows = (1..).zip(ALL);
        rows.map(|(number, one)| (number, (one.name.to_owned(), one.checksum()))).collect()
    }

    #[test]
    fn only_what_was_not_made_is_missing() {
        assert_eq!(missing(&Made::new(), "kith").unwrap().len(), ALL.len());
        assert!(missing(&all_made(), "kith").unwrap().is_empty());
    }

    #[test]
    fn a_newer_schema_and_a_changed_migration_are_refused_by_name() {
        let mut newer = all_made();
        newer.insert(last() + 1, ("0099_later".into(), 7));
        let refused = missing(&newer, "kith").err().unwrap();
        assert!(matches!(&refused, ConnectError::Newer { found, .. } if *found == last() + 1));
        assert!(refused.to_string().contains("0099_later"), "{refused}");
        let mut changed = all_made();
        changed.insert(1, ("0001_tables".into(), 7));
        let refused = missing(&changed, "kith").err().unwrap();
        assert!(matches!(refused, ConnectError::Changed { .. }));
        assert!(refused.to_string().contains("0001_tables"), "{refused}");
    }

    #[test]
    fn every_statement_of_a_migration_may_be_run_again() {
        for (number, migration) in (1..).zip(ALL) {
            assert!(migration.name.starts_with(&format!("{number:04}_")), "{}", migration.name);
            let statements = migration.statements();
            assert!(!statements.is_empty());
            for statement in statements {
                let again = statement.starts_with("CREATE TABLE IF NOT EXISTS");
                assert!(again && !statement.contains("--"), "{statement}");
            }
        }
    }
}
