//! The owner's side: whoever holds partitions of the inbox hands their records to the gateways that
//! have sessions in them, and knows who is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::{ConversationId, UserId};
use tokio::time::Instant;

use super::attach::LEASE;
use super::message::{Ask, Handed, Say, Typing};
use super::queue::Queue;

/// A lease is renewed only if the partition's broker has answered within this time.
pub const ANSWERED: Duration = Duration::from_secs(3);

/// The partitions that this node holds, and who is attached to them.
#[derive(Default)]
pub struct Owner {
    state: Mutex<Owned>,
}

#[derive(Default)]
struct Owned {
    next_line: u64,
    lines: BTreeMap<u64, Line>,
    held: BTreeMap<u32, Held>,
}

/// A gateway that can be told something.
struct Line {
    says: Arc<Queue<Say>>,
    /// When its gateway last said that it is there.
    heard: Instant,
}

/// A partition that this node holds.
struct Held {
    /// Everything below it was handed out.
    position: u64,
    /// When its broker last answered, as far as this node can say.
    answered: Instant,
    /// By person: the lines, and the sessions behind each.
    users: BTreeMap<UserId, BTreeSet<(u64, u64)>>,
    watchers: BTreeMap<UserId, BTreeSet<u64>>,
    /// By person: conversations whose list row is not stored yet, and from which record it follows.
    unstored: BTreeMap<UserId, BTreeMap<ConversationId, u64>>,
}

impl Owner {
    /// This node holds the partition from now on; its records follow from this position.
    pub fn assigned(&self, now: Instant, partition: u32, position: u64) {
        let mut state = self.state.lock();
        let held = state.held.entry(partition).or_insert_with(|| Held {
            position,
            answered: now,
            users: BTreeMap::new(),
            watchers: BTreeMap::new(),
            unstored: BTreeMap::new(),
        });
        held.position = position;
    }

    /// This node holds the partition no more. Everybody attached is told.
    pub fn revoked(&self, partition: u32) {
        let mut state = self.state.lock();
        if let Some(held) = state.held.remove(&partition) {
            for line in held.lines() {
                state.say(line, Say::Ended { partition });
            }
        }
    }

    /// Hand a record to every gateway with a recipient. `unstored` names the conversations whose list
    /// rows follow from it, with the people whose rows they are.
    pub fn hand(
        &self,
        partition: u32,
        position: u64,
        record: &Bytes,
        to: &[UserId],
        unstored: Option<ConversationId>,
    ) {
        let mut state = self.state.lock();
        let Some(held) = state.held.get_mut(&partition) else { return };
        held.position = position + 1;
        if let Some(conversation) = unstored {
            for user in to {
                held.unstored.entry(*user).or_default().insert(conversation, position);
            }
        }
        let attached = to.iter().filter_map(|user| held.users.get(user)).flatten();
        let lines: BTreeSet<u64> = attached.map(|(line, _)| *line).collect();
        for line in lines {
            let record = record.clone();
            state.say(line, Say::Handed(Handed { partition, position, record }));
        }
    }

    /// The list rows of everything below this position are stored.
    pub fn stored(&self, partition: u32, below: u64) {
        if let Some(held) = self.state.lock().held.get_mut(&partition) {
            held.unstored.retain(|_, rows| {
                rows.retain(|_, position| *position >= below);
                !rows.is_empty()
            });
        }
    }

    /// The partition's broker answered at this moment.
    pub fn answered(&self, partition: u32, at: Instant) {
        if let Some(held) = self.state.lock().held.get_mut(&partition) {
            held.answered = held.answered.max(at);
        }
    }

    /// The partitions that this node holds.
    #[must_use]
    pub fn partitions(&self) -> Vec<u32> {
        self.state.lock().held.keys().copied().collect()
    }

    /// Whether some gateway is far behind with what it was told.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.state.lock().lines.values().any(|line| line.says.is_crowded())
    }

    /// A gateway has a link to this node; what is said to it goes into this queue. Gives its number.
    pub fn open(&self, now: Instant, says: Arc<Queue<Say>>) -> u64 {
        let mut state = self.state.lock();
        state.next_line += 1;
        let line = state.next_line;
        state.lines.insert(line, Line { says, heard: now });
        line
    }

    /// A gateway's link has ended.
    pub fn close(&self, line: u64) {
        let mut state = self.state.lock();
        if let Some(line) = state.lines.remove(&line) {
            line.says.end();
        }
        let partitions: Vec<u32> = state.held.keys().copied().collect();
        for partition in partitions {
            state.release(partition, line);
        }
    }

    /// End the links of gateways that have said nothing for as long as a lease lasts: the people behind
    /// them are not there any more, as far as anybody knows.
    pub fn close_silent(&self, now: Instant) {
        let state = self.state.lock();
        let silent = state.lines.iter().filter(|(_, line)| now - line.heard >= LEASE);
        let silent: Vec<u64> = silent.map(|(line, _)| *line).collect();
        drop(state);
        for line in silent {
            tracing::warn!(line, "a gateway is silent: its link ends");
            self.close(line);
        }
    }

    /// A gateway asks for something.
    pub fn heed(&self, now: Instant, line: u64, ask: Ask) {
        let mut state = self.state.lock();
        match ask {
            Ask::Beat { number } => {
                if let Some(line) = state.lines.get_mut(&line) {
                    line.heard = now;
                }
                let fresh = state.held.iter().filter(|(_, held)| held.is_fresh(now));
                let partitions = fresh.map(|(partition, _)| *partition).collect();
                state.say(line, Say::Beat { number, partitions });
            }
            Ask::Attach { number, partition, sessions } => {
                state.attach(now, line, number, partition, &sessions);
            }
            Ask::Leave { partition, user, session } => {
                state.leave(partition, user, |attached| *attached == (line, session));
            }
            Ask::Release { partition } => state.release(partition, line),
            Ask::Watch { partition, users } => {
                let Some(held) = state.held.get_mut(&partition) else { return };
                let mut says = Vec::with_capacity(users.len());
                for user in users {
                    held.watchers.entry(user).or_default().insert(line);
                    let online = held.users.contains_key(&user);
                    says.push(Say::Presence { partition, user, online });
                }
                for say in says {
                    state.say(line, say);
                }
            }
            Ask::Unwatch { partition, user } => {
                if let Some(held) = state.held.get_mut(&partition) {
                    held.unwatch(line, |watched| *watched == user);
                }
            }
            Ask::Typing(typing) => state.typing(&typing),
            // It is not about the inbox.
            Ask::Poll { .. } => {}
        }
    }
}

impl Owned {
    /// A line whose queue is full has ended: its link's task finds that out.
    fn say(&self, line: u64, say: Say) {
        if let Some(line) = self.lines.get(&line) {
            let size = say.size();
            line.says.push(say, size);
        }
    }

    fn attach(
        &mut self,
        now: Instant,
        line: u64,
        number: u64,
        partition: u32,
        sessions: &[(UserId, u64)],
    ) {
        let Some(held) = self.held.get_mut(&partition).filter(|held| held.is_fresh(now)) else {
            return self.say(line, Say::Refused { number });
        };
        let mut come = Vec::new();
        for (user, session) in sessions {
            let attached = held.users.entry(*user).or_default();
            if attached.is_empty() {
                come.push(*user);
            }
            attached.insert((line, *session));
        }
        let users: BTreeSet<UserId> = sessions.iter().map(|(user, _)| *user).collect();
        let rows = users
            .into_iter()
            .filter_map(|user| Some((user, held.unstored.get(&user)?.keys().copied().collect())));
        let (unstored, position) = (rows.collect(), held.position);
        self.say(line, Say::Attached { number, position, unstored });
        for user in come {
            self.tell_presence(partition, user, true);
        }
    }

    fn leave(&mut self, partition: u32, user: UserId, which: impl Fn(&(u64, u64)) -> bool) {
        let Some(held) = self.held.get_mut(&partition) else { return };
        let Some(attached) = held.users.get_mut(&user) else { return };
        attached.retain(|attached| !which(attached));
        if attached.is_empty() {
            held.users.remove(&user);
            self.tell_presence(partition, user, false);
        }
    }

    /// Forget everything of a line in a partition.
    fn release(&mut self, partition: u32, line: u64) {
        let Some(held) = self.held.get_mut(&partition) else { return };
        held.unwatch(line, |_| true);
        let of_line = |attached: &BTreeSet<(u64, u64)>| attached.iter().any(|(l, _)| *l == line);
        let users = held.users.iter().filter(|(_, attached)| of_line(attached));
        for user in users.map(|(user, _)| *user).collect::<Vec<_>>() {
            self.leave(partition, user, |(of, _)| *of == line);
        }
    }

    fn tell_presence(&self, partition: u32, user: UserId, online: bool) {
        let Some(held) = self.held.get(&partition) else { return };
        for line in held.watchers.get(&user).into_iter().flatten() {
            self.say(*line, Say::Presence { partition, user, online });
        }
    }

    fn typing(&self, typing: &Typing) {
        let Some(held) = self.held.get(&typing.partition) else { return };
        let attached = typing.to.iter().filter_map(|user| held.users.get(user)).flatten();
        let lines: BTreeSet<u64> = attached.map(|(line, _)| *line).collect();
        for line in lines {
            self.say(line, Say::Typing(typing.clone()));
        }
    }
}

impl Held {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.answered) < ANSWERED
    }

    fn lines(&self) -> BTreeSet<u64> {
        let attached = self.users.values().flatten().map(|(line, _)| *line);
        attached.chain(self.watchers.values().flatten().copied()).collect()
    }

    fn unwatch(&mut self, line: u64, whom: impl Fn(&UserId) -> bool) {
        self.watchers.retain(|user, lines| {
            if whom(user) {
                lines.remove(&line);
            }
            !lines.is_empty()
        });
    }
}

#[cfg(test)]
mod tests;
