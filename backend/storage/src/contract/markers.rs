//! Sentences about how far everybody is.

use protocol::frame::{Mark, MarkStored, Marked};
use protocol::limits::SMALL_GROUP;
use protocol::model::Marker;
use protocol::{ConversationId, UserId};

use super::{Conversations, Opened, Room, user, uuid7};
use crate::{Change, MarkOutcome};

async fn mark<S: Conversations>(
    o: &Opened<S>,
    who: u64,
    room: &Room,
    (delivered, read): (u64, u64),
) -> (u64, u64, u64) {
    let mark = Mark { conversation: room.id, delivered, read };
    match o.store.mark(user(who), mark).await.unwrap() {
        MarkOutcome::Stored(MarkStored { delivered, read, read_ord, .. }) => {
            (delivered, read, read_ord)
        }
        MarkOutcome::NotAMember => panic!("{who} is a member"),
    }
}

/// A group in which event 1 is the beginning and 2 to 9 are messages.
async fn applied<S: Conversations>(o: &Opened<S>, members: u64) -> Room {
    let mut room = Room::group(1, members, false);
    for _ in 0..8 {
        room.says(1, "x");
    }
    o.store.apply(room.take()).await.unwrap();
    room
}

pub async fn markers_only_grow_and_read_implies_delivered<S: Conversations>(o: Opened<S>) {
    let room = applied(&o, 2).await;
    assert_eq!(mark(&o, 2, &room, (5, 3)).await, (5, 3, 2));
    assert_eq!(mark(&o, 2, &room, (2, 0)).await, (5, 3, 2));
    assert_eq!(mark(&o, 2, &room, (0, 7)).await, (7, 7, 6));
    assert_eq!(mark(&o, 2, &room, (0, 0)).await, (7, 7, 6));
    let marker = |n, delivered, read| Marker { user: user(n), delivered, read };
    let all = o.store.markers(room.id, None, 9).await.unwrap();
    assert_eq!(all, [marker(1, 1, 1), marker(2, 7, 7)]);
    assert_eq!(o.store.markers(room.id, None, 1).await.unwrap(), [marker(1, 1, 1)]);
    assert_eq!(o.store.markers(room.id, Some(all[0].user), 9).await.unwrap(), all[1..]);
}

pub async fn row_19_a_marker_beyond_the_head_is_taken_as_the_head<S: Conversations>(
    mut o: Opened<S>,
) {
    let mut room = applied(&o, 2).await;
    let i64_max = u64::try_from(i64::MAX).unwrap();
    for value in [10, i64_max, i64_max + 1, u64::MAX] {
        assert_eq!(mark(&o, 2, &room, (value, 0)).await, (9, 1, 0));
    }
    assert_eq!(mark(&o, 2, &room, (u64::MAX, u64::MAX)).await, (9, 9, 8));
    room.says(1, "later");
    o.store.apply(room.take()).await.unwrap();
    assert_eq!(mark(&o, 2, &room, (0, 0)).await, (9, 9, 8), "what came later is not read");
    assert_eq!(o.changes().len(), 2);
}

pub async fn who_was_never_a_member_cannot_mark<S: Conversations>(mut o: Opened<S>) {
    let room = applied(&o, 2).await;
    for (who, conversation) in [(9, room.id), (1, ConversationId(uuid7(5)))] {
        let mark = Mark { conversation, delivered: 1, read: 1 };
        assert_eq!(o.store.mark(user(who), mark).await.unwrap(), MarkOutcome::NotAMember);
    }
    assert_eq!(o.changes(), []);
}

pub async fn who_left_marks_up_to_their_leaving_and_only_they_are_told<S: Conversations>(
    mut o: Opened<S>,
) {
    let mut room = applied(&o, 3).await;
    let left = room.leaves(2);
    room.says(1, "later");
    o.store.apply(room.take()).await.unwrap();
    assert_eq!(mark(&o, 2, &room, (99, 99)).await, (left, left, 8));
    assert_eq!(told(&o.changes()), [(vec![user(2)], user(2))]);
    let current: Vec<_> =
        o.store.markers(room.id, None, 9).await.unwrap().iter().map(|marker| marker.user).collect();
    assert_eq!(current, [user(1), user(3)]);
}

pub async fn who_joined_late_has_everything_before_read<S: Conversations>(mut o: Opened<S>) {
    let mut room = applied(&o, 2).await;
    let joined = room.adds(1, 3);
    room.says(1, "later");
    o.store.apply(room.take()).await.unwrap();
    assert_eq!(mark(&o, 3, &room, (2, 2)).await, (joined, joined, 8));
    assert_eq!(o.changes(), [], "nothing moved");
    assert_eq!(o.store.markers(room.id, None, 9).await.unwrap()[2].read, joined);
}

pub async fn a_mark_that_moves_nothing_is_answered_and_not_handed_out<S: Conversations>(
    mut o: Opened<S>,
) {
    let room = applied(&o, 2).await;
    assert_eq!(mark(&o, 2, &room, (5, 5)).await, (5, 5, 4));
    let marker = Marker { user: user(2), delivered: 5, read: 5 };
    let marked = Marked { conversation: room.id, marker, read_ord: 4 };
    let recipients = vec![user(1), user(2)];
    assert_eq!(o.changes(), [Change::Marked { recipients, marked }]);
    assert_eq!(mark(&o, 2, &room, (5, 4)).await, (5, 5, 4));
    assert_eq!(o.changes(), []);
}

fn told(changes: &[Change]) -> Vec<(Vec<UserId>, UserId)> {
    let told = changes.iter().map(|change| match change {
        Change::Marked { recipients, marked } => (recipients.clone(), marked.marker.user),
        other => panic!("{other:?} is no mark"),
    });
    told.collect()
}

pub async fn a_mark_in_a_small_group_changes_everybodys_list<S: Conversations>(mut o: Opened<S>) {
    let room = applied(&o, SMALL_GROUP as u64).await;
    mark(&o, 2, &room, (4, 0)).await;
    let before = o.last_commit();
    mark(&o, 3, &room, (4, 0)).await;
    let after = o.committed.try_recv().unwrap();
    let everybody: Vec<_> = (1..=SMALL_GROUP as u64).map(user).collect();
    assert_eq!(told(&after.changes), [(everybody.clone(), user(3))]);
    for person in everybody {
        let list = o.store.listed(person, Some(before)).await.unwrap();
        assert_eq!(list.iter().map(|row| row.changed).collect::<Vec<_>>(), [after.commit]);
    }
}

pub async fn a_mark_in_a_large_group_changes_ones_own_list_only<S: Conversations>(
    mut o: Opened<S>,
) {
    let mut room = Room::group(1, SMALL_GROUP as u64 + 1, false);
    for _ in 0..8 {
        room.says(1, "x");
    }
    o.store.apply(room.take_told()).await.unwrap();
    mark(&o, 2, &room, (4, 0)).await;
    let before = o.last_commit();
    mark(&o, 3, &room, (4, 0)).await;
    assert_eq!(told(&o.changes()), [(vec![user(3)], user(3))]);
    assert_eq!(o.store.listed(user(3), Some(before)).await.unwrap().len(), 1);
    assert_eq!(o.store.listed(user(2), Some(before)).await.unwrap(), []);
}
