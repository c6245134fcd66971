//! Searching: what is found and since when, pages, pins, and a broken or old index.

use protocol::frame::ConversationPage;
use protocol::model::{ConversationKind, Head, Marker, Period, Range, Role};
use tokio::time::Instant;

use super::super::Want;
use super::*;
use crate::search::{Coverage, SearchResults};

pub(super) const OTHER: ConversationId =
    ConversationId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00bb));

pub(super) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn search(account: &mut Account, typed: &str) -> SearchResults {
    account.search(typed, None, None, Instant::now()).unwrap().unwrap()
}

/// The seqs of all that is found, over all pages, the newest first.
pub(super) fn found(
    account: &mut Account,
    typed: &str,
    only: Option<ConversationId>,
) -> Vec<(u64, bool)> {
    let mut all = Vec::new();
    let mut before: Option<i64> = None;
    loop {
        let page = account.search(typed, only, before, Instant::now()).unwrap().unwrap();
        all.extend(page.messages.iter().map(|m| (m.seq, m.conversation == OTHER)));
        let Some(more) = page.more else { return all };
        before = Some(more.parse().unwrap());
    }
}

fn seqs(account: &mut Account, typed: &str) -> Vec<u64> {
    found(account, typed, None).into_iter().map(|(seq, _)| seq).collect()
}

/// A message with a text of its own.
pub(super) fn said(conversation: ConversationId, seq: u64, text: &str) -> Arrival {
    let event = message(seq, seq, BOB);
    let states = vec![state(seq, text, seq)];
    Arrival::Event(EventFrame { conversation, event, states })
}

/// An event at `seq` that gives `target` this text; none deletes it.
pub(super) fn changed(
    conversation: ConversationId,
    seq: u64,
    target: u64,
    text: Option<&str>,
) -> Arrival {
    let kind = match text {
        Some(_) => EventKind::Edited { target },
        None => EventKind::Deleted { target },
    };
    let mut new = state(target, text.unwrap_or_default(), seq);
    if text.is_none() {
        new.texts.clear();
    }
    let event = event(seq, seq, BOB, kind);
    Arrival::Event(EventFrame { conversation, event, states: vec![new] })
}

/// A page that describes a group and holds none of its events.
pub(super) fn described(conversation: ConversationId, head: u64) -> Arrival {
    let page = ConversationPage {
        conversation,
        kind: ConversationKind::Group,
        title: "Room".into(),
        history_open: true,
        head: Head { seq: head, ord: head },
        at: head as i64 * 1000,
        role: Role::Member,
        periods: vec![Period { joined_seq: 1, left_seq: None }],
        member_count: 2,
        members: vec![],
        markers: vec![Marker { user: ME, delivered: head, read: head }],
        read_ord: 0,
        events: vec![],
        states: vec![],
    };
    Arrival::Page(Page { conversations: vec![page], account_version: 0, last: true, whole: false })
}

fn range(conversation: ConversationId, from: u64, to: u64) -> Arrival {
    let events: Vec<Event> = (from..=to).map(|seq| message(seq, seq, BOB)).collect();
    let states = (from..=to).map(|seq| state(seq, &format!("word {seq}"), seq)).collect();
    Arrival::Range(Range { conversation, from, to, events, states, closed: vec![] })
}

#[test]
fn what_is_written_is_found_at_once_and_by_its_new_text_after_an_edit_and_never_when_deleted() {
    let folder = folder();
    let mut account = open(folder.path());
    account
        .ingest(vec![
            described(ROOM, 0),
            said(ROOM, 1, "The **moth** is in the logbook"),
            said(ROOM, 2, "新的机房怎么样？"),
            said(ROOM, 3, "see [the report](https://kith.example.org/minutes)"),
        ])
        .unwrap();
    for (typed, wanted) in [
        ("MOTH log", vec![1]),
        ("机房", vec![2]),
        ("minutes", vec![3]),
        ("\"the report\"", vec![3]),
        ("the", vec![3, 1]),
        ("the moth report", vec![]),
    ] {
        assert_eq!(seqs(&mut account, typed), wanted, "{typed}");
    }
    let results = search(&mut account, "moth");
    let hit = &results.messages[0];
    let pieces: Vec<(&str, bool)> = hit.pieces.iter().map(|p| (p.text.as_str(), p.hit)).collect();
    assert_eq!(pieces, [("The ", false), ("moth", true), (" is in the logbook", false)]);
    assert_eq!((hit.conversation, hit.seq, hit.at, hit.mine), (ROOM, 1, 1000, false));
    assert_eq!(hit.sender.as_ref().map(|sender| sender.id), Some(BOB));

    account.ingest(vec![changed(ROOM, 4, 1, Some("A butterfly"))]).unwrap();
    assert!(seqs(&mut account, "moth").is_empty());
    assert_eq!(seqs(&mut account, "butter"), [1]);
    account.ingest(vec![changed(ROOM, 5, 1, None)]).unwrap();
    assert!(seqs(&mut account, "butter").is_empty());
    // An old state that comes again brings nothing back.
    account.ingest(vec![said(ROOM, 1, "The moth")]).unwrap();
    assert!(seqs(&mut account, "moth").is_empty());
}

#[test]
fn a_message_is_found_as_soon_as_both_its_event_and_its_text_are_here_in_any_order() {
    let folder = folder();
    let mut account = open(folder.path());
    // The state comes first, with an edit of a message that is not here.
    account
        .ingest(vec![described(ROOM, 1), changed(ROOM, 2, 1, Some("edited before it came"))])
        .unwrap();
    assert!(seqs(&mut account, "edited").is_empty());
    account.ingest(vec![said(ROOM, 1, "as it was")]).unwrap();
    assert_eq!(seqs(&mut account, "edited"), [1]);
    assert!(seqs(&mut account, "was").is_empty());
    // The event comes first.
    let event = message(3, 2, BOB);
    account
        .ingest(vec![Arrival::Event(EventFrame { conversation: ROOM, event, states: vec![] })])
        .unwrap();
    account.ingest(vec![changed(ROOM, 4, 3, Some("late words"))]).unwrap();
    assert_eq!(seqs(&mut account, "late"), [3]);
}

#[test]
fn of_many_hits_a_page_is_given_and_the_next_one_follows_it() {
    let folder = folder();
    let mut account = open(folder.path());
    account.ingest(vec![described(ROOM, 100), described(OTHER, 100)]).unwrap();
    account.ingest(vec![range(OTHER, 1, 100), range(ROOM, 1, 100)]).unwrap();
    let first = search(&mut account, "word");
    assert_eq!(first.messages.len(), 40);
    let times: Vec<i64> = first.messages.iter().map(|message| message.at).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "the newest first: {times:?}");
    let mut all = found(&mut account, "word", None);
    assert_eq!(all.len(), 200);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 200, "nothing twice, although pairs are of one moment");
    let here = found(&mut account, "word", Some(OTHER));
    assert_eq!(here, (1..=100).rev().map(|seq| (seq, true)).collect::<Vec<_>>());
    let unknown = account.search("word", Some(direct()), None, Instant::now()).unwrap();
    assert_eq!(unknown, None);
}

#[test]
fn whatever_is_typed_is_answered() {
    let folder = folder();
    let mut account = open(folder.path());
    account.ingest(vec![described(ROOM, 0), said(ROOM, 1, "a NEAR b \" OR c'; --")]).unwrap();
    for (typed, hits) in [
        ("", 0),
        ("\"", 0),
        ("*", 0),
        ("\u{0}", 0),
        ("?!…", 0),
        ("a\u{0}b", 0),
        ("NEAR(a b)", 0),
        ("a NEAR b", 1),
        ("words:a", 0),
        ("a OR b", 1),
        ("a' OR 1=1 --", 0),
        ("^a", 1),
        ("-a", 1),
        ("a*", 1),
        ("{a}", 1),
    ] {
        let results = search(&mut account, typed);
        assert_eq!(results.messages.len(), hits, "{typed:?}");
    }
    for endless in ["a ".repeat(1 << 19), "字".repeat(1 << 18), "\"".repeat(1 << 20)] {
        assert_eq!(search(&mut account, &endless).more, None);
    }
}

#[test]
fn a_conversation_that_is_gone_is_not_found_any_more() {
    let folder = folder();
    let mut account = open(folder.path());
    account.ingest(vec![described(ROOM, 0), said(ROOM, 1, "gone"), cursor("1")]).unwrap();
    assert_eq!(seqs(&mut account, "gone"), [1]);
    account.begin_answer();
    account.ingest(vec![last_page(true)]).unwrap();
    assert!(seqs(&mut account, "gone").is_empty());
}

#[test]
fn an_index_of_another_version_is_made_anew_step_by_step_and_what_comes_meanwhile_is_found() {
    let folder = folder();
    let mut account = open(folder.path());
    account.ingest(vec![described(ROOM, 1200), range(ROOM, 1, 1100)]).unwrap();
    while account.index_step().unwrap() {}
    drop(account);
    let db = rusqlite::Connection::open(folder.path().join("cache.db")).unwrap();
    db.execute_batch(
        "UPDATE meta SET value = '0' WHERE key = 'search_version';
         DROP TABLE search_words; CREATE TABLE search_words (other TEXT);",
    )
    .unwrap();
    drop(db);

    let mut account = open(folder.path());
    assert_eq!(account.take_notices(), Vec::<&str>::new(), "only the index is made anew");
    let empty = search(&mut account, "word");
    assert!(empty.messages.is_empty() && empty.coverage.indexing);
    account.ingest(vec![said(ROOM, 1101, "word of today")]).unwrap();
    account.ingest(vec![changed(ROOM, 1102, 1, Some("word that was edited"))]).unwrap();
    assert!(account.index_step().unwrap());
    assert_eq!(found(&mut account, "word", None).len(), 501);
    drop(account);

    let mut account = open(folder.path());
    let mut steps = 0;
    while account.index_step().unwrap() {
        steps += 1;
    }
    assert!(steps >= 1, "it goes on where it was");
    let all = seqs(&mut account, "word");
    assert_eq!(all, (1..=1101).rev().collect::<Vec<_>>());
    assert_eq!(seqs(&mut account, "edited"), [1]);
    assert!(!search(&mut account, "word").coverage.indexing);
}

/// Overwrites what FTS5 has stored, as a bad disk would.
fn break_index(folder: &Path) {
    let db = rusqlite::Connection::open(folder.join("cache.db")).unwrap();
    db.execute("UPDATE search_words_data SET block = zeroblob(40) WHERE id > 10", []).unwrap();
}

#[test]
fn row_45_a_broken_index_is_made_anew_when_it_is_opened_searched_or_written_and_nothing_else_is() {
    // When it is opened.
    let folder = folder();
    let mut account = open(folder.path());
    account.ingest(vec![described(ROOM, 100), range(ROOM, 1, 100)]).unwrap();
    drop(account);
    break_index(folder.path());
    let mut account = open(folder.path());
    assert_eq!(account.take_notices(), Vec::<&str>::new());
    while account.index_step().unwrap() {}
    assert_eq!(seqs(&mut account, "word").len(), 100);

    // When it is searched.
    break_index(folder.path());
    assert!(search(&mut account, "word").coverage.indexing);
    while account.index_step().unwrap() {}
    assert_eq!(seqs(&mut account, "word").len(), 100);

    // When it is written; what did not fit comes again, since the cursor has not moved.
    break_index(folder.path());
    let mut seq = 100;
    let error = loop {
        seq += 1;
        assert!(seq < 200, "the damage shows when parts are merged");
        if let Err(error) = account.ingest(vec![said(ROOM, seq, "word")]) {
            break error;
        }
    };
    assert!(error.is_index_damage(), "{error}");
    account.recover(&error).unwrap();
    assert_eq!(account.take_notices(), Vec::<&str>::new());
    account.ingest(vec![said(ROOM, seq, "word")]).unwrap();
    while account.index_step().unwrap() {}
    assert_eq!(seqs(&mut account, "word").len() as u64, seq);
    assert_eq!(shown(&account, ROOM).len() as u64, seq, "no message was lost");
}

#[test]
fn it_is_said_since_when_all_can_be_found_and_older_history_is_wanted_newest_first() {
    let folder = folder();
    let mut account = open(folder.path());
    let now = Instant::now();
    let first = Coverage { coming: true, ..Coverage::default() };
    assert_eq!(search(&mut account, "").coverage, first, "no list came yet");
    account.ingest(vec![described(ROOM, 1000), described(OTHER, 500)]).unwrap();
    let nothing = search(&mut account, "").coverage;
    assert_eq!((nothing.complete, nothing.since), (false, None));

    account.ingest(vec![range(ROOM, 901, 1000), range(OTHER, 401, 500)]).unwrap();
    let coverage = |account: &mut Account, only| {
        let results = account.search("", only, None, now).unwrap().unwrap();
        (results.coverage.complete, results.coverage.since)
    };
    assert_eq!(coverage(&mut account, None), (false, Some(901_000)));
    assert_eq!(coverage(&mut account, Some(OTHER)), (false, Some(401_000)));

    let other = account.next_want();
    assert!(
        !matches!(other, Some(Want::Range { .. })),
        "nothing waits for older history: {other:?}"
    );

    // In which somebody searches comes first; else what is newest.
    let want = |account: &mut Account, now| account.older(now).unwrap();
    let hurried = want(&mut account, now).unwrap();
    assert!(hurried.hurry);
    assert_eq!(hurried.want, Want::Range { conversation: OTHER, from: 201, to: 400 });
    let later = now + std::time::Duration::from_secs(11);
    let unhurried = want(&mut account, later).unwrap();
    assert!(!unhurried.hurry);
    let newest = Want::Range { conversation: ROOM, from: 701, to: 900 };
    assert_eq!(unhurried.want, newest);

    // What the server does not give is not asked for again on this connection.
    account.give_up(&newest);
    let other = Want::Range { conversation: OTHER, from: 201, to: 400 };
    assert_eq!(want(&mut account, later).map(|older| older.want), Some(other.clone()));
    account.give_up(&other);
    assert!(!search(&mut account, "").coverage.coming, "nothing more is to be had now");
    account.begin_answer();
    assert_eq!(want(&mut account, later).map(|older| older.want), Some(newest));

    account.ingest(vec![range(ROOM, 1, 900), range(OTHER, 1, 400), last_page(false)]).unwrap();
    assert_eq!(coverage(&mut account, None), (true, None));
    assert_eq!(want(&mut account, later), None);
}

#[test]
fn pinned_messages_are_in_the_details_and_a_change_of_them_is_told() {
    let folder = folder();
    let mut account = open(folder.path());
    account
        .ingest(vec![described(ROOM, 0), said(ROOM, 1, "first"), said(ROOM, 2, "second")])
        .unwrap();
    account.open_window(ROOM, None).unwrap();
    account.notifications().unwrap();
    let pin = |seq, target: u64, text: &str, on| {
        let mut new = state(target, text, seq);
        new.pinned = on;
        let event = event(seq, 2, BOB, EventKind::Pinned { target, on });
        Arrival::Event(EventFrame { conversation: ROOM, event, states: vec![new] })
    };
    let told = |account: &mut Account| {
        let all = account.notifications().unwrap().into_iter();
        let mut details = all.filter_map(|told| match told {
            crate::view::Notification::Details { details } => Some(details.pinned),
            _ => None,
        });
        details.next().map(|pinned| {
            pinned.into_iter().map(|p| (p.seq, p.pieces[0].text.clone())).collect::<Vec<_>>()
        })
    };
    account.ingest(vec![pin(3, 1, "first", true), pin(4, 2, "second", true)]).unwrap();
    let both = vec![(2, "second".to_owned()), (1, "first".to_owned())];
    assert_eq!(told(&mut account), Some(both));
    account.ingest(vec![said(ROOM, 5, "third")]).unwrap();
    assert_eq!(told(&mut account), None);
    account.ingest(vec![pin(6, 2, "second", false), changed(ROOM, 7, 1, None)]).unwrap();
    let left = account.details(ROOM).unwrap().unwrap().pinned;
    assert!(left.is_empty() || left[0].seq == 1, "{left:?}");
    assert!(told(&mut account).is_some());
}
