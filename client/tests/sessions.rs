//! Signing in and out, tokens, the keychain.

mod scripted;

use std::sync::Arc;
use std::time::Duration;

use client::api::{Answers, CallCode, Nothing, SendMessage, WithPerson};
use client::secrets::{FileSecrets, MemorySecrets, Secrets, SecretsError};
use client::view::Connection;
use parking_lot::Mutex;
use protocol::ServerFrame;
use scripted::{BOB, Net, connected, memory, sign_in, sign_in_args, start, until};

/// A keychain that is locked, or remembers what it was given and when.
#[derive(Default)]
struct Keychain {
    locked: bool,
    inner: MemorySecrets,
    kept: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl Secrets for Keychain {
    async fn get(&self, service: &str, account: &str) -> Result<Option<String>, SecretsError> {
        if self.locked {
            return Err(SecretsError("locked".into()));
        }
        self.inner.get(service, account).await
    }

    async fn put(&self, service: &str, account: &str, secret: &str) -> Result<(), SecretsError> {
        if self.locked {
            return Err(SecretsError("locked".into()));
        }
        self.kept.lock().push(secret.to_owned());
        self.inner.put(service, account, secret).await
    }

    async fn delete(&self, service: &str, account: &str) -> Result<(), SecretsError> {
        self.inner.delete(service, account).await
    }
}

fn account_folders(data: &std::path::Path) -> usize {
    std::fs::read_dir(data.join("accounts")).unwrap().count()
}

#[tokio::test(start_paused = true)]
async fn row_46_without_a_keychain_nobody_is_signed_in_unless_the_session_may_end_with_the_app() {
    let folder = tempfile::tempdir().unwrap();
    let (net, mut ends) = Net::new();
    let locked = || Arc::new(Keychain { locked: true, ..Keychain::default() });
    let client = start(&net, folder.path(), locked()).await;
    let refused = client.sign_in(sign_in_args(false)).await.unwrap_err();
    assert_eq!(refused.code, CallCode::NoKeychain);
    assert!(net.asked("POST /v1/sign-in").is_empty(), "no session was begun in vain");
    let state = client.sign_in(sign_in_args(true)).await.unwrap();
    assert!(state.account.unwrap().session_only);
    ends.recv().await.unwrap().welcome().await;
    client.shutdown().await;
    drop(client);
    let client = start(&net, folder.path(), locked()).await;
    assert!(client.get_state(Nothing {}).await.unwrap().account.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_refreshed_at_half_of_its_life_and_the_next_one_is_kept_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let (net, mut ends) = Net::new();
    let keychain = Arc::new(Keychain::default());
    let client = start(&net, folder.path(), keychain.clone()).await;
    sign_in(&client).await;
    let mut end = ends.recv().await.unwrap();
    end.welcome().await;
    assert_eq!(end.token, "access 0");
    // The first answers get lost: the same refresh token is shown again.
    net.lose_refreshes(2);
    tokio::time::sleep(Duration::from_secs(1900)).await;
    let shown: Vec<_> =
        net.asked("POST /v1/refresh").iter().map(|b| b["refresh_token"].clone()).collect();
    assert_eq!(shown, ["refresh 0", "refresh 0", "refresh 0"]);
    assert_eq!(*keychain.kept.lock(), ["refresh 0", "refresh 1"]);
    drop(end);
    let end = ends.recv().await.unwrap();
    assert_eq!(end.token, "access 1");
}

#[tokio::test(start_paused = true)]
async fn row_33_a_kill_after_the_refresh_leaves_a_token_that_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = memory();
    let (net, mut ends) = Net::new();
    let client = start(&net, folder.path(), secrets.clone()).await;
    sign_in(&client).await;
    ends.recv().await.unwrap().welcome().await;
    client.shutdown().await;
    drop(client);
    let client = start(&net, folder.path(), secrets).await;
    let mut end = ends.recv().await.unwrap();
    end.welcome().await;
    assert_eq!(end.token, "access 1");
    until(&client, |state| state.connection == Connection::Online).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_elsewhere_is_said_and_what_waits_is_sent_after_the_next_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let (net, mut ends, client, end) = connected(folder.path()).await;
    net.end_session();
    end.send(&ServerFrame::SessionEnded {});
    let person = client.open_direct(WithPerson { user: BOB }).await.unwrap();
    let message = SendMessage {
        conversation: person.conversation,
        text: "still here".into(),
        reply_to: None,
    };
    let sent = client.send_message(message).await.unwrap().client_ref;
    let mut notices = Vec::new();
    until(&client, |state| {
        notices.extend(state.notices.iter().map(|notice| notice.code.clone()));
        state.account.is_none()
    })
    .await;
    assert_eq!(client.get_state(Nothing {}).await.unwrap().connection, Connection::SignedOut);
    let refused = client.list_conversations(Nothing {}).await.unwrap_err();
    assert_eq!(refused.code, CallCode::SignedOut);
    sign_in(&client).await;
    let mut end = ends.recv().await.unwrap();
    end.welcome().await;
    assert_eq!(end.submit().await, [sent]);
}

#[tokio::test(start_paused = true)]
async fn signing_out_ends_the_session_and_removes_what_the_device_holds() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Arc::new(Keychain::default());
    let (net, mut ends) = Net::new();
    let client = start(&net, folder.path(), secrets.clone()).await;
    sign_in(&client).await;
    ends.recv().await.unwrap().welcome().await;
    assert_eq!(account_folders(folder.path()), 1);
    let state = client.sign_out(Nothing {}).await.unwrap();
    assert!(state.account.is_none());
    assert_eq!(account_folders(folder.path()), 0);
    let session = uuid::Uuid::from_u128(5);
    assert_eq!(net.asked(&format!("DELETE /v1/sessions/{session}")).len(), 1);
    let key = format!("kith.test-{}", scripted::ME);
    assert_eq!(secrets.get("kith", &key).await.unwrap(), None);
    // Without a network it signs out as well.
    sign_in(&client).await;
    net.down(true);
    assert!(client.sign_out(Nothing {}).await.unwrap().account.is_none());
    assert_eq!(account_folders(folder.path()), 0);
}

#[tokio::test(start_paused = true)]
async fn two_programs_on_one_folder_are_refused_with_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let (net, mut ends) = Net::new();
    let secrets: Arc<dyn Secrets> = Arc::new(FileSecrets::new(folder.path().join("secrets.json")));
    let client = start(&net, folder.path(), secrets.clone()).await;
    sign_in(&client).await;
    ends.recv().await.unwrap().welcome().await;
    let second = client::Client::start(client::Options {
        data: folder.path().to_owned(),
        environment: client::Environment::system(),
        connector: net.clone(),
        secrets,
        service: "kith".into(),
        device_name: "test".into(),
        platform: "bot".into(),
    })
    .await;
    assert!(matches!(second, Err(client::store::StoreError::InUse)));
}
