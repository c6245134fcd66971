//! One keyspace for the whole run, and a store in it for each test, with ids of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use storage::contract::{Opened, salt};
use storage::scylla::Options;
use storage::{Scylla, Tell};
use tokio::sync::{OnceCell, mpsc};
use uuid::Uuid;

use crate::owner::Owner;

/// Keyspaces of test runs begin so; the process id follows.
const PREFIX: &str = "kith_test_";

/// The three nodes, and a keyspace.
pub(crate) fn options(keyspace: &str) -> Options {
    let nodes = (1..=3).map(|n| format!("127.0.0.{n}:19042")).collect();
    let mut options = Options::new(nodes);
    options.keyspace = keyspace.to_owned();
    // The nodes share two cores with everything else: slow is no fault here.
    options.request_timeout = Duration::from_secs(20);
    options
}

/// A session of our own, to look behind the store's back.
pub(crate) async fn session(keyspace: &str) -> Session {
    let nodes = options(keyspace).nodes;
    let session = SessionBuilder::new().known_nodes(nodes).build().await;
    let session = session.expect("three CQL nodes answer; `cargo xtask services up` starts them");
    if !keyspace.is_empty() {
        session.use_keyspace(keyspace, true).await.unwrap();
    }
    session
}

/// The options of this run's keyspace, which is made by the first who asks. Those of runs whose process
/// has ended are dropped.
pub(crate) async fn keyspace() -> &'static Options {
    static KEYSPACE: OnceCell<Options> = OnceCell::const_new();
    let make = async || {
        let session = session("").await;
        let all = "SELECT keyspace_name FROM system_schema.keyspaces";
        let rows = session.query_unpaged(all, ()).await.unwrap().into_rows_result().unwrap();
        for row in rows.rows::<(String,)>().unwrap() {
            let (name,) = row.unwrap();
            let process = name.strip_prefix(PREFIX).map(|rest| rest.split('_').next().unwrap());
            if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
                session.query_unpaged(format!("DROP KEYSPACE {name}"), ()).await.unwrap();
            }
        }
        let options = options(&name(""));
        Scylla::migrate(&options, Uuid::from_u128(0xda7a)).await.unwrap();
        options
    };
    KEYSPACE.get_or_init(make).await
}

/// The name of a keyspace of this run.
pub(crate) fn name(suffix: &str) -> String {
    format!("{PREFIX}{}{suffix}", std::process::id())
}

/// Ids of their own for what follows on this thread.
pub(crate) fn fresh_ids() {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    salt(NEXT.fetch_add(1, Ordering::Relaxed));
}

/// A store in the run's keyspace whose changes go there.
pub(crate) async fn telling(tell: Arc<dyn Tell>) -> Arc<Scylla> {
    let options = keyspace().await;
    fresh_ids();
    Arc::new(Scylla::connect(options, tell).await.unwrap())
}

/// A store that knows nobody of this test yet, with an owner of the inbox.
pub(crate) async fn contract() -> Opened<Scylla> {
    let (sender, committed) = mpsc::channel(1_000);
    let owner = Arc::new(Owner::new(sender));
    let store = telling(owner.clone()).await;
    owner.keeps_rows_in(&store);
    Opened { store, committed, keep: Box::new(()) }
}
