//! Making the topics and seeing that they are as they must be. A topic with fewer copies, another
//! number of partitions or unclean elections works until the day it loses what was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;

use super::{QUESTION, blocking, client, identity, unreachable};
use crate::LogError;

const HOUR: u64 = 60 * 60 * 1000;

/// What a topic must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its number of partitions, for life.
    pub partitions: u32,
    /// On how many brokers each record is.
    pub replicas: u32,
    /// How long records are kept, in milliseconds.
    pub retention_ms: u64,
}

/// The topics of Kith. The conversation log and what it could not read are kept 7 days, longer than
/// any outage of the fold; what was told and pushed is of no use after 48 hours.
#[must_use]
pub fn wanted(partitions: u32, replicas: u32) -> [Wanted; 4] {
    [("kith.log", 7 * 24), ("kith.inbox", 48), ("kith.push", 48), ("kith.dead", 7 * 24)].map(
        |(name, hours)| Wanted {
            name: name.into(),
            partitions,
            replicas,
            retention_ms: hours * HOUR,
        },
    )
}

impl Wanted {
    /// Its settings. An append must be on two brokers before it is acknowledged, and a broker that
    /// was not in step never leads: it would forget acknowledged records.
    fn settings(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("min.insync.replicas", self.replicas.min(2).to_string()),
            ("unclean.leader.election.enable", "false".into()),
            ("retention.ms", self.retention_ms.to_string()),
            ("retention.bytes", "-1".into()),
            ("cleanup.policy", "delete".into()),
            // The broker's time. It refuses what a producer says is an hour ahead, and a node whose clock
            // is wrong must be able to append all the same.
            ("message.timestamp.type", "LogAppendTime".into()),
        ])
    }
}

/// Whether a topic had to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is new.
    New,
    /// It was there and was left as it is.
    Before,
}

/// A door to the brokers for those who make and check topics.
pub struct Topics {
    brokers: Vec<String>,
    admin: Arc<AdminClient<DefaultClientContext>>,
}

impl Topics {
    /// Through these brokers, `host:port` each.
    ///
    /// # Errors
    /// When the list cannot be understood.
    pub fn of(brokers: &[String]) -> Result<Self, LogError> {
        let admin = Arc::new(client(brokers).create().map_err(unreachable)?);
        Ok(Self { brokers: brokers.to_vec(), admin })
    }

    /// Make those that are not there. One that is there is not changed: what differs is for
    /// [`Topics::check`] to say and for a person to decide.
    ///
    /// # Errors
    /// When the brokers do not answer or refuse.
    pub async fn create(&self, wanted: &[Wanted]) -> Result<Vec<(String, Made)>, LogError> {
        let settings: Vec<_> = wanted.iter().map(Wanted::settings).collect();
        let topics = wanted.iter().zip(&settings).map(|(topic, settings)| {
            let copies = TopicReplication::Fixed(signed(topic.replicas));
            let new = NewTopic::new(&topic.name, signed(topic.partitions), copies);
            settings.iter().fold(new, |new, (key, value)| new.set(key, value))
        });
        let topics: Vec<NewTopic<'_>> = topics.collect();
        let answers = self.admin.create_topics(&topics, &options()).await.map_err(unreachable)?;
        answers
            .into_iter()
            .map(|answer| match answer {
                Ok(name) => Ok((name, Made::New)),
                Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => Ok((name, Made::Before)),
                Err((name, error)) => Err(LogError::Unfit(format!("{name} is not made: {error}"))),
            })
            .collect()
    }

    /// What is not as it must be, a sentence each that names the topic; empty when all is well.
    ///
    /// # Errors
    /// When the brokers do not answer.
    pub async fn check(&self, wanted: &[Wanted]) -> Result<Vec<String>, LogError> {
        let mut complaints = Vec::new();
        for topic in wanted {
            let found = self.found(&topic.name).await?;
            let Some((partitions, fewest)) = found else {
                complaints.push(format!("{} is missing", topic.name));
                continue;
            };
            if partitions != topic.partitions as usize {
                let Wanted { name, partitions: must, .. } = topic;
                complaints.push(format!("{name} has {partitions} partitions and must have {must}"));
            }
            if fewest < topic.replicas as usize {
                let Wanted { name, replicas, .. } = topic;
                complaints.push(format!("{name} has {fewest} replicas and must have {replicas}"));
            }
            complaints.extend(self.check_settings(topic).await?);
        }
        Ok(complaints)
    }

    /// What identifies a topic: one that was deleted and made anew under its old name has another id.
    /// Whoever keeps positions keeps this beside them, and refuses to go on with another.
    ///
    /// # Errors
    /// [`LogError::Unfit`] when the topic is not there, [`LogError::Unreachable`] when no broker answers.
    pub async fn id(&self, name: &str) -> Result<String, LogError> {
        identity::of(&self.brokers, name).await
    }

    /// Remove a topic with all its records. For tests, which make topics of their own.
    ///
    /// # Errors
    /// When the brokers do not answer or refuse.
    #[cfg(feature = "testing")]
    pub async fn delete(&self, name: &str) -> Result<(), LogError> {
        let answers = self.admin.delete_topics(&[name], &options()).await.map_err(unreachable)?;
        match answers.into_iter().next() {
            Some(Err((name, error))) => Err(LogError::Unfit(format!("{name}: {error}"))),
            _ => Ok(()),
        }
    }

    /// The number of partitions, and the copies of the one that has the fewest.
    async fn found(&self, name: &str) -> Result<Option<(usize, usize)>, LogError> {
        let (admin, name) = (self.admin.clone(), name.to_owned());
        blocking(move || {
            let metadata =
                admin.inner().fetch_metadata(Some(&name), QUESTION).map_err(unreachable)?;
            let topic = metadata.topics().iter().find(|topic| topic.name() == name);
            let partitions = topic.map(|topic| topic.partitions()).unwrap_or_default();
            let fewest = partitions.iter().map(|partition| partition.replicas().len()).min();
            Ok(fewest.map(|fewest| (partitions.len(), fewest)))
        })
        .await
    }

    async fn check_settings(&self, topic: &Wanted) -> Result<Vec<String>, LogError> {
        let which = [ResourceSpecifier::Topic(&topic.name)];
        let answers = self.admin.describe_configs(&which, &options()).await.map_err(unreachable)?;
        let answer = answers.into_iter().next();
        let found = answer
            .ok_or_else(|| LogError::Unreachable("no settings in the answer".into()))?
            .map_err(|error| LogError::Unreachable(error.to_string()))?;
        let settings = topic.settings();
        let differ = settings.iter().filter_map(|(key, must)| {
            let value = found.get(key).and_then(|entry| entry.value.clone()).unwrap_or_default();
            (value != *must)
                .then(|| format!("{}: {key} is `{value}` and must be `{must}`", topic.name))
        });
        Ok(differ.collect())
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(QUESTION)).operation_timeout(Some(QUESTION))
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
