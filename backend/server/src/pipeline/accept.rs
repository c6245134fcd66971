//! The first stage: authenticated, well-formed frames become records of the conversation log. It
//! refuses only for form, size, rate, or somebody who was never a member; the rest is the fold's.

use std::num::NonZeroUsize;
use std::sync::Arc;

use ::metrics::{counter, histogram};
use event_log::{EventLog, LogError};
use lru::LruCache;
use parking_lot::Mutex;
use protocol::frame::{Refused, Rejected, SlowDown};
use protocol::{Code, Command, ConversationId, ServerFrame, Submit, UserId};
use tokio::time::Instant;

use super::record::{Record, partition};
use super::stage;
use super::version::Written;
use crate::admin::metrics;
use crate::app::Stores;
use crate::environment::Environment;

/// Memberships and people that are remembered to be there: neither ends.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// The first stage. Shared by all connections.
pub struct Accept {
    environment: Environment,
    stores: Stores,
    log: Arc<dyn EventLog>,
    rate: Rate,
    /// The version of the fold that records are written for.
    pub written: Written,
    buckets: Mutex<LruCache<UserId, Bucket>>,
    members: Mutex<LruCache<(ConversationId, UserId), ()>>,
    people: Mutex<LruCache<UserId, ()>>,
}

/// How many commands a person may send.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// A second, in the long run.
    pub per_second: u32,
    /// At once, after a pause.
    pub burst: u32,
}

/// What a person may still send, in thousandths of a command.
struct Bucket {
    milli: u64,
    at: i64,
}

impl Accept {
    /// The stage over this log.
    #[must_use]
    pub fn new(
        environment: Environment,
        stores: Stores,
        log: Arc<dyn EventLog>,
        rate: Rate,
    ) -> Self {
        Self {
            environment,
            stores,
            log,
            rate,
            written: Written::default(),
            buckets: Mutex::new(LruCache::sparse(REMEMBERED)),
            members: Mutex::new(LruCache::sparse(REMEMBERED)),
            people: Mutex::new(LruCache::sparse(REMEMBERED)),
        }
    }

    /// Take a frame. What comes back is to be told to the sender at once; an accepted command is
    /// answered by its event, later. Waits while the log is full.
    pub async fn submit(&self, sender: UserId, mut submit: Submit) -> Vec<ServerFrame> {
        let (conversation, began) = (submit.conversation, Instant::now());
        if let Err(code) = submit.check(sender) {
            return vec![refused(code, conversation, "submit")];
        }
        if let Err(retry_after_ms) = self.take(sender, submit.commands.len()) {
            counter!(metrics::COMMANDS, "outcome" => "slow_down")
                .increment(submit.commands.len() as u64);
            return vec![ServerFrame::SlowDown(SlowDown { conversation, retry_after_ms })];
        }
        let mut answers = Vec::new();
        let mut reject = |client_ref, code| {
            counter!(metrics::COMMANDS, "outcome" => "rejected").increment(1);
            answers.push(ServerFrame::Rejected(Rejected { conversation, client_ref, code }));
        };
        submit.commands.retain(|entry| {
            entry.command.check().map_err(|code| reject(entry.client_ref, code)).is_ok()
        });
        let begins = matches!(
            submit.commands.first().map(|entry| &entry.command),
            Some(Command::Create { .. })
        );
        match self.stamped(sender, &submit, begins).await {
            Ok(Some((absent, blocked))) if !submit.commands.is_empty() => {
                counter!(metrics::COMMANDS, "outcome" => "accepted")
                    .increment(submit.commands.len() as u64);
                let record = Record {
                    version: self.written.now(),
                    conversation,
                    sender,
                    peer: submit.peer,
                    at: self.environment.now(),
                    commands: submit.commands,
                    absent,
                    blocked,
                };
                let partition = partition(conversation.bytes(), self.log.partitions());
                // An append that failed is unknown, not failed: the app sends it again.
                let appending = Instant::now();
                let appended = self.log.append(partition, record.encode()).await;
                histogram!(metrics::APPEND).record(appending.elapsed());
                match appended {
                    Ok(_) => follow(&record, appending, began),
                    Err(LogError::Full { retry_after }) => {
                        let retry_after_ms =
                            u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
                        let slow_down = SlowDown { conversation, retry_after_ms };
                        answers.push(ServerFrame::SlowDown(slow_down));
                    }
                    Err(error) => tracing::warn!(%conversation, "not appended: {error}"),
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => {
                for entry in &submit.commands {
                    reject(entry.client_ref, Code::NotAMember);
                }
            }
            Err(error) => {
                tracing::error!(%conversation, "could not be accepted: {error}");
                answers.push(refused(Code::Busy, conversation, "the store does not answer"));
            }
        }
        answers
    }

    /// What the fold cannot know; `None` for somebody who never was a member.
    async fn stamped(
        &self,
        sender: UserId,
        submit: &Submit,
        begins: bool,
    ) -> storage::Result<Option<(Vec<UserId>, Vec<UserId>)>> {
        if submit.peer.is_none() && !begins && !self.was_member(submit.conversation, sender).await?
        {
            return Ok(None);
        }
        let mut named: Vec<UserId> = submit.peer.into_iter().collect();
        for entry in &submit.commands {
            named.extend(entry.command.invites());
        }
        named.sort_unstable();
        named.dedup();
        if named.is_empty() {
            return Ok(Some((Vec::new(), Vec::new())));
        }
        let absent = self.absent(&named).await?;
        let blocked = self.stores.friends.blocked(sender, &named).await?;
        Ok(Some((absent, blocked)))
    }

    async fn was_member(
        &self,
        conversation: ConversationId,
        user: UserId,
    ) -> storage::Result<bool> {
        if self.members.lock().get(&(conversation, user)).is_some() {
            return Ok(true);
        }
        let was = self.stores.history.member(conversation, user).await?.is_some();
        if was {
            self.members.lock().put((conversation, user), ());
        }
        Ok(was)
    }

    async fn absent(&self, named: &[UserId]) -> storage::Result<Vec<UserId>> {
        let mut unknown: Vec<UserId> = {
            let mut people = self.people.lock();
            named.iter().copied().filter(|user| people.get(user).is_none()).collect()
        };
        for some in unknown.clone().chunks(protocol::limits::IDS_PER_REQUEST) {
            for person in self.stores.accounts.people(some).await? {
                self.people.lock().put(person.id, ());
                unknown.retain(|user| *user != person.id);
            }
        }
        Ok(unknown)
    }

    /// Whether a person may have something told that is no command, that they are writing for one. It
    /// costs as much as a command: whoever floods is not heard.
    pub fn may_tell(&self, user: UserId) -> bool {
        self.take(user, 1).is_ok()
    }

    /// Take `n` commands out of the person's bucket, or say in how many milliseconds they are there.
    fn take(&self, user: UserId, n: usize) -> Result<(), u64> {
        let (rate, full) = (u64::from(self.rate.per_second), u64::from(self.rate.burst) * 1000);
        let now = self.environment.now();
        let mut buckets = self.buckets.lock();
        let bucket = buckets.get_or_insert_mut(user, || Bucket { milli: full, at: now });
        let passed = u64::try_from(now - bucket.at).unwrap_or_default();
        bucket.milli = full.min(bucket.milli.saturating_add(passed.saturating_mul(rate)));
        bucket.at = now;
        // A frame of more than the burst passes when the bucket is full.
        let cost = (n as u64 * 1000).min(full);
        if bucket.milli >= cost {
            bucket.milli -= cost;
            return Ok(());
        }
        Err((cost - bucket.milli).div_ceil(rate.max(1)))
    }
}

/// Say that the log has a record.
fn follow(record: &Record, appending: Instant, began: Instant) {
    if stage::is_followed() {
        for entry in &record.commands {
            stage::passed(stage::APPEND, entry.client_ref, appending.elapsed());
            stage::passed(stage::ACCEPT, entry.client_ref, began.elapsed());
        }
    }
}

fn refused(code: Code, conversation: ConversationId, detail: &str) -> ServerFrame {
    ServerFrame::Error(Refused {
        code,
        conversation: Some(conversation),
        detail: detail.to_owned(),
    })
}
