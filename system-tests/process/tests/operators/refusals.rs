//! What is not as it must be: one line that names the setting, a code that says what kind of thing it
//! is, and nothing written.

use crate::cql;
use crate::place::{Ended, Place};

/// Nobody listens there.
const NOBODY: &str = "127.0.0.1:1";
/// The codes that `kithd help` documents.
const CONFIGURATION: i32 = 2;
const SERVICE: i32 = 3;
const UNSAFE: i32 = 4;

/// See that a node refused to start, with this code and a line that has these words.
fn refused(what: &str, ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{what}: {ended:?}");
    assert_eq!(ended.complaint.lines().count(), 1, "{what}: {}", ended.complaint);
    for word in words {
        assert!(ended.complaint.contains(word), "{what}: no {word} in: {}", ended.complaint);
    }
}

/// See that nothing was written by those who refused.
async fn untouched(place: &Place) {
    assert!(!place.data().exists(), "a folder was made");
    assert_eq!(place.sql("SELECT count(*) FROM topic").await, "0", "topics were agreed on");
    assert_eq!(place.sql("SELECT count(*) FROM account").await, "0");
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_named_and_nothing_is_written() {
    let place = Place::prepared().await;
    for (settings, word) in [
        (&[("CLUSTER__KAFAK", "127.0.0.1:9092")][..], "kafak"),
        (&[("CLUSTER__PARTITIONS", "many")], "partitions"),
        (&[("CLUSTER__POSTGRES_PASSWORD_FILE", "/nowhere")], "cluster.postgres_password_file"),
        (
            &[("CLUSTER__CQL_USER", "kith"), ("CLUSTER__CQL_PASSWORD_FILE", "/nowhere")],
            "cluster.cql_password_file",
        ),
        (&[("ROLES", "gatekeeper")], "roles"),
        (&[("CLUSTER__POSTGRES", "postgres://kith:hunter2@127.0.0.1/x")], "postgres_password_file"),
    ] {
        let ended = place.kithd("run", settings).await;
        refused(&format!("{settings:?}"), &ended, CONFIGURATION, &[word]);
        assert!(!ended.complaint.contains("hunter2"), "{}", ended.complaint);
    }
    let ended = place.kithd("--config /nowhere.toml run", &[]).await;
    refused("a file that is not there", &ended, CONFIGURATION, &["/nowhere.toml"]);
    let ended = place.kithd("run --role gatekeeper", &[]).await;
    refused("a role that there is not", &ended, CONFIGURATION, &["roles", "gatekeeper"]);
    untouched(&place).await;
}

#[tokio::test]
async fn a_service_that_cannot_be_used_is_named_and_nothing_is_written() {
    let place = Place::prepared().await;
    let nobody = format!("postgres://kith@{NOBODY}/kith");
    let stranger = format!("postgres://stranger@127.0.0.1:15432/{}", place.name);
    for (key, value, words) in [
        ("CLUSTER__KAFKA", NOBODY, ["cluster.kafka", NOBODY]),
        ("CLUSTER__CQL", NOBODY, ["cluster.cql", NOBODY]),
        ("CLUSTER__POSTGRES", &nobody, ["cluster.postgres", NOBODY]),
        ("CLUSTER__POSTGRES", &stranger, ["cluster.postgres", "stranger"]),
        ("CLUSTER__ZOOKEEPER", NOBODY, ["cluster.zookeeper", NOBODY]),
    ] {
        let ended = place.kithd("run", &[(key, value)]).await;
        refused(&format!("{key}={value}"), &ended, SERVICE, &words);
    }
    for words in ["topics check", "topics create"] {
        let ended = place.kithd(words, &[("CLUSTER__KAFKA", NOBODY)]).await;
        refused(words, &ended, SERVICE, &["cluster.kafka"]);
    }
    let ended = place.kithd("migrate", &[("CLUSTER__CQL", NOBODY)]).await;
    refused("migrate", &ended, SERVICE, &["cluster.cql", NOBODY]);
    untouched(&place).await;
}

#[tokio::test]
async fn row_43_a_schema_that_is_not_this_programs_is_refused_and_nothing_is_written() {
    let place = Place::empty().await;
    let ended = place.kithd("run", &[]).await;
    refused("never migrated", &ended, UNSAFE, &["cluster.postgres", "kithd migrate"]);
    assert_eq!(place.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await, "0");
    let place = Place::prepared().await;
    let other = format!("{}_other", place.name);
    let ended = place.kithd("run", &[("CLUSTER__KEYSPACE", &other)]).await;
    refused("no keyspace", &ended, UNSAFE, &["cluster.cql", &other, "kithd migrate"]);
    let name = &place.name;
    cql::run(&format!(
        "INSERT INTO {name}.schema_migrations (number, name, checksum) VALUES (9999, 'later', 1)"
    ))
    .await;
    let ended = place.kithd("run", &[]).await;
    refused("a newer keyspace", &ended, UNSAFE, &["cluster.cql", "9999", "later"]);
    let ended = place.kithd("migrate", &[]).await;
    refused("migrating a newer keyspace", &ended, UNSAFE, &["cluster.cql", "9999"]);
    cql::run(&format!("DELETE FROM {name}.schema_migrations WHERE number = 9999")).await;
    place
        .sql(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (9999, 'later', '', '1')",
        )
        .await;
    let ended = place.kithd("run", &[]).await;
    refused("a newer database", &ended, UNSAFE, &["cluster.postgres", "9999"]);
    untouched(&place).await;
}

#[tokio::test]
async fn topics_that_are_not_as_they_must_be_are_refused_and_nothing_is_written() {
    let place = Place::prepared().await;
    let ended = place.kithd("run", &[("CLUSTER__TOPICS", "kith_that_nobody_made")]).await;
    refused("no topics", &ended, UNSAFE, &["cluster.topics", "kith_that_nobody_made.log"]);
    let ended = place.kithd("run", &[("CLUSTER__PARTITIONS", "3")]).await;
    refused("too few partitions", &ended, UNSAFE, &["has 2 partitions and must have 3"]);
    let ended = place.kithd("topics check", &[("CLUSTER__PARTITIONS", "3")]).await;
    refused("topics check", &ended, UNSAFE, &["cluster.topics", "must have 3"]);
    untouched(&place).await;
}
