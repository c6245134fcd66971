//! The truth table of notifications, and what follows over time.

use std::time::Duration;

use proptest::prelude::*;
use protocol::{ConversationId, Millis};
use tokio::time::Instant;
use uuid::Uuid;

use super::policy::*;
use crate::view::Notify;

const TIME: Millis = 1_700_000_000_000;

fn room(n: u128) -> ConversationId {
    ConversationId(Uuid::from_u128(n))
}

fn said(seq: u64, text: &str) -> Happened {
    let what = What::Message { sender: Some("Grace Hopper".into()), text: text.into() };
    Happened { seq, what }
}

/// A conversation in which one message has come, as its eighth event.
fn stand(n: u128) -> Stand {
    Stand {
        conversation: room(n),
        group: None,
        head: 8,
        read: 7,
        noticed: 7,
        unread: 1,
        muted_until: 0,
        happened: vec![said(8, "moth")],
        shown_is_deleted: false,
    }
}

/// The person looks elsewhere and wants to be told of everything.
fn moment(stands: Vec<Stand>) -> Moment {
    Moment {
        time: TIME,
        now: Instant::now(),
        notify: Notify::All,
        content: true,
        looking: Looking::default(),
        replay: false,
        stands,
    }
}

fn at_first(moment: &Moment) -> Decision {
    decide(&Shown::default(), moment)
}

fn shown_seqs(decision: &Decision) -> Vec<u64> {
    let seqs = decision.alerts.iter().filter_map(|alert| match alert {
        Alert::Message { seq, .. } => Some(*seq),
        _ => None,
    });
    seqs.collect()
}

#[test]
fn a_message_is_told_of_exactly_when_the_whole_table_says_so() {
    let both = [false, true];
    let kinds = ["message", "deleted", "own", "other"];
    let mut told = 0;
    for kind in kinds {
        for row in 0..1u32 << 8 {
            let bit = |n: u32| row >> n & 1 == 1;
            let (focused, here, elsewhere) = (bit(0), bit(1), bit(2));
            let (read, noticed, muted, nothing, content) = (bit(3), bit(4), bit(5), bit(6), bit(7));
            let mut stand = stand(1);
            stand.happened[0].what = match kind {
                "message" => stand.happened[0].what.clone(),
                "deleted" => What::Deleted,
                "own" => What::Own,
                _ => What::Other,
            };
            stand.read = if read { 8 } else { 7 };
            stand.noticed = if noticed { 8 } else { 7 };
            stand.muted_until = if muted { TIME + 1 } else { TIME };
            let mut moment = moment(vec![stand]);
            moment.notify = if nothing { Notify::Nothing } else { Notify::All };
            moment.content = content;
            let conversation = match (here, elsewhere) {
                (true, _) => Some(room(1)),
                (false, true) => Some(room(2)),
                (false, false) => None,
            };
            moment.looking = Looking { focused, conversation };

            let wanted = kind == "message" && !read && !noticed && !muted && !nothing;
            let expected = wanted && !(focused && here);
            let decision = at_first(&moment);
            assert_eq!(decision.alerts.len(), usize::from(expected), "{kind} {row:08b}");
            if let Some(Alert::Message { conversation, seq, unread, content: shown }) =
                decision.alerts.first()
            {
                told += 1;
                assert_eq!((*conversation, *seq, *unread), (room(1), 8, 1));
                assert_eq!(shown.is_some(), content, "what was written shows only if it may");
            }
            // Whatever was decided, it is settled and does not come up again.
            let settled = if noticed { vec![] } else { vec![(room(1), 8)] };
            assert_eq!(decision.noticed, settled, "{kind} {row:08b}");
            assert_eq!(decision.again, None);
        }
    }
    // Of the first three, six of eight rows look elsewhere; the others are all as they should be.
    assert_eq!(told, 6 * both.len());
}

#[test]
fn what_it_shows_is_who_and_what_and_in_a_group_where() {
    let mut stand = stand(1);
    stand.group = Some("Engine room".into());
    let decision = at_first(&moment(vec![stand]));
    let content = Content {
        group: Some("Engine room".into()),
        sender: "Grace Hopper".into(),
        text: "moth".into(),
    };
    assert_eq!(
        decision.alerts,
        [Alert::Message { conversation: room(1), seq: 8, unread: 1, content: Some(content) }]
    );
}

#[test]
fn of_several_the_newest_message_counts_and_what_lies_on_top_of_it_does_not() {
    let mut stand = stand(1);
    stand.head = 12;
    stand.unread = 2;
    stand.happened = vec![
        said(8, "first"),
        said(9, "second"),
        Happened { seq: 10, what: What::Deleted },
        Happened { seq: 11, what: What::Other },
        Happened { seq: 12, what: What::Own },
    ];
    let decision = at_first(&moment(vec![stand]));
    assert_eq!(shown_seqs(&decision), [9]);
    assert_eq!(decision.noticed, [(room(1), 12)]);
}

#[test]
fn a_burst_in_one_conversation_is_told_of_once_in_a_while() {
    let mut shown = Shown::default();
    let mut times = Vec::new();
    let began = Instant::now();
    let mut noticed = 7;
    // A message every tenth of a second, for a minute.
    for n in 1..=600u64 {
        let mut stand = stand(1);
        stand.head = 7 + n;
        stand.noticed = noticed;
        stand.unread = n;
        stand.happened = (noticed + 1..=stand.head).map(|seq| said(seq, "again")).collect();
        let mut moment = moment(vec![stand]);
        moment.now = began + Duration::from_millis(100 * n);
        let decision = decide(&shown, &moment);
        match decision.alerts.as_slice() {
            [] => assert!(decision.again.is_some_and(|again| again <= moment.now + PACE)),
            [Alert::Message { unread, .. }] => {
                assert_eq!(*unread, n, "it says how many there are by now");
                times.push(moment.now);
                noticed = 7 + n;
            }
            other => panic!("{other:?}"),
        }
        shown = decision.shown;
    }
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= PACE));
    assert_eq!(times.len(), 20, "and nothing is forgotten");
}

#[test]
fn what_comes_with_the_answer_to_hello_is_one_summary_or_one_message() {
    let three = || vec![stand(1), stand(2), stand(3)];
    let mut moment = moment(three());
    moment.stands[1].unread = 40;
    moment.replay = true;
    let decision = at_first(&moment);
    assert_eq!(decision.alerts, [Alert::Summary { messages: 42, conversations: 3 }]);
    assert_eq!(decision.noticed.len(), 3);

    moment.looking.focused = true;
    let focused = at_first(&moment);
    assert!(focused.alerts.is_empty(), "who has the app before them sees the list");
    assert_eq!(focused.noticed.len(), 3);

    moment.looking.focused = false;
    moment.stands.truncate(1);
    assert_eq!(shown_seqs(&at_first(&moment)), [8]);
}

#[test]
fn many_conversations_at_once_are_a_summary_and_few_are_not() {
    let stands = |count| (1..=count).map(stand).collect::<Vec<_>>();
    let few = at_first(&moment(stands(MOST_AT_ONCE as u128)));
    assert_eq!(shown_seqs(&few).len(), MOST_AT_ONCE);
    let many = at_first(&moment(stands(MOST_AT_ONCE as u128 + 1)));
    assert_eq!(many.alerts, [Alert::Summary { messages: 6, conversations: 6 }]);
}

#[test]
fn a_notification_goes_when_its_message_is_read_deleted_muted_or_looked_at() {
    let first = moment(vec![stand(1)]);
    let shown = at_first(&first).shown;
    type Change = fn(&mut Moment);
    let reasons: [Change; 5] = [
        |moment| moment.stands[0].read = 8,
        |moment| moment.stands[0].shown_is_deleted = true,
        |moment| moment.stands[0].muted_until = Millis::MAX,
        |moment| moment.notify = Notify::Nothing,
        |moment| moment.looking = Looking { focused: true, conversation: Some(room(1)) },
    ];
    let still = Moment { stands: vec![Stand { noticed: 8, ..stand(1) }], ..first };
    for change in reasons {
        let mut moment = still.clone();
        change(&mut moment);
        let decision = decide(&shown, &moment);
        assert_eq!(decision.alerts, [Alert::Withdraw(room(1))]);
        assert!(decision.shown.messages.is_empty());
    }
    assert!(decide(&shown, &still).alerts.is_empty(), "without a reason it stays");
}

#[test]
fn a_summary_grows_and_goes_when_all_that_it_stands_for_is_read() {
    let mut away = moment(vec![stand(1), stand(2)]);
    away.replay = true;
    let first = at_first(&away);
    let mut again = moment(vec![stand(3), stand(4)]);
    again.replay = true;
    let second = decide(&first.shown, &again);
    assert_eq!(second.alerts, [Alert::Summary { messages: 4, conversations: 4 }]);

    let read = |n| Stand { read: 8, noticed: 8, unread: 0, ..stand(n) };
    let three = decide(&second.shown, &moment(vec![read(1), read(2), read(3)]));
    assert!(three.alerts.is_empty());
    let four = decide(&three.shown, &moment(vec![read(4)]));
    assert_eq!(four.alerts, [Alert::WithdrawSummary]);
}

#[test]
fn a_name_is_waited_for_but_not_for_ever() {
    let mut stand = stand(1);
    stand.happened[0].what = What::Message { sender: None, text: "moth".into() };
    let mut moment = moment(vec![stand]);
    let first = at_first(&moment);
    assert!(first.alerts.is_empty() && first.noticed.is_empty());
    assert_eq!(first.again, Some(moment.now + NAME_PATIENCE));
    moment.now += NAME_PATIENCE;
    let second = decide(&first.shown, &moment);
    assert_eq!(shown_seqs(&second), [8]);
    moment.content = false;
    assert_eq!(shown_seqs(&at_first(&moment)), [8], "a name that is not shown is not waited for");
}

proptest! {
    /// However things come: of one conversation at most one is shown, none twice, none that is read.
    #[test]
    fn no_message_is_told_of_twice_and_none_that_is_read(
        steps in prop::collection::vec((0u64..4, 0u64..4, 0u64..5000, any::<bool>()), 1..60),
    ) {
        let began = Instant::now();
        let (mut shown, mut noticed, mut head, mut read) = (Shown::default(), 0, 0, 0);
        let (mut told, mut after) = (Vec::new(), Duration::ZERO);
        for (more, reads, millis, replay) in steps {
            head += more;
            read = (read + reads).min(head);
            after += Duration::from_millis(millis);
            let stand = Stand {
                head,
                read,
                noticed,
                unread: head - read,
                happened: (read.max(noticed) + 1..=head).map(|seq| said(seq, "x")).collect(),
                ..stand(1)
            };
            let moment = Moment { now: began + after, replay, ..moment(vec![stand]) };
            let decision = decide(&shown, &moment);
            for seq in shown_seqs(&decision) {
                prop_assert!(seq > read, "{seq} is read");
                prop_assert!(!told.contains(&seq), "{seq} is told of twice");
                told.push(seq);
            }
            for (_, seq) in decision.noticed {
                prop_assert!(seq > noticed);
                noticed = seq;
            }
            prop_assert!(decision.shown.messages.values().all(|(seq, _)| *seq > read));
            shown = decision.shown;
        }
    }
}
