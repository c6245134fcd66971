//! A world of virtual time: one server and any number of clients in one thread. Time passes when
//! nobody has anything to do, the disk takes its time, pipes are in memory, and everything that chance
//! decides follows from one seed. The same seed gives the same run.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use client::connect::{Connector, Lost, Socket, SocketError, socket_over};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use protocol::Millis;
use server::app::App;
use server::config::Config;
use server::http::Peer;
use server::http::serve::serve_one;
use storage::Blocking;
use tokio::io::DuplexStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::line::Line;
use crate::place::{Place, Start};

/// When every world begins.
const BEGINNING: Millis = 1_700_000_000_000;
/// What a commit or a read takes: a good disk in one world, a bad one in the next.
const DISKS: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(60)];
/// The longest time that a frame or a request is on its way.
const LATENCY: Duration = Duration::from_millis(20);
/// The room of a pipe, in bytes.
const PIPE: usize = 64 * 1024;
/// Everybody comes from here.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A world.
pub struct World {
    seed: u64,
    clock: Clock,
    /// Counts what needs a random seed of its own.
    numbers: AtomicU64,
    network: Arc<Network>,
    data: tempfile::TempDir,
}

/// The time in a world, as one machine sees it.
#[derive(Clone)]
pub struct Clock {
    began: Instant,
    /// By how much the machine is wrong, in milliseconds.
    skew: Arc<Mutex<Millis>>,
}

impl Clock {
    /// What it shows, in milliseconds since 1970.
    pub fn now(&self) -> Millis {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        BEGINNING + passed + *self.skew.lock()
    }

    /// Be wrong by so many milliseconds from now on.
    pub fn leaps(&self, by: Millis) {
        *self.skew.lock() = by;
    }
}

/// The pipes, and the server at their other end if it runs.
#[derive(Default)]
struct Network {
    node: Mutex<Option<Arc<Node>>>,
}

/// A server that runs.
struct Node {
    app: App,
    router: Router,
    connections: Mutex<JoinSet<()>>,
    dead: CancellationToken,
}

/// Run a scene in a world. When it fails, the seed is in the message.
pub fn run<T>(seed: u64, scene: impl AsyncFnOnce(&World) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let told = TellSeed(seed);
    let result = runtime.block_on(async {
        let world = World::new(seed).await;
        let result = scene(&world).await;
        world.kill().await;
        result
    });
    drop(told);
    result
}

/// Prints the seed when a scene fails.
struct TellSeed(u64);

impl Drop for TellSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed of this world was {}", self.0);
        }
    }
}

/// A folder in memory where there is one: a simulated disk needs no real one.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder")
}

impl Node {
    /// The near end of a new connection.
    fn connects(&self) -> DuplexStream {
        let (here, mut near) = tokio::io::duplex(PIPE);
        let (mut far, there) = tokio::io::duplex(PIPE);
        let header = Duration::from_secs(10);
        let mut connections = self.connections.lock();
        let (router, stop) = (self.router.clone(), self.app.stop.clone());
        connections.spawn(serve_one(there, PEER, router, header, stop));
        let dead = self.dead.clone();
        // When a process dies, the system closes its connections.
        connections.spawn(async move {
            tokio::select! {
                biased;
                () = dead.cancelled() => {}
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            }
        });
        here
    }
}

impl World {
    async fn new(seed: u64) -> Self {
        let clock = Clock { began: Instant::now(), skew: Arc::default() };
        let world = Self {
            seed,
            clock,
            numbers: AtomicU64::new(0),
            network: Arc::default(),
            data: folder(),
        };
        world.start().await;
        world
    }

    fn number(&self) -> u64 {
        // Far apart, so that no seed's numbers are another seed's.
        self.seed.wrapping_mul(1 << 32) + self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Start the server, from what is on its disk.
    pub async fn start(&self) {
        let mut config = Config::default();
        config.server.data = self.data.path().to_owned();
        config.auth.hash_memory_kib = 8;
        config.auth.hash_passes = 1;
        let clock = self.clock.clone();
        let mut environment = server::environment::Environment::simulated(
            Arc::new(move || clock.now()),
            self.number(),
        );
        environment.blocking = Blocking::After(DISKS[usize::from(self.seed % 2 == 1)]);
        let app = App::start(config, environment).await.expect("the server starts");
        let node = Node {
            router: server::http::router(app.clone()),
            app,
            connections: Mutex::default(),
            dead: CancellationToken::new(),
        };
        *self.network.node.lock() = Some(Arc::new(node));
    }

    fn take_node(&self) -> Option<Arc<Node>> {
        self.network.node.lock().take()
    }

    /// Kill the server where it stands.
    pub async fn kill(&self) {
        let Some(node) = self.take_node() else { return };
        node.dead.cancel();
        node.app.kill().await;
        let mut connections = std::mem::take(&mut *node.connections.lock());
        connections.shutdown().await;
    }

    /// Stop the server as an operator does.
    pub async fn stop(&self) {
        let Some(node) = self.take_node() else { return };
        node.app.drain();
        let gone = async {
            while node.app.delivery.sessions() > 0 {
                tokio::time::sleep(LATENCY).await;
            }
        };
        // Not everybody goes when told to.
        let patience = Duration::from_secs(node.app.config.server.drain_seconds);
        let _ = tokio::time::timeout(patience, gone).await;
        node.app.clone().stop().await;
        node.dead.cancel();
        let mut connections = std::mem::take(&mut *node.connections.lock());
        connections.shutdown().await;
    }

    /// The server, if it runs.
    pub fn app(&self) -> Option<App> {
        self.network.node.lock().as_ref().map(|node| node.app.clone())
    }

    /// Let time pass.
    pub async fn passes(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// The server's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The time since the world began.
    pub fn elapsed(&self) -> Duration {
        self.clock.began.elapsed()
    }
}

impl Place for World {
    fn connector(&self) -> Arc<dyn Connector> {
        self.network.clone()
    }

    fn address(&self) -> String {
        "http://kith.test".into()
    }

    fn environment(&self) -> client::Environment {
        let clock = self.clock.clone();
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.number().to_be_bytes());
        client::Environment::new(Arc::new(move || clock.now()), seed, client::Blocking::Inline)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn unused(&self, name: &str) -> String {
        name.to_owned()
    }

    fn device(&self) -> Start {
        let line = Line::new(self.connector(), self.number());
        line.latency(LATENCY);
        Start::new(folder(), line)
    }
}

impl Network {
    fn node(&self) -> Result<Arc<Node>, Lost> {
        self.node.lock().clone().ok_or_else(|| Lost("nothing listens".into()))
    }
}

#[async_trait::async_trait]
impl Connector for Network {
    async fn http(&self, mut request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Lost> {
        let node = self.node()?;
        request.extensions_mut().insert(Peer(PEER));
        let answer = async {
            let request = request.map(axum::body::Body::from);
            let answer = node.router.clone().oneshot(request).await;
            let (head, body) = answer.unwrap_or_else(|never| match never {}).into_parts();
            let body = body.collect().await.map_err(|error| Lost(error.to_string()))?;
            Ok(http::Response::from_parts(head, body.to_bytes()))
        };
        tokio::select! {
            biased;
            () = node.dead.cancelled() => Err(Lost("the server is gone".into())),
            answer = answer => answer,
        }
    }

    async fn socket(&self, address: &str, access_token: &str) -> Result<Socket, SocketError> {
        let node = self.node()?;
        let here = node.connects();
        socket_over(here, address, access_token).await
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // A world that ends while its server runs leaves nothing behind that waits.
        if let Some(node) = self.node.lock().take() {
            node.dead.cancel();
        }
    }
}
