//! A push service and an app behind it, or a webhook: an HTTP server on this machine that keeps what it
//! gets, answers what a test wants, and can decrypt.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use axum::Router;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use http::{HeaderMap, StatusCode};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::{PublicKey, SecretKey};
use parking_lot::Mutex;
use protocol::push::{PushTarget, Pushed};
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::Notify;

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// By the server's clock.
    pub(crate) at: i64,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Status(u16),
    /// A status and a header.
    With(u16, &'static str, &'static str),
    /// Nothing, for as long as it runs.
    Never,
}

#[derive(Default)]
struct State {
    got: Vec<Got>,
    replies: VecDeque<Reply>,
}

/// It ends when it is dropped.
pub(crate) struct Receiver {
    pub(crate) origin: String,
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
    key: SecretKey,
    task: tokio::task::JoinHandle<()>,
}

const AUTH: [u8; 16] = [9; 16];

impl Receiver {
    pub(crate) async fn new(clock: Arc<AtomicI64>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (state, news) = (Arc::<Mutex<State>>::default(), Arc::<Notify>::default());
        let (keeps, tells) = (state.clone(), news.clone());
        let take = move |uri: http::Uri, headers: HeaderMap, body: Bytes| {
            let (keeps, tells, clock) = (keeps.clone(), tells.clone(), clock.clone());
            async move {
                let (path, at) = (uri.path().to_owned(), clock.load(Ordering::Relaxed));
                let reply = {
                    let mut state = keeps.lock();
                    state.got.push(Got { path, headers, body, at });
                    state.replies.pop_front().unwrap_or(Reply::Status(201))
                };
                tells.notify_waiters();
                answer(reply).await
            }
        };
        let router = Router::new().fallback(take);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let key = SecretKey::from_slice(&[42; 32]).unwrap();
        Self { origin, state, news, key, task }
    }

    /// Answer the next requests so, one after another; those after them with 201.
    pub(crate) fn answers(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.lock().replies.extend(replies);
    }

    /// An endpoint for an app.
    pub(crate) fn web_push(&self, path: &str) -> PushTarget {
        PushTarget::WebPush {
            endpoint: format!("{}/{path}", self.origin),
            p256dh: URL_SAFE_NO_PAD.encode(self.key.public_key().to_sec1_bytes()),
            auth: URL_SAFE_NO_PAD.encode(AUTH),
        }
    }

    pub(crate) fn webhook(&self, path: &str) -> PushTarget {
        PushTarget::Webhook { url: format!("{}/{path}", self.origin) }
    }

    /// All that came so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.state.lock().got.clone()
    }

    pub(crate) fn news(&self) -> &Notify {
        &self.news
    }

    /// What the app reads: RFC 8291 from the other side.
    pub(crate) fn decrypt(&self, body: &[u8]) -> Pushed {
        let (salt, rest) = body.split_at(16);
        assert_eq!(rest[..4], 4_096_u32.to_be_bytes());
        assert_eq!(rest[4], 65);
        let (theirs, sealed) = rest[5..].split_at(65);
        let public = PublicKey::from_sec1_bytes(theirs).unwrap();
        let shared = p256::ecdh::diffie_hellman(self.key.to_nonzero_scalar(), public.as_affine());
        let own = self.key.public_key().to_sec1_bytes();
        let (mut secret, mut key, mut nonce) = ([0; 32], [0; 16], [0; 12]);
        let info = [b"WebPush: info\0", &*own, theirs].concat();
        let first = Hkdf::<Sha256>::new(Some(&AUTH), shared.raw_secret_bytes());
        first.expand(&info, &mut secret).unwrap();
        let keys = Hkdf::<Sha256>::new(Some(salt), &secret);
        keys.expand(b"Content-Encoding: aes128gcm\0", &mut key).unwrap();
        keys.expand(b"Content-Encoding: nonce\0", &mut nonce).unwrap();
        let cipher = Aes128Gcm::new_from_slice(&key).unwrap();
        let filled = cipher.decrypt(&Nonce::try_from(&nonce[..]).unwrap(), sealed).unwrap();
        let end = filled.iter().rposition(|byte| *byte != 0).unwrap();
        assert_eq!(filled[end], 2, "the delimiter of the last record");
        serde_json::from_slice(&filled[..end]).unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(reply: Reply) -> Response {
    match reply {
        Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Reply::With(status, name, value) => {
            (StatusCode::from_u16(status).unwrap(), [(name, value)]).into_response()
        }
        Reply::Never => std::future::pending().await,
    }
}

/// The claims of `Authorization: vapid …`, if this key has signed them.
pub(crate) fn vapid(authorization: &str, key: &str) -> Value {
    let (token, known) =
        authorization.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(known, key, "the key that the server shows");
    let (said, signature) = token.rsplit_once('.').unwrap();
    let key = VerifyingKey::from_sec1_bytes(&URL_SAFE_NO_PAD.decode(key).unwrap()).unwrap();
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    key.verify(said.as_bytes(), &signature).unwrap();
    let part = |text: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    let (header, claims) = said.split_once('.').unwrap();
    assert_eq!(part(header)["alg"], "ES256");
    part(claims)
}
