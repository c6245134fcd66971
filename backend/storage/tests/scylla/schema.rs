//! A schema that is not this program's is refused, by name.

use std::sync::Arc;
use std::time::Duration;

use storage::scylla::{ConnectError, Options};
use storage::{HistoryStore, Scylla};
use uuid::Uuid;

use crate::half::Ear;
use crate::open;

async fn connect(options: &Options) -> Result<Scylla, ConnectError> {
    Scylla::connect(options, Arc::new(Ear::default())).await
}

#[tokio::test]
async fn a_keyspace_is_migrated_once_and_refused_when_it_is_not_this_programs() {
    // Leftovers of earlier runs go first.
    open::keyspace().await;
    let options = open::options(&open::name("_schema"));
    let refused = connect(&options).await.err().unwrap();
    assert!(matches!(refused, ConnectError::NotMigrated { found: 0, .. }), "{refused}");
    assert!(refused.to_string().contains(&options.keyspace), "{refused}");
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    assert_eq!(Scylla::migrate(&options, first).await.unwrap(), ["0001_tables"]);
    assert!(Scylla::migrate(&options, second).await.unwrap().is_empty());
    assert_eq!(connect(&options).await.unwrap().database(), first, "the id is given once");

    let session = open::session(&options.keyspace).await;
    let later =
        "INSERT INTO schema_migrations (number, name, checksum) VALUES (99, '0099_later', 1)";
    session.query_unpaged(later, ()).await.unwrap();
    for refused in [
        connect(&options).await.err().unwrap(),
        Scylla::migrate(&options, second).await.err().unwrap(),
    ] {
        assert!(matches!(refused, ConnectError::Newer { found: 99, .. }), "{refused}");
        assert!(refused.to_string().contains("0099_later"), "{refused}");
    }
    let gone = "DELETE FROM schema_migrations WHERE number = 99";
    session.query_unpaged(gone, ()).await.unwrap();
    let changed = "UPDATE schema_migrations SET checksum = 7 WHERE number = 1";
    session.query_unpaged(changed, ()).await.unwrap();
    for refused in [
        connect(&options).await.err().unwrap(),
        Scylla::migrate(&options, second).await.err().unwrap(),
    ] {
        assert!(matches!(refused, ConnectError::Changed { .. }), "{refused}");
        assert!(refused.to_string().contains("0001_tables"), "{refused}");
    }
    session.query_unpaged(format!("DROP KEYSPACE {}", options.keyspace), ()).await.unwrap();
}

#[tokio::test]
async fn nodes_that_do_not_answer_are_named() {
    let mut options = open::options("kith");
    options.nodes = vec!["127.0.0.1:9".into()];
    options.connect_timeout = Duration::from_secs(1);
    let refused = connect(&options).await.err().unwrap();
    assert!(matches!(refused, ConnectError::Unreachable { .. }), "{refused}");
    assert!(refused.to_string().contains("127.0.0.1:9"), "{refused}");
    options.keyspace = "Kith; DROP".into();
    let refused = connect(&options).await.err().unwrap();
    assert!(matches!(refused, ConnectError::Keyspace(_)), "{refused}");
}
