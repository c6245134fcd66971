//! Sentences about accounts and friends.

use protocol::request::{ChangeProfile, Person};
use protocol::{SessionId, UserId};
use serde_json::json;

use super::{Opened, People, user, uuid7};
use crate::{Change, NewAccount, Relation, StorageError};

fn account(n: u64, name: &str, display_name: &str) -> NewAccount {
    NewAccount {
        id: user(n),
        name: name.into(),
        display_name: display_name.into(),
        password_hash: Some(format!("hash of {name}")),
        at: 1,
    }
}

async fn made<S: People>(o: &Opened<S>, names: &[(&str, &str)]) {
    let accounts = names.iter().zip(1..).map(|((name, shown), n)| account(n, name, shown));
    o.store.create(accounts.collect()).await.unwrap();
}

fn names(people: &[Person]) -> Vec<&str> {
    people.iter().map(|person| person.name.as_str()).collect()
}

pub async fn accounts_are_made_all_or_none<S: People>(mut o: Opened<S>) {
    made(&o, &[("ada", "Ada")]).await;
    for accounts in [
        vec![account(2, "grace", "Grace"), account(3, "ada", "Another")],
        vec![account(2, "grace", "Grace"), account(3, "grace", "Another")],
    ] {
        let refused = o.store.create(accounts).await.unwrap_err();
        assert!(matches!(refused, StorageError::NameTaken), "{refused}");
    }
    assert_eq!(o.store.count().await.unwrap(), 1);
    assert!(o.store.credentials("grace").await.unwrap().is_none());
    assert_eq!(o.store.people(&[user(2), user(1)]).await.unwrap().len(), 1);
    assert_eq!(o.store.version(user(1)).await.unwrap(), Some(1));
    assert_eq!(o.store.version(user(2)).await.unwrap(), None);
    assert_eq!(o.changes(), []);
    // The id is somebody's already: refused too, and nothing of it is kept.
    let refused = o.store.create(vec![account(7, "new", "New"), account(1, "other", "")]).await;
    assert!(refused.is_err());
    assert_eq!(o.store.count().await.unwrap(), 1);
}

pub async fn a_taken_name_does_not_fail_what_is_committed_with_it<S: People>(o: Opened<S>) {
    let create = |n: u64, name| o.store.create(vec![account(n, name, name)]);
    let double = || o.store.create(vec![account(5, "eve", "Eve"), account(5, "mallory", "M")]);
    let (a, b, broken, c, d) = tokio::join!(
        create(1, "ada"),
        create(2, "ada"),
        double(),
        create(3, "grace"),
        create(4, "ada")
    );
    assert!(c.is_ok() && broken.is_err(), "{c:?} {broken:?}");
    // Which of the three comes first is the store's business.
    let (made, refused): (Vec<_>, Vec<_>) = [a, b, d].into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for refused in refused {
        assert!(matches!(refused, Err(StorageError::NameTaken)), "{refused:?}");
    }
    assert_eq!(o.store.count().await.unwrap(), 2);
    assert!(o.store.credentials("eve").await.unwrap().is_none());
    assert!(o.store.find("eve", 9).await.unwrap().is_empty());
}

pub async fn passwords_and_settings_are_kept_and_raise_the_version<S: People>(mut o: Opened<S>) {
    made(&o, &[("ada", "Ada")]).await;
    let known = o.store.credentials("ada").await.unwrap().unwrap();
    assert_eq!((known.user, known.password_hash.as_deref()), (user(1), Some("hash of ada")));
    let keep = SessionId(uuid7(1));
    o.store.set_password(user(1), "another".into(), keep, 9).await.unwrap();
    let known = o.store.credentials_of(user(1)).await.unwrap().unwrap();
    assert_eq!(known.password_hash.as_deref(), Some("another"));
    assert_eq!(o.store.settings(user(1)).await.unwrap(), json!({}));
    o.store.put_settings(user(1), json!({"theme": "dark"})).await.unwrap();
    assert_eq!(o.store.settings(user(1)).await.unwrap(), json!({"theme": "dark"}));
    assert_eq!(o.store.version(user(1)).await.unwrap(), Some(3));
    let account = |version| Change::Account { user: user(1), version };
    assert_eq!(o.changes(), [account(2), account(3)]);
    o.store.put_settings(user(9), json!({})).await.unwrap();
    o.store.set_password(user(9), String::new(), keep, 9).await.unwrap();
    assert_eq!(o.changes(), [], "nobody is there");
    assert!(o.store.credentials_of(user(9)).await.unwrap().is_none());
}

pub async fn a_profile_keeps_what_is_not_changed<S: People>(mut o: Opened<S>) {
    made(&o, &[("ada", "Ada")]).await;
    let about = ChangeProfile { display_name: None, about: Some("engines".into()) };
    let person = o.store.change_profile(user(1), about.clone()).await.unwrap().unwrap();
    assert_eq!((&*person.display_name, &*person.about), ("Ada", "engines"));
    let renamed = ChangeProfile { display_name: Some("Countess".into()), about: None };
    let person = o.store.change_profile(user(1), renamed).await.unwrap().unwrap();
    assert_eq!((&*person.display_name, &*person.about), ("Countess", "engines"));
    assert_eq!(o.store.people(&[user(1)]).await.unwrap(), [person]);
    assert_eq!(o.changes().len(), 2);
    o.store.change_profile(user(1), about.clone()).await.unwrap();
    assert_eq!((o.changes(), o.store.version(user(1)).await.unwrap()), (vec![], Some(3)));
    assert_eq!(o.store.change_profile(user(9), about).await.unwrap(), None);
    assert_eq!(names(&o.store.find("count", 9).await.unwrap()), ["ada"]);
    assert!(names(&o.store.find("ADA K", 9).await.unwrap()).is_empty());
}

pub async fn people_are_found_by_the_beginning_of_a_word_in_any_case<S: People>(o: Opened<S>) {
    made(
        &o,
        &[("love", "Someone"), ("ada", "Ada Lovelace"), ("lovely", "Émile ÖZIL"), ("wei", "张伟")],
    )
    .await;
    let found = |query: &'static str, limit| {
        let store = &o.store;
        async move { store.find(query, limit).await.unwrap() }
    };
    assert_eq!(names(&found("LOVE", 9).await), ["love", "ada", "lovely"], "exact name first");
    assert_eq!(names(&found("love", 1).await), ["love"]);
    assert_eq!(names(&found("ada lo", 9).await), ["ada"]);
    assert_eq!(names(&found(" özi ", 9).await), ["lovely"]);
    assert_eq!(names(&found("ÉM", 9).await), ["lovely"]);
    assert_eq!(names(&found("张", 9).await), ["wei"]);
    for nobody in ["", "  ", "ovel", "lovelaces", "\0"] {
        assert!(found(nobody, 9).await.is_empty(), "{nobody:?}");
    }
}

pub async fn wildcards_in_a_search_are_letters_like_others<S: People>(o: Opened<S>) {
    made(&o, &[("ada", "100% Ada"), ("grace_h", "Grace")]).await;
    for nobody in ["%", "_", "a%", "a_a", "*", "[a]", "'", "\\", "grace%"] {
        assert!(o.store.find(nobody, 9).await.unwrap().is_empty(), "{nobody:?}");
    }
    assert_eq!(names(&o.store.find("100%", 9).await.unwrap()), ["ada"]);
    assert_eq!(names(&o.store.find("grace_", 9).await.unwrap()), ["grace_h"]);
}

async fn seen_by<S: People>(o: &Opened<S>, who: u64) -> [Vec<UserId>; 4] {
    let r = o.store.relations(user(who)).await.unwrap();
    [r.friends, r.incoming, r.outgoing, r.blocked]
        .map(|people| people.into_iter().map(|person| person.id).collect())
}

fn accounts(changes: &[Change]) -> Vec<UserId> {
    let users = changes.iter().map(|change| match change {
        Change::Account { user, .. } => *user,
        other => panic!("{other:?}"),
    });
    users.collect()
}

pub async fn friends_are_two_who_asked<S: People>(mut o: Opened<S>) {
    made(&o, &[("ada", "Ada"), ("grace", "Grace"), ("zoe", "anna")]).await;
    let asked = Relation::Asked;
    o.store.relate(user(1), user(2), asked, 1).await.unwrap();
    assert_eq!(seen_by(&o, 1).await, [vec![], vec![], vec![user(2)], vec![]]);
    assert_eq!(seen_by(&o, 2).await, [vec![], vec![user(1)], vec![], vec![]]);
    assert_eq!(accounts(&o.changes()), [user(1), user(2)]);
    o.store.relate(user(1), user(2), asked, 2).await.unwrap();
    assert_eq!(o.changes(), [], "asked already");
    o.store.relate(user(2), user(1), asked, 3).await.unwrap();
    o.store.relate(user(1), user(3), asked, 4).await.unwrap();
    o.store.relate(user(3), user(1), asked, 5).await.unwrap();
    let by_name = vec![user(3), user(2)];
    assert_eq!(seen_by(&o, 1).await, [by_name, vec![], vec![], vec![]], "in any case");
    assert_eq!(seen_by(&o, 2).await, [vec![user(1)], vec![], vec![], vec![]]);
    o.changes();
    o.store.take_back(user(1), user(2), asked).await.unwrap();
    assert_eq!(seen_by(&o, 2).await, [vec![], vec![], vec![], vec![]], "it ends for both");
    assert_eq!(accounts(&o.changes()), [user(1), user(2)]);
    assert_eq!(o.store.version(user(2)).await.unwrap(), Some(4));
    o.store.take_back(user(1), user(2), asked).await.unwrap();
    assert_eq!(o.changes(), [], "there is nothing to take back");
}

pub async fn a_block_ends_a_friendship_and_is_not_told<S: People>(mut o: Opened<S>) {
    made(&o, &[("ada", "Ada"), ("grace", "Grace"), ("eve", "Eve")]).await;
    o.store.relate(user(1), user(2), Relation::Asked, 1).await.unwrap();
    o.store.relate(user(2), user(1), Relation::Asked, 2).await.unwrap();
    o.changes();
    o.store.relate(user(1), user(2), Relation::Blocked, 3).await.unwrap();
    assert_eq!(accounts(&o.changes()), [user(1)]);
    assert_eq!(seen_by(&o, 1).await, [vec![], vec![], vec![], vec![user(2)]]);
    assert_eq!(seen_by(&o, 2).await, [vec![], vec![], vec![], vec![]]);
    let others = [user(3), user(2), user(1)];
    assert_eq!(o.store.blocked(user(1), &others).await.unwrap(), [user(2)]);
    assert_eq!(o.store.blocked(user(2), &others).await.unwrap(), [user(1)]);
    assert_eq!(o.store.blocked(user(3), &others).await.unwrap(), []);
    // The blocked one asks again: the blocker does not see it.
    o.store.relate(user(2), user(1), Relation::Asked, 4).await.unwrap();
    assert_eq!(seen_by(&o, 1).await, [vec![], vec![], vec![], vec![user(2)]]);
    o.changes();
    o.store.take_back(user(1), user(2), Relation::Blocked).await.unwrap();
    assert_eq!(accounts(&o.changes()), [user(1)], "nor is the end of a block told");
    assert_eq!(o.store.blocked(user(1), &others).await.unwrap(), []);
}

pub async fn taking_back_what_one_asked_leaves_a_block_where_it_is<S: People>(mut o: Opened<S>) {
    made(&o, &[("ada", "Ada"), ("grace", "Grace")]).await;
    let blocked = [vec![], vec![], vec![], vec![user(2)]];
    o.store.relate(user(1), user(2), Relation::Blocked, 1).await.unwrap();
    o.changes();
    for (who, other) in [(1, 2), (2, 1)] {
        o.store.take_back(user(who), user(other), Relation::Asked).await.unwrap();
        assert_eq!((seen_by(&o, 1).await, o.changes()), (blocked.clone(), vec![]));
    }
    o.store.take_back(user(2), user(1), Relation::Blocked).await.unwrap();
    assert_eq!((seen_by(&o, 1).await, o.changes()), (blocked, vec![]), "it is another's");
    // An ask of who was blocked can be taken back, and the block stays.
    o.store.relate(user(2), user(1), Relation::Asked, 2).await.unwrap();
    o.store.take_back(user(2), user(1), Relation::Asked).await.unwrap();
    assert_eq!(seen_by(&o, 2).await, [vec![], vec![], vec![], vec![]]);
    assert_eq!(o.store.blocked(user(2), &[user(1)]).await.unwrap(), [user(1)]);
}

pub async fn relations_with_nobody_change_nothing<S: People>(mut o: Opened<S>) {
    made(&o, &[("ada", "Ada")]).await;
    for other in [user(1), user(9)] {
        o.store.relate(user(1), other, Relation::Blocked, 1).await.unwrap();
        assert_eq!(o.store.blocked(user(1), &[other]).await.unwrap(), []);
    }
    assert_eq!(seen_by(&o, 1).await, [vec![], vec![], vec![], vec![]]);
    assert_eq!(o.changes(), []);
}

pub async fn what_happened_can_be_noted<S: People>(mut o: Opened<S>) {
    o.store.audit(1, Some(user(1)), "sign_in", "from 192.0.2.1").await.unwrap();
    o.store.audit(2, None, "start", "").await.unwrap();
    assert_eq!(o.changes(), []);
}
