//! Rows 28 to 31: requests that are wrong in their bytes, and bodies that are anything.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use protocol::Code;
use protocol::testing::broken;
use serde_json::{Value, json};
use server::app::App;
use server::config::Config;
use server::environment::Environment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use crate::api::{Api, PASSWORD, request};
use crate::live::{Live, authorization};
use crate::person::message;

/// The statuses of everything that these bytes are answered with.
async fn statuses(live: &Live, bytes: &[u8]) -> Vec<String> {
    let answer = live.exchange(bytes).await;
    let parts = answer.split("HTTP/1.").skip(1);
    parts.map(|part| part[2..5].to_owned()).collect()
}

#[tokio::test]
async fn row_28_requests_that_proxies_read_in_another_way_are_refused_and_nothing_follows_them() {
    let live = Live::new().await;
    let behind = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let post = |headers: &str, body: &str| {
        format!(
            "POST /v1/refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             {headers}\r\n\r\n{body}{behind}"
        )
    };
    for asked in [
        post("transfer-encoding: chunked\r\ntransfer-encoding: identity", "0\r\n\r\n"),
        post("transfer-encoding: chunked, identity", "0\r\n\r\n"),
        post("transfer-encoding: xchunked", "0\r\n\r\n"),
        post("transfer-encoding: chunked", "fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        post("transfer-encoding: chunked", "-2\r\n{}\r\n0\r\n\r\n"),
        post("transfer-encoding: chunked", "2\n{}\n0\n\n"),
        post("transfer-encoding: chunked", "2\r\n{}XX0\r\n\r\n"),
        post("content-length: 2\r\n content-length: 9", "{}"),
        post("content-length: 2, 2", "{}"),
        post("content-length: 0x2", "{}"),
        post("content-length: 99999999999999999999", "{}"),
        post("bad header: x\r\ncontent-length: 2", "{}"),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n{behind}"),
        format!("GET /health\0z HTTP/1.1\r\nhost: x\r\n\r\n{behind}"),
        format!("GET  /healthz  HTTP/1.1\r\nhost: x\r\n\r\n{behind}"),
        format!("GET /healthz HTTP/9.9\r\nhost: x\r\n\r\n{behind}"),
    ] {
        let statuses = statuses(&live, asked.as_bytes()).await;
        assert!(statuses.len() <= 2, "{asked}: {statuses:?}");
        let refused = statuses.iter().all(|status| status.starts_with('4') || status == "505");
        assert!(refused, "{asked}: {statuses:?}");
    }
    assert!(live.serves().await);
}

#[tokio::test]
async fn row_28_a_request_of_an_older_form_gets_one_answer() {
    let live = Live::new().await;
    for asked in [
        "GET /healthz HTTP/1.0\r\n\r\n",
        "GET http://kith.test/healthz HTTP/1.1\r\nhost: kith.test\r\nconnection: close\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: x\r\nhost: y\r\nconnection: close\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\nconnection: close\r\n\r\n",
        "GET /healthz\r\n\r\n",
    ] {
        let statuses = statuses(&live, asked.as_bytes()).await;
        assert!(statuses.len() <= 1, "{asked}: {statuses:?}");
        let known = statuses.iter().all(|s| ["200", "400", "404", "405"].contains(&s.as_str()));
        assert!(known, "{asked}: {statuses:?}");
    }
    assert!(live.serves().await);
}

#[tokio::test]
async fn row_29_odd_paths_lead_nowhere_over_the_wire_either() {
    let live = Live::new().await;
    let ada = live.tokens("ada").await;
    for path in [
        "/v1/..%2f..%2fme",
        "/v1/%2e%2e/v1/me",
        "/v1/../v1/me",
        "/..\\..\\v1\\me",
        "/v1/%252e%252e%252fme",
        "/v1/me%00",
        "/v1/me%",
        "/v1/me%zz",
        "/v1/me;x=1",
        "/%76%31/%6d%65%2f",
        "//v1/me",
        "/v1/sessions/%00",
    ] {
        let asked = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{}\r\n",
            authorization(&ada.access_token)
        );
        let statuses = statuses(&live, asked.as_bytes()).await;
        assert!(matches!(statuses[0].as_str(), "400" | "404" | "405"), "{path}: {statuses:?}");
    }
    let raw = [b"GET /v1/\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n".as_slice(), b"GET \r\n\r\n"];
    for asked in raw {
        assert!(statuses(&live, asked).await.iter().all(|status| status.starts_with('4')));
    }
    assert!(live.serves().await);
}

#[tokio::test]
async fn row_30_two_hundred_megabytes_in_chunks_are_not_taken() {
    let live = Live::new().await;
    let (mut read, mut write) = live.connect().await.into_split();
    let head = b"POST /v1/refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        transfer-encoding: chunked\r\n\r\n";
    write.write_all(head).await.unwrap();
    let megabyte = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
    let sending = async {
        for sent in 0..200 {
            if write.write_all(&megabyte).await.is_err() {
                return sent;
            }
        }
        200
    };
    let mut answer = Vec::new();
    let (sent, _) = tokio::join!(sending, read.read_to_end(&mut answer));
    // What the system keeps on the way is some megabytes.
    assert!(sent < 50, "{sent} MiB were taken");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(live.serves().await);
}

/// A server whose threads are real, and whose passwords take a while.
async fn real(hashes_waiting: usize) -> (tempfile::TempDir, App) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.data = folder.path().to_owned();
    config.auth.hashes_at_once = 1;
    config.auth.hashes_waiting = hashes_waiting;
    config.auth.attempts_per_address = 100_000;
    config.auth.attempts = 100_000;
    let app = App::start(config, Environment::real()).await.unwrap();
    (folder, app)
}

#[tokio::test]
async fn row_31_many_who_sign_in_at_once_are_told_to_come_again_and_the_server_goes_on() {
    let (_folder, app) = real(2).await;
    let router = server::http::router(app.clone());
    let ask = |request| {
        let router = router.clone();
        async move { router.oneshot(request).await.unwrap() }
    };
    let mut all = tokio::task::JoinSet::new();
    for n in 0..300 {
        let device = json!({"id": app.environment.id(), "name": "laptop", "platform": "linux"});
        let body = json!({"name": format!("nobody{n}"), "password": PASSWORD, "device": device});
        all.spawn(ask(request(Method::POST, "/v1/sign-in", "", Some(body))));
    }
    let (mut wrong, mut busy) = (0, 0);
    while let Some(answer) = all.join_next().await {
        let answer = answer.unwrap();
        match answer.status().as_u16() {
            401 => wrong += 1,
            503 => {
                assert_eq!(answer.headers()["retry-after"], "1");
                busy += 1;
            }
            other => panic!("{other}"),
        }
    }
    // Those who may compute and wait are answered; each takes some ten milliseconds.
    assert!(wrong >= 3 && busy > 0, "{wrong} were answered, {busy} were not");
    let health = ask(request(Method::GET, "/healthz", "", None)).await;
    assert!(health.status().is_success());
    app.stop().await;
}

/// What the crate `protocol` has kept of everything that crosses over HTTP, by the name of its type.
fn kept() -> BTreeMap<String, Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol/tests/snapshots");
    let mut kept = BTreeMap::new();
    for group in ["signing-in", "people", "polls", "answers", "model", "push"] {
        let text = std::fs::read_to_string(format!("{folder}/{group}.json")).unwrap();
        let all: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
        kept.extend(all.into_iter().map(|(name, value)| {
            let of_type = name.split(',').next().unwrap_or_default();
            (of_type.to_owned(), value)
        }));
    }
    kept
}

#[tokio::test(start_paused = true)]
async fn every_type_that_the_api_document_names_has_a_snapshot() {
    let api = Api::new().await;
    let document = api.get("/v1/openapi.json", "").await.json();
    let kept = kept();
    // Kept under the names of their variants, or only ever inside of others.
    let elsewhere = [
        "Code",
        "Event",
        "EventKind",
        "PushSays",
        "PushSubscription",
        "PushTarget",
        "Reaction",
        "Text",
    ];
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        let id = name.ends_with("Id") || name == "ClientRef";
        assert!(id || elsewhere.contains(&name.as_str()) || kept.contains_key(name), "{name}");
    }
}

/// Each route that takes a body, with a body that it takes.
fn bodies(document: &Value) -> Vec<(Method, String, Value)> {
    let kept = kept();
    let mut bodies = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let content = &operation["requestBody"]["content"]["application/json"]["schema"];
            let Some(schema) = content["$ref"].as_str() else { continue };
            let name = schema.rsplit('/').next().unwrap();
            let body = kept.get(name).cloned().unwrap_or_else(|| panic!("no snapshot of {name}"));
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            bodies.push((method, path.clone(), body));
        }
    }
    bodies
}

#[tokio::test(start_paused = true)]
async fn row_30_broken_bodies_get_a_code_on_every_route_and_break_nothing() {
    let api = Api::with(|config| {
        config.auth.attempts_per_address = 1_000_000;
        config.auth.attempts = 1_000_000;
    });
    let api = api.await;
    let ada = api.person("adalovelace").await;
    let document = api.get("/v1/openapi.json", "").await.json();
    let routes = bodies(&document);
    assert!(routes.len() >= 8, "{}", routes.len());
    let config = ProptestConfig { rng_seed: RngSeed::Fixed(5), ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    for (method, path, body) in routes {
        let broken = broken(vec![body.to_string()]);
        for _ in 0..100 {
            let bytes = broken.new_tree(&mut runner).unwrap().current();
            let mut asked = request(method.clone(), &path, &ada.access_token, None);
            asked.headers_mut().insert("content-type", "application/json".parse().unwrap());
            *asked.body_mut() = axum::body::Body::from(bytes.clone());
            let answer = api.call(asked).await;
            if !answer.status.is_success() {
                let code = answer.code();
                let text = String::from_utf8_lossy(&bytes);
                assert!(!matches!(code, Code::Internal | Code::Busy), "{method} {path}: {text}");
            }
        }
    }
    assert_eq!(api.get("/v1/me", &ada.access_token).await.json()["person"]["name"], "adalovelace");
}

#[tokio::test]
async fn row_10_broken_frames_get_a_code_and_the_session_goes_on() {
    let live = Live::new().await;
    let mut ada = live.person("ada").await;
    let group = ada.begins(&[]).await;
    let room = group.id.to_string();
    let corpus = ["client-frames", "commands"].into_iter().flat_map(|snapshots| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol/tests/snapshots");
        let text = std::fs::read_to_string(format!("{folder}/{snapshots}.json")).unwrap();
        let all: Value = serde_json::from_str(&text).unwrap();
        let named = all.as_object().unwrap().clone().into_iter();
        let frames = named.map(|(name, frame)| match name.starts_with("submit to") {
            true => json!({ "submit": frame }),
            false => frame,
        });
        frames.collect::<Vec<_>>()
    });
    // About a conversation that there is, so that what is accepted does something.
    let was = "0190a000-0000-7000-8000-000000000003";
    let corpus = corpus.map(|frame| frame.to_string().replace(was, &room)).collect();
    let broken = broken(corpus);
    let config = ProptestConfig { rng_seed: RngSeed::Fixed(6), ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    for _ in 0..1_000 {
        let bytes = broken.new_tree(&mut runner).unwrap().current();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.len() > 2 * protocol::limits::FRAME_BYTES {
            continue;
        }
        for answer in ada.answers(&text).await {
            if let Some(code) = answer["error"]["code"].as_str() {
                assert!(!["internal", "busy", "unknown"].contains(&code), "{text}: {answer}");
            }
        }
    }
    // Somebody may have left the group on the way.
    let last = ada.begins(&[]).await;
    assert!(ada.asks(last, &message("still here")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn row_28_a_body_that_comes_by_the_byte_has_ten_seconds_in_all() {
    let live = Live::new().await;
    let mut stream = live.pipe(1 << 16);
    let head = b"POST /v1/refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        content-length: 100\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    let begun = tokio::time::Instant::now();
    let drip = tokio::spawn(async move {
        while write.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let mut first = [0; 12];
    read.read_exact(&mut first).await.unwrap();
    assert_eq!((&first, begun.elapsed().as_secs()), (b"HTTP/1.1 400", 10));
    drip.abort();
}
