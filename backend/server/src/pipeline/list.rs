//! The owner of inbox partitions keeps the list rows of the people in them: how recent each of their
//! conversations is, and where in the inbox the news of it are. It commits its place only after all
//! rows before it are stored, so a cursor never covers a row that is not there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use event_log::{Delivery, EventLog, LogError, Position, Subscription};
use protocol::{ConversationId, Millis, UserId, wire};
use serde::Deserialize;
use storage::{Activity, Batch, FoldStore, ListRow, ListStore};
use tokio_util::sync::CancellationToken;

use super::record::InboxRecord;

/// Most records of one round: rows of the same person and conversation among them are written once.
const ROUND: usize = 512;
/// How long a store that does not answer is left alone.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a hello waits for the rows of what had been delivered when it came.
const CATCH_UP: Duration = Duration::from_secs(2);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);
/// Restart rows of inbox partitions are counted from here; those of the conversation log from 0.
pub(crate) const INBOX: u32 = 1 << 16;

/// The list rows, and how far they reach.
pub struct Lists {
    rows: Arc<dyn ListStore>,
    places: Arc<dyn FoldStore>,
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

    /// Whether the rows of everything up to this position in the partition are stored; waits for them
    /// a moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reach(&self, partition: u32, position: Position) -> storage::Result<bool> {
        let patience = tokio::time::Instant::now() + CATCH_UP;
        loop {
            if self.restart(partition).await?.is_some_and(|next| next > position) {
                return Ok(true);
            }
            if tokio::time::Instant::now() >= patience {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Keep the rows of the partitions that this process owns, until `stop`.
    ///
    /// # Errors
    /// When the inbox cannot be reached.
    pub async fn keep(
        &self,
        inbox: Arc<dyn EventLog>,
        stop: CancellationToken,
    ) -> Result<(), LogError> {
        let mut inbox = inbox.subscribe().await?;
        loop {
            let first = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                first = inbox.next() => match first {
                    Err(LogError::Closed) => return Ok(()),
                    first => first?,
                },
            };
            self.round(&mut *inbox, first).await?;
        }
    }

    async fn round(&self, inbox: &mut dyn Subscription, first: Delivery) -> Result<(), LogError> {
        let mut rows = BTreeMap::new();
        let mut places = BTreeMap::new();
        let (mut next, mut taken) = (Some(first), 0);
        while let Some(delivery) = next {
            // Rows may be written by who is no owner any more: the highest wins on each cell.
            if let Delivery::Record { partition, position, bytes } = delivery {
                places.insert(partition, position + 1);
                // Garbage is reported where it is delivered.
                if let Some(record) = InboxRecord::decode(&bytes) {
                    collect(&mut rows, position, &record);
                }
            }
            taken += 1;
            next = if taken < ROUND { inbox.try_next() } else { None };
        }
        // Until it is stored: nothing after it may be committed before.
        let rows: Vec<ListRow> = rows.into_values().collect();
        while let Err(error) = self.store(&rows, &places).await {
            tracing::error!("list rows could not be stored and will be tried again: {error}");
            tokio::time::sleep(AGAIN).await;
        }
        for (partition, position) in places {
            inbox.commit(partition, position).await?;
        }
        Ok(())
    }

    async fn store(
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

fn collect(
    rows: &mut BTreeMap<(UserId, ConversationId), ListRow>,
    changed: Position,
    record: &InboxRecord,
) {
    if !record.listed {
        return;
    }
    let (conversation, activity) = match wire::decode::<Told>(&record.frame) {
        Ok(Told { event: Some(told), .. }) => {
            let At { seq, ord, at } = told.event;
            (told.conversation, Some(Activity { seq, ord, at }))
        }
        Ok(Told { marked: Some(about), .. }) => (about.conversation, None),
        _ => return,
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
}
