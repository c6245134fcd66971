//! What of one conversation is to be printed, and when: each row once, in the order of the
//! conversation, and again when it has changed. Pure.
//!
//! Rows do not come in order. After a time without a network the newest come first and what lies
//! before them is fetched; such rows wait until the gap is filled, so that a reader can trust the
//! order.

use std::collections::BTreeMap;

use client::view::{Row, RowBody};
use protocol::ConversationId;

use crate::line::Line;

/// Rows whose changes are noticed.
const KNOWN: usize = 400;

/// One conversation that is followed.
pub(crate) struct Follow {
    conversation: ConversationId,
    /// The first seq that was not printed.
    next: u64,
    /// Rows before that as they were last printed or, older ones, first seen.
    known: BTreeMap<String, (u64, Line)>,
    /// Rows from there on that are not printed yet.
    waiting: BTreeMap<u64, (String, Line)>,
    /// The first seq of each gap.
    gaps: BTreeMap<String, u64>,
    /// Rows that were printed before and have changed.
    changed: Vec<Line>,
}

impl Follow {
    /// Follow a conversation from this seq on.
    pub(crate) fn new(conversation: ConversationId, next: u64) -> Self {
        let (known, waiting) = (BTreeMap::new(), BTreeMap::new());
        Self { conversation, next, known, waiting, gaps: BTreeMap::new(), changed: Vec::new() }
    }

    /// The first seq that was not printed.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Whether rows wait for what lies before them.
    pub(crate) fn holds(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Nothing is to be printed of the next so many seqs.
    pub(crate) fn skip(&mut self, seqs: u64) {
        self.next += seqs;
    }

    /// The conversation is not looked at any more; it may be taken up again later. Whether rows had
    /// to wait: those have to be read again.
    pub(crate) fn pause(&mut self) -> bool {
        let held = self.holds();
        self.known.clear();
        self.waiting.clear();
        self.gaps.clear();
        held
    }

    /// Rows that came or changed, and the keys of those that are gone.
    pub(crate) fn take(&mut self, rows: &[Row], removed: &[String]) {
        for key in removed {
            self.gaps.remove(key);
        }
        for row in rows {
            let key = row.key.clone();
            if let RowBody::Gap { .. } = row.body {
                // A gap's key says where it begins.
                let first = key.strip_prefix("gap-").and_then(|first| first.parse().ok());
                self.gaps.insert(key, first.unwrap_or(self.next));
                continue;
            }
            let line = Line::of_row(self.conversation, row);
            match row.seq {
                Some(seq) if seq >= self.next => {
                    self.known.remove(&key);
                    self.waiting.insert(seq, (key, line));
                }
                seq => {
                    let place = seq.unwrap_or(u64::MAX);
                    let before = self.known.insert(key, (place, line.clone()));
                    if before.is_some_and(|(_, before)| before != line) {
                        self.changed.push(line);
                    }
                }
            }
        }
    }

    /// What is to be printed now: up to the next gap, and not beyond a message whose sender has no
    /// name yet. `all` when nothing more is on its way that could fill either.
    pub(crate) fn ready(&mut self, all: bool) -> Vec<Line> {
        let mut ready = std::mem::take(&mut self.changed);
        let gap = self.gaps.values().copied().filter(|first| *first >= self.next).min();
        while let Some(entry) = self.waiting.first_entry() {
            let seq = *entry.key();
            let held = gap.is_some_and(|gap| gap < seq) || entry.get().1.lacks_a_name();
            if held && !all {
                break;
            }
            let (key, line) = entry.remove();
            self.known.insert(key, (seq, line.clone()));
            self.next = seq + 1;
            ready.push(line);
        }
        if self.known.len() > 2 * KNOWN {
            let oldest = self.next.saturating_sub(KNOWN as u64);
            self.known.retain(|_, (place, _)| *place >= oldest);
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::view::{MessageView, PersonView, Progress};

    /// A conversation, and somebody in it.
    const ID: &str = "0190a0b0-0000-7000-8000-000000000001";

    fn following(next: u64) -> Follow {
        Follow::new(ID.parse().unwrap(), next)
    }

    fn row(seq: u64, text: &str) -> Row {
        let sender = PersonView {
            id: ID.parse().unwrap(),
            name: "ada".into(),
            display_name: "Ada".into(),
            about: String::new(),
            online: false,
        };
        let body = RowBody::Message(MessageView {
            sender,
            mine: false,
            text: text.into(),
            blocks: vec![],
            edited: false,
            deleted: false,
            pinned: false,
            reply: None,
            reactions: vec![],
            progress: None,
            error: None,
            queued: false,
        });
        Row { key: format!("m{seq}"), seq: Some(seq), at: 0, body }
    }

    fn gap(first: u64, last: u64) -> Row {
        let body = RowBody::Gap { missing: last - first + 1 };
        Row { key: format!("gap-{first}"), seq: None, at: 0, body }
    }

    fn with(mut row: Row, change: impl FnOnce(&mut MessageView)) -> Row {
        if let RowBody::Message(message) = &mut row.body {
            change(message);
        }
        row
    }

    fn seqs(lines: &[Line]) -> Vec<u64> {
        let seq = |line: &Line| serde_json::to_value(line).unwrap()["seq"].as_u64().unwrap();
        lines.iter().map(seq).collect()
    }

    #[test]
    fn rows_before_the_beginning_are_printed_only_when_they_change() {
        let mut follow = following(3);
        follow.take(&[row(1, "a"), row(2, "b"), row(3, "c")], &[]);
        assert_eq!(seqs(&follow.ready(false)), [3]);
        follow.take(&[row(2, "b"), with(row(1, "a"), |m| m.edited = true)], &[]);
        assert_eq!(seqs(&follow.ready(false)), [1]);
        follow.take(&[with(row(3, "c"), |m| m.deleted = true)], &[]);
        assert_eq!(seqs(&follow.ready(false)), [3]);
        assert!(follow.ready(true).is_empty());
    }

    #[test]
    fn what_lies_behind_a_gap_waits_until_it_is_filled() {
        let mut follow = following(5);
        follow.take(&[gap(1, 2), row(3, "old"), gap(6, 8), row(9, "new")], &[]);
        assert!(follow.ready(false).is_empty());
        follow.take(&[row(8, "h")], &[]);
        assert!(follow.ready(false).is_empty(), "the gap has become smaller and is still there");
        follow.take(&[row(6, "f"), row(7, "g")], &["gap-6".into()]);
        assert_eq!(seqs(&follow.ready(false)), [6, 7, 8, 9]);
    }

    #[test]
    fn a_gap_that_nobody_can_fill_holds_nothing_up_for_ever() {
        let mut follow = following(1);
        follow.take(&[gap(1, 8), row(9, "new")], &[]);
        assert!(follow.ready(false).is_empty());
        assert_eq!(seqs(&follow.ready(true)), [9]);
        follow.take(&[row(10, "more")], &[]);
        assert_eq!(seqs(&follow.ready(false)), [10]);
    }

    #[test]
    fn a_message_waits_for_its_senders_name() {
        let mut follow = following(1);
        follow.take(&[with(row(1, "a"), |m| m.sender.name.clear()), row(2, "b")], &[]);
        assert!(follow.ready(false).is_empty());
        follow.take(&[row(1, "a")], &[]);
        assert_eq!(seqs(&follow.ready(false)), [1, 2]);
    }

    #[test]
    fn a_queued_message_is_printed_when_it_is_stored_and_when_it_comes_further() {
        let mut follow = following(1);
        let own = |seq, progress| {
            let mut row = with(row(1, "a"), |m| m.progress = Some(progress));
            row.seq = seq;
            row
        };
        follow.take(&[own(None, Progress::Sending)], &[]);
        assert!(follow.ready(true).is_empty());
        for progress in [Progress::Sent, Progress::Delivered, Progress::Read] {
            follow.take(&[own(Some(1), progress)], &[]);
            assert_eq!(seqs(&follow.ready(false)), [1]);
        }
    }
}
