//! What was sent, what was told of it, and what is stored: kept beside the server, and compared with
//! it. Pure. Whatever does not agree is a finding.

use std::collections::BTreeMap;

use protocol::{ClientRef, ConversationId, Event, EventKind, UserId};

use crate::api::History;

/// More findings than these say nothing new.
const ENOUGH: usize = 20;

/// Everything that is known of all conversations.
#[derive(Default)]
pub(crate) struct Book {
    rooms: BTreeMap<ConversationId, Room>,
    findings: Vec<String>,
}

#[derive(Default)]
struct Room {
    /// What was sent, each with its place among all that its sender has sent there.
    sent: BTreeMap<ClientRef, Sent>,
    counts: BTreeMap<UserId, usize>,
    /// What anybody was told: which ref has which seq, both ways.
    seq_of: BTreeMap<ClientRef, u64>,
    ref_at: BTreeMap<u64, ClientRef>,
    /// What is stored, as it was found: `stored[n]` has seq n + 1.
    stored: Vec<ClientRef>,
    stored_as: BTreeMap<ClientRef, u64>,
    /// The place of the last that is stored of each sender.
    last: BTreeMap<UserId, usize>,
}

struct Sent {
    sender: UserId,
    place: usize,
    /// A message's text; `None` for the beginning of a group.
    text: Option<String>,
}

impl Book {
    /// Something is about to be sent for the first time.
    pub(crate) fn send(
        &mut self,
        room: ConversationId,
        sender: UserId,
        client_ref: ClientRef,
        text: Option<&str>,
    ) {
        let room = self.rooms.entry(room).or_default();
        let count = room.counts.entry(sender).or_default();
        let sent = Sent { sender, place: *count, text: text.map(str::to_owned) };
        *count += 1;
        room.sent.insert(client_ref, sent);
    }

    /// Somebody was told of an event: from now on it has to be there, as it was told.
    pub(crate) fn told(&mut self, id: ConversationId, event: &Event) {
        let room = self.rooms.entry(id).or_default();
        let (seq, client_ref) = (event.seq, event.client_ref);
        let mut wrong = Vec::new();
        match room.seq_of.insert(client_ref, seq) {
            Some(before) if before != seq => {
                wrong.push(format!("{client_ref} is told twice, as {before} and as {seq}"));
            }
            _ => {}
        }
        match room.ref_at.insert(seq, client_ref) {
            Some(before) if before != client_ref => {
                wrong.push(format!("{seq} is told to be {before}, and then {client_ref}"));
            }
            _ => {}
        }
        if let Some(stored) = usize::try_from(seq).ok().and_then(|n| room.stored.get(n - 1))
            && *stored != client_ref
        {
            wrong.push(format!("{seq} was stored as {stored} and is told as {client_ref}"));
        }
        self.find(id, wrong);
    }

    /// From where on a conversation has to be read to be compared.
    pub(crate) fn unread_from(&self, id: ConversationId) -> u64 {
        self.rooms.get(&id).map_or(1, |room| room.stored.len() as u64 + 1)
    }

    /// Compare what is stored from there on.
    pub(crate) fn compare(&mut self, id: ConversationId, history: &History) {
        let room = self.rooms.entry(id).or_default();
        let mut wrong = Vec::new();
        let from = room.stored.len() as u64 + 1;
        let states: BTreeMap<u64, Option<&str>> =
            history.states.iter().map(|state| (state.seq, state.text())).collect();
        for (seq, event) in (from..).zip(&history.events) {
            if event.seq != seq {
                wrong.push(format!("{} is stored where {seq} should be", event.seq));
                break;
            }
            wrong.extend(room.judge(event, states.get(&seq).copied().flatten()));
            room.store(event);
        }
        let head = room.stored.len() as u64;
        for (seq, client_ref) in room.ref_at.range(from..) {
            match usize::try_from(seq - 1).ok().and_then(|n| room.stored.get(n)) {
                None => wrong.push(format!("{seq} was told and is lost; the last is {head}")),
                Some(stored) if stored != client_ref => {
                    wrong.push(format!("{seq} was told as {client_ref} and stored as {stored}"));
                }
                Some(_) => {}
            }
        }
        self.find(id, wrong);
    }

    /// Compare the whole of a conversation at the end: it is what it was all the time, and has all
    /// that was sent.
    pub(crate) fn compare_whole(&mut self, id: ConversationId, history: &History) {
        let room = self.rooms.entry(id).or_default();
        let mut wrong = Vec::new();
        let now: Vec<ClientRef> = history.events.iter().map(|event| event.client_ref).collect();
        if now != room.stored {
            wrong.push("what was found after the restarts is not what is there at the end".into());
        }
        if room.stored.len() != room.sent.len() {
            let (sent, stored) = (room.sent.len(), room.stored.len());
            wrong.push(format!("{sent} were sent and {stored} are stored"));
        }
        self.find(id, wrong);
    }

    /// Something else that is not as it should be.
    pub(crate) fn add(&mut self, finding: String) {
        if self.findings.len() < ENOUGH {
            self.findings.push(finding);
        }
    }

    /// What is wrong, so far.
    pub(crate) fn findings(&self) -> &[String] {
        &self.findings
    }

    fn find(&mut self, room: ConversationId, wrong: Vec<String>) {
        wrong.into_iter().for_each(|wrong| self.add(format!("{room}: {wrong}")));
    }
}

impl Room {
    fn store(&mut self, event: &Event) {
        self.stored.push(event.client_ref);
        self.stored_as.insert(event.client_ref, event.seq);
        if let Some(sent) = self.sent.get(&event.client_ref) {
            self.last.insert(sent.sender, sent.place);
        }
    }

    /// An event that is stored next: it was sent, once, in this order and with this text.
    fn judge(&self, event: &Event, text: Option<&str>) -> Vec<String> {
        let Event { seq, client_ref, .. } = event;
        let Some(sent) = self.sent.get(client_ref) else {
            return vec![format!("{seq} is {client_ref}, which nobody has sent")];
        };
        let mut wrong = Vec::new();
        if let Some(before) = self.stored_as.get(client_ref) {
            wrong.push(format!("{client_ref} is stored twice, as {before} and as {seq}"));
        }
        let last = self.last.get(&sent.sender);
        if sent.sender != event.sender || last.map_or(0, |place| place + 1) != sent.place {
            wrong.push(format!("{seq} is number {} of its sender, after {last:?}", sent.place));
        }
        if text != sent.text.as_deref() {
            wrong.push(format!("{seq} says {text:?} and not {:?}", sent.text));
        }
        // The beginning of a group is no message.
        let messages = *seq - u64::from(self.begins_with_a_group(event));
        if event.ord != messages {
            wrong.push(format!("{seq} is message {} and not {messages}", event.ord));
        }
        wrong
    }

    fn begins_with_a_group(&self, event: &Event) -> bool {
        let first = self.stored.first().and_then(|first| self.sent.get(first));
        match first {
            Some(first) => first.text.is_none(),
            None => matches!(event.kind, EventKind::Created { .. }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::MessageState;
    use protocol::model::Text;
    use uuid::Uuid;

    const ROOM: ConversationId = ConversationId(Uuid::from_u128(1));
    const ADA: UserId = UserId(Uuid::from_u128(2));

    fn event(seq: u64, n: u128) -> Event {
        let kind = EventKind::Message { reply_to: None };
        let client_ref = ClientRef(Uuid::from_u128(n));
        Event { seq, ord: seq, at: 0, sender: ADA, client_ref, kind }
    }

    fn state(seq: u64, text: &str) -> MessageState {
        let texts = vec![Text { text: text.into(), at: 0 }];
        MessageState { seq, texts, reactions: vec![], pinned: false, state_seq: seq }
    }

    /// Messages 1, 2, 3 were sent and told as 1, 2, 3; then this is found.
    fn found(stored: &[(u64, u128)]) -> Vec<String> {
        let mut book = Book::default();
        for n in 1..=3 {
            book.send(ROOM, ADA, ClientRef(Uuid::from_u128(n)), Some(&n.to_string()));
            book.told(ROOM, &event(u64::try_from(n).unwrap(), n));
        }
        let events: Vec<Event> = stored.iter().map(|&(seq, n)| event(seq, n)).collect();
        let states = stored.iter().map(|&(seq, n)| state(seq, &n.to_string())).collect();
        let history = History { events, states };
        book.compare(ROOM, &history);
        book.compare_whole(ROOM, &history);
        book.findings().to_vec()
    }

    #[test]
    fn what_agrees_is_no_finding() {
        assert_eq!(found(&[(1, 1), (2, 2), (3, 3)]), Vec::<String>::new());
    }

    #[test]
    fn each_way_of_going_wrong_is_found() {
        for (stored, what) in [
            (&[(1, 1), (2, 2)][..], "is lost"),
            (&[(1, 1), (3, 3)], "where 2 should be"),
            (&[(1, 1), (2, 2), (3, 3), (4, 2)], "is stored twice"),
            (&[(1, 2), (2, 1), (3, 3)], "of its sender"),
            (&[(1, 1), (2, 3), (3, 2)], "was told as"),
            (&[(1, 1), (2, 2), (3, 3), (4, 9)], "nobody has sent"),
        ] {
            let findings = found(stored);
            assert!(findings.iter().any(|finding| finding.contains(what)), "{what}: {findings:?}");
        }
    }

    #[test]
    fn a_ref_that_is_told_with_two_seqs_and_a_seq_that_is_told_with_two_refs_are_found() {
        for (seq, n) in [(2, 1), (1, 2)] {
            let mut book = Book::default();
            book.told(ROOM, &event(1, 1));
            book.told(ROOM, &event(seq, n));
            assert_eq!(book.findings().len(), 1);
        }
    }

    #[test]
    fn another_text_is_found() {
        let mut book = Book::default();
        book.send(ROOM, ADA, ClientRef(Uuid::from_u128(1)), Some("hi"));
        let history = History { events: vec![event(1, 1)], states: vec![state(1, "ho")] };
        book.compare(ROOM, &history);
        assert_eq!(book.findings().len(), 1);
    }
}
