//! How far everybody has a conversation.

use async_trait::async_trait;
use protocol::frame::{Mark, MarkStored, Marked};
use protocol::limits::SMALL_GROUP;
use protocol::model::Marker;
use protocol::{ConversationId, UserId};
use rusqlite::{Connection, OptionalExtension, params};

use super::Sqlite;
use super::history::{Of, ord_at};
use super::rows::{self, Work, bound, int, whole};
use super::writer::Commit;
use crate::{Change, MarkOutcome, MarkerStore, Result};

#[async_trait]
impl MarkerStore for Sqlite {
    async fn mark(&self, user: UserId, mark: Mark) -> Result<MarkOutcome> {
        self.write(move |commit| store(commit, user, mark)).await
    }

    async fn markers(
        &self,
        conversation: ConversationId,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<Marker>> {
        self.read(move |reader| match reader.key(conversation)? {
            Some(key) => markers(reader.db, key, after, limit),
            None => Ok(Vec::new()),
        })
        .await
    }
}

/// What a member's row says of the person's markers.
#[derive(Clone, Copy)]
pub(super) struct Held {
    /// When the last membership began.
    pub(super) joined: u64,
    /// As stored; only marks write it.
    pub(super) delivered: u64,
    /// As stored; only marks write it.
    pub(super) read: u64,
}

impl Held {
    /// What everybody is shown: at least the seq at which one joined, and read implies delivered.
    pub(super) fn effective(self, user: UserId) -> Marker {
        let read = self.read.max(self.joined);
        Marker { user, delivered: self.delivered.max(read), read }
    }
}

/// The effective markers of current members by user id.
pub(super) fn markers(
    db: &Connection,
    key: i64,
    after: Option<UserId>,
    limit: u64,
) -> Work<Vec<Marker>> {
    let mut find = db.prepare_cached(
        "SELECT user, joined_seq, delivered, read FROM member
         WHERE conversation = ?1 AND user > ?2 AND left_seq IS NULL ORDER BY user LIMIT ?3",
    )?;
    let after: &[u8] = after.as_ref().map_or(&[], |user| user.bytes());
    let mut found = find.query(params![key, after, bound(limit)])?;
    let mut markers = Vec::new();
    while let Some(row) = found.next()? {
        let held = Held {
            joined: whole(row.get(1)?),
            delivered: whole(row.get(2)?),
            read: whole(row.get(3)?),
        };
        markers.push(held.effective(UserId(rows::id(row, 0)?)));
    }
    Ok(markers)
}

fn store(commit: &mut Commit<'_>, user: UserId, mark: Mark) -> Work<MarkOutcome> {
    let conversation = mark.conversation;
    let Some(key) = commit.key(conversation)? else { return Ok(MarkOutcome::NotAMember) };
    let of = Of { conversation, key };
    let member = commit
        .db
        .prepare_cached(
            "SELECT m.joined_seq, m.delivered, m.read, m.left_seq, c.head_seq, c.member_count
             FROM member m CROSS JOIN conversation c ON c.key = m.conversation
             WHERE m.conversation = ?1 AND m.user = ?2",
        )?
        .query_row(params![key, user.bytes()], |row| {
            let number = |at| row.get::<_, i64>(at).map(whole);
            let held = Held { joined: number(0)?, delivered: number(1)?, read: number(2)? };
            Ok((held, row.get::<_, Option<i64>>(3)?.map(whole), number(4)?, number(5)?))
        })
        .optional()?;
    let Some((held, left, head, members)) = member else { return Ok(MarkOutcome::NotAMember) };
    // Clamped to what the person can see: a marker never shrinks, so one far ahead would stay for ever.
    let end = left.unwrap_or(head);
    let next = Held {
        delivered: held.delivered.max(mark.delivered.min(end)),
        read: held.read.max(mark.read.min(end)),
        ..held
    };
    let marker = next.effective(user);
    let read_ord = ord_at(commit.db, of, marker.read)?.0;
    if marker != held.effective(user) {
        commit
            .db
            .prepare_cached(
                "UPDATE member SET delivered = ?3, read = ?4, marks_changed = ?5
                 WHERE conversation = ?1 AND user = ?2",
            )?
            .execute(params![
                key,
                user.bytes(),
                int(next.delivered)?,
                int(next.read)?,
                commit.number
            ])?;
        let small = left.is_none() && members <= SMALL_GROUP as u64;
        let recipients = if small { everybody(commit, key)? } else { vec![user] };
        commit
            .tell(Change::Marked { recipients, marked: Marked { conversation, marker, read_ord } });
    }
    Ok(MarkOutcome::Stored(MarkStored {
        conversation,
        delivered: marker.delivered,
        read: marker.read,
        read_ord,
    }))
}

/// All members of a small group, for whom the list of conversations changes too.
fn everybody(commit: &Commit<'_>, key: i64) -> Work<Vec<UserId>> {
    commit
        .db
        .prepare_cached("UPDATE conversation SET marks_changed = ?2 WHERE key = ?1")?
        .execute([key, commit.number])?;
    let mut find = commit.db.prepare_cached(
        "SELECT user FROM member WHERE conversation = ?1 AND left_seq IS NULL ORDER BY user",
    )?;
    let mut found = find.query([key])?;
    let mut users = Vec::new();
    while let Some(row) = found.next()? {
        users.push(UserId(rows::id(row, 0)?));
    }
    Ok(users)
}
