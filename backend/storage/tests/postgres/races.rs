//! Many at once: no change is lost, and nobody waits for each other in a circle.

use futures_util::future::join_all;
use protocol::request::Device;
use protocol::{DeviceId, SessionId};
use serde_json::json;
use storage::contract::{user, uuid7};
use storage::{AccountStore, Change, FriendStore, NewAccount, Relation, SessionRow, SessionStore};

use crate::place::{contract, make};

pub(crate) fn session(n: u64, who: u64, device: u64) -> SessionRow {
    SessionRow {
        id: SessionId(uuid7(n)),
        user: user(who),
        device: Device {
            id: DeviceId(uuid7(1_000 + device)),
            name: "computer".into(),
            platform: "linux".into(),
        },
        created: 10,
        used: 10,
        generation: 1,
        ended: false,
    }
}

#[tokio::test]
async fn changes_of_one_account_happen_one_after_another() {
    let mut o = contract().await;
    make(&o.store, &["ada"]).await;
    let puts = (0..40).map(|n| o.store.put_settings(user(1), json!({ "n": n })));
    for put in join_all(puts).await {
        put.unwrap();
    }
    assert_eq!(o.store.version(user(1)).await.unwrap(), Some(41));
    let mut versions: Vec<u64> = o
        .changes()
        .into_iter()
        .map(|change| match change {
            Change::Account { version, .. } => version,
            other => panic!("{other:?}"),
        })
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=41).collect::<Vec<_>>());
}

#[tokio::test]
async fn people_who_ask_block_and_take_back_at_once_wait_for_each_other_in_one_order() {
    let mut o = contract().await;
    make(&o.store, &["ada", "grace", "eve", "zoe"]).await;
    let mut all = Vec::new();
    for round in 0..6 {
        for (a, b) in [(1, 2), (2, 1), (3, 4), (4, 3), (1, 4), (4, 1), (2, 3), (3, 2)] {
            let store = o.store.clone();
            all.push(async move {
                let (a, b) = (user(a), user(b));
                match round % 3 {
                    0 => store.relate(a, b, Relation::Asked, 1).await,
                    1 => store.relate(a, b, Relation::Blocked, 2).await,
                    _ => store.take_back(a, b, Relation::Asked).await,
                }
            });
        }
    }
    for done in join_all(all).await {
        done.unwrap();
    }
    let mut told = [1, 1, 1, 1];
    for change in o.changes() {
        let at = (0..4)
            .find(|n| matches!(&change, Change::Account { user: who, .. } if *who == user(n + 1)));
        told[at.unwrap() as usize] += 1;
    }
    for (who, told) in (1..=4).zip(told) {
        assert_eq!(
            o.store.version(user(who)).await.unwrap(),
            Some(told),
            "each change counts once"
        );
        for friend in o.store.relations(user(who)).await.unwrap().friends {
            let theirs = o.store.relations(friend.id).await.unwrap().friends;
            assert!(theirs.iter().any(|person| person.id == user(who)), "friends are two");
        }
    }
}

#[tokio::test]
async fn of_many_sign_ins_of_one_device_at_once_one_stays() {
    let mut o = contract().await;
    make(&o.store, &["ada"]).await;
    let begun = join_all((1..=8).map(|n| o.store.begin(session(n, 1, 1)))).await;
    assert!(begun.iter().all(Result::is_ok), "{begun:?}");
    assert_eq!(o.store.sessions(user(1)).await.unwrap().len(), 1);
    assert_eq!(o.changes().len(), 7);
}

#[tokio::test]
async fn row_33_of_many_refreshes_at_once_one_counts() {
    let o = contract().await;
    o.store.begin(session(1, 1, 1)).await.unwrap();
    let advanced = join_all((0..16).map(|_| o.store.advance(SessionId(uuid7(1)), 1))).await;
    assert!(advanced.iter().all(|now| matches!(now, Ok(2))), "{advanced:?}");
}

#[tokio::test]
async fn a_new_password_ends_sessions_while_they_are_ended_one_by_one_and_forgotten() {
    let o = contract().await;
    make(&o.store, &["ada"]).await;
    for n in 1..=12 {
        o.store.begin(session(n, 1, n)).await.unwrap();
    }
    let backwards: Vec<SessionId> = (1..=12).rev().map(|n| SessionId(uuid7(n))).collect();
    let keep = SessionId(uuid7(99));
    let (changed, ended, forgotten) = tokio::join!(
        o.store.set_password(user(1), "new".into(), keep, 50),
        o.store.end(user(1), &backwards, 50),
        o.store.prune(20),
    );
    changed.unwrap();
    ended.unwrap();
    forgotten.unwrap();
    assert!(o.store.sessions(user(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn of_two_who_make_the_same_accounts_in_another_order_one_does() {
    let o = contract().await;
    let account = |n: u64, name: String| NewAccount {
        id: user(n),
        display_name: name.clone(),
        name,
        password_hash: None,
        at: 1,
    };
    let one = (0..50).map(|n| account(n, format!("name{n}"))).collect();
    let other = (0..50).rev().map(|n| account(100 + n, format!("name{n}"))).collect();
    let (one, other) = tokio::join!(o.store.create(one), o.store.create(other));
    let taken = |made: &storage::Result<()>| matches!(made, Err(storage::StorageError::NameTaken));
    assert!(one.is_ok() && taken(&other) || taken(&one) && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(o.store.count().await.unwrap(), 50);
}

#[tokio::test]
async fn text_that_postgresql_cannot_hold_is_no_reason_to_refuse_a_sign_in() {
    let o = contract().await;
    let mut odd = session(1, 1, 1);
    odd.device.name = "my\0computer".into();
    o.store.begin(odd).await.unwrap();
    let stored = o.store.session(SessionId(uuid7(1))).await.unwrap().unwrap();
    assert_eq!(stored.device.name, "my\u{fffd}computer");
    o.store.audit(1, None, "sign_in", "from \0").await.unwrap();
    assert!(o.store.credentials("a\0da").await.unwrap().is_none());
}
