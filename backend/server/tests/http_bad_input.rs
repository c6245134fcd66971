//! Requests that are wrong in their form, over the HTTP API.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod api;

use api::{Answer, Api, request};
use axum::body::Body;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::{Method, Request};
use protocol::Code;
use serde_json::json;

async fn refresh(api: &Api, types: &[&str], body: impl Into<Body>) -> Answer {
    let mut request = Request::post("/v1/refresh").body(body.into()).unwrap();
    for value in types {
        request.headers_mut().append(CONTENT_TYPE, value.parse().unwrap());
    }
    api.call(request).await
}

const JSON: &[&str] = &["application/json"];
const BODY: &str = r#"{"refresh_token":"","device":"0190a000-0000-7000-8000-000000000001"}"#;

#[tokio::test(start_paused = true)]
async fn row_5_a_page_of_another_origin_can_use_no_route_and_open_no_socket() {
    let api = Api::with(|config| config.server.origins = vec!["https://chat.example".into()]).await;
    let ada = api.person("ada").await;
    let ask = async |method: Method, path: &str, origins: &[&str]| {
        let mut request = request(method, path, &ada.access_token, None);
        request.headers_mut().insert(HOST, "kith.example".parse().unwrap());
        for origin in origins {
            request.headers_mut().append(ORIGIN, origin.parse().unwrap());
        }
        api.call(request).await
    };
    for path in ["/v1/me", "/v1/socket", "/v1/about", "/v1/nothing"] {
        for foreign in [&["https://evil.example"][..], &["null"], &["https://kith.example"; 2]] {
            let code = ask(Method::GET, path, foreign).await.code();
            assert_eq!(code, Code::ForeignOrigin, "{path} {foreign:?}");
        }
    }
    for own in [&[][..], &["https://kith.example"], &["https://chat.example"]] {
        let answer = ask(Method::GET, "/v1/me", own).await;
        assert!(answer.status.is_success());
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    let preflight = ask(Method::OPTIONS, "/v1/me", &["https://chat.example"]).await;
    assert_eq!(preflight.code(), Code::MethodNotAllowed);
}

#[tokio::test(start_paused = true)]
async fn row_5_a_socket_needs_a_token() {
    let api = Api::new().await;
    let mut upgrade = request(Method::GET, "/v1/socket", "", None);
    for (name, value) in [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ] {
        upgrade.headers_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(api.call(upgrade).await.code(), Code::Unauthorized);
}

#[tokio::test(start_paused = true)]
async fn row_28_a_body_has_one_content_type_and_it_is_json() {
    let api = Api::new().await;
    for good in ["application/json", "Application/JSON; charset=UTF-8"] {
        assert_eq!(refresh(&api, &[good], BODY).await.code(), Code::Unauthorized, "{good}");
    }
    for bad in [
        &[][..],
        &[""],
        &["text/plain"],
        &["application/jsonp"],
        &["application/json; charset=utf-16"],
        &["application/json, application/json"],
        &["application/json", "application/json"],
        &["application/json", "text/plain"],
        &["multipart/form-data; boundary=x"],
    ] {
        let code = refresh(&api, bad, BODY).await.code();
        assert_eq!(code, Code::UnsupportedMediaType, "{bad:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_28_every_route_refuses_the_methods_that_it_does_not_have() {
    let api = Api::new().await;
    let document = api.get("/v1/openapi.json", "").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            if item.get(method.to_lowercase()).is_some() {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = api.ask(method.clone(), path, "", None).await;
            assert_eq!(answer.code(), Code::MethodNotAllowed, "{method} {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn row_29_a_packed_body_is_not_unpacked() {
    let api = Api::new().await;
    for encoding in ["gzip", "br", "deflate", "identity, gzip", "x"] {
        let mut bomb = Request::post("/v1/refresh").body(Body::from(vec![0x1f, 0x8b, 8])).unwrap();
        bomb.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
        bomb.headers_mut().insert("content-encoding", encoding.parse().unwrap());
        assert_eq!(api.call(bomb).await.code(), Code::UnsupportedMediaType, "{encoding}");
    }
    let packed = refresh(&api, JSON, vec![0x1f, 0x8b, 8, 0, 0]).await;
    assert_eq!(packed.code(), Code::Malformed, "not announced");
}

#[tokio::test(start_paused = true)]
async fn row_29_tricks_with_the_path_lead_nowhere() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    for path in [
        "/v1/..%2f..%2fetc%2fpasswd",
        "/v1/../v1/me",
        "/v1/%2e%2e/v1/me",
        "/v1/me/",
        "//v1/me",
        "/v1//me",
        "/v1/me%00",
        "/v1/me%2f",
        "/v1/%6de%",
        "/V1/me",
        "/v1/sessions/..%2f..%2fme",
        "/v1/conversations/%00/events",
        "/v1/conversations/%252e%252e%252f/events",
        "/v1/conversations/%ff%fe/events",
        "/v1/conversations/..%2fx/members",
        "/",
    ] {
        let answer = api.get(path, &ada.access_token).await;
        let code = answer.code();
        let lost = matches!(code, Code::NotFound | Code::NoConversation | Code::MethodNotAllowed);
        assert!(lost, "{path}: {code}");
    }
    for id in ["%00", "..%2f..%2fme", "%ff"] {
        let path = format!("/v1/sessions/{id}");
        let answer = api.ask(Method::DELETE, &path, &ada.access_token, None).await;
        assert_eq!(answer.code(), Code::NotFound, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_29_a_hundred_thousand_parameters_are_too_many_and_a_few_hundred_are_ignored() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    // What `http` can hold in an address at all.
    let many = format!("/v1/people?query=ada&{}", "a=1&".repeat(15_000));
    assert_eq!(api.get(&many, &ada.access_token).await.code(), Code::TooLarge);
    let some = format!("/v1/people?query=ada&{}", "a=1&".repeat(500));
    assert!(api.get(&some, &ada.access_token).await.status.is_success());
    let long = format!("/v1/{}", "x".repeat(9_000));
    assert_eq!(api.get(&long, "").await.code(), Code::TooLarge);
}

#[tokio::test(start_paused = true)]
async fn row_30_a_body_is_one_object_and_nothing_else() {
    let api = Api::new().await;
    for bad in [
        "",
        " ",
        "null",
        "7",
        "\"x\"",
        "[]",
        r#"["","0190a000-0000-7000-8000-000000000001"]"#,
        "{",
        "{}",
        &format!("{BODY}x"),
        &format!("{BODY}{BODY}"),
        &format!("\u{feff}{BODY}"),
        r#"{"refresh_token":"","refresh_token":"","device":"0190a000-0000-7000-8000-000000000001"}"#,
        r#"{"refresh_token":1,"device":"0190a000-0000-7000-8000-000000000001"}"#,
        r#"{"refresh_token":"\ud800","device":"0190a000-0000-7000-8000-000000000001"}"#,
    ] {
        assert_eq!(refresh(&api, JSON, bad.to_owned()).await.code(), Code::Malformed, "{bad}");
    }
    let overlong = [br#"{"refresh_token":""#.as_slice(), &[0xc0, 0x80], br#""}"#].concat();
    assert_eq!(refresh(&api, JSON, overlong).await.code(), Code::Malformed);
}

#[tokio::test(start_paused = true)]
async fn row_11_what_is_nested_ten_thousand_deep_or_has_very_many_keys_is_refused_or_ignored() {
    let api = Api::new().await;
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(refresh(&api, JSON, deep).await.code(), Code::Malformed);
    let keys: String = (0..9_000).map(|n| format!(r#""{n}":0,"#)).collect();
    let wide = format!("{{{keys}{}", &BODY[1..]);
    assert_eq!(refresh(&api, JSON, wide).await.code(), Code::Unauthorized);
}

#[tokio::test(start_paused = true)]
async fn row_30_a_body_without_an_announced_length_is_read_no_further_than_it_may_be_long() {
    let api = Api::new().await;
    let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = taken.clone();
    let endless = futures_util::stream::repeat_with(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b' '; 16 * 1024]))
    });
    assert_eq!(refresh(&api, JSON, Body::from_stream(endless)).await.code(), Code::TooLarge);
    assert!(taken.load(std::sync::atomic::Ordering::Relaxed) <= 10, "200 MB were not read");
}

#[tokio::test(start_paused = true)]
async fn row_28_a_body_that_does_not_come_is_not_waited_for_longer_than_ten_seconds() {
    let api = Api::new().await;
    let never = futures_util::stream::pending::<std::io::Result<bytes::Bytes>>();
    let begun = tokio::time::Instant::now();
    assert_eq!(refresh(&api, JSON, Body::from_stream(never)).await.code(), Code::Malformed);
    assert!(begun.elapsed() < std::time::Duration::from_secs(11));
}

#[tokio::test(start_paused = true)]
async fn every_answer_forbids_to_keep_frame_sniff_or_run_it() {
    let api = Api::new().await;
    for path in ["/v1/about", "/v1/me", "/nothing", "/healthz"] {
        let answer = api.get(path, "").await;
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["x-frame-options"], "DENY", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_34_the_host_that_a_request_names_appears_in_no_answer() {
    let api = Api::new().await;
    for path in ["/v1/nodes", "/v1/about", "/v1/openapi.json", "/nothing"] {
        let mut request = request(Method::GET, path, "", None);
        request.headers_mut().insert(HOST, "evil.example".parse().unwrap());
        request.headers_mut().insert("x-forwarded-host", "evil.example".parse().unwrap());
        assert!(!api.call(request).await.text().contains("evil"), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_are_seeded_from_this_machine_only_and_only_when_that_is_on() {
    let api = Api::with(|config| config.dev.accounts = true).await;
    let seed = |count: usize| {
        request(Method::POST, "/v1/dev/accounts", "", Some(json!({ "count": count })))
    };
    let lines = api.call(seed(2)).await.text();
    let tokens: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(tokens.len(), 2);
    for line in &tokens {
        let me = api.get("/v1/me", line["access_token"].as_str().unwrap()).await.json();
        assert_eq!(me["person"]["name"], line["name"]);
    }
    assert_eq!(api.call(seed(1_001)).await.code(), Code::TooMany);
    let elsewhere = api.call(api::from("192.0.2.1", seed(1))).await;
    assert_eq!(elsewhere.code(), Code::NotFound);
    let off = Api::with(|config| config.dev.accounts = false).await;
    assert_eq!(off.call(seed(1)).await.code(), Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_is_none_is_refused_like_everything_else() {
    let api = Api::new().await;
    let ada = api.person("ada").await;
    assert_eq!(api.get("/v1/socket", &ada.access_token).await.code(), Code::Malformed);
}

#[tokio::test(start_paused = true)]
async fn row_28_a_body_with_two_kinds_of_length_is_refused_and_the_connection_ends() {
    let api = Api::new().await;
    let mut request = Request::post("/v1/refresh").body(Body::from(BODY)).unwrap();
    for (name, value) in [
        ("content-type", "application/json"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let answer = api.call(request).await;
    assert_eq!(answer.code(), Code::Malformed);
    assert_eq!(answer.headers["connection"], "close");
}
