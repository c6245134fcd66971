//! Three nodes with lines between them and what they use, all of which can be broken, and somebody who
//! starts a node again that has ended, as the system of a real one does.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use programs::cluster::{Cluster, NODES, Wish};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::history::{Recorder, What};
use crate::link::{Link, State};
use crate::nemesis::{Act, Ends, Target};
use crate::services;

/// A node that ended by itself is started again after this time.
const PAUSE: Duration = Duration::from_secs(1);

/// Where everything plays.
pub struct Place {
    cluster: Cluster,
    links: BTreeMap<(usize, Ends), Vec<Link>>,
    recorder: Recorder,
    /// When a node that is down is started again; `None` while it is to stay down.
    down: [Option<tokio::time::Instant>; NODES as usize],
    killed: [bool; NODES as usize],
    /// What is being done to services; some of it takes seconds.
    doing: JoinSet<Result<()>>,
    /// How often a node has ended without being killed.
    pub ended: usize,
}

/// What differs from the usual.
#[derive(Clone, Debug, Default)]
pub struct Different {
    /// Another program than `kithd`.
    pub program: Option<PathBuf>,
    /// More variables for every node.
    pub variables: Vec<(String, String)>,
    /// More variables for each node.
    pub each: [Vec<(String, String)>; NODES as usize],
}

impl Place {
    /// Open the lines and start the nodes. Their logs are in `folder`.
    ///
    /// # Errors
    /// When a service is not there, an address is taken or a node does not come up.
    pub async fn start(folder: &Path, recorder: Recorder, different: Different) -> Result<Self> {
        services::listen().await?;
        let mut links: BTreeMap<(usize, Ends), Vec<Link>> = BTreeMap::new();
        let mut each = different.each;
        for (node, different) in each.iter_mut().enumerate() {
            for (ends, at, to) in lines(node) {
                links.entry((node, ends)).or_default().push(Link::open(at, to).await?);
            }
            let mut own = variables(node);
            own.append(different);
            *different = own;
        }
        let usual = [
            ("KITH__AUTH__ACCESS_SECONDS", "86400"),
            ("KITH__LIMITS__SENDS_PER_SECOND", "1000000"),
            ("KITH__LIMITS__SEND_BURST", "1000000"),
        ];
        let mut all: Vec<_> = usual.map(|(key, value)| (key.into(), value.into())).to_vec();
        all.extend(different.variables);
        let wish = Wish { program: different.program, variables: all, each };
        let cluster = Cluster::start_as(folder, wish).await?;
        Ok(Self {
            cluster,
            links,
            recorder,
            down: [None; NODES as usize],
            killed: [false; NODES as usize],
            doing: JoinSet::new(),
            ended: 0,
        })
    }

    /// Where people reach each node: through its line.
    #[must_use]
    pub fn addresses() -> Vec<String> {
        (0..usize::from(NODES)).map(|node| format!("http://{}", host(node, 18_091))).collect()
    }

    /// Break something or heal it.
    ///
    /// # Errors
    /// When that cannot be done.
    pub async fn perform(&mut self, act: &Act) -> Result<()> {
        self.note(&act.to_string());
        match (act, act.target()) {
            (Act::Kill(_), Target::Node(n)) => {
                self.killed[n] = true;
                self.down[n] = None;
                self.cluster.kill(n).await
            }
            (Act::Revive(_), Target::Node(n)) => {
                self.killed[n] = false;
                self.cluster.spawn(n)
            }
            (Act::Freeze(_), Target::Node(n)) => self.signal(n, "-STOP").await,
            (Act::Thaw(_), Target::Node(n)) => self.signal(n, "-CONT").await,
            (_, Target::Service(name)) => {
                let how = match act {
                    Act::Kill(_) => "kill",
                    Act::Freeze(_) => "freeze",
                    Act::Thaw(_) => "thaw",
                    _ => "up",
                };
                self.doing.spawn(services::act(how, name));
                Ok(())
            }
            (Act::Cut(_, state), Target::Link(node, ends)) => {
                self.set(node, ends, *state);
                Ok(())
            }
            (Act::Join(_), Target::Link(node, ends)) => {
                self.set(node, ends, State::Open);
                Ok(())
            }
            _ => Ok(()),
        }
        .with_context(|| act.to_string())
    }

    /// Restart a node as its operator does: tell it to end, wait for that, start it, wait until it is
    /// ready. How long it took to end.
    ///
    /// # Errors
    /// When it takes longer than `drain`, ends badly or does not come back.
    pub async fn restart(&mut self, n: usize, drain: Duration) -> Result<Duration> {
        self.note(&format!("restart node {}", n + 1));
        let began = tokio::time::Instant::now();
        self.signal(n, "-TERM").await?;
        let status = loop {
            if let Some(status) = self.cluster.ended(n)? {
                break status;
            }
            ensure!(began.elapsed() < drain, "node {} does not end in {drain:?}", n + 1);
            sleep(Duration::from_millis(20)).await;
        };
        let took = began.elapsed();
        ensure!(status.success(), "node {} ended with {status}", n + 1);
        self.cluster.spawn(n)?;
        self.cluster.is_ready(n).await?;
        self.note(&format!("node {} is back; it took {took:?} to end", n + 1));
        Ok(took)
    }

    /// Start nodes again that have ended by themselves. To be called often.
    ///
    /// # Errors
    /// When one cannot be started.
    pub fn look_after(&mut self) -> Result<()> {
        let now = tokio::time::Instant::now();
        for n in 0..usize::from(NODES) {
            if self.killed[n] {
                continue;
            }
            if let Some(at) = self.down[n] {
                if at <= now {
                    self.down[n] = None;
                    self.cluster.spawn(n)?;
                }
            } else if let Some(status) = self.cluster.ended(n)? {
                self.ended += 1;
                self.note(&format!("node {} ended by itself: {status}", n + 1));
                self.down[n] = Some(now + PAUSE);
            }
        }
        Ok(())
    }

    /// Everything is whole again, and all nodes are ready.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn heal(&mut self) -> Result<()> {
        for link in self.links.values().flatten() {
            link.set(State::Open);
        }
        for n in 0..usize::from(NODES) {
            if self.killed[n] {
                self.killed[n] = false;
                self.cluster.spawn(n)?;
            } else {
                self.signal(n, "-CONT").await?;
            }
        }
        while let Some(done) = self.doing.join_next().await {
            // Whatever it was, all of it is brought up now.
            if let Err(error) = done? {
                self.note(&format!("{error:#}"));
            }
        }
        services::up().await?;
        for n in 0..usize::from(NODES) {
            let mut ready = self.cluster.is_ready(n).await;
            // It may have ended meanwhile, as it does when it cannot reach what it needs at its start.
            if ready.is_err() {
                self.look_after()?;
                ready = self.cluster.is_ready(n).await;
            }
            ready?;
        }
        self.note("healed");
        Ok(())
    }

    /// The nodes themselves.
    pub fn cluster(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    #[allow(clippy::print_stdout)] // A person follows it.
    fn note(&self, act: &str) {
        println!("{:>7.1} s  {act}", self.recorder.millis() as f64 / 1e3);
        self.recorder.note(What::Act { act: act.to_owned() });
    }

    fn set(&self, node: usize, ends: Ends, state: State) {
        self.links.get(&(node, ends)).into_iter().flatten().for_each(|link| link.set(state));
    }

    async fn signal(&mut self, n: usize, signal: &str) -> Result<()> {
        let Some(pid) = self.cluster.process(n) else { return Ok(()) };
        Command::new("kill").args([signal, &pid.to_string()]).status().await?;
        Ok(())
    }
}

fn host(n: usize, port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(127, 0, 0, u8::try_from(n).unwrap_or(u8::MAX) + 1), port))
}

/// The lines of a node: what it reaches at the first address stands at the second.
fn lines(node: usize) -> Vec<(Ends, SocketAddr, SocketAddr)> {
    let own = u16::try_from(node).unwrap_or_default();
    let mut lines = vec![
        (Ends::People, host(node, 18_091), host(node, 18_081)),
        (Ends::Postgres, host(node, 15_442), host(0, 15_432)),
        (Ends::Zookeeper, host(node, 12_191), host(0, 12_181)),
    ];
    // Each broker has a listener for each node, which names the addresses of these lines.
    for broker in 0..3 {
        lines.push((Ends::Broker(broker), host(broker, 19_097 + own), host(broker, 19_094 + own)));
    }
    lines
}

/// What tells a node to use its lines.
fn variables(node: usize) -> Vec<(String, String)> {
    let own = u16::try_from(node).unwrap_or_default();
    let brokers: Vec<String> =
        (0..3).map(|broker| host(broker, 19_097 + own).to_string()).collect();
    [
        ("KITH__SERVER__ADDRESS", format!("http://{}", host(node, 18_091))),
        ("KITH__CLUSTER__KAFKA", brokers.join(",")),
        ("KITH__CLUSTER__POSTGRES", format!("postgres://kith@{}/{{name}}", host(node, 15_442))),
        ("KITH__CLUSTER__ZOOKEEPER", host(node, 12_191).to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .to_vec()
}
