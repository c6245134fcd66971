//! What only an app with a window of its own has: it knows what the person looks at, it is led to
//! places from outside (a notification that was clicked, a `kith://` link), and it can be ended.

use std::sync::OnceLock;

use parking_lot::Mutex;
use protocol::ConversationId;

use crate::notify::Looking;
use crate::store::StoreError;
use crate::view::{Notification, Settings, Target};
use crate::{Client, Inner};

/// What the client and the window around it tell each other.
#[derive(Default)]
pub(crate) struct Desktop {
    looking: Mutex<Looking>,
    /// Where the person wants to go, until a page takes it. Only the last wish counts.
    target: Mutex<Option<Target>>,
    quit: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Desktop {
    pub(crate) fn looking(&self) -> Looking {
        *self.looking.lock()
    }

    /// Whether there is a window of its own around this client.
    pub(crate) fn is_there(&self) -> bool {
        self.quit.get().is_some()
    }

    /// End the app. `false` when it is not one that can be ended from here.
    pub(crate) fn quit(&self) -> bool {
        self.quit.get().map(|quit| quit()).is_some()
    }
}

impl Client {
    /// This client has a window of its own, and `quit` ends it. To be said once, at the start.
    pub fn has_desktop(&self, quit: impl Fn() + Send + Sync + 'static) {
        let _ = self.inner.desktop.quit.set(Box::new(quit));
        self.inner.wake.notify_one();
    }

    /// The settings of this app.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.inner.profile.lock().profile.settings.clone()
    }

    /// What the person looks at from now on.
    pub fn looks_at(&self, looking: Looking) {
        *self.inner.desktop.looking.lock() = looking;
        self.inner.alert.notify_one();
    }

    /// The window is gone, and with it the page and all that was open in it.
    pub async fn window_is_gone(&self) {
        self.looks_at(Looking::default());
        if let Some(running) = self.inner.running() {
            let closed = running.with(|account| {
                account.close_windows();
                Ok::<_, StoreError>(())
            });
            closed.await.unwrap_or_default();
        }
    }

    /// The person wants to go there: a page that is open takes them, or the next one that opens.
    pub fn go_to(&self, target: Target) {
        *self.inner.desktop.target.lock() = Some(target);
        let state = self.inner.state();
        self.inner.subscribers.tell(&[Notification::TargetWaiting {}], &state);
    }

    /// Whether the person who is signed in has this conversation.
    pub async fn knows(&self, conversation: ConversationId) -> bool {
        match self.inner.running() {
            Some(running) => running.look(move |account| account.knows(conversation)).await,
            None => false,
        }
    }
}

impl Inner {
    /// Where the person wants to go, once. A place that they do not have is nowhere.
    pub(crate) async fn take_target(&self) -> Option<Target> {
        let running = self.running()?;
        let target = self.desktop.target.lock().take()?;
        let known = running.look(move |account| account.knows(target.conversation)).await;
        known.then_some(target)
    }
}
