//! Through the whole server: from what is said to what a receiver gets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use protocol::Code;
use protocol::push::{PushSays, Pushed, SubscribePush};
use serde_json::json;
use sha2::Sha256;

use crate::place::Place;
use crate::receiver::vapid;

#[tokio::test]
async fn a_message_reaches_an_app_encrypted_and_signed() {
    let mut place = Place::whole().await;
    place.grace_subscribes(place.receiver.web_push("grace"), PushSays::Text).await;
    let seq = place.ada_says("The engine weaves").await;
    let got = place.requests(1).await.remove(0);
    assert_eq!(got.path, "/grace");
    assert_eq!(got.header("content-encoding"), "aes128gcm");
    assert_eq!(got.header("ttl"), "86400");
    assert_eq!(got.header("urgency"), "high");
    assert!(got.header("topic").len() <= 32);
    let key = place.api.get("/v1/push/key", &place.grace.access_token).await.json();
    let claims = vapid(got.header("authorization"), key["key"].as_str().unwrap());
    assert_eq!(claims["aud"], place.receiver.origin.as_str());
    let left = claims["exp"].as_i64().unwrap() - got.at / 1_000;
    assert!((0..=24 * 60 * 60).contains(&left), "{left}");
    let pushed = place.receiver.decrypt(&got.body);
    let wanted = Pushed {
        user: place.grace.user,
        conversation: place.conversation(),
        seq,
        at: pushed.at,
        sender: place.ada.user,
        sender_name: Some("ada".into()),
        title: None,
        text: Some("The engine weaves".into()),
    };
    assert_eq!(pushed, wanted);
    assert!(!String::from_utf8_lossy(&got.body).contains("engine"));
}

#[tokio::test]
async fn a_webhook_gets_what_it_may_and_can_see_who_sent_it() {
    let mut place = Place::whole().await;
    let target = place.receiver.webhook("grace");
    let asked = serde_json::to_value(SubscribePush { target, says: PushSays::Names }).unwrap();
    let grace = place.grace.access_token.clone();
    let answer = place.api.post("/v1/push/subscriptions", &grace, asked.clone()).await.json();
    let secret = answer["secret"].as_str().unwrap().to_owned();
    let again = place.api.post("/v1/push/subscriptions", &grace, asked).await.json();
    assert_eq!(answer, again, "an app may say it at every start");
    place.ada_says("The engine weaves").await;
    let got = place.requests(1).await.remove(0);
    assert_eq!(got.header("kith-subscription"), answer["id"].as_str().unwrap());
    let (second, signature) = got.header("kith-signature").split_once(",v1=").unwrap();
    let second = second.strip_prefix("t=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(second.as_bytes());
    mac.update(b".");
    mac.update(&got.body);
    let wanted: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(signature, wanted);
    let pushed: Pushed = serde_json::from_slice(&got.body).unwrap();
    assert_eq!((pushed.sender_name.as_deref(), pushed.text), (Some("ada"), None));
}

#[tokio::test]
async fn a_list_shows_ones_own_places_and_not_the_whole_address() {
    let place = Place::whole().await;
    let id = place.grace_subscribes(place.receiver.web_push("capability"), PushSays::Ids).await;
    let list = place.api.get("/v1/push/subscriptions", &place.grace.access_token).await;
    assert!(!list.text().contains("capability"));
    let row = &list.json()["subscriptions"][0];
    assert_eq!(
        (row["id"].as_str(), row["current"].as_bool()),
        (Some(&*id.to_string()), Some(true))
    );
    assert_eq!(row["origin"], place.receiver.origin.as_str());
    let ada = &place.ada.access_token;
    assert_eq!(
        place.api.get("/v1/push/subscriptions", ada).await.json(),
        json!({"subscriptions": []})
    );
    let path = format!("/v1/push/subscriptions/{id}");
    let foreign = place.api.ask(http::Method::DELETE, &path, ada, None).await;
    assert_eq!(foreign.code(), Code::NotFound);
    assert_eq!(place.places().await, 1);
    let key = place.api.get("/v1/push/key", ada).await.json();
    assert_eq!(URL_SAFE_NO_PAD.decode(key["key"].as_str().unwrap()).unwrap().len(), 65);
}
