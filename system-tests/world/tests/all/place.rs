//! Where a scene plays: a simulated world, or real servers. A scene knows only this.

use std::sync::Arc;
use std::time::Duration;

use client::connect::Connector;
use client::secrets::{MemorySecrets, Secrets};
use client::{Client, Environment, Options};

use crate::device::Device;
use crate::line::Line;

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// Where a scene plays.
pub trait Place {
    /// The network as it is without a device's own line.
    fn connector(&self) -> Arc<dyn Connector>;
    /// A server's address. Asked again, it may give another node's.
    fn address(&self) -> String;
    /// Time, randomness and threads for one start of a client.
    fn environment(&self) -> Environment;
    /// How long anything may take before a scene has failed.
    fn patience(&self) -> Duration;
    /// A name that nobody has, beginning with this one.
    fn unused(&self, name: &str) -> String;
    /// A new device that nobody is signed in on.
    fn device(&self) -> Start;
}

/// What is needed to start a device, and to start it again.
pub struct Start {
    pub folder: tempfile::TempDir,
    pub secrets: Arc<dyn Secrets>,
    pub line: Line,
}

impl Start {
    /// A new device with its data in `folder`.
    pub fn new(folder: tempfile::TempDir, line: Line) -> Self {
        Self { folder, secrets: Arc::new(MemorySecrets::default()), line }
    }

    /// Start the client.
    pub async fn client(&self, environment: Environment) -> Client {
        let options = Options {
            data: self.folder.path().to_owned(),
            environment,
            connector: Arc::new(self.line.clone()),
            secrets: self.secrets.clone(),
            service: "kith".into(),
            device_name: "test".into(),
            platform: "bot".into(),
        };
        Client::start(options).await.expect("the client starts")
    }
}

/// Somebody new, with a first device, connected.
pub async fn joins(place: &dyn Place, name: &str) -> Device {
    Device::registers(place, place.device(), name).await
}

/// Somebody new behind a proxy that lets no WebSocket through.
pub async fn joins_behind_a_proxy(place: &dyn Place, name: &str) -> Device {
    let start = place.device();
    start.line.no_sockets();
    Device::registers(place, start, name).await
}

/// One more device of somebody.
pub async fn another_device(place: &dyn Place, of: &Device) -> Device {
    Device::signs_in(place, place.device(), of).await
}
