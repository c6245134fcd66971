//! A server in memory for the tests of the HTTP API: the real router over a real database in a
//! folder of its own, with a clock that the test sets. Requests never touch a socket.
// Each test program uses its own part of it, and clippy takes helpers of tests for no tests.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod history;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use protocol::Code;
use protocol::request::Tokens;
use serde_json::{Value, json};
use server::app::App;
use server::config::Config;
use server::environment::Environment;
use server::http::Peer;
use tower::ServiceExt;

/// What every account of the tests has.
pub const PASSWORD: &str = "correct horse";

/// A server in memory.
pub struct Api {
    pub app: App,
    pub router: Router,
    pub clock: Arc<AtomicI64>,
    folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body of a success.
    pub fn json(&self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.text());
        if self.bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&self.bytes).unwrap()
        }
    }

    /// The code of a refusal, after a look at its form.
    pub fn code(&self) -> Code {
        assert!(!self.status.is_success(), "{}: {}", self.status, self.text());
        assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json");
        let problem: protocol::Problem = serde_json::from_slice(&self.bytes).unwrap();
        assert_eq!(problem.status, self.status.as_u16());
        assert_eq!(problem.code.status(), problem.status);
        assert_ne!(problem.code, Code::Unknown);
        problem.code
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn tokens(&self) -> Tokens {
        serde_json::from_value(self.json()).unwrap()
    }
}

impl Api {
    /// A fresh server.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A fresh server with other settings.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data = folder.path().join("data");
        config.auth.hash_memory_kib = 8;
        config.auth.hash_passes = 1;
        change(&mut config);
        config.check().unwrap();
        let clock = Arc::new(AtomicI64::new(1_700_000_000_000));
        let now = clock.clone();
        let environment = Environment::simulated(Arc::new(move || now.load(Ordering::Relaxed)), 7);
        let app = App::start(config, environment).await.unwrap();
        Self { router: server::http::router(app.clone()), app, clock, folder }
    }

    /// Let time pass, in milliseconds.
    pub fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::Relaxed);
    }

    pub async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(Method::GET, path, token, None).await
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answer {
        self.call(request(method, path, token, body)).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, token, Some(body)).await
    }

    /// Make an account and sign in to it.
    pub async fn person(&self, name: &str) -> Tokens {
        let asked = json!({"name": name, "password": PASSWORD, "device": self.device()});
        self.post("/v1/register", "", asked).await.tokens()
    }

    /// Another device of theirs.
    pub async fn sign_in(&self, name: &str) -> Tokens {
        let asked = json!({"name": name, "password": PASSWORD, "device": self.device()});
        self.post("/v1/sign-in", "", asked).await.tokens()
    }

    /// A device that nobody has.
    pub fn device(&self) -> Value {
        json!({"id": self.app.environment.id(), "name": "laptop", "platform": "linux"})
    }
}

/// A request; without a token when that is empty.
pub fn request(method: Method, path: &str, token: &str, body: Option<Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    match body {
        Some(body) => {
            let body = Body::from(body.to_string());
            request.header(CONTENT_TYPE, "application/json").body(body).unwrap()
        }
        None => request.body(Body::empty()).unwrap(),
    }
}

/// The request, as if it had come over TCP from there.
pub fn from(address: &str, mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(Peer(address.parse().unwrap()));
    request
}
