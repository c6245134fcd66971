//! The connection under faults: lost, blocked, replaced by a captive portal, full of garbage.

mod scripted;

use std::time::Duration;

use client::Client;
use client::api::{Answers, Nothing, OpenConversation, SendMessage, Sent, WithPerson};
use client::view::{Connection, Notification, Progress, RowBody};
use protocol::{ClientFrame, ClientRef, ConversationId, ServerFrame, direct_conversation};
use scripted::{
    BOB, End, ME, Net, Upgrade, connected, event, from_bob, hear, memory, sign_in, start, until,
};
use serde_json::{Value, json};

async fn say(client: &Client, text: &str) -> ClientRef {
    let person = client.open_direct(WithPerson { user: BOB }).await.expect("opened");
    let message =
        SendMessage { conversation: person.conversation, text: text.into(), reply_to: None };
    let Sent { client_ref } = client.send_message(message).await.expect("in the outbox");
    client_ref
}

fn with_bob() -> ConversationId {
    direct_conversation(ME, BOB)
}

async fn rows(client: &Client) -> Vec<(Option<u64>, Option<Progress>)> {
    let open = OpenConversation { conversation: with_bob(), at: None };
    let timeline = client.open_conversation(open).await.expect("it is known");
    timeline
        .rows
        .into_iter()
        .map(|row| match row.body {
            RowBody::Message(message) => (row.seq, message.progress),
            _ => (row.seq, None),
        })
        .collect()
}

async fn idle(client: &Client, wanted: bool) {
    let mut told = client.subscribe();
    hear(&mut told, |told| match told {
        Notification::Idle { idle } if idle == wanted => Some(()),
        _ => None,
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_is_resent_after_ten_seconds_with_the_same_ref_until_its_event_comes() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, _ends, client, mut end) = connected(folder.path()).await;
    let first = say(&client, "one").await;
    assert_eq!(end.submit().await, [first]);
    let second = say(&client, "two").await;
    let before = tokio::time::Instant::now();
    assert_eq!(end.submit().await, [first, second], "the same first, new ones behind");
    let waited = before.elapsed();
    assert!(waited >= Duration::from_secs(9) && waited < Duration::from_secs(11), "{waited:?}");
    assert_eq!(
        rows(&client).await,
        [(None, Some(Progress::Sending)), (None, Some(Progress::Sending))]
    );
    let waiting = idle(&client, true);
    end.send(&event(1, ME, first));
    end.send(&event(2, ME, second));
    waiting.await;
    assert_eq!(
        rows(&client).await,
        [(Some(1), Some(Progress::Sent)), (Some(2), Some(Progress::Sent))]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_made_again_with_the_cursor_and_what_was_not_answered_goes_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, mut ends, client, mut end) = connected(folder.path()).await;
    end.cursor("first");
    let sent = say(&client, "one").await;
    assert_eq!(end.submit().await, [sent]);
    drop(end);
    let mut end = ends.recv().await.unwrap();
    assert_eq!(end.welcome().await.cursor.as_deref(), Some("first"));
    assert_eq!(end.submit().await, [sent]);
}

#[tokio::test(start_paused = true)]
async fn it_opens_and_shows_everything_without_a_network_and_sends_when_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = memory();
    let (net, mut ends) = Net::new();
    let client = start(&net, folder.path(), secrets.clone()).await;
    sign_in(&client).await;
    let mut end = ends.recv().await.unwrap();
    end.welcome().await;
    let before = client.subscribe();
    end.send(&from_bob(1));
    let mut before = before;
    hear(&mut before, |n| matches!(n, Notification::Conversations { unread: 1, .. }).then_some(()))
        .await;
    client.shutdown().await;
    drop((client, end));

    net.down(true);
    let client = start(&net, folder.path(), secrets).await;
    let list = client.list_conversations(Nothing {}).await.unwrap();
    assert_eq!((list.unread, list.conversations[0].preview.as_str()), (1, "message 1"));
    let sent = say(&client, "offline").await;
    assert_eq!(rows(&client).await, [(Some(1), None), (None, Some(Progress::Sending))]);
    until(&client, |state| state.connection == Connection::Offline).await;
    net.down(false);
    client.network_changed();
    let mut end = ends.recv().await.unwrap();
    end.welcome().await;
    assert_eq!(end.submit().await, [sent]);
}

#[tokio::test(start_paused = true)]
async fn who_hears_of_a_connection_has_heard_before_that_not_all_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let (net, mut ends) = Net::new();
    let client = start(&net, folder.path(), memory()).await;
    let mut told = client.subscribe();
    sign_in(&client).await;
    let mut end = ends.recv().await.unwrap();
    assert!(matches!(end.next().await, ClientFrame::Hello(_)));
    let mut done = None;
    hear(&mut told, |told| {
        if let Notification::Idle { idle } = told {
            done = Some(idle);
        }
        matches!(told, Notification::State { state } if state.account.is_some()).then_some(())
    })
    .await;
    // Part of the answer: it is connected, and there is more to come.
    let page = protocol::frame::Page {
        conversations: vec![],
        account_version: 0,
        last: false,
        whole: false,
    };
    end.send(&ServerFrame::Page(page));
    hear(&mut told, |told| match told {
        Notification::Idle { idle } => {
            done = Some(idle);
            None
        }
        Notification::State { state } => state.connection.is_live().then_some(()),
        _ => None,
    })
    .await;
    assert_eq!(done, Some(false));
    end.answer_hello();
    hear(&mut told, |told| matches!(told, Notification::Idle { idle: true }).then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn row_50_a_captive_portal_is_offline_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let (net, mut ends, client, end) = connected(folder.path()).await;
    for portal in [(302, ""), (200, "<html>Accept our terms</html>")] {
        net.instead(Some(portal));
        net.upgrade(Upgrade::Refuse(portal.0));
        if portal.0 == 302 {
            let _ = end.to.send(Err(client::connect::Lost("gone".into())));
        }
        until(&client, |state| state.connection == Connection::Offline).await;
        assert!(client.get_state(Nothing {}).await.unwrap().account.is_some(), "still signed in");
    }
    net.instead(None);
    net.upgrade(Upgrade::Accept);
    let mut end = ends.recv().await.unwrap();
    end.welcome().await;
    until(&client, |state| state.connection == Connection::Online).await;
}

fn texts(bodies: &[Value]) -> Vec<String> {
    bodies
        .iter()
        .flat_map(|body| body["frames"].as_array().cloned().unwrap_or_default())
        .map(|f| f.to_string())
        .collect()
}

async fn polls_instead(net: &Net, client: &Client) {
    let page =
        json!({"page": {"conversations": [], "account_version": 0, "last": true, "whole": false}});
    net.poll_answer(vec![page]);
    until(client, |state| state.connection == Connection::Polling).await;
    let sent = say(client, "over polls").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let frames = texts(&net.asked("POST /v1/poll/send"));
    assert!(frames[0].starts_with("{\"hello\""), "{frames:?}");
    assert!(frames.iter().any(|frame| frame.contains(&sent.to_string())), "{frames:?}");
    net.poll_answer(vec![serde_json::to_value(event(1, ME, sent)).unwrap()]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rows(client).await, [(Some(1), Some(Progress::Sent))]);
    let polls = net.asked("POST /v1/poll");
    let numbers: Vec<u64> = polls.iter().map(|body| body["n"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

#[tokio::test(start_paused = true)]
async fn where_the_upgrade_is_refused_frames_go_over_polls_and_later_over_a_socket_again() {
    let folder = tempfile::tempdir().unwrap();
    let (net, mut ends) = Net::new();
    net.upgrade(Upgrade::Refuse(400));
    let client = start(&net, folder.path(), memory()).await;
    sign_in(&client).await;
    polls_instead(&net, &client).await;
    net.upgrade(Upgrade::Accept);
    let mut end = ends.recv().await.unwrap();
    end.welcome().await;
    until(&client, |state| state.connection == Connection::Online).await;
}

#[tokio::test(start_paused = true)]
async fn sockets_that_close_before_their_first_frame_twice_lead_to_polls() {
    let folder = tempfile::tempdir().unwrap();
    let (net, _ends) = Net::new();
    net.upgrade(Upgrade::Close);
    let client = start(&net, folder.path(), memory()).await;
    sign_in(&client).await;
    polls_instead(&net, &client).await;
}

#[tokio::test(start_paused = true)]
async fn a_stale_answer_to_a_poll_is_asked_for_again_and_no_answer_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let (net, _ends) = Net::new();
    net.upgrade(Upgrade::Refuse(400));
    net.stale_polls(2);
    let client = start(&net, folder.path(), memory()).await;
    sign_in(&client).await;
    let page =
        json!({"page": {"conversations": [], "account_version": 0, "last": true, "whole": false}});
    net.poll_answer(vec![page]);
    until(&client, |state| state.connection == Connection::Polling).await;
    let polls = net.asked("POST /v1/poll");
    let numbers: Vec<u64> = polls.iter().map(|body| body["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers[..3], [1, 1, 1], "{numbers:?}");
}

#[tokio::test(start_paused = true)]
async fn after_resync_comes_another_hello_on_the_same_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, _ends, _client, mut end) = connected(folder.path()).await;
    end.send(&from_bob(1));
    end.cursor("before");
    end.send(&ServerFrame::Resync {});
    let hello = loop {
        if let ClientFrame::Hello(hello) = end.next().await {
            break hello;
        }
    };
    assert_eq!(hello.cursor.as_deref(), Some("before"));
    // A cursor that belongs to the answer before counts for nothing.
    end.cursor("stale");
    end.answer_hello();
    end.cursor("after");
    end.send(&ServerFrame::Resync {});
    let hello = loop {
        if let ClientFrame::Hello(hello) = end.next().await {
            break hello;
        }
    };
    assert_eq!(hello.cursor.as_deref(), Some("after"));
}

#[tokio::test(start_paused = true)]
async fn goaway_is_followed_after_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, mut ends, _client, end) = connected(folder.path()).await;
    let goaway = protocol::frame::Goaway { retry_after_ms: 5_000, prefer: vec![] };
    end.send(&ServerFrame::Goaway(goaway));
    let began = tokio::time::Instant::now();
    ends.recv().await.unwrap().welcome().await;
    assert!(began.elapsed() >= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn row_50_garbage_from_the_server_is_skipped_and_the_session_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, _ends, client, mut end) = connected(folder.path()).await;
    for garbage in [
        "",
        "null",
        "[]",
        "{}",
        "<html>",
        "{\"event\": 5}",
        "{\"from_2031\": {}}",
        "{\"event\": {}, \"page\": {}}",
        "{\"marked\": {\"conversation\": \"x\"}}",
        "{\"cursor\": {\"cursor\": 9007199254740993}}",
        "{\"slow_down\": {\"conversation\": \"00000000-0000-0000-0000-000000000000\", \"retry_after_ms\": 18446744073709551615}}",
        "{\"goaway\": {\"retry_after_ms\": -1}}",
        "{\"error\": {\"code\": \"from_2031\", \"detail\": \"\"}}",
    ] {
        end.send_text(garbage);
    }
    end.send_text(&format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)));
    end.send(&from_bob(1));
    let ClientFrame::Mark(mark) = end.next().await else { panic!("delivered is said") };
    assert_eq!((mark.delivered, mark.read), (1, 0));
    assert_eq!(rows(&client).await, [(Some(1), None)]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (net, mut ends) = Net::new();
    let client = start(&net, folder.path(), memory()).await;
    sign_in(&client).await;
    let mut silent: End = ends.recv().await.unwrap();
    assert!(matches!(silent.next().await, ClientFrame::Hello(_)));
    let mut end = ends.recv().await.unwrap();
    end.welcome().await;
    until(&client, |state| state.connection == Connection::Online).await;
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_does_not_keep_up_is_told_to_read_everything_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (_net, _ends, client, end) = connected(folder.path()).await;
    let mut slow = client.subscribe();
    for seq in 1..=1500 {
        end.send(&from_bob(seq));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut held = 0;
    while slow.try_recv().is_ok() {
        held += 1;
    }
    assert!(held <= 1024, "nothing is unbounded");
    end.send(&from_bob(1501));
    // Whether all is done is told anew too: nobody can ask for that.
    let mut done = None;
    hear(&mut slow, |told| match told {
        Notification::Idle { idle } => {
            done = Some(idle);
            None
        }
        Notification::State { state } => {
            state.notices.iter().any(|notice| notice.code == "reload").then_some(())
        }
        _ => None,
    })
    .await;
    assert_eq!(done, Some(false), "a marker is on its way");
}
