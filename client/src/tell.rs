//! Tells windows what changed: one task gathers it for a frame's time and hands it to every
//! subscriber. A subscriber that does not keep up loses notifications and is told so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use crate::Inner;
use crate::running::Running;
use crate::view::{AppState, Connection, Notice, Notification};

/// A screen draws no more often.
const FRAME: Duration = Duration::from_millis(16);
/// Notifications that wait for one subscriber.
const QUEUE: usize = 1024;

/// The subscribers.
#[derive(Default)]
pub(crate) struct Subscribers {
    all: Mutex<Vec<Subscriber>>,
    /// Whether all is done, as was told last: whoever comes later has to know it too.
    idle: AtomicBool,
}

struct Subscriber {
    sender: mpsc::Sender<Notification>,
    /// It lost some; it is told as soon as there is room.
    lagged: bool,
}

impl Subscribers {
    pub(crate) fn add(&self) -> mpsc::Receiver<Notification> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut all = self.all.lock();
        let idle = self.idle.load(Ordering::Relaxed);
        // The queue is new and has room.
        let lagged = sender.try_send(Notification::Idle { idle }).is_err();
        all.push(Subscriber { sender, lagged });
        receiver
    }

    /// Hand these to everybody. Whether anybody got them.
    pub(crate) fn tell(&self, told: &[Notification], state: &AppState) -> bool {
        let mut anybody = false;
        let mut all = self.all.lock();
        for notification in told {
            if let Notification::Idle { idle } = notification {
                self.idle.store(*idle, Ordering::Relaxed);
            }
        }
        let idle = self.idle.load(Ordering::Relaxed);
        all.retain_mut(|subscriber| {
            anybody |= subscriber.tell(told, state, idle);
            !subscriber.sender.is_closed()
        });
        anybody
    }
}

impl Subscriber {
    fn tell(&mut self, told: &[Notification], state: &AppState, idle: bool) -> bool {
        // Half of the queue has to be free again before a subscriber that lost some goes on.
        if self.lagged && self.sender.capacity() < QUEUE / 2 {
            return false;
        }
        if self.lagged {
            let mut state = state.clone();
            state.notices.push(Notice { code: "reload".into() });
            let mut again = [Notification::Idle { idle }, Notification::State { state }];
            if idle {
                again.reverse();
            }
            self.lagged = again.into_iter().any(|told| self.sender.try_send(told).is_err());
        }
        for notification in told {
            match self.sender.try_send(notification.clone()) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => {
                    self.lagged = true;
                    return false;
                }
                Err(TrySendError::Closed(_)) => return false,
            }
        }
        true
    }
}

/// What subscribers were told last.
#[derive(Default)]
struct Told {
    state: Option<AppState>,
    idle: Option<bool>,
}

/// Tell until the client is gone.
pub(crate) async fn tell(client: Weak<Inner>, wake: Arc<Notify>) {
    let mut told = Told::default();
    let mut expires = None;
    loop {
        let far = Instant::now() + Duration::from_secs(3600);
        tokio::select! {
            biased;
            () = wake.notified() => {}
            () = sleep_until(expires.unwrap_or(far)) => {}
        }
        sleep(FRAME).await;
        let Some(client) = client.upgrade() else { return };
        let mut all = Vec::new();
        expires = None;
        // With nobody signed in there is nothing left to do.
        let mut idle = true;
        let mut connection = None;
        if let Some(running) = client.running() {
            let gathered = gather(&running, &mut all).await;
            idle = gathered.idle;
            connection = Some(gathered.connection);
            expires = gathered.expires;
            client.add_notices(&gathered.notices);
        }
        let mut state = client.state();
        // As it was when the rest was gathered: all of this is about one moment.
        state.connection = connection.unwrap_or(state.connection);
        let notices = !state.notices.is_empty();
        if told.state.as_ref() != Some(&state) {
            all.insert(0, Notification::State { state: state.clone() });
        }
        if told.idle != Some(idle) {
            told.idle = Some(idle);
            // Whoever hears of a connection knows already that now there is something to do, and
            // whoever hears that all is done has heard all of it.
            let at = if idle { all.len() } else { 0 };
            all.insert(at, Notification::Idle { idle });
        }
        if client.subscribers.tell(&all, &state) && notices {
            client.notices_told();
        }
        client.alert.notify_one();
        told.state = Some(AppState { notices: Vec::new(), ..state });
    }
}

struct Gathered {
    connection: Connection,
    /// Whether nothing is on its way.
    idle: bool,
    /// When somebody's typing ends.
    expires: Option<Instant>,
    notices: Vec<&'static str>,
}

/// What the account has to tell.
async fn gather(running: &Running, all: &mut Vec<Notification>) -> Gathered {
    let (connection, now) = (running.connection(), Instant::now());
    let online = connection.is_live();
    let (notifications, identity, gathered) = running
        .look(move |account| {
            let expires = account.expire_typing(now);
            let notifications = account.notifications();
            let notices = account.take_notices();
            let idle = account.is_idle(online);
            let gathered = Gathered { connection, idle, expires, notices };
            (notifications, account.identity().clone(), gathered)
        })
        .await;
    running.set_identity(identity);
    match notifications {
        Ok(notifications) => all.extend(notifications),
        Err(error) => {
            tracing::error!(%error, "what changed cannot be read");
            if error.is_damage() {
                // The common door sets the cache aside, and then everything is told anew.
                let _ = running.with(|_| Err::<(), _>(error)).await;
            }
        }
    }
    gathered
}
