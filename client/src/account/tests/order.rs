//! Whatever order frames come in, cut or repeated, an account holds each event once and in order.

use proptest::prelude::*;

use super::model::{Act, Server};
use super::*;
use crate::account::Want;

fn acts(most: usize) -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => any::<u8>().prop_map(Act::Say),
        1 => any::<u8>().prop_map(Act::Edit),
        1 => any::<u8>().prop_map(Act::Delete),
        1 => any::<u8>().prop_map(Act::React),
        1 => Just(Act::Rename),
        1 => any::<u8>().prop_map(Act::Add),
        1 => any::<u8>().prop_map(Act::Remove),
        1 => any::<u8>().prop_map(Act::Promote),
    ];
    prop::collection::vec(act, 1..most)
}

/// Fill every hole as the worker would.
fn fill(account: &mut Account, server: &Server, most: u64) {
    for _ in 0..1000 {
        match account.next_want() {
            Some(Want::Range { from, to, .. }) => {
                account.ingest(vec![server.range(from, to, most)]).unwrap();
            }
            Some(Want::Me) | None => break,
            Some(other) => account.give_up(&other),
        }
    }
}

/// Everything about the room that has to be the same whichever way it came.
fn known(account: &Account) -> impl PartialEq + std::fmt::Debug + use<> {
    let room = &account.conversations[&ROOM];
    (
        (room.title.clone(), room.role, room.periods.clone(), room.member_count),
        (room.roster.members.clone(), room.head, room.at, room.as_of, room.held.clone()),
        account.cache.oldest(ROOM, 1, u64::MAX, u64::MAX).unwrap(),
        account.cache.states(ROOM, 1, u64::MAX).unwrap(),
        texts(&shown(account, ROOM)),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn row_50_frames_in_any_order_cut_repeated_or_lost_give_the_same_state(
        acts in acts(40),
        shuffle in prop::collection::vec(any::<u16>(), 80),
        cuts in prop::collection::vec(1usize..6, 20),
        page_at in any::<u16>(),
        page_head in any::<u16>(),
        newest in 1u64..6,
        most in 1u64..9,
    ) {
        let server = Server::new(&acts);
        let head = server.head();
        let folder = tempfile::tempdir().unwrap();
        let mut straight = open(&folder.path().join("straight"));
        for seq in 1..=head {
            straight.ingest(vec![server.frame(seq)]).unwrap();
        }

        // Shuffled, some repeated, some lost; one page of any age somewhere among them.
        let mut arrivals: Vec<(u16, Arrival)> = Vec::new();
        for (n, key) in shuffle.iter().enumerate() {
            arrivals.push((*key, server.frame(n as u64 % head + 1)));
        }
        arrivals.push((page_at, server.page(u64::from(page_head) % head + 1, newest)));
        arrivals.sort_by_key(|(key, _)| *key);
        let mut arrivals = arrivals.into_iter().map(|(_, arrival)| arrival).peekable();
        let mut crooked = open(&folder.path().join("crooked"));
        let mut cuts = cuts.iter().cycle();
        while arrivals.peek().is_some() {
            let cut = *cuts.next().unwrap();
            crooked.ingest(arrivals.by_ref().take(cut).collect()).unwrap();
        }
        // The newest page is what the next hello brings, and the worker does the rest.
        crooked.ingest(vec![server.page(head, newest)]).unwrap();
        crooked.ingest(vec![server.range(1, head, u64::MAX)]).unwrap();
        fill(&mut crooked, &server, most);
        prop_assert_eq!(known(&crooked), known(&straight));

        // And all of it is on the disk.
        drop(crooked);
        let again = open(&folder.path().join("crooked"));
        prop_assert_eq!(known(&again), known(&straight));
    }
}

#[test]
fn row_50_what_cannot_be_is_dropped_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    let absurd = [0, 1 << 53, u64::MAX].map(|seq| frame(direct(), message(seq, 1, BOB)));
    account.ingest(absurd.to_vec()).unwrap();
    let mut garbage = state(1, "x", u64::MAX);
    garbage.seq = u64::MAX;
    let mut first = message(1, u64::MAX, BOB);
    first.kind = EventKind::Unknown(serde_json::json!({"from_2031": {"x": [1, 2]}}));
    let frame = EventFrame { conversation: direct(), event: first, states: vec![garbage] };
    account.ingest(vec![Arrival::Event(frame)]).unwrap();
    let range = protocol::model::Range {
        conversation: direct(),
        from: 0,
        to: u64::MAX,
        events: vec![message(2, 1, BOB)],
        states: vec![state(2, "two", 2)],
        closed: vec![(5, 4)],
    };
    account.ingest(vec![Arrival::Range(range)]).unwrap();
    assert_eq!(texts(&shown(&account, direct())), ["newer app", "two"]);
    // What comes after is not taken for held.
    account.ingest(vec![super::frame(direct(), message(3, 2, BOB))]).unwrap();
    assert_eq!(shown(&account, direct()).len(), 3);
}

#[test]
fn row_50_an_event_of_an_undescribed_group_asks_once_and_then_lets_the_cursor_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    let stranger = || frame(ROOM, message(7, 3, BOB));
    let first = account.ingest(vec![stranger(), cursor("1")]).unwrap();
    assert!(first.rejoin, "only a new hello can say what this is");
    assert_eq!(account.hello().cursor, None, "the cursor stays before what is not understood");
    account.begin_answer();
    account.ingest(vec![last_page(false)]).unwrap();
    let second = account.ingest(vec![stranger(), cursor("2")]).unwrap();
    assert!(!second.rejoin, "the server does not know it either");
    assert_eq!(account.hello().cursor.as_deref(), Some("2"));
    assert!(account.list().unwrap().conversations.is_empty());
}

#[test]
fn a_group_that_one_is_added_to_is_described_by_the_next_hello() {
    let server = Server::new(&[Act::Say(1), Act::Rename]);
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    let added = event(2, 0, BOB, EventKind::Added { users: vec![ME] });
    assert!(account.ingest(vec![frame(ROOM, added), cursor("1")]).unwrap().rejoin);
    account.begin_answer();
    account.ingest(vec![server.page(server.head(), 2)]).unwrap();
    let after = account.ingest(vec![cursor("2")]).unwrap();
    assert!(!after.rejoin);
    assert_eq!(account.list().unwrap().conversations[0].title, "title 3");
}

#[test]
fn a_first_message_makes_a_direct_conversation_and_only_with_the_right_id() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    let wrong = direct_conversation(BOB, EVE);
    let taken = account.ingest(vec![
        frame(direct(), message(1, 1, BOB)),
        frame(wrong, message(1, 1, BOB)),
        cursor("1"),
    ]);
    assert!(taken.unwrap().rejoin, "somebody else's conversation is not made up");
    let list = account.list().unwrap().conversations;
    assert_eq!(list.iter().map(|item| item.id).collect::<Vec<_>>(), [direct()]);
}

#[test]
fn after_the_whole_list_what_it_does_not_name_is_gone_but_not_what_was_begun_here() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    account.ingest(vec![frame(direct(), message(1, 1, BOB))]).unwrap();
    let with_eve = account.open_direct(EVE).unwrap();
    account.submit(with_eve, say("hi")).unwrap();
    account.begin_answer();
    account.ingest(vec![last_page(true)]).unwrap();
    let list = account.list().unwrap();
    assert!(list.complete);
    assert_eq!(list.conversations.iter().map(|i| i.id).collect::<Vec<_>>(), [with_eve]);
}
