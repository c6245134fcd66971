//! Who is in a conversation: how it begins, who comes and goes, who may what, who is told.

use std::collections::BTreeMap;

use protocol::model::{ConversationKind, Period};
use protocol::{
    Code, Command, ConversationId, EventKind, Role, ServerFrame, UserId, direct_conversation,
    limits,
};
use server::pipeline::fold;
use server::pipeline::record::Record;
use server::pipeline::state::State;
use storage::{ConversationRow, Head, MemberRow};
use uuid::Uuid;

use super::records::{
    START, add, create, delete, direct, edit, give, leave, pin, react, record, remove, rename,
    reply, say, user, users,
};
use super::talk::Talk;
use super::told::Told;

/// The kind of the event in a frame, and who heard it.
fn event(told: &[Told]) -> (EventKind, Vec<UserId>) {
    let [Told { to, frame: ServerFrame::Event(frame) }] = told else {
        panic!("one event: {told:?}");
    };
    (frame.event.kind.clone(), to.clone())
}

#[test]
fn a_direct_conversation_begins_with_its_first_message_and_both_were_there_before_it() {
    let mut talk = Talk::direct();
    for command in [edit(1, "text"), delete(1), pin(1, true), rename("text"), leave(), add(&[3])] {
        assert_eq!(talk.does(1, command), Err(Code::NoMessage));
    }
    assert_eq!(talk.does(1, reply(1, "text")), Err(Code::NoMessage));
    assert_eq!(talk.rows().members.len(), 0);
    assert_eq!(talk.does(2, say("one")), Ok(1));
    assert_eq!(talk.rows().conversations[&talk.id].kind, ConversationKind::Direct);
    for who in [1, 2] {
        let row = talk.member(who);
        assert_eq!(row.periods, [Period { joined_seq: 0, left_seq: None }]);
        assert_eq!(row.role, Role::Member);
    }
}

#[test]
fn a_direct_conversation_knows_no_group_commands() {
    let mut talk = Talk::direct();
    talk.does(1, say("one")).unwrap();
    let commands =
        [rename("text"), add(&[3]), remove(2), leave(), give(2, Role::Admin), create("text", &[])];
    for command in commands {
        assert_eq!(talk.does(1, command), Err(Code::NotAGroup));
    }
}

#[test]
fn both_ids_of_a_direct_record_must_give_the_conversations_id() {
    let mut talk = Talk::direct();
    talk.does(1, say("one")).unwrap();
    let mut foreign = |sender, peer: Option<u64>, id: ConversationId| {
        let (peer, of) = (peer.map(user), direct(1, 2, [(800, say("text"))]));
        talk.answers(&Record { conversation: id, sender: user(sender), peer, ..of })
    };
    let id = direct_conversation(user(1), user(2));
    assert_eq!(foreign(1, Some(3), id), [Err(Code::NoConversation)]);
    assert_eq!(foreign(3, Some(2), id), [Err(Code::NoConversation)]);
    let own = direct_conversation(user(4), user(4));
    assert_eq!(foreign(4, Some(4), own), [Err(Code::NotWithYourself)]);
    // A member who leaves the other person out, so that nobody has asked whether there is a block.
    assert_eq!(foreign(2, None, id), [Err(Code::NoConversation)]);
}

#[test]
fn row_17_a_direct_record_is_rejected_by_what_accept_has_stamped() {
    let mut talk = Talk::direct();
    let mut says = |absent: &[u64], blocked: &[u64]| {
        let record = talk.record(1, &[say("text")]);
        let (absent, blocked) = (users(absent), users(blocked));
        talk.answers(&Record { absent, blocked, ..record })
    };
    assert_eq!(says(&[2], &[]), [Err(Code::NoPerson)]);
    assert_eq!(says(&[], &[2]), [Err(Code::Blocked)]);
    assert_eq!(says(&[], &[]), [Ok(1)]);
    assert_eq!(says(&[], &[2]), [Err(Code::Blocked)], "also when it exists");
}

#[test]
fn a_group_id_that_is_not_a_uuid_v7_is_refused() {
    let ids = [Uuid::from_u128(7), Uuid::from_u128(0x4000_8000_0000_0000_0000)];
    let mut talk = Talk::no_group();
    for id in ids.map(ConversationId).into_iter().chain([direct_conversation(user(1), user(2))]) {
        let command = create("Engine room", &[2]);
        let record = talk.record(1, &[command.clone(), say("text")]);
        let answers = talk.answers(&Record { conversation: id, ..record });
        assert_eq!(answers[0], Err(Code::NotAGroup), "{id}");
        assert!(answers[1].is_err());
        let with_peer = Record { conversation: id, ..direct(1, 2, [(700, command)]) };
        assert_eq!(talk.answers(&with_peer).first(), Some(&Err(Code::NotAGroup)));
        assert_eq!(talk.rows().heads.len(), 0);
        talk = Talk::no_group();
    }
}

#[test]
fn row_21_a_new_group_has_each_named_person_once_without_those_who_cannot_come() {
    let mut talk = Talk::no_group();
    let command = create("Engine room", &[2, 2, 1, 3, 4, 5]);
    let record = talk.record(1, &[command]);
    let (absent, blocked) = (users(&[3]), users(&[4]));
    let told = talk.submit(&Record { absent, blocked, ..record });
    let (kind, to) = event(&told);
    let members = users(&[2, 5]);
    let title = "Engine room".to_owned();
    assert_eq!(kind, EventKind::Created { title, members, history_open: false });
    assert_eq!(to, users(&[1, 2, 5]));
    assert_eq!(talk.member(1).role, Role::Owner);
    assert_eq!(talk.member(5).role, Role::Member);
    assert_eq!(talk.member(5).periods, [Period { joined_seq: 1, left_seq: None }]);
}

#[test]
fn row_21_a_group_is_created_once_and_may_begin_with_its_owner_alone() {
    let mut talk = Talk::group(&[]);
    assert_eq!(talk.does(1, create("again", &[2])), Err(Code::AlreadyExists));
    assert_eq!(talk.does(2, create("mine", &[])), Err(Code::AlreadyExists));
    assert_eq!(talk.does(1, leave()), Ok(2));
    assert_eq!(talk.does(1, create("again", &[2])), Err(Code::AlreadyExists));
}

#[test]
fn before_its_creation_a_group_has_no_members() {
    let mut talk = Talk::no_group();
    let record = talk.record(1, &[say("too early"), create("Engine room", &[]), say("now")]);
    assert_eq!(talk.answers(&record), [Err(Code::NotAMember), Ok(1), Ok(2)]);
}

#[test]
fn row_22_only_those_who_were_really_added_are_in_the_event() {
    let mut talk = Talk::group(&[2]);
    let mut adds = |named: &[u64], absent: &[u64], blocked: &[u64]| {
        let record = talk.record(1, &[add(named)]);
        let (absent, blocked) = (users(absent), users(blocked));
        talk.submit(&Record { absent, blocked, ..record })
    };
    let (kind, to) = event(&adds(&[2, 3, 4, 5, 3], &[4], &[5]));
    assert_eq!(kind, EventKind::Added { users: users(&[3]) });
    assert_eq!(to, users(&[1, 2, 3]), "who was added hears of it");
    let mut rejected = |named: &[u64], absent: &[u64], blocked: &[u64]| {
        let told = adds(named, absent, blocked);
        let [Told { frame: ServerFrame::Rejected(rejected), .. }] = &told[..] else {
            panic!("a rejection: {told:?}");
        };
        rejected.code
    };
    assert_eq!(rejected(&[2, 3], &[], &[]), Code::AlreadyAMember);
    assert_eq!(rejected(&[4], &[4], &[]), Code::NoPerson);
    assert_eq!(rejected(&[5], &[], &[5]), Code::Blocked);
    assert_eq!(rejected(&[1], &[], &[]), Code::AlreadyAMember, "oneself");
    assert_eq!(talk.does(3, add(&[6])), Err(Code::NotAllowed));
}

#[test]
fn row_21_a_group_is_full_with_its_limit_and_who_left_does_not_count() {
    let id = super::records::group(1);
    let member = |n: u64| MemberRow {
        conversation: id,
        user: user(n),
        role: if n == 1 { Role::Owner } else { Role::Member },
        periods: vec![Period { joined_seq: 1, left_seq: None }],
        position: START,
    };
    let full = limits::GROUP_MEMBERS as u64;
    let members: BTreeMap<_, _> = (1..=full).map(|n| (user(n), member(n))).collect();
    let mut state = State {
        head: Head { seq: 1, ord: 0, position: START },
        conversation: Some(ConversationRow {
            conversation: id,
            kind: ConversationKind::Group,
            title: "everybody".into(),
            history_open: false,
            pins: Vec::new(),
            position: START,
        }),
        members,
        ..State::default()
    };
    let decide = |state: &State, command: Command| {
        fold::decide(state, &record(id, 1, [(1, command.clone())]), &command)
    };
    assert_eq!(decide(&state, add(&[full + 1])), Err(Code::GroupFull));
    let gone = state.members.get_mut(&user(2)).unwrap();
    gone.periods[0].left_seq = Some(1);
    assert_eq!(decide(&state, add(&[full + 1, full + 2])), Err(Code::GroupFull));
    assert!(decide(&state, add(&[full + 1])).is_ok());
}

#[test]
fn who_is_removed_hears_of_it_and_of_nothing_after_it() {
    let mut talk = Talk::group(&[2, 3]);
    talk.does(3, say("mine")).unwrap();
    let record = talk.record(1, &[remove(3)]);
    let (kind, to) = event(&talk.submit(&record));
    assert_eq!(kind, EventKind::Removed { user: user(3) });
    assert_eq!(to, users(&[1, 2, 3]));
    assert_eq!(talk.member(3).periods, [Period { joined_seq: 1, left_seq: Some(3) }]);
    let record = talk.record(1, &[say("without him")]);
    assert_eq!(event(&talk.submit(&record)).1, users(&[1, 2]));
    for command in [say("still here?"), edit(2, "text"), delete(2), react(2, "👍", true), leave()]
    {
        assert_eq!(talk.does(3, command), Err(Code::NotAMember));
    }
    assert_eq!(talk.does(1, remove(3)), Err(Code::NotAMember));
}

#[test]
fn who_comes_back_has_both_memberships_and_no_role() {
    let mut talk = Talk::group(&[2]);
    talk.does(1, give(2, Role::Admin)).unwrap();
    talk.does(2, leave()).unwrap();
    talk.does(1, say("meanwhile")).unwrap();
    talk.does(1, add(&[2])).unwrap();
    let row = talk.member(2);
    let period = |joined_seq, left_seq| Period { joined_seq, left_seq };
    assert_eq!(row.periods, [period(1, Some(3)), period(5, None)]);
    assert_eq!(row.role, Role::Member);
}

#[test]
fn row_22_owner_and_admins_may_and_members_may_not() {
    let mut talk = Talk::group(&[2, 3, 4]);
    for command in [rename("ours"), add(&[5]), remove(3), give(3, Role::Admin)] {
        assert_eq!(talk.does(2, command), Err(Code::NotAllowed));
    }
    talk.does(1, give(2, Role::Admin)).unwrap();
    talk.does(1, give(3, Role::Admin)).unwrap();
    talk.does(2, rename("ours")).unwrap();
    assert_eq!(talk.does(3, rename("ours")), Err(Code::NoChange));
    talk.does(2, add(&[5])).unwrap();
    talk.does(2, remove(5)).unwrap();
    assert_eq!(
        talk.does(2, remove(3)),
        Err(Code::NotAllowed),
        "two admins cannot remove each other"
    );
    assert_eq!(talk.does(2, remove(1)), Err(Code::NotAllowed));
    assert_eq!(talk.does(2, give(2, Role::Owner)), Err(Code::NotAllowed), "nor promote themselves");
    assert_eq!(talk.does(2, remove(2)), Err(Code::BadValue), "who wants to go leaves");
    talk.does(1, remove(3)).unwrap();
}

#[test]
fn row_22_there_is_one_owner_who_can_only_be_followed_by_another() {
    let mut talk = Talk::group(&[2]);
    assert_eq!(talk.does(1, give(1, Role::Member)), Err(Code::LastOwner));
    assert_eq!(talk.does(1, give(1, Role::Owner)), Err(Code::NoChange));
    assert_eq!(talk.does(1, give(2, Role::Member)), Err(Code::NoChange));
    assert_eq!(talk.does(1, give(3, Role::Admin)), Err(Code::NotAMember));
    talk.does(1, give(2, Role::Owner)).unwrap();
    assert_eq!((talk.member(1).role, talk.member(2).role), (Role::Admin, Role::Owner));
    assert_eq!(talk.does(1, give(2, Role::Member)), Err(Code::NotAllowed));
}

#[test]
fn an_owner_who_leaves_is_followed_by_the_earliest_admin() {
    let mut talk = Talk::group(&[2]);
    talk.does(1, add(&[4])).unwrap();
    talk.does(1, add(&[3])).unwrap();
    talk.does(1, give(3, Role::Admin)).unwrap();
    talk.does(1, give(4, Role::Admin)).unwrap();
    let record = talk.record(1, &[leave()]);
    let (kind, to) = event(&talk.submit(&record));
    assert_eq!(kind, EventKind::Left { new_owner: Some(user(4)) });
    assert_eq!(to, users(&[1, 2, 3, 4]));
    assert_eq!((talk.member(4).role, talk.member(1).role), (Role::Owner, Role::Member));
    assert_eq!(talk.does(1, say("bye")), Err(Code::NotAMember));
}

#[test]
fn without_admins_the_earliest_member_follows_and_of_several_the_lowest_id() {
    let mut talk = Talk::group(&[3, 2]);
    talk.does(2, leave()).unwrap();
    talk.does(1, add(&[2, 4])).unwrap();
    let next = |talk: &mut Talk, who| {
        let record = talk.record(who, &[leave()]);
        match event(&talk.submit(&record)).0 {
            EventKind::Left { new_owner } => new_owner,
            kind => panic!("somebody left: {kind:?}"),
        }
    };
    assert_eq!(next(&mut talk, 1), Some(user(3)), "who came back is later");
    assert_eq!(next(&mut talk, 3), Some(user(2)), "two came together");
    assert_eq!(next(&mut talk, 2), Some(user(4)));
    assert_eq!(next(&mut talk, 4), None, "nobody is left");
}

#[test]
fn a_member_who_leaves_is_followed_by_nobody() {
    let mut talk = Talk::group(&[2]);
    let record = talk.record(2, &[leave(), leave()]);
    let told = talk.submit(&record);
    let (kind, to) = event(&told[..1]);
    assert_eq!((kind, to), (EventKind::Left { new_owner: None }, users(&[1, 2])));
    assert!(matches!(&told[1].frame, ServerFrame::Rejected(r) if r.code == Code::NotAMember));
    assert_eq!(talk.member(1).role, Role::Owner);
}

#[test]
fn in_an_open_group_who_comes_later_reads_from_the_start() {
    let mut talk = Talk::no_group();
    let title = "Open house".to_owned();
    let command = Command::Create { title, members: users(&[2]), history_open: true };
    talk.does(1, command).unwrap();
    talk.does(1, say("one")).unwrap();
    talk.does(1, add(&[3])).unwrap();
    assert_eq!(talk.does(3, react(2, "👍", true)), Ok(4));
}
