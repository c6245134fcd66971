//! Sentences about signed-in devices.

use protocol::request::Device;
use protocol::{DeviceId, SessionId};

use super::{Opened, People, user, uuid7};
use crate::{Change, SessionRow};

fn session(n: u64, who: u64, device: u64, used: i64) -> SessionRow {
    SessionRow {
        id: SessionId(uuid7(n)),
        user: user(who),
        device: Device {
            id: DeviceId(uuid7(1_000 + device)),
            name: format!("computer {device}"),
            platform: "linux".into(),
        },
        created: used,
        used,
        generation: 1,
        ended: false,
    }
}

fn id(n: u64) -> SessionId {
    SessionId(uuid7(n))
}

async fn listed<S: People>(o: &Opened<S>, who: u64) -> Vec<SessionId> {
    o.store.sessions(user(who)).await.unwrap().into_iter().map(|session| session.id).collect()
}

pub async fn a_session_of_the_same_device_ends_the_one_before<S: People>(mut o: Opened<S>) {
    // Two persons at one device, one of them also at another.
    for session in [session(1, 1, 1, 10), session(2, 1, 2, 20), session(3, 2, 1, 30)] {
        o.store.begin(session.clone()).await.unwrap();
        assert_eq!(o.store.session(session.id).await.unwrap(), Some(session));
    }
    assert_eq!(o.changes(), []);
    o.store.begin(session(4, 1, 1, 40)).await.unwrap();
    let ended = Change::SessionEnded { user: user(1), session: id(1) };
    assert_eq!(o.changes(), [ended]);
    assert!(o.store.session(id(1)).await.unwrap().unwrap().ended);
    assert_eq!(listed(&o, 1).await, [id(4), id(2)]);
    assert_eq!(listed(&o, 2).await, [id(3)]);
    assert_eq!(o.store.session(id(9)).await.unwrap(), None);
}

pub async fn row_33_two_refreshes_at_once_give_one_successor<S: People>(o: Opened<S>) {
    o.store.begin(session(1, 1, 1, 10)).await.unwrap();
    let (a, b) = tokio::join!(o.store.advance(id(1), 1), o.store.advance(id(1), 1));
    assert_eq!((a.unwrap(), b.unwrap()), (2, 2));
    assert_eq!(o.store.session(id(1)).await.unwrap().unwrap().generation, 2);
    for from in [0, 1, 3, u64::MAX] {
        assert_eq!(o.store.advance(id(1), from).await.unwrap(), 2, "from {from}");
    }
    assert_eq!(o.store.advance(id(1), 2).await.unwrap(), 3);
    assert_eq!(o.store.advance(id(9), 1).await.unwrap(), 0);
}

pub async fn an_ended_session_stays_ended_and_is_handed_out_once<S: People>(mut o: Opened<S>) {
    o.store.begin(session(1, 1, 1, 10)).await.unwrap();
    o.store.begin(session(2, 1, 2, 10)).await.unwrap();
    o.store.begin(session(3, 2, 3, 10)).await.unwrap();
    let all = [id(1), id(2), id(3), id(9)];
    assert_eq!(o.store.end(user(1), &all, 50).await.unwrap(), 2, "nobody else's");
    let ended = |n| Change::SessionEnded { user: user(1), session: id(n) };
    assert_eq!(o.changes(), [ended(1), ended(2)]);
    assert_eq!(o.store.end(user(1), &all, 60).await.unwrap(), 0);
    assert_eq!(o.changes(), []);
    assert_eq!(o.store.advance(id(1), 1).await.unwrap(), 1, "it is not refreshed any more");
    assert_eq!(listed(&o, 1).await, []);
    assert_eq!(listed(&o, 2).await, [id(3)]);
}

pub async fn another_password_ends_the_other_sessions_in_the_same_commit<S: People>(
    mut o: Opened<S>,
) {
    let ada = crate::NewAccount {
        id: user(1),
        name: "ada".into(),
        display_name: "Ada".into(),
        password_hash: Some("one".into()),
        at: 1,
    };
    o.store.create(vec![ada]).await.unwrap();
    for (n, who) in [(1, 1), (2, 1), (3, 1), (4, 2)] {
        o.store.begin(session(n, who, n, 10)).await.unwrap();
    }
    o.changes();
    o.store.set_password(user(1), "two".into(), id(2), 50).await.unwrap();
    let committed = o.committed.try_recv().unwrap();
    let ended = |n| Change::SessionEnded { user: user(1), session: id(n) };
    let changes = vec![Change::Account { user: user(1), version: 2 }, ended(1), ended(3)];
    assert_eq!(committed.changes, changes, "all in one commit");
    assert_eq!((listed(&o, 1).await, listed(&o, 2).await), (vec![id(2)], vec![id(4)]));
}

pub async fn sessions_are_listed_by_their_last_use<S: People>(o: Opened<S>) {
    for (n, used) in [(1, 10), (2, 30), (3, 20)] {
        o.store.begin(session(n, 1, n, used)).await.unwrap();
    }
    assert_eq!(listed(&o, 1).await, [id(2), id(3), id(1)]);
    o.store.touch(id(1), 40).await.unwrap();
    o.store.touch(id(2), 5).await.unwrap();
    assert_eq!(listed(&o, 1).await, [id(1), id(2), id(3)]);
    assert_eq!(o.store.session(id(2)).await.unwrap().unwrap().used, 30, "never backwards");
}

pub async fn old_sessions_are_forgotten<S: People>(o: Opened<S>) {
    for (n, used) in [(1, 10), (2, 200), (3, 200)] {
        o.store.begin(session(n, 1, n, used)).await.unwrap();
    }
    o.store.end(user(1), &[id(2)], 90).await.unwrap();
    assert_eq!(o.store.prune(100).await.unwrap(), 2);
    assert_eq!(o.store.prune(100).await.unwrap(), 0);
    assert_eq!(listed(&o, 1).await, [id(3)]);
    assert_eq!(o.store.session(id(2)).await.unwrap(), None);
}
