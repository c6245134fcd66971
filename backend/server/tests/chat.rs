//! Two people chat through the whole pipeline, over long-poll and in one process.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use protocol::{UserId, direct_conversation};
use serde_json::{Value, json};
use server::admin::metrics::Admin;
use server::admin::trace::trace;
use server::app::App;
use server::config::Config;
use server::environment::Environment;
use tower::ServiceExt;
use uuid::Uuid;

struct Person {
    router: Router,
    user: UserId,
    token: String,
    session: String,
    polled: u64,
    heard: Vec<Value>,
    sent: u64,
}

async fn call(
    router: &Router,
    token: &str,
    method: &str,
    path: &str,
    body: Value,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path).header("host", "kith.test");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = if body.is_null() {
        request.body(Body::empty())
    } else {
        request.header("content-type", "application/json").body(Body::from(body.to_string()))
    };
    let response = router.clone().oneshot(request.unwrap()).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

impl Person {
    async fn joins(router: &Router, name: &str, n: u128) -> Self {
        let device = json!({"id": client_ref(n), "name": "test", "platform": "test"});
        let body = json!({"name": name, "password": "correct horse", "display_name": "", "device": device});
        let (status, tokens) = call(router, "", "POST", "/v1/register", body).await;
        assert!(status.is_success(), "{status} {tokens}");
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        let user = tokens["user"].as_str().unwrap().parse().unwrap();
        let (status, opened) = call(router, &token, "POST", "/v1/poll/open", json!({})).await;
        assert!(status.is_success(), "{status} {opened}");
        let session = opened["session"].as_str().unwrap().to_owned();
        let mut person = Self {
            router: router.clone(),
            user,
            token,
            session,
            polled: 0,
            heard: Vec::new(),
            sent: 0,
        };
        person.says(json!({"hello": {"version": 1}})).await;
        person.hears(|frame| frame.get("cursor").is_some()).await;
        person
    }

    async fn says(&mut self, frame: Value) {
        self.sent += 1;
        let body = json!({"session": self.session, "m": self.sent, "frames": [frame]});
        let (status, answer) = call(&self.router, &self.token, "POST", "/v1/poll/send", body).await;
        assert!(status.is_success(), "{status} {answer}");
    }

    /// The first frame that fits, whatever comes before it.
    async fn hears(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(at) = self.heard.iter().position(&fits) {
                return self.heard.drain(..=at).next_back().unwrap();
            }
            self.polled += 1;
            let body = json!({"session": self.session, "n": self.polled});
            let (status, answer) = call(&self.router, &self.token, "POST", "/v1/poll", body).await;
            assert!(status.is_success(), "{status} {answer}");
            self.heard.extend(answer["frames"].as_array().unwrap().iter().cloned());
        }
    }

    async fn sends(&mut self, to: UserId, n: u128, text: &str) {
        let conversation = direct_conversation(self.user, to);
        let command = json!({"client_ref": client_ref(n), "command": {"message": {"text": text}}});
        self.says(
            json!({"submit": {"conversation": conversation, "peer": to, "commands": [command]}}),
        )
        .await;
    }
}

fn client_ref(n: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n)
}

async fn world() -> (tempfile::TempDir, App, Router) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.data = folder.path().to_owned();
    let app = App::start(config, Environment::real()).await.unwrap();
    let router = server::http::router(app.clone());
    (folder, app, router)
}

#[tokio::test]
async fn a_message_comes_back_to_its_sender_and_reaches_the_other_in_one_order() {
    let (_folder, app, router) = world().await;
    let mut ada = Person::joins(&router, "ada", 1).await;
    let mut grace = Person::joins(&router, "grace", 2).await;
    ada.sends(grace.user, 1, "hi").await;
    let own = ada.hears(|f| f.get("event").is_some()).await;
    assert_eq!(own["event"]["event"]["client_ref"], json!(client_ref(1)));
    let theirs = grace.hears(|f| f.get("event").is_some()).await;
    assert_eq!(own, theirs, "everybody gets the same bytes");
    assert_eq!(theirs["event"]["states"][0]["texts"][0]["text"], "hi");

    app.stop().await;
}

#[tokio::test]
async fn row_15_a_resend_is_answered_and_not_stored_again_and_another_body_is_a_conflict() {
    let (_folder, app, router) = world().await;
    let mut ada = Person::joins(&router, "ada", 1).await;
    let grace = Person::joins(&router, "grace", 2).await;
    ada.sends(grace.user, 1, "hi").await;
    let first = ada.hears(|f| f.get("event").is_some()).await;
    ada.sends(grace.user, 1, "hi").await;
    let again = ada.hears(|f| f.get("event").is_some()).await;
    assert_eq!(first, again);
    ada.sends(grace.user, 1, "something else").await;
    let conflict = ada.hears(|f| f.get("rejected").is_some()).await;
    assert_eq!(conflict["rejected"]["code"], "ref_conflict");
    ada.sends(grace.user, 2, "next").await;
    let next = ada.hears(|f| f.get("event").is_some()).await;
    assert_eq!(next["event"]["event"]["seq"], 2, "nothing was stored in between");
    app.stop().await;
}

#[tokio::test]
async fn row_19_a_marker_beyond_the_head_is_clamped_and_the_other_person_is_told() {
    let (_folder, app, router) = world().await;
    let mut ada = Person::joins(&router, "ada", 1).await;
    let mut grace = Person::joins(&router, "grace", 2).await;
    ada.sends(grace.user, 1, "hi").await;
    grace.hears(|f| f.get("event").is_some()).await;
    let conversation = direct_conversation(ada.user, grace.user);
    // The first message of a direct conversation is not read before somebody reads it.
    let path = format!("/v1/conversations/{conversation}/markers");
    let (_, before) = call(&router, &ada.token, "GET", &path, Value::Null).await;
    assert!(before["markers"].as_array().unwrap().iter().all(|m| m["read"] == 0), "{before}");
    grace.says(json!({"mark": {"conversation": conversation, "delivered": 1, "read": 9}})).await;
    let stored = grace.hears(|f| f.get("mark_stored").is_some()).await;
    assert_eq!(stored["mark_stored"]["read"], 1, "clamped to the head");
    let marked = ada.hears(|f| f["marked"]["user"] == json!(grace.user)).await;
    assert_eq!(marked["marked"]["read"], 1);
    app.stop().await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let (folder, app, router) = world().await;
    let mut ada = Person::joins(&router, "ada", 1).await;
    let grace = Person::joins(&router, "grace", 2).await;
    ada.sends(grace.user, 1, "hi").await;
    ada.hears(|f| f.get("event").is_some()).await;
    let conversation = direct_conversation(ada.user, grace.user);
    let token = ada.token.clone();
    drop((ada, grace, router));
    app.stop().await;
    let mut config = Config::default();
    config.server.data = folder.path().to_owned();
    let app = App::start(config, Environment::real()).await.unwrap();
    let router = server::http::router(app.clone());
    let path = format!("/v1/conversations/{conversation}/events?from=1&to=10");
    let (status, range) = call(&router, &token, "GET", &path, Value::Null).await;
    assert!(status.is_success(), "{status} {range}");
    assert_eq!(range["states"][0]["texts"][0]["text"], "hi");
    app.stop().await;
}

#[tokio::test]
async fn a_group_is_told_to_its_members_only_and_who_comes_later_sees_nothing_from_before() {
    let (_folder, app, router) = world().await;
    let mut ada = Person::joins(&router, "ada", 1).await;
    let mut grace = Person::joins(&router, "grace", 2).await;
    let mut alan = Person::joins(&router, "alan", 3).await;
    let group = client_ref(1_000);
    let submit = |commands: Value| json!({"submit": {"conversation": group, "commands": commands}});
    let create = json!({"create": {"title": "Engine room", "members": [grace.user]}});
    let say =
        |text: &str, reply_to: Value| json!({"message": {"text": text, "reply_to": reply_to}});
    let secret = say("before Alan", Value::Null);
    ada.says(submit(json!([
        {"client_ref": client_ref(1), "command": create},
        {"client_ref": client_ref(2), "command": secret},
        {"client_ref": client_ref(3), "command": {"add": {"users": [alan.user]}}},
        {"client_ref": client_ref(4), "command": say("after Alan", json!(2))},
    ])))
    .await;
    let event = |seq: u64| move |f: &Value| f["event"]["event"]["seq"] == json!(seq);
    let reply = grace.hears(event(4)).await;
    assert_eq!(reply["event"]["states"].as_array().unwrap().len(), 2, "with the quoted message");
    let first = alan.hears(|f| f.get("event").is_some()).await;
    assert_eq!(first["event"]["event"]["seq"], 3, "what he hears first is that he was added");
    let reply = alan.hears(event(4)).await;
    assert_eq!(reply["event"]["states"].as_array().unwrap().len(), 1, "without the quoted message");
    assert!(!reply.to_string().contains("before Alan"));
    let path = format!("/v1/conversations/{group}/events?from=1&to=10");
    let (_, range) = call(&router, &alan.token, "GET", &path, Value::Null).await;
    assert!(range.to_string().contains("after Alan") && !range.to_string().contains("before Alan"));

    grace
        .says(submit(
            json!([{"client_ref": client_ref(5), "command": {"remove": {"user": alan.user}}}]),
        ))
        .await;
    let rejected = grace.hears(|f| f.get("rejected").is_some()).await;
    assert_eq!(rejected["rejected"]["code"], "not_allowed", "members remove nobody");
    ada.says(submit(
        json!([{"client_ref": client_ref(6), "command": {"remove": {"user": alan.user}}}]),
    ))
    .await;
    alan.hears(event(5)).await;
    alan.says(submit(
        json!([{"client_ref": client_ref(7), "command": say("still here?", Value::Null)}]),
    ))
    .await;
    let rejected = alan.hears(|f| f.get("rejected").is_some()).await;
    assert_eq!(rejected["rejected"]["code"], "not_a_member");
    app.stop().await;
}

#[tokio::test]
async fn operators_see_how_each_stage_fares() {
    let (_folder, app, router) = world().await;
    let mut config = Config::clone(&app.config);
    config.admin.listen = Some("127.0.0.1:0".parse().unwrap());
    let admin = Admin::bind(&config).await.unwrap().unwrap();
    let address = admin.address().unwrap();
    let serving = tokio::spawn(admin.serve(app.clone()));
    let mut ada = Person::joins(&router, "ada", 1).await;
    let mut grace = Person::joins(&router, "grace", 2).await;
    ada.sends(grace.user, 1, "a secret").await;
    grace.hears(|f| f.get("event").is_some()).await;
    // Other tests of this process count into the same numbers.
    let names = [
        "kith_sessions 2",
        "kith_commands_total{outcome=\"accepted\"} ",
        "kith_lane_batch_records_count ",
        "kith_lane_batch_seconds_bucket{le=\"0.001\"} ",
        "kith_inbox_records_total ",
        "kith_deliveries_total ",
    ];
    // A lane counts its batch after it has let go of it, so the message may be quicker.
    let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let mut page = get(address, "/metrics").await;
    while let Some(missing) = names.iter().find(|name| !page.contains(**name)) {
        assert!(tokio::time::Instant::now() < patience, "{missing} in {page}");
        page = get(address, "/metrics").await;
    }
    assert!(!page.contains("secret") && !page.contains(&grace.user.to_string()), "{page}");
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
    assert!(get(address, "/v1/nodes").await.starts_with("HTTP/1.1 404"), "only for operators");
    app.stop().await;
    serving.await.unwrap();
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_event_can_be_followed_through_the_stages_without_showing_its_text() {
    let (_folder, app, router) = world().await;
    let mut ada = Person::joins(&router, "ada", 1).await;
    let mut grace = Person::joins(&router, "grace", 2).await;
    ada.sends(grace.user, 1, "a secret").await;
    grace.hears(|f| f.get("event").is_some()).await;
    let conversation = direct_conversation(ada.user, grace.user);
    grace.says(json!({"mark": {"conversation": conversation, "delivered": 1, "read": 0}})).await;
    grace.hears(|f| f.get("mark_stored").is_some()).await;
    let trace = trace(&app.stores, 4, conversation, 1).await.unwrap().to_string();
    for line in [
        format!("client_ref    {}", client_ref(1)),
        format!("from {}", ada.user),
        "epoch 1, offset 0".to_owned(),
        format!("message, seq 1, ord 1 of {conversation}"),
        "to the inboxes of 2 members".to_owned(),
        format!("delivered     1 of 1 others\n              {}", grace.user),
        "read          0 of 1 others".to_owned(),
    ] {
        assert!(trace.contains(&line), "{line} in {trace}");
    }
    assert!(!trace.contains("secret"), "{trace}");
    for (id, seq, complaint) in [
        (conversation, 2, "its head is 1"),
        (conversation, 0, "its head is 1"),
        (direct_conversation(ada.user, ada.user), 1, "there is no conversation"),
    ] {
        let error = server::admin::trace::trace(&app.stores, 4, id, seq).await.unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
    }
    app.stop().await;
}
