//! The owner of inbox partitions reads them: it hands their records to the gateways that have sessions
//! in them, and keeps the list rows of the people: how recent each of their conversations is, and
//! where in the inbox the news of it are. It commits its place only after all rows before it are
//! stored. What is not stored yet, a session that begins is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event_log::{Delivery, EventLog, LogError, Position};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use protocol::{ConversationId, Millis, UserId, wire};
use serde::Deserialize;
use storage::{Activity, Batch, FoldStore, ListRow, ListStore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::record::InboxRecord;
use crate::link::Owner;

/// Most records of one round: rows of the same person and conversation among them are written once.
const ROUND: usize = 512;
/// How long a store that does not answer is left alone.
const AGAIN: Duration = Duration::from_millis(200);
/// How often the brokers' silence is looked at.
const SECOND: Duration = Duration::from_secs(1);
/// How long the inbox waits for gateways that are behind, before it goes on without them.
const BREATH: Duration = Duration::from_millis(2);
/// So many times.
const BREATHS: u32 = 50;
/// Restart rows of inbox partitions are counted from here; those of the conversation log from 0.
pub(crate) const INBOX: u32 = 1 << 16;

/// The list rows, and how far they reach.
pub struct Lists {
    rows: Arc<dyn ListStore>,
    places: Arc<dyn FoldStore>,
}

/// What has come and is not being stored yet.
#[derive(Default)]
struct Round {
    records: usize,
    rows: BTreeMap<(UserId, ConversationId), ListRow>,
    /// By partition: where to go on.
    places: BTreeMap<u32, Position>,
}

/// As much of an inbox frame as a list row needs.
#[derive(Deserialize)]
struct Told {
    event: Option<TellsEvent>,
    marked: Option<About>,
}

#[derive(Deserialize)]
struct TellsEvent {
    conversation: ConversationId,
    event: At,
}

#[derive(Deserialize)]
struct At {
    seq: u64,
    ord: u64,
    at: Millis,
}

#[derive(Deserialize)]
struct About {
    conversation: ConversationId,
}

impl Lists {
    /// Over these stores.
    #[must_use]
    pub fn new(rows: Arc<dyn ListStore>, places: Arc<dyn FoldStore>) -> Self {
        Self { rows, places }
    }

    /// Where a partition of the inbox is to be taken up; `None` before the first time.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn restart(&self, partition: u32) -> storage::Result<Option<Position>> {
        self.places.restart(INBOX + partition).await
    }

    /// Hand the records of the partitions that this process owns to the gateways with people in them,
    /// and keep those people's list rows, until `stop`.
    ///
    /// # Errors
    /// When the inbox cannot be reached.
    pub async fn keep(
        &self,
        inbox: Arc<dyn EventLog>,
        owner: Arc<Owner>,
        stop: CancellationToken,
    ) -> Result<(), LogError> {
        let kept = self.keep_until(inbox, &owner, stop).await;
        for partition in owner.partitions() {
            owner.revoked(partition);
        }
        kept
    }

    async fn keep_until(
        &self,
        inbox: Arc<dyn EventLog>,
        owner: &Owner,
        stop: CancellationToken,
    ) -> Result<(), LogError> {
        let mut inbox = inbox.subscribe().await?;
        let mut round = Round::default();
        // People hear of what comes while the rows of what came before are stored.
        let mut storing: Option<BoxFuture<'_, BTreeMap<u32, Position>>> = None;
        let mut second = tokio::time::interval(SECOND);
        loop {
            if storing.is_none() && !round.places.is_empty() {
                storing = Some(self.store(std::mem::take(&mut round)).boxed());
            }
            let stored = async {
                match &mut storing {
                    Some(storing) => storing.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                places = stored => {
                    storing = None;
                    for (partition, position) in places {
                        owner.stored(partition, position);
                        inbox.commit(partition, position).await?;
                    }
                }
                _ = second.tick() => {
                    let now = Instant::now();
                    owner.close_silent(now);
                    // Who cannot go on with the records says nothing about them either.
                    if round.records < ROUND {
                        for partition in owner.partitions() {
                            if let Some(silent) = inbox.silent(partition) {
                                owner.answered(partition, now.checked_sub(silent).unwrap_or(now));
                            }
                        }
                    }
                }
                next = inbox.next(), if round.records < ROUND => {
                    let mut next = match next {
                        Err(LogError::Closed) => return Ok(()),
                        next => Some(next?),
                    };
                    while let Some(delivery) = next {
                        take(owner, &mut round, delivery);
                        next = if round.records < ROUND { inbox.try_next() } else { None };
                    }
                    breathe(owner).await;
                }
            }
        }
    }

    /// Until it is stored: nothing after it may be committed before. Gives the places to commit.
    async fn store(&self, round: Round) -> BTreeMap<u32, Position> {
        let rows: Vec<ListRow> = round.rows.into_values().collect();
        while let Err(error) = self.try_store(&rows, &round.places).await {
            tracing::error!("list rows could not be stored and will be tried again: {error}");
            tokio::time::sleep(AGAIN).await;
        }
        round.places
    }

    async fn try_store(
        &self,
        rows: &[ListRow],
        places: &BTreeMap<u32, Position>,
    ) -> storage::Result<()> {
        if !rows.is_empty() {
            self.rows.note(rows.to_vec()).await?;
            metrics::counter!(crate::admin::metrics::ROWS).increment(rows.len() as u64);
        }
        for (partition, restart) in places {
            let (partition, restart) = (INBOX + partition, *restart);
            self.places.apply(Batch { partition, restart, ..Batch::default() }).await?;
        }
        Ok(())
    }
}

/// Hand out what has come, and note which rows follow from it.
fn take(owner: &Owner, round: &mut Round, delivery: Delivery) {
    match delivery {
        Delivery::Assigned { partition, position } => {
            owner.assigned(Instant::now(), partition, position);
        }
        Delivery::Revoked { partition } => owner.revoked(partition),
        // Rows may be written by who is no owner any more: the highest wins on each cell.
        Delivery::Record { partition, position, bytes } => {
            round.records += 1;
            round.places.insert(partition, position + 1);
            let Some(record) = InboxRecord::decode(&bytes) else {
                let bytes = bytes.len();
                tracing::error!(partition, position, bytes, "garbage in the inbox: skipped");
                return owner.hand(partition, position, &Bytes::new(), &[], None);
            };
            let about = collect(&mut round.rows, position, &record);
            owner.hand(partition, position, &bytes, &record.to, about);
        }
    }
}

/// Let gateways that are behind take something, for a moment.
async fn breathe(owner: &Owner) {
    for _ in 0..BREATHS {
        if !owner.is_crowded() {
            return;
        }
        tokio::time::sleep(BREATH).await;
    }
}

fn collect(
    rows: &mut BTreeMap<(UserId, ConversationId), ListRow>,
    changed: Position,
    record: &InboxRecord,
) -> Option<ConversationId> {
    if !record.listed {
        return None;
    }
    let (conversation, activity) = match wire::decode::<Told>(&record.frame) {
        Ok(Told { event: Some(told), .. }) => {
            let At { seq, ord, at } = told.event;
            (told.conversation, Some(Activity { seq, ord, at }))
        }
        Ok(Told { marked: Some(about), .. }) => (about.conversation, None),
        _ => return None,
    };
    for &user in &record.to {
        let row = rows.entry((user, conversation)).or_insert(ListRow {
            user,
            conversation,
            activity: None,
            changed,
        });
        row.changed = row.changed.max(changed);
        if activity.is_some_and(|new| row.activity.is_none_or(|old| new.seq > old.seq)) {
            row.activity = activity;
        }
    }
    Some(conversation)
}
