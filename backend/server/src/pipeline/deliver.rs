//! The last stage: from the inbox to the sessions of the people it is for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock, Weak};

use ::metrics::counter;
use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use event_log::{Delivery as Delivered, EventLog, LogError};
use parking_lot::Mutex;
use protocol::frame::{Presence, TypingNotice};
use protocol::{ConversationId, ServerFrame, SessionId, UserId, wire};
use tokio::time::Instant;

use super::record::{InboxRecord, partition};
use super::stage;
use crate::admin::metrics;
use crate::gateway::Outgoing;
use crate::link::Gateway;

/// Who is connected to this node, and what they look at.
pub struct Delivery {
    /// Of the inbox.
    partitions: u32,
    registry: Mutex<Registry>,
    /// Where this node is one of several: what has to hear of its sessions.
    gateway: OnceLock<Weak<Gateway>>,
}

#[derive(Default)]
struct Registry {
    next: u64,
    /// By partition of the inbox: everything below this has been delivered, in the unit of cursors.
    changed: BTreeMap<u32, u64>,
    users: BTreeMap<UserId, Vec<(u64, SessionId, Arc<Outgoing>)>>,
    conversations: BTreeMap<ConversationId, BTreeSet<(UserId, u64)>>,
    watchers: BTreeMap<UserId, BTreeSet<(UserId, u64)>>,
}

/// A session's place in the delivery; dropping it ends the delivery to it.
pub struct Attached {
    delivery: Arc<Delivery>,
    user: UserId,
    number: u64,
    looks: Mutex<protocol::frame::Look>,
}

impl Delivery {
    /// Nobody is connected, and everything up to this commit has been delivered from the only
    /// partition.
    #[must_use]
    pub fn after(commit: u64) -> Self {
        let delivery = Self::over(1);
        delivery.registry.lock().passed(0, commit + 1);
        delivery
    }

    /// Nobody is connected, and nothing is known yet of the inbox with so many partitions.
    #[must_use]
    pub fn over(partitions: u32) -> Self {
        Self { partitions, registry: Mutex::default(), gateway: OnceLock::new() }
    }

    /// From now on records come over links, and who is there is known by the owners of the inbox.
    pub(crate) fn linked(&self, gateway: &Arc<Gateway>) {
        // Set once, by the gateway that is made over this delivery.
        let _ = self.gateway.set(Arc::downgrade(gateway));
    }

    fn gateway(&self) -> Option<Arc<Gateway>> {
        self.gateway.get()?.upgrade()
    }

    /// Deliver from the inbox until it is closed: where this node is all there is.
    ///
    /// # Errors
    /// When the inbox cannot be reached.
    pub async fn run(&self, inbox: Arc<dyn EventLog>) -> Result<(), LogError> {
        let mut inbox = inbox.subscribe().await?;
        let mut skipped = 0_u64;
        loop {
            let mut delivered = match inbox.next().await {
                Err(LogError::Closed) => return Ok(()),
                other => Some(other?),
            };
            let mut done = BTreeMap::new();
            // All that is there: sessions then send what they get in one write.
            while let Some(some) = delivered {
                match some {
                    Delivered::Assigned { partition, position } => {
                        self.registry.lock().passed(partition, position);
                    }
                    Delivered::Revoked { .. } => {}
                    Delivered::Record { partition, position, bytes } => {
                        if !self.hand(partition, position, &bytes) {
                            skipped += 1;
                            let bytes = bytes.len();
                            let what = "garbage in the inbox: skipped";
                            tracing::error!(partition, position, bytes, skipped, "{what}");
                        }
                        done.insert(partition, position + 1);
                    }
                }
                delivered = inbox.try_next();
            }
            for (partition, position) in done {
                inbox.commit(partition, position).await?;
            }
        }
    }

    /// Deliver one record of the inbox; `false` when it is garbage.
    pub(crate) fn hand(&self, partition: u32, position: u64, record: &Bytes) -> bool {
        let Some(record) = InboxRecord::decode(record) else { return false };
        self.deliver(partition, record.changed.unwrap_or(position), &record);
        true
    }

    fn deliver(&self, partition: u32, changed: u64, record: &InboxRecord) {
        let Ok(frame) = Utf8Bytes::try_from(record.frame.clone()) else { return };
        let (told, began) = (stage::told(&record.frame), Instant::now());
        let mut registry = self.registry.lock();
        registry.passed(partition, changed);
        let mut queued = 0;
        for user in &record.to {
            for (_, session, outgoing) in registry.users.get(user).into_iter().flatten() {
                queued += 1;
                match record.session {
                    None => outgoing.push(frame.clone(), changed),
                    Some(ended) if ended == *session => outgoing.end(frame.clone()),
                    Some(_) => {}
                }
            }
        }
        counter!(metrics::INBOX).increment(1);
        counter!(metrics::DELIVERIES).increment(queued);
        if let Some(told) = told.filter(|_| queued > 0) {
            stage::passed(stage::DELIVER, told, began.elapsed());
        }
    }

    /// Begin to deliver to a session.
    pub fn attach(
        self: &Arc<Self>,
        user: UserId,
        session: SessionId,
        outgoing: Arc<Outgoing>,
    ) -> Attached {
        let mut registry = self.registry.lock();
        let number = registry.next;
        registry.next += 1;
        let sessions = registry.users.entry(user).or_default();
        sessions.push((number, session, outgoing));
        if sessions.len() == 1 && self.gateway.get().is_none() {
            registry.tell_presence(user, true);
        }
        Attached { delivery: self.clone(), user, number, looks: Mutex::default() }
    }

    /// How many sessions the person, and of those the device's sign-in, has here.
    #[must_use]
    pub fn count(&self, user: UserId, session: SessionId) -> (usize, usize) {
        let registry = self.registry.lock();
        let sessions = registry.users.get(&user).map_or(&[][..], Vec::as_slice);
        (sessions.len(), sessions.iter().filter(|(_, s, _)| *s == session).count())
    }

    /// Whether the person has a session here.
    #[must_use]
    pub fn is_here(&self, user: UserId) -> bool {
        self.registry.lock().users.contains_key(&user)
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.registry.lock().users.values().map(Vec::len).sum()
    }

    /// Up to where everything for this person has been delivered, in the unit of cursors.
    #[must_use]
    pub fn delivered(&self, user: UserId) -> u64 {
        let changed = self.registry.lock().changed.get(&self.partition(user)).copied();
        changed.unwrap_or_default().saturating_sub(1)
    }

    /// The partition of the inbox in which the person's news come.
    #[must_use]
    pub fn partition(&self, user: UserId) -> u32 {
        partition(user.bytes(), self.partitions)
    }

    /// Tell those of the members who look at the conversation that somebody is writing.
    pub fn typing(&self, conversation: ConversationId, user: UserId, members: &[UserId]) {
        let registry = self.registry.lock();
        let frame: Utf8Bytes =
            wire::encode(&ServerFrame::Typing(TypingNotice { conversation, user })).into();
        for (watcher, number) in registry.conversations.get(&conversation).into_iter().flatten() {
            if *watcher != user && members.contains(watcher) {
                registry.push(*watcher, *number, &frame);
            }
        }
    }

    /// Tell those who look whether somebody is there.
    pub(crate) fn tell_presence(&self, user: UserId, online: bool) {
        self.registry.lock().tell_presence(user, online);
    }

    /// Tell one session whether somebody is there.
    pub(crate) fn say_presence(&self, watcher: UserId, number: u64, user: UserId, online: bool) {
        let frame = wire::encode(&ServerFrame::Presence(Presence { user, online }));
        self.registry.lock().push(watcher, number, &frame.into());
    }

    /// Whether a session here looks at this person.
    pub(crate) fn is_watched(&self, user: UserId) -> bool {
        self.registry.lock().watchers.contains_key(&user)
    }

    /// Have these sessions begin anew: something may have passed them by.
    pub(crate) fn resync(&self, sessions: &[(UserId, u64)]) {
        let registry = self.registry.lock();
        for (user, number) in sessions {
            let all = registry.users.get(user).into_iter().flatten();
            for (_, _, outgoing) in all.filter(|(n, ..)| n == number) {
                outgoing.resync();
            }
        }
    }

    /// The people with sessions here whose news come in one of these partitions.
    pub(crate) fn users(&self, partitions: &BTreeSet<u32>) -> Vec<UserId> {
        let registry = self.registry.lock();
        let users = registry.users.keys().copied();
        users.filter(|user| partitions.contains(&self.partition(*user))).collect()
    }

    /// The sessions that somebody has here.
    pub(crate) fn sessions_of(&self, user: UserId) -> Vec<(SessionId, Arc<Outgoing>)> {
        let registry = self.registry.lock();
        let sessions = registry.users.get(&user).into_iter().flatten();
        sessions.map(|(_, session, outgoing)| (*session, outgoing.clone())).collect()
    }

    /// Every queue, for a node that is about to stop.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Outgoing>> {
        let registry = self.registry.lock();
        registry.users.values().flatten().map(|(_, _, outgoing)| outgoing.clone()).collect()
    }
}

impl Registry {
    fn passed(&mut self, partition: u32, changed: u64) {
        let place = self.changed.entry(partition).or_default();
        *place = changed.max(*place);
    }

    fn push(&self, user: UserId, number: u64, frame: &Utf8Bytes) {
        for (n, _, outgoing) in self.users.get(&user).into_iter().flatten() {
            if *n == number {
                outgoing.push(frame.clone(), 0);
            }
        }
    }

    fn tell_presence(&self, user: UserId, online: bool) {
        let frame: Utf8Bytes =
            wire::encode(&ServerFrame::Presence(Presence { user, online })).into();
        for (watcher, number) in self.watchers.get(&user).into_iter().flatten() {
            self.push(*watcher, *number, &frame);
        }
    }

    fn forget_looks(&mut self, user: UserId, number: u64, look: &protocol::frame::Look) {
        for id in &look.conversations {
            if let Some(set) = self.conversations.get_mut(id) {
                set.remove(&(user, number));
                if set.is_empty() {
                    self.conversations.remove(id);
                }
            }
        }
        for id in &look.users {
            if let Some(set) = self.watchers.get_mut(id) {
                set.remove(&(user, number));
                if set.is_empty() {
                    self.watchers.remove(id);
                }
            }
        }
    }
}

impl Attached {
    /// The session's number on this node.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Replace what the session looks at, and tell it who of those people is there.
    pub fn look(&self, look: protocol::frame::Look) {
        let gateway = self.delivery.gateway();
        let (before, now) = (self.replace(look.clone(), gateway.is_none()), look.users);
        if let Some(gateway) = gateway {
            gateway.look(&before, None);
            gateway.look(&now, Some((self.user, self.number)));
        }
    }

    /// Gives the people who were looked at before.
    fn replace(&self, look: protocol::frame::Look, tell: bool) -> Vec<UserId> {
        let mut registry = self.delivery.registry.lock();
        let mut looks = self.looks.lock();
        registry.forget_looks(self.user, self.number, &looks);
        for id in &look.conversations {
            registry.conversations.entry(*id).or_default().insert((self.user, self.number));
        }
        for id in &look.users {
            registry.watchers.entry(*id).or_default().insert((self.user, self.number));
            if tell {
                let online = registry.users.contains_key(id);
                let frame = wire::encode(&ServerFrame::Presence(Presence { user: *id, online }));
                registry.push(self.user, self.number, &frame.into());
            }
        }
        std::mem::replace(&mut *looks, look).users
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let gateway = self.delivery.gateway();
        {
            let mut registry = self.delivery.registry.lock();
            registry.forget_looks(self.user, self.number, &self.looks.lock());
            if let Some(sessions) = registry.users.get_mut(&self.user) {
                sessions.retain(|(number, ..)| *number != self.number);
                if sessions.is_empty() {
                    registry.users.remove(&self.user);
                    if gateway.is_none() {
                        registry.tell_presence(self.user, false);
                    }
                }
            }
        }
        // Not under the lock: the gateway's own comes before it.
        if let Some(gateway) = gateway {
            gateway.leave(self.user, self.number);
            gateway.look(&self.looks.lock().users, None);
        }
    }
}
