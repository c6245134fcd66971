//! What messages, edits, deletes, reactions and pins become.

use protocol::model::Reaction;
use protocol::{Code, Role, limits};
use server::pipeline::fold;
use server::pipeline::state::{State, Touched};
use storage::Loaded;

use super::records::{add, delete, edit, give, pin, react, record, remove, reply, say, user};
use super::talk::Talk;

#[test]
fn a_seq_follows_a_seq_and_ord_counts_messages_only() {
    let mut talk = Talk::group(&[2]);
    assert_eq!(talk.does(1, say("one")), Ok(2));
    assert_eq!(talk.does(2, react(2, "👍", true)), Ok(3));
    assert_eq!(talk.does(1, edit(2, "uno")), Ok(4));
    assert_eq!(talk.does(2, reply(2, "two")), Ok(5));
    let head = talk.head();
    assert_eq!((head.seq, head.ord, head.position), (5, 2, talk.next - 1));
}

#[test]
fn a_rejected_command_moves_no_head_and_its_answer_is_stored() {
    let mut talk = Talk::group(&[2]);
    let before = talk.rows();
    assert_eq!(talk.does(2, edit(1, "text")), Err(Code::NoMessage));
    let mut after = talk.rows();
    assert_eq!(after.refs.len(), before.refs.len() + 1);
    assert_eq!(after.restarts[&0], talk.next);
    after.refs = before.refs.clone();
    after.restarts = before.restarts.clone();
    assert_eq!(after, before);
}

#[test]
fn row_18_a_target_that_is_no_message_or_not_there_yet_is_refused() {
    let mut talk = Talk::group(&[2]);
    // 1 is the group's creation, 2 will be a message.
    for target in [1, 2, 1_000] {
        assert_eq!(talk.does(1, edit(target, "text")), Err(Code::NoMessage));
        assert_eq!(talk.does(1, delete(target)), Err(Code::NoMessage));
        assert_eq!(talk.does(1, react(target, "👍", true)), Err(Code::NoMessage));
        assert_eq!(talk.does(1, pin(target, true)), Err(Code::NoMessage));
        assert_eq!(talk.does(1, reply(target, "text")), Err(Code::NoMessage));
    }
}

#[test]
fn an_edit_after_a_delete_is_rejected_and_so_is_everything_but_a_reply() {
    let mut talk = Talk::direct();
    talk.does(1, say("secret")).unwrap();
    talk.does(1, edit(1, "other secret")).unwrap();
    talk.does(2, react(1, "👍", true)).unwrap();
    talk.does(2, pin(1, true)).unwrap();
    assert_eq!(talk.does(1, delete(1)), Ok(5));
    let state = talk.state(1);
    assert!(state.texts.is_empty() && state.reactions.is_empty() && !state.pinned, "{state:?}");
    assert!(talk.pins().is_empty());
    assert!(!format!("{:?}", talk.rows()).contains("secret"), "every copy is empty");
    for command in [edit(1, "again"), delete(1), react(1, "👍", true), pin(1, true)] {
        assert_eq!(talk.does(1, command), Err(Code::MessageDeleted));
    }
    assert_eq!(talk.does(2, reply(1, "what was it?")), Ok(6));
}

#[test]
fn a_message_is_edited_by_its_author_only_and_deleted_by_admins_too() {
    let mut talk = Talk::group(&[2, 3]);
    talk.does(2, say("one")).unwrap();
    talk.does(2, say("two")).unwrap();
    assert_eq!(talk.does(1, edit(2, "mine")), Err(Code::NotYours));
    assert_eq!(talk.does(3, delete(2)), Err(Code::NotYours));
    assert_eq!(talk.does(1, delete(2)), Ok(4));
    assert_eq!(talk.does(2, delete(3)), Ok(5));
    let mut two = Talk::direct();
    two.does(1, say("one")).unwrap();
    assert_eq!(two.does(2, delete(1)), Err(Code::NotYours), "nobody is an admin of two people");
}

#[test]
fn an_edit_keeps_the_texts_before_it_up_to_a_limit() {
    let mut talk = Talk::direct();
    talk.does(1, say("0")).unwrap();
    assert_eq!(talk.does(1, edit(1, "0")), Err(Code::NoChange));
    for n in 1..=limits::TEXTS_PER_MESSAGE + 2 {
        talk.does(1, edit(1, &n.to_string())).unwrap();
    }
    let state = talk.state(1);
    let texts: Vec<_> = state.texts.iter().map(|text| text.text.clone()).collect();
    let kept: Vec<_> = (2..=limits::TEXTS_PER_MESSAGE + 2).map(|n| n.to_string()).collect();
    assert_eq!(texts, kept);
    assert_eq!(state.state_seq, talk.head().seq);
    talk.does(1, edit(1, &"x".repeat(limits::BODY_BYTES))).unwrap();
    talk.does(1, edit(1, "short")).unwrap();
    assert_eq!(talk.state(1).texts.len(), 2, "the earlier texts fit into one body");
}

#[test]
fn row_20_a_reaction_is_there_once_and_taken_back_by_who_gave_it() {
    let mut talk = Talk::direct();
    talk.does(1, say("one")).unwrap();
    talk.does(1, react(1, "👍", true)).unwrap();
    talk.does(2, react(1, "👍", true)).unwrap();
    assert_eq!(talk.does(2, react(1, "👍", true)), Err(Code::NoChange));
    assert_eq!(talk.does(2, react(1, "🎉", false)), Err(Code::NoChange));
    let users = vec![user(1), user(2)];
    assert_eq!(talk.state(1).reactions, [Reaction { emoji: "👍".into(), users }]);
    talk.does(1, react(1, "👍", false)).unwrap();
    assert_eq!(talk.does(1, react(1, "👍", false)), Err(Code::NoChange));
    talk.does(2, react(1, "👍", false)).unwrap();
    assert!(talk.state(1).reactions.is_empty());
}

#[test]
fn row_20_emoji_and_reactions_of_a_message_have_a_limit() {
    let emoji = |n: usize| char::from_u32(0x1F600 + u32::try_from(n).unwrap()).unwrap().to_string();
    let mut talk = Talk::direct();
    talk.does(1, say("one")).unwrap();
    for n in 0..limits::EMOJI_PER_MESSAGE {
        talk.does(1, react(1, &emoji(n), true)).unwrap();
    }
    let one_more = react(1, &emoji(limits::EMOJI_PER_MESSAGE), true);
    assert_eq!(talk.does(2, one_more.clone()), Err(Code::LimitReached));
    assert_eq!(talk.does(2, react(1, &emoji(0), true)), Ok(limits::EMOJI_PER_MESSAGE as u64 + 2));
    talk.does(1, react(1, &emoji(1), false)).unwrap();
    talk.does(2, one_more).unwrap();

    // So many people are too many for a record each.
    let (mut state, id) = held(&talk);
    let message = state.messages.get_mut(&1).unwrap();
    let users = (0..limits::REACTIONS_PER_MESSAGE as u64).map(|n| user(100 + n)).collect();
    message.row.state.reactions = vec![Reaction { emoji: emoji(0), users }];
    let one = |on| record(id, 1, [(0, react(1, &emoji(0), on))]);
    let decided = |state: &State, on| {
        let record = super::records::direct(1, 2, [(0, react(1, &emoji(0), on))]);
        fold::decide(state, &record, &one(on).commands[0].command)
    };
    assert_eq!(decided(&state, true), Err(Code::LimitReached));
    let users = &mut state.messages.get_mut(&1).unwrap().row.state.reactions[0].users;
    users[0] = user(1);
    assert!(decided(&state, false).is_ok(), "taking back is not limited");
}

#[test]
fn pins_are_for_admins_of_a_group_and_for_either_of_two_people() {
    let mut talk = Talk::group(&[2]);
    talk.does(2, say("one")).unwrap();
    assert_eq!(talk.does(2, pin(2, true)), Err(Code::NotAllowed));
    assert_eq!(talk.does(1, pin(2, false)), Err(Code::NoChange));
    talk.does(1, pin(2, true)).unwrap();
    assert_eq!(talk.does(1, pin(2, true)), Err(Code::NoChange));
    assert_eq!((talk.pins(), talk.state(2).pinned), (vec![2], true));
    talk.does(1, pin(2, false)).unwrap();
    assert_eq!((talk.pins(), talk.state(2).pinned), (vec![], false));
    let mut two = Talk::direct();
    two.does(1, say("one")).unwrap();
    two.does(2, pin(1, true)).unwrap();
    assert_eq!(two.pins(), [1]);
}

#[test]
fn so_many_pins_and_no_more() {
    let mut talk = Talk::direct();
    for n in 1..=limits::PINS as u64 {
        let record = talk.record(1, &[say("text"), pin(2 * n - 1, true)]);
        assert_eq!(talk.answers(&record), [Ok(2 * n - 1), Ok(2 * n)]);
    }
    talk.does(1, say("one more")).unwrap();
    let last = talk.head().seq;
    assert_eq!(talk.does(1, pin(last, true)), Err(Code::LimitReached));
    talk.does(1, delete(1)).unwrap();
    talk.does(1, pin(last, true)).unwrap();
    assert_eq!(talk.pins().len(), limits::PINS);
}

#[test]
fn commands_of_one_record_are_decided_in_order_and_each_sees_those_before_it() {
    let mut talk = Talk::direct();
    let record = talk.record(
        1,
        &[
            edit(1, "too early"),
            say("one"),
            edit(1, "two"),
            delete(1),
            edit(1, "late"),
            say("three"),
        ],
    );
    let late = Err(Code::MessageDeleted);
    assert_eq!(talk.answers(&record), [Err(Code::NoMessage), Ok(1), Ok(2), Ok(3), late, Ok(4)],);
    assert_eq!((talk.text(1), talk.text(4)), (None, Some("three".into())));
}

#[test]
fn a_message_outside_ones_memberships_is_as_if_it_were_not_there() {
    let mut talk = Talk::group(&[2]);
    talk.does(2, say("before")).unwrap();
    talk.does(1, add(&[3])).unwrap();
    assert_eq!(talk.does(3, react(2, "👍", true)), Err(Code::NoMessage));
    talk.does(1, remove(3)).unwrap();
    talk.does(2, say("between")).unwrap();
    talk.does(1, add(&[3])).unwrap();
    assert_eq!(talk.does(3, reply(5, "what?")), Err(Code::NoMessage));
    talk.does(3, say("after")).unwrap();
    talk.does(1, give(3, Role::Admin)).unwrap();
    assert_eq!(talk.does(3, delete(2)), Err(Code::NoMessage), "not even an admin");
    assert_eq!(talk.does(2, react(7, "👍", true)), Ok(9));
}

/// What happens to a row depends on the event and the row alone: once is as good as twice.
#[test]
fn an_event_that_is_applied_again_changes_nothing() {
    let mut talk = Talk::direct();
    talk.does(1, say("one")).unwrap();
    let record = super::records::direct(1, 2, [(900, edit(1, "two"))]);
    let (mut state, _) = held(&talk);
    let kind = fold::decide(&state, &record, &record.commands[0].command).unwrap();
    let event = protocol::Event {
        seq: 2,
        ord: 1,
        at: record.at,
        sender: user(1),
        client_ref: record.commands[0].client_ref,
        kind,
    };
    let apply = |state: &mut State| {
        let mut touched = Touched::default();
        state.apply(&event, &record, &record.commands[0].command, talk.next, &mut touched);
        touched
    };
    assert_eq!(apply(&mut state).messages.len(), 1);
    let once = state.clone();
    assert_eq!(apply(&mut state), Touched::default());
    assert_eq!(state, once);
}

/// The conversation as a lane holds it, with all its messages.
fn held(talk: &Talk) -> (State, protocol::ConversationId) {
    let rows = talk.rows();
    let mut state = State::new(Loaded {
        head: talk.head(),
        conversation: rows.conversations.get(&talk.id).cloned(),
        members: rows.members.values().cloned().collect(),
    });
    for (key, row) in &rows.messages {
        state.remember(&rows.events[key], row.clone());
    }
    (state, talk.id)
}
