//! Rows 15 and 16: the same `client_ref` once more.

use std::collections::BTreeSet;

use protocol::{ClientRef, Code};
use serde_json::json;
use uuid::Uuid;

use crate::live::Live;
use crate::person::{message, submit};

#[tokio::test]
async fn row_15_a_ref_is_one_change_of_one_person_in_one_conversation() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    let room = ada.with(grace.user);
    let client_ref = live.client_ref();
    assert_eq!(ada.submits(room, client_ref, &message("hi")).await, Ok(1));
    assert_eq!(ada.submits(room, client_ref, &message("hi")).await, Ok(1), "the same body");
    let other = ada.submits(room, client_ref, &message("another")).await;
    assert_eq!(other, Err(Code::RefConflict), "another body");
    let other = ada.submits(room, client_ref, &json!({"delete": {"target": 1}})).await;
    assert_eq!(other, Err(Code::RefConflict), "another command");
    assert_eq!(ada.submits(room, client_ref, &message("hi")).await, Ok(1), "still the first");
    let group = ada.begins(&[]).await;
    assert_eq!(ada.submits(group, client_ref, &message("hi")).await, Ok(2), "elsewhere");
    let back = grace.with(ada.user);
    assert_eq!(grace.submits(back, client_ref, &message("ho")).await, Ok(2), "somebody else");
    assert_eq!((ada.head(room).await, ada.head(group).await), (2, 2));
    assert_eq!(ada.reads(room, 1).await.as_deref(), Some("hi"));
}

#[tokio::test]
async fn row_15_a_rejection_is_remembered_like_an_event() {
    let live = Live::new().await;
    let (mut ada, grace) = (live.person("ada").await, live.person("grace").await);
    let room = ada.with(grace.user);
    let block = format!("/v1/blocks/{}", ada.user);
    let method = |method| (method, block.clone(), grace.tokens.access_token.clone());
    let ask = async |(method, path, token): (http::Method, String, String)| {
        assert!(live.api.ask(method, &path, &token, None).await.status.is_success());
    };
    ask(method(http::Method::PUT)).await;
    let client_ref = live.client_ref();
    assert_eq!(ada.submits(room, client_ref, &message("hi")).await, Err(Code::Blocked));
    ask(method(http::Method::DELETE)).await;
    assert_eq!(ada.submits(room, client_ref, &message("hi")).await, Err(Code::Blocked), "final");
    let other = ada.submits(room, client_ref, &message("another")).await;
    assert_eq!(other, Err(Code::RefConflict));
    assert_eq!(ada.asks(room, &message("hi")).await, Ok(1), "another ref");
}

#[tokio::test]
async fn row_15_refs_that_are_no_uuid_of_version_7_or_come_twice_are_refused() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let room = ada.begins(&[]).await;
    let v4 = Uuid::from_u128(0x0190_a000_0000_4000_8000_0000_0000_0001);
    for bad in [Uuid::nil(), Uuid::max(), v4] {
        let refused = ada.submits(room, ClientRef(bad), &message("hi")).await;
        assert_eq!(refused, Err(Code::BadRef), "{bad}");
    }
    let entry = json!({"client_ref": live.client_ref(), "command": message("hi")});
    let twice = json!({"submit": {"conversation": room.id, "commands": [entry, entry]}});
    assert_eq!(ada.refusal(&twice.to_string()).await, Code::BadRef);
    assert_eq!(ada.head(room).await, 1);
}

#[tokio::test]
async fn row_15_ten_copies_at_once_over_two_sessions_are_one_message() {
    let live = Live::new().await;
    let mut grace = live.person("grace").await;
    let mut ada = live.person("ada").await;
    let mut other = live.session(live.api.sign_in("ada").await).await;
    let room = ada.with(grace.user);
    let mut seqs = BTreeSet::new();
    for _ in 0..5 {
        let client_ref = live.client_ref();
        let frame = submit(room, client_ref, &message("hi"));
        for _ in 0..5 {
            tokio::join!(ada.socket.says(&frame), other.socket.says(&frame));
        }
        let (one, two) =
            (ada.outcome(room, client_ref).await, other.outcome(room, client_ref).await);
        assert_eq!(one, two);
        assert!(seqs.insert(one.unwrap()));
    }
    assert_eq!(seqs, (1..=5).collect());
    // Everything is answered before something that comes behind it.
    assert_eq!(ada.asks(room, &message("last")).await, Ok(6));
    for seq in 1..=6 {
        assert_eq!(grace.hears("event").await["event"]["seq"], json!(seq), "Grace hears each once");
    }
}

#[tokio::test]
async fn row_16_a_ref_is_known_for_ninety_days_and_is_a_new_one_after_that() {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    let live = Live::new().await;
    let (mut ada, grace) = (live.person("ada").await, live.person("grace").await);
    let room = ada.with(grace.user);
    let client_ref = live.client_ref();
    assert_eq!(ada.submits(room, client_ref, &message("hi")).await, Ok(1));
    live.api.pass(89 * DAY);
    server::admin::upkeep::round(&live.api.app).await.unwrap();
    assert_eq!(ada.submits(room, client_ref, &message("hi")).await, Ok(1));
    let other = ada.submits(room, client_ref, &message("another")).await;
    assert_eq!(other, Err(Code::RefConflict), "another body");
    live.api.pass(2 * DAY);
    server::admin::upkeep::round(&live.api.app).await.unwrap();
    assert_eq!(ada.submits(room, client_ref, &message("hi")).await, Ok(2));
}
