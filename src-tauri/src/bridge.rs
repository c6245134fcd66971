//! The two commands of the page: `call` asks the client, `subscribe` hears from it. Which calls there
//! are, and what they take, is the client's table; nothing of it is repeated here.

use std::sync::Arc;

use client::Batches;
use client::api::{Answers, CallError, dispatch};
use client::view::Notification;
use parking_lot::Mutex;
use serde_json::Value;
use tauri::State;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;
use tokio::sync::mpsc::Receiver;

/// What the page reaches through its commands.
pub(crate) struct Bridge {
    answers: Arc<dyn Answers>,
    listen: Box<dyn Fn() -> Receiver<Notification> + Send + Sync>,
    /// What tells the page. A page that was loaded again subscribes again and takes its place.
    teller: Mutex<Option<JoinHandle<()>>>,
}

impl Bridge {
    /// A bridge to whatever answers the calls; `listen` gives notifications from now on.
    pub(crate) fn new(
        answers: Arc<dyn Answers>,
        listen: impl Fn() -> Receiver<Notification> + Send + Sync + 'static,
    ) -> Self {
        Self { answers, listen: Box::new(listen), teller: Mutex::new(None) }
    }
}

/// Ask the client.
#[tauri::command]
pub(crate) async fn call(
    bridge: State<'_, Bridge>,
    name: String,
    args: Value,
) -> Result<Value, CallError> {
    dispatch(&*bridge.answers, &name, args).await
}

/// Hear from the client from now on, in batches, in order.
#[tauri::command]
pub(crate) fn subscribe(bridge: State<'_, Bridge>, channel: Channel<Vec<Notification>>) {
    let mut batches = Batches::new((bridge.listen)());
    let teller = tauri::async_runtime::spawn(async move {
        while let Some(batch) = batches.next().await {
            if channel.send(batch).is_err() {
                return;
            }
        }
    });
    if let Some(before) = bridge.teller.lock().replace(teller) {
        before.abort();
    }
}
