//! Accounts, signing in, sessions and tokens, over the HTTP API.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod api;

use api::{Api, PASSWORD, from, request};
use http::Method;
use protocol::request::Tokens;
use protocol::{Code, SessionId};
use serde_json::{Value, json};

fn refresh(token: &str, device: &Value) -> Value {
    json!({"refresh_token": token, "device": device["id"]})
}

#[tokio::test(start_paused = true)]
async fn an_account_is_made_and_its_tokens_say_who_one_is() {
    let api = Api::new().await;
    let tokens = api.person("Ada").await;
    assert_eq!(tokens.expires_in, 3600);
    let me = api.get("/v1/me", &tokens.access_token).await.json();
    assert_eq!(me["person"]["name"], "ada");
    assert_eq!(me["person"]["display_name"], "ada");
    assert_eq!(me["person"]["id"], json!(tokens.user));
}

#[tokio::test(start_paused = true)]
async fn row_32_a_name_that_looks_like_one_that_is_had_is_taken() {
    let api = Api::new().await;
    api.person("ada").await;
    for (name, code) in [
        ("ADA", Code::NameTaken),
        (" ada ", Code::NameTaken),
        ("ａｄａ", Code::NameTaken),
        ("аda", Code::BadName),
        ("admin", Code::NameTaken),
        ("a", Code::BadName),
        (&"a".repeat(300), Code::BadName),
    ] {
        let asked = json!({"name": name, "password": PASSWORD, "device": api.device()});
        assert_eq!(api.post("/v1/register", "", asked).await.code(), code, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_32_who_has_no_account_is_answered_like_who_has_the_wrong_password() {
    let api = Api::new().await;
    api.person("ada").await;
    let mut answers = Vec::new();
    for name in ["ada", "grace", "аda", "", "admin", &"x".repeat(300)] {
        let asked = json!({"name": name, "password": "wrong horse", "device": api.device()});
        let answer = api.post("/v1/sign-in", "", asked).await;
        assert_eq!(answer.code(), Code::WrongPassword, "{name}");
        answers.push((answer.bytes, answer.headers));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "the answers are the same bytes");
}

#[tokio::test(start_paused = true)]
async fn row_31_a_password_is_refused_by_its_form_before_anything_is_computed() {
    let api = Api::new().await;
    for (password, code) in [
        (String::new(), Code::BadPassword),
        ("1234567".into(), Code::BadPassword),
        ("12345678\0".into(), Code::BadPassword),
        ("x".repeat(1_025), Code::BadPassword),
        ("x".repeat(1024 * 1024), Code::TooLarge),
    ] {
        for path in ["/v1/register", "/v1/sign-in"] {
            let asked = json!({"name": "ada", "password": password, "device": api.device()});
            assert_eq!(api.post(path, "", asked).await.code(), code, "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn row_31_attempts_on_one_name_from_one_address_are_slowed_down_and_come_back() {
    let api = Api::with(|config| config.auth.attempts = 3).await;
    api.person("ada").await;
    let attempt = async |name: &str, password: &str, address: &str| {
        let asked = json!({"name": name, "password": password, "device": api.device()});
        api.call(from(address, request(Method::POST, "/v1/sign-in", "", Some(asked)))).await
    };
    for _ in 0..3 {
        let answer = attempt("ada", "wrong horse", "192.0.2.1").await;
        assert_eq!(answer.code(), Code::WrongPassword);
    }
    let slowed = attempt("ADA", PASSWORD, "192.0.2.1").await;
    assert_eq!(slowed.code(), Code::SlowDown);
    assert_eq!(slowed.headers["retry-after"], "6");
    let problem: protocol::Problem = serde_json::from_slice(&slowed.bytes).unwrap();
    assert_eq!(problem.retry_after_ms, Some(6_000));
    assert!(attempt("ada", PASSWORD, "192.0.2.2").await.status.is_success(), "another address");
    assert_eq!(attempt("grace", "wrong horse", "192.0.2.1").await.code(), Code::WrongPassword);
    api.pass(6_000);
    assert!(attempt("ada", PASSWORD, "192.0.2.1").await.status.is_success());
    assert!(attempt("ada", PASSWORD, "192.0.2.1").await.status.is_success(), "all came back");
}

#[tokio::test(start_paused = true)]
async fn row_35_a_forged_address_or_another_of_the_same_64_gives_no_new_attempts() {
    let api = Api::with(|config| config.auth.attempts = 1).await;
    let attempt = async |address: &str, forwarded: &str| {
        let asked = json!({"name": "ada", "password": "wrong horse", "device": api.device()});
        let mut request = request(Method::POST, "/v1/sign-in", "", Some(asked));
        request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        api.call(from(address, request)).await.code()
    };
    assert_eq!(attempt("192.0.2.1", "198.51.100.1").await, Code::WrongPassword);
    assert_eq!(attempt("192.0.2.1", "198.51.100.2").await, Code::SlowDown);
    assert_eq!(attempt("2001:db8::1", "198.51.100.3").await, Code::WrongPassword);
    assert_eq!(attempt("2001:db8::2", "198.51.100.4").await, Code::SlowDown);
}

#[tokio::test(start_paused = true)]
async fn a_closed_server_takes_no_new_accounts() {
    let closed = |config: &mut server::config::Config| {
        config.server.registration = server::config::Registration::Closed;
    };
    let api = Api::with(closed).await;
    let asked = json!({"name": "ada", "password": PASSWORD, "device": api.device()});
    assert_eq!(api.post("/v1/register", "", asked).await.code(), Code::RegistrationClosed);
    assert_eq!(api.get("/v1/about", "").await.json()["registration"], false);
}

#[tokio::test(start_paused = true)]
async fn row_8_a_token_that_is_not_good_gets_nothing_and_says_why_only_when_it_was() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    let of = async |header: Option<&str>| {
        let mut request = request(Method::GET, "/v1/me", "", None);
        if let Some(header) = header {
            request.headers_mut().insert("authorization", header.parse().unwrap());
        }
        api.call(request).await
    };
    let good = format!("Bearer {}", ada.access_token);
    assert!(of(Some(&good)).await.status.is_success());
    assert!(of(Some(&good.replace("Bearer", "bearer"))).await.status.is_success());
    let other_kind = format!("Bearer {}", ada.refresh_token);
    let none = "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.";
    for bad in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some(ada.access_token.as_str()),
        Some(&good[..good.len() - 1]),
        Some(&good.replace("Bearer", "Basic")),
        Some(other_kind.as_str()),
        Some(none),
        Some(&format!("Bearer {}", "A".repeat(1024 * 1024))),
    ] {
        let answer = of(bad).await;
        assert_eq!(answer.code(), Code::Unauthorized);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    let mut twice = request(Method::GET, "/v1/me", &ada.access_token, None);
    twice.headers_mut().append("authorization", good.parse().unwrap());
    assert_eq!(api.call(twice).await.code(), Code::Unauthorized);
    api.pass(3_600_000);
    assert_eq!(of(Some(&good)).await.code(), Code::TokenExpired);
}

#[tokio::test(start_paused = true)]
async fn a_token_in_the_address_is_no_token() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    let path = format!("/v1/me?access_token={}", ada.access_token);
    assert_eq!(api.get(&path, "").await.code(), Code::Unauthorized);
}

/// Sign in on a device of its own.
async fn on_a_device(api: &Api) -> (Tokens, Value) {
    let device = api.device();
    let asked = json!({"name": "ada", "password": PASSWORD, "device": device});
    (api.post("/v1/register", "", asked).await.tokens(), device)
}

#[tokio::test(start_paused = true)]
async fn row_33_a_lost_answer_is_repeated_with_the_same_successor_until_that_is_used() {
    let api = Api::new().await;
    let (first, device) = on_a_device(&api).await;
    let ask = async |token: &str| api.post("/v1/refresh", "", refresh(token, &device)).await;
    let lost = ask(&first.refresh_token).await.tokens();
    let second = ask(&first.refresh_token).await.tokens();
    assert_eq!(lost.refresh_token, second.refresh_token);
    assert_ne!(first.refresh_token, second.refresh_token);
    let third = ask(&second.refresh_token).await.tokens();
    assert!(api.get("/v1/me", &third.access_token).await.status.is_success());
    assert_eq!(ask(&first.refresh_token).await.code(), Code::SessionEnded);
    for token in [&first.access_token, &third.access_token] {
        assert_eq!(api.get("/v1/me", token).await.code(), Code::SessionEnded);
    }
    assert_eq!(ask(&third.refresh_token).await.code(), Code::SessionEnded);
}

#[tokio::test(start_paused = true)]
async fn row_33_two_refreshes_at_once_get_the_same_successor() {
    let api = Api::new().await;
    let (first, device) = on_a_device(&api).await;
    let ask = || api.post("/v1/refresh", "", refresh(&first.refresh_token, &device));
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    let successors = [one, two, three].map(|answer| answer.tokens().refresh_token);
    assert_eq!(successors[0], successors[1]);
    assert_eq!(successors[1], successors[2]);
    let next = api.post("/v1/refresh", "", refresh(&successors[0], &device)).await;
    assert!(next.status.is_success());
}

#[tokio::test(start_paused = true)]
async fn row_33_another_devices_key_and_what_is_no_refresh_token_are_refused_and_end_nothing() {
    let api = Api::new().await;
    let (tokens, device) = on_a_device(&api).await;
    for (token, device) in [
        (tokens.refresh_token.as_str(), api.device()),
        (&tokens.access_token, device.clone()),
        (&tokens.refresh_token[1..], device.clone()),
        ("", device.clone()),
        (&"A".repeat(100_000), device.clone()),
    ] {
        let answer = api.post("/v1/refresh", "", refresh(token, &device)).await;
        assert_eq!(answer.code(), Code::Unauthorized);
    }
    let answer = api.post("/v1/refresh", "", refresh(&tokens.refresh_token, &device)).await;
    assert!(answer.status.is_success());
}

#[tokio::test(start_paused = true)]
async fn sessions_are_listed_and_ended_and_an_ended_one_is_good_for_nothing() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    api.pass(120_000);
    let other = api.sign_in("ada").await;
    let sessions = api.get("/v1/sessions", &ada.access_token).await.json()["sessions"].clone();
    let shown: Vec<_> =
        sessions.as_array().unwrap().iter().map(|s| (&s["id"], &s["current"])).collect();
    let (id, own) = (json!(other.session), json!(ada.session));
    assert_eq!(shown, [(&id, &json!(false)), (&own, &json!(true))]);
    assert_eq!(sessions[0]["device"]["name"], "laptop");
    let end = async |session: SessionId, token: &str| {
        api.ask(Method::DELETE, &format!("/v1/sessions/{session}"), token, None).await
    };
    assert!(end(other.session, &ada.access_token).await.status.is_success());
    assert_eq!(api.get("/v1/me", &other.access_token).await.code(), Code::SessionEnded);
    assert_eq!(end(other.session, &ada.access_token).await.code(), Code::NotFound);
    let gone = api.ask(Method::POST, "/v1/sign-out", &ada.access_token, None).await;
    assert!(gone.status.is_success());
    assert_eq!(api.get("/v1/me", &ada.access_token).await.code(), Code::SessionEnded);
}

#[tokio::test(start_paused = true)]
async fn the_last_use_of_a_session_is_noted_to_the_minute() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    let used = async || {
        let sessions = api.get("/v1/sessions", &ada.access_token).await.json();
        sessions["sessions"][0]["used"].as_i64().unwrap()
    };
    let begun = used().await;
    api.pass(59_000);
    api.get("/v1/me", &ada.access_token).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(used().await, begun);
    api.pass(1_000);
    api.get("/v1/me", &ada.access_token).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(used().await, begun + 60_000);
}

#[tokio::test(start_paused = true)]
async fn signing_in_again_on_a_device_ends_its_earlier_session() {
    let api = Api::new().await;
    let (first, device) = on_a_device(&api).await;
    let asked = json!({"name": "ada", "password": PASSWORD, "device": device});
    let second = api.post("/v1/sign-in", "", asked).await.tokens();
    assert_eq!(api.get("/v1/me", &first.access_token).await.code(), Code::SessionEnded);
    assert!(api.get("/v1/me", &second.access_token).await.status.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_changed_password_ends_the_other_sessions_and_is_the_only_one_that_holds() {
    let api = Api::new().await;
    let (ada, other) = (api.person("ada").await, api.sign_in("ada").await);
    let change = async |old: &str, new: &str| {
        let asked = json!({"old": old, "new": new});
        api.post("/v1/me/password", &ada.access_token, asked).await
    };
    assert_eq!(change("wrong horse", "battery staple").await.code(), Code::WrongPassword);
    assert_eq!(change(PASSWORD, "short").await.code(), Code::BadPassword);
    assert!(api.get("/v1/me", &other.access_token).await.status.is_success());
    assert!(change(PASSWORD, "battery staple").await.status.is_success());
    assert!(api.get("/v1/me", &ada.access_token).await.status.is_success());
    assert_eq!(api.get("/v1/me", &other.access_token).await.code(), Code::SessionEnded);
    let sign_in = async |password: &str| {
        let asked = json!({"name": "ada", "password": password, "device": api.device()});
        api.post("/v1/sign-in", "", asked).await
    };
    assert_eq!(sign_in(PASSWORD).await.code(), Code::WrongPassword);
    assert!(sign_in("battery staple").await.status.is_success());
}

#[tokio::test(start_paused = true)]
async fn row_10_a_device_is_described_as_it_must_be_and_unknown_fields_are_ignored() {
    let api = Api::new().await;
    let with = async |change: fn(&mut Value)| {
        let mut asked = json!({"name": "ada", "password": PASSWORD, "device": api.device()});
        change(&mut asked);
        api.post("/v1/register", "", asked).await
    };
    type Spoil = fn(&mut Value);
    let cases: [(Spoil, Code); 7] = [
        (|a| a["device"]["id"] = json!("00000000-0000-0000-0000-000000000000"), Code::BadValue),
        (|a| a["device"]["id"] = json!("rubbish"), Code::Malformed),
        (|a| a["device"]["name"] = json!(""), Code::EmptyText),
        (|a| a["device"]["name"] = json!("x".repeat(10_000)), Code::BadName),
        (|a| a["device"]["platform"] = json!("a b"), Code::BadValue),
        (|a| a["display_name"] = json!("a\u{202e}b"), Code::BadText),
        (|a| a["device"] = Value::Null, Code::Malformed),
    ];
    for (change, code) in cases {
        assert_eq!(with(change).await.code(), code);
    }
    assert!(with(|a| a["favourite_colour"] = json!("blue")).await.status.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_stopping_server_says_so() {
    let api = Api::new().await;
    assert_eq!(api.get("/readyz", "").await.text(), "ready\n");
    assert_eq!(api.get("/v1/nodes", "").await.json()["nodes"][0]["region"], "local");
    api.app.drain();
    assert_eq!(api.get("/readyz", "").await.code(), Code::Stopping);
    assert_eq!(api.get("/healthz", "").await.text(), "ok\n");
    assert_eq!(api.get("/v1/nodes", "").await.json()["nodes"], json!([]));
}
