//! Three `kithd` nodes on real services, each with what only it uses: a keyspace, a database and topics
//! of their own, so that nothing of an earlier cluster is in the way. The services run already
//! (`cargo xtask services up`), and `kithd` was built with the feature `cluster`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::server::{Server, Setup};
use crate::{PATIENCE, built, command};

/// How many nodes there are.
pub const NODES: u8 = 3;
/// Where the balancer expects each: at 127.0.0.1, .2, .3.
const PORT: u16 = 18_081;
/// Where a node that is no gateway says how it is.
const ADMIN: u16 = 18_085;
/// Where the balancer listens.
pub const BALANCER: &str = "http://127.0.0.1:18080";
/// Where PostgreSQL's primary listens.
const POSTGRES: (&str, &str) = ("127.0.0.1", "15432");

/// What differs from the usual.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Another program than `kithd`, which takes the same words and variables.
    pub program: Option<PathBuf>,
    /// More variables for every node.
    pub variables: Vec<(String, String)>,
    /// More variables for each node; `{name}` in one becomes the name of this cluster's database. They
    /// win over those for every node.
    pub each: [Vec<(String, String)>; NODES as usize],
}

/// A cluster that ends when this is dropped.
pub struct Cluster {
    setups: Vec<Setup>,
    /// Which of them apps come to.
    gateways: Vec<bool>,
    nodes: Vec<Option<Server>>,
}

impl Cluster {
    /// Make the tables and topics and start the nodes.
    ///
    /// # Errors
    /// When a service is not there, or a node does not come up; the logs stay in `folder`.
    pub async fn start(folder: &Path) -> Result<Self> {
        Self::start_as(folder, Wish::default()).await
    }

    /// The same, but each node runs one stage, or one and the pushes.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn start_apart(folder: &Path) -> Result<Self> {
        let roles = ["gateway", "sequencer", "inbox,push"];
        let each = roles.map(|roles| vec![("KITH__ROLES".into(), roles.into())]);
        Self::start_as(folder, Wish { each, ..Wish::default() }).await
    }

    /// The same, with something different.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn start_as(folder: &Path, wish: Wish) -> Result<Self> {
        let kithd = wish.program.map_or_else(|| built("kithd"), Ok)?;
        // A name that no earlier run has used.
        let name = format!("kith_{:x}", RandomState::new().build_hasher().finish());
        let mut variables = variables(folder, &name);
        variables.extend(wish.variables);
        create_database(&name).await?;
        for words in [&["migrate"][..], &["topics", "create"]] {
            let output = command(&kithd)
                .args(words)
                .envs(variables.iter().cloned())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .output()
                .await?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "kithd {}: {said}", words.join(" "));
        }
        let mut cluster = Self { setups: Vec::new(), gateways: Vec::new(), nodes: Vec::new() };
        for (n, each) in (1..=NODES).zip(wish.each) {
            let mut own = variables.clone();
            own.push(("KITH__SERVER__NODE".into(), format!("node-{n}")));
            own.extend(with_database(each, &name));
            let host = Ipv4Addr::new(127, 0, 0, n);
            let listen = SocketAddr::from((host, PORT));
            let is_gateway = own.iter().all(|(key, value)| {
                key != "KITH__ROLES" || value.split(',').any(|role| role == "gateway")
            });
            // Where it is asked whether it is ready.
            let address = if is_gateway { listen } else { SocketAddr::from((host, ADMIN)) };
            if !is_gateway {
                own.push(("KITH__SERVER__LISTEN".into(), listen.to_string()));
                own.push(("KITH__ADMIN__LISTEN".into(), address.to_string()));
            }
            let setup = Setup {
                program: kithd.clone(),
                under: Vec::new(),
                folder: folder.join(format!("node-{n}")),
                address,
                variables: own,
            };
            cluster.nodes.push(Some(setup.start().await?));
            cluster.setups.push(setup);
            cluster.gateways.push(is_gateway);
            // One after another: the first makes the secret that all of them use.
            cluster.is_ready(usize::from(n - 1)).await?;
        }
        Ok(cluster)
    }

    /// Where each node is reached that apps come to.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let gateways = self.setups.iter().zip(&self.gateways).filter(|(_, is)| **is);
        gateways.map(|(setup, _)| format!("http://{}", setup.address)).collect()
    }

    /// End a node at once, as a power cut does. Nodes are counted from 0.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn kill(&mut self, n: usize) -> Result<()> {
        match self.nodes[n].take() {
            Some(node) => node.kill().await,
            None => Ok(()),
        }
    }

    /// Stop a node where it stands: it keeps its connections and answers nothing. Unix only.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn freeze(&mut self, n: usize) -> Result<()> {
        self.signal(n, "-STOP").await
    }

    /// Let a node go on that was frozen.
    ///
    /// # Errors
    /// When it is not running.
    pub async fn thaw(&mut self, n: usize) -> Result<()> {
        self.signal(n, "-CONT").await
    }

    async fn signal(&mut self, n: usize, signal: &str) -> Result<()> {
        let node = self.nodes[n].as_mut().context("the node is not running")?;
        let id = node.process().id().context("the node has ended")?;
        let status = command("kill").args([signal, &id.to_string()]).status().await?;
        ensure!(status.success(), "node {} could not be sent {signal}", n + 1);
        Ok(())
    }

    /// Start a node again that was ended, and wait until it is ready.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn revive(&mut self, n: usize) -> Result<()> {
        self.nodes[n] = Some(self.setups[n].start().await?);
        self.is_ready(n).await
    }

    /// Start a node again that has ended, and do not wait for it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&mut self, n: usize) -> Result<()> {
        let setup = &self.setups[n];
        self.nodes[n] = Some(Server::of(setup.address, setup.spawn()?));
        Ok(())
    }

    /// A node's process, while there is one.
    pub fn process(&mut self, n: usize) -> Option<u32> {
        self.nodes[n].as_mut()?.process().id()
    }

    /// How a node has ended, if it has done so by itself.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&mut self, n: usize) -> Result<Option<ExitStatus>> {
        match &mut self.nodes[n] {
            Some(node) => Ok(node.process().try_wait()?),
            None => Ok(None),
        }
    }

    /// Wait until a node is ready.
    ///
    /// # Errors
    /// When it does not become so within [`PATIENCE`].
    pub async fn is_ready(&self, n: usize) -> Result<()> {
        let at = self.setups[n].address;
        let deadline = Instant::now() + PATIENCE;
        while !ready(at).await.unwrap_or(false) {
            ensure!(Instant::now() < deadline, "node {} at {at} does not become ready", n + 1);
            sleep(std::time::Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// What all nodes have in common: the services, and what of them is `name`'s own.
#[must_use]
pub fn variables(folder: &Path, name: &str) -> Vec<(String, String)> {
    let secret: PathBuf = folder.join("secret");
    let hosts =
        |port: u16| (1..=3).map(|n| format!("127.0.0.{n}:{port}")).collect::<Vec<_>>().join(",");
    let (host, port) = POSTGRES;
    [
        ("AUTH__SECRET_FILE", secret.display().to_string()),
        ("SERVER__TRUSTED_PROXIES", "127.0.0.0/8".into()),
        ("DEV__ACCOUNTS", "true".into()),
        ("CLUSTER__KAFKA", hosts(19_092)),
        ("CLUSTER__CQL", hosts(19_042)),
        ("CLUSTER__POSTGRES", format!("postgres://kith@{host}:{port}/{name}")),
        ("CLUSTER__ZOOKEEPER", "127.0.0.1:12181".into()),
        ("CLUSTER__KEYSPACE", name.to_owned()),
        ("CLUSTER__TOPICS", name.to_owned()),
        ("CLUSTER__PARTITIONS", "12".into()),
    ]
    .map(|(key, value)| (format!("KITH__{key}"), value))
    .to_vec()
}

/// What each cluster calls its own is only known when it starts.
fn with_database(
    variables: Vec<(String, String)>,
    name: &str,
) -> impl Iterator<Item = (String, String)> {
    variables.into_iter().map(move |(key, value)| (key, value.replace("{name}", name)))
}

/// Make a database of this name in PostgreSQL.
///
/// # Errors
/// When PostgreSQL does not answer, or has one.
pub async fn create_database(name: &str) -> Result<()> {
    let config = format!("host={} port={} user=kith dbname=postgres", POSTGRES.0, POSTGRES.1);
    let output = command("psql")
        .args([&config, "-c", &format!("CREATE DATABASE {name}")])
        .output()
        .await
        .context("psql")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "PostgreSQL at {}:{}: {said}", POSTGRES.0, POSTGRES.1);
    Ok(())
}

async fn ready(at: SocketAddr) -> Result<bool> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = TcpStream::connect(at).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}
