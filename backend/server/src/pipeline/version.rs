//! Which version of the fold records are written for.
//!
//! A fold that decides otherwise than the one before it gives its records a version of its own: every
//! node must come to the same outcome, also one that was not updated yet. So gateways go on writing the
//! old version until all nodes have announced that they can fold the new one and the operator has raised
//! it. From then on a node that cannot fold it halts its lanes instead of deciding something else. What
//! says to be of a version that was never raised was written by no node of this cluster: it is garbage.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use storage::{Batch, FoldStore, Position};
use tokio_util::sync::CancellationToken;

use super::record::{FOLD_VERSION, Record};

/// The version that every program can fold and that nobody has to raise.
const FIRST: u32 = 1;
/// The raised version is kept where restart positions are, in a row that is no partition's: it grows
/// and never falls, as they do.
const ROW: u32 = 1 << 20;
/// How a record of [`FOLD_VERSION`] begins.
const CURRENT: &[u8] = b"{\"version\":1,";
/// How often a gateway asks.
const EVERY: Duration = Duration::from_secs(5);

/// Up to which version records may have been written.
///
/// # Errors
/// When the store does not answer.
pub async fn raised(store: &dyn FoldStore) -> storage::Result<u32> {
    let raised = store.restart(ROW).await?;
    Ok(raised.map_or(FIRST, |raised| u32::try_from(raised).unwrap_or(u32::MAX)))
}

/// Let gateways write records of this version.
///
/// # Errors
/// When the store does not answer.
pub async fn raise(store: &dyn FoldStore, version: u32) -> storage::Result<()> {
    store.apply(Batch { partition: ROW, restart: version.into(), ..Batch::default() }).await?;
    Ok(())
}

/// How many of these records come before the first of a version that was raised and that this program
/// does not know; and that one's position and version. It is not to be skipped, as garbage is.
///
/// # Errors
/// When the store does not answer.
pub(super) async fn known(
    store: &dyn FoldStore,
    records: &[(Position, Bytes)],
) -> storage::Result<(usize, Option<(Position, u32)>)> {
    for (at, (position, bytes)) in records.iter().enumerate() {
        // Almost every record is of this program's version, and says so at its beginning.
        if bytes.starts_with(CURRENT) {
            continue;
        }
        if let Some(version) = Record::version(bytes)
            && version > FOLD_VERSION
            && version <= raised(store).await?
        {
            return Ok((at, Some((*position, version))));
        }
    }
    Ok((records.len(), None))
}

/// Why a version may not be raised, if it may not. `nodes` are all there are, each with the newest
/// version that it can fold.
///
/// # Errors
/// A sentence that says what is in the way.
pub fn may_raise<'n>(
    version: u32,
    nodes: impl IntoIterator<Item = (&'n str, u32)>,
) -> Result<(), String> {
    let behind = nodes.into_iter().filter(|(_, fold)| *fold < version);
    let behind: Vec<&str> = behind.map(|(name, _)| name).collect();
    if behind.is_empty() {
        return Ok(());
    }
    Err(format!("these nodes cannot fold version {version} yet: {}", behind.join(", ")))
}

/// The version in which a gateway writes. A cheap handle.
#[derive(Clone, Debug)]
pub struct Written(Arc<AtomicU32>);

impl Default for Written {
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(FIRST)))
    }
}

impl Written {
    /// The newest that was raised and that this program knows.
    #[must_use]
    pub fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Ask again and again what was raised, until `stop`. While the store does not answer, the version
    /// stays as it is: an older one is always understood.
    pub async fn keep(self, store: Arc<dyn FoldStore>, stop: CancellationToken) {
        loop {
            if let Ok(raised) = raised(&*store).await {
                self.0.store(raised.min(FOLD_VERSION), Ordering::Relaxed);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_this_version_is_known_by_its_beginning() {
        let record = format!("{{\"version\":{FOLD_VERSION},");
        assert_eq!(record.as_bytes(), CURRENT);
    }

    #[test]
    fn a_version_is_raised_only_when_every_node_can_fold_it() {
        assert_eq!(may_raise(2, [("a", 2), ("b", 3)]), Ok(()));
        let refused = may_raise(2, [("a", 2), ("b", 1), ("c", 1)]).unwrap_err();
        assert!(refused.ends_with("b, c"), "{refused}");
    }
}
