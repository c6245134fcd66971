//! Migrations, and schemas that are not this program's.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use storage::Postgres;
use storage::postgres::ConnectError;
use tokio_postgres::Client;

use crate::place::{Database, Told, eventually};

/// What is in the schema, in words that differ when anything is written.
async fn contents(db: &Client) -> Vec<String> {
    let tables = "SELECT table_name || '.' || column_name || ' ' || data_type
                  FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1";
    let rows = db.query(tables, &[]).await.unwrap();
    let mut contents: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if contents.iter().any(|column| column.starts_with("refinery_schema_history")) {
        let made = "SELECT version || name || applied_on || checksum FROM refinery_schema_history";
        contents.extend(db.query(made, &[]).await.unwrap().iter().map(|row| row.get(0)));
    }
    contents
}

#[tokio::test]
async fn migrations_that_run_twice_change_nothing_the_second_time() {
    let database = Database::empty().await;
    let db = database.client().await;
    assert_eq!(
        Postgres::migrate(&database.options()).await.unwrap(),
        ["V1__people", "V2__push", "V3__cluster"]
    );
    let before = contents(&db).await;
    assert!(Postgres::migrate(&database.options()).await.unwrap().is_empty());
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn of_two_that_migrate_at_once_one_waits_for_the_other() {
    let database = Database::empty().await;
    let options = database.options();
    let (inside, done) = (AtomicBool::new(false), AtomicI64::new(0));
    let migrate = || {
        Postgres::migrate_and(&options, async {
            assert!(!inside.swap(true, Ordering::Relaxed), "both at once");
            // The others have come and found the lock taken.
            let db = database.client().await;
            let left = 2 - done.fetch_add(1, Ordering::Relaxed);
            eventually("the others wait", async || {
                let waiting =
                    "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                               WHERE l.locktype = 'advisory' AND NOT l.granted
                               AND d.datname = current_database()";
                db.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == left
            })
            .await;
            inside.store(false, Ordering::Relaxed);
            Ok::<_, ConnectError>(7)
        })
    };
    let (one, two, three) = tokio::join!(migrate(), migrate(), migrate());
    let mut made = Vec::new();
    for done in [one, two, three] {
        let (names, others) = done.unwrap();
        assert_eq!(others, 7);
        made.extend(names);
    }
    assert_eq!(made, ["V1__people", "V2__push", "V3__cluster"], "made once");
}

#[tokio::test]
async fn a_migration_of_others_that_fails_is_said_and_gives_the_lock_back() {
    let database = Database::empty().await;
    let options = database.options();
    let failed = Postgres::migrate_and(&options, async {
        Err::<(), _>(ConnectError::Failed("the other database".into()))
    });
    assert!(failed.await.unwrap_err().to_string().contains("the other database"));
    assert!(Postgres::migrate(&options).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_schema_that_was_not_migrated_is_refused_and_nothing_is_written() {
    let database = Database::empty().await;
    let error = Postgres::connect(&database.options(), Told::new().0).await.err().unwrap();
    assert!(matches!(error, ConnectError::NotMigrated { found: 0, needed: 3 }), "{error}");
    assert!(error.to_string().contains("kithd migrate"));
    assert!(contents(&database.client().await).await.is_empty());
}

#[tokio::test]
async fn row_43_a_schema_one_version_ahead_is_refused_and_nothing_is_written() {
    let database = Database::migrated().await;
    let db = database.client().await;
    db.batch_execute(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
         VALUES (4, 'rooms', '2026-01-01T00:00:00Z', '1')",
    )
    .await
    .unwrap();
    let before = contents(&db).await;
    let connected = Postgres::connect(&database.options(), Told::new().0).await.err().unwrap();
    let migrated = Postgres::migrate(&database.options()).await.unwrap_err();
    for error in [connected, migrated] {
        assert!(matches!(error, ConnectError::Newer { found: 4, known: 3 }), "{error}");
        assert!(error.to_string().contains("schema 4") && error.to_string().contains("knows 3"));
    }
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn a_migration_whose_text_has_changed_since_is_refused() {
    let database = Database::migrated().await;
    let db = database.client().await;
    db.batch_execute("UPDATE refinery_schema_history SET checksum = '1'").await.unwrap();
    let before = contents(&db).await;
    let error = Postgres::migrate(&database.options()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Changed(_)), "{error}");
    assert!(error.to_string().contains("V1__people"), "{error}");
    assert_eq!(contents(&db).await, before);
}
