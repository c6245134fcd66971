//! What the account says is new, and what it remembers of it.

use std::collections::BTreeSet;

use protocol::frame::{ConversationPage, Marked, Page};
use protocol::model::{ConversationKind, Head, Marker, Member, Period, Role};

use super::*;
use crate::notify::policy::{Looking, Stand, What};

fn page(conversations: Vec<ConversationPage>) -> Arrival {
    Arrival::Page(Page { conversations, account_version: 0, last: true, whole: false })
}

/// The direct conversation with Bob, as a page describes it, with these events of his in it.
fn described(seqs: std::ops::RangeInclusive<u64>) -> ConversationPage {
    let head = *seqs.end();
    ConversationPage {
        conversation: direct(),
        kind: ConversationKind::Direct,
        title: String::new(),
        history_open: false,
        head: Head { seq: head, ord: head },
        at: 0,
        role: Role::Member,
        periods: vec![Period { joined_seq: 1, left_seq: None }],
        member_count: 2,
        members: [ME, BOB].map(|user| Member { user, role: Role::Member }).to_vec(),
        markers: vec![],
        read_ord: 0,
        events: seqs.clone().map(|seq| message(seq, seq, BOB)).collect(),
        states: seqs.map(|seq| state(seq, "hi", seq)).collect(),
    }
}

/// Everything that is new, settled as it is told.
fn news(account: &mut Account) -> Vec<Stand> {
    let Some((stands, _)) = account.news(&BTreeSet::new(), |_| None).unwrap() else {
        return Vec::new();
    };
    let settled: Vec<_> = stands.iter().map(|stand| (stand.conversation, stand.head)).collect();
    account.notice_up_to(&settled, Looking::default()).unwrap();
    stands
}

fn seqs(stands: &[Stand]) -> Vec<u64> {
    stands.iter().flat_map(|stand| stand.happened.iter().map(|event| event.seq)).collect()
}

/// An account on a new device, whose list has just come.
fn signed_in(folder: &Path) -> Account {
    let mut account = open(folder);
    account.begin_answer();
    account.ingest(vec![page(vec![described(1..=3)])]).unwrap();
    account
}

#[test]
fn on_a_new_device_history_is_no_news_and_what_comes_then_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    assert!(account.news(&BTreeSet::new(), |_| None).unwrap().is_none(), "nothing is known yet");
    account.begin_answer();
    account.ingest(vec![page(vec![described(1..=3)])]).unwrap();
    assert!(news(&mut account).is_empty());
    account.ingest(vec![frame(direct(), message(4, 4, BOB))]).unwrap();
    let stands = news(&mut account);
    assert_eq!(seqs(&stands), [4]);
    assert_eq!(stands[0].unread, 4);
    assert!(news(&mut account).is_empty(), "once");
}

#[test]
fn what_was_told_is_not_told_again_after_a_kill_and_what_was_not_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = signed_in(folder.path());
    news(&mut account);
    account.ingest(vec![frame(direct(), message(4, 4, BOB))]).unwrap();
    assert_eq!(seqs(&news(&mut account)), [4]);
    account.ingest(vec![frame(direct(), message(5, 5, BOB))]).unwrap();
    drop(account);
    let mut account = open(folder.path());
    assert_eq!(seqs(&news(&mut account)), [5]);
    drop(account);
    assert!(news(&mut open(folder.path())).is_empty());
}

#[test]
fn while_a_hello_is_answered_nothing_is_told_and_then_all_of_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = signed_in(folder.path());
    news(&mut account);
    account.begin_answer();
    let first = Page {
        conversations: vec![described(4..=6)],
        account_version: 0,
        last: false,
        whole: false,
    };
    account.ingest(vec![Arrival::Page(first)]).unwrap();
    assert!(account.news(&BTreeSet::new(), |_| None).unwrap().is_none());
    account.ingest(vec![page(vec![])]).unwrap();
    let (stands, replay) = account.news(&BTreeSet::new(), |_| None).unwrap().unwrap();
    assert!(replay);
    assert_eq!(seqs(&stands), [4, 5, 6]);
    account.ingest(vec![frame(direct(), message(7, 7, BOB))]).unwrap();
    let (_, replay) = account.news(&BTreeSet::new(), |_| None).unwrap().unwrap();
    assert!(!replay, "what comes live is no replay");
}

#[test]
fn what_was_read_on_another_device_is_no_news() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = signed_in(folder.path());
    news(&mut account);
    let marker = Marker { user: ME, delivered: 4, read: 4 };
    let marked = Marked { conversation: direct(), marker, read_ord: 4 };
    account.ingest(vec![frame(direct(), message(4, 4, BOB)), Arrival::Marked(marked)]).unwrap();
    assert!(seqs(&news(&mut account)).is_empty());
}

#[test]
fn an_event_is_told_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = signed_in(folder.path());
    news(&mut account);
    let deleted = MessageState { texts: vec![], ..state(5, "", 6) };
    let delete = event(6, 5, BOB, EventKind::Deleted { target: 5 });
    let deletion = EventFrame { conversation: direct(), event: delete, states: vec![deleted] };
    account
        .ingest(vec![
            frame(direct(), message(4, 4, BOB)),
            frame(direct(), message(5, 5, BOB)),
            Arrival::Event(deletion),
            frame(direct(), message(7, 6, ME)),
        ])
        .unwrap();
    let stands = news(&mut account);
    let what: Vec<_> = stands[0].happened.iter().map(|event| event.what.clone()).collect();
    let said = What::Message { sender: None, text: "message 4".into() };
    assert_eq!(what, [said, What::Deleted, What::Other, What::Own]);
}

#[test]
fn a_mute_is_kept_and_can_be_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = signed_in(folder.path());
    news(&mut account);
    account.mute(direct(), Some(99)).unwrap();
    assert_eq!(account.list().unwrap().conversations[0].muted_until, Some(99));
    assert!(account.mute(ROOM, Some(99)).is_err(), "nobody has that conversation");
    drop(account);
    let mut account = open(folder.path());
    assert_eq!(account.muted_until(direct()), Some(99));
    account.ingest(vec![frame(direct(), message(4, 4, BOB))]).unwrap();
    assert_eq!(news(&mut account)[0].muted_until, 99);
    account.mute(direct(), None).unwrap();
    assert_eq!(account.muted_until(direct()), None);
}

#[test]
fn an_outbox_of_the_version_before_is_brought_up_to_date_and_keeps_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = signed_in(folder.path());
    account.send(direct(), "still here".into(), None).unwrap();
    drop(account);
    let file = folder.path().join("outbox.db");
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute_batch("DROP TABLE noticed; DROP TABLE mutes; PRAGMA user_version = 1;").unwrap();
    drop(db);
    let account = open(folder.path());
    assert!(texts(&shown(&account, direct())).contains(&"still here".to_owned()));
    assert!(!folder.path().join("outbox.db.damaged").exists());
}
