//! The laws of the fold over generated logs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use proptest::prelude::*;
use protocol::Event;
use server::pipeline::fold;
use server::pipeline::record::Record;
use server::pipeline::state::{State, Touched};
use storage::memory::{Gate, Rows, Step, Verdict};
use storage::{Head, Loaded, Outcome};

use super::generated::{command, config, history, malformed, sizes};
use super::lone::{Lone, fold, store};
use super::records::{Log, START, cut, record, user};
use super::told::{Told, answers};

/// Every record for itself.
const ONE: &[usize] = &[1];

/// Writes down which rows are written.
#[derive(Default)]
struct Watch {
    written: Mutex<Vec<Step>>,
}

#[async_trait]
impl Gate for Watch {
    async fn before_row(&self, step: Step) -> Verdict {
        self.written.lock().push(step);
        Verdict::Go
    }
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn the_fold_is_deterministic(log in history(24), sizes in sizes()) {
        let batches = cut(&log, &sizes);
        prop_assert_eq!(fold(&batches), fold(&batches));
    }

    /// In one batch, in any cuts, and with everything forgotten between any two of them.
    #[test]
    fn the_fold_of_a_log_does_not_depend_on_how_it_is_cut(
        log in history(32),
        sizes in sizes(),
        crashes in prop::collection::vec(any::<bool>(), 1..8),
    ) {
        let whole = fold(std::slice::from_ref(&log));
        let each = fold(&cut(&log, ONE));
        prop_assert_eq!(&whole, &each);
        let mut lone = Lone::new();
        let mut told = Vec::new();
        for (batch, crash) in cut(&log, &sizes).iter().zip(crashes.iter().cycle()) {
            told.extend(lone.process(batch));
            if *crash {
                lone.forget();
            }
        }
        prop_assert_eq!(whole, (lone.rows(), told));
    }

    /// Whoever begins at any earlier position writes the same rows and gives the same answers.
    #[test]
    fn a_replay_changes_nothing_and_answers_again(
        log in history(32),
        from in any::<prop::sample::Index>(),
        sizes in sizes(),
    ) {
        let (store, committed) = store();
        let mut lone = Lone::over(store, committed);
        let first: Vec<Vec<Told>> =
            cut(&log, ONE).iter().map(|batch| lone.process(batch)).collect();
        let rows = lone.rows();
        let from = from.index(log.len());
        lone.forget();
        let again: Vec<Told> =
            cut(&log[from..], &sizes).iter().flat_map(|batch| lone.process(batch)).collect();
        prop_assert_eq!(rows, lone.rows());
        prop_assert_eq!(answers(&first[from..].concat()), answers(&again));
    }

    /// A prefix is stored, and whoever comes next begins anywhere before its end.
    #[test]
    fn a_successor_that_begins_too_early_goes_on_as_if_it_had_not(
        log in history(32),
        cut_at in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(),
        sizes in sizes(),
    ) {
        let at = cut_at.index(log.len());
        let from = from.index(at + 1);
        let mut lone = Lone::new();
        lone.process(&log[..at]);
        lone.forget();
        let mut heard = answers(&fold(&[log[..from].to_vec()]).1);
        for batch in cut(&log[from..], &sizes) {
            heard.extend(answers(&lone.process(&batch)));
        }
        let (rows, whole) = fold(std::slice::from_ref(&log));
        prop_assert_eq!(rows, lone.rows());
        prop_assert_eq!(answers(&whole), heard);
    }

    /// No row is touched by an event that it has seen already, whatever came after it.
    #[test]
    fn an_event_leaves_rows_alone_that_are_not_older(log in history(32)) {
        let (rows, _) = fold(std::slice::from_ref(&log));
        for (position, bytes) in &log {
            let Some(record) = Record::decode(bytes) else { continue };
            for entry in &record.commands {
                let key = (record.conversation, record.sender, entry.client_ref);
                let Outcome::Accepted(seq) = rows.refs[&key].outcome else { continue };
                if rows.refs[&key].position < *position {
                    continue;
                }
                let event = &rows.events[&(record.conversation, seq)].event;
                let (mut state, mut touched) = (state(&rows, key.0), Touched::default());
                let before = state.clone();
                state.apply(event, &record, &entry.command, *position, &mut touched);
                prop_assert_eq!(&touched, &Touched::default());
                prop_assert_eq!(&state, &before);
            }
        }
    }

    #[test]
    fn every_command_is_answered_once_and_its_rows_are_written_once(log in history(32)) {
        let (store, committed) = store();
        let watch = Arc::new(Watch::default());
        let mut lone = Lone::over(store.with_gate(watch.clone()), committed);
        for one in cut(&log, ONE) {
            let before = lone.rows();
            let told = lone.process(&one);
            let written = std::mem::take(&mut *watch.written.lock());
            let cells: BTreeSet<&Step> = written.iter().collect();
            prop_assert_eq!(cells.len(), written.len(), "a cell twice: {:?}", written);
            let record = Record::decode(&one[0].1);
            let asked: Vec<_> = record.iter().flat_map(|record| {
                let key = |client_ref| (record.conversation, record.sender, client_ref);
                record.commands.iter().map(move |entry| key(entry.client_ref))
            }).collect();
            let answered: Vec<_> = answers(&told).into_iter().map(|(key, _)| key).collect();
            prop_assert_eq!(asked, answered);
            prop_assert_eq!(lone.rows().restarts[&0], one[0].0 + 1);
            follows(&before, &lone.rows(), &written);
        }
    }

    /// Also commands that accept and the log's decoder keep out.
    #[test]
    fn the_fold_is_total(
        log in history(24),
        commands in prop::collection::vec(prop_oneof![4 => command(), 1 => malformed()], 1..20),
        who in 1u64..6,
        peer in prop::option::of(1u64..6),
        absent in prop::collection::vec(1u64..6, 0..3),
    ) {
        let (rows, _) = fold(std::slice::from_ref(&log));
        for conversation in rows.heads.keys() {
            let mut state = state(&rows, *conversation);
            let mut record = record(*conversation, who, (0..).zip(commands.iter().cloned()));
            record.peer = peer.map(user);
            record.absent = absent.iter().copied().map(user).collect();
            let mut touched = Touched::default();
            let position = START + log.len() as u64;
            for entry in &record.commands {
                let Ok(kind) = fold::decide(&state, &record, &entry.command) else { continue };
                let seq = state.head.seq + 1;
                let ord = state.head.ord + u64::from(kind.counts());
                let (at, sender, client_ref) = (record.at, record.sender, entry.client_ref);
                let event = Event { seq, ord, at, sender, client_ref, kind };
                state.head = Head { seq, ord, position };
                state.apply(&event, &record, &entry.command, position, &mut touched);
            }
        }
    }
}

/// A conversation with all of its messages, as a lane would hold it.
fn state(rows: &Rows, id: protocol::ConversationId) -> State {
    let mut state = State::new(Loaded {
        head: rows.heads[&id],
        conversation: rows.conversations.get(&id).cloned(),
        members: rows.members.values().filter(|row| row.conversation == id).cloned().collect(),
    });
    for (key, row) in rows.messages.iter().filter(|((of, _), _)| *of == id) {
        state.remember(&rows.events[key], row.clone());
    }
    state
}

/// What holds of the rows after each record, and between them and those before it.
fn follows(before: &Rows, after: &Rows, written: &[Step]) {
    explained(after);
    for (id, head) in &after.heads {
        let last = before.heads.get(id).copied().unwrap_or_default();
        let moved = written.contains(&Step::Head(*id));
        let accepted = written.iter().any(|step| matches!(step, Step::Event(of, _) if of == id));
        assert_eq!(moved, accepted, "a head moves exactly with an accepted event");
        assert_eq!(*head == last, !moved);
        assert!(last.seq <= head.seq);
    }
    for (key, event) in &before.events {
        assert_eq!(after.events.get(key), Some(event), "an event is written once");
    }
    for (key, of) in &before.refs {
        assert_eq!(after.refs.get(key), Some(of), "a dedup row is written once");
    }
}

/// What holds of the rows whenever a reader looks: everything up to the head is there, and no row
/// that is overwritten is ahead of it.
pub(crate) fn explained(rows: &Rows) {
    for (id, head) in &rows.heads {
        let mut ord = 0;
        for seq in 1..=head.seq {
            let row = rows.events.get(&(*id, seq));
            let row = row.unwrap_or_else(|| panic!("{id}: {seq} is missing below {head:?}"));
            ord += u64::from(row.event.kind.counts());
            assert_eq!((row.event.seq, row.event.ord), (seq, ord));
            assert!(row.position <= head.position);
        }
        assert_eq!(ord, head.ord);
        assert_eq!(rows.events[&(*id, head.seq)].position, head.position);
    }
    let reached = |id| rows.heads.get(id).map_or(0, |head| head.position);
    for (id, row) in &rows.conversations {
        assert!(row.position <= reached(id), "ahead of the head: {row:?}");
    }
    for ((id, _), row) in &rows.members {
        assert!(row.position <= reached(id), "ahead of the head: {row:?}");
        let joined = row.periods.iter().flat_map(|p| [Some(p.joined_seq), p.left_seq]).flatten();
        assert!(joined.is_sorted(), "periods follow one another: {row:?}");
    }
    for ((id, seq), row) in &rows.messages {
        assert!(row.position <= reached(id), "ahead of the head: {row:?}");
        assert!(rows.events[&(*id, *seq)].event.kind.counts());
        assert!(row.state.state_seq >= *seq && row.state.state_seq <= rows.heads[id].seq);
    }
}

/// No generated log is of one kind only: most of it is decided, much is accepted, some is rejected.
#[test]
fn generated_logs_are_worth_folding() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::new(config(1));
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..64 {
        let log: Log = history(32).new_tree(&mut runner).unwrap().current();
        let (rows, told) = fold(std::slice::from_ref(&log));
        for row in rows.events.values() {
            let kind = format!("{:?}", row.event.kind);
            let name = kind.split([' ', '{', '(']).next().unwrap_or_default().to_owned();
            *kinds.entry(name).or_default() += 1;
        }
        for (_, answer) in answers(&told) {
            if let super::told::Answer::Rejected(code) = answer {
                *kinds.entry(code.to_string()).or_default() += 1;
            }
        }
    }
    let seldom: Vec<_> = [
        "Message",
        "Edited",
        "Deleted",
        "Reacted",
        "Pinned",
        "Created",
        "Renamed",
        "Added",
        "Removed",
        "Left",
        "RoleChanged",
        "not_a_member",
        "no_message",
        "message_deleted",
        "not_yours",
        "no_change",
        "not_allowed",
        "ref_conflict",
        "already_exists",
        "already_a_member",
        "no_conversation",
        "not_with_yourself",
        "no_person",
        "blocked",
        "last_owner",
        "not_a_group",
    ]
    .into_iter()
    .filter(|name| kinds.get(*name).copied().unwrap_or_default() < 2)
    .collect();
    assert!(seldom.is_empty(), "{seldom:?} of {kinds:?}");
}
