//! What is written goes out once, in order, and can be changed only until it was handed on.

use std::time::Duration;

use protocol::{ClientFrame, Code, Submit};
use tokio::time::Instant;

use super::*;
use crate::account::ComposeError;
use crate::view::{Notification, Progress};

fn submits(account: &mut Account, connection: u64, now: Instant) -> Vec<Submit> {
    let frames = account.outgoing(connection, now).unwrap().frames;
    let frames = frames.iter().map(|text| protocol::wire::decode_client(text).unwrap());
    frames
        .filter_map(|frame| match frame {
            ClientFrame::Submit(submit) => Some(submit),
            _ => None,
        })
        .collect()
}

fn with_bob(path: &Path) -> (Account, ConversationId) {
    let mut account = open(path);
    let id = account.open_direct(BOB).unwrap();
    (account, id)
}

/// The event that a sent command became.
fn accepted(seq: u64, client_ref: ClientRef) -> Arrival {
    let mut event = message(seq, seq, ME);
    event.client_ref = client_ref;
    frame(direct(), event)
}

fn progress(account: &Account) -> Vec<Option<Progress>> {
    let rows = shown(account, direct());
    rows.iter()
        .map(|row| match &row.body {
            RowBody::Message(message) => message.progress,
            _ => None,
        })
        .collect()
}

#[test]
fn a_message_is_on_the_disk_when_it_is_answered_and_is_resent_with_its_ref_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (mut account, id) = with_bob(folder.path());
    let first = account.submit(id, say("one")).unwrap();
    let second = account.submit(id, say("two")).unwrap();
    drop(account);
    let mut account = open(folder.path());
    assert_eq!(texts(&shown(&account, id)), ["one", "two"]);
    let sent = submits(&mut account, 1, Instant::now());
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].peer, Some(BOB));
    let refs: Vec<ClientRef> = sent[0].commands.iter().map(|c| c.client_ref).collect();
    assert_eq!(refs, [first, second]);
    // Killed after it was handed over: the same, and it cannot be changed in place any more.
    drop(account);
    let mut account = open(folder.path());
    assert!(matches!(account.cancel(id, first), Err(ComposeError::TooLate)));
    let edited = account.edit_queued(id, first, "other".into());
    assert!(matches!(edited, Err(ComposeError::TooLate)));
    assert_eq!(submits(&mut account, 1, Instant::now()), sent);
}

#[test]
fn any_sight_of_the_event_clears_the_entry_and_there_is_one_row_throughout() {
    let ways: [fn(ClientRef) -> Arrival; 2] = [
        |client_ref| accepted(1, client_ref),
        |client_ref| {
            let Arrival::Event(frame) = accepted(1, client_ref) else { unreachable!() };
            Arrival::Range(protocol::model::Range {
                conversation: direct(),
                from: 1,
                to: 1,
                events: vec![frame.event],
                states: frame.states,
                closed: vec![],
            })
        },
    ];
    for way in ways {
        let folder = tempfile::tempdir().unwrap();
        let (mut account, id) = with_bob(folder.path());
        let sent = account.submit(id, say("one")).unwrap();
        submits(&mut account, 1, Instant::now());
        let before = shown(&account, id);
        account.ingest(vec![way(sent)]).unwrap();
        let after = shown(&account, id);
        assert_eq!((before.len(), after.len()), (1, 1));
        assert_eq!(before[0].key, after[0].key, "the row stays the same row");
        assert_eq!(progress(&account), [Some(Progress::Sent)]);
        assert!(account.is_idle(false));
    }
}

#[test]
fn a_kill_between_the_two_files_leaves_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let saved = tempfile::tempdir().unwrap();
    let (mut account, id) = with_bob(folder.path());
    let sent = account.submit(id, say("one")).unwrap();
    drop(account);
    let copy = |from: &Path, to: &Path| {
        std::fs::copy(from.join("outbox.db"), to.join("outbox.db")).unwrap();
    };
    copy(folder.path(), saved.path());
    let mut account = open(folder.path());
    account.ingest(vec![accepted(1, sent)]).unwrap();
    drop(account);
    // The cache was committed, the outbox was not.
    copy(saved.path(), folder.path());
    let mut account = open(folder.path());
    assert_eq!(shown(&account, id).len(), 1);
    assert!(submits(&mut account, 1, Instant::now()).is_empty());
}

#[test]
fn a_rejected_message_stays_and_says_why_the_next_goes_on_and_a_retry_is_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (mut account, id) = with_bob(folder.path());
    let first = account.submit(id, say("one")).unwrap();
    let second = account.submit(id, say("two")).unwrap();
    submits(&mut account, 1, Instant::now());
    account.ingest(vec![rejected(id, first, Code::Blocked), accepted(1, second)]).unwrap();
    assert_eq!(progress(&account), [Some(Progress::Sent), Some(Progress::Failed)]);
    assert!(account.is_idle(false), "what failed does not wait");
    drop(account);
    let mut account = open(folder.path());
    let rows = shown(&account, id);
    let RowBody::Message(failed) = &rows[1].body else { panic!() };
    assert_eq!((failed.error, failed.queued), (Some(Code::Blocked), false));
    let third = account.retry(id, first).unwrap();
    assert_ne!(third, first);
    let sent = submits(&mut account, 1, Instant::now());
    assert_eq!(sent[0].commands[0].client_ref, third);
    assert_eq!(shown(&account, id).len(), 2);
}

#[test]
fn a_failed_message_whose_event_comes_after_all_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (mut account, id) = with_bob(folder.path());
    let sent = account.submit(id, say("one")).unwrap();
    account.ingest(vec![rejected(id, sent, Code::Blocked)]).unwrap();
    account.ingest(vec![accepted(1, sent)]).unwrap();
    assert_eq!(progress(&account), [Some(Progress::Sent)]);
}

#[test]
fn any_other_rejected_command_is_dropped_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (mut account, id) = with_bob(folder.path());
    account.ingest(vec![frame(id, message(1, 1, BOB))]).unwrap();
    let react = Command::React { target: 1, emoji: "👍".into(), on: true };
    let sent = account.submit(id, react).unwrap();
    let RowBody::Message(view) = &shown(&account, id)[0].body else { panic!() };
    assert!(view.reactions[0].mine, "it shows at once");
    account.ingest(vec![rejected(id, sent, Code::LimitReached)]).unwrap();
    let RowBody::Message(view) = &shown(&account, id)[0].body else { panic!() };
    assert!(view.reactions.is_empty());
    let told = account.notifications().unwrap();
    let expected =
        Notification::Rejected { conversation: id, client_ref: sent, code: Code::LimitReached };
    assert!(told.contains(&expected), "{told:?}");
}

#[test]
fn a_queued_message_can_be_changed_and_taken_back_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (mut account, id) = with_bob(folder.path());
    let one = account.submit(id, say("one")).unwrap();
    let two = account.submit(id, say("two")).unwrap();
    account.edit_queued(id, one, "uno".into()).unwrap();
    account.cancel(id, two).unwrap();
    drop(account);
    let account = open(folder.path());
    assert_eq!(texts(&shown(&account, id)), ["uno"]);
}

#[test]
fn slow_down_is_still_sending() {
    let folder = tempfile::tempdir().unwrap();
    let (mut account, id) = with_bob(folder.path());
    account.submit(id, say("one")).unwrap();
    let now = Instant::now();
    let sent = submits(&mut account, 1, now);
    account.slow_down(id, now, Duration::from_secs(20));
    assert_eq!(progress(&account), [Some(Progress::Sending)]);
    assert!(submits(&mut account, 1, now + Duration::from_secs(15)).is_empty());
    assert_eq!(submits(&mut account, 1, now + Duration::from_secs(20)), sent);
}

#[test]
fn a_group_can_be_begun_and_written_to_offline() {
    let folder = tempfile::tempdir().unwrap();
    let mut account = open(folder.path());
    let people: Vec<UserId> = (10..260).map(|n| UserId(Uuid::from_u128(n))).collect();
    let id = account.create_group("Trip".into(), people).unwrap();
    account.submit(id, say("welcome")).unwrap();
    drop(account);
    let mut account = open(folder.path());
    let item = account.list().unwrap().conversations.remove(0);
    assert_eq!(
        (item.title.as_str(), item.preview.as_str(), item.member),
        ("Trip", "welcome", true)
    );
    let sent = submits(&mut account, 1, Instant::now());
    let kinds: Vec<usize> = sent[0].commands.iter().map(|c| c.command.invites().len()).collect();
    assert_eq!(kinds, [100, 100, 50, 0]);
    // Refused: it never came to be, and what was written in it is still there.
    account.ingest(vec![rejected(id, sent[0].commands[0].client_ref, Code::NoPerson)]).unwrap();
    assert_eq!(texts(&shown(&account, id)), ["welcome"]);
    assert!(matches!(account.submit(id, say("x")), Err(ComposeError::Refused(Code::NotAMember))));
}

#[test]
fn row_27_what_waited_for_thirty_days_is_not_sent_before_the_person_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (mut account, id) = with_bob(folder.path());
    let old = account.submit(id, say("old news")).unwrap();
    drop(account);
    let later = 1_700_000_000_000 + crate::outbox::TOO_OLD + 1;
    let clock = Environment::new(Arc::new(move || later), [4; 32], Blocking::Inline);
    let mut account = Account::open(folder.path(), None, clock, true).unwrap().unwrap();
    assert!(submits(&mut account, 1, Instant::now()).is_empty());
    assert_eq!(progress(&account), [Some(Progress::Failed)]);
    account.retry(id, old).unwrap();
    assert_eq!(submits(&mut account, 1, Instant::now())[0].commands.len(), 1);
}

#[test]
fn a_frame_refused_for_its_form_fails_its_entries_and_a_marker_refused_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (mut account, id) = with_bob(folder.path());
    account.submit(id, say("one")).unwrap();
    submits(&mut account, 1, Instant::now());
    account.refused(id, Code::NotAMember).unwrap();
    assert_eq!(progress(&account), [Some(Progress::Sending)], "that was about a marker");
    account.refused(id, Code::Malformed).unwrap();
    assert_eq!(progress(&account), [Some(Progress::Failed)]);
}

#[test]
fn what_a_message_quotes_is_kept_with_its_draft_and_sending_ends_the_draft() {
    let folder = tempfile::tempdir().unwrap();
    let (mut account, id) = with_bob(folder.path());
    account.ingest(vec![frame(id, message(1, 1, BOB))]).unwrap();
    let draft = crate::store::Draft { text: "well".into(), reply_to: Some(1) };
    account.save_draft(id, Some(draft)).unwrap();
    drop(account);
    let mut account = open(folder.path());
    let kept = account.open_window(id, None).unwrap().unwrap().draft.unwrap();
    assert_eq!((kept.text.as_str(), kept.reply.unwrap().text.as_str()), ("well", "message 1"));
    account.send(id, "well".into(), Some(1)).unwrap();
    assert_eq!(account.open_window(id, None).unwrap().unwrap().draft, None);
    let ahead = account.send(id, "x".into(), Some(2));
    assert!(matches!(ahead, Err(ComposeError::Refused(Code::NoMessage))));
}

#[test]
fn a_window_with_more_queued_messages_than_it_keeps_shows_each_when_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (mut account, id) = with_bob(folder.path());
    account.open_window(id, None).unwrap();
    let refs: Vec<ClientRef> =
        (0..450).map(|n| account.submit(id, say(&n.to_string())).unwrap()).collect();
    account.notifications().unwrap();
    for (seq, client_ref) in (1..).zip(&refs) {
        account.ingest(vec![accepted(seq, *client_ref)]).unwrap();
        let told = account.notifications().unwrap();
        let sent = told.iter().any(|told| match told {
            Notification::Rows { rows, .. } => rows.iter().any(|row| row.seq == Some(seq)),
            _ => false,
        });
        assert!(sent, "{seq}");
    }
}
