//! The services that a cluster stands on, without a container engine: three Kafka brokers, three
//! nodes of a CQL store, ZooKeeper, PostgreSQL with a replica, an S3 server and HAProxy, all on the
//! loopback addresses. What they write is under `target/services`; the tests of the cluster use them.

mod answer;
mod cql;
mod get;
mod kafka;
mod place;
mod postgres;
mod process;
mod small;
mod up;

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};

use crate::progress::say;
use crate::run::{program, run};
use place::Place;
use process::State;

pub(crate) use up::{down, not_up, up};

/// What can be done with the services.
#[derive(Subcommand)]
pub(crate) enum Action {
    /// Start what does not run, thaw what is frozen, and wait until all of it answers.
    Up {
        /// Only these, with commas between.
        #[arg(long, value_enum, value_delimiter = ',')]
        only: Vec<Kind>,
    },
    /// Stop what `up` started. What they have stored stays.
    Down {
        /// Only these, with commas between.
        #[arg(long, value_enum, value_delimiter = ',')]
        only: Vec<Kind>,
        /// Remove what they have stored, too.
        #[arg(long)]
        wipe: bool,
    },
    /// Say which run, which are frozen, and where they listen.
    Status,
    /// Show the end of a service's log.
    Logs {
        /// Such as `kafka-1`.
        name: String,
    },
    /// End a service at once, as a power cut does (SIGKILL).
    Kill {
        /// Such as `kafka-1`.
        name: String,
    },
    /// Stop a service from running without ending it (SIGSTOP).
    Freeze {
        /// Such as `cql-2`.
        name: String,
    },
    /// Let a frozen service go on (SIGCONT).
    Thaw {
        /// Such as `cql-2`.
        name: String,
    },
}

/// What kind of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Three brokers that are controllers too: 127.0.0.1 to .3, port 19092.
    Kafka,
    /// Three nodes of Apache Cassandra: 127.0.0.1 to .3, port 19042.
    Cql,
    /// 127.0.0.1:12181.
    Zookeeper,
    /// The primary at 127.0.0.1:15432 and its streaming replica at :15433.
    Postgres,
    /// 127.0.0.1:17070.
    S3,
    /// 127.0.0.1:18080, in front of three kithd at 127.0.0.1 to .3, port 18081.
    Haproxy,
}

/// One process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Service {
    name: &'static str,
    kind: Kind,
    /// Its number among those of its kind, from 1.
    node: u8,
    address: &'static str,
}

const fn service(name: &'static str, kind: Kind, node: u8, address: &'static str) -> Service {
    Service { name, kind, node, address }
}

/// All of them, in the order in which they start.
const SERVICES: &[Service] = &[
    service("zookeeper", Kind::Zookeeper, 1, "127.0.0.1:12181"),
    service("s3", Kind::S3, 1, "127.0.0.1:17070"),
    service("haproxy", Kind::Haproxy, 1, "127.0.0.1:18080"),
    service("postgres", Kind::Postgres, 1, "127.0.0.1:15432"),
    service("postgres-replica", Kind::Postgres, 2, "127.0.0.1:15433"),
    service("kafka-1", Kind::Kafka, 1, "127.0.0.1:19092"),
    service("kafka-2", Kind::Kafka, 2, "127.0.0.2:19092"),
    service("kafka-3", Kind::Kafka, 3, "127.0.0.3:19092"),
    service("cql-1", Kind::Cql, 1, "127.0.0.1:19042"),
    service("cql-2", Kind::Cql, 2, "127.0.0.2:19042"),
    service("cql-3", Kind::Cql, 3, "127.0.0.3:19042"),
];

/// Do it.
pub(crate) fn services(root: &Path, action: &Action) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!(
            "The services run without a container engine on Linux only; elsewhere use infra/compose.yaml."
        );
    }
    match action {
        Action::Up { only } => up(root, only),
        Action::Down { only, wipe } => down(root, only, *wipe),
        Action::Status => {
            for service in SERVICES {
                say(&status(root, service));
            }
            Ok(())
        }
        Action::Logs { name } => {
            let log = Place::of(root, named(name)?).log();
            if !log.exists() {
                bail!("{name} was never started here");
            }
            run(program(root, &["tail", "-n", "200"]).arg(&log))
        }
        Action::Kill { name } => one(root, name, |place| process::kill(place, "KILL")),
        Action::Freeze { name } => one(root, name, process::freeze),
        Action::Thaw { name } => one(root, name, process::thaw),
    }
}

fn one(root: &Path, name: &str, act: impl FnOnce(&Place) -> Result<()>) -> Result<()> {
    let place = Place::of(root, named(name)?);
    if process::state(&place) == State::Gone {
        bail!("{name} does not run, or `cargo xtask services up` did not start it");
    }
    act(&place).with_context(|| name.to_owned())
}

fn named(name: &str) -> Result<&'static Service> {
    SERVICES.iter().find(|service| service.name == name).with_context(|| {
        let names: Vec<&str> = SERVICES.iter().map(|service| service.name).collect();
        format!("there is no service `{name}`; there are {}", names.join(", "))
    })
}

/// Those of these kinds; of all when none is named.
fn wanted(only: &[Kind]) -> impl Iterator<Item = &'static Service> {
    SERVICES.iter().filter(move |service| only.is_empty() || only.contains(&service.kind))
}

fn status(root: &Path, service: &Service) -> String {
    let place = Place::of(root, service);
    let state = match process::state(&place) {
        State::Runs if answer::answers(service) => "up",
        State::Runs => "runs, does not answer",
        State::Frozen => "frozen",
        State::Gone if answer::is_taken(service) => "down; another process is at its address",
        State::Gone => "down",
    };
    let pid = process::pid(&place).map(|pid| format!(", process {pid}")).unwrap_or_default();
    format!("{:<17} {:<16} {state}{pid}", service.name, service.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_there_is_answered_with_all_names() {
        let said = named("kafka").unwrap_err().to_string();
        assert!(said.contains("kafka-1") && said.contains("postgres-replica"), "{said}");
        assert_eq!(named("cql-3").unwrap().address, "127.0.0.3:19042");
    }

    #[test]
    fn kinds_choose_all_of_their_processes() {
        let names = |only: &[Kind]| wanted(only).map(|one| one.name).collect::<Vec<_>>();
        assert_eq!(names(&[Kind::Postgres]), ["postgres", "postgres-replica"]);
        assert_eq!(names(&[]).len(), SERVICES.len());
    }
}
