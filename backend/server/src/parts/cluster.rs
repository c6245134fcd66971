//! A cluster's parts: Kafka for the conversation log and the inbox, ScyllaDB for what is said,
//! PostgreSQL for who says it.
//!
//! The inbox is read twice. As one of its owners, a node reads the partitions that Kafka gives it and
//! keeps the list rows of the people in them. As a gateway it reads all of it, from the moment at which
//! it starts, and hands on what is for its own sessions: a record of the inbox is for a node what a
//! frame is for a person, and whoever has nobody to give it to drops it.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use event_log::{KafkaLog, KafkaSettings, LogError, Position, Restart, Wanted};
use storage::FoldStore;
use storage::postgres::{self, Postgres};
use storage::scylla::{self, Scylla};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::{Engine, Parts, Stores};
use crate::config::{self, Config};
use crate::environment::Environment;
use crate::pipeline::dead::Dead;
use crate::pipeline::deliver::Delivery;
use crate::pipeline::inbox::Teller;
use crate::pipeline::list::Lists;

/// How often what was stored and perhaps not told is told again.
const LEFTOVERS: Duration = Duration::from_secs(5);

/// How long the partitions of a topic may be without leaders at a start.
const LEADERS: Duration = Duration::from_secs(20);
/// How long a topic may be missing at a start.
const HEARD: Duration = Duration::from_secs(5);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// What a node has to end, beside the stages.
#[derive(Clone)]
pub struct Cluster {
    /// Tells what a node that ended had stored and not told.
    leftovers: Arc<AbortOnDropHandle<()>>,
}

/// Connect to everything. Nothing is written where something is not as it must be.
pub(super) async fn open(config: &Config, environment: &Environment) -> anyhow::Result<Parts> {
    let cluster = &config.cluster;
    let lists: Arc<OnceLock<Arc<Lists>>> = Arc::default();
    let owned = {
        let lists = lists.clone();
        let restart: Restart = Arc::new(move |partition| {
            let lists = lists.get().cloned();
            Box::pin(async move {
                let lists = lists.ok_or("the list rows are not there yet")?;
                lists.restart(partition).await.map_err(|error| error.to_string())
            })
        });
        connect(cluster, "inbox", "lists", restart).await?
    };
    let tell = Arc::new(Teller::new(Arc::new(owned.clone())));
    let scylla = Scylla::connect(&cql(cluster)?, tell.clone()).await.context("cluster.cql")?;
    let scylla = Arc::new(scylla);
    let postgres =
        Postgres::connect(&postgres(cluster)?, tell).await.context("cluster.postgres")?;
    let postgres = Arc::new(postgres);
    let stores = Stores {
        fold: scylla.clone(),
        history: scylla.clone(),
        markers: scylla.clone(),
        accounts: postgres.clone(),
        sessions: postgres.clone(),
        friends: postgres.clone(),
        push: postgres.clone(),
    };
    let list = Arc::new(Lists::new(scylla.clone(), scylla.clone()));
    // Just made: nobody else has set it.
    let _ = lists.set(list.clone());
    let log = {
        let scylla = scylla.clone();
        let restart: Restart = Arc::new(move |partition| {
            let scylla = scylla.clone();
            Box::pin(
                async move { scylla.restart(partition).await.map_err(|error| error.to_string()) },
            )
        });
        connect(cluster, "log", "sequencers", restart).await?
    };
    // In this order: what other nodes store between the two questions lies before the ends.
    let restarts = restarts(cluster, &*scylla).await?;
    check_ends(cluster, &restarts, &ends(&log).await?)?;
    // All of the inbox from now on: what came before is in the answers to hello.
    let restart = end_of(ends(&owned).await?);
    let group = format!("gateway.{}", environment.id().simple());
    let inbox = connect(cluster, "inbox", &group, restart).await?;
    let pushes = connect(cluster, "push", "pushers", beginning()).await?;
    let pushed_from = connect(cluster, "inbox", "push", end_of(ends(&owned).await?)).await?;
    let dead = connect(cluster, "dead", "dead", beginning()).await?;
    let leftovers = tokio::spawn(tell_leftovers(postgres));
    Ok(Parts {
        stores,
        log: Arc::new(log),
        inbox: Arc::new(inbox),
        delivery: Delivery::over(cluster.partitions),
        changes: None,
        pushes: Arc::new(pushes),
        pushed_from: Some(Arc::new(pushed_from)),
        dead: Dead::topic(Arc::new(dead), environment.clone()),
        lists: Some((Arc::new(owned), list)),
        engine: Engine::Cluster(Cluster { leftovers: Arc::new(AbortOnDropHandle::new(leftovers)) }),
    })
}

impl Cluster {
    /// The stages have ended.
    pub(super) fn end(&self) {
        self.leftovers.abort();
    }
}

/// Bring both databases up to this program's schema, one process at a time.
///
/// # Errors
/// When a service is not there, or its schema is newer than this program.
pub async fn migrate(config: &Config, new_database: Uuid) -> anyhow::Result<Vec<String>> {
    let cluster = &config.cluster;
    let cql = cql(cluster)?;
    let others = async { anyhow::Ok(Scylla::migrate(&cql, new_database).await?) };
    let (mut made, others) = Postgres::migrate_and(&postgres(cluster)?, others).await?;
    made.extend(others.into_iter().map(str::to_owned));
    Ok(made)
}

/// What the topics must be.
#[must_use]
pub fn topics(cluster: &config::Cluster) -> Vec<Wanted> {
    let wanted = event_log::wanted(cluster.partitions, cluster.replicas);
    let named =
        |topic: Wanted| Wanted { name: topic.name.replacen("kith", &cluster.topics, 1), ..topic };
    wanted.into_iter().map(named).collect()
}

async fn connect(
    cluster: &config::Cluster,
    topic: &str,
    group: &str,
    restart: Restart,
) -> anyhow::Result<KafkaLog> {
    let settings = KafkaSettings {
        brokers: cluster.kafka.clone(),
        topic: format!("{}.{topic}", cluster.topics),
        partitions: cluster.partitions,
        epoch: cluster.epoch,
        group: format!("{}.{group}", cluster.topics),
    };
    let fatal = Arc::new(|why: &str| {
        tracing::error!("Kafka takes nothing more from this process: {why}");
        std::process::abort();
    });
    let patience = Instant::now() + HEARD;
    loop {
        match KafkaLog::connect(settings.clone(), restart.clone(), fatal.clone()).await {
            // A broker hears of a topic a moment after another one has made it.
            Err(error) if Instant::now() < patience => {
                tracing::info!("waiting for Kafka: {error}");
                tokio::time::sleep(LOOK).await;
            }
            connected => return connected.context("cluster.kafka"),
        }
    }
}

/// Readers that never committed begin at these places.
fn end_of(ends: Vec<Position>) -> Restart {
    let ends = Arc::new(ends);
    Arc::new(move |partition| {
        let end = ends.get(partition as usize).copied();
        Box::pin(async move { Ok(end) })
    })
}

/// Readers that never committed begin with the first record.
fn beginning() -> Restart {
    Arc::new(|_| Box::pin(async { Ok(None) }))
}

/// Where each partition of a topic ends. While its partitions get their leaders, as just after it was
/// made or after a broker went away, that takes a moment.
async fn ends(log: &KafkaLog) -> anyhow::Result<Vec<Position>> {
    let patience = Instant::now() + LEADERS;
    loop {
        match log.ends().await {
            Err(LogError::Unreachable(why)) if Instant::now() < patience => {
                tracing::info!("waiting for Kafka: {why}");
                tokio::time::sleep(LOOK).await;
            }
            ends => return ends.context("cluster.kafka"),
        }
    }
}

/// Where the store goes on with each partition of the log; nothing for one that was never begun.
async fn restarts(
    cluster: &config::Cluster,
    store: &dyn FoldStore,
) -> anyhow::Result<Vec<Option<Position>>> {
    let mut restarts = Vec::new();
    for partition in 0..cluster.partitions {
        restarts.push(store.restart(partition).await.context("cluster.cql")?);
    }
    Ok(restarts)
}

/// A place behind the end belongs to records that this topic does not have: it was made anew.
fn check_ends(
    cluster: &config::Cluster,
    restarts: &[Option<Position>],
    ends: &[Position],
) -> anyhow::Result<()> {
    for (partition, (restart, end)) in restarts.iter().zip(ends).enumerate() {
        if restart.is_some_and(|restart| restart > *end) {
            anyhow::bail!(
                "cluster.epoch: partition {partition} of {}.log ends before what was stored from it, so \
                 the topic was made anew: set cluster.epoch to {} on every node",
                cluster.topics,
                cluster.epoch + 1
            );
        }
    }
    Ok(())
}

fn cql(cluster: &config::Cluster) -> anyhow::Result<scylla::Options> {
    let credentials = match &*cluster.cql_user {
        "" => None,
        user => Some(scylla::Credentials {
            user: user.to_owned(),
            password: password("cluster.cql_password_file", &cluster.cql_password_file)?,
        }),
    };
    Ok(scylla::Options {
        keyspace: cluster.keyspace.clone(),
        replication: cluster.copies,
        credentials,
        ..scylla::Options::new(cluster.cql.clone())
    })
}

fn postgres(cluster: &config::Cluster) -> anyhow::Result<postgres::Options> {
    let mut url = cluster.postgres.clone();
    if !cluster.postgres_password_file.as_os_str().is_empty() {
        let password = password("cluster.postgres_password_file", &cluster.postgres_password_file)?;
        let encoded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let before = if url.contains('?') { '&' } else { '?' };
        url = format!("{url}{before}password={encoded}");
    }
    let server = postgres::Server::from_url(&url).context("cluster.postgres")?;
    let several = cluster.postgres.contains(',');
    Ok(postgres::Options {
        replica: several.then(|| server.clone()),
        ..postgres::Options::new(server)
    })
}

fn password(setting: &str, file: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("{setting}: {}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

async fn tell_leftovers(postgres: Arc<Postgres>) {
    loop {
        tokio::time::sleep(LEFTOVERS).await;
        match postgres.tell_leftovers().await {
            Ok(0) => {}
            Ok(told) => tracing::info!(told, "told what a node had stored and not told"),
            Err(error) => tracing::warn!("what may not have been told stays for now: {error}"),
        }
    }
}
