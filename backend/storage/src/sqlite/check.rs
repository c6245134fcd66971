//! The full check: `kithd check`. Reads everything and says all that is not as it must be.

use std::path::Path;

use protocol::ConversationId;
use rusqlite::Connection;

use super::open;
use super::rows::{self, Failure, Work, seq_of, whole};
use crate::{Head, Result, StorageError};

/// So many findings are listed; a file with more is beyond reading them one by one.
const LISTED: usize = 1_000;

/// One thing that is not as it must be, in words for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding(pub String);

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Check the database in this folder: SQLite's own check, every checksum, dense seqs, ords that count
/// the messages, heads, members. Works whether or not a server has it open. No finding: all is well.
///
/// # Errors
/// When it cannot even be read.
pub fn check(folder: &Path) -> Result<Vec<Finding>> {
    let db = open::reading(folder)?;
    let mut findings = Vec::new();
    match examine(&db, &mut findings) {
        Ok(()) => {}
        // What SQLite cannot read is what was looked for.
        Err(Failure::Sqlite(error)) if rows::is_corrupt(&error) => {
            findings.push(Finding(error.to_string()));
        }
        Err(failure) => return Err(failure.into_error()),
    }
    findings.truncate(LISTED);
    Ok(findings)
}

fn examine(db: &Connection, findings: &mut Vec<Finding>) -> Work<()> {
    // One moment for all of it, since a server may be writing.
    db.execute_batch("BEGIN")?;
    let mut check = db.prepare("PRAGMA integrity_check")?;
    let said = check.query_map([], |row| row.get::<_, String>(0))?;
    for said in said {
        let said = said?;
        if said != "ok" {
            findings.push(Finding(said));
        }
    }
    let mut all = db.prepare(&format!(
        "SELECT id, key, member_count, {}, {},
                (SELECT count(*) FROM member WHERE conversation = key AND left_seq IS NULL)
         FROM conversation",
        rows::HEAD,
        rows::CONVERSATION
    ))?;
    let mut found = all.query([])?;
    while let Some(row) = found.next()?
        && findings.len() < LISTED
    {
        let conversation = ConversationId(rows::id(row, 0)?);
        let mut say = |what: String| findings.push(Finding(format!("{conversation}: {what}")));
        let head = noted(rows::head(conversation, row, 3), &mut say)?.flatten();
        if let Some(None) = noted(rows::conversation(conversation, row, 8), &mut say)?
            && head.is_some()
        {
            say("there are events and no row of the conversation".into());
        }
        if row.get::<_, i64>(2)? != row.get::<_, i64>(14)? {
            say("the number of members is wrong".into());
        }
        let key = row.get(1)?;
        members(db, conversation, key, &mut say)?;
        events(db, conversation, key, head, &mut say)?;
    }
    let strays: i64 = db.query_row(
        "SELECT count(*) FROM event WHERE place >> 32 NOT IN (SELECT key FROM conversation)",
        [],
        |row| row.get(0),
    )?;
    if strays > 0 {
        findings.push(Finding(format!("{strays} events of no conversation")));
    }
    Ok(())
}

/// A damaged row is a finding; everything else that goes wrong ends the check.
fn noted<T>(read: Work<T>, say: &mut impl FnMut(String)) -> Work<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Failure::Own(StorageError::Damaged { seq, .. })) => {
            say(format!("a row fails its checksum (seq {seq})"));
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

fn members(
    db: &Connection,
    conversation: ConversationId,
    key: i64,
    say: &mut impl FnMut(String),
) -> Work<()> {
    let mut all = db.prepare_cached(&format!(
        "SELECT {}, joined_seq, left_seq FROM member WHERE conversation = ?1",
        rows::MEMBER
    ))?;
    let mut found = all.query([key])?;
    while let Some(row) = found.next()? {
        let Some(member) = noted(rows::member(conversation, row, 0), say)? else { continue };
        let last = member.periods.last().map(|p| (p.joined_seq, p.left_seq));
        let stored = (whole(row.get(5)?), row.get::<_, Option<i64>>(6)?.map(whole));
        if last != Some(stored) {
            say(format!("the membership of {} is not what its columns say", member.user));
        }
    }
    Ok(())
}

fn events(
    db: &Connection,
    conversation: ConversationId,
    key: i64,
    head: Option<(Head, i64)>,
    say: &mut impl FnMut(String),
) -> Work<()> {
    let mut all = db.prepare_cached(&format!(
        "SELECT {} FROM event WHERE place BETWEEN ?1 AND ?2 ORDER BY place",
        rows::EVENT
    ))?;
    let (mut seq, mut ord, mut at) = (0, 0, 0);
    let mut found = all.query([key << 32, rows::place_or_end(key, u64::MAX)])?;
    while let Some(row) = found.next()? {
        let here = seq_of(row.get(0)?);
        if here != seq + 1 {
            say(format!("events {} to {} are missing", seq + 1, here - 1));
        }
        seq = here;
        let event = noted(rows::event(conversation, row), say)?;
        let state = noted(rows::state(conversation, row), say)?;
        let (Some(event), Some(state)) = (event, state) else { continue };
        let counts = event.event.kind.counts();
        ord += u64::from(counts);
        if event.event.ord != ord {
            say(format!("event {seq} has ord {} and not {ord}", event.event.ord));
            ord = event.event.ord;
        }
        if counts != state.is_some() {
            say(format!("event {seq}: a message and its state do not go together"));
        }
        at = event.event.at;
    }
    let known = head.map(|(head, at)| (head.seq, head.ord, at));
    if known.unwrap_or_default() != (seq, ord, at) {
        say(format!("the head {known:?} is not the last event ({seq}, {ord}, {at})"));
    }
    Ok(())
}
