//! Simulated places: virtual time in one thread. Time passes when nobody has anything to do, pipes are
//! in memory, and everything that chance decides follows from one seed. The same seed gives the same run.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use client::connect::Connector;
use parking_lot::Mutex;
use protocol::{ConversationId, Millis};
use rand::rngs::StdRng;
use server::config::Config;
use server::environment::Environment;
use storage::Blocking;
use tokio::time::Instant;

use crate::line::Line;
use crate::place::{Place, Start};

/// When every world begins.
const BEGINNING: Millis = 1_700_000_000_000;
/// What a commit or a read takes: a good disk in one world, a bad one in the next.
const DISKS: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(60)];
/// The longest time that a frame or a request is on its way.
const LATENCY: Duration = Duration::from_millis(20);

/// Whether a seq of a conversation is stored at this moment.
pub type Stored = Arc<dyn Fn(ConversationId, u64) -> bool + Send + Sync>;

/// A place whose time and whose servers a scene commands.
pub trait Simulated: Place + Sized {
    /// Run a scene in a new one. When it fails, the seed is in the message.
    fn run<T>(seed: u64, scene: impl AsyncFnOnce(&Self) -> T) -> T;
    /// What is the same in all of them.
    fn setting(&self) -> &Setting;

    /// Start every server that does not run, from what is stored.
    async fn start(&self);
    /// Kill every server where it stands.
    async fn kill(&self);
    /// Stop every server as an operator does.
    async fn stop(&self);
    /// Take every partition from its owner.
    fn moves_everything(&self);

    /// A server dies: the only one, or one of several.
    async fn crashes(&self, random: &mut StdRng);
    /// A server is stopped and started.
    async fn restarts(&self, random: &mut StdRng);
    /// Some partition is taken from its owner.
    fn moves(&self, random: &mut StdRng);
    /// What else may happen to servers of this kind, or nothing.
    async fn suffers(&self, random: &mut StdRng);
    /// Everything works again.
    async fn heals(&self);
    /// Whether a seq of a conversation is stored at this moment, where that can be looked up.
    fn storage(&self) -> Stored;
    /// What is wrong with what is stored, in sentences, after everybody had time to come to agree.
    async fn complaints(&self) -> Vec<String>;

    /// Let time pass.
    async fn passes(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// The servers' clock.
    fn clock(&self) -> &Clock {
        &self.setting().clock
    }

    /// The time since the world began.
    fn elapsed(&self) -> Duration {
        self.clock().began.elapsed()
    }
}

/// The time in a world, as its machines see it.
#[derive(Clone)]
pub struct Clock {
    began: Instant,
    /// By how much they are wrong, in milliseconds.
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

/// Time and chance of one world.
pub struct Setting {
    seed: u64,
    clock: Clock,
    /// Counts what needs a random seed of its own.
    numbers: AtomicU64,
}

impl Setting {
    /// What follows from this seed.
    pub fn new(seed: u64) -> Self {
        let clock = Clock { began: Instant::now(), skew: Arc::default() };
        Self { seed, clock, numbers: AtomicU64::new(0) }
    }

    /// A seed that nothing else has.
    pub fn number(&self) -> u64 {
        // Far apart, so that no seed's numbers are another seed's.
        self.seed.wrapping_mul(1 << 32) + self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// What a server is started with whose data is in this folder.
    pub fn server(&self, data: &Path) -> (Config, Environment) {
        let mut config = Config::default();
        config.server.data = data.to_owned();
        config.auth.hash_memory_kib = 8;
        config.auth.hash_passes = 1;
        let clock = self.clock.clone();
        let mut environment = Environment::simulated(Arc::new(move || clock.now()), self.number());
        environment.blocking = Blocking::After(DISKS[usize::from(self.seed % 2 == 1)]);
        (config, environment)
    }

    /// What one start of a client is given.
    pub fn client(&self) -> client::Environment {
        let clock = self.clock.clone();
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.number().to_be_bytes());
        client::Environment::new(Arc::new(move || clock.now()), seed, client::Blocking::Inline)
    }

    /// A new device that hangs on this network.
    pub fn device(&self, network: Arc<dyn Connector>) -> Start {
        let line = Line::new(network, self.number());
        line.latency(LATENCY);
        Start::new(folder(), line)
    }
}

/// Run something in virtual time. When it fails, the seed is in the message.
pub fn in_virtual_time<T>(seed: u64, scene: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let told = TellSeed(seed);
    let result = runtime.block_on(scene);
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
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder")
}
