//! A primary is killed and its replica promoted.

use std::time::Duration;

use serde_json::json;
use storage::contract::{user, uuid7};
use storage::postgres::{ConnectError, Options};
use storage::{AccountStore, Change, FriendStore, Postgres, Relation, SessionStore, StorageError};

use crate::place::{eventually, make, opened};
use crate::races::session;
use crate::servers::{Own, PASSWORD};

#[tokio::test]
async fn reads_go_on_without_a_primary_and_writes_once_the_replica_is_promoted() {
    let mut primary = Own::start().await;
    let replica = primary.replica().await;
    let options = Options {
        replica: Some(Own::address(&[&replica], PASSWORD)),
        timeout: Duration::from_secs(3),
        ..Options::new(Own::address(&[&primary, &replica], PASSWORD))
    };
    Postgres::migrate(&options).await.unwrap();
    let mut o = opened(&options).await;
    make(&o.store, &["ada", "grace", "eve"]).await;
    let row = session(1, 1, 1);
    o.store.begin(row.clone()).await.unwrap();
    o.store.put_settings(user(1), json!({"theme": "dark"})).await.unwrap();
    o.store.relate(user(1), user(3), Relation::Blocked, 1).await.unwrap();
    // Several connections are there when the primary goes.
    let many = (0..8).map(|_| o.store.credentials("ada"));
    assert!(futures_util::future::join_all(many).await.iter().all(Result::is_ok));
    primary.followed_by(&replica).await;
    o.changes();

    primary.kill();
    assert_eq!(o.store.session(row.id).await.unwrap(), Some(row.clone()), "who is here stays here");
    assert_eq!(o.store.version(user(1)).await.unwrap(), Some(3));
    assert_eq!(o.store.settings(user(1)).await.unwrap(), json!({"theme": "dark"}));
    assert_eq!(o.store.people(&[user(1), user(2)]).await.unwrap().len(), 2);
    assert_eq!(o.store.find("gra", 9).await.unwrap().len(), 1);
    assert_eq!(o.store.blocked(user(1), &[user(2), user(3)]).await.unwrap(), [user(3)]);
    assert_eq!(o.store.relations(user(1)).await.unwrap().blocked.len(), 1);
    assert_eq!(o.store.sessions(user(1)).await.unwrap(), std::slice::from_ref(&row));
    let unknown = o.store.session(protocol::SessionId(uuid7(9))).await.unwrap_err();
    assert!(matches!(unknown, StorageError::Unavailable(_)), "a replica does not know who is new");
    let refused = o.store.credentials("ada").await.unwrap_err();
    assert!(matches!(refused, StorageError::Unavailable(_)), "{refused}");
    let refused = o.store.put_settings(user(1), json!({})).await.unwrap_err();
    assert!(matches!(refused, StorageError::Unavailable(_)), "{refused}");
    assert_eq!(o.changes(), [], "what was not stored is not told");

    replica.promote().await;
    assert!(o.store.credentials("ada").await.unwrap().is_some());
    o.store.put_settings(user(1), json!({"theme": "light"})).await.unwrap();
    assert_eq!(o.changes(), [Change::Account { user: user(1), version: 4 }]);
    assert_eq!(o.store.advance(row.id, 1).await.unwrap(), 2);
    assert_eq!(o.store.settings(user(1)).await.unwrap(), json!({"theme": "light"}));
}

#[tokio::test]
async fn connections_that_became_read_only_are_thrown_away() {
    let database = crate::place::Database::migrated().await;
    let mut o = opened(&database.options()).await;
    make(&o.store, &["ada"]).await;
    let many = (0..8).map(|_| o.store.credentials("ada"));
    assert!(futures_util::future::join_all(many).await.iter().all(Result::is_ok));
    let db = database.client().await;
    let before = connections(&db).await;
    assert!(before.len() > 1, "{before:?}");
    // The first change is refused as by a primary that was demoted under us. A sequence goes on when a
    // transaction is undone, so the second is not.
    db.batch_execute(
        "CREATE SEQUENCE tries;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF nextval('tries') = 1 THEN
             RAISE EXCEPTION 'cannot change a row' USING ERRCODE = 'read_only_sql_transaction';
           END IF;
           RETURN NEW;
         END $$;
         CREATE TRIGGER refuse BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await
    .unwrap();
    o.store.put_settings(user(1), json!({})).await.unwrap();
    assert_eq!(o.changes(), [Change::Account { user: user(1), version: 2 }]);
    eventually("none of the connections of before is left", async || {
        connections(&db).await.iter().all(|now| !before.contains(now))
    })
    .await;
}

#[tokio::test]
async fn a_host_that_takes_no_writes_is_no_primary() {
    let database = crate::place::Database::migrated().await;
    let db = database.client().await;
    let read_only = format!("DATABASE {} SET default_transaction_read_only = on", database.name);
    db.batch_execute(&format!("ALTER {read_only}")).await.unwrap();
    let refused = Postgres::connect(&database.options(), crate::place::Told::new().0).await;
    let refused = refused.err().unwrap();
    assert!(matches!(refused, ConnectError::Unreachable { .. }), "{refused}");
    assert!(refused.to_string().contains("write"), "{refused}");
}

/// The store's connections.
async fn connections(db: &tokio_postgres::Client) -> Vec<i32> {
    let ids = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()
               AND application_name = 'kithd'";
    db.query(ids, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}
