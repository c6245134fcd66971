//! Real servers, reached over real sockets: those whose addresses `KITH_ADDRESSES` names, separated
//! by commas, or, without it, a `kithd` of one's own that was built with these tests.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use client::connect::{Connector, Network};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::line::Line;
use crate::place::{Place, Start};

/// How long anything may take: far beyond what a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Servers that run somewhere.
pub struct RealServers {
    addresses: Vec<String>,
    next: AtomicUsize,
    /// The server that was started for this, with its data.
    _own: Option<(Child, tempfile::TempDir)>,
}

impl RealServers {
    /// The servers that the environment names, or one of one's own.
    pub async fn find_or_start() -> Self {
        // Only the first of all tests installs it; the others find it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let named = std::env::var("KITH_ADDRESSES").unwrap_or_default();
        let addresses: Vec<String> =
            named.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if !addresses.is_empty() {
            return Self { addresses, next: AtomicUsize::new(0), _own: None };
        }
        let (address, process, data) = start().await;
        Self {
            addresses: vec![format!("http://{address}")],
            next: AtomicUsize::new(0),
            _own: Some((process, data)),
        }
    }
}

async fn start() -> (SocketAddr, Child, tempfile::TempDir) {
    let data = tempfile::tempdir().expect("a folder");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let mut process = Command::new(kithd())
        .env("KITH__SERVER__LISTEN", address.to_string())
        .env("KITH__SERVER__DATA", data.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("kithd starts");
    let deadline = Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(process.try_wait().expect("a status").is_none(), "kithd has ended");
        assert!(Instant::now() < deadline, "kithd does not listen");
        sleep(Duration::from_millis(10)).await;
    }
    (address, process, data)
}

/// `kithd` of the same build: this test stands in `deps` beside it.
fn kithd() -> PathBuf {
    let this = std::env::current_exe().expect("a path");
    let folder = this.parent().and_then(|deps| deps.parent()).expect("a folder");
    let path = folder.join("kithd");
    assert!(path.exists(), "{} is not built; cargo build -p server builds it", path.display());
    path
}

impl Place for RealServers {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(Network::new().expect("a network"))
    }

    fn address(&self) -> String {
        // Each person comes to another node.
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.addresses[next % self.addresses.len()].clone()
    }

    fn environment(&self) -> client::Environment {
        client::Environment::system()
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn unused(&self, name: &str) -> String {
        let id = self.environment().group_id().to_string();
        let tail: String = id.chars().rev().take(10).filter(char::is_ascii_alphanumeric).collect();
        format!("{name}-{tail}")
    }

    fn device(&self) -> Start {
        let folder = tempfile::tempdir().expect("a folder");
        Start::new(folder, Line::new(self.connector(), 0))
    }
}
