//! What was committed and not told.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;
use storage::contract::{user, uuid7};
use storage::{AccountStore, Change, Postgres, Relation, StorageError};
use storage::{FriendStore, SessionStore};
use tokio_postgres::Client;

use crate::place::{Database, Told, make};

async fn kept(db: &Client) -> i64 {
    db.query_one("SELECT count(*) FROM outbox", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_change_that_was_not_told_is_told_later() {
    let database = Database::migrated().await;
    let db = database.client().await;
    let (told, mut committed) = Told::new();
    let store = Arc::new(Postgres::connect(&database.options(), told.clone()).await.unwrap());
    make(&store, &["ada", "grace"]).await;

    told.refuses.store(true, Ordering::Relaxed);
    let refused = store.put_settings(user(1), json!({"theme": "dark"})).await.unwrap_err();
    assert!(matches!(refused, StorageError::Unavailable(_)), "{refused}");
    assert_eq!(store.settings(user(1)).await.unwrap(), json!({"theme": "dark"}), "it is stored");
    assert_eq!((kept(&db).await, committed.try_recv().is_err()), (1, true));

    // It may be under way yet, so it is left alone for some seconds.
    told.refuses.store(false, Ordering::Relaxed);
    assert_eq!(store.tell_leftovers().await.unwrap(), 0);
    db.batch_execute("UPDATE outbox SET at = at - interval '6 seconds'").await.unwrap();
    told.refuses.store(true, Ordering::Relaxed);
    assert!(store.tell_leftovers().await.is_err());
    assert_eq!(kept(&db).await, 1, "not told, so not forgotten");
    told.refuses.store(false, Ordering::Relaxed);
    assert_eq!(store.tell_leftovers().await.unwrap(), 1);
    let change = Change::Account { user: user(1), version: 2 };
    assert_eq!(committed.try_recv().unwrap().changes, [change]);
    assert_eq!((kept(&db).await, store.tell_leftovers().await.unwrap()), (0, 0));
}

#[tokio::test]
async fn what_was_told_is_not_kept() {
    let database = Database::migrated().await;
    let db = database.client().await;
    let mut o = crate::place::opened(&database.options()).await;
    make(&o.store, &["ada", "grace"]).await;
    o.store.relate(user(1), user(2), Relation::Asked, 1).await.unwrap();
    o.store.begin(crate::races::session(1, 1, 1)).await.unwrap();
    o.store.end(user(1), &[protocol::SessionId(uuid7(1))], 2).await.unwrap();
    assert_eq!((o.changes().len(), kept(&db).await), (3, 0));
}

#[tokio::test]
async fn a_change_that_was_refused_is_neither_kept_nor_told() {
    let database = Database::migrated().await;
    let db = database.client().await;
    let mut o = crate::place::opened(&database.options()).await;
    make(&o.store, &["ada"]).await;
    // The trigger fails the transaction after the version was raised.
    db.batch_execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'no room'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await
    .unwrap();
    let refused = o.store.put_settings(user(1), json!({"a": 1})).await.unwrap_err();
    assert!(refused.to_string().contains("no room"), "{refused}");
    assert_eq!(o.store.version(user(1)).await.unwrap(), Some(1));
    assert_eq!(o.store.settings(user(1)).await.unwrap(), json!({}));
    assert_eq!((o.changes(), kept(&db).await), (vec![], 0));
}
