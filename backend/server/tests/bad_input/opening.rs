//! Rows 5 to 8: how a live session begins, and with which token.

use std::time::Duration;

use protocol::Code;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::api::PASSWORD;
use crate::live::{Live, authorization, code};
use crate::person::{code as code_of, greet};
use crate::socket::End;

#[tokio::test]
async fn row_5_a_page_of_another_origin_opens_no_socket() {
    let live = Live::with(|config| config.server.origins = vec!["https://chat.example".into()]);
    let live = live.await;
    let ada = live.tokens("ada").await;
    let upgrade = async |headers: &str| live.upgrade(live.connect().await, headers).await;
    let own = authorization(&ada.access_token);
    for good in ["", "origin: http://kith.test\r\n", "origin: https://chat.example\r\n"] {
        let mut socket = upgrade(&format!("{own}{good}")).await.unwrap();
        greet(&mut socket).await;
    }
    for foreign in [
        "origin: https://evil.example\r\n",
        "origin: null\r\n",
        "origin: \r\n",
        "origin: http://kith.test.evil.example\r\n",
        "origin: http://kith.test\r\norigin: http://kith.test\r\n",
    ] {
        let refused = upgrade(&format!("{own}{foreign}")).await.err().unwrap();
        assert_eq!(code(&refused), Code::ForeignOrigin, "{foreign}");
    }
    assert_eq!(code(&upgrade("").await.err().unwrap()), Code::Unauthorized, "and no token");
}

#[tokio::test]
async fn row_6_half_a_tls_greeting_is_no_request() {
    let live = Live::new().await;
    let answer = live.exchange(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(live.serves().await);
}

#[tokio::test(start_paused = true)]
async fn row_6_a_request_that_comes_by_the_byte_has_ten_seconds_in_all() {
    let live = Live::new().await;
    let (mut read, mut write) = tokio::io::split(live.pipe(1 << 16));
    let begun = Instant::now();
    let drip = tokio::spawn(async move {
        for byte in b"GET /v1/socket HTTP/1.1\r\nhost: kith.test\r\n" {
            write.write_all(&[*byte]).await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok::<_, std::io::Error>(())
    });
    let mut answer = Vec::new();
    let _ = read.read_to_end(&mut answer).await;
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert!(drip.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn row_7_who_does_not_say_hello_is_let_go_after_five_seconds() {
    let live = Live::new().await;
    let ada = live.tokens("ada").await;
    let frames = [json!(null), json!({"look": {}}), json!({"hello": {"version": 2}})];
    for frame in frames {
        let authorization = authorization(&ada.access_token);
        let mut socket = live.upgrade(live.pipe(1 << 16), &authorization).await.unwrap();
        let begun = Instant::now();
        let end = loop {
            tokio::select! {
                biased;
                end = socket.end() => break end,
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
            }
            // Whatever it is, it is no hello.
            if !frame.is_null() {
                socket.says(&frame).await;
            }
        };
        assert_eq!(end, End::Closed(1008, "hello_first".into()), "{frame}");
        assert_eq!(begun.elapsed().as_secs(), 5, "{frame}");
    }
    assert_eq!(live.api.app.delivery.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn row_7_who_is_silent_for_a_minute_is_let_go() {
    let live = Live::new().await;
    let ada = live.tokens("ada").await;
    let authorization = authorization(&ada.access_token);
    let mut socket = live.upgrade(live.pipe(1 << 16), &authorization).await.unwrap();
    greet(&mut socket).await;
    let begun = Instant::now();
    assert_eq!(socket.end().await, End::Gone);
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test]
async fn row_7_a_frame_before_hello_and_a_second_hello_get_a_code_and_the_session_stays() {
    let live = Live::new().await;
    let ada = live.tokens("ada").await;
    let mut socket = live.socket(&ada.access_token).await;
    let room = live.nothing();
    for early in [
        json!({"look": {}}),
        json!({"typing": {"conversation": room}}),
        json!({"mark": {"conversation": room, "read": 1}}),
        json!({"submit": {"conversation": room, "commands": []}}),
    ] {
        socket.says(&early).await;
        assert_eq!(code_of(&socket.hears().await["error"]), Code::HelloFirst, "{early}");
    }
    greet(&mut socket).await;
    for _ in 0..3 {
        socket.says(&json!({"hello": {"version": 1}})).await;
        assert_eq!(code_of(&socket.hears().await["error"]), Code::HelloTwice);
    }
    socket.says(&json!({"mark": {"conversation": room, "read": 1}})).await;
    assert_eq!(code_of(&socket.hears().await["error"]), Code::NotAMember);
}

#[tokio::test]
async fn row_8_no_bad_token_opens_a_socket() {
    let live = Live::new().await;
    let ada = live.tokens("ada").await;
    let good = ada.access_token.as_str();
    let refused = async |token: &str| {
        let upgrade = live.upgrade(live.connect().await, &authorization(token)).await;
        code(&upgrade.err().unwrap_or_else(|| panic!("{token} opened a socket")))
    };
    for bad in [
        "",
        "null",
        &good[..good.len() - 1],
        &format!("{good}A"),
        &format!("{good} {good}"),
        &ada.refresh_token,
        // {"alg":"none"}.{"sub":"ada","aud":"kith"}.
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJhdWQiOiJraXRoIn0.",
        &good.replace("ka1.", "ka2."),
        &"A".repeat(10_000),
    ] {
        assert_eq!(refused(bad).await, Code::Unauthorized, "{bad:.60}");
    }
    let asked = format!("GET /v1/me HTTP/1.1\r\n{}\r\n", authorization(&"A".repeat(1024 * 1024)));
    let answer = live.exchange(asked.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    live.api.pass(3_600_000);
    assert_eq!(refused(good).await, Code::TokenExpired);
    assert!(live.serves().await);
}

#[tokio::test]
async fn row_8_a_session_that_is_ended_hears_of_it_and_its_token_opens_nothing_more() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let other = live.api.sign_in("ada").await;
    let other_token = other.access_token.clone();
    let mut other = live.session(other).await;
    let path = format!("/v1/sessions/{}", other.tokens.session);
    let ended = live.api.ask(http::Method::DELETE, &path, &ada.tokens.access_token, None).await;
    assert!(ended.status.is_success());
    other.hears("session_ended").await;
    assert_eq!(other.socket.ends().await, End::Closed(1001, String::new()));
    let refused = live.upgrade(live.connect().await, &authorization(&other_token)).await;
    assert_eq!(code(&refused.err().unwrap()), Code::SessionEnded);
    assert!(ada.answered().await.is_empty(), "the one that ended it goes on");
    // Signing in again on the same device ends the session that it had.
    let device = live.api.device();
    let asked = || json!({"name": "ada", "password": PASSWORD, "device": device});
    let first = live.api.post("/v1/sign-in", "", asked()).await.tokens();
    let mut first = live.session(first).await;
    live.api.post("/v1/sign-in", "", asked()).await.tokens();
    first.hears("session_ended").await;
}
