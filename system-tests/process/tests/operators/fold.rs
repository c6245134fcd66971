//! Raising the version of the fold.

use std::time::Duration;

use crate::place::Place;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_version_of_the_fold_is_raised_only_when_every_node_knows_it() {
    let place = Place::prepared().await;
    let _node = place.start().await;
    let announced = async {
        while !place.kithd("fold show", &[]).await.out.contains(&format!("{}: knows 1", place.name))
        {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, announced).await.expect("the node is not announced");
    let ended = place.kithd("fold raise 2", &[]).await;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    for word in ["cannot fold version 2", &place.name, "this kithd"] {
        assert!(ended.complaint.contains(word), "no {word} in {}", ended.complaint);
    }
    let ended = place.kithd("fold raise 1", &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.starts_with("raised: 1\n"), "{}", ended.out);
    let ended = place.kithd("fold show", &[("CLUSTER__ZOOKEEPER", "127.0.0.1:1")]).await;
    assert_eq!(ended.code, Some(3), "without ZooKeeper nobody knows the nodes: {ended:?}");
}
