//! Connecting, and what is checked before anything is read or written.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::statement::Consistency;
use uuid::Uuid;

use super::statements::{DATABASE, Statements};
use super::{Reads, Scylla, migrations};
use crate::Tell;

/// After this long without an answer the next node is asked as well. Each statement may be sent twice, so
/// a node that hangs costs this and not the whole [`Options::request_timeout`].
const NEXT_NODE: Duration = Duration::from_millis(300);
/// How often an idle connection is asked whether it lives, and how long it has to answer.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// How often nodes are asked whether they have the same schema, while it is changed.
const AGREEMENT: Duration = Duration::from_millis(50);

/// Which database, and how it is reached.
#[derive(Clone, Debug)]
pub struct Options {
    /// Some of the nodes, `host:port`; the others are learned from them.
    pub nodes: Vec<String>,
    /// The keyspace: a lower-case letter, then up to 47 lower-case letters, digits and underscores.
    pub keyspace: String,
    /// The datacenter whose quorum answers. `None`: that of the node that is asked.
    pub datacenter: Option<String>,
    /// How many copies a row has in a datacenter: 3, but for tries. Used when the keyspace is made.
    pub replication: u32,
    /// Whom to sign in as; `None` when the nodes ask for nobody.
    pub credentials: Option<Credentials>,
    /// How long a request has, in all.
    pub request_timeout: Duration,
    /// How long a connection has to come about.
    pub connect_timeout: Duration,
}

impl Options {
    /// These nodes, with everything else as usual: keyspace `kith`, three copies, 2 s for a request.
    #[must_use]
    pub fn new(nodes: Vec<String>) -> Self {
        Self {
            nodes,
            keyspace: "kith".into(),
            datacenter: None,
            replication: 3,
            credentials: None,
            request_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(5),
        }
    }

    /// A session that has not chosen its keyspace yet.
    pub(super) async fn session(&self) -> Result<Session, ConnectError> {
        if !is_keyspace(&self.keyspace) {
            return Err(ConnectError::Keyspace(self.keyspace.clone()));
        }
        let policy = match &self.datacenter {
            Some(datacenter) => DefaultPolicy::builder().prefer_datacenter(datacenter.clone()),
            None => DefaultPolicy::builder(),
        };
        let profile = ExecutionProfile::builder()
            .consistency(Consistency::LocalQuorum)
            .request_timeout(Some(self.request_timeout))
            // Replicas and their shards first; this is also the default.
            .load_balancing_policy(policy.token_aware(true).build())
            .speculative_execution_policy(Some(Arc::new(SimpleSpeculativeExecutionPolicy {
                max_retry_count: 2,
                retry_interval: NEXT_NODE,
            })))
            .build();
        let mut builder = SessionBuilder::new()
            .known_nodes(&self.nodes)
            .default_execution_profile_handle(profile.into_handle())
            .connection_timeout(self.connect_timeout)
            .keepalive_interval(KEEPALIVE)
            .keepalive_timeout(KEEPALIVE)
            .keyspaces_to_fetch([&self.keyspace])
            // Whoever changes the schema waits for agreement, and nobody needs to know it in between.
            .auto_await_schema_agreement(false)
            .schema_agreement_interval(AGREEMENT)
            .tcp_nodelay(true);
        if let Some(credentials) = &self.credentials {
            builder = builder.user(&credentials.user, &credentials.password);
        }
        builder.build().await.map_err(|error| ConnectError::Unreachable {
            nodes: self.nodes.join(", "),
            reason: error.to_string(),
        })
    }
}

fn is_keyspace(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 48 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(rest)
}

/// Whom to sign in as.
#[derive(Clone)]
pub struct Credentials {
    /// The name of the role.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why the database cannot be used. Nothing was written to it, but for migrations that went well.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The keyspace's name is not one.
    #[error(
        "`{0}` cannot be a keyspace: a lower-case letter, then up to 47 lower-case letters, digits and \
         underscores"
    )]
    Keyspace(String),
    /// No node answers, or none lets us in.
    #[error("none of the nodes {nodes} can be used: {reason}")]
    Unreachable {
        /// Those that were asked.
        nodes: String,
        /// What the last of them said.
        reason: String,
    },
    /// There is no keyspace, or not all of its tables.
    #[error(
        "keyspace {keyspace} has schema {found} and this program needs {needed}: run `kithd migrate`"
    )]
    NotMigrated {
        /// Which.
        keyspace: String,
        /// The last migration that was made; 0 for none.
        found: i64,
        /// The last one that this program knows.
        needed: i64,
    },
    /// A newer program has changed the schema.
    #[error(
        "keyspace {keyspace} has schema {found} ({name}) and this program knows {known} at most: use a \
         newer one"
    )]
    Newer {
        /// Which.
        keyspace: String,
        /// The number of a migration that this program does not know.
        found: i64,
        /// Its name.
        name: String,
        /// The last one that this program knows.
        known: i64,
    },
    /// A migration is not the one that was made.
    #[error(
        "migration {name} of keyspace {keyspace} is not the one that was made: its text has changed since"
    )]
    Changed {
        /// Which.
        keyspace: String,
        /// The migration.
        name: String,
    },
    /// A request failed.
    #[error("the database could not be prepared: {0}")]
    Failed(String),
}

impl ConnectError {
    pub(super) fn failed(error: impl fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Scylla {
    /// Connect to a database that has been migrated. `tell` takes what people have to hear of.
    ///
    /// # Errors
    /// Every kind of [`ConnectError`]; nothing is written.
    pub async fn connect(options: &Options, tell: Arc<dyn Tell>) -> Result<Self, ConnectError> {
        let session = options.session().await?;
        migrations::check(&session, &options.keyspace).await?;
        session.use_keyspace(&options.keyspace, true).await.map_err(ConnectError::failed)?;
        let database = database(&session).await?.ok_or_else(|| {
            ConnectError::Failed("the database has no id; run `kithd migrate` again".into())
        })?;
        let statements = Statements::prepare(&session).await.map_err(ConnectError::failed)?;
        Ok(Self { session, statements, database, tell, reads: Reads::default() })
    }

    /// Make the keyspace and bring its tables up to this program's schema, which may be done again at any
    /// time. The caller holds a lock: two at once would both make tables. `new_database` becomes the
    /// database's id if it has none yet. Answers with the names of the migrations that were made.
    ///
    /// # Errors
    /// As [`Scylla::connect`], but for [`ConnectError::NotMigrated`].
    pub async fn migrate(
        options: &Options,
        new_database: Uuid,
    ) -> Result<Vec<&'static str>, ConnectError> {
        migrations::run(options, new_database).await
    }
}

/// The id of the database in the session's keyspace; `None` when it has none yet.
pub(super) async fn database(session: &Session) -> Result<Option<Uuid>, ConnectError> {
    let rows = session.query_unpaged(DATABASE, ()).await.map_err(ConnectError::failed)?;
    let rows = rows.into_rows_result().map_err(ConnectError::failed)?;
    let row = rows.maybe_first_row::<(Uuid,)>().map_err(ConnectError::failed)?;
    Ok(row.map(|(id,)| id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyspace_has_a_plain_name() {
        for name in ["kith", "k", "kith_2", &"k".repeat(48)] {
            assert!(is_keyspace(name), "{name}");
        }
        for name in ["", "Kith", "2kith", "kith-2", "kith; DROP", "kíth", &"k".repeat(49)] {
            assert!(!is_keyspace(name), "{name}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let credentials = Credentials { user: "kith".into(), password: "hush".into() };
        assert!(!format!("{credentials:?}").contains("hush"));
    }
}
