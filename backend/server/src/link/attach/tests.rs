//! What a gateway decides, with the time as an argument: no test waits.

use super::*;
use uuid::Uuid;

const PARTITION: u32 = 3;
/// Links to nodes of these names.
const A: u64 = 1;
const B: u64 = 2;

fn ada() -> UserId {
    UserId(Uuid::from_u128(1))
}

fn claims(nodes: &[&str]) -> BTreeMap<u32, Vec<String>> {
    BTreeMap::from([(PARTITION, nodes.iter().map(|node| (*node).to_owned()).collect())])
}

/// A gateway with links to `a` and `b`, of which `a` owns the partition.
fn gateway(now: Instant) -> Attachments {
    let mut gateway = Attachments::default();
    gateway.linked(now, "a", A);
    gateway.linked(now, "b", B);
    gateway.owners(now, claims(&["a"]));
    gateway
}

/// The attaches among what is to be done: over which link, under which number, how many sessions.
fn attaches(actions: &[Action]) -> Vec<(u64, u64, usize)> {
    let attach = |action: &Action| match action {
        Action::Ask(link, Ask::Attach { number, sessions, .. }) => {
            Some((*link, *number, sessions.len()))
        }
        _ => None,
    };
    actions.iter().filter_map(attach).collect()
}

fn starts(actions: &[Action]) -> Vec<(u64, Start)> {
    let start = |action: &Action| match action {
        Action::Start(hello, start) => Some((*hello, start.clone())),
        _ => None,
    };
    actions.iter().filter_map(start).collect()
}

fn resyncs(actions: &[Action]) -> Vec<u64> {
    let told = |action: &Action| match action {
        Action::Resync(sessions) => sessions.iter().map(|(_, session)| *session).collect(),
        _ => Vec::new(),
    };
    actions.iter().flat_map(told).collect()
}

fn attached(number: u64, position: u64) -> Say {
    Say::Attached { number, position, unstored: Vec::new() }
}

/// A gateway in which Ada's session 10 is served over link A.
fn served(now: Instant) -> Attachments {
    let mut gateway = gateway(now);
    let asked = attaches(&gateway.hello(now, PARTITION, ada(), 10, 100));
    assert_eq!(asked, [(A, asked[0].1, 1)], "the owner is asked for all that is here");
    let own = attaches(&gateway.said(now, A, attached(asked[0].1, 40)));
    assert_eq!(own.len(), 1, "and then for the hello's own answer");
    let done = gateway.said(now, A, attached(own[0].1, 41));
    let start = Start::Served { position: 41, unstored: Vec::new() };
    assert_eq!(starts(&done), [(100, start)]);
    gateway
}

fn handed() -> Say {
    Say::Handed(Handed { partition: PARTITION, position: 50, record: "{}".into() })
}

fn is_delivered(actions: &[Action]) -> bool {
    matches!(actions, [Action::Deliver(_)])
}

/// Answer every beat, from then on, for so long.
fn beats(gateway: &mut Attachments, from: Instant, lasting: Duration, partitions: &[u32]) {
    let mut now = from;
    while now < from + lasting {
        for action in gateway.tick(now) {
            if let Action::Ask(link, Ask::Beat { number }) = action {
                let partitions = partitions.to_vec();
                gateway.said(now, link, Say::Beat { number, partitions });
            }
        }
        now += BEAT;
    }
}

#[test]
fn a_session_is_served_by_the_owner_and_hears_what_it_hands_over() {
    let now = Instant::now();
    let mut gateway = served(now);
    assert!(is_delivered(&gateway.said(now, A, handed())));
    assert!(gateway.said(now, B, handed()).is_empty(), "not from who does not serve it");
    assert!(gateway.alone(now + LEASE).is_empty());
}

#[test]
fn a_lease_lasts_as_long_as_the_owner_renews_it() {
    let now = Instant::now();
    let mut gateway = served(now);
    beats(&mut gateway, now, 10 * LEASE, &[PARTITION]);
    let later = now + 10 * LEASE;
    assert!(is_delivered(&gateway.said(later, A, handed())));
    // The owner is there and no longer renews it: it lapses 6 s after the last beat that did.
    beats(&mut gateway, later, LEASE - BEAT, &[]);
    assert!(is_delivered(&gateway.said(later, A, handed())), "5 s are left");
    beats(&mut gateway, later + LEASE - BEAT, BEAT, &[]);
    assert!(!is_delivered(&gateway.said(later + LEASE, A, handed())));
}

#[test]
fn a_lease_counts_from_the_beat_and_not_from_its_answer() {
    let now = Instant::now();
    let mut gateway = served(now);
    let actions = gateway.tick(now);
    let beat = actions.iter().find_map(|action| match action {
        Action::Ask(A, Ask::Beat { number }) => Some(*number),
        _ => None,
    });
    let late = now + LEASE - Duration::from_millis(1);
    gateway.said(late, A, Say::Beat { number: beat.unwrap(), partitions: vec![PARTITION] });
    gateway.tick(now + LEASE);
    assert!(!is_delivered(&gateway.said(now + LEASE, A, handed())));
}

#[test]
fn a_link_that_ends_has_the_sessions_attached_again_and_told_to_begin_anew() {
    let now = Instant::now();
    let mut gateway = served(now);
    assert!(attaches(&gateway.cut(now, A)).is_empty(), "nobody else owns it");
    let asked = attaches(&gateway.owners(now, claims(&["b"])));
    assert_eq!((asked[0].0, asked[0].2), (B, 1));
    let taken = gateway.said(now, B, attached(asked[0].1, 60));
    assert_eq!(resyncs(&taken), [10]);
    // Its next hello is answered by the new owner.
    let own = attaches(&gateway.hello(now, PARTITION, ada(), 10, 101));
    let done = gateway.said(now, B, attached(own[0].1, 61));
    assert_eq!(starts(&done)[0].0, 101);
    assert!(is_delivered(&gateway.said(now, B, handed())));
}

#[test]
fn another_owner_in_discovery_and_a_word_of_the_owner_itself_end_an_attach() {
    let now = Instant::now();
    let mut gateway = served(now);
    assert!(attaches(&gateway.owners(now, BTreeMap::new())).is_empty(), "nobody says nothing");
    assert!(attaches(&gateway.owners(now, claims(&["a", "b"]))).is_empty(), "it is still one");
    assert_eq!(attaches(&gateway.owners(now, claims(&["b"])))[0].0, B);

    let mut gateway = served(now);
    gateway.owners(now, claims(&["a", "b"]));
    let asked = attaches(&gateway.said(now, A, Say::Ended { partition: PARTITION }));
    assert_eq!(asked.len(), 1);
}

#[test]
fn who_refuses_is_asked_no_more_at_once_and_the_next_one_is() {
    let now = Instant::now();
    let mut gateway = gateway(now);
    gateway.owners(now, claims(&["a", "b"]));
    let asked = attaches(&gateway.hello(now, PARTITION, ada(), 10, 100));
    assert_eq!(asked[0].0, A);
    assert!(attaches(&gateway.said(now, A, Say::Refused { number: asked[0].1 })).is_empty());
    assert!(attaches(&gateway.tick(now + AGAIN / 2)).is_empty());
    assert_eq!(attaches(&gateway.tick(now + AGAIN))[0].0, B);
}

#[test]
fn without_an_owner_a_hello_waits_two_seconds_and_is_then_answered_from_the_heads() {
    let now = Instant::now();
    let mut gateway = Attachments::default();
    assert!(starts(&gateway.hello(now, PARTITION, ada(), 10, 100)).is_empty());
    let nearly = now + PATIENCE - Duration::from_millis(1);
    assert!(starts(&gateway.tick(nearly)).is_empty());
    assert!(gateway.alone(nearly).is_empty());
    assert_eq!(starts(&gateway.tick(now + PATIENCE)), [(100, Start::Alone)]);
    assert_eq!(gateway.alone(now + PATIENCE), BTreeSet::from([PARTITION]));
    // From then on at once, when the time is next looked at.
    gateway.hello(now + PATIENCE, PARTITION, ada(), 11, 101);
    assert_eq!(starts(&gateway.tick(now + PATIENCE)), [(101, Start::Alone)]);
    // Who was answered so begins anew when an owner is there.
    gateway.linked(now + LEASE, "a", A);
    let asked = attaches(&gateway.owners(now + LEASE, claims(&["a"])));
    assert_eq!(resyncs(&gateway.said(now + LEASE, A, attached(asked[0].1, 1))), [10, 11]);
    assert!(gateway.alone(now + 2 * LEASE).is_empty());
}

#[test]
fn an_owner_that_does_not_answer_a_hello_serves_nobody_and_its_late_answer_counts_for_nothing() {
    let now = Instant::now();
    let mut gateway = served(now);
    let own = attaches(&gateway.hello(now, PARTITION, ada(), 11, 101));
    let later = now + PATIENCE;
    assert_eq!(starts(&gateway.tick(later)), [(101, Start::Alone)]);
    assert_eq!(gateway.alone(later), BTreeSet::from([PARTITION]), "for as long as it was asked");
    assert!(starts(&gateway.said(later, A, attached(own[0].1, 44))).is_empty());
    assert!(gateway.said(later, A, handed()).is_empty());
}

#[test]
fn a_silent_node_loses_its_link() {
    let now = Instant::now();
    let mut gateway = served(now);
    let actions = gateway.tick(now + LEASE);
    assert!(actions.iter().any(|action| matches!(action, Action::Cut(A))));
}

#[test]
fn who_has_left_is_told_of_to_the_owner_and_an_empty_partition_is_forgotten() {
    let now = Instant::now();
    let mut gateway = served(now);
    let left = gateway.leave(PARTITION, ada(), 10);
    assert!(matches!(left[..], [Action::Ask(A, Ask::Leave { session: 10, .. })]));
    assert!(!gateway.misses_an_owner());
    assert!(gateway.leave(PARTITION, ada(), 10).is_empty(), "once");
    gateway.cut(now, A);
    assert!(!gateway.misses_an_owner(), "nobody is here who would miss it");
}

#[test]
fn many_sessions_are_attached_in_parts_and_all_are_there_with_the_last() {
    let now = Instant::now();
    let mut gateway = Attachments::default();
    for session in 0..=SESSIONS as u64 {
        gateway.hello(now, PARTITION, ada(), session, 10_000 + session);
    }
    gateway.linked(now, "a", A);
    let asked = attaches(&gateway.owners(now, claims(&["a"])));
    assert_eq!(asked.iter().map(|(.., many)| *many).collect::<Vec<_>>(), [SESSIONS, 1]);
    assert!(gateway.said(now, A, attached(asked[0].1, 1)).is_empty());
    assert_eq!(attaches(&gateway.said(now, A, attached(asked[1].1, 2))).len(), SESSIONS + 1);
}

#[test]
fn presence_is_what_the_owner_says_and_gone_with_it() {
    let now = Instant::now();
    let mut gateway = served(now);
    let grace = UserId(Uuid::from_u128(2));
    let asked = gateway.watch(now, PARTITION, grace, true);
    assert!(matches!(&asked[..], [Action::Ask(A, Ask::Watch { users, .. })] if *users == [grace]));
    let say = Say::Presence { partition: PARTITION, user: grace, online: true };
    assert!(matches!(gateway.said(now, A, say)[..], [Action::Presence(_, true)]));
    assert_eq!(gateway.presence(PARTITION, grace), Some(true));
    gateway.cut(now, A);
    assert_eq!(gateway.presence(PARTITION, grace), Some(true), "for a moment nobody misses it");
    let gone = gateway.tick(now + PATIENCE);
    assert!(gone.iter().any(|action| matches!(action, Action::Presence(_, false))));
    // The next owner is asked anew.
    let again = gateway.owners(now + PATIENCE, claims(&["b"]));
    assert!(again.iter().any(|action| matches!(action, Action::Ask(B, Ask::Watch { .. }))));
}
