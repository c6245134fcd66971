//! A replica that is behind. Another database stands for it, so that it is behind for as long as a test
//! wants.

use protocol::SessionId;
use serde_json::json;
use storage::contract::{Opened, user, uuid7};
use storage::postgres::Options;
use storage::{AccountStore, Postgres, SessionStore};

use crate::place::{Database, PRIMARY, REPLICA, at, client, eventually, make, opened};
use crate::races::session;

async fn behind(database: &Database, replica: &Database) -> Opened<Postgres> {
    opened(&Options { replica: Some(at(PRIMARY, &replica.name)), ..database.options() }).await
}

#[tokio::test]
async fn who_has_not_come_to_the_replica_is_still_somebody() {
    let (database, replica) = (Database::migrated().await, Database::migrated().await);
    let old = opened(&replica.options()).await;
    make(&old.store, &["ada"]).await;
    let o = behind(&database, &replica).await;
    make(&o.store, &["ada", "grace"]).await;
    let people = o.store.people(&[user(2), user(9), user(1)]).await.unwrap();
    let names: Vec<_> = people.iter().map(|person| &*person.name).collect();
    assert_eq!(names, ["grace", "ada"]);
    assert!(o.store.find("grace", 9).await.unwrap().is_empty(), "a search may be a moment behind");
}

#[tokio::test]
async fn ones_own_changes_are_seen_at_once() {
    let (database, replica) = (Database::migrated().await, Database::migrated().await);
    let old = opened(&replica.options()).await;
    make(&old.store, &["ada"]).await;
    old.store.begin(session(1, 1, 1)).await.unwrap();
    let o = behind(&database, &replica).await;
    make(&o.store, &["ada"]).await;
    o.store.begin(session(1, 1, 1)).await.unwrap();
    o.store.put_settings(user(1), json!({"theme": "dark"})).await.unwrap();
    let renamed =
        protocol::request::ChangeProfile { display_name: Some("Countess".into()), about: None };
    o.store.change_profile(user(1), renamed).await.unwrap();
    o.store.end(user(1), &[SessionId(uuid7(1))], 50).await.unwrap();
    assert_eq!(o.store.version(user(1)).await.unwrap(), Some(3));
    assert_eq!(o.store.settings(user(1)).await.unwrap(), json!({"theme": "dark"}));
    assert_eq!(o.store.people(&[user(1)]).await.unwrap()[0].display_name, "Countess");
    assert!(o.store.sessions(user(1)).await.unwrap().is_empty());
    assert!(o.store.session(SessionId(uuid7(1))).await.unwrap().unwrap().ended);
}

#[tokio::test]
async fn a_replica_that_cannot_be_reached_is_done_without() {
    let database = Database::migrated().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = Options { replica: Some(at(gone, &database.name)), ..database.options() };
    let o = opened(&options).await;
    make(&o.store, &["ada", "grace"]).await;
    assert_eq!(o.store.people(&[user(1), user(2)]).await.unwrap().len(), 2);
    assert_eq!(o.store.find("ada", 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn searches_are_answered_by_the_replica() {
    let database = Database::migrated().await;
    let options = Options { replica: Some(at(REPLICA, &database.name)), ..database.options() };
    eventually("the database has come to the replica", async || {
        let admin = client(REPLICA, "postgres").await;
        let there = "SELECT count(*) FROM pg_database WHERE datname = $1";
        admin.query_one(there, &[&database.name]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    let o = opened(&options).await;
    make(&o.store, &["ada"]).await;
    eventually("what was written is found", async || {
        o.store.find("ada", 9).await.unwrap().len() == 1
    })
    .await;
    let seen = client(REPLICA, &database.name).await;
    let ours = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE '%account_word%'
                AND pid <> pg_backend_pid()";
    assert!(seen.query_one(ours, &[]).await.unwrap().get::<_, i64>(0) > 0);
}
