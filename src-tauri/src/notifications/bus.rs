//! Notifications on Linux: the desktop's own service, over the session bus. All that is asked of it
//! goes over one connection, in order, so that nothing can be taken away before it was shown; and
//! that connection stays, since some desktops take away what a vanished one has shown.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use client::view::Target;
use futures_util::StreamExt;
use tokio::sync::{Mutex, mpsc};
use zbus::fdo::DBusProxy;
use zbus::names::OwnedUniqueName;
use zbus::zvariant::Value;

use super::{Done, Key, Notice, Notifier};

/// A service that does not answer is left alone. It is started by the first notification, if it is
/// not there, and may need a moment for that.
const PATIENCE: Duration = Duration::from_secs(10);
/// A click on the notification itself.
const CLICKED: &str = "default";

/// The desktop notifications specification, as far as it is needed.
#[zbus::proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications",
    gen_blocking = false
)]
trait Service {
    #[allow(clippy::too_many_arguments)] // As specified.
    fn notify(
        &self,
        app_name: &str,
        replaces_id: u32,
        app_icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: HashMap<&str, Value<'_>>,
        expire_timeout: i32,
    ) -> zbus::Result<u32>;
    fn close_notification(&self, id: u32) -> zbus::Result<()>;
    fn get_capabilities(&self) -> zbus::Result<Vec<String>>;
    #[zbus(signal)]
    fn action_invoked(&self, id: u32, action_key: String) -> zbus::Result<()>;
    #[zbus(signal)]
    fn notification_closed(&self, id: u32, reason: u32) -> zbus::Result<()>;
}

/// The desktop's notifications.
pub(super) struct Bus {
    done: mpsc::Sender<Done>,
    /// Held while something is asked, so that what the service says about it comes after.
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    service: Option<ServiceProxy<'static>>,
    /// Who gave the numbers below. Another service counts anew, and what was our number may be
    /// somebody else's there.
    owner: Option<OwnedUniqueName>,
    /// What is shown, under the service's numbers.
    shown: HashMap<u32, (Key, Option<Target>)>,
}

impl State {
    fn number(&self, key: Key) -> Option<u32> {
        self.shown.iter().find(|(_, (shown, _))| *shown == key).map(|(id, _)| *id)
    }

    /// Forget what another service has shown.
    async fn look_who_answers(&mut self, service: &ServiceProxy<'static>) -> zbus::Result<()> {
        let bus = DBusProxy::new(service.inner().connection()).await?;
        let owner = bus.get_name_owner(service.inner().destination().clone()).await?;
        if self.owner.as_ref() != Some(&owner) {
            self.shown.clear();
            self.owner = Some(owner);
        }
        Ok(())
    }

    /// What the service speaks of under this number, if it is one of ours.
    fn ours(&self, id: u32, said: &zbus::Message) -> Option<(Key, Option<Target>)> {
        let header = said.header();
        let sender = header.sender()?;
        let owner = self.owner.as_ref()?;
        (sender == owner.inner()).then(|| self.shown.get(&id).cloned()).flatten()
    }
}

impl Bus {
    /// What the person does with notifications goes to `done`.
    pub(super) fn new(done: mpsc::Sender<Done>) -> Self {
        Self { done, state: Arc::default() }
    }

    /// The service; connected to when it is first needed, and listened to before anything is shown.
    async fn service(&self, state: &mut State) -> zbus::Result<ServiceProxy<'static>> {
        if let Some(service) = &state.service {
            return Ok(service.clone());
        }
        let bus = zbus::connection::Builder::session()?.method_timeout(PATIENCE).build().await?;
        let service = ServiceProxy::new(&bus).await?;
        let clicks = service.receive_action_invoked().await?;
        let closed = service.receive_notification_closed().await?;
        let (done, shared) = (self.done.clone(), self.state.clone());
        tokio::spawn(listen(clicks, closed, shared, done));
        state.service = Some(service.clone());
        Ok(service)
    }

    async fn try_to_show(&self, notice: &Notice) -> zbus::Result<()> {
        let mut state = self.state.lock().await;
        let service = self.service(&mut state).await?;
        // This also starts the service, if it is not there.
        let markup = service.get_capabilities().await?.iter().any(|can| can == "body-markup");
        state.look_who_answers(&service).await?;
        let body = body(&notice.body, markup);
        let hints = HashMap::from([
            ("desktop-entry", Value::from("Kith")),
            ("category", Value::from("im.received")),
            ("sound-name", Value::from("message-new-instant")),
        ]);
        let replaced = state.number(notice.key).unwrap_or(0);
        let actions = [CLICKED, &notice.title];
        let id = service
            .notify("Kith", replaced, "kith", &plain(&notice.title), &body, &actions, hints, -1)
            .await?;
        state.shown.remove(&replaced);
        state.shown.insert(id, (notice.key, notice.target.clone()));
        Ok(())
    }

    /// Take these away, as far as they are shown.
    async fn close(&self, wanted: impl Fn(Key) -> bool) {
        let mut state = self.state.lock().await;
        let Some(service) = state.service.clone() else { return };
        if let Err(error) = state.look_who_answers(&service).await {
            tracing::debug!(%error, "nothing shows notifications any more");
            return;
        }
        let all: Vec<u32> =
            state.shown.iter().filter(|(_, (key, _))| wanted(*key)).map(|(id, _)| *id).collect();
        for id in all {
            state.shown.remove(&id);
            if let Err(error) = service.close_notification(id).await {
                tracing::debug!(%error, "a notification was gone already");
            }
        }
    }
}

#[async_trait::async_trait]
impl Notifier for Bus {
    async fn show(&self, notice: &Notice) {
        if let Err(error) = self.try_to_show(notice).await {
            tracing::warn!(%error, "a notification is not shown");
        }
    }

    async fn withdraw(&self, key: Key) {
        self.close(|shown| shown == key).await;
    }

    async fn withdraw_all(&self) {
        self.close(|_| true).await;
    }
}

/// Hear what the service says, for as long as the connection stands.
async fn listen(
    mut clicks: ActionInvokedStream,
    mut closed: NotificationClosedStream,
    state: Arc<Mutex<State>>,
    done: mpsc::Sender<Done>,
) {
    loop {
        tokio::select! {
            // A click closes the notification as well, and comes first.
            biased;
            Some(click) = clicks.next() => {
                let Ok(args) = click.args() else { continue };
                let ours = state.lock().await.ours(args.id, click.message());
                if let Some((key, target)) = ours
                    && args.action_key == CLICKED
                {
                    let _ = done.send(Done::Tapped(key, target)).await;
                }
            }
            Some(closed) = closed.next() => {
                let Ok(args) = closed.args() else { continue };
                let mut state = state.lock().await;
                let ours = state.ours(args.id, closed.message());
                if let Some((key, _)) = ours {
                    state.shown.remove(&args.id);
                    drop(state);
                    let _ = done.send(Done::Closed(key)).await;
                }
            }
            else => return,
        }
    }
}

/// Plain text as the service takes it. Some show a body's markup; nothing that somebody writes is.
fn body(text: &str, markup: bool) -> String {
    let text = plain(text);
    if markup { text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;") } else { text }
}

/// Without what a string on the bus cannot hold, and without what moves the text around it.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_47_what_somebody_writes_is_never_markup_of_the_desktop() {
        let hostile = "<b>x</b> & <img src=\"file:///etc/passwd\"> <a href='x:'>y</a>";
        let shown = body(hostile, true);
        assert!(!shown.contains(['<', '>']), "{shown}");
        assert!(shown.starts_with("&lt;b&gt;x&lt;/b&gt; &amp; &lt;img"), "{shown}");
        assert_eq!(body(hostile, false), hostile, "what is plain there is shown as it is");
        assert_eq!(body("a\0b\n\u{1b}[31mc", false), "ab[31mc");
    }
}
