//! Rows 10 to 12: frames whose JSON is not what it should be.

use protocol::testing::BAD;
use protocol::{Code, limits};
use serde_json::{Value, json};

use crate::live::Live;
use crate::person::{Room, code, message};
use crate::socket::End;

#[tokio::test]
async fn row_10_an_unknown_version_gets_its_code_and_the_right_one_may_follow() {
    let live = Live::new().await;
    let ada = live.tokens("ada").await;
    let mut socket = live.socket(&ada.access_token).await;
    for version in [0, 2, u32::MAX] {
        socket.says(&json!({"hello": {"version": version}})).await;
        assert_eq!(code(&socket.hears().await["error"]), Code::UnsupportedVersion);
    }
    crate::person::greet(&mut socket).await;
}

#[tokio::test]
async fn row_10_what_is_unknown_or_missing_gets_a_code_and_the_session_stays() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let room = live.nothing();
    for (frame, expected) in [
        (json!({"wave": {}}), Code::UnknownOp),
        (json!({"": {}}), Code::UnknownOp),
        (json!({"Submit": {}}), Code::UnknownOp),
        (json!({"page": {}}), Code::UnknownOp),
        (json!({"submit": {}}), Code::Malformed),
        (json!({"submit": {"conversation": room}}), Code::Malformed),
        (json!({"submit": {"commands": []}}), Code::Malformed),
        (json!({"mark": {"read": 1}}), Code::Malformed),
        (json!({"typing": {}}), Code::Malformed),
        (json!({"typing": {"conversation": 7}}), Code::Malformed),
        (json!({"look": {"users": null}}), Code::Malformed),
        (json!({"look": {}, "typing": {}}), Code::Malformed),
        (json!({}), Code::Malformed),
        (json!([]), Code::Malformed),
        (json!("look"), Code::Malformed),
    ] {
        assert_eq!(ada.refusal(&frame.to_string()).await, expected, "{frame}");
    }
    let fields = r#"{"look":{"from_2031":{"x":[1]},"users":[],"users_2":"x"}}"#;
    assert!(ada.answers(fields).await.is_empty(), "unknown fields are ignored");
}

#[tokio::test]
async fn row_10_a_refused_submit_names_its_conversation_and_nothing_of_it_happens() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let room = ada.begins(&[]).await;
    let good = json!({"client_ref": live.client_ref(), "command": message("hi")});
    let with = |client_ref: Value, command: Value| {
        let bad = json!({"client_ref": client_ref, "command": command});
        json!({"submit": {"conversation": room.id, "commands": [good, bad]}}).to_string()
    };
    let own = || json!(live.client_ref());
    for (text, expected) in [
        (with(own(), json!({"vote": {"for": "tea"}})), Code::UnknownCommand),
        (with(own(), json!({"role": {"user": ada.user, "role": "king"}})), Code::Malformed),
        (with(own(), json!({"message": {}})), Code::Malformed),
        (with(own(), json!({"message": {"text": 7}})), Code::Malformed),
        (with(own(), json!({"message": {"text": "a"}, "leave": {}})), Code::Malformed),
        (with(own(), json!("leave")), Code::Malformed),
        (with(json!("rubbish"), json!({"leave": {}})), Code::Malformed),
        (with(Value::Null, json!({"leave": {}})), Code::Malformed),
    ] {
        let answers = ada.answers(&text).await;
        assert_eq!(answers.len(), 1, "{text}: {answers:?}");
        assert_eq!(code(&answers[0]["error"]), expected, "{text}");
        assert_eq!(answers[0]["error"]["conversation"], json!(room.id), "{text}");
    }
    let many: Vec<Value> = (0..=limits::COMMANDS)
        .map(|_| json!({"client_ref": live.client_ref(), "command": message("hi")}))
        .collect();
    let many = json!({"submit": {"conversation": room.id, "commands": many}}).to_string();
    assert_eq!(ada.refusal(&many).await, Code::TooMany);
    let none = json!({"submit": {"conversation": room.id, "commands": []}}).to_string();
    assert_eq!(ada.refusal(&none).await, Code::Malformed);
    assert_eq!(ada.head(room).await, 1);
}

#[tokio::test]
async fn row_10_a_list_of_broken_texts_is_answered_one_by_one() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    for text in BAD {
        let answers = ada.answers(text).await;
        assert!(answers.len() <= 1, "{text}: {answers:?}");
        for answer in answers {
            let known = code(&answer["error"]);
            assert!(!matches!(known, Code::Unknown | Code::Internal), "{text}: {answer}");
        }
    }
}

#[tokio::test]
async fn row_11_deep_wide_and_doubled_json_is_refused_or_ignored() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    for (open, close) in [("[", "]"), ("{\"x\":", "}")] {
        let deep = format!("{}0{}", open.repeat(10_000), close.repeat(10_000));
        let refused = ada.refusal(&deep).await;
        assert!(matches!(refused, Code::Malformed | Code::UnknownOp), "{refused}");
        let deep = format!(r#"{{"look":{{"x":{deep}}}}}"#);
        assert!(ada.answers(&deep).await.is_empty(), "what is ignored is not built up");
    }
    let keys = |n: usize| (0..n).map(|n| format!(r#""{n}":0"#)).collect::<Vec<_>>().join(",");
    let wide = format!(r#"{{"look":{{{}}}}}"#, keys(10_000));
    assert!(ada.answers(&wide).await.is_empty(), "unknown fields are ignored");
    assert_eq!(ada.refusal(&format!("{{{}}}", keys(10_000))).await, Code::Malformed);
    for twice in [
        r#"{"look":{},"look":{}}"#,
        r#"{"look":{"users":[],"users":[]}}"#,
        r#"{"hello":{"version":1,"version":2}}"#,
    ] {
        assert_eq!(ada.refusal(twice).await, Code::Malformed, "{twice}");
    }
    ada.socket.text(&format!(r#"{{"look":{{{}}}}}"#, keys(1_000_000))).await;
    let end = ada.socket.ends().await;
    let closed = End::Closed(1009, "too_large".into());
    // What is not read makes the system reset the connection, and the word may go with it.
    assert!(end == closed || end == End::Gone, "a million keys: {end:?}");
}

#[tokio::test]
async fn row_12_numbers_that_are_no_seq_get_a_code_and_the_session_stays() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let room = ada.begins(&[]).await;
    for bad in [
        "NaN",
        "-NaN",
        "Infinity",
        "-0",
        "-1",
        "1.5",
        "1e2",
        "1e400",
        "01",
        "+1",
        "0x10",
        "1_000",
        "\"1\"",
        "true",
        "null",
        "[1]",
        "{}",
        "18446744073709551616",
        "-9223372036854775808",
    ] {
        let mark = format!(r#"{{"mark":{{"conversation":"{}","read":{bad}}}}}"#, room.id);
        assert_eq!(ada.refusal(&mark).await, Code::Malformed, "{mark}");
        let hello = format!(r#"{{"hello":{{"version":{bad}}}}}"#);
        assert_eq!(ada.refusal(&hello).await, Code::Malformed, "{hello}");
    }
    let said = ada.asks(room, &message("hi")).await.unwrap();
    for target in [0, (1 << 53) + 1, u64::MAX] {
        for command in [
            json!({"delete": {"target": target}}),
            json!({"edit": {"target": target, "text": "x"}}),
            json!({"react": {"target": target, "emoji": "👍", "on": true}}),
            json!({"pin": {"target": target, "on": true}}),
            json!({"message": {"text": "x", "reply_to": target}}),
        ] {
            assert_eq!(ada.asks(room, &command).await, Err(Code::BadValue), "{command}");
        }
    }
    assert_eq!(ada.head(room).await, said);
}

#[tokio::test]
async fn row_12_a_look_is_empty_or_has_fifty_and_no_more() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let look = |field: &str, n: usize| {
        let ids: Vec<_> = (0..n).map(|_| live.nothing()).collect();
        json!({"look": { field: ids }}).to_string()
    };
    for field in ["conversations", "users"] {
        for some in [0, limits::LOOKS] {
            let answers = ada.answers(&look(field, some)).await;
            let presences = if field == "users" { some } else { 0 };
            assert_eq!(answers.len(), presences, "one for each person: {answers:?}");
        }
        assert_eq!(ada.refusal(&look(field, limits::LOOKS + 1)).await, Code::TooMany);
        assert_eq!(ada.refusal(&look(field, 3_000)).await, Code::TooMany);
    }
    let all = Room { id: live.nothing(), peer: None };
    assert_eq!(ada.asks(all, &message("hi")).await, Err(Code::NotAMember));
}
