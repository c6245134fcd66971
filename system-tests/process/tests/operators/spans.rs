//! One message, followed through every stage by one id.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::{Command, ConversationId};

use crate::api::Api;
use crate::collector::Collector;
use crate::place::Place;
use crate::talk::{read, say, text};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Every stage, as the collector hears of it.
const STAGES: [&str; 7] = ["accept", "append", "sequence", "store", "fan_out", "deliver", "read"];

#[tokio::test]
async fn a_collector_sees_every_stage_of_a_message_in_one_trace_whose_id_is_its_ref() {
    let collector = Collector::start().await;
    let place = Place::prepared().await;
    let mut setup = place.node();
    let endpoint = format!("http://{}", collector.address);
    setup.variables.push(("KITH__OTLP__ENDPOINT".into(), endpoint));
    setup.variables.push(("KITH__OTLP__SAMPLED".into(), "1".into()));
    let node = setup.start().await.unwrap();
    let api = Api::new(node.address()).unwrap();
    let ada = api.accounts(1).await.unwrap().remove(0);
    let room = ConversationId(uuid::Uuid::now_v7());
    let create =
        Command::Create { title: "Engine room".into(), members: Vec::new(), history_open: false };
    say(&api, &ada, room, &[create]).await;
    let event = say(&api, &ada, room, &[text("a secret")]).await;
    read(&api, &ada, room, event.seq).await;

    let trace = event.client_ref.0.as_u128();
    let complete = async {
        loop {
            let spans = collector.of(trace).await;
            let names: BTreeSet<String> = spans.iter().map(|span| span.name.clone()).collect();
            if STAGES.iter().all(|stage| names.contains(*stage)) {
                return spans;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let spans = match tokio::time::timeout(PATIENCE, complete).await {
        Ok(spans) => spans,
        Err(_) => panic!("only these came: {:?}", collector.of(trace).await),
    };
    let root = spans.iter().find(|span| span.name == "accept").unwrap();
    assert!(root.parent_span_id.iter().all(|byte| *byte == 0), "accepting begins the trace");
    for span in spans.iter().filter(|span| span.name != "accept") {
        assert_eq!(span.parent_span_id, root.span_id, "{}", span.name);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{}", span.name);
    }
    assert!(!format!("{spans:?}").contains("a secret"), "nothing of what was written is told");
}
