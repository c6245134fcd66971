//! Whether the topics are those that this cluster's positions are counted in.
//!
//! A position names a place in one topic. If the topic is deleted and made anew, its offsets begin at 0
//! again, and new records would stand at or below heads that are stored: they would be taken for
//! replays and dropped. So the id of each topic is kept with the epoch of its positions, every node
//! looks at it before it begins and while it runs, and only an operator says that the new topic is to
//! be used: its epoch is then higher, and with it every position.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use event_log::{EPOCHS, LogError, Topics};
use storage::postgres::{Agreement, Topic};
use tokio::time::Instant;

use crate::config;

/// The topics whose positions are stored.
const COUNTED: [&str; 3] = ["log", "inbox", "push"];
/// How often a running node looks.
const EVERY: Duration = Duration::from_secs(5);
/// How long a topic may be missing at a start: a broker hears of it a moment after another made it.
const HEARD: Duration = Duration::from_secs(5);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// The topics as the brokers have them, each with the epoch that was agreed on.
#[derive(Clone, Debug)]
pub(super) struct Agreed {
    topics: BTreeMap<String, Topic>,
}

/// Compare what was agreed on with the topics that are there.
///
/// # Errors
/// [`LogError::Unfit`] for a topic that is not the one that was agreed on; nothing is written.
pub(super) async fn look(
    cluster: &config::Cluster,
    agreement: &Agreement,
) -> anyhow::Result<Agreed> {
    let before = agreement.topics().await.context("cluster.postgres")?;
    let brokers = Topics::of(&cluster.kafka).context("cluster.kafka")?;
    let mut topics = BTreeMap::new();
    for short in COUNTED {
        let name = name(cluster, short);
        let id = id(&brokers, &name).await?;
        let topic = judge(&before, name, id).context("cluster.topics")?;
        topics.insert(short.to_owned(), topic);
    }
    Ok(Agreed { topics })
}

impl Agreed {
    /// The epoch of a topic's positions: `log`, `inbox` or `push`.
    pub(super) fn epoch(&self, short: &str) -> u64 {
        self.topics.get(short).map_or(1, |topic| topic.epoch)
    }

    /// Agree on those that are used for the first time.
    pub(super) async fn keep(&self, agreement: &Agreement) -> anyhow::Result<()> {
        for topic in self.topics.values() {
            agreement.keep(topic).await.context("cluster.postgres")?;
        }
        Ok(())
    }

    /// Look at the topics for as long as the node runs. Brokers that do not answer say nothing.
    ///
    /// # Errors
    /// [`LogError::Unfit`] when a topic was made anew: this node's positions mean nothing there.
    pub(super) async fn watch(self, brokers: Vec<String>) -> Result<(), LogError> {
        let brokers = Topics::of(&brokers)?;
        let agreed: Vec<Topic> = self.topics.into_values().collect();
        loop {
            tokio::time::sleep(EVERY).await;
            for topic in &agreed {
                if let Ok(id) = brokers.id(&topic.name).await {
                    judge(&agreed, topic.name.clone(), id)?;
                }
            }
        }
    }
}

/// The topic with its epoch, if it is the one that was agreed on or nothing was.
fn judge(agreed: &[Topic], name: String, id: String) -> Result<Topic, LogError> {
    match agreed.iter().find(|topic| topic.name == name) {
        None => Ok(Topic { name, id, epoch: 1 }),
        Some(topic) if topic.id == id => Ok(topic.clone()),
        Some(_) => Err(LogError::Unfit(format!(
            "{name} was made anew since this cluster began to use it. If its records are really gone, \
             stop every node and run `kithd topics adopt`"
        ))),
    }
}

/// Use the topics that are there from now on. One that was made anew, or that ends before what was
/// stored from it, gets the next epoch, so that its positions are above all that is stored. What was
/// done, a line for each.
///
/// # Errors
/// When a service does not answer, or a topic has had all its epochs.
pub(super) async fn adopt(
    cluster: &config::Cluster,
    agreement: &Agreement,
    past_end: impl AsyncFn(&Topic, &str) -> anyhow::Result<bool>,
) -> anyhow::Result<Vec<String>> {
    let before = agreement.topics().await.context("cluster.postgres")?;
    let brokers = Topics::of(&cluster.kafka).context("cluster.kafka")?;
    let mut done = Vec::new();
    for short in COUNTED {
        let name = name(cluster, short);
        let id = id(&brokers, &name).await?;
        let topic = match before.iter().find(|topic| topic.name == name) {
            None => Topic { name, id, epoch: 1 },
            Some(old) if old.id == id && !past_end(old, short).await? => {
                done.push(format!("{name}: epoch {}, as before", old.epoch));
                continue;
            }
            Some(old) => Topic { name, id, epoch: old.epoch + 1 },
        };
        let (name, epoch) = (&topic.name, topic.epoch);
        ensure!(epoch <= EPOCHS, "{name} has had all its {EPOCHS} epochs");
        agreement.keep(&topic).await.context("cluster.postgres")?;
        done.push(format!("{name}: adopted, epoch {epoch}"));
    }
    Ok(done)
}

fn name(cluster: &config::Cluster, short: &str) -> String {
    format!("{}.{short}", cluster.topics)
}

async fn id(brokers: &Topics, name: &str) -> anyhow::Result<String> {
    let patience = Instant::now() + HEARD;
    loop {
        match brokers.id(name).await {
            Err(_) if Instant::now() < patience => tokio::time::sleep(LOOK).await,
            Err(error @ LogError::Unfit(_)) => {
                return Err(error).context("cluster.topics (`kithd topics create` makes them)");
            }
            id => return id.context("cluster.kafka"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_of_another_id_is_refused_and_one_that_is_new_begins_at_epoch_1() {
        let topic = |id: &str, epoch| Topic { name: "kith.log".into(), id: id.into(), epoch };
        let name = || "kith.log".to_owned();
        assert_eq!(judge(&[], name(), "a".into()), Ok(topic("a", 1)));
        assert_eq!(judge(&[topic("a", 7)], name(), "a".into()), Ok(topic("a", 7)));
        let refused = judge(&[topic("a", 7)], name(), "b".into()).unwrap_err().to_string();
        assert!(refused.contains("kith.log") && refused.contains("topics adopt"), "{refused}");
    }
}
