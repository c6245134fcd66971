//! Sentences about the pages that `hello` is answered with.

use protocol::frame::{ConversationPage, Mark};
use protocol::limits::SMALL_GROUP;
use protocol::model::{Head, Marker};
use protocol::{ConversationId, Role};

use super::{Conversations, Opened, Room, room, user, uuid7};

async fn page<S: Conversations>(
    o: &Opened<S>,
    who: u64,
    of: &Room,
    events: u64,
) -> ConversationPage {
    let mut pages = o.store.pages(user(who), &[of.id], events, usize::MAX).await.unwrap();
    assert_eq!(pages.len(), 1);
    pages.remove(0)
}

fn seqs(page: &ConversationPage) -> Vec<u64> {
    page.events.iter().map(|event| event.seq).collect()
}

fn states(page: &ConversationPage) -> Vec<u64> {
    page.states.iter().map(|state| state.seq).collect()
}

pub async fn a_page_is_a_conversation_as_it_is_for_one_person<S: Conversations>(o: Opened<S>) {
    let (mut room, mut direct) = (Room::group(1, 3, false), Room::direct(2));
    let first = room.says(1, "a");
    room.says(2, "b");
    room.says_to(3, "c", Some(first));
    direct.says(1, "hello");
    o.store.apply(room.take()).await.unwrap();
    o.store.apply(direct.take()).await.unwrap();
    let mark = Mark { conversation: room.id, delivered: 4, read: 3 };
    o.store.mark(user(2), mark).await.unwrap();
    let page = page(&o, 2, &room, 2).await;
    let marker = |n, delivered, read| Marker { user: user(n), delivered, read };
    assert_eq!(page.head, Head { seq: 4, ord: 3 });
    assert_eq!((page.at, &*page.title, page.member_count), (room::at(4), "room 1", 3));
    assert_eq!((page.role, &page.periods), (Role::Member, &room.member(2).periods));
    assert_eq!(page.members.iter().map(|m| m.user).collect::<Vec<_>>(), [1, 2, 3].map(user));
    assert_eq!(page.markers, [marker(1, 1, 1), marker(2, 4, 3), marker(3, 1, 1)]);
    assert_eq!(page.read_ord, 2);
    assert_eq!((seqs(&page), states(&page)), (vec![3, 4], vec![first, 3, 4]));
    // In the order in which they were asked for, without what is not the person's.
    let asked = [direct.id, ConversationId(uuid7(9)), room.id];
    let pages = o.store.pages(user(1), &asked, 0, 0).await.unwrap();
    let ids: Vec<_> = pages.iter().map(|page| page.conversation).collect();
    assert_eq!(ids, [direct.id, room.id]);
    assert!(pages.iter().all(|page| page.events.is_empty() && page.states.is_empty()));
    assert_eq!((pages[0].read_ord, pages[0].head.ord), (0, 1), "the first message is unread");
}

pub async fn a_page_has_fewer_events_when_their_texts_are_long<S: Conversations>(o: Opened<S>) {
    let mut room = Room::group(1, 2, false);
    let first = room.says(1, &"a".repeat(1_000));
    for _ in 0..3 {
        room.says(1, &"x".repeat(1_000));
    }
    room.says_to(2, &"y".repeat(1_000), Some(first));
    o.store.apply(room.take()).await.unwrap();
    let pages = async |bytes| {
        let mut pages = o.store.pages(user(2), &[room.id], 30, bytes).await.unwrap();
        seqs(&pages.remove(0))
    };
    assert_eq!(pages(0).await, [6], "at least one");
    assert_eq!(pages(2_000).await, [6], "the quoted text counts");
    assert_eq!(pages(3_500).await, [4, 5, 6]);
    assert_eq!(pages(usize::MAX).await, [1, 2, 3, 4, 5, 6]);
}

pub async fn a_page_shows_who_joined_late_nothing_of_before<S: Conversations>(o: Opened<S>) {
    let mut room = Room::group(1, 2, false);
    let secret = room.says(1, "secret");
    let joined = room.adds(1, 3);
    let reply = room.says_to(2, "about it", Some(secret));
    let edit = room.edits(1, secret, "more of it");
    o.store.apply(room.take()).await.unwrap();
    let late = page(&o, 3, &room, 99).await;
    assert_eq!(seqs(&late), [joined, reply, edit]);
    assert_eq!(states(&late), [reply], "what is quoted stays closed");
    let early = page(&o, 2, &room, 99).await;
    assert_eq!(seqs(&early), [1, secret, joined, reply, edit]);
    assert_eq!(states(&early), [secret, reply]);
}

pub async fn a_page_of_an_open_group_shows_everything<S: Conversations>(o: Opened<S>) {
    let mut room = Room::group(1, 2, true);
    let said = room.says(1, "for all");
    room.adds(1, 3);
    o.store.apply(room.take()).await.unwrap();
    let late = page(&o, 3, &room, 99).await;
    assert_eq!((seqs(&late), states(&late), late.history_open), (vec![1, 2, 3], vec![said], true));
}

pub async fn a_page_for_who_left_ends_where_they_left<S: Conversations>(o: Opened<S>) {
    let mut room = Room::group(1, 3, false);
    let said = room.says(1, "a");
    o.store.apply(room.take()).await.unwrap();
    let left = room.leaves(2);
    o.store.apply(room.take()).await.unwrap();
    room.says(1, "b");
    room.renames(1, "another name");
    o.store.apply(room.take()).await.unwrap();
    let page = page(&o, 2, &room, 99).await;
    assert_eq!((page.head, page.at), (Head { seq: left, ord: 1 }, room::at(left)));
    assert_eq!((seqs(&page), states(&page)), (vec![1, said, left], vec![said]));
    assert_eq!((&*page.title, page.members.len(), page.markers.len()), ("room 1", 0, 1));
}

pub async fn a_page_for_who_came_back_ends_at_the_hole<S: Conversations>(o: Opened<S>) {
    let mut room = Room::group(1, 2, false);
    let before = room.says(1, "before");
    room.leaves(2);
    room.says(1, "between");
    let back = room.adds(1, 2);
    let reply = room.says_to(1, "after", Some(before));
    o.store.apply(room.take()).await.unwrap();
    let page = page(&o, 2, &room, 99).await;
    assert_eq!(seqs(&page), [back, reply]);
    assert_eq!(states(&page), [before, reply], "what one saw before may be quoted");
    assert_eq!(page.periods.len(), 2);
}

pub async fn a_page_of_a_large_group_has_only_ones_own_marker<S: Conversations>(o: Opened<S>) {
    let small = SMALL_GROUP as u64;
    let (mut room, mut large) = (Room::group(1, small, false), Room::group(2, small + 1, false));
    o.store.apply(room.take()).await.unwrap();
    o.store.apply(large.take()).await.unwrap();
    let page_of = |room| page(&o, 2, room, 9);
    let (in_small, in_large) = (page_of(&room).await, page_of(&large).await);
    assert_eq!((in_small.members.len(), in_small.markers.len()), (SMALL_GROUP, SMALL_GROUP));
    assert_eq!((in_large.members.len(), in_large.markers.len()), (0, 1));
    assert_eq!((in_large.markers[0].user, in_large.member_count), (user(2), small + 1));
}
