//! Servers that cannot be used, said in words that help.

use std::time::Duration;

use storage::Postgres;
use storage::postgres::{ConnectError, Options, Server};

use crate::place::{PRIMARY, Told, at};
use crate::servers::{Own, PASSWORD};

async fn error_of(options: &Options) -> ConnectError {
    let connected = Postgres::connect(options, Told::new().0).await.err().unwrap();
    let migrated = Postgres::migrate(options).await.unwrap_err();
    assert_eq!(connected.to_string(), migrated.to_string());
    connected
}

#[tokio::test]
async fn a_wrong_password_is_said_and_never_shown() {
    let own = Own::start().await;
    let right = Options::new(Own::address(&[&own], PASSWORD));
    Postgres::migrate(&right).await.unwrap();
    let error = error_of(&Options::new(Own::address(&[&own], "hush"))).await;
    assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains("password") && said.contains(&own.port.to_string()), "{said}");
    assert!(!said.contains("hush"), "{said}");
    // So is the replica's.
    let replica = Some(Own::address(&[&own], "hush"));
    let error =
        Postgres::connect(&Options { replica, ..right }, Told::new().0).await.err().unwrap();
    assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_said() {
    let error = error_of(&Options::new(at(PRIMARY, "kith_nowhere"))).await;
    assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("kith_nowhere"), "{error}");
}

#[tokio::test]
async fn hosts_that_cannot_be_reached_are_named() {
    // A port that was free a moment ago.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = error_of(&Options::new(at(gone, "kith"))).await;
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{gone}")), "{error}");
}

#[tokio::test]
async fn row_43_a_server_that_says_nothing_is_given_up_in_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let timeout = Duration::from_millis(300);
    let options = Options { timeout, ..Options::new(at(port, "kith")) };
    let connecting = Postgres::connect(&options, Told::new().0);
    let given_up = tokio::time::timeout(Duration::from_secs(10), connecting).await.unwrap();
    let error = given_up.err().unwrap();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("no answer"), "{error}");
    // It does not keep us from the next host.
    let hosts = [("127.0.0.1".into(), port), ("127.0.0.1".into(), PRIMARY)];
    let database = crate::place::Database::migrated().await;
    let primary = Server::new(&hosts, "kith", None, &database.name).unwrap();
    let o = crate::place::opened(&Options { primary, timeout: Duration::from_secs(2), ..options })
        .await;
    crate::place::make(&o.store, &["ada"]).await;
}
