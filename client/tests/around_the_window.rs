//! What a window and the client around it tell each other: alerts, places to go to, the end.

mod scripted;

use std::time::Duration;

use client::Client;
use client::api::{Answers, CallCode, MuteConversation, Nothing, OpenConversation};
use client::notify::{Alert, Alerts, Looking};
use client::view::{Notification, Notify, Settings, Target};
use protocol::frame::Marked;
use protocol::model::Marker;
use protocol::{ConversationId, ServerFrame, direct_conversation};
use scripted::{BOB, ME, connected, from_bob, hear};
use tokio::time::timeout;

fn with_bob() -> ConversationId {
    direct_conversation(ME, BOB)
}

/// What a client tells from now on. What is there already is old.
async fn alerts_of(client: &Client) -> Alerts {
    let mut alerts = client.alerts();
    nothing(&mut alerts).await;
    alerts
}

/// The next alerts. The time that passes is paused, so patience costs nothing.
async fn next(alerts: &mut Alerts) -> Vec<Alert> {
    timeout(Duration::from_secs(900), sometime(alerts)).await.expect("something to tell")
}

async fn sometime(alerts: &mut Alerts) -> Vec<Alert> {
    loop {
        alerts.changed().await;
        let taken = alerts.take().await;
        if !taken.is_empty() {
            return taken;
        }
    }
}

/// Nothing is told for a long while.
async fn nothing(alerts: &mut Alerts) {
    let waited = timeout(Duration::from_secs(60), sometime(alerts)).await;
    assert!(waited.is_err(), "{waited:?}");
}

fn read_up_to(seq: u64) -> ServerFrame {
    let marker = Marker { user: ME, delivered: seq, read: seq };
    ServerFrame::Marked(Marked { conversation: with_bob(), marker, read_ord: seq })
}

fn seqs(alerts: &[Alert]) -> Vec<u64> {
    let seqs = alerts.iter().filter_map(|alert| match alert {
        Alert::Message { seq, .. } => Some(*seq),
        _ => None,
    });
    seqs.collect()
}

#[tokio::test(start_paused = true)]
async fn a_message_is_told_of_and_taken_back_when_it_is_read_on_another_device() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, _ends, client, end) = connected(folder.path()).await;
    let mut alerts = alerts_of(&client).await;
    end.send(&from_bob(1));
    assert_eq!(seqs(&next(&mut alerts).await), [1]);
    end.send(&read_up_to(1));
    assert_eq!(next(&mut alerts).await, [Alert::Withdraw(with_bob())]);

    // Both at once: it is read at the instant of showing.
    end.send(&from_bob(2));
    end.send(&read_up_to(2));
    nothing(&mut alerts).await;
}

#[tokio::test(start_paused = true)]
async fn when_the_window_is_gone_nothing_of_what_was_open_in_it_is_watched_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, _ends, client, mut end) = connected(folder.path()).await;
    let mut alerts = alerts_of(&client).await;
    end.send(&from_bob(1));
    next(&mut alerts).await;
    let open = OpenConversation { conversation: with_bob(), at: None };
    client.open_conversation(open).await.expect("opened");
    while end.look().await.conversations != [with_bob()] {}
    client.window_is_gone().await;
    assert_eq!(end.look().await.conversations, []);
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_few_alerts_and_nobody_is_told_of_what_they_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, _ends, client, end) = connected(folder.path()).await;
    let mut alerts = alerts_of(&client).await;
    for seq in 1..=50 {
        end.send(&from_bob(seq));
    }
    assert_eq!(seqs(&next(&mut alerts).await), [50]);
    for seq in 51..=60 {
        end.send(&from_bob(seq));
    }
    assert_eq!(seqs(&next(&mut alerts).await), [60], "the next comes when it may, by itself");
    client.looks_at(Looking { focused: true, conversation: Some(with_bob()) });
    assert_eq!(next(&mut alerts).await, [Alert::Withdraw(with_bob())]);
    end.send(&from_bob(61));
    nothing(&mut alerts).await;
    client.looks_at(Looking { focused: false, conversation: None });
    end.send(&from_bob(62));
    assert_eq!(seqs(&next(&mut alerts).await), [62]);
}

#[tokio::test(start_paused = true)]
async fn what_the_person_closed_is_not_taken_back_and_signing_out_takes_back_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, _ends, client, end) = connected(folder.path()).await;
    let mut alerts = alerts_of(&client).await;
    end.send(&from_bob(1));
    next(&mut alerts).await;
    alerts.gone(with_bob());
    end.send(&read_up_to(1));
    nothing(&mut alerts).await;
    end.send(&from_bob(2));
    next(&mut alerts).await;
    client.sign_out(Nothing {}).await.expect("signed out");
    assert_eq!(next(&mut alerts).await, [Alert::Withdraw(with_bob())]);
}

#[tokio::test(start_paused = true)]
async fn a_mute_and_the_setting_nothing_silence_and_bad_times_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, _ends, client, end) = connected(folder.path()).await;
    let mut alerts = alerts_of(&client).await;
    end.send(&from_bob(1));
    next(&mut alerts).await;
    let conversation = with_bob();
    for until in [Some(-1), Some(i64::MAX)] {
        let refused = client.mute_conversation(MuteConversation { conversation, until }).await;
        assert_eq!(refused.unwrap_err().code, CallCode::BadCall);
    }
    let always = MuteConversation { conversation, until: Some((1 << 53) - 1) };
    client.mute_conversation(always).await.expect("muted");
    assert_eq!(next(&mut alerts).await, [Alert::Withdraw(conversation)]);
    end.send(&from_bob(2));
    nothing(&mut alerts).await;
    client
        .mute_conversation(MuteConversation { conversation, until: None })
        .await
        .expect("not muted any more");
    nothing(&mut alerts).await;
    end.send(&from_bob(3));
    assert_eq!(seqs(&next(&mut alerts).await), [3]);
    let settings = Settings { notify: Notify::Nothing, ..client.settings() };
    client.change_settings(settings).await.expect("kept");
    assert_eq!(next(&mut alerts).await, [Alert::Withdraw(conversation)]);
}

#[tokio::test(start_paused = true)]
async fn a_place_to_go_to_is_told_and_taken_once_and_only_if_the_person_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, _ends, client, end) = connected(folder.path()).await;
    let mut told = client.subscribe();
    end.send(&from_bob(1));
    hear(&mut told, |told| matches!(told, Notification::Conversations { .. }).then_some(())).await;

    let target = Target { conversation: with_bob(), seq: Some(1) };
    client.go_to(target.clone());
    hear(&mut told, |told| matches!(told, Notification::TargetWaiting {}).then_some(())).await;
    let taken = async || client.take_target(Nothing {}).await.expect("an answer").target;
    assert_eq!(taken().await, Some(target));
    assert_eq!(taken().await, None);

    let nowhere = direct_conversation(BOB, BOB);
    assert!(client.knows(with_bob()).await && !client.knows(nowhere).await);
    client.go_to(Target { conversation: nowhere, seq: None });
    assert_eq!(taken().await, None);
}

#[tokio::test(start_paused = true)]
async fn only_an_app_with_a_window_of_its_own_can_be_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, _ends, client, _end) = connected(folder.path()).await;
    assert_eq!(client.quit(Nothing {}).await.unwrap_err().code, CallCode::BadCall);
    assert!(!client.get_state(Nothing {}).await.expect("a state").desktop);
    let (quit, quits) = std::sync::mpsc::channel();
    client.has_desktop(move || quit.send(()).unwrap_or_default());
    assert!(client.get_state(Nothing {}).await.expect("a state").desktop);
    client.quit(Nothing {}).await.expect("it ends");
    assert!(quits.try_recv().is_ok());
}
