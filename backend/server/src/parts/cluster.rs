//! A cluster's parts: Kafka for the conversation log and the inbox, ScyllaDB for what is said,
//! PostgreSQL for who says it.
//!
//! The inbox is shared: a node reads the partitions that Kafka gives it, keeps the list rows of the
//! people in them, and hands their records to the nodes at which those people are connected.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use event_log::{KafkaLog, KafkaSettings, LogError, Position, Restart, Wanted};
use storage::postgres::{self, Agreement, Postgres};
use storage::scylla::{self, Scylla};
use storage::{FoldStore, StorageError};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::agreed::{self, Agreed};
use super::{Engine, Parts, Stores, lag};
use crate::config::{self, Config};
use crate::environment::Environment;
use crate::pipeline::dead::Dead;
use crate::pipeline::deliver::Delivery;
use crate::pipeline::inbox::Teller;
use crate::pipeline::list::{INBOX, Lists};

/// How often what was stored and perhaps not told is told again.
const LEFTOVERS: Duration = Duration::from_secs(5);

/// How long the partitions of a topic may be without leaders at a start.
const LEADERS: Duration = Duration::from_secs(20);
/// How long one change of the schema may take.
const MIGRATION: Duration = Duration::from_secs(60);
/// How long a topic may be missing at a start.
const HEARD: Duration = Duration::from_secs(5);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// What a node has to end, beside the stages.
#[derive(Clone)]
pub struct Cluster {
    /// Tells what a node that ended had stored and not told, and counts what waits.
    background: Arc<AbortOnDropHandle<()>>,
}

/// Connect to everything. Nothing is written where something is not as it must be.
pub(super) async fn open(config: &Config, environment: &Environment) -> anyhow::Result<Parts> {
    let cluster = &config.cluster;
    if !cluster.zookeeper.is_empty() {
        crate::discovery::zookeeper::reach(&cluster.zookeeper).await?;
    }
    let (people, cql) = (postgres(cluster)?, cql(cluster)?);
    let agreement = Agreement::open(&people).await.context("cluster.postgres")?;
    let agreed = agreed::look(cluster, &agreement).await?;
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
        connect(cluster, &agreed, "inbox", "lists", restart).await?
    };
    let tell = Arc::new(Teller::new(Arc::new(owned.clone())));
    let scylla = Scylla::connect(&cql, tell.clone()).await.context("cluster.cql")?;
    let scylla = Arc::new(scylla);
    let postgres = Postgres::connect(&people, tell).await.context("cluster.postgres")?;
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
        connect(cluster, &agreed, "log", "sequencers", restart).await?
    };
    for (name, log, rows) in [("log", &log, 0), ("inbox", &owned, INBOX)] {
        check_ends(cluster, name, log, rows, &*scylla).await?;
    }
    agreed.keep(&agreement).await?;
    let pushes = connect(cluster, &agreed, "push", "pushers", beginning()).await?;
    let end = end_of(ends(&owned).await?);
    let pushed_from = connect(cluster, &agreed, "inbox", "push", end).await?;
    let dead = connect(cluster, &agreed, "dead", "dead", beginning()).await?;
    let background = tokio::spawn({
        let (log, inbox, rows) = (log.clone(), owned.clone(), scylla.clone());
        async move {
            tokio::join!(
                tell_leftovers(postgres),
                lag::keep("log", log, 0, rows.clone()),
                lag::keep("inbox", inbox, INBOX, rows),
            );
        }
    });
    Ok(Parts {
        stores,
        log: Arc::new(log),
        inbox: None,
        delivery: Delivery::over(cluster.partitions),
        changes: None,
        pushes: Arc::new(pushes),
        pushed_from: Some(Arc::new(pushed_from)),
        dead: Dead::topic(Arc::new(dead), environment.clone()),
        lists: Some((Arc::new(owned), list)),
        watch: Some(Box::pin(agreed.watch(cluster.kafka.clone()))),
        engine: Engine::Cluster(Cluster {
            background: Arc::new(AbortOnDropHandle::new(background)),
        }),
    })
}

impl Cluster {
    /// The stages have ended.
    pub(super) fn end(&self) {
        self.background.abort();
    }
}

/// Bring both databases up to this program's schema, one process at a time.
///
/// # Errors
/// When a service is not there, or its schema is newer than this program.
pub async fn migrate(config: &Config, new_database: Uuid) -> anyhow::Result<Vec<String>> {
    let cluster = &config.cluster;
    // A change of the schema is for all nodes and takes longer than a request.
    let cql = scylla::Options { request_timeout: MIGRATION, ..cql(cluster)? };
    let others = async { Scylla::migrate(&cql, new_database).await.context("cluster.cql") };
    let (mut made, others) =
        Postgres::migrate_and(&postgres(cluster)?, others).await.map_err(named)?;
    made.extend(others.into_iter().map(str::to_owned));
    Ok(made)
}

/// An error of PostgreSQL names its setting, and one of ScyllaDB has named it already.
fn named(error: anyhow::Error) -> anyhow::Error {
    if error.chain().any(|cause| cause.is::<scylla::ConnectError>()) {
        return error;
    }
    error.context("cluster.postgres")
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
    agreed: &Agreed,
    topic: &str,
    group: &str,
    restart: Restart,
) -> anyhow::Result<KafkaLog> {
    open_topic(cluster, agreed.epoch(topic), topic, group, restart).await
}

async fn open_topic(
    cluster: &config::Cluster,
    epoch: u64,
    topic: &str,
    group: &str,
    restart: Restart,
) -> anyhow::Result<KafkaLog> {
    // Who reads another topic of this name has committed places that mean nothing here.
    let group = if epoch == 1 { group.to_owned() } else { format!("{group}.{epoch}") };
    let settings = KafkaSettings {
        brokers: cluster.kafka.clone(),
        topic: format!("{}.{topic}", cluster.topics),
        partitions: cluster.partitions,
        epoch,
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

/// Whether something was stored from behind the end of a topic: then it belongs to records that the
/// topic does not have.
async fn is_past_end(
    log: &KafkaLog,
    rows: u32,
    cluster: &config::Cluster,
    store: &dyn FoldStore,
) -> anyhow::Result<bool> {
    let mut restarts = Vec::new();
    for partition in 0..cluster.partitions {
        restarts.push(store.restart(rows + partition).await.context("cluster.cql")?);
    }
    // In this order: what other nodes store between the two questions lies before the ends.
    let ends = ends(log).await?;
    Ok(restarts.iter().zip(ends).any(|(restart, end)| restart.is_some_and(|at| at > end)))
}

/// Refuse a topic that ends before what was stored from it.
async fn check_ends(
    cluster: &config::Cluster,
    topic: &str,
    log: &KafkaLog,
    rows: u32,
    store: &dyn FoldStore,
) -> anyhow::Result<()> {
    if is_past_end(log, rows, cluster, store).await? {
        let why = LogError::Unfit(format!(
            "{}.{topic} ends before what was stored from it. If its records are really gone, stop \
             every node and run `kithd topics adopt`",
            cluster.topics
        ));
        return Err(why).context("cluster.topics");
    }
    Ok(())
}

/// Use the topics that are there from now on, whatever was used before. A line for each.
///
/// # Errors
/// When a service is not there, or a topic is missing.
pub async fn adopt(config: &Config) -> anyhow::Result<Vec<String>> {
    let cluster = &config.cluster;
    let agreement = Agreement::open(&postgres(cluster)?).await.context("cluster.postgres")?;
    let store = &fold_store(config).await?;
    let past_end = async |topic: &postgres::Topic, short: &str| {
        let rows = match short {
            "log" => 0,
            "inbox" => INBOX,
            _ => return Ok(false),
        };
        let log = open_topic(cluster, topic.epoch, short, "adopt", beginning()).await?;
        is_past_end(&log, rows, cluster, store).await
    };
    agreed::adopt(cluster, &agreement, past_end).await
}

/// The store of chat history, for operators: nothing that is done through it is told to anybody.
///
/// # Errors
/// When it is not there.
pub async fn fold_store(config: &Config) -> anyhow::Result<Scylla> {
    Scylla::connect(&cql(&config.cluster)?, Arc::new(Untold)).await.context("cluster.cql")
}

/// Refuses to tell anything: there is nobody to tell.
struct Untold;

#[async_trait::async_trait]
impl storage::Tell for Untold {
    async fn tell(&self, changes: Vec<storage::Change>) -> storage::Result<()> {
        match changes.is_empty() {
            true => Ok(()),
            false => Err(StorageError::Unavailable("this command tells nobody".into())),
        }
    }
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
    let text = std::fs::read_to_string(file).map_err(|error| {
        config::Invalid(vec![format!("{setting}: {}: {error}", file.display())])
    })?;
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
