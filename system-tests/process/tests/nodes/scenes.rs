//! The scenes.

use std::time::Duration;

use protocol::ServerFrame;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::people::{Nodes, PATIENCE};

/// How soon people see what was stored, whatever happened to the owner of their inbox: its lease lapses
/// after 6 s, 2 s later it is missed, and the heads are compared every 2 s. The rest is for a slow machine.
const SOON: Duration = Duration::from_secs(20);

fn none(_: usize) -> Vec<(String, String)> {
    Vec::new()
}

/// Everybody is connected, one node after another.
async fn everybody(people: usize, own: impl Fn(usize) -> Vec<(String, String)>) -> Nodes {
    let mut nodes = Nodes::with(people, own).await.unwrap();
    for person in 0..people {
        nodes.connect(person, person % Nodes::count()).await.unwrap();
    }
    nodes
}

/// Each writes to the next one, and both see all of it.
async fn everybody_talks(nodes: &mut Nodes, text: &str, within: Duration) {
    let count = nodes.people.len();
    let mut wanted = Vec::new();
    for from in 0..count {
        let to = (from + 1) % count;
        let message = nodes.write(from, to, text);
        wanted.extend([(from, message), (to, message)]);
    }
    nodes
        .until(text, within, |nodes| wanted.iter().all(|(who, what)| nodes.has_seen(*who, *what)))
        .await;
}

#[tokio::test]
async fn people_at_different_nodes_hear_each_other_see_who_types_and_who_is_there() {
    let mut nodes = everybody(6, none).await;
    everybody_talks(&mut nodes, "hello", PATIENCE).await;
    for (writer, reader) in [(0, 1), (1, 2), (2, 3), (4, 3)] {
        let (room, user) = (nodes.room(writer, reader), nodes.user(writer));
        nodes.say(writer, submit_first(&nodes, writer, reader));
        nodes.looks(reader, &[room], &[user]);
        nodes
            .hears(
                reader,
                "that somebody is there",
                |frame| matches!(frame, ServerFrame::Presence(p) if p.user == user && p.online),
            )
            .await;
        nodes.types(writer, room);
        nodes
            .hears(reader, "somebody types", |frame| {
                matches!(frame, ServerFrame::Typing(t) if (t.conversation, t.user) == (room, user))
            })
            .await;
        nodes.people[writer].session = None;
        nodes
            .hears(
                reader,
                "that somebody has gone",
                |frame| matches!(frame, ServerFrame::Presence(p) if p.user == user && !p.online),
            )
            .await;
        nodes.connect(writer, (writer + 1) % Nodes::count()).await.unwrap();
        nodes
            .hears(
                reader,
                "that somebody is there again",
                |frame| matches!(frame, ServerFrame::Presence(p) if p.user == user && p.online),
            )
            .await;
    }
}

/// Two who have never spoken have no conversation to type in.
fn submit_first(nodes: &Nodes, from: usize, to: usize) -> protocol::ClientFrame {
    let entry = protocol::Entry {
        client_ref: protocol::ClientRef(uuid::Uuid::now_v7()),
        command: protocol::Command::Message { text: "first".into(), reply_to: None },
    };
    protocol::ClientFrame::Submit(protocol::command::Submit {
        conversation: nodes.room(from, to),
        peer: Some(nodes.user(to)),
        commands: vec![entry],
    })
}

#[tokio::test]
async fn a_long_poll_session_is_used_through_any_node() {
    let mut nodes = Nodes::with(2, none).await.unwrap();
    nodes.connect(1, 1).await.unwrap();
    let token = nodes.people[0].account.access_token.clone();
    let ask = async |nodes: &Nodes, node: usize, path: &str, body: Value| {
        let answer = nodes.apis[node].ask("POST", path, &token, &body).await;
        answer.map(|text| serde_json::from_str::<Value>(&text).unwrap())
    };
    let opened = ask(&nodes, 0, "/v1/poll/open", json!({})).await.unwrap();
    let session = opened["session"].as_str().unwrap().to_owned();
    assert!(session.starts_with("node-1."), "{session}");
    // Sent through the second node, polled through the third, and again through the second.
    let hello = json!({"session": session, "m": 1, "frames": [{"hello": {"version": 1}}]});
    let patience = Instant::now() + PATIENCE;
    // The nodes may still be on their way to each other. What is sent once more is taken once.
    for node in [1, 2] {
        while let Err(error) = ask(&nodes, node, "/v1/poll/send", hello.clone()).await {
            assert!(error.to_string().contains("session_unknown"), "{error}");
            assert!(Instant::now() < patience, "the nodes are not linked");
            sleep(Duration::from_millis(100)).await;
        }
    }
    let mut n = 0;
    let mut polled = String::new();
    while !polled.contains("cursor") {
        n += 1;
        let body = json!({"session": session, "n": n});
        let first = ask(&nodes, 2, "/v1/poll", body.clone()).await.unwrap();
        let again = ask(&nodes, 1, "/v1/poll", body).await.unwrap();
        assert_eq!(first, again, "an answer is kept, wherever it is asked for");
        polled += &first.to_string();
    }
    let (room, client_ref) = nodes.write(1, 0, "to somebody who polls");
    while !polled.contains(&client_ref.to_string()) {
        n += 1;
        let body = json!({"session": session, "n": n});
        polled += &ask(&nodes, 2, "/v1/poll", body).await.unwrap().to_string();
    }
    assert!(polled.contains(&room.to_string()));
    // What nobody has opened, what names no node, and another's.
    for wrong in ["node-1.0", "node-9.0", "node-2.", "x", ""] {
        let refused = ask(&nodes, 1, "/v1/poll", json!({"session": wrong, "n": 1})).await;
        assert!(refused.unwrap_err().to_string().contains("session_unknown"), "{wrong}");
    }
    let other = nodes.people[1].account.access_token.clone();
    let body = json!({"session": session, "n": n});
    let refused = nodes.apis[1].ask("POST", "/v1/poll", &other, &body).await;
    assert!(refused.unwrap_err().to_string().contains("session_unknown"));
}

#[tokio::test]
async fn who_cannot_be_reached_by_the_owner_of_their_inbox_sees_everything_all_the_same() {
    // Nobody can link to the third node, which owns a third of the inboxes.
    let mut nodes = everybody(9, |node| {
        let address = ("KITH__CLUSTER__LINK_ADDRESS".to_owned(), "127.0.0.1:9".to_owned());
        if node == 2 { vec![address] } else { Vec::new() }
    })
    .await;
    for n in 0..3 {
        everybody_talks(&mut nodes, &format!("round {n}"), SOON).await;
    }
}

#[tokio::test]
async fn a_frozen_node_holds_nobody_else_up_for_long_and_goes_on_as_if_nothing_was() {
    let mut nodes = everybody(9, none).await;
    everybody_talks(&mut nodes, "before", PATIENCE).await;
    // Those who are connected to it are as cut off as it is.
    for person in (2..9).step_by(3) {
        nodes.connect(person, person / 3 % 2).await.unwrap();
    }
    everybody_talks(&mut nodes, "all at two nodes", PATIENCE).await;
    nodes.cluster.freeze(2).await.unwrap();
    let count = nodes.people.len();
    let mut messages = Vec::new();
    for from in 0..count {
        messages.push((from, (from + 1) % count, nodes.write(from, (from + 1) % count, "frozen")));
    }
    // Some of these conversations were the frozen node's to order. From the moment at which another
    // node has stored a message, nobody waits for it long.
    for (from, to, message) in messages {
        let account = nodes.people[from].account.clone();
        let stored = Instant::now() + PATIENCE;
        loop {
            let history = nodes.apis[0].history(&account, message.0, 1).await.unwrap();
            if history.events.iter().any(|event| event.client_ref == message.1) {
                break;
            }
            assert!(Instant::now() < stored, "nobody takes over from the frozen node");
            sleep(Duration::from_millis(100)).await;
        }
        nodes
            .until("what is stored is seen", SOON, |nodes| {
                [from, to].iter().all(|who| nodes.has_seen(*who, message))
            })
            .await;
    }
    nodes.cluster.thaw(2).await.unwrap();
    for person in (2..9).step_by(3) {
        nodes.connect(person, 2).await.unwrap();
    }
    everybody_talks(&mut nodes, "after", PATIENCE).await;
}

#[tokio::test]
async fn a_killed_node_is_followed_by_another_one_and_can_come_back() {
    let mut nodes = everybody(9, none).await;
    everybody_talks(&mut nodes, "before", PATIENCE).await;
    nodes.cluster.kill(2).await.unwrap();
    for person in (2..9).step_by(3) {
        nodes.connect(person, person / 3 % 2).await.unwrap();
    }
    everybody_talks(&mut nodes, "without it", PATIENCE).await;
    nodes.cluster.revive(2).await.unwrap();
    for person in (2..9).step_by(3) {
        nodes.connect(person, 2).await.unwrap();
    }
    everybody_talks(&mut nodes, "with it", PATIENCE).await;
}
