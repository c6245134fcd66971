//! The services that a cluster stands on.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The services of a cluster. All or none of kafka, cql and postgres are given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// Kafka's brokers, `host:port` each. Empty: this kithd is alone, and everything is embedded.
    pub kafka: Vec<String>,
    /// What the names of the topics begin with: `kith.log`, `kith.inbox`.
    pub topics: String,
    /// How many partitions the conversation log and the inbox have, for life.
    pub partitions: u32,
    /// On how many brokers each record is.
    pub replicas: u32,
    /// Nodes of ScyllaDB (or Apache Cassandra), `host:port` each.
    pub cql: Vec<String>,
    /// The keyspace of chat history.
    pub keyspace: String,
    /// On how many of its nodes each row is.
    pub copies: u32,
    /// A user of ScyllaDB; empty for none.
    pub cql_user: String,
    /// The file with that user's password.
    pub cql_password_file: PathBuf,
    /// PostgreSQL, `postgres://user@host:port,host:port/database`: the primary and its replicas in
    /// any order.
    pub postgres: String,
    /// The file with the password of that user.
    pub postgres_password_file: PathBuf,
    /// ZooKeeper, `host:port` each, commas between. Empty: this node knows of no others.
    pub zookeeper: String,
    /// Where other nodes link to this one. Not given: the port two above `server.listen`, at its host.
    /// It belongs to a network that only nodes reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<SocketAddr>,
    /// Where other nodes find that, `host:port`. Empty: as `link` says.
    pub link_address: String,
    /// The file with the secret by which nodes know each other, the same on all; made when absent.
    /// Empty: the one that signs tokens, which they share already.
    pub link_secret_file: PathBuf,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            kafka: Vec::new(),
            topics: "kith".into(),
            partitions: 64,
            replicas: 3,
            cql: Vec::new(),
            keyspace: "kith".into(),
            copies: 3,
            cql_user: String::new(),
            cql_password_file: PathBuf::new(),
            postgres: String::new(),
            postgres_password_file: PathBuf::new(),
            zookeeper: String::new(),
            link: None,
            link_address: String::new(),
            link_secret_file: PathBuf::new(),
        }
    }
}

impl Cluster {
    /// Whether there are services, and not everything in this process.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.kafka.is_empty() || !self.cql.is_empty() || !self.postgres.is_empty()
    }

    /// What cannot be used, a sentence each.
    pub(super) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut require = |holds: bool, complaint: String| {
            if !holds {
                complaints.push(complaint);
            }
        };
        let lists = [("cluster.kafka", &self.kafka), ("cluster.cql", &self.cql)];
        for (setting, hosts) in lists {
            let odd = hosts.iter().find(|host| !is_host(host));
            let what = odd.map(String::as_str).unwrap_or_default();
            require(odd.is_none(), format!("{setting} has `{what}`: it must be host:port"));
        }
        if self.is_on() {
            let all = "a cluster needs cluster.kafka, cluster.cql and cluster.postgres";
            let given = [
                ("cluster.kafka", self.kafka.is_empty()),
                ("cluster.cql", self.cql.is_empty()),
                ("cluster.postgres", self.postgres.is_empty()),
            ];
            for (setting, empty) in given {
                require(!empty, format!("{setting} is empty: {all}"));
            }
        }
        let is_scheme =
            self.postgres.starts_with("postgres://") || self.postgres.starts_with("postgresql://");
        require(
            self.postgres.is_empty() || is_scheme,
            "cluster.postgres must be postgres://user@host:port/database".into(),
        );
        let has_password = self.postgres.split('@').next().is_some_and(|before| {
            before
                .trim_start_matches("postgresql://")
                .trim_start_matches("postgres://")
                .contains(':')
        });
        require(
            !(self.postgres.contains('@') && has_password),
            "cluster.postgres has a password in it: put it into cluster.postgres_password_file"
                .into(),
        );
        let between = |value: u64, low: u64, high: u64| (low..=high).contains(&value);
        for (setting, value, low, high) in [
            ("cluster.partitions", u64::from(self.partitions), 1, 1024),
            ("cluster.replicas", u64::from(self.replicas), 1, 9),
            ("cluster.copies", u64::from(self.copies), 1, 9),
        ] {
            require(between(value, low, high), format!("{setting} must be {low} to {high}"));
        }
        let is_name = self.keyspace.len() <= 48
            && self.keyspace.starts_with(|c: char| c.is_ascii_lowercase())
            && self
                .keyspace
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        require(is_name, "cluster.keyspace must be up to 48 of a-z, 0-9 and _".into());
        let is_topic = (1..=100).contains(&self.topics.len())
            && self.topics.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        require(is_topic, "cluster.topics must be 1 to 100 of a-z, A-Z, 0-9, _ and -".into());
        for host in self.zookeeper.split(',').filter(|host| !host.is_empty()) {
            require(is_host(host), format!("cluster.zookeeper has `{host}`: it must be host:port"));
        }
        require(
            self.link_address.is_empty() || is_host(&self.link_address),
            "cluster.link_address must be host:port".into(),
        );
        complaints
    }
}

/// `host:port`.
fn is_host(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0))
}
