//! What the stages stand on: one pipeline, two sets of parts. The stages are the same code over both.

#[cfg(feature = "cluster")]
mod agreed;
#[cfg(feature = "cluster")]
mod cluster;
mod embedded;
#[cfg(feature = "cluster")]
mod lag;
#[cfg(feature = "testing")]
pub mod simulated;

use std::sync::Arc;

#[cfg(not(feature = "cluster"))]
use anyhow::bail;
use event_log::{EventLog, LogError};
use futures_util::future::BoxFuture;
use storage::{
    AccountStore, FoldStore, FriendStore, HistoryStore, MarkerStore, PushStore, SessionStore,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::environment::Environment;
use crate::pipeline::dead::Dead;
use crate::pipeline::deliver::Delivery;
use crate::pipeline::list::Lists;

#[cfg(feature = "cluster")]
pub use cluster::{Cluster, adopt, fold_store, migrate, topics};
pub use embedded::Embedded;

/// The stores, each behind its own trait. One database may be behind all of them.
#[derive(Clone)]
pub struct Stores {
    /// What the sequencer writes and needs.
    pub fold: Arc<dyn FoldStore>,
    /// What readers see.
    pub history: Arc<dyn HistoryStore>,
    /// How far everybody is.
    pub markers: Arc<dyn MarkerStore>,
    /// Names, passwords, profiles, settings.
    pub accounts: Arc<dyn AccountStore>,
    /// Signed-in devices.
    pub sessions: Arc<dyn SessionStore>,
    /// Friends and blocks.
    pub friends: Arc<dyn FriendStore>,
    /// Where pushes go.
    pub push: Arc<dyn PushStore>,
}

/// One set of parts, opened.
pub(crate) struct Parts {
    pub(crate) stores: Stores,
    /// The conversation log.
    pub(crate) log: Arc<dyn EventLog>,
    /// The inbox, where one task appends it and one delivers it, and both are in this process.
    pub(crate) inbox: Option<Arc<dyn EventLog>>,
    pub(crate) delivery: Delivery,
    /// What commits have changed, when the store numbers its commits.
    pub(crate) changes: Option<mpsc::Receiver<storage::Committed>>,
    /// The inbox as one of its owners reads it, and the list rows that the owners keep, when the list
    /// is no join.
    pub(crate) lists: Option<(Arc<dyn EventLog>, Arc<Lists>)>,
    /// The push queue.
    pub(crate) pushes: Arc<dyn EventLog>,
    /// The inbox as an owner reads it who looks for what is to be pushed, when it is not this process that
    /// fills it.
    pub(crate) pushed_from: Option<Arc<dyn EventLog>>,
    /// Where dead letters go.
    pub(crate) dead: Dead,
    /// Ends with an error when the node must not go on.
    pub(crate) watch: Option<BoxFuture<'static, Result<(), LogError>>>,
    pub(crate) engine: Engine,
}

/// What has to be closed in an order of its own.
#[derive(Clone)]
pub(crate) enum Engine {
    /// Everything in this process.
    Embedded(Embedded),
    /// Services beside it.
    #[cfg(feature = "cluster")]
    Cluster(Cluster),
    /// Services in this process, for tests.
    #[cfg(feature = "testing")]
    Simulated(Arc<simulated::Effects>),
}

impl Parts {
    /// Open what the configuration asks for.
    ///
    /// # Errors
    /// When it cannot be used; the message names the setting.
    pub(crate) async fn open(config: &Config, environment: &Environment) -> anyhow::Result<Self> {
        if !config.cluster.is_on() {
            return embedded::open(config, environment).await;
        }
        #[cfg(feature = "cluster")]
        return cluster::open(config, environment).await;
        #[cfg(not(feature = "cluster"))]
        bail!("cluster.kafka: this kithd was built without the parts of a cluster");
    }
}

impl Engine {
    /// Let the stages end. Embedded they end with their logs: the lanes when the closed log is empty,
    /// and the store then hands out its last changes.
    pub(crate) async fn close(&self, ending: &CancellationToken) {
        match self {
            Self::Embedded(embedded) => embedded.close().await,
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => {}
            #[cfg(feature = "testing")]
            Self::Simulated(_) => {}
        }
        ending.cancel();
    }

    /// After the stages have ended.
    pub(crate) fn end(&self) {
        match self {
            Self::Embedded(_) => {}
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.end(),
            #[cfg(feature = "testing")]
            Self::Simulated(effects) => effects.end(),
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn embedded(&self) -> Option<&Embedded> {
        match self {
            Self::Embedded(embedded) => Some(embedded),
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => None,
            Self::Simulated(_) => None,
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) async fn kill(&self) {
        match self {
            Self::Embedded(embedded) => embedded.kill().await,
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => {}
            Self::Simulated(effects) => effects.end(),
        }
    }
}
