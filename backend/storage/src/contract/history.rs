//! Sentences about what readers see.

use protocol::ConversationId;

use super::{Conversations, Opened, Room, room, user, uuid7};
use crate::{Head, Stretch};

pub async fn what_does_not_exist_is_nothing_and_no_error<S: Conversations>(o: Opened<S>) {
    let id = ConversationId(uuid7(1 << 32));
    assert_eq!(o.store.head(id).await.unwrap(), None);
    assert_eq!(o.store.member(id, user(1)).await.unwrap(), None);
    assert_eq!(o.store.members(id, None, 9).await.unwrap(), []);
    assert_eq!(o.store.markers(id, None, 9).await.unwrap(), []);
    assert_eq!(o.store.listed(user(1), None).await.unwrap(), []);
    assert_eq!(o.store.pages(user(1), &[id], 9, usize::MAX).await.unwrap(), []);
    let nothing = Stretch { from: 1, ..Stretch::default() };
    assert_eq!(o.store.stretch(id, 1, 9, 9, 99).await.unwrap(), nothing);
    // Nor is what exists, for who never was in it.
    let mut room = Room::group(2, 2, false);
    o.store.apply(room.take()).await.unwrap();
    assert_eq!(o.store.member(room.id, user(9)).await.unwrap(), None);
    assert_eq!(o.store.listed(user(9), None).await.unwrap(), []);
    assert_eq!(o.store.pages(user(9), &[room.id], 9, usize::MAX).await.unwrap(), []);
}

fn seqs(stretch: &Stretch) -> Vec<u64> {
    stretch.events.iter().map(|event| event.seq).collect()
}

pub async fn a_stretch_is_clamped_to_the_head<S: Conversations>(o: Opened<S>) {
    let mut room = Room::group(1, 2, false);
    room.says(1, "a");
    room.says(2, "b");
    o.store.apply(room.take()).await.unwrap();
    for to in [3, 4, 1 << 40, u64::MAX] {
        let stretch = o.store.stretch(room.id, 2, to, 9, 9999).await.unwrap();
        assert_eq!((stretch.from, stretch.to, seqs(&stretch)), (2, 3, vec![2, 3]));
    }
    for from in [4, 1 << 40, u64::MAX] {
        let stretch = o.store.stretch(room.id, from, u64::MAX, 9, 9999).await.unwrap();
        assert_eq!((stretch.from, stretch.to, seqs(&stretch)), (4, 3, vec![]));
    }
    let stretch = o.store.stretch(room.id, 3, 1, 9, 9999).await.unwrap();
    assert_eq!((stretch.from, stretch.to, seqs(&stretch)), (2, 1, vec![]));
}

pub async fn a_stretch_ends_where_its_limits_are_met_and_its_newest_part_is_kept<
    S: Conversations,
>(
    o: Opened<S>,
) {
    let mut room = Room::group(1, 2, false);
    for _ in 0..9 {
        room.says(1, &"x".repeat(1_000));
    }
    o.store.apply(room.take()).await.unwrap();
    let stretch = o.store.stretch(room.id, 1, 8, 3, 99_999).await.unwrap();
    assert_eq!((stretch.from, stretch.to, seqs(&stretch)), (6, 8, vec![6, 7, 8]));
    assert_eq!(stretch.states, [room.state(6), room.state(7), room.state(8)]);
    let stretch = o.store.stretch(room.id, 1, 10, 99, 2_500).await.unwrap();
    assert_eq!((stretch.from, seqs(&stretch)), (8, vec![8, 9, 10]));
    let stretch = o.store.stretch(room.id, 1, 10, 99, 0).await.unwrap();
    assert_eq!((stretch.from, seqs(&stretch)), (10, vec![10]), "one that is too large still goes");
    let stretch = o.store.stretch(room.id, 1, 10, 0, 99_999).await.unwrap();
    assert_eq!((stretch.from, stretch.to, seqs(&stretch)), (11, 10, vec![]));
}

pub async fn a_stretch_carries_the_states_of_messages_that_it_names<S: Conversations>(
    o: Opened<S>,
) {
    let mut room = Room::group(1, 2, false);
    let first = room.says(1, "question");
    let second = room.says(1, "tyop");
    o.store.apply(room.take()).await.unwrap();
    let reply = room.says_to(2, "answer", Some(first));
    let edit = room.edits(1, second, "typo");
    o.store.apply(room.take()).await.unwrap();
    let stretch = o.store.stretch(room.id, reply, edit, 9, 9999).await.unwrap();
    assert_eq!(seqs(&stretch), [reply, edit]);
    assert_eq!(stretch.states, [room.state(first), room.state(second), room.state(reply)]);
    assert_eq!(stretch.states[1].text(), Some("typo"));
    // The older stretch shows the edit too: the state is the current one.
    let stretch = o.store.stretch(room.id, second, second, 9, 9999).await.unwrap();
    assert_eq!(stretch.states, [room.state(second)]);
}

pub async fn row_24_ranges_cross_every_edge_without_a_hole<S: Conversations>(o: Opened<S>) {
    let mut room = Room::group(1, 2, false);
    for n in 0..5_050 {
        room.says(1, "x");
        if n % 1_000 == 999 {
            o.store.apply(room.take()).await.unwrap();
        }
    }
    o.store.apply(room.take()).await.unwrap();
    for (from, to) in [(4_998, 5_002), (4_999, 4_999), (5_000, 5_001), (5_001, 5_001), (1, 1)] {
        let stretch = o.store.stretch(room.id, from, to, 200, 1 << 20).await.unwrap();
        assert_eq!((stretch.from, stretch.to), (from, to));
        assert_eq!(seqs(&stretch), (from..=to).collect::<Vec<_>>());
    }
    let mut to = room.head.seq;
    let mut all = Vec::new();
    while to > 0 {
        let stretch = o.store.stretch(room.id, 1, to, 487, 1 << 20).await.unwrap();
        all.splice(0..0, seqs(&stretch));
        to = stretch.from - 1;
    }
    assert_eq!(all, (1..=room.head.seq).collect::<Vec<_>>());
}

pub async fn members_come_by_id_in_parts<S: Conversations>(o: Opened<S>) {
    let mut room = Room::group(1, 5, false);
    room.leaves(3);
    o.store.apply(room.take()).await.unwrap();
    let ids = |members: Vec<protocol::model::Member>| {
        members.into_iter().map(|member| member.user).collect::<Vec<_>>()
    };
    let first = o.store.members(room.id, None, 2).await.unwrap();
    assert_eq!(ids(first), [user(1), user(2)]);
    let second = o.store.members(room.id, Some(user(2)), 9).await.unwrap();
    assert_eq!(ids(second), [user(4), user(5)]);
    assert_eq!(o.store.members(room.id, Some(user(5)), 9).await.unwrap(), []);
    assert_eq!(o.store.members(room.id, None, u64::MAX).await.unwrap().len(), 4);
    let left = o.store.member(room.id, user(3)).await.unwrap();
    assert_eq!(left, Some(room.member(3)), "who left has a row");
}

pub async fn the_list_has_left_conversations_and_most_recent_events_first<S: Conversations>(
    o: Opened<S>,
) {
    let (mut first, mut second) = (Room::group(1, 2, false), Room::group(2, 2, false));
    for _ in 0..3 {
        first.says(1, "a");
    }
    second.says(1, "b");
    let left = second.leaves(2);
    second.says(1, "c");
    second.says(1, "d");
    o.store.apply(first.take()).await.unwrap();
    o.store.apply(second.take()).await.unwrap();
    let list = o.store.listed(user(1), None).await.unwrap();
    let heads: Vec<_> = list.iter().map(|row| (row.conversation, row.head, row.at)).collect();
    assert_eq!(heads, [(second.id, second.head, room::at(5)), (first.id, first.head, room::at(4))]);
    let list = o.store.listed(user(2), None).await.unwrap();
    let heads: Vec<_> = list.iter().map(|row| (row.conversation, row.head, row.at)).collect();
    let at_leaving = Head { seq: left, ord: 1, position: 0 };
    assert_eq!(
        heads,
        [(first.id, first.head, room::at(4)), (second.id, at_leaving, room::at(left))]
    );
}

pub async fn the_list_since_a_commit_has_what_changed_after_it<S: Conversations>(mut o: Opened<S>) {
    let (mut first, mut second) = (Room::group(1, 2, false), Room::group(2, 2, false));
    o.store.apply(first.take_told()).await.unwrap();
    o.store.apply(second.take_told()).await.unwrap();
    let commit = o.last_commit();
    assert_eq!(o.store.listed(user(1), Some(commit)).await.unwrap(), []);
    first.says(2, "news");
    o.store.apply(first.take_told()).await.unwrap();
    let later = o.last_commit();
    let list = o.store.listed(user(1), Some(commit)).await.unwrap();
    assert_eq!(list.iter().map(|row| row.conversation).collect::<Vec<_>>(), [first.id]);
    assert_eq!(list[0].changed, later);
    for since in [later, u64::MAX] {
        assert_eq!(o.store.listed(user(1), Some(since)).await.unwrap(), []);
    }
    assert_eq!(o.store.listed(user(1), Some(0)).await.unwrap().len(), 2);
}

pub async fn who_left_is_told_of_nothing_after_that<S: Conversations>(mut o: Opened<S>) {
    let mut room = Room::group(1, 3, false);
    o.store.apply(room.take_told()).await.unwrap();
    let before = o.last_commit();
    room.leaves(2);
    o.store.apply(room.take_told()).await.unwrap();
    let leaving = o.last_commit();
    let list = o.store.listed(user(2), Some(before)).await.unwrap();
    assert_eq!((list.len(), list[0].changed), (1, leaving), "their leaving is told");
    room.says(1, "behind their back");
    room.renames(1, "without them");
    o.store.apply(room.take_told()).await.unwrap();
    o.store
        .mark(user(1), protocol::frame::Mark { conversation: room.id, delivered: 4, read: 4 })
        .await
        .unwrap();
    assert_eq!(o.store.listed(user(2), Some(leaving)).await.unwrap(), []);
    assert_eq!(o.store.listed(user(3), Some(leaving)).await.unwrap().len(), 1);
}
