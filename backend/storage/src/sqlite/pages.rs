//! One conversation as it is for one person: what `hello` answers with.

use protocol::frame::ConversationPage;
use protocol::limits::SMALL_GROUP;
use protocol::model;
use protocol::{ConversationId, UserId};
use rusqlite::{Connection, params};

use super::Reader;
use super::fold::head;
use super::history::{Of, members, ord_at, read_back};
use super::markers::{Held, markers};
use super::rows::{self, Work, damaged, whole};
use crate::readable::Readable;

/// The page; `None` when the conversation is not the person's.
pub(super) fn page(
    reader: &Reader<'_>,
    user: UserId,
    conversation: ConversationId,
    events: u64,
    bytes: usize,
) -> Work<Option<ConversationPage>> {
    let db = reader.db;
    let Some(key) = reader.key(conversation)? else { return Ok(None) };
    let of = Of { conversation, key };
    let Some(own) = own(db, of, user)? else { return Ok(None) };
    let Some((head, at)) = head(db, conversation, key)? else { return Ok(None) };
    let (row, member_count) = row(db, of)?;
    let (head, at) = match own.left {
        None => (model::Head { seq: head.seq, ord: head.ord }, at),
        Some(left) => {
            let (ord, at) = ord_at(db, of, left)?;
            (model::Head { seq: left, ord }, at)
        }
    };
    let readable = Readable { open: row.history_open, periods: &own.row.periods };
    let newest = head.seq.saturating_sub(events);
    let from = readable.run_up_to(head.seq).max(newest.saturating_add(1));
    let stretch = read_back(db, of, from, head.seq, events, bytes, |seq| readable.covers(seq))?;
    let mine = own.held.effective(user);
    let small = own.left.is_none() && member_count <= SMALL_GROUP as u64;
    let (members, markers) = if small {
        (members(db, conversation, key, None, member_count)?, markers(db, key, None, member_count)?)
    } else {
        (Vec::new(), vec![mine])
    };
    Ok(Some(ConversationPage {
        conversation,
        kind: row.kind,
        title: if own.left.is_some() { own.left_title } else { row.title },
        history_open: row.history_open,
        head,
        at,
        role: own.row.role,
        periods: own.row.periods.clone(),
        member_count,
        members,
        markers,
        read_ord: ord_at(db, of, mine.read)?.0,
        events: stretch.events,
        states: stretch.states,
    }))
}

struct Own {
    row: crate::MemberRow,
    left: Option<u64>,
    left_title: String,
    held: Held,
}

fn own(db: &Connection, of: Of, user: UserId) -> Work<Option<Own>> {
    let mut find = db.prepare_cached(&format!(
        "SELECT {}, left_seq, left_title, joined_seq, delivered, read FROM member
         WHERE conversation = ?1 AND user = ?2",
        rows::MEMBER
    ))?;
    let mut found = find.query(params![of.key, user.bytes()])?;
    let Some(row) = found.next()? else { return Ok(None) };
    Ok(Some(Own {
        row: rows::member(of.conversation, row, 0)?,
        left: row.get::<_, Option<i64>>(5)?.map(whole),
        left_title: row.get(6)?,
        held: Held {
            joined: whole(row.get(7)?),
            delivered: whole(row.get(8)?),
            read: whole(row.get(9)?),
        },
    }))
}

fn row(db: &Connection, of: Of) -> Work<(crate::ConversationRow, u64)> {
    let mut find = db.prepare_cached(&format!(
        "SELECT {}, member_count FROM conversation WHERE key = ?1",
        rows::CONVERSATION
    ))?;
    let mut found = find.query([of.key])?;
    let row = found.next()?.ok_or_else(|| damaged(of.conversation, 0))?;
    let own = rows::conversation(of.conversation, row, 0)?;
    Ok((own.ok_or_else(|| damaged(of.conversation, 0))?, whole(row.get(6)?)))
}
