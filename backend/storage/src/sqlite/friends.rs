//! Who knows whom.

use async_trait::async_trait;
use protocol::{Millis, UserId};
use rusqlite::{Connection, OptionalExtension, params};

use super::accounts::{PERSON, changed, person};
use super::rows::Work;
use super::writer::Commit;
use super::{Reader, Sqlite};
use crate::{FriendStore, Relation, Relations, Result};

const ASKED: i64 = 0;
const BLOCKED: i64 = 1;

#[async_trait]
impl FriendStore for Sqlite {
    async fn relate(
        &self,
        user: UserId,
        other: UserId,
        relation: Relation,
        at: Millis,
    ) -> Result<()> {
        self.write(move |commit| relate(commit, user, other, number(relation), at)).await
    }

    async fn take_back(&self, user: UserId, other: UserId, relation: Relation) -> Result<()> {
        self.write(move |commit| take_back(commit, user, other, relation)).await
    }

    async fn relations(&self, user: UserId) -> Result<Relations> {
        self.read(move |reader| relations(reader, user)).await
    }

    async fn blocked(&self, user: UserId, others: &[UserId]) -> Result<Vec<UserId>> {
        let times = match self.blocks.find(user, others) {
            Ok(blocked) => return Ok(blocked),
            Err(times) => times,
        };
        let (others, blocks) = (others.to_vec(), self.blocks.clone());
        self.read(move |reader| {
            let mut find = reader.db.prepare_cached(
                "SELECT 1 FROM relation WHERE relation = 1
                 AND (user = ?1 AND other = ?2 OR user = ?2 AND other = ?1)",
            )?;
            let mut blocked = Vec::new();
            for other in &others {
                if find.exists(params![user.bytes(), other.bytes()])? {
                    blocked.push(*other);
                }
            }
            blocks.keep(times, user, &others, &blocked);
            Ok(blocked)
        })
        .await
    }
}

fn number(relation: Relation) -> i64 {
    match relation {
        Relation::Asked => ASKED,
        Relation::Blocked => BLOCKED,
    }
}

fn known(number: Option<i64>) -> Option<Relation> {
    number.map(|number| if number == BLOCKED { Relation::Blocked } else { Relation::Asked })
}

fn relate(
    commit: &mut Commit<'_>,
    user: UserId,
    other: UserId,
    after: i64,
    at: Millis,
) -> Work<()> {
    commit.relations_changed();
    let db = commit.db;
    let known: i64 = db
        .prepare_cached("SELECT count(*) FROM account WHERE id = ?1 OR id = ?2")?
        .query_row(params![user.bytes(), other.bytes()], |row| row.get(0))?;
    let before: Option<i64> = db
        .prepare_cached("SELECT relation FROM relation WHERE user = ?1 AND other = ?2")?
        .query_row(params![user.bytes(), other.bytes()], |row| row.get(0))
        .optional()?;
    if known < 2 || before == Some(after) {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO relation (user, other, relation, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (user, other) DO UPDATE SET relation = excluded.relation, at = excluded.at",
    )?
    .execute(params![user.bytes(), other.bytes(), after, at])?;
    if after == BLOCKED {
        clear(db, other, user, ASKED)?;
    }
    changed(commit, user)?;
    // Neither a block nor the end of one is told to the other.
    if before != Some(BLOCKED) && after != BLOCKED {
        changed(commit, other)?;
    }
    Ok(())
}

fn take_back(commit: &mut Commit<'_>, user: UserId, other: UserId, relation: Relation) -> Work<()> {
    commit.relations_changed();
    let mut was = clear(commit.db, user, other, number(relation))?;
    if relation == Relation::Asked {
        was |= clear(commit.db, other, user, ASKED)?;
    }
    if was {
        changed(commit, user)?;
        if relation == Relation::Asked {
            changed(commit, other)?;
        }
    }
    Ok(())
}

/// Whether it was there.
fn clear(db: &Connection, user: UserId, other: UserId, relation: i64) -> Work<bool> {
    let mut delete =
        db.prepare_cached("DELETE FROM relation WHERE user = ?1 AND other = ?2 AND relation = ?3")?;
    Ok(delete.execute(params![user.bytes(), other.bytes(), relation])? > 0)
}

fn relations(reader: &Reader<'_>, user: UserId) -> Work<Relations> {
    let mut find = reader.db.prepare_cached(&format!(
        "SELECT {PERSON}, mine.relation, theirs.relation FROM account a
         LEFT JOIN relation mine ON mine.user = ?1 AND mine.other = a.id
         LEFT JOIN relation theirs ON theirs.user = a.id AND theirs.other = ?1
         WHERE a.id IN (SELECT other FROM relation WHERE user = ?1
                        UNION SELECT user FROM relation WHERE other = ?1)"
    ))?;
    let mut found = find.query([user.bytes()])?;
    let mut relations = Relations::default();
    while let Some(row) = found.next()? {
        relations.add(person(row)?, known(row.get(4)?), known(row.get(5)?));
    }
    Ok(relations.sorted())
}
