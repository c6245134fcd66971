//! Between the policy and whoever shows notifications: asks whenever something changed, with what is
//! known at that instant, and commits what is settled before anything is shown. So what was shown
//! once is never shown again, also after a kill.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use protocol::{ConversationId, UserId};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::policy::{Alert, Decision, Moment, Shown, decide};
use crate::running::Running;
use crate::{Client, Inner};

/// What changes within this time is looked at together. Whoever reads along has read it by then.
const SETTLE: Duration = Duration::from_millis(100);

/// Says what to show, and what to take away. One of these for each client.
pub struct Alerts {
    client: Weak<Inner>,
    wake: Arc<Notify>,
    shown: Shown,
    /// Whose notifications are shown.
    whose: Option<UserId>,
    again: Option<Instant>,
}

impl Client {
    /// What the person is to be told of from now on, by whoever can show it. Until somebody asks
    /// for this, nothing is settled.
    #[must_use]
    pub fn alerts(&self) -> Alerts {
        let (client, wake) = (Arc::downgrade(&self.inner), self.inner.alert.clone());
        wake.notify_one();
        Alerts { client, wake, shown: Shown::default(), whose: None, again: None }
    }
}

impl Alerts {
    /// Wait until [`Alerts::take`] may have something to say. May be given up at any time.
    pub async fn changed(&self) {
        match self.again {
            Some(again) => tokio::select! {
                biased;
                () = self.wake.notified() => {}
                () = sleep_until(again) => {}
            },
            None => self.wake.notified().await,
        }
    }

    /// What is to be shown or taken away now. Has to be awaited to its end, and then carried out.
    pub async fn take(&mut self) -> Vec<Alert> {
        sleep(SETTLE).await;
        self.again = None;
        let Some(client) = self.client.upgrade() else { return Vec::new() };
        let running = client.running();
        let now_whose = running.as_ref().map(|running| running.identity().person.id);
        let mut alerts = Vec::new();
        if self.whose != now_whose {
            self.whose = now_whose;
            alerts = self.withdraw_all();
        }
        if let Some(running) = running {
            let decision = self.ask(&client, &running).await;
            self.shown = decision.shown;
            self.again = decision.again;
            alerts.extend(decision.alerts);
        }
        alerts
    }

    async fn ask(&self, client: &Arc<Inner>, running: &Arc<Running>) -> Decision {
        let shown = self.shown.clone();
        let (settings, looking) = {
            let file = client.profile.lock();
            (file.profile.settings.clone(), client.desktop.looking())
        };
        let asked = running.look(move |account| {
            let concerned = shown.messages.keys().chain(shown.summary.keys());
            let concerned: BTreeSet<ConversationId> =
                concerned.chain(&shown.waiting).copied().collect();
            let seq_of = |id| shown.messages.get(&id).map(|(seq, _)| *seq);
            let Some((stands, replay)) = account.news(&concerned, seq_of)? else {
                return Ok(Decision { shown, ..Decision::default() });
            };
            let moment = Moment {
                time: account.time(),
                now: Instant::now(),
                notify: settings.notify,
                content: settings.notify_content,
                looking,
                replay,
                stands,
            };
            let decision = decide(&shown, &moment);
            account.notice_up_to(&decision.noticed, looking)?;
            Ok::<_, crate::store::StoreError>(decision)
        });
        match asked.await {
            Ok(decision) => decision,
            Err(error) => {
                tracing::error!(%error, "whether something is to be notified cannot be read");
                Decision { shown: self.shown.clone(), ..Decision::default() }
            }
        }
    }

    /// The person has clicked this notification, or closed it.
    pub fn gone(&mut self, conversation: ConversationId) {
        self.shown.messages.remove(&conversation);
    }

    /// The person has clicked the summary, or closed it.
    pub fn summary_gone(&mut self) {
        self.shown.summary.clear();
    }

    /// Take away all that is shown.
    #[must_use]
    pub fn withdraw_all(&mut self) -> Vec<Alert> {
        let shown = std::mem::take(&mut self.shown);
        let mut alerts: Vec<Alert> = shown.messages.into_keys().map(Alert::Withdraw).collect();
        if !shown.summary.is_empty() {
            alerts.push(Alert::WithdrawSummary);
        }
        alerts
    }
}
