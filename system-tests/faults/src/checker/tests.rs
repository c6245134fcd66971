//! The checker's own test: what happens where all is well is no finding, and each way of going wrong is
//! found as what it is.

use proptest::prelude::*;
use protocol::{ClientRef, Code, ConversationId, UserId};
use uuid::Uuid;

use super::{Kind, check};
use crate::history::{Fact, Line, What};

const ROOM: ConversationId = ConversationId(Uuid::from_u128(1));

fn user(n: usize) -> UserId {
    UserId(Uuid::from_u128(100 + n as u128))
}

fn client_ref(n: u64) -> ClientRef {
    ClientRef(Uuid::from_u128(1_000 + u128::from(n)))
}

/// What one of three people does in a group; the third is the one who comes and goes.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Says(usize),
    /// Something that is rejected.
    SaysWrong(usize),
    Turns,
    Reads(usize),
    Marks(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (0..3_usize).prop_map(Deed::Says),
        1 => (0..3_usize).prop_map(Deed::SaysWrong),
        1 => Just(Deed::Turns),
        2 => (0..3_usize).prop_map(Deed::Reads),
        2 => (0..3_usize).prop_map(Deed::Marks),
    ]
}

/// A history in which all is well.
#[derive(Default)]
struct Well {
    lines: Vec<What>,
    events: Vec<(Fact, Option<String>)>,
    /// Whether the third is in it.
    there: bool,
    marks: [u64; 3],
    sent: u64,
}

impl Well {
    fn of(deeds: &[Deed]) -> Vec<Line> {
        let mut well = Self::default();
        well.sends(0, None, vec![user(0), user(1), user(2)], None);
        well.there = true;
        // Something of everybody, and everything that can be made wrong.
        let usual = [Deed::Says(0), Deed::Says(1), Deed::SaysWrong(1), Deed::Says(0), Deed::Turns];
        let last = [Deed::Says(1), Deed::Marks(0), Deed::Says(0), Deed::Marks(0), Deed::Reads(0)];
        usual.iter().chain(deeds).chain(&last).for_each(|deed| well.does(*deed));
        well.ends();
        number(well.lines)
    }

    fn does(&mut self, deed: Deed) {
        match deed {
            Deed::Says(2) | Deed::Marks(2) | Deed::Reads(2) if !self.there => {}
            Deed::Says(who) => {
                let text = format!("text {}", self.sent);
                self.sends(who, Some(text), Vec::new(), None);
            }
            Deed::SaysWrong(who) => {
                let client_ref = self.goes_out(who, Some("wrong".into()));
                self.lines.push(What::Rejected { room: ROOM, client_ref, code: Code::NotAMember });
            }
            Deed::Turns => {
                let (joined, left) =
                    if self.there { (vec![], Some(user(2))) } else { (vec![user(2)], None) };
                self.there = left.is_none();
                self.sends(0, None, joined, left);
            }
            Deed::Reads(who) => {
                let (since, to) = (self.lines.len() as u64, self.events.len() as u64);
                let facts = self.events.iter().map(|(fact, _)| fact.clone());
                let facts: Vec<Fact> = facts.filter(|fact| self.may(who, fact.seq)).collect();
                let closed = (1..=to).filter(|seq| !self.may(who, *seq)).map(|seq| (seq, seq));
                let closed = closed.collect();
                let (by, room) = (user(who), ROOM);
                let read = What::Read { by, room, since, from: 1, to, asked: to, facts, closed };
                self.lines.push(read);
            }
            Deed::Marks(who) => {
                let (since, to) = (self.lines.len() as u64, self.events.len() as u64);
                self.marks[who] = to;
                let (by, room, delivered, read) = (user(who), ROOM, to, to);
                self.lines.push(What::MarkStored { by, room, since, delivered, read });
                for other in 0..3 {
                    let (by, user) = (user(other), user(who));
                    self.lines.push(What::Marked { by, room, user, delivered, read });
                }
            }
        }
    }

    fn goes_out(&mut self, who: usize, text: Option<String>) -> ClientRef {
        self.sent += 1;
        let client_ref = client_ref(self.sent);
        self.lines.push(What::Sent { room: ROOM, sender: user(who), client_ref, text });
        client_ref
    }

    fn sends(
        &mut self,
        who: usize,
        text: Option<String>,
        joined: Vec<UserId>,
        left: Option<UserId>,
    ) {
        let client_ref = self.goes_out(who, text.clone());
        let seq = self.events.len() as u64 + 1;
        let fact = Fact { seq, client_ref, sender: user(who), joined, left };
        self.events.push((fact.clone(), text));
        let may: Vec<usize> = (0..3).filter(|n| self.may(*n, seq)).collect();
        for n in may {
            self.lines.push(What::Seen { by: user(n), room: ROOM, fact: fact.clone() });
        }
    }

    /// Whether somebody may see an event.
    fn may(&self, who: usize, seq: u64) -> bool {
        let mut periods = super::Periods::default();
        self.events.iter().for_each(|(fact, _)| periods.follow(fact));
        periods.cover(user(who), seq)
    }

    fn ends(&mut self) {
        for (fact, text) in self.events.clone() {
            self.lines.push(What::Stored { room: ROOM, fact, text });
        }
        for (n, to) in self.marks.into_iter().enumerate() {
            let (room, user, delivered, read) = (ROOM, user(n), to, to);
            self.lines.push(What::StoredMarks { room, user, delivered, read });
        }
    }
}

fn number(lines: Vec<What>) -> Vec<Line> {
    (0..).zip(lines).map(|(n, what)| Line { n, ms: n, what }).collect()
}

/// A way to go wrong.
type Corruption = (&'static str, Kind, fn(&mut Vec<What>, usize));

/// The `n`th of those lines, counted around.
fn nth(lines: &[What], n: usize, wanted: impl Fn(&What) -> bool) -> usize {
    let all: Vec<usize> = (0..lines.len()).filter(|at| wanted(&lines[*at])).collect();
    all[n % all.len()]
}

fn is_stored(what: &What) -> bool {
    matches!(what, What::Stored { .. })
}

fn seen_by(what: &What, who: usize) -> bool {
    matches!(what, What::Seen { by, .. } if *by == user(who))
}

const CORRUPTIONS: &[Corruption] = &[
    ("an event is gone in the end", Kind::Lost, |lines, n| {
        lines.remove(nth(lines, n, is_stored));
    }),
    ("the last events are gone in the end", Kind::Lost, |lines, _| {
        let last = lines.iter().rposition(is_stored).unwrap();
        lines.remove(last);
    }),
    ("another text is stored", Kind::Lost, |lines, n| {
        let at = nth(lines, n, |what| matches!(what, What::Stored { text: Some(_), .. }));
        let What::Stored { text, .. } = &mut lines[at] else { unreachable!() };
        *text = Some("another".into());
    }),
    ("a command is never answered", Kind::Lost, |lines, _| {
        let (room, sender, text) = (ROOM, user(1), Some("lost".into()));
        lines.insert(0, What::Sent { room, sender, client_ref: client_ref(9_999), text });
    }),
    ("a read lacks what was told before", Kind::Lost, |lines, n| {
        let at = nth(lines, n, |what| matches!(what, What::Read { by, .. } if *by == user(0)));
        let What::Read { facts, .. } = &mut lines[at] else { unreachable!() };
        facts.pop();
    }),
    ("one ref is stored twice", Kind::Duplicate, |lines, n| {
        let at = nth(lines, n, is_stored);
        let mut again = lines[at].clone();
        let count = lines.iter().filter(|what| is_stored(what)).count() as u64;
        let What::Stored { fact, .. } = &mut again else { unreachable!() };
        fact.seq = count + 1;
        let last = lines.iter().rposition(is_stored).unwrap();
        lines.insert(last + 1, again);
    }),
    ("one ref is told with two seqs", Kind::Duplicate, |lines, n| {
        let at = nth(lines, n, |what| seen_by(what, 1));
        let mut again = lines[at].clone();
        let What::Seen { fact, .. } = &mut again else { unreachable!() };
        fact.seq += 500;
        lines.insert(at + 1, again);
    }),
    ("two see another event at one seq", Kind::Order, |lines, n| {
        let at = nth(lines, n, |what| seen_by(what, 1));
        let What::Seen { fact, .. } = &mut lines[at] else { unreachable!() };
        fact.client_ref = client_ref(8_888);
    }),
    ("a sender's own order is turned around", Kind::Order, |lines, _| {
        // The sender's first two, in each place.
        let of = |lines: &[What]| -> Vec<usize> {
            let own = |what: &What| matches!(what, What::Sent { sender, .. } if *sender == user(0));
            (0..lines.len()).filter(|at| own(&lines[*at])).collect()
        };
        let all = of(lines);
        let moved = lines.remove(all[1]);
        lines.insert(all[2], moved);
    }),
    ("something rejected is told", Kind::Aborted, |lines, n| {
        let at = nth(lines, n, |what| seen_by(what, 1));
        let What::Seen { room, fact, .. } = lines[at].clone() else { unreachable!() };
        let (client_ref, code) = (fact.client_ref, Code::NotAMember);
        lines.insert(at, What::Rejected { room, client_ref, code });
    }),
    ("something that nobody has sent is stored", Kind::Aborted, |lines, n| {
        let at = nth(lines, n, is_stored);
        let What::Stored { fact, .. } = &mut lines[at] else { unreachable!() };
        fact.client_ref = client_ref(7_777);
    }),
    ("a stranger is told", Kind::Membership, |lines, n| {
        let at = nth(lines, n, |what| seen_by(what, 0));
        let What::Seen { by, .. } = &mut lines[at] else { unreachable!() };
        *by = user(7);
    }),
    ("a stranger reads", Kind::Membership, |lines, n| {
        let at =
            nth(lines, n, |what| matches!(what, What::Read { facts, .. } if !facts.is_empty()));
        let What::Read { by, .. } = &mut lines[at] else { unreachable!() };
        *by = user(7);
    }),
    ("a member is never told", Kind::Membership, |lines, n| {
        let at = nth(lines, n, |what| seen_by(what, 1));
        let What::Seen { fact: missed, .. } = lines[at].clone() else { unreachable!() };
        lines.retain_mut(|what| match what {
            What::Seen { by, fact, .. } => *by != user(1) || *fact != missed,
            What::Read { by, facts, closed, .. } if *by == user(1) => {
                facts.retain(|fact| *fact != missed);
                closed.push((missed.seq, missed.seq));
                true
            }
            _ => true,
        });
    }),
    ("a marker shrinks", Kind::Markers, |lines, _| {
        let stored = |what: &What| matches!(what, What::MarkStored { by, .. } if *by == user(0));
        let at = lines.iter().rposition(stored).unwrap();
        let What::MarkStored { delivered, read, .. } = &mut lines[at] else { unreachable!() };
        (*delivered, *read) = (0, 0);
    }),
    ("a marker goes beyond everything", Kind::Markers, |lines, n| {
        let at = nth(lines, n, |what| matches!(what, What::Marked { .. }));
        let What::Marked { delivered, .. } = &mut lines[at] else { unreachable!() };
        *delivered = 100_000;
    }),
    ("somebody has another marker in the end", Kind::Markers, |lines, _| {
        let wanted =
            |what: &What| matches!(what, What::StoredMarks { user: of, .. } if *of == user(0));
        let at = lines.iter().rposition(wanted).unwrap();
        let What::StoredMarks { delivered, .. } = &mut lines[at] else { unreachable!() };
        *delivered -= 1;
    }),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_history_in_which_all_is_well_has_no_violation(deeds in prop::collection::vec(deed(), 0..60)) {
        prop_assert_eq!(check(Well::of(&deeds)), []);
    }

    #[test]
    fn any_single_corruption_is_found_as_what_it_is(
        deeds in prop::collection::vec(deed(), 0..40),
        n in any::<usize>(),
    ) {
        for (what, kind, corrupt) in CORRUPTIONS {
            let mut lines = Well::of(&deeds).into_iter().map(|line| line.what).collect();
            corrupt(&mut lines, n);
            let found = check(number(lines));
            let kinds: Vec<Kind> = found.iter().map(|violation| violation.kind).collect();
            prop_assert!(kinds.contains(kind), "{}: {:?}", what, found);
        }
    }
}

#[test]
fn each_kind_of_violation_has_a_corruption() {
    use Kind::{Aborted, Duplicate, Lost, Markers, Membership, Order};
    for kind in [Lost, Duplicate, Order, Aborted, Membership, Markers] {
        assert!(CORRUPTIONS.iter().any(|(_, of, _)| *of == kind), "{kind:?}");
    }
}

#[test]
fn who_left_may_read_without_what_came_later() {
    let deeds = [Deed::Reads(2), Deed::Says(1), Deed::Turns, Deed::Says(0), Deed::Reads(1)];
    assert_eq!(check(Well::of(&deeds)), []);
}
