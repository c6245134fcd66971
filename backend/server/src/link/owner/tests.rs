//! What an owner says to whom.

use super::*;
use uuid::Uuid;

const PARTITION: u32 = 3;

fn person(n: u128) -> UserId {
    UserId(Uuid::from_u128(n))
}

/// An owner of the partition with two gateways.
fn owner(now: Instant) -> (Owner, [(u64, Arc<Queue<Say>>); 2]) {
    let owner = Owner::default();
    owner.assigned(now, PARTITION, 40);
    let lines = [(); 2].map(|()| {
        let says: Arc<Queue<Say>> = Arc::default();
        (owner.open(now, says.clone()), says)
    });
    (owner, lines)
}

fn attach(owner: &Owner, now: Instant, line: u64, user: UserId, session: u64) {
    let sessions = vec![(user, session)];
    owner.heed(now, line, Ask::Attach { number: 7, partition: PARTITION, sessions });
}

async fn said(says: &Queue<Say>) -> Vec<String> {
    // Something that is always last, so that nothing to say is an answer too.
    assert!(says.push(Say::Ended { partition: u32::MAX }, 0));
    let mut all: Vec<_> = says.take().await.unwrap().into();
    all.pop();
    all.iter().map(|say| String::from_utf8(say.encode()).unwrap()).collect()
}

#[tokio::test]
async fn a_record_goes_once_to_each_gateway_with_a_recipient() {
    let now = Instant::now();
    let (owner, [(one, to_one), (two, to_two)]) = owner(now);
    attach(&owner, now, one, person(1), 10);
    attach(&owner, now, one, person(2), 11);
    attach(&owner, now, two, person(3), 10);
    assert_eq!(said(&to_one).await.len(), 2);
    said(&to_two).await;
    let record = Bytes::from_static(b"{}");
    owner.hand(PARTITION, 40, &record, &[person(1), person(2), person(4)], None);
    let handed = r#"{"handed":{"partition":3,"position":40,"record":{}}}"#;
    assert_eq!(said(&to_one).await, [handed]);
    assert!(said(&to_two).await.is_empty());
    owner.heed(now, one, Ask::Leave { partition: PARTITION, user: person(1), session: 10 });
    owner.hand(PARTITION, 41, &record, &[person(1)], None);
    assert!(said(&to_one).await.is_empty(), "nobody is there any more");
}

#[tokio::test]
async fn an_attach_says_where_the_owner_is_and_what_it_has_not_stored() {
    let now = Instant::now();
    let (owner, [(one, says), _]) = owner(now);
    let [room, other] = [5, 6].map(|n| ConversationId(Uuid::from_u128(n)));
    owner.hand(PARTITION, 40, &Bytes::new(), &[person(1)], Some(room));
    owner.hand(PARTITION, 41, &Bytes::new(), &[person(1), person(2)], Some(other));
    owner.stored(PARTITION, 41);
    attach(&owner, now, one, person(1), 10);
    let unstored = vec![(person(1), vec![other])];
    let want = Say::Attached { number: 7, position: 42, unstored };
    assert_eq!(said(&says).await, [String::from_utf8(want.encode()).unwrap()]);
}

#[tokio::test]
async fn who_does_not_hold_a_partition_or_hears_nothing_of_it_refuses_and_does_not_renew() {
    let now = Instant::now();
    let (owner, [(one, says), _]) = owner(now);
    let beat = |now| owner.heed(now, one, Ask::Beat { number: 1 });
    beat(now + ANSWERED - Duration::from_millis(1));
    beat(now + ANSWERED);
    attach(&owner, now + ANSWERED, one, person(1), 10);
    owner.answered(PARTITION, now + ANSWERED);
    beat(now + ANSWERED);
    owner.revoked(PARTITION);
    beat(now + ANSWERED);
    attach(&owner, now + ANSWERED, one, person(1), 10);
    let held = r#"{"beat":{"number":1,"partitions":[3]}}"#;
    let none = r#"{"beat":{"number":1,"partitions":[]}}"#;
    let refused = r#"{"refused":{"number":7}}"#;
    assert_eq!(said(&says).await, [held, none, refused, held, none, refused]);
}

#[tokio::test]
async fn whoever_is_attached_hears_that_the_partition_has_gone() {
    let now = Instant::now();
    let (owner, [(one, to_one), (_, to_two)]) = owner(now);
    attach(&owner, now, one, person(1), 10);
    said(&to_one).await;
    owner.revoked(PARTITION);
    assert_eq!(said(&to_one).await, [r#"{"ended":{"partition":3}}"#]);
    assert!(said(&to_two).await.is_empty());
}

#[tokio::test]
async fn somebody_is_there_while_any_gateway_has_a_session_of_theirs() {
    let now = Instant::now();
    let (owner, [(one, to_one), (two, to_two)]) = owner(now);
    let users = vec![person(1)];
    owner.heed(now, two, Ask::Watch { partition: PARTITION, users });
    attach(&owner, now, one, person(1), 10);
    attach(&owner, now, two, person(1), 10);
    said(&to_one).await;
    owner.heed(now, two, Ask::Leave { partition: PARTITION, user: person(1), session: 10 });
    // A gateway that has said nothing for 6 s may be gone with all its people.
    owner.heed(now + LEASE, two, Ask::Beat { number: 1 });
    owner.close_silent(now + LEASE);
    assert!(to_one.take().await.is_none(), "its link has ended");
    let presence = |online: bool| {
        let user = person(1);
        let say = Say::Presence { partition: PARTITION, user, online };
        String::from_utf8(say.encode()).unwrap()
    };
    let heard = said(&to_two).await;
    let heard: Vec<_> = heard.into_iter().filter(|say| say.contains("presence")).collect();
    assert_eq!(heard, [presence(false), presence(true), presence(false)]);
}

#[tokio::test]
async fn typing_goes_to_the_gateways_of_those_who_may_know() {
    let now = Instant::now();
    let (owner, [(one, to_one), (two, to_two)]) = owner(now);
    attach(&owner, now, one, person(1), 10);
    attach(&owner, now, two, person(2), 10);
    said(&to_one).await;
    said(&to_two).await;
    let conversation = ConversationId(Uuid::from_u128(5));
    let (user, to) = (person(9), vec![person(1)]);
    owner.heed(now, two, Ask::Typing(Typing { partition: PARTITION, conversation, user, to }));
    assert_eq!(said(&to_one).await.len(), 1);
    assert!(said(&to_two).await.is_empty());
}

#[tokio::test]
async fn a_gateway_that_takes_nothing_is_cut_off_and_nobody_else_waits_for_it() {
    let now = Instant::now();
    let (owner, [(one, to_one), (two, to_two)]) = owner(now);
    attach(&owner, now, one, person(1), 10);
    attach(&owner, now, two, person(1), 10);
    said(&to_two).await;
    let record = Bytes::from(vec![b' '; 1024 * 1024]);
    for position in 40..60 {
        owner.hand(PARTITION, position, &record, &[person(1)], None);
        assert_eq!(said(&to_two).await.len(), 1);
    }
    assert!(to_one.take().await.is_none());
    assert!(!owner.is_crowded());
}
