//! Rows 17 and 18: to whom one cannot write, and what one cannot change.

use http::Method;
use protocol::request::Tokens;
use protocol::{Code, ConversationId, UserId};
use serde_json::json;
use uuid::Uuid;

use crate::live::Live;
use crate::person::{Room, message, submit};

async fn ask(live: &Live, method: Method, path: &str, who: &Tokens) {
    let answer = live.api.ask(method, path, &who.access_token, None).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text());
}

#[tokio::test]
async fn row_17_to_whom_one_cannot_write() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let (mut grace, eve) = (live.person("grace").await, live.person("eve").await);
    let theirs = grace.begins(&[]).await;
    let foreign_direct = grace.with(eve.user);
    grace.asks(foreign_direct, &message("hi")).await.unwrap();
    let nobody = UserId(live.nothing().0);
    let to = |id: ConversationId, peer| Room { id, peer };
    let v4 = ConversationId(Uuid::from_u128(0x0190_a000_0000_4000_8000_0000_0000_0001));
    let with_nobody = ada.with(nobody);
    for (what, room, expected) in [
        ("a group that does not exist", to(live.nothing(), None), Code::NotAMember),
        ("a group of others", theirs, Code::NotAMember),
        ("a direct conversation of others", foreign_direct, Code::NoConversation),
        ("the same, without a peer", to(foreign_direct.id, None), Code::NoConversation),
        ("nobody", with_nobody, Code::NoPerson),
        ("oneself", ada.with(ada.user), Code::NotWithYourself),
        ("a direct id that these two do not give", to(v4, Some(grace.user)), Code::NoConversation),
        ("a group, as if it were direct", to(theirs.id, Some(grace.user)), Code::NoConversation),
        ("an id of another version", to(v4, None), Code::NoConversation),
        ("nothing", to(ConversationId(Uuid::nil()), None), Code::NoConversation),
    ] {
        assert_eq!(ada.asks(room, &message("hi")).await, Err(expected), "{what}");
    }
    for id in ["", "rubbish", "../../x", "0190a000", "%00", "7"] {
        let frame = submit(theirs, live.client_ref(), &message("hi")).to_string();
        let frame = frame.replace(&theirs.id.to_string(), id);
        assert_eq!(ada.refusal(&frame).await, Code::Malformed, "{id}");
    }
    assert_eq!(grace.head(theirs).await, 1);
}

#[tokio::test]
async fn row_17_who_left_or_is_blocked_cannot_write_and_can_again() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let group = ada.begins(&[grace.user]).await;
    grace.asks(group, &json!({"leave": {}})).await.unwrap();
    for command in [message("hi"), json!({"leave": {}}), json!({"rename": {"title": "x"}})] {
        assert_eq!(grace.asks(group, &command).await, Err(Code::NotAMember), "{command}");
    }
    ada.asks(group, &json!({"add": {"users": [grace.user]}})).await.unwrap();
    assert!(grace.asks(group, &message("back")).await.is_ok());

    let (to_grace, to_ada) = (ada.with(grace.user), grace.with(ada.user));
    ada.asks(to_grace, &message("hi")).await.unwrap();
    let block = format!("/v1/blocks/{}", ada.user);
    ask(&live, Method::PUT, &block, &grace.tokens).await;
    assert_eq!(ada.asks(to_grace, &message("hi?")).await, Err(Code::Blocked));
    assert_eq!(grace.asks(to_ada, &message("no")).await, Err(Code::Blocked), "in both directions");
    assert!(ada.asks(group, &message("in the group")).await.is_ok());
    ask(&live, Method::DELETE, &block, &grace.tokens).await;
    assert!(ada.asks(to_grace, &message("hi")).await.is_ok());
}

#[tokio::test]
async fn row_17_of_a_message_and_a_removal_that_cross_both_have_one_outcome() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let group = ada.begins(&[grace.user]).await;
    for _ in 0..8 {
        let (said, removed) = (live.client_ref(), live.client_ref());
        let remove = json!({"remove": {"user": grace.user}});
        let (remove, say) =
            (submit(group, removed, &remove), submit(group, said, &message("in flight")));
        tokio::join!(grace.socket.says(&say), ada.socket.says(&remove));
        let removed = ada.outcome(group, removed).await.unwrap();
        match grace.outcome(group, said).await {
            Ok(seq) => assert!(seq < removed, "{seq} came before {removed}"),
            Err(code) => assert_eq!(code, Code::NotAMember),
        }
        assert_eq!(grace.asks(group, &message("after")).await, Err(Code::NotAMember));
        ada.asks(group, &json!({"add": {"users": [grace.user]}})).await.unwrap();
    }
}

#[tokio::test]
async fn row_18_what_one_cannot_edit_or_delete() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let group = ada.begins(&[grace.user]).await;
    let own = grace.asks(group, &message("mine")).await.unwrap();
    let adas = ada.asks(group, &message("hers")).await.unwrap();
    let gone = grace.asks(group, &message("gone")).await.unwrap();
    let edit = |target: u64| json!({"edit": {"target": target, "text": "changed"}});
    let delete = |target: u64| json!({"delete": {"target": target}});
    grace.asks(group, &delete(gone)).await.unwrap();
    for (target, to_edit, to_delete) in [
        (adas, Code::NotYours, Code::NotYours),
        (gone, Code::MessageDeleted, Code::MessageDeleted),
        (0, Code::BadValue, Code::BadValue),
        (1, Code::NoMessage, Code::NoMessage),
        (99, Code::NoMessage, Code::NoMessage),
        ((1 << 53) - 1, Code::NoMessage, Code::NoMessage),
        (1 << 53, Code::BadValue, Code::BadValue),
    ] {
        assert_eq!(grace.asks(group, &edit(target)).await, Err(to_edit), "edit {target}");
        assert_eq!(grace.asks(group, &delete(target)).await, Err(to_delete), "delete {target}");
    }
    assert_eq!(ada.asks(group, &edit(own)).await, Err(Code::NotYours), "not even the owner");
    let same = json!({"edit": {"target": own, "text": "mine"}});
    assert_eq!(grace.asks(group, &same).await, Err(Code::NoChange));
    assert!(ada.asks(group, &delete(own)).await.is_ok(), "the owner may delete");
    assert_eq!(grace.reads(group, own).await, None, "every copy is empty");
    grace.asks(group, &json!({"leave": {}})).await.unwrap();
    assert_eq!(grace.asks(group, &delete(gone)).await, Err(Code::NotAMember));
    assert_eq!(ada.reads(group, adas).await.as_deref(), Some("hers"));
}

#[tokio::test]
async fn row_18_of_an_edit_and_a_delete_that_cross_the_delete_has_the_last_word() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let mut other = live.session(live.api.sign_in("ada").await).await;
    let group = ada.begins(&[]).await;
    for _ in 0..8 {
        let target = ada.asks(group, &message("hi")).await.unwrap();
        let (edited, deleted) = (live.client_ref(), live.client_ref());
        let edit = json!({"edit": {"target": target, "text": "changed"}});
        let (edit, delete) = (
            submit(group, edited, &edit),
            submit(group, deleted, &json!({"delete": {"target": target}})),
        );
        tokio::join!(ada.socket.says(&edit), other.socket.says(&delete));
        let deleted = other.outcome(group, deleted).await.unwrap();
        match ada.outcome(group, edited).await {
            Ok(seq) => assert!(seq < deleted, "{seq} came before {deleted}"),
            Err(code) => assert_eq!(code, Code::MessageDeleted),
        }
        assert_eq!(ada.reads(group, target).await, None);
    }
}
