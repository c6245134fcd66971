//! Accounts.

use async_trait::async_trait;
use protocol::request::{ChangeProfile, Person};
use protocol::{Millis, SessionId, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::rows::{self, Work, whole};
use super::writer::Commit;
use super::{Sqlite, find, sessions};
use crate::{AccountStore, Change, Credentials, NewAccount, Result, StorageError};

/// The columns that [`person`] reads.
pub(super) const PERSON: &str = "a.id, a.name, a.display_name, a.about";

#[async_trait]
impl AccountStore for Sqlite {
    async fn create(&self, accounts: Vec<NewAccount>) -> Result<()> {
        self.write(move |commit| create(commit, &accounts)).await
    }

    async fn credentials(&self, name: &str) -> Result<Option<Credentials>> {
        let name = name.to_owned();
        self.read(move |reader| {
            let mut find = reader
                .db
                .prepare_cached("SELECT id, password_hash FROM account WHERE name = ?1")?;
            Ok(find.query_row([name], credentials).optional()?)
        })
        .await
    }

    async fn credentials_of(&self, user: UserId) -> Result<Option<Credentials>> {
        self.read(move |reader| {
            let mut find =
                reader.db.prepare_cached("SELECT id, password_hash FROM account WHERE id = ?1")?;
            Ok(find.query_row([user.bytes()], credentials).optional()?)
        })
        .await
    }

    async fn set_password(
        &self,
        user: UserId,
        password_hash: String,
        keep: SessionId,
        at: Millis,
    ) -> Result<()> {
        self.write(move |commit| {
            commit
                .db
                .prepare_cached("UPDATE account SET password_hash = ?2 WHERE id = ?1")?
                .execute(params![user.bytes(), password_hash])?;
            changed(commit, user)?;
            sessions::end_others(commit, user, keep, at)
        })
        .await
    }

    async fn people(&self, ids: &[UserId]) -> Result<Vec<Person>> {
        let ids = ids.to_vec();
        self.read(move |reader| {
            let mut people = Vec::with_capacity(ids.len());
            for id in ids {
                people.extend(account(reader.db, id)?);
            }
            Ok(people)
        })
        .await
    }

    async fn find(&self, query: &str, limit: u64) -> Result<Vec<Person>> {
        let query = query.to_owned();
        self.read(move |reader| find::find(reader.db, &query, limit)).await
    }

    async fn version(&self, user: UserId) -> Result<Option<u64>> {
        self.read(move |reader| {
            let mut find = reader.db.prepare_cached("SELECT version FROM account WHERE id = ?1")?;
            let version: Option<i64> =
                find.query_row([user.bytes()], |row| row.get(0)).optional()?;
            Ok(version.map(whole))
        })
        .await
    }

    async fn change_profile(&self, user: UserId, change: ChangeProfile) -> Result<Option<Person>> {
        self.write(move |commit| change_profile(commit, user, &change)).await
    }

    async fn settings(&self, user: UserId) -> Result<Value> {
        self.read(move |reader| {
            let mut find =
                reader.db.prepare_cached("SELECT settings FROM account WHERE id = ?1")?;
            let stored: Option<String> =
                find.query_row([user.bytes()], |row| row.get(0)).optional()?;
            serde_json::from_str(stored.as_deref().unwrap_or("{}")).map_err(|error| {
                StorageError::Unavailable(format!("the settings of {user}: {error}")).into()
            })
        })
        .await
    }

    async fn put_settings(&self, user: UserId, settings: Value) -> Result<()> {
        self.write(move |commit| {
            commit
                .db
                .prepare_cached("UPDATE account SET settings = ?2 WHERE id = ?1")?
                .execute(params![user.bytes(), rows::json(&settings)])?;
            changed(commit, user)
        })
        .await
    }

    async fn audit(
        &self,
        at: Millis,
        user: Option<UserId>,
        action: &str,
        detail: &str,
    ) -> Result<()> {
        let (action, detail) = (action.to_owned(), detail.to_owned());
        self.write(move |commit| {
            commit
                .db
                .prepare_cached(
                    "INSERT INTO audit (at, user, action, detail) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![at, user.as_ref().map(UserId::bytes), action, detail])?;
            Ok(())
        })
        .await
    }

    async fn count(&self) -> Result<u64> {
        self.read(|reader| {
            Ok(whole(reader.db.query_row("SELECT count(*) FROM account", [], |row| row.get(0))?))
        })
        .await
    }
}

fn credentials(row: &Row<'_>) -> rusqlite::Result<Credentials> {
    Ok(Credentials { user: UserId(rows::id(row, 0)?), password_hash: row.get(1)? })
}

/// The person in four columns from the first on.
pub(super) fn person(row: &Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person {
        id: UserId(rows::id(row, 0)?),
        name: row.get(1)?,
        display_name: row.get(2)?,
        about: row.get(3)?,
    })
}

fn account(db: &Connection, id: UserId) -> Work<Option<Person>> {
    let mut find = db.prepare_cached(&format!("SELECT {PERSON} FROM account a WHERE a.id = ?1"))?;
    Ok(find.query_row([id.bytes()], person).optional()?)
}

/// Every name is looked at before anything is written, so a taken one costs the others nothing. A new
/// account is no change of one: nobody can be connected to it yet.
fn create(commit: &mut Commit<'_>, accounts: &[NewAccount]) -> Work<()> {
    let db = commit.db;
    let mut names = std::collections::HashSet::new();
    for account in accounts {
        let taken =
            db.prepare_cached("SELECT 1 FROM account WHERE name = ?1")?.exists([&account.name])?;
        if taken || !names.insert(&account.name) {
            return Err(StorageError::NameTaken.into());
        }
    }
    for account in accounts {
        db.prepare_cached(
            "INSERT INTO account (id, name, display_name, password_hash, created)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            account.id.bytes(),
            account.name,
            account.display_name,
            account.password_hash,
            account.at
        ])?;
        find::index(db, account.id, &account.name, &account.display_name)?;
    }
    Ok(())
}

fn change_profile(
    commit: &mut Commit<'_>,
    user: UserId,
    change: &ChangeProfile,
) -> Work<Option<Person>> {
    let Some(before) = account(commit.db, user)? else { return Ok(None) };
    let after = Person {
        display_name: change.display_name.clone().unwrap_or_else(|| before.display_name.clone()),
        about: change.about.clone().unwrap_or_else(|| before.about.clone()),
        ..before.clone()
    };
    if after != before {
        commit
            .db
            .prepare_cached("UPDATE account SET display_name = ?2, about = ?3 WHERE id = ?1")?
            .execute(params![user.bytes(), after.display_name, after.about])?;
        find::index(commit.db, user, &after.name, &after.display_name)?;
        changed(commit, user)?;
    }
    Ok(Some(after))
}

/// Raise an account's version and tell its person. Nothing for an account that does not exist.
pub(super) fn changed(commit: &mut Commit<'_>, user: UserId) -> Work<()> {
    let version: Option<i64> = commit
        .db
        .prepare_cached("UPDATE account SET version = version + 1 WHERE id = ?1 RETURNING version")?
        .query_row([user.bytes()], |row| row.get(0))
        .optional()?;
    if let Some(version) = version {
        commit.tell(Change::Account { user, version: whole(version) });
    }
    Ok(())
}
