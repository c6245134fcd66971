//! Sentences about where pushes go.

use protocol::push::{PushSays, PushTarget};
use protocol::request::Device;
use protocol::{DeviceId, SessionId, SubscriptionId, limits};

use super::{Opened, People, user, uuid7};
use crate::{NewAccount, SessionRow, Subscribed, SubscriptionRow};

fn session(n: u64) -> SessionId {
    SessionId(uuid7(n))
}

fn id(n: u64) -> SubscriptionId {
    SubscriptionId(uuid7(2_000 + n))
}

fn webhook(n: u64, who: u64, of: u64, address: &str) -> SubscriptionRow {
    SubscriptionRow {
        id: id(n),
        user: user(who),
        session: session(of),
        target: PushTarget::Webhook { url: format!("https://push.example/{address}") },
        says: PushSays::Text,
        created: i64::try_from(n).unwrap(),
    }
}

/// Accounts 1 and 2, and a session with the person's own number, or ten times that, for each.
async fn people<S: People>(o: &Opened<S>) {
    let account = |n: u64| NewAccount {
        id: user(n),
        name: format!("person{n}"),
        display_name: format!("Person {n}"),
        password_hash: None,
        at: 1,
    };
    o.store.create(vec![account(1), account(2)]).await.unwrap();
    for (n, who) in [(1, 1), (10, 1), (2, 2)] {
        begin(o, n, who).await;
    }
}

async fn begin<S: People>(o: &Opened<S>, n: u64, who: u64) {
    let device = DeviceId(uuid7(1_000 + n));
    let device = Device { id: device, name: "computer".into(), platform: "linux".into() };
    let (id, user) = (session(n), user(who));
    let row = SessionRow { id, user, device, created: 10, used: 10, generation: 1, ended: false };
    o.store.begin(row).await.unwrap();
}

pub async fn a_subscription_is_kept_as_it_was_given<S: People>(o: Opened<S>) {
    people(&o).await;
    let web_push = SubscriptionRow {
        target: PushTarget::WebPush {
            endpoint: "https://push.example/ä?x=1".into(),
            p256dh: "key".into(),
            auth: "secret".into(),
        },
        says: PushSays::Ids,
        ..webhook(1, 1, 1, "")
    };
    let (second, other) = (webhook(2, 1, 10, "a"), webhook(3, 2, 2, "a"));
    for row in [&web_push, &second, &other] {
        assert_eq!(o.store.subscribe(row.clone()).await.unwrap(), Subscribed::Kept(row.id));
    }
    let ones = o.store.subscriptions(&[user(1)]).await.unwrap();
    assert_eq!(ones, [web_push, second]);
    assert_eq!(o.store.subscriptions(&[user(2), user(3)]).await.unwrap(), [other]);
    let found = o.store.subscribers(&[user(1), user(3)]).await.unwrap();
    assert_eq!(found, [user(1)]);
    assert_eq!(o.store.subscribers(&[]).await.unwrap(), []);
}

pub async fn the_same_address_of_a_session_keeps_its_id<S: People>(o: Opened<S>) {
    people(&o).await;
    let first = webhook(1, 1, 1, "a");
    assert_eq!(o.store.subscribe(first.clone()).await.unwrap(), Subscribed::Kept(id(1)));
    let again = SubscriptionRow { says: PushSays::Names, ..webhook(2, 1, 1, "a") };
    assert_eq!(o.store.subscribe(again).await.unwrap(), Subscribed::Kept(id(1)));
    let kept = SubscriptionRow { says: PushSays::Names, ..first };
    assert_eq!(o.store.subscriptions(&[user(1)]).await.unwrap(), [kept]);
    let elsewhere = webhook(3, 1, 10, "a");
    assert_eq!(o.store.subscribe(elsewhere).await.unwrap(), Subscribed::Kept(id(3)));
}

pub async fn a_session_and_a_person_have_only_so_many<S: People>(o: Opened<S>) {
    people(&o).await;
    let mut n = 0;
    let sessions = limits::SUBSCRIPTIONS_PER_USER / limits::SUBSCRIPTIONS_PER_SESSION;
    for of in 100..100 + sessions as u64 {
        begin(&o, of, 1).await;
        for _ in 0..limits::SUBSCRIPTIONS_PER_SESSION {
            n += 1;
            let kept = o.store.subscribe(webhook(n, 1, of, &n.to_string())).await.unwrap();
            assert_eq!(kept, Subscribed::Kept(id(n)));
        }
        let more = webhook(n + 1, 1, of, "more");
        assert_eq!(o.store.subscribe(more).await.unwrap(), Subscribed::Full);
    }
    let of_another_session = webhook(n + 1, 1, 1, "more");
    assert_eq!(o.store.subscribe(of_another_session).await.unwrap(), Subscribed::Full);
    let same = webhook(n + 1, 1, 100, "1");
    assert_eq!(o.store.subscribe(same).await.unwrap(), Subscribed::Kept(id(1)));
    let of_another = webhook(n + 1, 2, 2, "more");
    assert_eq!(o.store.subscribe(of_another).await.unwrap(), Subscribed::Kept(id(n + 1)));
}

pub async fn a_subscription_ends_with_its_session<S: People>(o: Opened<S>) {
    people(&o).await;
    for row in [webhook(1, 1, 1, "a"), webhook(2, 1, 10, "a"), webhook(3, 2, 2, "a")] {
        o.store.subscribe(row).await.unwrap();
    }
    o.store.end(user(1), &[session(1)], 20).await.unwrap();
    let left = o.store.subscriptions(&[user(1), user(2)]).await.unwrap();
    assert_eq!(left.iter().map(|row| row.id).collect::<Vec<_>>(), [id(2), id(3)]);
    let late = o.store.subscribe(webhook(4, 1, 1, "b")).await.unwrap();
    assert_eq!(late, Subscribed::Ended);
    let of_another = o.store.subscribe(webhook(4, 2, 10, "b")).await.unwrap();
    assert_eq!(of_another, Subscribed::Ended, "somebody else's session");
    o.store.set_password(user(1), "new".into(), session(9), 30).await.unwrap();
    assert_eq!(o.store.subscriptions(&[user(1)]).await.unwrap(), []);
    o.store.prune(100).await.unwrap();
    assert_eq!(o.store.subscriptions(&[user(2)]).await.unwrap(), []);
}

pub async fn only_ones_own_subscription_is_ended_and_once<S: People>(o: Opened<S>) {
    people(&o).await;
    o.store.subscribe(webhook(1, 1, 1, "a")).await.unwrap();
    assert!(!o.store.unsubscribe(user(2), id(1)).await.unwrap(), "somebody else's");
    assert!(o.store.unsubscribe(user(1), id(1)).await.unwrap());
    assert!(!o.store.unsubscribe(user(1), id(1)).await.unwrap());
    assert_eq!(o.store.subscriptions(&[user(1)]).await.unwrap(), []);
}
