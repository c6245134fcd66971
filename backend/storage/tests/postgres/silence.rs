//! A primary that was there and says nothing any more. Between it and the store stands a wire that can
//! be stopped.

use std::sync::Arc;
use std::time::Duration;

use protocol::SessionId;
use serde_json::json;
use storage::contract::{user, uuid7};
use storage::postgres::Options;
use storage::{AccountStore, SessionStore, StorageError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::place::{Database, PRIMARY, at, make, opened};
use crate::races::session;

/// Carries bytes to the primary and back, for as long as it is let.
struct Wire {
    port: u16,
    open: Arc<watch::Sender<bool>>,
}

impl Wire {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(watch::Sender::new(true));
        let gate = open.clone();
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(("127.0.0.1", PRIMARY)).await.unwrap();
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(carry(near_in, far_out, gate.subscribe()));
                tokio::spawn(carry(far_in, near_out, gate.subscribe()));
            }
        });
        Self { port, open }
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut open: watch::Receiver<bool>,
) {
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        let opened = open.wait_for(|open| *open).await.is_ok();
        if !opened || to.write_all(&bytes[..n]).await.is_err() {
            break;
        }
    }
}

#[tokio::test]
async fn row_43_a_primary_that_says_nothing_costs_time_and_never_an_answer_that_is_wrong() {
    let (database, replica) = (Database::migrated().await, Database::migrated().await);
    let old = opened(&replica.options()).await;
    make(&old.store, &["ada"]).await;
    old.store.begin(session(1, 1, 1)).await.unwrap();
    let wire = Wire::new().await;
    let options = Options {
        primary: at(wire.port, &database.name),
        replica: Some(at(PRIMARY, &replica.name)),
        timeout: Duration::from_millis(1_500),
        ..database.options()
    };
    let now = opened(&database.options()).await;
    make(&now.store, &["ada"]).await;
    now.store.begin(session(1, 1, 1)).await.unwrap();
    now.store.begin(session(2, 1, 2)).await.unwrap();
    let mut o = opened(&options).await;
    assert!(o.store.session(SessionId(uuid7(2))).await.unwrap().is_some());

    wire.open.send_replace(false);
    let known = o.store.session(SessionId(uuid7(1))).await.unwrap();
    assert_eq!(known, Some(session(1, 1, 1)), "one read, from the replica");
    let new = o.store.session(SessionId(uuid7(2))).await.unwrap_err();
    assert!(matches!(new, StorageError::Unavailable(_)), "it is not said to be none: {new}");
    let in_time = tokio::time::timeout(
        Duration::from_secs(30),
        o.store.put_settings(user(1), json!({"theme": "dark"})),
    );
    let refused = in_time.await.unwrap().unwrap_err();
    assert!(matches!(refused, StorageError::Unavailable(_)), "{refused}");
    assert_eq!(o.changes(), []);

    wire.open.send_replace(true);
    assert!(o.store.session(SessionId(uuid7(2))).await.unwrap().is_some());
    o.store.put_settings(user(1), json!({"theme": "light"})).await.unwrap();
    assert_eq!(o.store.version(user(1)).await.unwrap(), Some(2), "what was given up was undone");
}
