//! Rows 21 and 22: groups that cannot be, and members who cannot do that.

use http::Method;
use protocol::{Code, ConversationId, EventKind, UserId, limits};
use serde_json::{Value, json};

use crate::api::history::Group;
use crate::live::Live;
use crate::person::{Room, message, submit};

fn create(title: &str, members: &[UserId]) -> Value {
    json!({"create": {"title": title, "members": members}})
}

fn add(users: &[UserId]) -> Value {
    json!({"add": {"users": users}})
}

fn nobody(live: &Live) -> UserId {
    UserId(live.nothing().0)
}

#[tokio::test]
async fn row_22_who_was_removed_is_not_told_who_writes_though_they_look() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let room = ada.begins(&[grace.user]).await;
    grace.hears("event").await;
    grace.answers(&json!({"look": {"conversations": [room.id]}}).to_string()).await;
    let typing = json!({"typing": {"conversation": room.id}}).to_string();
    ada.answers(&typing).await;
    assert_eq!(grace.hears("typing").await["user"], json!(ada.user));

    let remove = json!({"remove": {"user": grace.user}});
    let removed = ada.asks(room, &remove).await.unwrap();
    while grace.hears("event").await["event"]["seq"] != json!(removed) {}
    ada.answers(&typing).await;
    let heard = grace.answered().await;
    assert!(heard.iter().all(|frame| frame.get("typing").is_none()), "{heard:?}");
}

#[tokio::test]
async fn row_21_a_group_begins_with_those_who_exist_each_once() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let (grace, eve) = (live.person("grace").await, live.person("eve").await);
    let block = format!("/v1/blocks/{}", ada.user);
    live.api.ask(Method::PUT, &block, &eve.tokens.access_token, None).await.json();
    let (ghost, own) = (nobody(&live), ada.user);
    for (named, members) in [
        (vec![], vec![]),
        (vec![own], vec![]),
        (vec![ghost], vec![]),
        (vec![eve.user], vec![]),
        (vec![grace.user], vec![grace.user]),
        (vec![grace.user, grace.user, ghost, eve.user, own, grace.user], vec![grace.user]),
    ] {
        let room = Room { id: live.nothing(), peer: None };
        let client_ref = live.client_ref();
        ada.socket.says(&submit(room, client_ref, &create("Engine room", &named))).await;
        let event = ada.hears("event").await;
        assert_eq!(event["event"]["kind"]["created"]["members"], json!(members), "{named:?}");
    }
}

#[tokio::test]
async fn row_21_a_group_that_cannot_be_is_rejected() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let group = ada.begins(&[grace.user]).await;
    let many = vec![nobody(&live); limits::PEOPLE_PER_COMMAND + 1];
    for (title, members, expected) in [
        ("Engine room", &many[..], Code::TooMany),
        ("", &[], Code::EmptyText),
        ("\u{2800}", &[], Code::EmptyText),
        (&"x".repeat(limits::NAME_CHARS + 1), &[], Code::BadName),
        (&"x".repeat(10 * 1024), &[], Code::BadName),
        ("a\u{7}b", &[], Code::BadText),
        ("a\nb", &[], Code::BadText),
        ("a\u{202e}b", &[], Code::BadText),
    ] {
        let room = Room { id: live.nothing(), peer: None };
        let refused = ada.asks(room, &create(title, members)).await;
        assert_eq!(refused, Err(expected), "{title:.20}");
        // Nothing began: a message there is to a group that does not exist.
        assert_eq!(ada.asks(room, &message("hi")).await, Err(Code::NotAMember));
    }
    let again = create("Mine now", &[]);
    assert_eq!(grace.asks(group, &again).await, Err(Code::AlreadyExists));
    assert_eq!(ada.asks(group, &again).await, Err(Code::AlreadyExists));
    let v4 = ConversationId(uuid::Uuid::from_u128(0x0190_a000_0000_4000_8000_0000_0000_0001));
    let odd = Room { id: v4, peer: None };
    assert_eq!(ada.asks(odd, &again).await, Err(Code::NoConversation));
    let direct = ada.with(grace.user);
    assert_eq!(ada.asks(direct, &again).await, Err(Code::NotAGroup), "never a direct one's id");
    for command in [
        add(&[grace.user]),
        json!({"remove": {"user": grace.user}}),
        json!({"leave": {}}),
        json!({"rename": {"title": "x"}}),
        json!({"role": {"user": grace.user, "role": "admin"}}),
    ] {
        assert_eq!(ada.asks(direct, &command).await, Err(Code::NoMessage), "{command}");
    }
    ada.asks(direct, &message("hi")).await.unwrap();
    assert_eq!(ada.asks(direct, &json!({"leave": {}})).await, Err(Code::NotAGroup));
}

#[tokio::test]
async fn row_21_a_group_has_ten_thousand_members_and_not_one_more() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let (grace, eve) = (live.tokens("grace").await, live.tokens("eve").await);
    let id = live.nothing();
    let mut members = vec![(ada.user, vec![(1, None)])];
    let others = (2..limits::GROUP_MEMBERS).map(|_| (nobody(&live), vec![(1, None)]));
    members.extend(others);
    let created = EventKind::Message { reply_to: None };
    let stored = Group { id, open: false, members, events: vec![created] };
    live.api.store(stored, |_| "hi".into()).await;
    let room = Room { id, peer: None };
    assert_eq!(ada.asks(room, &add(&[grace.user, eve.user])).await, Err(Code::GroupFull));
    assert!(ada.asks(room, &add(&[grace.user])).await.is_ok(), "the last place");
    assert_eq!(ada.asks(room, &add(&[eve.user])).await, Err(Code::GroupFull));
    let mut late = live.session(grace).await;
    ada.asks(room, &message("to all")).await.unwrap();
    late.hears("event").await;
}

#[tokio::test]
async fn row_22_members_are_added_once_and_removed_by_who_may() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let mut eve = live.person("eve").await;
    let group = ada.begins(&[grace.user, eve.user]).await;
    let role = |user: UserId, role: &str| json!({"role": {"user": user, "role": role}});
    let remove = |user: UserId| json!({"remove": {"user": user}});
    assert_eq!(ada.asks(group, &add(&[grace.user])).await, Err(Code::AlreadyAMember));
    assert_eq!(ada.asks(group, &add(&[grace.user, grace.user])).await, Err(Code::AlreadyAMember));
    assert_eq!(ada.asks(group, &add(&[nobody(&live)])).await, Err(Code::NoPerson));
    assert_eq!(ada.asks(group, &add(&[])).await, Err(Code::BadValue));
    assert_eq!(ada.asks(group, &remove(ada.user)).await, Err(Code::BadValue), "one leaves");
    assert_eq!(ada.asks(group, &remove(nobody(&live))).await, Err(Code::NotAMember));
    assert_eq!(ada.asks(group, &role(ada.user, "member")).await, Err(Code::LastOwner));
    assert_eq!(ada.asks(group, &role(nobody(&live), "admin")).await, Err(Code::NotAMember));
    assert_eq!(ada.asks(group, &role(grace.user, "member")).await, Err(Code::NoChange));
    for bad in [
        add(&[ada.user]),
        remove(eve.user),
        remove(ada.user),
        role(grace.user, "owner"),
        role(grace.user, "admin"),
        json!({"rename": {"title": "Mine"}}),
        json!({"pin": {"target": 1, "on": true}}),
    ] {
        assert_eq!(grace.asks(group, &bad).await, Err(Code::NotAllowed), "a member: {bad}");
    }
    ada.asks(group, &role(grace.user, "admin")).await.unwrap();
    for bad in [remove(ada.user), role(grace.user, "owner"), role(eve.user, "admin")] {
        assert_eq!(grace.asks(group, &bad).await, Err(Code::NotAllowed), "an admin: {bad}");
    }
    assert!(grace.asks(group, &remove(eve.user)).await.is_ok());
    assert_eq!(grace.asks(group, &remove(eve.user)).await, Err(Code::NotAMember), "twice");
    assert_eq!(eve.asks(group, &add(&[eve.user])).await, Err(Code::NotAMember));
}

#[tokio::test]
async fn row_22_the_owner_who_leaves_is_followed_and_the_last_one_leaves_an_empty_group() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let eve = live.person("eve").await;
    let group = ada.begins(&[eve.user, grace.user]).await;
    let admin = json!({"role": {"user": grace.user, "role": "admin"}});
    ada.asks(group, &admin).await.unwrap();
    ada.asks(group, &json!({"leave": {}})).await.unwrap();
    let rename = json!({"role": {"user": eve.user, "role": "admin"}});
    assert!(grace.asks(group, &rename).await.is_ok(), "the admin is the owner now");
    grace.asks(group, &json!({"remove": {"user": eve.user}})).await.unwrap();
    grace.asks(group, &json!({"leave": {}})).await.unwrap();
    assert_eq!(grace.asks(group, &add(&[grace.user])).await, Err(Code::NotAMember));
}

#[tokio::test]
async fn row_22_two_admins_who_remove_each_other_at_once_both_stay() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let (mut grace, mut eve) = (live.person("grace").await, live.person("eve").await);
    let group = ada.begins(&[grace.user, eve.user]).await;
    for admin in [grace.user, eve.user] {
        let role = json!({"role": {"user": admin, "role": "admin"}});
        ada.asks(group, &role).await.unwrap();
    }
    let remove = |user: UserId| json!({"remove": {"user": user}});
    let (one, two) = (live.client_ref(), live.client_ref());
    let (by_grace, by_eve) =
        (submit(group, one, &remove(eve.user)), submit(group, two, &remove(grace.user)));
    tokio::join!(grace.socket.says(&by_grace), eve.socket.says(&by_eve));
    assert_eq!(grace.outcome(group, one).await, Err(Code::NotAllowed));
    assert_eq!(eve.outcome(group, two).await, Err(Code::NotAllowed));
    // An owner who gives the group away while being asked to: exactly one owner is left.
    let (one, two) = (live.client_ref(), live.client_ref());
    let give = |user: UserId| json!({"role": {"user": user, "role": "owner"}});
    let mut other = live.session(live.api.sign_in("ada").await).await;
    let (to_grace, to_eve) =
        (submit(group, one, &give(grace.user)), submit(group, two, &give(eve.user)));
    tokio::join!(ada.socket.says(&to_grace), other.socket.says(&to_eve));
    let outcomes = [ada.outcome(group, one).await, other.outcome(group, two).await];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.contains(&Err(Code::NotAllowed)), "{outcomes:?}");
}

#[tokio::test]
async fn row_22_who_was_added_and_removed_a_hundred_times_is_added_no_more() {
    let live = Live::new().await;
    let (mut ada, grace) = (live.person("ada").await, live.person("grace").await);
    let group = ada.begins(&[grace.user]).await;
    for _ in 1..limits::PERIODS {
        ada.asks(group, &json!({"remove": {"user": grace.user}})).await.unwrap();
        ada.asks(group, &add(&[grace.user])).await.unwrap();
    }
    assert_eq!(ada.asks(group, &add(&[grace.user])).await, Err(Code::AlreadyAMember));
    ada.asks(group, &json!({"remove": {"user": grace.user}})).await.unwrap();
    assert_eq!(ada.asks(group, &add(&[grace.user])).await, Err(Code::LimitReached));
    let eve = live.person("eve").await;
    let seq = ada.asks(group, &add(&[grace.user, eve.user])).await.unwrap();
    let range = ada.range(group, &format!("from={seq}")).await;
    assert_eq!(range["events"][0]["kind"]["added"]["users"], json!([eve.user]), "the others come");
}
