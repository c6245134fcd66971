//! Real servers, reached over real sockets: those whose addresses `KITH_ADDRESSES` names, separated
//! by commas, or, without it, a `kithd` of one's own that was built with these tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use client::connect::{Connector, Network};
use programs::server::Server;

use crate::line::Line;
use crate::place::{Place, Start};

/// How long anything may take: far beyond what a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Servers that run somewhere.
pub struct RealServers {
    addresses: Vec<String>,
    next: AtomicUsize,
    /// The server that was started for this, with its data.
    _own: Option<(Server, tempfile::TempDir)>,
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
        let data = tempfile::tempdir().expect("a folder");
        let own = Server::start(data.path()).await.expect("kithd starts");
        Self { addresses: vec![own.address()], next: AtomicUsize::new(0), _own: Some((own, data)) }
    }
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
