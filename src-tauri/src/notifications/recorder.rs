//! Notifications for automated tests, which want to read them and not to see them: one line of JSON
//! for each, in a file.

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{Key, Notice, Notifier};

/// Writes what would be shown.
pub(super) struct Recorder {
    path: PathBuf,
    writing: Mutex<()>,
}

impl Recorder {
    /// One for the file that the environment names, if it names one.
    pub(super) fn wanted() -> Option<Self> {
        Some(Self { path: crate::e2e::notifications()?, writing: Mutex::new(()) })
    }

    async fn write(&self, line: &Value) {
        let _one = self.writing.lock().await;
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&self.path);
        if let Err(error) = file.and_then(|mut file| writeln!(file, "{line}")) {
            tracing::error!(%error, "a notification is not recorded");
        }
    }
}

fn key(key: Key) -> Value {
    match key {
        Key::Conversation(id) => json!(id),
        Key::Summary => json!("summary"),
        Key::GoesOn => json!("goes-on"),
    }
}

#[async_trait::async_trait]
impl Notifier for Recorder {
    async fn show(&self, notice: &Notice) {
        let seq = notice.target.as_ref().and_then(|target| target.seq);
        let Notice { key: of, title, body, .. } = notice;
        let line = json!({ "show": key(*of), "title": title, "body": body, "seq": seq });
        self.write(&line).await;
    }

    async fn withdraw(&self, of: Key) {
        self.write(&json!({ "withdraw": key(of) })).await;
    }

    async fn withdraw_all(&self) {
        self.write(&json!({ "withdraw": "all" })).await;
    }
}
