//! Searching people by the beginning of a name or of a word of it.

use protocol::UserId;
use protocol::request::Person;
use rusqlite::{Connection, params};

use super::accounts::{PERSON, person};
use super::rows::{Work, bound};
use crate::words::{range, words};

/// People who match.
pub(super) fn find(db: &Connection, query: &str, limit: u64) -> Work<Vec<Person>> {
    let Some((query, end)) = range(query) else { return Ok(Vec::new()) };
    let mut find = db.prepare_cached(&format!(
        "SELECT {PERSON} FROM account a
         WHERE a.id IN (SELECT user FROM account_word WHERE word >= ?1 AND word < ?2)
         ORDER BY a.name <> ?1, a.name LIMIT ?3"
    ))?;
    let people = find.query_map(params![query, end, bound(limit)], person)?;
    Ok(people.collect::<rusqlite::Result<_>>()?)
}

/// Replace what a person is found by.
pub(super) fn index(db: &Connection, user: UserId, name: &str, display_name: &str) -> Work<()> {
    db.prepare_cached("DELETE FROM account_word WHERE user = ?1")?.execute([user.bytes()])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO account_word (word, user) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    for word in words(name, display_name) {
        insert.execute(params![word, user.bytes()])?;
    }
    Ok(())
}
