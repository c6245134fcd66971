//! Rows 23 and 24: cursors and ranges that cannot be.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::Code;
use serde_json::{Value, json};

use crate::live::Live;
use crate::person::message;

/// The pages and the first cursor of a new session that has this cursor.
async fn hello(live: &Live, token: &str, cursor: &Value) -> (Vec<Value>, Value) {
    let mut socket = live.socket(token).await;
    socket.says(&json!({"hello": {"version": 1, "cursor": cursor}})).await;
    let mut pages = Vec::new();
    loop {
        let mut frame = socket.hears().await;
        if let Some(cursor) = frame.get_mut("cursor") {
            return (pages, cursor["cursor"].take());
        }
        pages.push(frame["page"].take());
    }
}

#[tokio::test]
async fn row_23_a_cursor_that_is_not_understood_gives_the_whole_list() {
    let live = Live::new().await;
    let (mut ada, mut grace) = (live.person("ada").await, live.person("grace").await);
    ada.asks(ada.with(grace.user), &message("hi")).await.unwrap();
    grace.hears("event").await;
    let token = ada.tokens.access_token.clone();
    let (pages, good) = hello(&live, &token, &Value::Null).await;
    assert_eq!(
        (&pages[0]["whole"], pages[0]["conversations"].as_array().unwrap().len()),
        (&json!(true), 1)
    );
    let (_, foreign) = hello(&live, &grace.tokens.access_token, &Value::Null).await;
    let elsewhere = {
        let mut bytes = URL_SAFE_NO_PAD.decode(good.as_str().unwrap()).unwrap();
        bytes[0] ^= 1;
        json!(URL_SAFE_NO_PAD.encode(bytes))
    };
    let at = |commit: u64| {
        let mut bytes = URL_SAFE_NO_PAD.decode(good.as_str().unwrap()).unwrap();
        bytes[16..].copy_from_slice(&commit.to_be_bytes());
        json!(URL_SAFE_NO_PAD.encode(bytes))
    };
    for (what, cursor) in [
        ("of the future", at(1 << 40)),
        ("of the end of time", at(u64::MAX)),
        ("negative", json!("-1")),
        ("a number in a string", json!("42")),
        ("of somebody else", foreign),
        ("of another database", elsewhere),
        ("garbage", json!("rubbish")),
        ("empty", json!("")),
        ("not of ASCII", json!("é".repeat(32))),
        ("padded", json!(format!("{}=", good.as_str().unwrap()))),
        ("with more behind it", json!(format!("{}AAAA", good.as_str().unwrap()))),
        ("cut", json!(&good.as_str().unwrap()[1..])),
        ("of 100 KiB", json!("A".repeat(100 * 1024))),
    ] {
        let (pages, first) = hello(&live, &token, &cursor).await;
        assert_eq!(pages[0]["whole"], json!(true), "{what}");
        assert_eq!(pages[0]["conversations"].as_array().unwrap().len(), 1, "{what}");
        assert_eq!(first, good, "{what}");
    }
    let (pages, _) = hello(&live, &token, &at(0)).await;
    assert_eq!(pages[0]["conversations"].as_array().unwrap().len(), 1, "the oldest there can be");
}

#[tokio::test]
async fn row_23_a_cursor_of_another_device_of_the_same_person_is_as_good_as_ones_own() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let grace = live.person("grace").await;
    let (_, cursor) = hello(&live, &ada.tokens.access_token, &Value::Null).await;
    ada.asks(ada.with(grace.user), &message("hi")).await.unwrap();
    let other = live.api.sign_in("ada").await;
    let (pages, _) = hello(&live, &other.access_token, &cursor).await;
    assert_eq!(pages[0]["whole"], json!(false));
    assert_eq!(pages[0]["conversations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn row_23_a_cursor_of_a_wrong_type_is_no_hello_and_the_right_one_may_follow() {
    let live = Live::new().await;
    let ada = live.tokens("ada").await;
    let mut socket = live.socket(&ada.access_token).await;
    for cursor in [json!(-1), json!(7), json!([]), json!({"x": 1}), json!(true)] {
        socket.says(&json!({"hello": {"version": 1, "cursor": cursor}})).await;
        let refused = socket.hears().await;
        assert_eq!(refused["error"]["code"], "malformed", "{cursor}");
    }
    crate::person::greet(&mut socket).await;
}

#[tokio::test]
async fn row_24_ranges_at_every_edge() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let room = ada.begins(&[]).await;
    for _ in 0..3 {
        ada.asks(room, &message("hi")).await.unwrap();
    }
    let seqs = async |query: &str| {
        let range = ada.range(room, query).await;
        let seqs = range["events"].as_array().unwrap().iter();
        seqs.map(|event| event["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("from=2&to=2", &[2][..]),
        ("from=1&to=1", &[1]),
        ("from=4&to=4", &[4]),
        ("from=4&to=5", &[4]),
        ("from=5&to=5", &[]),
        ("from=5&to=9", &[]),
        ("from=1", &[1, 2, 3, 4]),
        ("", &[1, 2, 3, 4]),
        ("to=9007199254740993", &[1, 2, 3, 4]),
        ("limit=0", &[1, 2, 3, 4]),
        ("limit=-1&limit=4294967295", &[1, 2, 3, 4]),
    ] {
        assert_eq!(seqs(query).await, expected, "{query}");
    }
    for bad in ["from=0", "to=0", "from=3&to=2", "from=-1", "from=", "from=1&from=2", "to=1.0"] {
        let path = format!("/v1/conversations/{}/events?{bad}", room.id);
        let code = live.api.get(&path, &ada.tokens.access_token).await.code();
        assert!(matches!(code, Code::BadValue | Code::Malformed), "{bad}: {code}");
    }
}
