//! Searching people by the beginning of a name or of a word of it.

use protocol::UserId;
use protocol::request::Person;
use rusqlite::{Connection, params};

use super::accounts::{PERSON, person};
use super::rows::{Work, bound};

/// People who match; nobody for a query without a visible character, which would be everybody.
pub(super) fn find(db: &Connection, query: &str, limit: u64) -> Work<Vec<Person>> {
    let query = query.trim().to_lowercase();
    if query.is_empty() {
        return Ok(Vec::new());
    }
    // No text begins with the last code point there is: it is no character.
    let end = format!("{query}\u{10ffff}");
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

/// The account name, and the display name from the beginning of each of its words to its end.
fn words(name: &str, display_name: &str) -> Vec<String> {
    let lower = display_name.trim().to_lowercase();
    let mut words = vec![name.to_lowercase()];
    let mut inside = false;
    for (at, c) in lower.char_indices() {
        if at == 0 || c.is_alphanumeric() && !inside {
            words.push(lower[at..].to_owned());
        }
        inside = c.is_alphanumeric();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_display_name_is_found_from_each_of_its_words_on() {
        assert_eq!(words("ada", "Ada King-Noel"), ["ada", "ada king-noel", "king-noel", "noel"]);
        assert_eq!(words("ada", "(Ada)"), ["ada", "(ada)", "ada)"]);
        assert_eq!(words("wei", "张伟"), ["wei", "张伟"]);
        assert_eq!(words("x", ""), ["x"]);
    }
}
