//! A world with one server: everything embedded. The disk takes its time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::connect::{Connector, Lost, Socket, SocketError, socket_over};
use event_log::MemoryLog;
use parking_lot::Mutex;
use rand::RngExt;
use rand::rngs::StdRng;
use server::app::App;

use crate::node::Node;
use crate::place::{Place, Start};
use crate::simulated::{Setting, Simulated, Stored, folder, in_virtual_time};

/// Partitions of the conversation log.
const PARTITIONS: u32 = 4;

/// A world.
pub struct World {
    setting: Setting,
    network: Arc<Network>,
    data: tempfile::TempDir,
}

/// The pipes, and the server at their other end if it runs.
#[derive(Default)]
struct Network {
    node: Mutex<Option<Arc<Node>>>,
}

impl World {
    fn take_node(&self) -> Option<Arc<Node>> {
        self.network.node.lock().take()
    }

    /// The server, if it runs.
    pub fn app(&self) -> Option<App> {
        self.network.node.lock().as_ref().map(|node| node.app.clone())
    }

    fn log(&self) -> Option<MemoryLog> {
        let app = self.app()?;
        Some(app.embedded().expect("everything in one process").conversation_log().clone())
    }
}

impl Simulated for World {
    fn run<T>(seed: u64, scene: impl AsyncFnOnce(&Self) -> T) -> T {
        in_virtual_time(seed, async {
            let setting = Setting::new(seed);
            let world = Self { setting, network: Arc::default(), data: folder() };
            world.start().await;
            let result = scene(&world).await;
            world.kill().await;
            result
        })
    }

    fn setting(&self) -> &Setting {
        &self.setting
    }

    async fn start(&self) {
        if self.network.node.lock().is_some() {
            return;
        }
        let (config, environment) = self.setting.server(self.data.path());
        let app = App::start(config, environment).await.expect("the server starts");
        *self.network.node.lock() = Some(Node::new(app, None));
    }

    async fn kill(&self) {
        let Some(node) = self.take_node() else { return };
        node.kill().await;
    }

    async fn stop(&self) {
        let Some(node) = self.take_node() else { return };
        node.stop().await;
    }

    fn moves_everything(&self) {
        if let Some(log) = self.log() {
            (0..PARTITIONS).for_each(|partition| log.revoke(partition));
        }
    }

    async fn crashes(&self, _: &mut StdRng) {
        self.kill().await;
    }

    async fn restarts(&self, _: &mut StdRng) {
        self.stop().await;
        self.start().await;
    }

    fn moves(&self, random: &mut StdRng) {
        if let Some(log) = self.log() {
            log.revoke(random.random_range(0..PARTITIONS));
        }
    }

    async fn suffers(&self, _: &mut StdRng) {}

    async fn heals(&self) {
        self.start().await;
    }

    fn storage(&self) -> Stored {
        // One commit has all of a batch, and what was not committed does not come back.
        Arc::new(|_, _| true)
    }

    async fn complaints(&self) -> Vec<String> {
        Vec::new()
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
        self.setting.client()
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn unused(&self, name: &str) -> String {
        name.to_owned()
    }

    fn device(&self) -> Start {
        self.setting.device(self.connector())
    }
}

impl Network {
    fn node(&self) -> Result<Arc<Node>, Lost> {
        self.node.lock().clone().ok_or_else(|| Lost("nothing listens".into()))
    }
}

#[async_trait::async_trait]
impl Connector for Network {
    async fn http(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Lost> {
        self.node()?.http(request).await
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
            node.dies();
        }
    }
}
