//! Who knows whom. Whatever changes a relation holds both accounts first, so two people who ask, block
//! and take back at once do it one after the other.

use std::sync::Arc;

use async_trait::async_trait;
use protocol::{Millis, UserId};
use uuid::Uuid;

use super::accounts::{PERSON, changed, lock, person};
use super::work::Work;
use super::write::Tx;
use super::{Lease, Postgres};
use crate::{FriendStore, Relation, Relations, Result};

const ASKED: i16 = 0;
const BLOCKED: i16 = 1;

#[async_trait]
impl FriendStore for Postgres {
    async fn relate(
        &self,
        user: UserId,
        other: UserId,
        relation: Relation,
        at: Millis,
    ) -> Result<()> {
        self.write(
            |tx: Arc<Tx>| async move { relate(&tx, user, other, number(relation), at).await },
        )
        .await
    }

    async fn take_back(&self, user: UserId, other: UserId, relation: Relation) -> Result<()> {
        self.write(|tx: Arc<Tx>| async move { take_back(&tx, user, other, relation).await }).await
    }

    /// As they are now: an app reads them again when it was told of another version, and would take a
    /// replica's older ones for that.
    async fn relations(&self, user: UserId) -> Result<Relations> {
        self.read_now(|db: Arc<Lease>| async move { relations(&db, user).await }, |_| true).await
    }

    async fn blocked(&self, user: UserId, others: &[UserId]) -> Result<Vec<UserId>> {
        let ids: &Vec<Uuid> = &others.iter().map(|other| other.0).collect();
        let find = |db: Arc<Lease>| async move {
            let rows = db
                .query(
                    "SELECT asked.other FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (other, n)
                     WHERE EXISTS (SELECT 1 FROM relation r WHERE r.relation = 1
                                   AND r.person = $1 AND r.other = asked.other)
                        OR EXISTS (SELECT 1 FROM relation r WHERE r.relation = 1
                                   AND r.person = asked.other AND r.other = $1)
                     ORDER BY asked.n",
                    &[&user.0, ids],
                )
                .await?;
            Ok(rows.iter().map(|row| UserId(row.get(0))).collect())
        };
        // Messages wait for this, so a replica answers while the primary is being replaced.
        self.read_now(find, |_: &Vec<UserId>| true).await
    }
}

fn number(relation: Relation) -> i16 {
    match relation {
        Relation::Asked => ASKED,
        Relation::Blocked => BLOCKED,
    }
}

fn known(number: Option<i16>) -> Option<Relation> {
    number.map(|number| if number == BLOCKED { Relation::Blocked } else { Relation::Asked })
}

async fn relate(tx: &Tx, user: UserId, other: UserId, after: i16, at: Millis) -> Work<()> {
    if lock(tx, &[user, other]).await? < 2 {
        return Ok(());
    }
    let find = "SELECT relation FROM relation WHERE person = $1 AND other = $2";
    let before: Option<i16> = tx.db.first(find, &[&user.0, &other.0]).await?.map(|row| row.get(0));
    if before == Some(after) {
        return Ok(());
    }
    let set = "INSERT INTO relation (person, other, relation, at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (person, other)
               DO UPDATE SET relation = excluded.relation, at = excluded.at";
    tx.db.execute(set, &[&user.0, &other.0, &after, &at]).await?;
    if after == BLOCKED {
        clear(tx, other, user, ASKED).await?;
    }
    changed(tx, user).await?;
    // Neither a block nor the end of one is told to the other.
    if before != Some(BLOCKED) && after != BLOCKED {
        changed(tx, other).await?;
    }
    Ok(())
}

async fn take_back(tx: &Tx, user: UserId, other: UserId, relation: Relation) -> Work<()> {
    lock(tx, &[user, other]).await?;
    let mut was = clear(tx, user, other, number(relation)).await?;
    if relation == Relation::Asked {
        was |= clear(tx, other, user, ASKED).await?;
    }
    if was {
        changed(tx, user).await?;
        if relation == Relation::Asked {
            changed(tx, other).await?;
        }
    }
    Ok(())
}

/// Whether it was there.
async fn clear(tx: &Tx, user: UserId, other: UserId, relation: i16) -> Work<bool> {
    let delete = "DELETE FROM relation WHERE person = $1 AND other = $2 AND relation = $3";
    Ok(tx.db.execute(delete, &[&user.0, &other.0, &relation]).await? > 0)
}

async fn relations(db: &Lease, user: UserId) -> Work<Relations> {
    let rows = db
        .query(
            &format!(
                "SELECT {PERSON}, mine.relation, theirs.relation FROM account a
                 LEFT JOIN relation mine ON mine.person = $1 AND mine.other = a.id
                 LEFT JOIN relation theirs ON theirs.person = a.id AND theirs.other = $1
                 WHERE a.id IN (SELECT other FROM relation WHERE person = $1
                                UNION SELECT person FROM relation WHERE other = $1)"
            ),
            &[&user.0],
        )
        .await?;
    let mut relations = Relations::default();
    for row in &rows {
        relations.add(person(row), known(row.get(4)), known(row.get(5)));
    }
    Ok(relations.sorted())
}
