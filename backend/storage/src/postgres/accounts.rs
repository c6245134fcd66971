//! Accounts.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use protocol::request::{ChangeProfile, Person};
use protocol::{Millis, SessionId, UserId};
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use super::work::{Work, bound, text, whole};
use super::write::Tx;
use super::{Lease, Postgres, sessions};
use crate::words::{range, words};
use crate::{AccountStore, Change, Credentials, NewAccount, Result, StorageError};

/// The columns that [`person`] reads.
pub(super) const PERSON: &str = "a.id, a.name, a.display_name, a.about";

#[async_trait]
impl AccountStore for Postgres {
    async fn create(&self, accounts: Vec<NewAccount>) -> Result<()> {
        let accounts = &accounts;
        self.write(|tx: Arc<Tx>| async move { create(&tx, accounts).await }).await
    }

    async fn credentials(&self, name: &str) -> Result<Option<Credentials>> {
        let name = &text(name);
        self.read(|db: Arc<Lease>| async move {
            let find = "SELECT id, password_hash FROM account WHERE name = $1";
            Ok(db.first(find, &[name]).await?.as_ref().map(credentials))
        })
        .await
    }

    async fn credentials_of(&self, user: UserId) -> Result<Option<Credentials>> {
        self.read(|db: Arc<Lease>| async move {
            let find = "SELECT id, password_hash FROM account WHERE id = $1";
            Ok(db.first(find, &[&user.0]).await?.as_ref().map(credentials))
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
        let password_hash = &password_hash;
        self.write(|tx: Arc<Tx>| async move {
            let change = "UPDATE account SET password_hash = $2 WHERE id = $1";
            tx.db.execute(change, &[&user.0, password_hash]).await?;
            changed(&tx, user).await?;
            sessions::end_others(&tx, user, None, keep, at).await
        })
        .await
    }

    async fn people(&self, ids: &[UserId]) -> Result<Vec<Person>> {
        // One alone is mostly somebody's own profile, read together with the version that it has now.
        if let [id] = ids {
            let found = self
                .read_now(|db: Arc<Lease>| async move { account(&db, *id).await }, Option::is_some);
            return Ok(found.await?.into_iter().collect());
        }
        let wanted: &Vec<Uuid> = &ids.iter().map(|id| id.0).collect();
        let mut found =
            self.read_soon(|db: Arc<Lease>| async move { people(&db, wanted).await }).await?;
        // Whom a replica does not know may be new, and must not be taken for nobody.
        let missing = wanted.iter().filter(|id| !found.contains_key(&UserId(**id))).copied();
        let missing: &Vec<Uuid> = &missing.collect();
        if self.replica.is_some() && !missing.is_empty() {
            found.extend(
                self.read(|db: Arc<Lease>| async move { people(&db, missing).await }).await?,
            );
        }
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }

    async fn find(&self, query: &str, limit: u64) -> Result<Vec<Person>> {
        let Some((query, end)) = range(&text(query)) else { return Ok(Vec::new()) };
        let (query, end) = (&query, &end);
        self.read_soon(|db: Arc<Lease>| async move {
            let found = db
                .query(
                    &format!(
                        "SELECT {PERSON} FROM account a
                         WHERE a.id IN
                           (SELECT person FROM account_word WHERE word >= $1 AND word < $2)
                         ORDER BY a.name <> $1, a.name LIMIT $3"
                    ),
                    &[query, end, &bound(limit)],
                )
                .await?;
            Ok(found.iter().map(person).collect())
        })
        .await
    }

    async fn version(&self, user: UserId) -> Result<Option<u64>> {
        let find = |db: Arc<Lease>| async move {
            let row = db.first("SELECT version FROM account WHERE id = $1", &[&user.0]).await?;
            Ok(row.map(|row| whole(row.get(0))))
        };
        self.read_now(find, Option::is_some).await
    }

    async fn change_profile(&self, user: UserId, change: ChangeProfile) -> Result<Option<Person>> {
        let change = &change;
        self.write(|tx: Arc<Tx>| async move { change_profile(&tx, user, change).await }).await
    }

    /// As they are now: an app reads them again when it was told of another version, and would take a
    /// replica's older ones for that.
    async fn settings(&self, user: UserId) -> Result<Value> {
        let find = |db: Arc<Lease>| async move {
            let row = db.first("SELECT settings FROM account WHERE id = $1", &[&user.0]).await?;
            Ok(row.map(|row| row.get(0)))
        };
        Ok(self.read_now(find, Option::is_some).await?.unwrap_or_else(|| json!({})))
    }

    async fn put_settings(&self, user: UserId, settings: Value) -> Result<()> {
        let settings = &settings;
        self.write(|tx: Arc<Tx>| async move {
            let change = "UPDATE account SET settings = $2 WHERE id = $1";
            tx.db.execute(change, &[&user.0, settings]).await?;
            changed(&tx, user).await
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
        let (user, action, detail) = (user.map(|user| user.0), &text(action), &text(detail));
        self.write(|tx: Arc<Tx>| async move {
            let note = "INSERT INTO audit (at, person, action, detail) VALUES ($1, $2, $3, $4)";
            tx.db.execute(note, &[&at, &user, action, detail]).await?;
            Ok(())
        })
        .await
    }

    async fn count(&self) -> Result<u64> {
        self.read(|db: Arc<Lease>| async move {
            let row = db.first("SELECT count(*) FROM account", &[]).await?;
            Ok(row.map_or(0, |row| whole(row.get(0))))
        })
        .await
    }
}

fn credentials(row: &Row) -> Credentials {
    Credentials { user: UserId(row.get(0)), password_hash: row.get(1) }
}

/// The person in four columns from the first on.
pub(super) fn person(row: &Row) -> Person {
    Person { id: UserId(row.get(0)), name: row.get(1), display_name: row.get(2), about: row.get(3) }
}

async fn account(db: &Lease, id: UserId) -> Work<Option<Person>> {
    let find = format!("SELECT {PERSON} FROM account a WHERE a.id = $1");
    Ok(db.first(&find, &[&id.0]).await?.as_ref().map(person))
}

async fn people(db: &Lease, ids: &[Uuid]) -> Work<HashMap<UserId, Person>> {
    let find = format!("SELECT {PERSON} FROM account a WHERE a.id = ANY($1)");
    let rows = db.query(&find, &[&ids]).await?;
    Ok(rows.iter().map(person).map(|person| (person.id, person)).collect())
}

/// A new account is no change of one: nobody can be connected to it yet.
async fn create(tx: &Tx, accounts: &[NewAccount]) -> Work<()> {
    // In the order of their names, so that two who make the same ones do not wait for each other.
    let mut accounts: Vec<&NewAccount> = accounts.iter().collect();
    accounts.sort_by(|a, b| a.name.cmp(&b.name));
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id.0).collect();
    let names: Vec<_> = accounts.iter().map(|account| text(&account.name)).collect();
    let shown: Vec<_> = accounts.iter().map(|account| text(&account.display_name)).collect();
    let hashes: Vec<_> = accounts.iter().map(|account| account.password_hash.as_deref()).collect();
    let created: Vec<Millis> = accounts.iter().map(|account| account.at).collect();
    let made = tx
        .db
        .execute(
            "INSERT INTO account (id, name, display_name, password_hash, created)
             SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int8[])",
            &[&ids, &names, &shown, &hashes, &created],
        )
        .await;
    made.map_err(|failure| {
        if failure.breaks("account_name") { StorageError::NameTaken.into() } else { failure }
    })?;
    let mut found_by: (Vec<String>, Vec<Uuid>) = Default::default();
    for ((id, name), shown) in ids.iter().zip(&names).zip(&shown) {
        for word in words(name, shown) {
            found_by.0.push(word);
            found_by.1.push(*id);
        }
    }
    index(tx, &found_by.0, &found_by.1).await
}

/// Let people be found by these words.
async fn index(tx: &Tx, words: &[String], people: &[Uuid]) -> Work<()> {
    tx.db
        .execute(
            "INSERT INTO account_word (word, person) SELECT * FROM unnest($1::text[], $2::uuid[])
             ON CONFLICT DO NOTHING",
            &[&words, &people],
        )
        .await?;
    Ok(())
}

async fn change_profile(tx: &Tx, user: UserId, change: &ChangeProfile) -> Work<Option<Person>> {
    lock(tx, &[user]).await?;
    let Some(before) = account(&tx.db, user).await? else { return Ok(None) };
    let stored = |text_: &Option<String>| text_.as_deref().map(|given| text(given).into_owned());
    let after = Person {
        display_name: stored(&change.display_name).unwrap_or_else(|| before.display_name.clone()),
        about: stored(&change.about).unwrap_or_else(|| before.about.clone()),
        ..before.clone()
    };
    if after != before {
        let update = "UPDATE account SET display_name = $2, about = $3 WHERE id = $1";
        tx.db.execute(update, &[&user.0, &after.display_name, &after.about]).await?;
        tx.db.execute("DELETE FROM account_word WHERE person = $1", &[&user.0]).await?;
        let words = words(&after.name, &after.display_name);
        index(tx, &words, &vec![user.0; words.len()]).await?;
        changed(tx, user).await?;
    }
    Ok(Some(after))
}

/// Hold these accounts until the transaction ends, the lower id first; how many of them there are.
pub(super) async fn lock(tx: &Tx, users: &[UserId]) -> Work<usize> {
    let ids: Vec<Uuid> = users.iter().map(|user| user.0).collect();
    let hold = "SELECT id FROM account WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
    Ok(tx.db.query(hold, &[&ids]).await?.len())
}

/// Raise an account's version and tell its person. Nothing for an account that does not exist.
pub(super) async fn changed(tx: &Tx, user: UserId) -> Work<()> {
    let raise = "UPDATE account SET version = version + 1 WHERE id = $1 RETURNING version";
    if let Some(row) = tx.db.first(raise, &[&user.0]).await? {
        tx.tell(Change::Account { user, version: whole(row.get(0)) });
    }
    Ok(())
}
