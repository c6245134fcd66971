//! The nodes of a cluster as ZooKeeper knows them: one ephemeral entry for each process. Discovery is
//! for liveness only: while ZooKeeper is away every session goes on, and the last list stays.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use protocol::request::Node;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zookeeper_client::{Acls, Client, CreateMode, Error};

use super::{Nodes, Other};
use crate::app::App;
use crate::config::Roles;
use crate::pipeline::record::FOLD_VERSION;

/// Where the entries are.
const FOLDER: &str = "/kith/nodes";
/// An entry is gone so long after its process.
const SESSION: Duration = Duration::from_secs(6);
/// How often a node says its load and looks at the others.
const EVERY: Duration = Duration::from_secs(2);
/// How often, while an owner is looked for or this node has become one.
const HURRY: Duration = Duration::from_millis(250);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// What an entry says, as JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    node: Node,
    /// When the process started, milliseconds since 1970.
    started: i64,
    /// Which stages it runs.
    #[serde(default)]
    roles: Roles,
    /// The newest version of the fold that it knows.
    #[serde(default = "first")]
    fold: u32,
    /// Where nodes link to it, `host:port`.
    #[serde(default)]
    link: String,
    /// The partitions of the inbox that it owns.
    #[serde(default)]
    inbox: Vec<u32>,
}

/// What a node knows that says nothing of it.
fn first() -> u32 {
    1
}

/// Announce this node and keep [`App::nodes`] up to date, until the node begins to stop.
pub(crate) async fn keep(app: App, hosts: String) {
    let (stop, nodes) = (app.stop.clone(), app.nodes.clone());
    while !stop.is_cancelled() {
        if let Err(error) = session(&app, &hosts, &nodes, &stop).await {
            tracing::warn!("ZooKeeper: {error}; the nodes known so far stay known");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// See that ZooKeeper is there.
///
/// # Errors
/// When it does not answer.
pub(crate) async fn reach(hosts: &str) -> anyhow::Result<()> {
    announced(hosts).await.map(drop)
}

/// Every node that is announced.
///
/// # Errors
/// When ZooKeeper does not answer.
pub(crate) async fn announced(hosts: &str) -> anyhow::Result<BTreeMap<String, Other>> {
    let connecting = Client::connector().with_session_timeout(SESSION).connect(hosts);
    let client = in_time(connecting).await.with_context(|| setting(hosts))?;
    let anyone = CreateMode::Persistent.with_acls(Acls::anyone_all());
    in_time(client.mkdir(FOLDER, &anyone)).await.with_context(|| setting(hosts))?;
    others(&client, "").await.with_context(|| setting(hosts))
}

fn setting(hosts: &str) -> String {
    format!("cluster.zookeeper: {hosts}")
}

async fn session(
    app: &App,
    hosts: &str,
    nodes: &Nodes,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let connector =
        Client::connector().with_session_timeout(SESSION).with_connection_timeout(PATIENCE);
    let client = in_time(connector.connect(hosts)).await?;
    let path = format!("{FOLDER}/{}", app.config.server.node);
    let anyone = Acls::anyone_all();
    let folder = CreateMode::Persistent.with_acls(anyone);
    in_time(client.mkdir(FOLDER, &folder)).await?;
    loop {
        if stop.is_cancelled() {
            // At once, and not only when the session has lapsed: nobody is to be sent here any more.
            in_time(client.delete(&path, None)).await?;
            return Ok(());
        }
        let (link, owned) = (app.config.link_address(), inbox(app));
        let entry = Entry {
            node: super::own(app),
            started: app.started,
            roles: app.config.roles,
            fold: FOLD_VERSION,
            link,
            inbox: owned.clone(),
        };
        let data = serde_json::to_vec(&entry)?;
        match in_time(client.set_data(&path, &data, None)).await {
            Ok(_) => {}
            Err(Error::NoNode) => {
                let ephemeral = CreateMode::Ephemeral.with_acls(anyone);
                in_time(client.create(&path, &data, &ephemeral)).await?;
            }
            Err(error) => return Err(error.into()),
        }
        nodes.replace(others(&client, &app.config.server.node).await?);
        let again = Instant::now() + EVERY;
        while Instant::now() < again && !stop.is_cancelled() {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = tokio::time::sleep(HURRY) => {}
            }
            let misses = app.links.as_ref().is_some_and(|links| links.gateway.misses_an_owner());
            if misses || inbox(app) != owned {
                break;
            }
        }
    }
}

/// The partitions of the inbox that this node owns.
fn inbox(app: &App) -> Vec<u32> {
    app.links.as_ref().map(|links| links.owner.partitions()).unwrap_or_default()
}

async fn others(client: &Client, own: &str) -> anyhow::Result<BTreeMap<String, Other>> {
    let mut found = BTreeMap::new();
    for name in in_time(client.list_children(FOLDER)).await? {
        if name == own {
            continue;
        }
        // It may have gone since it was listed.
        let Ok((data, _)) = in_time(client.get_data(&format!("{FOLDER}/{name}"))).await else {
            continue;
        };
        // What another version wrote and this one cannot read is left out.
        if let Ok(Entry { node, started, roles, fold, link, inbox }) = serde_json::from_slice(&data)
        {
            found.insert(name, Other { node, started, roles, fold, link, inbox });
        }
    }
    Ok(found)
}

async fn in_time<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(Error::Timeout))
}
