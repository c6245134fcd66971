//! Once and only once: second copies, conflicts, garbage, and what a replay must come to.

use bytes::Bytes;
use protocol::model::Event;
use protocol::{Code, ServerFrame, limits};
use server::pipeline::record::{FOLD_VERSION, Record};
use server::pipeline::sequence::Halt;
use storage::memory::Rows;
use storage::{Batch, FoldStore, MemberRow, Outcome, RefRow};

use super::lone::Lone;
use super::records::{
    START, add, create, delete, edit, group, log, record, reference, remove, reply, say, user,
    users,
};
use super::talk::Talk;
use super::told::{Answer, Told, answers};

/// The rows but for where the partition is to be taken up.
fn rows(talk: &Talk) -> Rows {
    Rows { restarts: Default::default(), ..talk.rows() }
}

#[test]
fn a_second_copy_is_answered_to_its_sender_only_writes_no_row_and_moves_no_head() {
    let mut talk = Talk::group(&[2, 3]);
    let record = talk.record(2, &[say("one")]);
    let first = talk.submit(&record);
    assert_eq!(first[0].to, users(&[1, 2, 3]));
    talk.does(1, say("two")).unwrap();
    let before = rows(&talk);
    let again = talk.submit(&record);
    assert_eq!(again, [Told { to: users(&[2]), frame: first[0].frame.clone() }]);
    assert_eq!(rows(&talk), before);
    assert_eq!(talk.rows().restarts[&0], talk.next, "but the partition goes on after it");
}

#[test]
fn a_second_copy_in_the_same_batch_is_one_too() {
    let once = record(group(1), 1, [(1, create("Engine room", &[2])), (2, say("one"))]);
    let log = log([once.clone(), once]);
    let mut lone = Lone::new();
    let told = lone.process(&log);
    assert_eq!(answers(&told).len(), 4);
    assert_eq!(told[0].to, users(&[1, 2]));
    assert_eq!(told[2].to, users(&[1]));
    assert_eq!(lone.rows().heads[&group(1)].position, START);
}

#[test]
fn a_second_copy_is_answered_with_the_message_as_it_is_now() {
    let mut talk = Talk::direct();
    let record = talk.record(1, &[say("one")]);
    talk.submit(&record);
    talk.does(1, edit(1, "two")).unwrap();
    let again = talk.submit(&record);
    let [Told { frame: ServerFrame::Event(frame), .. }] = &again[..] else {
        panic!("an event: {again:?}")
    };
    assert_eq!(frame.states[0].text(), Some("two"));
    assert_eq!(frame.states[0].state_seq, 2);
}

#[test]
fn new_commands_beside_a_second_copy_are_folded() {
    let mut talk = Talk::direct();
    let first = talk.record(1, &[say("one")]);
    talk.submit(&first);
    let mut second = talk.record(1, &[edit(1, "two"), reply(1, "three")]);
    second.commands.insert(1, first.commands[0].clone());
    assert_eq!(talk.answers(&second), [Ok(2), Ok(1), Ok(3)]);
}

#[test]
fn a_rejection_is_stored_and_answered_again_also_when_it_would_be_accepted_now() {
    let mut talk = Talk::group(&[]);
    let record = talk.record(2, &[say("let me in")]);
    assert_eq!(talk.answers(&record), [Err(Code::NotAMember)]);
    let stored = talk.rows().refs[&(talk.id, user(2), record.commands[0].client_ref)].clone();
    assert_eq!(stored.outcome, Outcome::Rejected(Code::NotAMember));
    talk.does(1, add(&[2])).unwrap();
    let before = rows(&talk);
    assert_eq!(talk.answers(&record), [Err(Code::NotAMember)]);
    assert_eq!(rows(&talk), before);
    assert_eq!(talk.does(2, say("let me in")), Ok(3), "under a new ref");
}

#[test]
fn who_was_removed_is_still_answered_what_their_command_became() {
    let mut talk = Talk::group(&[2]);
    let record = talk.record(2, &[say("one")]);
    talk.submit(&record);
    talk.does(1, remove(2)).unwrap();
    assert_eq!(talk.answers(&record), [Ok(2)]);
}

#[test]
fn row_15_a_ref_that_comes_again_with_another_body_is_a_conflict() {
    let mut talk = Talk::direct();
    let mut record = talk.record(1, &[say("one")]);
    let mut rejected = talk.record(1, &[edit(9, "one")]);
    talk.submit(&record);
    talk.submit(&rejected);
    let before = rows(&talk);
    let first = record.clone();
    for body in [say("two"), reply(1, "one"), delete(1)] {
        record.commands[0].command = body;
        assert_eq!(talk.answers(&record), [Err(Code::RefConflict)]);
    }
    rejected.commands[0].command = edit(9, "two");
    assert_eq!(talk.answers(&rejected), [Err(Code::RefConflict)]);
    assert_eq!(rows(&talk), before);
    assert_eq!(talk.answers(&first), [Ok(1)], "what was stored first stands");
}

#[test]
fn the_hash_covers_what_the_app_sent_and_not_what_accept_stamped() {
    let mut talk = Talk::group(&[2]);
    let record = talk.record(1, &[add(&[3])]);
    assert_eq!(talk.answers(&record), [Ok(2)]);
    let (absent, blocked) = (users(&[3]), users(&[3]));
    assert_eq!(talk.answers(&Record { absent, blocked, ..record.clone() }), [Ok(2)]);
    // `submit` stamps another time on each copy.
    assert_eq!(talk.answers(&record), [Ok(2)]);
}

#[test]
fn row_15_the_same_ref_of_another_person_or_in_another_conversation_is_another_one() {
    let mut talk = Talk::group(&[2]);
    let one = talk.record(1, &[say("one")]);
    assert_eq!(talk.answers(&one), [Ok(2)]);
    assert_eq!(talk.answers(&Record { sender: user(2), ..one.clone() }), [Ok(3)]);
    let elsewhere = Record { conversation: group(2), ..one };
    assert_eq!(talk.answers(&elsewhere), [Err(Code::NotAMember)]);
}

#[test]
fn row_41_garbage_is_skipped_and_the_rest_goes_on() {
    let mut talk = Talk::group(&[2]);
    let good = talk.record(1, &[say("never seen")]);
    let too_many = vec![say("text"); limits::COMMANDS + 1];
    let mut twice = talk.record(1, &[say("one"), say("two")]);
    twice.commands[1].client_ref = twice.commands[0].client_ref;
    let mut cut_off = good.encode().to_vec();
    cut_off.truncate(cut_off.len() / 2);
    let garbage: Vec<Bytes> = vec![
        Bytes::new(),
        Bytes::from_static(b"\xff\x00garbage"),
        Bytes::from_static(b"[1, 2]"),
        vec![b'x'; 1024 * 1024 + 1].into(),
        cut_off.into(),
        Record { version: FOLD_VERSION + 1, ..good.clone() }.encode(),
        Record { version: 0, ..good }.encode(),
        talk.record(1, &too_many).encode(),
        talk.record(1, &[say("good"), say("\0")]).encode(),
        talk.record(1, &[delete(0)]).encode(),
        twice.encode(),
    ];
    let before = rows(&talk);
    for bytes in garbage {
        assert_eq!(talk.append(bytes.clone()), [], "{bytes:?}");
        assert_eq!(rows(&talk), before);
        assert_eq!(talk.rows().restarts[&0], talk.next);
    }
    assert_eq!(talk.does(1, say("one")), Ok(2));
}

#[test]
fn garbage_in_the_middle_of_a_batch_costs_nothing_but_itself() {
    let mut log = log([
        record(group(1), 1, [(1, create("Engine room", &[2]))]),
        record(group(1), 1, [(2, say("never seen"))]),
        record(group(1), 2, [(3, say("one"))]),
    ]);
    log[1].1 = Bytes::from_static(b"garbage");
    let mut lone = Lone::new();
    let heard: Vec<_> = answers(&lone.process(&log)).into_iter().map(|(_, said)| said).collect();
    assert_eq!(heard, [Answer::Accepted(1), Answer::Accepted(2)]);
    assert_eq!(lone.rows().restarts[&0], START + 3);
    assert_eq!(lone.skipped(), 1, "and it is counted");
}

#[test]
fn a_record_without_commands_is_nothing() {
    let mut talk = Talk::group(&[2]);
    let before = rows(&talk);
    let record = talk.record(1, &[]);
    assert_eq!(talk.submit(&record), []);
    assert_eq!(rows(&talk), before);
}

#[tokio::test]
async fn a_lane_that_comes_to_another_outcome_than_the_stored_one_stops() {
    let log = log([record(group(1), 1, [(1, create("Engine room", &[2]))])]);
    let mut lone = Lone::new();
    let wrong = RefRow {
        conversation: group(1),
        sender: user(1),
        client_ref: reference(1),
        position: START,
        outcome: Outcome::Rejected(Code::Blocked),
        hash: [0; 16],
        at: 0,
    };
    lone.store.apply(Batch { refs: vec![wrong], ..Batch::default() }).await.unwrap();
    let before = lone.rows();
    let halt = lone.try_process(&log).unwrap_err();
    assert!(matches!(halt, Halt::Diverged { position: START, .. }), "{halt}");
    assert_eq!(lone.rows(), before, "nothing of the batch is written");
}

#[tokio::test]
async fn a_lane_whose_rows_stay_ahead_of_their_head_stops() {
    let log = log([record(group(1), 1, [(1, create("Engine room", &[2]))])]);
    let mut lone = Lone::new();
    let ahead = MemberRow {
        conversation: group(1),
        user: user(2),
        role: protocol::Role::Member,
        periods: vec![protocol::model::Period { joined_seq: 1, left_seq: None }],
        position: START + 1,
    };
    lone.store.apply(Batch { members: vec![ahead], ..Batch::default() }).await.unwrap();
    let before = lone.rows();
    assert!(matches!(lone.try_process(&log), Err(Halt::Ahead)));
    assert_eq!(lone.rows(), before);
}

/// A text in an event would outlive the message's deletion.
#[test]
fn no_event_carries_a_text() {
    let mut talk = Talk::direct();
    talk.does(1, say("written text")).unwrap();
    talk.does(1, edit(1, "written again")).unwrap();
    let events: Vec<Event> = talk.rows().events.into_values().map(|row| row.event).collect();
    assert_eq!(events.len(), 2);
    assert!(!format!("{events:?}").contains("written"));
}
