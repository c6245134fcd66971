//! When nothing is pushed.

use protocol::push::PushSays;
use serde_json::json;

use crate::place::Place;

async fn subscribed() -> Place {
    let place = Place::new().await;
    place.grace_subscribes(place.receiver.web_push("grace"), PushSays::Text).await;
    place
}

#[tokio::test]
async fn a_message_is_pushed_once_to_who_has_no_session() {
    let mut place = subscribed().await;
    let seq = place.pushes("hi").await;
    place.settle().await;
    let got = place.receiver.got();
    assert_eq!(got.len(), 1);
    let pushed = place.receiver.decrypt(&got[0].body);
    assert_eq!((pushed.seq, pushed.text.as_deref()), (seq, Some("hi")));
}

#[tokio::test]
async fn who_has_a_session_is_not_pushed() {
    let mut place = subscribed().await;
    place.online.lock().insert(place.grace.user);
    place.pushes("hi").await;
    place.settle().await;
    assert!(place.receiver.got().is_empty());
}

#[tokio::test]
async fn who_comes_within_the_five_seconds_is_not_pushed() {
    let mut place = subscribed().await;
    place.pushes("hi").await;
    place.api.pass(4_900);
    place.online.lock().insert(place.grace.user);
    place.settle().await;
    assert!(place.receiver.got().is_empty());
}

#[tokio::test]
async fn what_an_app_has_by_the_end_of_the_five_seconds_is_not_pushed() {
    let mut place = subscribed().await;
    let seq = place.pushes("hi").await;
    place.api.pass(4_900);
    place.grace_has(seq).await;
    place.settle().await;
    assert!(place.receiver.got().is_empty());
    let seq = place.pushes("and this?").await;
    place.settle().await;
    let got = place.receiver.got();
    assert_eq!(place.receiver.decrypt(&got[0].body).seq, seq, "the marker does not cover it");
}

#[tokio::test]
async fn a_message_that_is_deleted_in_time_is_not_pushed_and_an_edited_one_as_it_is_then() {
    let mut place = subscribed().await;
    let first = place.pushes("secret").await;
    let second = place.pushes("helo").await;
    place.ada_does(json!({"delete": {"target": first}})).await;
    place.ada_does(json!({"edit": {"target": second, "text": "hello"}})).await;
    place.settle().await;
    let got = place.receiver.got();
    assert_eq!(got.len(), 1);
    assert_eq!(place.receiver.decrypt(&got[0].body).text.as_deref(), Some("hello"));
}

#[tokio::test]
async fn a_subscription_ends_with_its_session() {
    let mut place = subscribed().await;
    place.pushes("hi").await;
    place.api.post("/v1/sign-out", &place.grace.access_token, json!({})).await.json();
    place.settle().await;
    assert!(place.receiver.got().is_empty());
}

#[tokio::test]
async fn a_subscription_that_is_removed_gets_nothing_more() {
    let mut place = Place::new().await;
    let id = place.grace_subscribes(place.receiver.webhook("grace"), PushSays::Text).await;
    place.pushes("hi").await;
    assert_eq!(place.places().await, 1);
    place.end(id).await;
    assert_eq!(place.places().await, 0);
    place.settle().await;
    assert!(place.receiver.got().is_empty());
}
