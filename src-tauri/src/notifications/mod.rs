//! The system's own notifications. What is worth one the client decides; here it gets its words and
//! goes to whatever the system shows notifications with, and a click on it leads back into the app.

#[cfg(target_os = "linux")]
mod bus;
#[cfg(feature = "e2e")]
mod recorder;
#[cfg(not(target_os = "linux"))]
mod system;

use std::sync::Arc;

use client::Client;
use client::notify::{Alert, Alerts, Content};
use client::view::Target;
use protocol::ConversationId;
use tauri::{AppHandle, Manager};
use tokio::sync::mpsc;

use crate::arrivals::{Wish, grant};
use crate::desk::Desk;
use crate::words::{Words, count};

/// What a notification stands for. A newer one takes the place of an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// What is new in a conversation.
    Conversation(ConversationId),
    /// What came while the person was away.
    Summary,
    /// That the app goes on without its window.
    GoesOn,
}

/// A notification, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// What it stands for.
    pub(crate) key: Key,
    /// Its first line: plain text.
    pub(crate) title: String,
    /// The rest: plain text.
    pub(crate) body: String,
    /// Where a click leads; to the window if it is none.
    pub(crate) target: Option<Target>,
}

/// What the person did with a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// They clicked it.
    Tapped(Key, Option<Target>),
    /// They closed it, or it went by itself. Not every system says so.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    Closed(Key),
}

/// Something that shows notifications. What it is asked to do it does in this order.
#[async_trait::async_trait]
trait Notifier: Send + Sync {
    /// Show it, in the place of the one before it with the same key.
    async fn show(&self, notice: &Notice);
    /// Take it away, if it is shown.
    async fn withdraw(&self, key: Key);
    /// Take all away.
    async fn withdraw_all(&self);
}

/// The notifications of this app.
pub(crate) struct Notifications {
    notifier: Arc<dyn Notifier>,
}

impl Notifications {
    /// Those of the system, and what the person does with them.
    pub(crate) fn new(app: &AppHandle) -> (Self, mpsc::Receiver<Done>) {
        let (done, of_the_person) = mpsc::channel(64);
        (Self { notifier: notifier(app, done) }, of_the_person)
    }

    /// Show one.
    pub(crate) async fn show(&self, notice: Notice) {
        self.notifier.show(&notice).await;
    }

    /// Take all away: the app ends.
    pub(crate) async fn withdraw_all(&self) {
        self.notifier.withdraw_all().await;
    }
}

fn notifier(app: &AppHandle, done: mpsc::Sender<Done>) -> Arc<dyn Notifier> {
    #[cfg(feature = "e2e")]
    if let Some(recorder) = recorder::Recorder::wanted() {
        return Arc::new(recorder);
    }
    #[cfg(target_os = "linux")]
    {
        let _ = app;
        Arc::new(bus::Bus::new(done))
    }
    #[cfg(not(target_os = "linux"))]
    Arc::new(system::System::new(app, done))
}

/// Carry out what the client decides, and what the person does with it, until the app ends.
pub(crate) async fn run(app: AppHandle, client: Client, mut done: mpsc::Receiver<Done>) {
    let mut alerts = client.alerts();
    loop {
        tokio::select! {
            biased;
            Some(done) = done.recv() => follow(&app, &mut alerts, done),
            () = alerts.changed() => {
                for alert in alerts.take().await {
                    carry_out(&app, alert).await;
                }
            }
        }
    }
}

fn follow(app: &AppHandle, alerts: &mut Alerts, done: Done) {
    let (Done::Tapped(key, _) | Done::Closed(key)) = done;
    match key {
        Key::Conversation(conversation) => alerts.gone(conversation),
        Key::Summary => alerts.summary_gone(),
        Key::GoesOn => {}
    }
    match done {
        Done::Tapped(_, Some(target)) => grant(app, Wish::Place(target)),
        Done::Tapped(_, None) => grant(app, Wish::Window),
        Done::Closed(_) => {}
    }
}

async fn carry_out(app: &AppHandle, alert: Alert) {
    let notifier = &app.state::<Notifications>().notifier;
    match alert {
        Alert::Withdraw(conversation) => notifier.withdraw(Key::Conversation(conversation)).await,
        Alert::WithdrawSummary => notifier.withdraw(Key::Summary).await,
        shown => {
            if let Some(notice) = notice(shown, app.state::<Desk>().words()) {
                notifier.show(&notice).await;
            }
        }
    }
}

/// What the app is called where a notification may not say more.
const APP: &str = "Kith";

/// The words of a notification.
fn notice(alert: Alert, words: &Words) -> Option<Notice> {
    match alert {
        Alert::Message { conversation, seq, unread, content } => {
            let (title, body) = match content {
                Some(content) => told(content, unread, words),
                None if unread == 1 => (APP.to_owned(), words.new_message.to_owned()),
                None => (APP.to_owned(), (words.new_messages)(&count(unread))),
            };
            let target = Some(Target { conversation, seq: Some(seq) });
            Some(Notice { key: Key::Conversation(conversation), title, body, target })
        }
        Alert::Summary { messages, conversations } => Some(Notice {
            key: Key::Summary,
            title: APP.to_owned(),
            body: (words.summary)(&count(messages), conversations),
            target: None,
        }),
        Alert::Withdraw(_) | Alert::WithdrawSummary => None,
    }
}

fn told(content: Content, unread: u64, words: &Words) -> (String, String) {
    let Content { group, sender, text } = content;
    let text = if text.is_empty() { words.new_message.to_owned() } else { text };
    let (title, body) = match group {
        Some(group) if sender.is_empty() => (group, text),
        Some(group) => (group, format!("{sender}: {text}")),
        None if sender.is_empty() => (APP.to_owned(), text),
        None => (sender, text),
    };
    let title = if unread > 1 { format!("{title} ({})", count(unread)) } else { title };
    (title, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    fn message(unread: u64, content: Option<Content>) -> Alert {
        Alert::Message { conversation: id(), seq: 7, unread, content }
    }

    fn id() -> ConversationId {
        "0193e4a0-0000-7000-8000-0000000000aa".parse().unwrap()
    }

    fn content(group: Option<&str>, sender: &str, text: &str) -> Option<Content> {
        Some(Content { group: group.map(str::to_owned), sender: sender.into(), text: text.into() })
    }

    #[test]
    fn a_notification_says_who_what_where_and_how_many() {
        for (alert, title, body) in [
            (message(1, content(None, "Grace", "moth")), "Grace", "moth"),
            (message(3, content(None, "Grace", "moth")), "Grace (3)", "moth"),
            (message(1, content(Some("Engines"), "Grace", "moth")), "Engines", "Grace: moth"),
            (message(2000, content(Some("E"), "Grace", "moth")), "E (999+)", "Grace: moth"),
            (message(1, content(None, "", "moth")), "Kith", "moth"),
            (message(1, content(Some("Engines"), "", "moth")), "Engines", "moth"),
            (message(1, content(None, "Grace", "")), "Grace", "New message"),
            (message(1, None), "Kith", "New message"),
            (message(4, None), "Kith", "4 new messages"),
            (
                Alert::Summary { messages: 12, conversations: 3 },
                "Kith",
                "12 new messages in 3 conversations",
            ),
        ] {
            let made = notice(alert.clone(), words("en")).unwrap();
            assert_eq!((made.title.as_str(), made.body.as_str()), (title, body), "{alert:?}");
        }
        let chinese = notice(message(4, None), words("zh-CN")).unwrap();
        assert_eq!(chinese.body, "4 条新消息");
    }

    #[test]
    fn a_click_leads_to_the_message_and_on_a_summary_to_the_window() {
        let made = notice(message(1, None), words("en")).unwrap();
        assert_eq!(made.target, Some(Target { conversation: id(), seq: Some(7) }));
        let summary = Alert::Summary { messages: 2, conversations: 2 };
        assert_eq!(notice(summary, words("en")).unwrap().target, None);
        assert_eq!(notice(Alert::WithdrawSummary, words("en")), None);
    }
}
