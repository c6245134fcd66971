//! A topic that was deleted and made anew: no node goes on with it before an operator has said so, and
//! then everything goes on above what is stored.

use std::time::Duration;

use event_log::Topics;
use protocol::{Command, ConversationId};

use crate::api::Api;
use crate::place::Place;
use crate::talk::{say, text};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// The position of an event, from what `kithd trace` says: epoch and offset.
async fn place_of(place: &Place, conversation: ConversationId, seq: u64) -> (u64, u64) {
    let ended = place.kithd(&format!("trace {conversation} {seq}"), &[]).await;
    let line = ended.out.lines().find(|line| line.starts_with("log ")).unwrap_or_else(|| {
        panic!("{ended:?}");
    });
    let number = |word: &str| {
        let rest = line.split(&format!("{word} ")).nth(1).unwrap();
        rest.split(',').next().unwrap().trim().parse().unwrap()
    };
    (number("epoch"), number("offset"))
}

async fn make_anew(topics: &Topics, place: &Place, short: &str) {
    let name = format!("{}.{short}", place.name);
    let before = topics.id(&name).await.unwrap();
    topics.delete(&name).await.unwrap();
    let made = async {
        loop {
            // Its name is free a moment later.
            let ended = place.kithd("topics create", &[]).await;
            if ended.code == Some(0) && topics.id(&name).await.is_ok_and(|id| id != before) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, made).await.expect("the topic is not made anew");
}

#[tokio::test]
async fn a_topic_made_anew_stops_every_node_until_it_is_adopted_and_then_all_goes_on() {
    let place = Place::prepared().await;
    let topics = Topics::of(&["127.0.0.1:19092".into()]).unwrap();
    let mut node = place.start().await;
    let mut api = Api::new(node.address()).unwrap();
    let ada = api.accounts(1).await.unwrap().remove(0);
    let room = ConversationId(uuid::Uuid::now_v7());
    let create =
        Command::Create { title: "Engine room".into(), members: Vec::new(), history_open: false };
    assert_eq!(say(&api, &ada, room, &[create, text("one"), text("two")]).await.seq, 3);
    let before = place_of(&place, room, 3).await;
    assert_eq!(before.0, 1, "the first epoch");

    // A node that runs ends by itself: its positions would mean something else.
    make_anew(&topics, &place, "log").await;
    let ended = tokio::time::timeout(PATIENCE, node.process().wait()).await;
    assert_eq!(ended.expect("the node goes on").unwrap().code(), Some(4));
    let ended = place.kithd("run", &[]).await;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let log = format!("{}.log", place.name);
    for word in ["cluster.topics", &log, "kithd topics adopt"] {
        assert!(ended.complaint.contains(word), "no {word} in {}", ended.complaint);
    }

    let ended = place.kithd("topics adopt", &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains(&format!("{log}: adopted, epoch 2")), "{}", ended.out);
    assert!(ended.out.contains(&format!("{}.inbox: epoch 1", place.name)), "{}", ended.out);
    let again = place.kithd("topics adopt", &[]).await;
    assert!(again.out.contains(&format!("{log}: epoch 2, as before")), "{}", again.out);

    let node = place.start().await;
    api.address = node.address();
    assert_eq!(say(&api, &ada, room, &[text("three")]).await.seq, 4);
    let after = place_of(&place, room, 4).await;
    assert!(after > before && after.0 == 2, "{before:?}, then {after:?}");
    let history = api.history(&ada, room, 1).await.unwrap();
    let seqs: Vec<u64> = history.events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4], "nothing is lost and nothing overwritten");
    assert_eq!(history.states.len(), 3);
}
