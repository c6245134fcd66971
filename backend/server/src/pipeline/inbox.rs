//! What was stored goes into the inbox, addressed to the people who have to hear of it.
//!
//! Embedded, the store numbers its commits, and one task appends their changes in that order. A
//! cluster's stores have no such numbers: each hands its changes to [`Teller`] and waits until they
//! are in the inbox for good.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use event_log::{EventLog, LogError, Position};
use futures_util::future::try_join_all;
use protocol::frame::Account;
use protocol::{ClientRef, ServerFrame, SessionId, UserId, wire};
use storage::{Change, Committed, StorageError, Tell};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::record::{InboxRecord, partition};
use super::stage;
use crate::push::gather::Gather;

/// Groups above this many members have no list row for each message.
const LISTED: usize = 200;

/// Append what commits have changed, in commit order, until the store is closed; and offer it to the push
/// queue.
pub async fn append(
    mut committed: mpsc::Receiver<Committed>,
    inbox: Arc<dyn EventLog>,
    pushes: Gather,
) {
    while let Some(Committed { commit, changes }) = committed.recv().await {
        pushes.offer(&changes).await;
        for change in changes {
            let (told, began) = (followed(&change), Instant::now());
            for (at, record) in records(change, Some(commit), inbox.partitions()) {
                if let Err(error) = inbox.append(at, record.encode()).await {
                    tracing::debug!("the inbox takes nothing more: {error}");
                    return;
                }
            }
            if let Some(told) = told {
                stage::passed(stage::FAN_OUT, told, began.elapsed());
            }
        }
    }
}

/// Appends changes for stores without commit numbers.
pub struct Teller {
    inbox: Arc<dyn EventLog>,
}

impl Teller {
    /// One that appends to this inbox.
    #[must_use]
    pub fn new(inbox: Arc<dyn EventLog>) -> Self {
        Self { inbox }
    }
}

#[async_trait]
impl Tell for Teller {
    async fn tell(&self, changes: Vec<Change>) -> storage::Result<()> {
        let partitions = self.inbox.partitions();
        let (told, began) = (changes.iter().filter_map(followed), Instant::now());
        let told: Vec<ClientRef> = told.collect();
        let records = changes.into_iter().flat_map(|change| records(change, None, partitions));
        // All at once, begun in their order: each waits for what the log's brokers say to it.
        let appends = records.map(|(at, record)| self.append(at, record.encode()));
        match try_join_all(appends).await {
            Ok(_) => {
                for client_ref in told {
                    stage::passed(stage::FAN_OUT, client_ref, began.elapsed());
                }
                Ok(())
            }
            Err(error) => Err(StorageError::Unavailable(format!("the inbox: {error}"))),
        }
    }
}

impl Teller {
    async fn append(&self, partition: u32, bytes: Bytes) -> Result<Position, LogError> {
        loop {
            match self.inbox.append(partition, bytes.clone()).await {
                // What is stored has to be told, so it waits here, and the lanes and senders behind it.
                Err(LogError::Full { retry_after }) => tokio::time::sleep(retry_after).await,
                appended => return appended,
            }
        }
    }
}

/// The command that a change tells of, if anybody follows commands.
fn followed(change: &Change) -> Option<ClientRef> {
    match change {
        Change::Frame { frame, .. } => stage::told(frame),
        _ => None,
    }
}

/// One record for each partition in which there is somebody to tell.
fn records(
    change: Change,
    changed: Option<u64>,
    partitions: u32,
) -> impl Iterator<Item = (u32, InboxRecord)> {
    let (recipients, session, frame) = addressed(change);
    // Embedded, the list is a join.
    let listed = changed.is_some() || recipients.len() <= LISTED || concerns_members(&frame);
    let mut by_partition: BTreeMap<u32, Vec<UserId>> = BTreeMap::new();
    for user in recipients {
        by_partition.entry(partition(user.bytes(), partitions)).or_default().push(user);
    }
    by_partition.into_iter().map(move |(at, to)| {
        (at, InboxRecord { changed, listed, to, session, frame: frame.clone() })
    })
}

fn addressed(change: Change) -> (Vec<UserId>, Option<SessionId>, Bytes) {
    match change {
        Change::Frame { recipients, frame } => (recipients.to_vec(), None, frame),
        Change::Marked { recipients, marked } => {
            (recipients, None, wire::encode(&ServerFrame::Marked(marked)).into())
        }
        Change::Account { user, version } => {
            (vec![user], None, wire::encode(&ServerFrame::Account(Account { version })).into())
        }
        Change::SessionEnded { user, session } => {
            (vec![user], Some(session), wire::encode(&ServerFrame::SessionEnded {}).into())
        }
    }
}

/// Whether the frame is about who is in a conversation, which everybody's list shows at any size.
fn concerns_members(frame: &[u8]) -> bool {
    match wire::decode::<ServerFrame>(frame) {
        Ok(ServerFrame::Event(frame)) => {
            !frame.event.kind.counts() && frame.event.kind.names().is_none()
        }
        _ => false,
    }
}
