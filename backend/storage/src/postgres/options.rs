//! Which servers, how they are reached, and why they cannot be used.

use std::time::Duration;

use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::{Client, Config, NoTls};

use super::servers::Role;
use super::{is_refused, reason};

/// One database, on one server or on several of which one is the primary at a time. Shown without its
/// password.
#[derive(Clone, Debug)]
pub struct Server {
    /// One for each host, in the order in which they are tried.
    hosts: Vec<Config>,
    /// The hosts as an operator knows them.
    names: String,
}

impl Server {
    /// From a URL, `postgres://user:password@host:port,host:port/database`, or from words as in
    /// `host=… port=… user=… password=… dbname=…`.
    ///
    /// # Errors
    /// [`ConnectError::Address`] for what is neither, or names no host.
    pub fn from_url(url: &str) -> Result<Self, ConnectError> {
        let config: Config = url.parse().map_err(|error| ConnectError::Address(reason(&error)))?;
        Self::from_config(&config)
    }

    /// From its parts. The password comes apart from the rest where it is read from a file.
    ///
    /// # Errors
    /// [`ConnectError::Address`] without a host.
    pub fn new(
        hosts: &[(String, u16)],
        user: &str,
        password: Option<&str>,
        database: &str,
    ) -> Result<Self, ConnectError> {
        let mut config = Config::new();
        for (host, port) in hosts {
            config.host(host).port(*port);
        }
        config.user(user).dbname(database);
        if let Some(password) = password {
            config.password(password);
        }
        Self::from_config(&config)
    }

    fn from_config(config: &Config) -> Result<Self, ConnectError> {
        let ports = config.get_ports();
        let mut hosts = Vec::new();
        let mut names = Vec::new();
        for (at, host) in config.get_hosts().iter().enumerate() {
            let port = match ports {
                [] => 5432,
                [one] => *one,
                many => *many.get(at).ok_or_else(|| {
                    ConnectError::Address("there are fewer ports than hosts".into())
                })?,
            };
            let mut own = Config::new();
            match host {
                Host::Tcp(name) => {
                    own.host(name);
                    names.push(format!("{name}:{port}"));
                }
                #[cfg(unix)]
                Host::Unix(folder) => {
                    own.host_path(folder);
                    names.push(folder.display().to_string());
                }
            }
            own.port(port)
                .application_name(config.get_application_name().unwrap_or("kithd"))
                .ssl_mode(config.get_ssl_mode())
                .keepalives_idle(Duration::from_secs(10));
            if let Some(address) = config.get_hostaddrs().get(at) {
                own.hostaddr(*address);
            }
            if let Some(user) = config.get_user() {
                own.user(user);
            }
            if let Some(password) = config.get_password() {
                own.password(password);
            }
            if let Some(database) = config.get_dbname() {
                own.dbname(database);
            }
            if let Some(options) = config.get_options() {
                own.options(options);
            }
            hosts.push(own);
        }
        if hosts.is_empty() {
            return Err(ConnectError::Address("it names no host".into()));
        }
        Ok(Self { hosts, names: names.join(", ") })
    }

    /// How each host is reached. `limit` is how long a statement has and a transaction may idle; a
    /// process that stands still inside one would else hold its rows for ever.
    pub(super) fn configs(&self, role: Role, limit: Option<Duration>) -> Vec<Config> {
        let configs = self.hosts.iter().map(|host| {
            let mut host = host.clone();
            if role == Role::Primary {
                host.target_session_attrs(TargetSessionAttrs::ReadWrite);
            }
            if let Some(limit) = limit.map(|limit| limit.as_millis()) {
                let given = host.get_options().unwrap_or_default();
                let options = format!(
                    "{given} -c statement_timeout={limit} \
                     -c idle_in_transaction_session_timeout={limit}"
                );
                host.options(options.trim_start().to_owned());
            }
            host
        });
        configs.collect()
    }

    /// A connection of its own, to the first host that will do.
    pub(super) async fn client(
        &self,
        role: Role,
        limit: Option<Duration>,
    ) -> Result<Client, ConnectError> {
        let each = limit.unwrap_or(Duration::from_secs(2));
        let mut last = None;
        for config in self.configs(role, limit) {
            match tokio::time::timeout(each, config.connect(NoTls)).await {
                Ok(Ok((client, connection))) => {
                    // It ends when the client is dropped; its errors are those of the client's calls.
                    drop(tokio::spawn(connection));
                    return Ok(client);
                }
                Ok(Err(error)) if is_refused(&error) => {
                    let (servers, reason) = (self.names.clone(), reason(&error));
                    return Err(ConnectError::Refused { servers, reason });
                }
                Ok(Err(error)) => last = Some(reason(&error)),
                Err(_) => last = Some(format!("no answer for {} ms", each.as_millis())),
            }
        }
        let (servers, reason) = (self.names.clone(), last.unwrap_or_default());
        Err(ConnectError::Unreachable { servers, reason })
    }
}

/// Which database, and how it is reached.
#[derive(Clone, Debug)]
pub struct Options {
    /// What takes writes. With several hosts, the one that takes them now is found by asking.
    pub primary: Server,
    /// What follows it, if there is one.
    pub replica: Option<Server>,
    /// At most so many connections to the primary.
    pub connections: usize,
    /// At most so many connections to the replica.
    pub replica_connections: usize,
    /// How long a statement, a connection to one host, and the wait for a free connection may take,
    /// each.
    pub timeout: Duration,
}

impl Options {
    /// This primary and no replica, with everything else as usual: 16 connections each, 2 s.
    #[must_use]
    pub fn new(primary: Server) -> Self {
        Self {
            primary,
            replica: None,
            connections: 16,
            replica_connections: 16,
            timeout: Duration::from_secs(2),
        }
    }
}

/// Why the database cannot be used. Nothing was written to it, but for migrations that went well.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not one.
    #[error("the address of PostgreSQL cannot be used: {0}")]
    Address(String),
    /// No host answers, or none of them takes writes.
    #[error("PostgreSQL at {servers} cannot be used: {reason}")]
    Unreachable {
        /// Those that were asked.
        servers: String,
        /// What the last of them said.
        reason: String,
    },
    /// The server does not let us in: a wrong password, an unknown user or database.
    #[error("PostgreSQL at {servers} refuses to let us in: {reason}")]
    Refused {
        /// Those that were asked.
        servers: String,
        /// What it said.
        reason: String,
    },
    /// The server is too old.
    #[error("PostgreSQL {found} is too old: {needed} or newer is needed")]
    TooOld {
        /// Its version.
        found: i32,
        /// The oldest that does.
        needed: i32,
    },
    /// There are no tables, or not all of them.
    #[error(
        "the PostgreSQL database has schema {found} and this program needs {needed}: run \
         `kithd migrate`"
    )]
    NotMigrated {
        /// The last migration that was made; 0 for none.
        found: i32,
        /// The last one that this program knows.
        needed: i32,
    },
    /// A newer program has changed the schema.
    #[error(
        "the PostgreSQL database has schema {found} and this program knows {known} at most: use a \
         newer one"
    )]
    Newer {
        /// The last migration that was made.
        found: i32,
        /// The last one that this program knows.
        known: i32,
    },
    /// A migration is not the one that was made.
    #[error("migration {0} of the PostgreSQL database is not the one that was made")]
    Changed(String),
    /// The connection that held the lock ended while other migrations ran.
    #[error(
        "the lock on migrations was lost while they ran: see that no other `kithd migrate` runs, and \
         run it again"
    )]
    LockLost,
    /// A request failed.
    #[error("the PostgreSQL database could not be prepared: {0}")]
    Failed(String),
}

impl ConnectError {
    pub(super) fn failed(error: tokio_postgres::Error) -> Self {
        Self::Failed(reason(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_given_as_a_url_or_in_parts() {
        let url = "postgres://kith:hush@one:5001,two:5002/people";
        let server = Server::from_url(url).unwrap();
        assert_eq!(server.names, "one:5001, two:5002");
        let hosts = [("one".to_owned(), 5001), ("two".to_owned(), 5002)];
        let parts = Server::new(&hosts, "kith", Some("hush"), "people").unwrap();
        assert_eq!(parts.hosts, server.hosts);
        assert_eq!(Server::from_url("host=one user=kith").unwrap().names, "one:5432");
    }

    #[test]
    fn a_password_is_not_shown() {
        let server = Server::from_url("postgres://kith:hush@one/people").unwrap();
        assert!(!format!("{:?}", Options::new(server)).contains("hush"));
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for wrong in ["", "user=kith", "postgres://one:hush", "hush", "host=a,b,c port=1,2"] {
            let error = Server::from_url(wrong).unwrap_err();
            assert!(matches!(error, ConnectError::Address(_)), "{wrong}: {error}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
