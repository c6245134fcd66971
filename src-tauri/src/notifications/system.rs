//! Notifications on Windows and macOS: through the plugin, which knows how each of them names an app.
//! What is shown cannot be taken away there.

use client::view::Target;
use protocol::ConversationId;
use tauri::{AppHandle, Wry};
use tauri_plugin_notification::{ActionPerformed, NotificationExt};
use tokio::sync::mpsc;

use super::{Done, Key, Notice, Notifier};

/// The system's notifications.
pub(super) struct System {
    app: AppHandle,
}

impl System {
    /// What the person does with notifications goes to `done`. The plugin has to be there already;
    /// it reports only what is shown after this.
    pub(super) fn new(app: &AppHandle, done: mpsc::Sender<Done>) -> Self {
        let on_action = app.notification().on_action(move |action| {
            // Nobody waits here: a click that comes when 64 others wait is lost, and no harm.
            let _ = done.try_send(tapped(action));
        });
        if let Err(error) = on_action {
            tracing::warn!(%error, "clicks on notifications are not heard");
        }
        Self { app: app.clone() }
    }
}

/// Where the click leads is kept with the notification itself.
fn tapped(action: &ActionPerformed) -> Done {
    let extra = action.notification().map(|shown| shown.extra());
    let target = extra.and_then(|extra| {
        let conversation: ConversationId = extra.get("conversation")?.as_str()?.parse().ok()?;
        Some(Target { conversation, seq: extra.get("seq").and_then(|seq| seq.as_u64()) })
    });
    let key = target.as_ref().map_or(Key::Summary, |target| Key::Conversation(target.conversation));
    Done::Tapped(key, target)
}

#[async_trait::async_trait]
impl Notifier for System {
    async fn show(&self, notice: &Notice) {
        let mut builder =
            tauri_plugin_notification::NotificationExt::<Wry>::notification(&self.app)
                .builder()
                .title(&notice.title)
                .body(&notice.body);
        if let Some(target) = &notice.target {
            builder = builder.extra("conversation", target.conversation).extra("seq", target.seq);
        }
        if let Err(error) = builder.show() {
            tracing::warn!(%error, "a notification is not shown");
        }
    }

    async fn withdraw(&self, _: Key) {}

    async fn withdraw_all(&self) {}
}
