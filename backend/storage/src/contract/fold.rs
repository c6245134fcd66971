//! Sentences about what the sequencer writes and needs.

use protocol::model::EventKind;
use protocol::{ClientRef, Code, ConversationId};

use super::{Conversations, Opened, Room, user, uuid7};
use crate::{Batch, Loaded, Outcome, RefRow, StorageError};

pub async fn what_was_applied_is_loaded<S: Conversations>(o: Opened<S>) {
    let mut room = Room::group(1, 3, false);
    let said = room.says(2, "hi");
    o.store.apply(room.take()).await.unwrap();
    let loaded = o.store.load(room.id).await.unwrap();
    let members = vec![room.member(1), room.member(2), room.member(3)];
    assert_eq!(loaded, Loaded { head: room.head, conversation: Some(room.row()), members });
    let events = o.store.events(room.id, &[said, 1]).await.unwrap();
    assert_eq!(events.iter().map(|(row, _)| row.event.seq).collect::<Vec<_>>(), [1, said]);
    assert_eq!(events[0].1, None);
    assert_eq!(events[1].1.as_ref().map(|row| &row.state), Some(&room.state(said)));
    assert_eq!(o.store.load(ConversationId(uuid7(9))).await.unwrap(), Loaded::default());
}

pub async fn of_two_writers_of_a_cell_the_higher_position_wins_in_either_order<S: Conversations>(
    o: Opened<S>,
) {
    let mut room = Room::group(1, 2, false);
    let said = room.says(1, "first");
    let (head, row, member) = (room.head, room.row(), room.member(2));
    let older_state = room.batch.messages.clone();
    o.store.apply(room.take()).await.unwrap();
    room.renames(1, "later");
    room.edits(1, said, "second");
    room.leaves(2);
    o.store.apply(room.take()).await.unwrap();
    let after = o.store.load(room.id).await.unwrap();
    let events = o.store.events(room.id, &[said]).await.unwrap();
    assert_eq!(events[0].1.as_ref().unwrap().state, room.state(said));
    // The older writer comes last, with every one of its cells.
    let late = Batch {
        heads: vec![(room.id, head)],
        conversations: vec![row],
        members: vec![member],
        messages: older_state,
        ..Batch::default()
    };
    o.store.apply(late).await.unwrap();
    assert_eq!(o.store.load(room.id).await.unwrap(), after);
    assert_eq!(o.store.events(room.id, &[said]).await.unwrap(), events);
}

pub async fn a_batch_that_is_applied_again_changes_nothing<S: Conversations>(mut o: Opened<S>) {
    let mut room = Room::group(1, 3, false);
    let said = room.says(1, "once");
    room.edits(1, said, "twice");
    let batch = room.take();
    o.store.apply(batch.clone()).await.unwrap();
    let before = (
        o.store.load(room.id).await.unwrap(),
        o.store.stretch(room.id, 1, 9, 9, 9999).await.unwrap(),
        o.store.member(room.id, user(3)).await.unwrap(),
    );
    for _ in 0..2 {
        o.store.apply(batch.clone()).await.unwrap();
    }
    let after = (
        o.store.load(room.id).await.unwrap(),
        o.store.stretch(room.id, 1, 9, 9, 9999).await.unwrap(),
        o.store.member(room.id, user(3)).await.unwrap(),
    );
    assert_eq!(before, after);
    assert_eq!(o.store.pages(user(1), &[room.id], 9, usize::MAX).await.unwrap()[0].member_count, 3);
    drop(o.changes());
}

pub async fn an_event_is_written_once_and_another_one_in_its_place_is_an_alarm<S: Conversations>(
    o: Opened<S>,
) {
    let mut room = Room::group(1, 2, false);
    room.says(1, "the one");
    let first = room.take();
    o.store.apply(first.clone()).await.unwrap();
    let mut other = first.clone();
    other.events[1].event.sender = user(2);
    let refused = o.store.apply(other).await.unwrap_err();
    assert!(matches!(refused, StorageError::Damaged { seq: 2, .. }), "{refused}");
    let mut other = first.clone();
    other.events[1].event.kind = EventKind::Message { reply_to: Some(1) };
    assert!(o.store.apply(other).await.is_err());
    let events = o.store.events(room.id, &[1, 2]).await.unwrap();
    assert_eq!(events.into_iter().map(|(row, _)| row).collect::<Vec<_>>(), first.events);
}

pub async fn a_dedup_row_is_written_once<S: Conversations>(o: Opened<S>) {
    let mut room = Room::group(1, 2, false);
    room.says(1, "hi");
    let first = room.take();
    o.store.apply(first.clone()).await.unwrap();
    let mut again = first.refs[1].clone();
    (again.position, again.outcome) = (999, Outcome::Rejected(Code::NotAMember));
    let late = Batch { refs: vec![again], ..Batch::default() };
    o.store.apply(late).await.unwrap();
    let asked = [(user(1), first.refs[1].client_ref)];
    assert_eq!(o.store.refs(room.id, &asked).await.unwrap(), [first.refs[1].clone()]);
}

fn rejection(conversation: ConversationId, n: u64, at: i64) -> RefRow {
    RefRow {
        conversation,
        sender: user(1),
        client_ref: ClientRef(uuid7(n)),
        position: 5,
        outcome: Outcome::Rejected(Code::NoConversation),
        hash: [7; 16],
        at,
    }
}

pub async fn refs_of_many_conversations_are_read_at_once<S: Conversations>(o: Opened<S>) {
    let rooms: Vec<_> = (1..=3).map(|n| ConversationId(uuid7(n << 32))).collect();
    let refs: Vec<_> = rooms.iter().map(|id| rejection(*id, 4, 50)).collect();
    o.store.apply(Batch { refs: refs.clone(), ..Batch::default() }).await.unwrap();
    let of = ClientRef(uuid7(4));
    let mut asked: Vec<_> = rooms.iter().map(|id| (*id, user(1), of)).collect();
    asked.push((rooms[0], user(2), of));
    asked.push((ConversationId(uuid7(1)), user(1), of));
    let mut found = o.store.refs_of(asked).await.unwrap();
    found.sort_by_key(|row| row.conversation);
    assert_eq!(found, refs);
    // A conversation of which only rejections are known does not exist for anybody.
    assert_eq!(o.store.head(rooms[0]).await.unwrap(), None);
    assert_eq!(o.store.load(rooms[0]).await.unwrap(), Loaded::default());
}

pub async fn only_refs_and_events_that_exist_are_answered<S: Conversations>(o: Opened<S>) {
    let mut room = Room::group(1, 2, false);
    room.says(1, "hi");
    o.store.apply(room.take()).await.unwrap();
    let of = |n| ClientRef(uuid7(n));
    let asked = [(user(1), of(2)), (user(2), of(2)), (user(1), of(77))];
    let found = o.store.refs(room.id, &asked).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].outcome, Outcome::Accepted(2));
    let found = o.store.events(room.id, &[0, 2, 2, 3, u64::MAX]).await.unwrap();
    assert_eq!(found.len(), 1);
}

pub async fn row_16_dedup_rows_are_forgotten_by_their_age_alone<S: Conversations>(o: Opened<S>) {
    let id = ConversationId(uuid7(1 << 32));
    let refs = vec![rejection(id, 1, 300), rejection(id, 2, 100), rejection(id, 3, 200)];
    o.store.apply(Batch { refs, ..Batch::default() }).await.unwrap();
    let prunes = o.store.prunes_refs();
    assert_eq!(o.store.prune_refs(200).await.unwrap(), u64::from(prunes));
    assert_eq!(o.store.prune_refs(200).await.unwrap(), 0);
    let asked: Vec<_> = (1..=3).map(|n| (user(1), ClientRef(uuid7(n)))).collect();
    let mut left: Vec<_> = o.store.refs(id, &asked).await.unwrap();
    left.sort_by_key(|row| row.at);
    // Where rows expire by themselves none is gone before its time.
    let kept: &[i64] = if prunes { &[200, 300] } else { &[100, 200, 300] };
    assert_eq!(left.iter().map(|row| row.at).collect::<Vec<_>>(), kept);
}

pub async fn the_restart_position_only_grows<S: Conversations>(o: Opened<S>) {
    assert_eq!(o.store.restart(3).await.unwrap(), None);
    for (restart, stored) in [(0, 0), (8, 8), (5, 8), (9, 9)] {
        o.store.apply(Batch { partition: 3, restart, ..Batch::default() }).await.unwrap();
        assert_eq!(o.store.restart(3).await.unwrap(), Some(stored));
    }
    assert_eq!(o.store.restart(4).await.unwrap(), None);
}

pub async fn changes_are_handed_out_in_order_before_apply_returns<S: Conversations>(
    mut o: Opened<S>,
) {
    let mut room = Room::group(1, 2, false);
    let mut last = 0;
    for n in 0..3 {
        room.says(1, "hi");
        let told = vec![room.tells(1, &format!("{n} a")), room.tells(2, &format!("{n} b"))];
        o.store.apply(room.take()).await.unwrap();
        let committed = o.committed.try_recv().unwrap();
        assert_eq!(committed.changes, told);
        assert!(committed.commit > last);
        last = committed.commit;
    }
    assert!(o.committed.try_recv().is_err());
}

/// Whoever comes after a crash cannot know whether its changes were handed out.
pub async fn a_batch_that_is_applied_again_hands_its_changes_out_again<S: Conversations>(
    mut o: Opened<S>,
) {
    let mut room = Room::group(1, 2, false);
    room.says(1, "hi");
    let told = room.tells(1, "hi");
    let batch = room.take();
    o.store.apply(batch.clone()).await.unwrap();
    let first = o.committed.try_recv().unwrap();
    o.store.apply(batch).await.unwrap();
    let again = o.committed.try_recv().unwrap();
    assert_eq!(again.changes, [told]);
    assert!(again.commit > first.commit);
}
