//! One push to one place: the request, and what its answer means.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use p256::SecretKey;
use parking_lot::Mutex;
use protocol::push::{PushTarget, Pushed};
use protocol::{ConversationId, Millis, SubscriptionId, wire};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use sha2::Sha256;
use storage::SubscriptionRow;

use super::target::{self, Refused};
use super::web_push::{self, Keys, Vapid};
use crate::auth::Secret;
use crate::environment::Environment;

/// How long a receiver may take, from the first packet to the last byte of its head.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection is kept that nothing is sent over.
const IDLE: Duration = Duration::from_secs(30);
/// How long a push service keeps what it cannot hand over, in seconds.
const TTL: &str = "86400";
/// Requests that are made to one host at the same time.
const HOST: usize = 16;

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has taken it.
    Sent,
    /// There is nobody any more: the subscription is to be forgotten.
    Gone,
    /// It may be taken later, not before so many milliseconds if the receiver said so.
    Later(Option<Millis>, String),
    /// It will never be taken.
    Never(String),
    /// Enough is being sent to this host at the moment.
    Busy,
}

/// What makes requests.
pub struct Sender {
    environment: Environment,
    vapid: Vapid,
    secret: Secret,
    private: bool,
    /// Made when it is first used: most servers of two people never push anything.
    client: OnceLock<Result<Client, String>>,
    hosts: Mutex<BTreeMap<String, usize>>,
}

/// A place among the requests to a host.
struct Turn<'s> {
    sender: &'s Sender,
    host: String,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut hosts = self.sender.hosts.lock();
        if let Some(count) = hosts.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                hosts.remove(&self.host);
            }
        }
    }
}

impl Sender {
    /// With the keys that follow from the server's secret. `private` allows private networks.
    #[must_use]
    pub fn new(environment: Environment, secret: Secret, contact: &str, private: bool) -> Self {
        let vapid = Vapid::new(&vapid_key(&secret), contact);
        let (client, hosts) = (OnceLock::new(), Mutex::default());
        Self { environment, vapid, secret, private, client, hosts }
    }

    /// The key by which push services know this server.
    #[must_use]
    pub fn public_key(&self) -> &str {
        self.vapid.public()
    }

    /// What the pushes of a webhook are signed with.
    #[must_use]
    pub fn webhook_secret(&self, id: SubscriptionId) -> String {
        URL_SAFE_NO_PAD.encode(self.secret.key("webhook", id.bytes()))
    }

    /// Whether pushes may go there, its host looked up and all.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self, address: &str) -> Result<Url, Refused> {
        let url = target::check(address, self.private)?;
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let found = tokio::time::timeout(
            CONNECT,
            tokio::net::lookup_host((host.trim_matches(['[', ']']), port)),
        );
        let Ok(Ok(found)) = found.await else { return Err(Refused::NoHost) };
        public_only(found, self.private).map(|_| url)
    }

    /// Send it, and say what became of it. Takes ten seconds at most.
    pub async fn send(&self, to: &SubscriptionRow, pushed: &Pushed) -> Outcome {
        let url = match target::check(to.target.url(), self.private) {
            Ok(url) => url,
            Err(why) => return Outcome::Never(why.to_string()),
        };
        let Some(_turn) = self.turn(url.host_str().unwrap_or_default()) else {
            return Outcome::Busy;
        };
        let client = match self.client.get_or_init(|| client(self.private)) {
            Ok(client) => client,
            Err(why) => return Outcome::Later(None, why.clone()),
        };
        let now = self.environment.now();
        let body = wire::encode(pushed);
        let request = match &to.target {
            PushTarget::WebPush { p256dh, auth, .. } => {
                let keys = Keys::read(p256dh, auth);
                let sealed = keys.zip(self.one_time_key()).and_then(|(keys, own)| {
                    web_push::encrypt(&keys, &own, self.environment.bytes(), body.as_bytes())
                });
                let Some(sealed) = sealed else {
                    return Outcome::Never("its keys cannot be used".into());
                };
                client
                    .post(url.clone())
                    .header(AUTHORIZATION, self.vapid.authorization(&origin(&url), now))
                    .header(CONTENT_ENCODING, "aes128gcm")
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header("TTL", TTL)
                    .header("Urgency", "high")
                    .header("Topic", self.topic(to.id, pushed.conversation))
                    .body(sealed)
            }
            PushTarget::Webhook { .. } => client
                .post(url)
                .header(CONTENT_TYPE, "application/json")
                .header("Kith-Subscription", to.id.to_string())
                .header("Kith-Signature", self.signature(to.id, now, &body))
                .body(body),
        };
        match request.send().await {
            Ok(response) => answered(&response),
            Err(error) if is_refused(&error) => Outcome::Never(Refused::Private.to_string()),
            // Without the address: whoever knows it could send there.
            Err(error) => Outcome::Later(None, error.without_url().to_string()),
        }
    }

    fn turn(&self, host: &str) -> Option<Turn<'_>> {
        let mut hosts = self.hosts.lock();
        let count = hosts.entry(host.to_owned()).or_default();
        (*count < HOST).then(|| {
            *count += 1;
            Turn { sender: self, host: host.to_owned() }
        })
    }

    /// Of 32 random bytes four billion to one are a key.
    fn one_time_key(&self) -> Option<SecretKey> {
        (0..3).find_map(|_| SecretKey::from_slice(&self.environment.bytes::<32>()).ok())
    }

    /// What a push service may hand over in one's stead if it has both still: the newest of a conversation.
    /// It says nothing of the conversation.
    fn topic(&self, id: SubscriptionId, conversation: ConversationId) -> String {
        let of = [*id.bytes(), *conversation.bytes()].concat();
        URL_SAFE_NO_PAD.encode(&self.secret.key("topic", &of)[..24])
    }

    /// `t=` the second at which it was signed, `v1=` HMAC-SHA-256 of that, a full stop and the body.
    fn signature(&self, id: SubscriptionId, now: Millis, body: &str) -> String {
        let second = now / 1_000;
        let secret = self.webhook_secret(id);
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
            return String::new();
        };
        mac.update(format!("{second}.{body}").as_bytes());
        let signed: String =
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("t={second},v1={signed}")
    }
}

/// Follows from the server's secret, so that every node has it and nobody has to hand it round.
fn vapid_key(secret: &Secret) -> SecretKey {
    // Of 32 bytes four billion to one are a key.
    let keys = (0_u32..).map(|n| SecretKey::from_slice(&secret.key("vapid", &n.to_be_bytes())));
    keys.flatten().next().expect("a hash that never gives a key")
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn client(private: bool) -> Result<Client, String> {
    // The whole process has one; whoever came first has set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("kithd/", env!("CARGO_PKG_VERSION")))
        .timeout(PATIENCE)
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(4)
        .redirect(Policy::none())
        // A proxy would look up the host, and nobody would see where it leads.
        .no_proxy()
        .dns_resolver(Arc::new(Public { private }))
        .build()
        .map_err(|error| format!("pushes cannot be sent: {error}"))
}

/// Finds hosts, and only what may be called there. What was found is what is called: no second question
/// can have another answer.
struct Public {
    private: bool,
}

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(public_only(found, private)?.into_iter()) as Addrs)
        })
    }
}

/// All of them must be public: a host that has others too is none that should be called.
fn public_only(
    found: impl Iterator<Item = SocketAddr>,
    private: bool,
) -> Result<Vec<SocketAddr>, Refused> {
    let found: Vec<SocketAddr> = found.collect();
    match found.iter().all(|address| private || target::is_public(address.ip())) {
        _ if found.is_empty() => Err(Refused::NoHost),
        true => Ok(found),
        false => Err(Refused::Private),
    }
}

fn is_refused(error: &reqwest::Error) -> bool {
    let mut error: Option<&dyn std::error::Error> = Some(error);
    while let Some(some) = error {
        if some.downcast_ref::<Refused>() == Some(&Refused::Private) {
            return true;
        }
        error = some.source();
    }
    false
}

fn answered(response: &Response) -> Outcome {
    let status = response.status();
    let said = format!("it answered {}", status.as_u16());
    match status {
        status if status.is_success() => Outcome::Sent,
        StatusCode::NOT_FOUND | StatusCode::GONE => Outcome::Gone,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Outcome::Later(retry_after(response), said)
        }
        status if status.is_server_error() => Outcome::Later(retry_after(response), said),
        _ => Outcome::Never(said),
    }
}

/// In seconds; a date is not heeded.
fn retry_after(response: &Response) -> Option<Millis> {
    let seconds: u32 = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Millis::from(seconds) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_40_a_host_that_leads_anywhere_private_is_not_called() {
        let all = |list: &[&str]| {
            let found: Vec<SocketAddr> = list.iter().map(|a| a.parse().unwrap()).collect();
            public_only(found.into_iter(), false).map(|found| found.len())
        };
        assert_eq!(all(&["8.8.8.8:443", "[2606:4700::1]:443"]), Ok(2));
        assert_eq!(all(&["8.8.8.8:443", "10.0.0.1:443"]), Err(Refused::Private));
        assert_eq!(all(&["[::1]:443"]), Err(Refused::Private));
        assert_eq!(all(&[]), Err(Refused::NoHost));
        let private = ["127.0.0.1:80".parse().unwrap()].into_iter();
        assert_eq!(public_only(private, true).unwrap().len(), 1);
    }

    #[test]
    fn keys_follow_from_the_secret_and_from_what_they_are_for() {
        let sender = |secret: u8| {
            let environment = Environment::simulated(Arc::new(|| 0), 1);
            Sender::new(environment, Secret::new([secret; 32]), "", false)
        };
        let id = |n: u128| SubscriptionId(uuid::Uuid::from_u128(n));
        let (one, again, other) = (sender(1), sender(1), sender(2));
        assert_eq!(one.public_key(), again.public_key());
        assert_ne!(one.public_key(), other.public_key());
        assert_eq!(one.webhook_secret(id(1)), again.webhook_secret(id(1)));
        assert_ne!(one.webhook_secret(id(1)), one.webhook_secret(id(2)));
        assert_ne!(one.webhook_secret(id(1)), other.webhook_secret(id(1)));
        assert!(one.topic(id(1), ConversationId(id(3).0)).len() <= 32, "RFC 8030 takes 32");
    }

    #[test]
    fn a_host_has_only_so_many_requests_at_a_time() {
        let environment = Environment::simulated(Arc::new(|| 0), 1);
        let sender = Sender::new(environment, Secret::new([1; 32]), "", false);
        let turns: Vec<_> = (0..HOST).map(|_| sender.turn("a.example").unwrap()).collect();
        assert!(sender.turn("a.example").is_none());
        assert!(sender.turn("b.example").is_some());
        drop(turns);
        assert!(sender.turn("a.example").is_some());
        assert!(sender.hosts.lock().is_empty(), "nothing is kept of who is not called");
    }
}
