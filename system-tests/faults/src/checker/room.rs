//! What is known of one room, and what does not agree in it.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{ClientRef, UserId};

use super::{ENOUGH, Kind, Periods};
use crate::history::{Fact, What};

#[derive(Default)]
pub(super) struct Room {
    direct: Option<[UserId; 2]>,
    sent: BTreeMap<ClientRef, Sent>,
    /// How many were sent by each.
    counts: BTreeMap<UserId, usize>,
    rejected: BTreeSet<ClientRef>,
    /// What anybody was told: the ref at each seq and the number of the line at which it was first
    /// told; the seq of each ref.
    told: BTreeMap<u64, (ClientRef, u64)>,
    seqs: BTreeMap<ClientRef, u64>,
    /// Who was told of which seqs.
    seen: BTreeMap<UserId, BTreeSet<u64>>,
    /// What somebody did not find in a read, though it had been told before; with the read's line.
    lacks: Vec<(UserId, u64, u64)>,
    stored: Vec<(Fact, Option<String>)>,
    marks: Marks,
    wrong: Vec<(Kind, String)>,
}

struct Sent {
    sender: UserId,
    /// How many the sender had sent here before.
    place: usize,
    text: Option<String>,
}

/// Somebody's markers: delivered and read.
type Place = (u64, u64);

#[derive(Default)]
struct Marks {
    /// The answers to each person's marks, each with its line, and never lower than one before.
    answers: BTreeMap<UserId, Vec<(u64, Place)>>,
    /// The highest that each was told of each.
    told: BTreeMap<(UserId, UserId), (u64, u64)>,
    stored: BTreeMap<UserId, (u64, u64)>,
}

impl Room {
    pub(super) fn take(&mut self, n: u64, what: What) {
        match what {
            What::Direct { people, .. } => self.direct = Some(people),
            What::Sent { sender, client_ref, text, .. } => {
                let count = self.counts.entry(sender).or_default();
                self.sent.insert(client_ref, Sent { sender, place: *count, text });
                *count += 1;
            }
            What::Rejected { client_ref, .. } => {
                self.rejected.insert(client_ref);
            }
            What::Seen { by, fact, .. } => self.see(n, by, &fact),
            What::Read { by, since, from, asked, facts, closed, .. } => {
                for fact in &facts {
                    self.see(n, by, fact);
                }
                let open = |seq: u64| !closed.iter().any(|(a, b)| (*a..=*b).contains(&seq));
                let there: BTreeSet<u64> = facts.iter().map(|fact| fact.seq).collect();
                // An answer may begin later than asked, and ends earlier only where the room does.
                let known = self.told.range(from..=asked.max(from));
                let lacks = known
                    .filter(|(seq, (_, at))| *at < since && !there.contains(seq) && open(**seq));
                self.lacks.extend(lacks.map(|(seq, _)| (by, *seq, n)));
            }
            What::MarkStored { by, since, delivered, read, .. } => {
                self.mark_stored(n, by, since, (delivered, read));
            }
            What::Marked { by, user, delivered, read, .. } => {
                self.bound_mark(user, delivered.max(read));
                self.marks.tell(by, user, (delivered, read));
            }
            What::Stored { fact, text, .. } => self.stored.push((fact, text)),
            What::StoredMarks { user, delivered, read, .. } => {
                self.marks.stored.insert(user, (delivered, read));
            }
            What::Act { .. } => {}
        }
    }

    fn see(&mut self, n: u64, by: UserId, fact: &Fact) {
        let (seq, client_ref) = (fact.seq, fact.client_ref);
        let (before, _) = *self.told.entry(seq).or_insert((client_ref, n));
        if before != client_ref {
            self.find(Kind::Order, format!("{seq} is {before} to one and {client_ref} to another"));
        }
        let before = *self.seqs.entry(client_ref).or_insert(seq);
        if before != seq {
            self.find(Kind::Duplicate, format!("{client_ref} is told as {before} and as {seq}"));
        }
        self.seen.entry(by).or_default().insert(seq);
    }

    fn mark_stored(&mut self, n: u64, by: UserId, since: u64, to: (u64, u64)) {
        self.bound_mark(by, to.0.max(to.1));
        let answers = self.marks.answers.entry(by).or_default();
        let before = answers[..answers.partition_point(|(at, _)| *at < since)].last().copied();
        let highest = answers.last().map_or(to, |(_, last)| max(*last, to));
        answers.push((n, highest));
        if let Some((_, before)) = before.filter(|(_, before)| max(*before, to) != to) {
            self.find(Kind::Markers, format!("those of {by} were {before:?} and then {to:?}"));
        }
        self.marks.tell(by, by, to);
    }

    /// Nobody can have more than was ever sent.
    fn bound_mark(&mut self, user: UserId, to: u64) {
        let sent = self.sent.len() as u64;
        if to > sent {
            self.find(Kind::Markers, format!("{user} is at {to} when {sent} had been sent"));
        }
    }

    /// Everything that is wrong.
    pub(super) fn end(mut self) -> Vec<(Kind, String)> {
        let stored = self.stored.len() as u64;
        let periods = self.judge_stored();
        self.judge_told();
        self.judge_members(&periods, stored);
        self.judge_marks(&periods);
        self.wrong
    }

    /// What is stored: once each, in the order of each sender, as it was sent and told.
    fn judge_stored(&mut self) -> Periods {
        let mut periods = self.direct.map_or_else(Periods::default, Periods::direct);
        let mut places: BTreeMap<ClientRef, u64> = BTreeMap::new();
        let mut last: BTreeMap<UserId, usize> = BTreeMap::new();
        for (expected, (fact, text)) in (1..).zip(std::mem::take(&mut self.stored)) {
            periods.follow(&fact);
            let Fact { seq, client_ref, sender, .. } = fact;
            if seq != expected {
                self.find(Kind::Lost, format!("{seq} is stored where {expected} should be"));
            }
            if let Some(before) = places.insert(client_ref, seq) {
                self.find(Kind::Duplicate, format!("{client_ref} is stored as {before} and {seq}"));
            }
            match self.told.get(&seq) {
                Some((told, _)) if *told != client_ref => {
                    let told = *told;
                    self.find(
                        Kind::Order,
                        format!("{seq} was told as {told}, stored as {client_ref}"),
                    );
                }
                _ => {}
            }
            let Some(sent) = self.sent.get(&client_ref) else {
                self.find(Kind::Aborted, format!("{seq} is {client_ref}, which nobody has sent"));
                continue;
            };
            let (place, as_sent) = (sent.place, sent.sender == sender && sent.text == text);
            if !as_sent {
                self.find(Kind::Lost, format!("{seq} is not stored as it was sent: {text:?}"));
            }
            if last.insert(sender, place).is_some_and(|before| before >= place) {
                self.find(Kind::Order, format!("{seq} is stored behind what {sender} sent later"));
            }
        }
        let lost = |seq: &u64, client_ref: &ClientRef| places.get(client_ref) != Some(seq);
        let missing: Vec<(ClientRef, u64)> = self
            .seqs
            .iter()
            .filter(|(client_ref, seq)| lost(seq, client_ref) && !places.contains_key(client_ref))
            .map(|(client_ref, seq)| (*client_ref, *seq))
            .collect();
        for (client_ref, seq) in missing {
            self.find(Kind::Lost, format!("{seq}, {client_ref}, was told and is not stored"));
        }
        let unanswered: Vec<ClientRef> = self
            .sent
            .keys()
            .filter(|of| !places.contains_key(of) && !self.rejected.contains(of))
            .copied()
            .collect();
        for client_ref in unanswered {
            self.find(Kind::Lost, format!("{client_ref} was sent and never answered"));
        }
        let aborted: Vec<ClientRef> =
            self.rejected.iter().filter(|of| places.contains_key(of)).copied().collect();
        for client_ref in aborted {
            self.find(Kind::Aborted, format!("{client_ref} was rejected and is stored"));
        }
        periods
    }

    fn judge_told(&mut self) {
        let seqs = std::mem::take(&mut self.seqs);
        for (client_ref, seq) in &seqs {
            if self.rejected.contains(client_ref) {
                let what = format!("{client_ref} was rejected and is told as {seq}");
                self.find(Kind::Aborted, what);
            } else if !self.sent.contains_key(client_ref) {
                self.find(Kind::Aborted, format!("{client_ref} is told, and nobody has sent it"));
            }
        }
    }

    /// Everybody was told of what their membership covers, and of nothing else.
    fn judge_members(&mut self, periods: &Periods, stored: u64) {
        for (user, seq, n) in std::mem::take(&mut self.lacks) {
            // Who left does not get what came later.
            if periods.cover(user, seq) {
                self.find(Kind::Lost, format!("{seq} was told before the read at line {n} began"));
            }
        }
        let seen = std::mem::take(&mut self.seen);
        for (user, seqs) in &seen {
            if let Some(seq) = seqs.iter().find(|seq| !periods.cover(*user, **seq)) {
                self.find(Kind::Membership, format!("{user} was told of {seq} and may not be"));
            }
        }
        for user in periods.people() {
            let none = BTreeSet::new();
            let seqs = seen.get(&user).unwrap_or(&none);
            let missed = (1..=stored).find(|seq| periods.cover(user, *seq) && !seqs.contains(seq));
            if let Some(seq) = missed {
                self.find(Kind::Membership, format!("{user} was never told of {seq}"));
            }
        }
    }

    /// What is stored in the end is what everybody in the room was told.
    fn judge_marks(&mut self, periods: &Periods) {
        let members: BTreeMap<UserId, u64> = periods.current().collect();
        for (&user, &stored) in &std::mem::take(&mut self.marks.stored) {
            let answered = self.marks.answers.get(&user).and_then(|all| all.last().copied());
            if let Some((_, answered)) = answered.filter(|(_, last)| max(*last, stored) != stored) {
                let what = format!("those of {user} were {answered:?} and are {stored:?}");
                self.find(Kind::Markers, what);
            }
            let Some(joined) = members.get(&user) else { continue };
            for observer in members.keys() {
                let told = self.marks.told.get(&(*observer, user)).copied().unwrap_or_default();
                if effective(told, *joined) != effective(stored, *joined) {
                    let what = format!("{observer} has {told:?} for {user}, who is at {stored:?}");
                    self.find(Kind::Markers, what);
                }
            }
        }
    }

    fn find(&mut self, kind: Kind, what: String) {
        if self.wrong.iter().filter(|(of, _)| *of == kind).count() < ENOUGH {
            self.wrong.push((kind, what));
        }
    }
}

impl Marks {
    fn tell(&mut self, by: UserId, user: UserId, to: (u64, u64)) {
        let place = self.told.entry((by, user)).or_default();
        *place = max(*place, to);
    }
}

fn max(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0.max(b.0), a.1.max(b.1))
}

/// Who joined has what was before, and what is read is delivered.
fn effective((delivered, read): (u64, u64), joined: u64) -> (u64, u64) {
    (delivered.max(read).max(joined), read.max(joined))
}
