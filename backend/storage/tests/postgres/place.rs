//! A database for each test, made from one that was migrated, and dropped afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use storage::contract::{Opened, user};
use storage::postgres::{Options, Server};
use storage::{AccountStore, Change, Committed, NewAccount, Postgres, StorageError, Tell};
use tokio::sync::{OnceCell, mpsc};
use tokio_postgres::{Client, NoTls};

/// Where the services' primary listens, and the replica that follows it.
pub(crate) const PRIMARY: u16 = 15_432;
pub(crate) const REPLICA: u16 = 15_433;

const TEMPLATE: &str = "kith_test_template";
static MIGRATED: OnceCell<()> = OnceCell::const_new();
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A database that is dropped with this.
pub(crate) struct Database {
    pub(crate) name: String,
}

impl Database {
    /// One that was migrated.
    pub(crate) async fn migrated() -> Self {
        MIGRATED.get_or_init(template).await;
        Self::made(&format!("TEMPLATE {TEMPLATE}_{}", std::process::id())).await
    }

    /// One without tables.
    pub(crate) async fn empty() -> Self {
        Self::made("").await
    }

    async fn made(how: &str) -> Self {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kith_test_{}_{n}", std::process::id());
        run("postgres", &format!("CREATE DATABASE {name} {how}")).await;
        Self { name }
    }

    /// With time enough for a machine that has a lot to do. Who tries what takes too long says so.
    pub(crate) fn options(&self) -> Options {
        let timeout = Duration::from_secs(20);
        Options { timeout, ..Options::new(at(PRIMARY, &self.name)) }
    }

    pub(crate) async fn client(&self) -> Client {
        client(PRIMARY, &self.name).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop_database(self.name.clone());
    }
}

/// The template is this process's own, so that it is never another version's, and goes when a later
/// run finds that its process is gone.
async fn template() {
    let admin = client(PRIMARY, "postgres").await;
    let left = "SELECT datname::text FROM pg_database WHERE datname LIKE 'kith\\_test\\_%'";
    for row in admin.query(left, &[]).await.unwrap() {
        let name: String = row.get(0);
        let process = name.split('_').find_map(|word| word.parse::<u32>().ok());
        let gone = process.is_none_or(|id| !std::path::Path::new(&format!("/proc/{id}")).exists());
        if gone {
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            // Another run may be at the same.
            let _ = admin.batch_execute(&drop).await;
        }
    }
    let name = format!("{TEMPLATE}_{}", std::process::id());
    admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let made = Postgres::migrate(&Options::new(at(PRIMARY, &name))).await.unwrap();
    assert_eq!(made, ["V1__people", "V2__push", "V3__cluster"]);
    // A template is copied only while nobody is connected to it, and a server takes a moment to see
    // that a client has gone.
    let used = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1";
    eventually("the template is free", async || {
        admin.query_one(used, &[&name]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
}

fn drop_database(name: String) {
    // The test's own runtime is ending, so this has one of its own.
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run("postgres", &format!("DROP DATABASE {name} WITH (FORCE)")));
    });
    let dropped = thread.join();
    assert!(dropped.is_ok() || std::thread::panicking());
}

pub(crate) fn at(port: u16, database: &str) -> Server {
    Server::new(&[("127.0.0.1".into(), port)], "kith", None, database).unwrap()
}

/// A connection beside the store's.
pub(crate) async fn client(port: u16, database: &str) -> Client {
    let words = format!("host=127.0.0.1 port={port} user=kith dbname={database}");
    let connected = tokio_postgres::connect(&words, NoTls).await;
    let (client, connection) = connected.unwrap_or_else(|error| {
        panic!("PostgreSQL at port {port}: {error}: cargo xtask services up --only postgres")
    });
    tokio::spawn(connection);
    client
}

async fn run(database: &str, words: &str) {
    client(PRIMARY, database).await.batch_execute(words).await.unwrap();
}

/// Takes what is told, and refuses to for as long as a test wants it.
pub(crate) struct Told {
    sender: mpsc::Sender<Committed>,
    number: AtomicU64,
    pub(crate) refuses: AtomicBool,
}

impl Told {
    pub(crate) fn new() -> (Arc<Self>, mpsc::Receiver<Committed>) {
        let (sender, committed) = mpsc::channel(1_000);
        let told = Self { sender, number: AtomicU64::new(0), refuses: AtomicBool::new(false) };
        (Arc::new(told), committed)
    }
}

#[async_trait]
impl Tell for Told {
    async fn tell(&self, changes: Vec<Change>) -> storage::Result<()> {
        assert!(!changes.is_empty(), "nothing is not told");
        if self.refuses.load(Ordering::Relaxed) {
            return Err(StorageError::Unavailable("nobody takes it".into()));
        }
        let commit = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        self.sender.send(Committed { commit, changes }).await.unwrap();
        Ok(())
    }
}

/// A store in a database of its own.
pub(crate) async fn contract() -> Opened<Postgres> {
    let database = Database::migrated().await;
    opened(&database.options()).await.keeping(database)
}

pub(crate) async fn opened(options: &Options) -> Opened<Postgres> {
    let (told, committed) = Told::new();
    let store = Arc::new(Postgres::connect(options, told).await.unwrap());
    Opened { store, committed, keep: Box::new(()) }
}

pub(crate) trait Keeping {
    /// The store, and its database for as long.
    fn keeping(self, database: Database) -> Self;
}

impl Keeping for Opened<Postgres> {
    fn keeping(mut self, database: Database) -> Self {
        self.keep = Box::new(database);
        self
    }
}

/// People 1, 2, 3 … with these names.
pub(crate) async fn make(store: &Postgres, names: &[&str]) {
    let accounts = names.iter().zip(1..).map(|(name, n)| NewAccount {
        id: user(n),
        name: (*name).into(),
        display_name: (*name).into(),
        password_hash: Some("hash".into()),
        at: 1,
    });
    store.create(accounts.collect()).await.unwrap();
}

/// Wait until it is so, for half a minute at most.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(tokio::time::Instant::now() < deadline, "it did not come to this: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
