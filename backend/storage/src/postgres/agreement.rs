//! What all nodes of a cluster agree on before any of them begins: which topics their positions are
//! counted in.

use tokio_postgres::{Client, Row};

use super::options::{ConnectError, Options};
use super::servers::Role;
use super::work::whole;
use super::{check_age, migrate};

/// One topic as it was when the cluster began to use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// What tells it from another one that had its name before.
    pub id: String,
    /// What its positions begin with: higher for a topic that took the place of another.
    pub epoch: u64,
}

/// A connection to what was agreed on, for starts and for operators.
pub struct Agreement {
    client: Client,
}

impl Agreement {
    /// Connect to a database that has been migrated.
    ///
    /// # Errors
    /// As [`super::Postgres::connect`]; nothing is written.
    pub async fn open(options: &Options) -> Result<Self, ConnectError> {
        let client = options.primary.client(Role::Primary, Some(options.timeout)).await?;
        check_age(&client).await?;
        migrate::check(&client).await?;
        Ok(Self { client })
    }

    /// The topics that were agreed on; none before the first start.
    ///
    /// # Errors
    /// [`ConnectError::Failed`] when the database does not answer.
    pub async fn topics(&self) -> Result<Vec<Topic>, ConnectError> {
        let rows = self.client.query("SELECT name, id, epoch FROM topic ORDER BY name", &[]).await;
        let topic = |row: &Row| Topic {
            name: row.get(0),
            id: row.get(1),
            epoch: whole(i64::from(row.get::<_, i32>(2))),
        };
        Ok(rows.map_err(ConnectError::failed)?.iter().map(topic).collect())
    }

    /// Agree on a topic, unless another of its name with this epoch or a higher one is agreed on.
    ///
    /// # Errors
    /// [`ConnectError::Failed`] when the database does not answer.
    pub async fn keep(&self, topic: &Topic) -> Result<(), ConnectError> {
        let keep = "INSERT INTO topic (name, id, epoch) VALUES ($1, $2, $3)
                    ON CONFLICT (name) DO UPDATE SET id = excluded.id, epoch = excluded.epoch
                    WHERE topic.epoch < excluded.epoch";
        let Topic { name, id, epoch } = topic;
        let epoch = i32::try_from(*epoch).unwrap_or(i32::MAX);
        let kept = self.client.execute(keep, &[name, id, &epoch]).await;
        kept.map(drop).map_err(ConnectError::failed)
    }
}
