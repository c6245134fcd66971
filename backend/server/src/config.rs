//! What an operator decides: defaults, then a TOML file, then `KITH__SECTION__KEY` from the
//! environment. Every value is checked before anything starts, and every complaint names its
//! setting.

mod check;
mod cluster;
mod otlp;
mod push;
mod roles;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use protocol::limits;
use serde::{Deserialize, Serialize};

pub use check::Invalid;
pub use cluster::Cluster;
pub use otlp::Otlp;
pub use push::Push;
pub use roles::Roles;

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which stages this node runs: `all`, or some of `gateway`, `sequencer`, `inbox`, `push`.
    pub roles: Roles,
    /// Where the server stands and who may come.
    pub server: Server,
    /// Passwords and signing in.
    pub auth: Auth,
    /// How much anybody may ask for.
    pub limits: Limits,
    /// What is logged, and how.
    pub log: Log,
    /// What only operators reach.
    pub admin: Admin,
    /// Traces for a collector of OpenTelemetry.
    pub otlp: Otlp,
    /// The services of a cluster. Without them everything is in this process.
    pub cluster: Cluster,
    /// What reaches people who have no session.
    pub push: Push,
    /// Helpers of those who develop or measure Kith.
    pub dev: Dev,
}

/// Where the server stands and who may come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address and port to listen on.
    pub listen: SocketAddr,
    /// The folder that holds everything: database, backups, secret.
    pub data: PathBuf,
    /// What a sign-in screen shows.
    pub name: String,
    /// Where this node stands; apps prefer nodes of their own region.
    pub region: String,
    /// This node's name, unique among the nodes.
    pub node: String,
    /// Where apps reach this node, `https://host:port`. Empty: the address that they asked at.
    pub address: String,
    /// Whether anybody may make an account.
    pub registration: Registration,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Web origins, `https://host[:port]`, whose pages may use this server beside its own.
    pub origins: Vec<String>,
    /// How long a stop waits for sockets and requests to end, in seconds.
    pub drain_seconds: u64,
}

/// Whether anybody may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Anybody who reaches the server.
    Open,
    /// Nobody.
    Closed,
}

/// Passwords and signing in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// The file with the secret that signs tokens; made when absent. Empty: `secret` in the data
    /// folder.
    pub secret_file: PathBuf,
    /// Password hashes that are computed at the same time. Each takes `hash_memory_kib`.
    pub hashes_at_once: usize,
    /// Sign-ins that may wait for their hash; beyond that the answer is `busy`.
    pub hashes_waiting: usize,
    /// argon2id's memory, in KiB.
    pub hash_memory_kib: u32,
    /// argon2id's passes.
    pub hash_passes: u32,
    /// Attempts that may be made at once for one name from one address.
    pub attempts: u32,
    /// Seconds until another attempt is given back.
    pub attempt_seconds: u64,
    /// Attempts that may be made at once from one address, whatever the name.
    pub attempts_per_address: u32,
    /// How long an access token lives, in seconds.
    pub access_seconds: u64,
}

/// How much anybody may ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Commands a second that one person may send.
    pub sends_per_second: u32,
    /// Commands that one person may send at once after a pause.
    pub send_burst: u32,
    /// Live connections of one signed-in device.
    pub sockets_per_device: usize,
    /// Live connections of one person.
    pub sockets_per_user: usize,
    /// Live connections that this node takes; what `GET /v1/nodes` calls its capacity.
    pub sockets: usize,
    /// TCP connections of one address (IPv6: of one /64). Trusted proxies are not counted.
    pub connections_per_address: usize,
    /// TCP connections in all.
    pub connections: usize,
    /// Seconds within which the first byte and all headers of a request must come.
    pub header_seconds: u64,
    /// Seconds within which the body of a request must come.
    pub body_seconds: u64,
    /// Seconds for which a write may make no progress before the connection is closed.
    pub stall_seconds: u64,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Lines for people or for programs.
    pub format: LogFormat,
    /// As in `RUST_LOG`.
    pub filter: String,
}

/// What only operators reach.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Where `/metrics`, `/healthz` and `/readyz` are answered; nowhere when it is not given. Nobody is
    /// asked who they are there, so it belongs to a network that only operators reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
}

/// Lines for people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Helpers of those who develop or measure Kith.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dev {
    /// Whether `kithd dev accounts` works. Off unless switched on in a release build.
    pub accounts: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4810)),
            data: PathBuf::from("./kith-data"),
            name: "Kith".into(),
            region: "local".into(),
            node: "kithd".into(),
            address: String::new(),
            registration: Registration::Open,
            trusted_proxies: Vec::new(),
            origins: Vec::new(),
            drain_seconds: 10,
        }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            secret_file: PathBuf::new(),
            hashes_at_once: 2,
            hashes_waiting: 64,
            hash_memory_kib: 19_456,
            hash_passes: 2,
            attempts: 10,
            attempt_seconds: 6,
            attempts_per_address: 100,
            access_seconds: 3600,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sends_per_second: limits::SENDS_PER_SECOND,
            send_burst: limits::SEND_BURST,
            sockets_per_device: 5,
            sockets_per_user: 20,
            sockets: 20_000,
            connections_per_address: 200,
            connections: 25_000,
            header_seconds: 10,
            body_seconds: 10,
            stall_seconds: 10,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".into() }
    }
}

impl Default for Dev {
    fn default() -> Self {
        Self { accounts: cfg!(debug_assertions) }
    }
}

impl Config {
    /// Read `file` (if there is one) and the variables, and check the whole.
    ///
    /// # Errors
    /// When the file cannot be read, a setting is unknown or has the wrong type, or a value cannot
    /// be used. The message names the setting.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let mut builder = config::Config::builder();
        if let Some(file) = file {
            builder = builder.add_source(
                config::File::from(file).format(config::FileFormat::Toml).required(true),
            );
        }
        let variables = config::Environment::with_prefix("KITH")
            .prefix_separator("__")
            .separator("__")
            .list_separator(",")
            .with_list_parse_key("roles")
            .with_list_parse_key("server.trusted_proxies")
            .with_list_parse_key("server.origins")
            .with_list_parse_key("cluster.kafka")
            .with_list_parse_key("cluster.cql")
            .ignore_empty(true)
            .try_parsing(true)
            .source(Some(variables.into_iter().collect()));
        let config: Self = builder.add_source(variables).build()?.try_deserialize()?;
        config.check()?;
        Ok(config)
    }

    /// Where the secret that signs tokens is kept.
    #[must_use]
    pub fn secret_file(&self) -> PathBuf {
        if self.auth.secret_file.as_os_str().is_empty() {
            self.server.data.join("secret")
        } else {
            self.auth.secret_file.clone()
        }
    }

    /// Where push services find whoever runs this server; empty for nowhere.
    #[must_use]
    pub fn push_contact(&self) -> &str {
        let given = &self.push.contact;
        let contact = if given.is_empty() { &self.server.address } else { given };
        if given.is_empty() && !contact.starts_with("https://") { "" } else { contact }
    }

    /// Where other nodes link to this one.
    #[must_use]
    pub fn link(&self) -> SocketAddr {
        let listen = self.server.listen;
        let derived = SocketAddr::new(listen.ip(), listen.port().saturating_add(2));
        self.cluster.link.unwrap_or(derived)
    }

    /// Where other nodes find that, `host:port`.
    #[must_use]
    pub fn link_address(&self) -> String {
        match &*self.cluster.link_address {
            "" => self.link().to_string(),
            address => address.to_owned(),
        }
    }

    /// Where the secret by which nodes know each other is kept.
    #[must_use]
    pub fn link_secret_file(&self) -> PathBuf {
        if self.cluster.link_secret_file.as_os_str().is_empty() {
            self.secret_file()
        } else {
            self.cluster.link_secret_file.clone()
        }
    }

    /// Every setting as it is, in the form of a configuration file.
    ///
    /// # Errors
    /// When a value cannot be written as TOML, a path that is not Unicode for instance.
    pub fn to_toml(&self) -> anyhow::Result<String> {
        Ok(toml::to_string(self)?)
    }
}
