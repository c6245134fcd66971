//! The bridge from outside: what a browser, a foreign page and a broken program get from it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use client::api::CALLS;
use client::connect::Network;
use client::secrets::FileSecrets;
use client::view::Notification;
use client::{Client, Environment, Options};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::door::Door;
use crate::routes::{LARGEST, QUIET, lines, routes};

const HERE: &str = "127.0.0.1:4000";
const ORIGIN_HERE: &str = "http://127.0.0.1:4000";

/// A bridge over a client with which nobody is signed in, and a small UI.
struct Bridge {
    routes: Router,
    token: String,
    _folder: TempDir,
}

/// An answer that was read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> Value {
        self.json()["code"].clone()
    }
}

impl Bridge {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let ui = folder.path().join("ui");
        std::fs::create_dir_all(ui.join("assets")).unwrap();
        std::fs::write(ui.join("index.html"), "<title>Kith</title>").unwrap();
        std::fs::write(ui.join("assets/main.js"), "start()").unwrap();
        std::fs::write(folder.path().join("secret"), "not for the page").unwrap();
        let data = folder.path().join("data");
        let options = Options {
            secrets: Arc::new(FileSecrets::new(data.join("secrets.json"))),
            data,
            environment: Environment::system(),
            connector: Arc::new(Network::new().unwrap()),
            service: "kith-bridge".into(),
            device_name: "Browser".into(),
            platform: "bridge".into(),
        };
        let client = Client::start(options).await.unwrap();
        let door = Door::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 4000))).unwrap();
        let address = door.address();
        let token = address.strip_prefix("http://127.0.0.1:4000/#token=").unwrap().to_owned();
        Self { routes: routes(client, door, &ui), token, _folder: folder }
    }

    /// What its own page sends with every request.
    fn own(&self) -> Vec<(HeaderName, String)> {
        vec![(HOST, HERE.into()), (AUTHORIZATION, format!("Bearer {}", self.token))]
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(HeaderName, String)],
        body: impl Into<Body>,
    ) -> axum::http::Response<Body> {
        let mut request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
        for (name, value) in headers {
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        self.routes.clone().oneshot(request).await.unwrap()
    }

    async fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &[(HeaderName, String)],
        body: impl Into<Body>,
    ) -> Answer {
        let (parts, body) = self.ask(method, path, headers, body).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn call(&self, name: &str, body: impl Into<Body>) -> Answer {
        self.answer("POST", &format!("/call/{name}"), &self.own(), body).await
    }

    /// A page that listens.
    async fn page(&self) -> Page {
        let response = self.ask("GET", "/events", &self.own(), Body::empty()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/x-ndjson");
        Page { body: response.into_body() }
    }
}

struct Page {
    body: Body,
}

impl Page {
    /// Listen until something is told that fits.
    async fn hears(&mut self, fits: impl Fn(&Value) -> bool) {
        loop {
            let line = self.body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(line.last(), Some(&b'\n'));
            let batch: Vec<Value> = serde_json::from_slice(&line).unwrap();
            if batch.iter().any(&fits) {
                return;
            }
        }
    }
}

#[tokio::test]
async fn the_page_comes_with_its_policy_and_nothing_beside_it_is_served() {
    let bridge = Bridge::new().await;
    let host = [(HOST, HERE.to_owned())];
    let page = bridge.answer("GET", "/", &host, Body::empty()).await;
    assert_eq!((page.status, page.body.as_slice()), (StatusCode::OK, &b"<title>Kith</title>"[..]));
    let policy = page.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
    let script = bridge.answer("GET", "/assets/main.js", &host, Body::empty()).await;
    assert_eq!(script.headers[CONTENT_TYPE], "text/javascript");
    for path in ["/secret", "/../secret", "/%2e%2e/secret", "/..%2fsecret", "/assets/../../secret"]
    {
        let answer = bridge.answer("GET", path, &host, Body::empty()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn without_the_token_nothing_is_answered_or_told() {
    let bridge = Bridge::new().await;
    let bearer = |token: &str| (AUTHORIZATION, format!("Bearer {token}"));
    let wrong = [
        vec![],
        vec![bearer("")],
        vec![bearer("another")],
        vec![bearer(&bridge.token[1..])],
        vec![bearer(&format!("{}x", bridge.token))],
        vec![(AUTHORIZATION, bridge.token.clone())],
        vec![bearer(&bridge.token), bearer(&bridge.token)],
    ];
    for mut headers in wrong {
        headers.push((HOST, HERE.into()));
        for (method, path) in [("POST", "/call/get_state"), ("GET", "/events")] {
            let answer = bridge.answer(method, path, &headers, "{}").await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {headers:?}");
            assert_eq!(answer.code(), "unauthorized");
        }
    }
    assert_eq!(bridge.call("get_state", "{}").await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_bridge_s_token_is_no_token() {
    let (bridge, other) = (Bridge::new().await, Bridge::new().await);
    let answer = bridge.answer("POST", "/call/get_state", &other.own(), "{}").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn row_48_a_page_of_another_origin_or_of_a_name_that_leads_here_gets_nothing() {
    let bridge = Bridge::new().await;
    let token = || (AUTHORIZATION, format!("Bearer {}", bridge.token));
    let host = |name: &str| (HOST, name.to_owned());
    let origin = |name: &str| (ORIGIN, name.to_owned());
    let foreign = [
        vec![host("rebound.example:4000")],
        vec![host("127.0.0.1")],
        vec![host("127.0.0.1:4001")],
        vec![host("localhost:4000")],
        vec![host(HERE), host(HERE)],
        vec![],
        vec![host(HERE), origin("https://evil.example")],
        vec![host(HERE), origin("http://127.0.0.1:4001")],
        vec![host(HERE), origin("https://127.0.0.1:4000")],
        vec![host(HERE), origin("null")],
        vec![host(HERE), origin(ORIGIN_HERE), origin(ORIGIN_HERE)],
    ];
    for mut headers in foreign {
        headers.push(token());
        for (method, path) in [
            ("POST", "/call/get_state"),
            ("OPTIONS", "/call/get_state"),
            ("GET", "/events"),
            ("GET", "/"),
        ] {
            let answer = bridge.answer(method, path, &headers, "{}").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {headers:?}");
            assert_eq!(answer.code(), "foreign_origin");
            assert!(answer.headers.contains_key(CONTENT_SECURITY_POLICY));
        }
    }
    let own = [host(HERE), origin(ORIGIN_HERE), token()];
    let answer = bridge.answer("POST", "/call/get_state", &own, "{}").await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn row_48_calls_that_are_none_get_a_code_and_the_next_one_is_answered() {
    let bridge = Bridge::new().await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies = ["", "{", "5", "null", "\"text\"", "{} {}", "{\"a\":", deep.as_str()];
    for name in CALLS {
        for body in bodies {
            let answer = bridge.call(name, body.to_owned()).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name} {body:.20}");
            assert_eq!(answer.code(), "bad_call", "{name} {body:.20}");
        }
        // Without arguments, and with fields of wrong types: a code, or what a call without any says.
        let wrong =
            json!({ "conversation": 5, "text": [], "query": {}, "address": null, "seq": -1 });
        for body in [json!({}), wrong] {
            let answer = bridge.call(name, body.to_string()).await;
            let fine = answer.status == StatusCode::OK;
            assert!(fine || answer.code().is_string(), "{name} {body}");
        }
    }
    for name in ["", "no_such_call", "get_state%00", "GET_STATE", "a/b"] {
        let answer = bridge.call(name, "{}").await;
        assert!(answer.status.is_client_error(), "{name}");
    }
    assert_eq!(bridge.call("no_such_call", "{}").await.code(), "bad_call");
    assert_eq!(bridge.call("get_state", "{}").await.json()["connection"], "signed_out");
}

#[tokio::test]
async fn row_48_a_body_that_is_too_large_is_refused_and_the_largest_message_is_not() {
    let bridge = Bridge::new().await;
    let message = |text: String| {
        let conversation = "00000000-0000-7000-8000-000000000000";
        json!({ "conversation": conversation, "text": text, "reply_to": null }).to_string()
    };
    let largest = message("\u{1}".repeat(protocol::limits::BODY_BYTES));
    assert_eq!(bridge.call("send_message", largest).await.code(), "signed_out");
    let answer = bridge.call("send_message", message("x".repeat(LARGEST))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.code(), "too_large");
}

#[tokio::test]
async fn row_48_thousands_of_calls_at_once_are_all_answered() {
    let bridge = Bridge::new().await;
    let all = (0..2000).map(|n| {
        let bridge = &bridge;
        let body = if n % 2 == 0 { "{}" } else { "5" };
        async move { (body, bridge.call("get_state", body).await.status) }
    });
    for (body, status) in futures_util::future::join_all(all).await {
        let wanted = if body == "{}" { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!(status, wanted);
    }
}

#[tokio::test]
async fn every_page_hears_what_happens_from_its_beginning_on() {
    let bridge = Bridge::new().await;
    let mut settings = bridge.call("get_state", "{}").await.json()["settings"].take();
    let dark = |told: &Value| told["state"]["settings"]["appearance"] == "dark";
    let light = |told: &Value| told["state"]["settings"]["appearance"] == "light";

    let mut first = bridge.page().await;
    first.hears(|told| told["event"] == "idle" && told["idle"] == true).await;
    settings["appearance"] = "dark".into();
    assert_eq!(bridge.call("change_settings", settings.to_string()).await.status, StatusCode::OK);
    first.hears(dark).await;

    let mut second = bridge.page().await;
    second.hears(|told| told["event"] == "idle").await;
    settings["appearance"] = "light".into();
    bridge.call("change_settings", settings.to_string()).await;
    first.hears(light).await;
    second.hears(light).await;

    // One that went away takes nothing from the other.
    drop(first);
    settings["appearance"] = "dark".into();
    bridge.call("change_settings", settings.to_string()).await;
    second.hears(dark).await;
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_has_empty_lines_and_ends_with_the_client() {
    let (client, feed) = mpsc::channel(8);
    let mut lines = std::pin::pin!(lines(feed));
    let began = Instant::now();
    assert_eq!(lines.next().await.unwrap().unwrap(), b"\n");
    assert_eq!(began.elapsed(), QUIET);
    client.send(Notification::Idle { idle: true }).await.unwrap();
    let told = "[{\"event\":\"idle\",\"idle\":true}]\n";
    assert_eq!(lines.next().await.unwrap().unwrap(), told.as_bytes());
    drop(client);
    assert!(lines.next().await.is_none());
}
