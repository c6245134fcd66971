//! Plays the owner of the inbox: numbers what it is told, and keeps the list rows.

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use protocol::{ConversationId, ServerFrame, UserId};
use storage::{Activity, Change, Committed, ListRow, ListStore, Scylla, Tell};
use tokio::sync::{Mutex, mpsc};

pub(crate) struct Owner {
    /// The last number, locked until what it stands for is handed out.
    last: Mutex<u64>,
    rows: OnceLock<Weak<Scylla>>,
    committed: mpsc::Sender<Committed>,
}

impl Owner {
    pub(crate) fn new(committed: mpsc::Sender<Committed>) -> Self {
        Self { last: Mutex::new(0), rows: OnceLock::new(), committed }
    }

    pub(crate) fn keeps_rows_in(&self, store: &Arc<Scylla>) {
        self.rows.set(Arc::downgrade(store)).unwrap();
    }
}

/// To whom, of which conversation, and the event if there is one.
fn news(change: &Change) -> Option<(&[UserId], ConversationId, Option<Activity>)> {
    match change {
        Change::Frame { recipients, frame } => {
            let Ok(ServerFrame::Event(told)) = serde_json::from_slice(frame) else { return None };
            let event = told.event;
            let activity = Activity { seq: event.seq, ord: event.ord, at: event.at };
            Some((recipients, told.conversation, Some(activity)))
        }
        Change::Marked { recipients, marked } => Some((recipients, marked.conversation, None)),
        _ => None,
    }
}

#[async_trait]
impl Tell for Owner {
    async fn tell(&self, changes: Vec<Change>) -> storage::Result<()> {
        let mut last = self.last.lock().await;
        *last += 1;
        let mut rows = Vec::new();
        for (recipients, conversation, activity) in changes.iter().filter_map(news) {
            let row =
                |user: &UserId| ListRow { user: *user, conversation, activity, changed: *last };
            rows.extend(recipients.iter().map(row));
        }
        let store = self.rows.get().unwrap().upgrade().unwrap();
        store.note(rows).await?;
        // Nobody listens any more when a test is about to end.
        let _ = self.committed.send(Committed { commit: *last, changes }).await;
        Ok(())
    }
}
