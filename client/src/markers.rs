//! One's own markers on their way to the server: kept until they are answered, sent at most four
//! times a second per conversation. Pure; they are stored beside the outbox.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::ConversationId;
use protocol::frame::Mark;
use tokio::time::Instant;

use crate::outbox::RESEND_AFTER;

/// Between two marks for one conversation.
const PAUSE: Duration = Duration::from_millis(250);

/// The markers that no server has answered.
#[derive(Default)]
pub struct Marks {
    waiting: BTreeMap<ConversationId, Waiting>,
    /// When a conversation's last mark went, for as long as that holds the next one back.
    sent: BTreeMap<ConversationId, Instant>,
}

#[derive(Clone, Copy)]
struct Waiting {
    delivered: u64,
    read: u64,
    out: Option<Out>,
}

#[derive(Clone, Copy)]
struct Out {
    connection: u64,
    at: Instant,
    delivered: u64,
    read: u64,
}

impl Marks {
    /// Those that were stored.
    #[must_use]
    pub fn new(stored: BTreeMap<ConversationId, (u64, u64)>) -> Self {
        let waiting = stored
            .into_iter()
            .map(|(id, (delivered, read))| (id, Waiting { delivered, read, out: None }))
            .collect();
        Self { waiting, sent: BTreeMap::new() }
    }

    /// Move a marker. Gives the values to store when that changed something.
    pub fn raise(&mut self, of: ConversationId, delivered: u64, read: u64) -> Option<(u64, u64)> {
        let waiting =
            self.waiting.entry(of).or_insert(Waiting { delivered: 0, read: 0, out: None });
        let new = (waiting.delivered.max(delivered), waiting.read.max(read));
        if new == (waiting.delivered, waiting.read) {
            return None;
        }
        (waiting.delivered, waiting.read) = new;
        Some(new)
    }

    /// The server has stored these values. `true` when nothing is left to send.
    pub fn answered(&mut self, of: ConversationId, delivered: u64, read: u64) -> bool {
        // What is read counts as delivered.
        let done = self.waiting.get(&of).is_some_and(|waiting| {
            delivered.max(read) >= waiting.delivered && read >= waiting.read
        });
        if done {
            self.waiting.remove(&of);
        }
        done
    }

    /// The server refuses markers for this conversation.
    pub fn forget(&mut self, of: ConversationId) {
        self.waiting.remove(&of);
    }

    /// Whether all were answered.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The marks to send now.
    pub fn due(&mut self, connection: u64, now: Instant) -> Vec<Mark> {
        self.sent.retain(|_, &mut at| now < at + PAUSE);
        let mut marks = Vec::new();
        for (&conversation, waiting) in &mut self.waiting {
            if waiting.due_at(self.sent.get(&conversation), connection, now) > now {
                continue;
            }
            let Waiting { delivered, read, .. } = *waiting;
            waiting.out = Some(Out { connection, at: now, delivered, read });
            self.sent.insert(conversation, now);
            marks.push(Mark { conversation, delivered, read });
        }
        marks
    }

    /// When [`Marks::due`] will next have something.
    #[must_use]
    pub fn next_due(&self, connection: u64, now: Instant) -> Option<Instant> {
        let all = self.waiting.iter();
        all.map(|(id, waiting)| waiting.due_at(self.sent.get(id), connection, now)).min()
    }
}

impl Waiting {
    fn due_at(&self, sent: Option<&Instant>, connection: u64, now: Instant) -> Instant {
        let free = sent.map_or(now, |&at| at + PAUSE);
        match self.out {
            Some(out)
                if out.connection == connection
                    && (out.delivered, out.read) == (self.delivered, self.read) =>
            {
                free.max(out.at + RESEND_AFTER)
            }
            _ => free,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: ConversationId = ConversationId(uuid::Uuid::from_u128(1));

    fn values(marks: &[Mark]) -> Vec<(u64, u64)> {
        marks.iter().map(|m| (m.delivered, m.read)).collect()
    }

    #[test]
    fn a_marker_is_sent_again_until_it_is_answered() {
        let now = Instant::now();
        let mut marks = Marks::default();
        assert_eq!(marks.raise(ROOM, 5, 0), Some((5, 0)));
        assert_eq!(marks.raise(ROOM, 4, 0), None);
        assert_eq!(values(&marks.due(1, now)), [(5, 0)]);
        assert!(marks.due(1, now + Duration::from_secs(9)).is_empty());
        assert_eq!(marks.next_due(1, now), Some(now + RESEND_AFTER));
        assert_eq!(values(&marks.due(1, now + RESEND_AFTER)), [(5, 0)]);
        assert_eq!(values(&marks.due(2, now + RESEND_AFTER + PAUSE)), [(5, 0)], "reconnect");
        assert!(!marks.answered(ROOM, 4, 0));
        assert!(marks.answered(ROOM, 5, 0));
        assert!(marks.is_done() && marks.due(2, now + RESEND_AFTER * 9).is_empty());
    }

    #[test]
    fn at_most_four_marks_a_second_go_and_the_last_value_always_does() {
        let now = Instant::now();
        let mut marks = Marks::default();
        let mut sent = Vec::new();
        for n in 0..1000 {
            marks.raise(ROOM, n + 1, 0);
            sent.extend(values(&marks.due(1, now + Duration::from_millis(n))));
            marks.answered(ROOM, n, 0);
        }
        assert_eq!(sent.len(), 4);
        assert_eq!(values(&marks.due(1, now + Duration::from_millis(1000))), [(1000, 0)]);
    }

    #[test]
    fn what_is_read_counts_as_delivered() {
        let mut marks = Marks::new([(ROOM, (5, 9))].into());
        assert!(marks.answered(ROOM, 0, 9));
    }
}
