//! Addresses that a server must not call, and keys that are none.

use protocol::Code;
use serde_json::{Value, json};

use crate::api::Api;

async fn asked(api: &Api, token: &str, target: Value) -> Result<(), Code> {
    let answer = api.post("/v1/push/subscriptions", token, json!({ "target": target })).await;
    if answer.status.is_success() { Ok(()) } else { Err(answer.code()) }
}

#[tokio::test]
async fn row_40_a_push_cannot_be_had_from_inside_the_server_s_networks() {
    let api = Api::new().await;
    let ada = api.person("ada").await.access_token;
    for url in [
        "http://push.example/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://[::1]:8443/x",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://0x7f000001/",
        "https://ada:secret@8.8.8.8/",
        "file:///etc/passwd",
        "",
    ] {
        let webhook = json!({"webhook": {"url": url}});
        assert_eq!(asked(&api, &ada, webhook).await, Err(Code::BadValue), "{url}");
    }
    assert_eq!(api.get("/v1/push/subscriptions", &ada).await.json(), json!({"subscriptions": []}));
    // An address that needs no look-up, and to which nothing is sent here.
    let fine = json!({"webhook": {"url": "https://192.0.1.1/x"}});
    assert_eq!(asked(&api, &ada, fine).await, Ok(()));
}

#[tokio::test]
async fn row_10_a_subscription_that_cannot_be_read_gets_a_code() {
    let api = Api::new().await;
    let ada = api.person("ada").await.access_token;
    let endpoint = "https://192.0.1.1/x";
    for (target, code) in [
        (json!({"carrier_pigeon": {}}), Code::Malformed),
        (json!({"webhook": {}}), Code::Malformed),
        (json!("webhook"), Code::Malformed),
        (json!({"web_push": {"endpoint": endpoint, "p256dh": "", "auth": ""}}), Code::BadValue),
        (
            json!({"web_push": {"endpoint": endpoint, "p256dh": "A".repeat(87), "auth": "A".repeat(22)}}),
            Code::BadValue,
        ),
    ] {
        assert_eq!(asked(&api, &ada, target.clone()).await, Err(code), "{target}");
    }
    let token = json!({"webhook": {"url": endpoint}});
    assert_eq!(asked(&api, "", token).await, Err(Code::Unauthorized));
}

#[tokio::test]
async fn row_25_a_session_has_four_places_and_no_more() {
    let api = Api::new().await;
    let ada = api.person("ada").await.access_token;
    let place = |n: u32| json!({"webhook": {"url": format!("https://192.0.1.1/{n}")}});
    for n in 0..4 {
        assert_eq!(asked(&api, &ada, place(n)).await, Ok(()));
    }
    assert_eq!(asked(&api, &ada, place(4)).await, Err(Code::LimitReached));
    assert_eq!(asked(&api, &ada, place(0)).await, Ok(()), "it is there already");
}
