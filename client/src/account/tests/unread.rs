//! Unread is derived, and agrees with a reference that simply counts.

use std::time::Duration;

use proptest::prelude::*;
use protocol::frame::{MarkStored, Marked};
use protocol::model::Marker;
use tokio::time::Instant;

use super::model::{Act, Server};
use super::*;
use crate::view::Progress;

fn marked(user: UserId, delivered: u64, read: u64, read_ord: u64) -> Arrival {
    let marker = Marker { user, delivered, read };
    Arrival::Marked(Marked { conversation: direct(), marker, read_ord })
}

fn sent_marks(account: &mut Account, connection: u64, now: Instant) -> Vec<(u64, u64)> {
    let frames = account.outgoing(connection, now).unwrap().frames;
    let frames = frames.iter().map(|text| protocol::wire::decode_client(text).unwrap());
    frames
        .filter_map(|frame| match frame {
            protocol::ClientFrame::Mark(mark) => Some((mark.delivered, mark.read)),
            _ => None,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn unread_is_what_a_reference_counts_whatever_was_read_where(
        speakers in prop::collection::vec(0u8..3, 1..60),
        reads in prop::collection::vec((0usize..60, any::<bool>()), 0..8),
    ) {
        let acts: Vec<Act> = speakers.iter().map(|&n| Act::Say(n)).collect();
        let server = Server::new(&acts);
        let folder = tempfile::tempdir().unwrap();
        let mut account = open(folder.path());
        let mut read = 0;
        let mut reads = reads.into_iter();
        for seq in 1..=server.head() {
            account.ingest(vec![server.frame(seq)]).unwrap();
            if seq % 5 == 0 && let Some((at, here)) = reads.next() {
                let at = (at as u64).clamp(1, seq);
                read = read.max(at);
                if here {
                    account.mark_read(ROOM, at).unwrap();
                } else {
                    // Another of the person's apps.
                    let marker = Marker { user: ME, delivered: at, read: at };
                    let marked = Marked { conversation: ROOM, marker, read_ord: server.ord(at) };
                    account.ingest(vec![Arrival::Marked(marked)]).unwrap();
                }
            }
            let items = account.list().unwrap();
            drop(items);
            let room = &account.conversations[&ROOM];
            let own = account.cache.own_after(ROOM, room.mine.read).unwrap();
            let seen = server.events.iter().filter(|e| {
                e.seq <= seq && e.seq > read && e.kind.counts() && e.sender != ME
            });
            prop_assert_eq!(room.unread(own), seen.count() as u64);
        }
        prop_assert_eq!(server.unread(read), {
            account.notifications().unwrap();
            account.unread()
        });
    }
}

#[test]
fn unread_stops_at_a_thousand_and_a_marker_beyond_the_head_never_goes_below_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    account.ingest(vec![frame(direct(), message(5000, 5000, BOB))]).unwrap();
    assert_eq!(account.list().unwrap().conversations[0].unread, 1000);
    account.ingest(vec![marked(ME, 6000, 6000, 6000)]).unwrap();
    account.notifications().unwrap();
    assert_eq!(account.unread(), 0);
}

#[test]
fn row_12_a_marker_of_an_impossible_seq_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    account.ingest(vec![frame(direct(), message(1, 1, BOB)), marked(ME, 1, u64::MAX, 9)]).unwrap();
    assert_eq!(account.list().unwrap().conversations[0].unread, 1);
    account.mark_read(direct(), u64::MAX).unwrap();
    assert_eq!(account.conversations[&direct()].mine.read, 1, "more than there is counts as all");
}

#[test]
fn delivered_is_said_after_the_commit_and_until_it_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    let now = Instant::now();
    account
        .ingest(vec![frame(direct(), message(1, 1, BOB)), frame(direct(), message(2, 2, BOB))])
        .unwrap();
    assert_eq!(sent_marks(&mut account, 1, now), [(2, 0)]);
    assert!(!account.is_idle(false));
    // Killed before the answer: the marker is on the disk.
    drop(account);
    let mut account = open(folder.path());
    assert_eq!(sent_marks(&mut account, 2, now), [(2, 0)]);
    let answer = MarkStored { conversation: direct(), delivered: 2, read: 0, read_ord: 0 };
    account.ingest(vec![Arrival::MarkStored(answer)]).unwrap();
    assert!(account.is_idle(false));
    assert!(sent_marks(&mut account, 2, now + Duration::from_secs(60)).is_empty());
}

#[test]
fn nothing_behind_a_hole_is_called_delivered_and_own_messages_need_no_marker() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    account
        .ingest(vec![frame(direct(), message(1, 1, BOB)), frame(direct(), message(3, 3, BOB))])
        .unwrap();
    assert_eq!(sent_marks(&mut account, 1, Instant::now()), [(1, 0)]);
    let answer = MarkStored { conversation: direct(), delivered: 1, read: 0, read_ord: 0 };
    account.ingest(vec![Arrival::MarkStored(answer)]).unwrap();
    account.ingest(vec![frame(direct(), message(2, 2, ME))]).unwrap();
    let later = Instant::now() + Duration::from_secs(1);
    assert_eq!(sent_marks(&mut account, 1, later), [(3, 0)]);
    account.ingest(vec![frame(direct(), message(4, 4, ME))]).unwrap();
    let answer = MarkStored { conversation: direct(), delivered: 3, read: 0, read_ord: 0 };
    account.ingest(vec![Arrival::MarkStored(answer)]).unwrap();
    assert!(account.is_idle(false), "one's own message is delivered to nobody by oneself");
}

#[test]
fn a_marker_is_raised_again_when_the_answer_to_hello_has_a_lower_copy() {
    let server = Server::new(&[Act::Say(0), Act::Say(0)]);
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    account.ingest(vec![server.page(3, 3)]).unwrap();
    account.mark_read(ROOM, 3).unwrap();
    let answer = MarkStored { conversation: ROOM, delivered: 3, read: 3, read_ord: 2 };
    account.ingest(vec![Arrival::MarkStored(answer)]).unwrap();
    assert!(account.is_idle(false));
    // A restored server remembers less.
    account.ingest(vec![server.page(3, 3)]).unwrap();
    assert_eq!(sent_marks(&mut account, 5, Instant::now()), [(3, 3)]);
}

#[test]
fn ticks_turn_when_every_other_member_has_a_message() {
    let server = Server::new(&[Act::Add(2)]);
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    account.ingest(vec![server.page(2, 2), frame(ROOM, message(3, 1, ME))]).unwrap();
    let others: Vec<UserId> =
        account.conversations[&ROOM].roster.members.keys().copied().filter(|&u| u != ME).collect();
    assert_eq!(others.len(), 3);
    let mut steps = Vec::new();
    for (delivered, read) in [(3, 0), (3, 3)] {
        for &user in &others {
            let marker = Marker { user, delivered, read };
            let marked = Marked { conversation: ROOM, marker, read_ord: 0 };
            account.ingest(vec![Arrival::Marked(marked)]).unwrap();
            steps.push(account.conversations[&ROOM].progress(3, ME));
        }
    }
    use Progress::{Delivered, Read, Sent};
    assert_eq!(steps, [Sent, Sent, Delivered, Delivered, Delivered, Read]);
}
