//! A notification service of our own, in the place of the desktop's: it remembers what it was asked to
//! show and to take away, and a test can be the person who clicks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep_until};
use zbus::object_server::SignalEmitter;
use zbus::zvariant::OwnedValue;

use programs::PATIENCE;

use crate::patience::until;

const PATH: &str = "/org/freedesktop/Notifications";

/// Something that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its number.
    pub id: u32,
    /// Its first line.
    pub title: String,
    /// The rest, as it came: with what stands for markup.
    pub body: String,
}

#[derive(Default)]
struct Memory {
    last: u32,
    /// What is on the screen.
    shown: Vec<Shown>,
    /// How often anything was shown.
    times: usize,
}

struct Service(Arc<Mutex<Memory>>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Service {
    #[allow(clippy::too_many_arguments)] // As specified.
    fn notify(
        &self,
        _app_name: &str,
        replaces_id: u32,
        _app_icon: &str,
        summary: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expire_timeout: i32,
    ) -> zbus::fdo::Result<u32> {
        if actions.first().map(String::as_str) != Some("default") {
            return Err(zbus::fdo::Error::InvalidArgs("it cannot be clicked".into()));
        }
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.times += 1;
        let id = if replaces_id > 0 {
            replaces_id
        } else {
            memory.last += 1;
            memory.last
        };
        memory.shown.retain(|shown| shown.id != id);
        memory.shown.push(Shown { id, title: summary, body });
        Ok(id)
    }

    async fn close_notification(
        &self,
        id: u32,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).shown.retain(|one| one.id != id);
        Self::notification_closed(&emitter, id, 3).await?;
        Ok(())
    }

    fn get_capabilities(&self) -> Vec<&'static str> {
        vec!["actions", "body", "body-markup", "persistence"]
    }

    fn get_server_information(&self) -> (&'static str, &'static str, &'static str, &'static str) {
        ("test", "kith", "1", "1.2")
    }

    #[zbus(signal)]
    async fn action_invoked(
        emitter: &SignalEmitter<'_>,
        id: u32,
        action_key: &str,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn notification_closed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        reason: u32,
    ) -> zbus::Result<()>;
}

/// The notification service of this session.
pub struct Notifications {
    bus: zbus::Connection,
    memory: Arc<Mutex<Memory>>,
}

impl Notifications {
    /// Be it. To be called before anything could be shown.
    ///
    /// # Errors
    /// When there is one already.
    pub async fn serve() -> Result<Self> {
        let memory = Arc::<Mutex<Memory>>::default();
        let bus = zbus::connection::Builder::session()?
            .serve_at(PATH, Service(memory.clone()))?
            .name("org.freedesktop.Notifications")?
            .build()
            .await
            .context("there is a notification service already")?;
        Ok(Self { bus, memory })
    }

    fn look<T>(&self, look: impl FnOnce(&Memory) -> T) -> T {
        look(&self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is on the screen now.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        self.look(|memory| memory.shown.clone())
    }

    /// How often anything was shown since the beginning.
    #[must_use]
    pub fn times(&self) -> usize {
        self.look(|memory| memory.times)
    }

    /// Wait until a notification with this title and body is on the screen.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn shows(&self, title: &str, body: &str) -> Result<Shown> {
        let wanted = |one: &Shown| one.title == title && one.body == body;
        let came = until(&format!("the notification {title:?}, {body:?}"), async || {
            Ok(self.shown().iter().any(wanted))
        })
        .await;
        came.with_context(|| format!("on the screen is {:?}", self.shown()))?;
        self.shown().into_iter().find(|one| wanted(one)).context("it was there just now")
    }

    /// Wait until nothing is on the screen.
    ///
    /// # Errors
    /// When something stays.
    pub async fn shows_nothing(&self) -> Result<()> {
        let gone = until("no notification", async || Ok(self.shown().is_empty())).await;
        gone.with_context(|| format!("on the screen is {:?}", self.shown()))
    }

    /// Wait for something else, and see that nothing is shown before it.
    ///
    /// # Errors
    /// When something is shown.
    pub async fn show_nothing_before<T>(
        &self,
        other: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let before = self.times();
        let deadline = Instant::now() + PATIENCE;
        let other = tokio::select! {
            other = other => other?,
            () = sleep_until(deadline) => bail!("what was waited for did not come"),
        };
        if self.times() > before {
            bail!("it was notified: {:?}", self.shown());
        }
        Ok(other)
    }

    /// Click a notification: it goes, and whoever showed it is told.
    ///
    /// # Errors
    /// When the bus is gone.
    pub async fn click(&self, shown: &Shown) -> Result<()> {
        let emitter = SignalEmitter::new(&self.bus, PATH)?;
        Service::action_invoked(&emitter, shown.id, "default").await?;
        self.dismiss(shown).await
    }

    /// Close a notification without clicking it.
    ///
    /// # Errors
    /// When the bus is gone.
    pub async fn dismiss(&self, shown: &Shown) -> Result<()> {
        let id = shown.id;
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).shown.retain(|one| one.id != id);
        let emitter = SignalEmitter::new(&self.bus, PATH)?;
        Ok(Service::notification_closed(&emitter, id, 2).await?)
    }
}
