//! Which node serves which of this node's sessions: decided here, purely, with the time as an
//! argument. Whoever holds the sessions and the links does what comes out.
//!
//! A partition of the inbox is *served* by its owner under a lease, or it is *alone*. A lease lasts 6 s
//! from the moment at which the beat that renewed it was sent, so it lapses here before the owner
//! could think that it holds. Another owner in discovery, a lapsed lease, a link that ends, and an
//! attach that is not answered within 2 s all make the partition alone; then its owner is looked for,
//! and when one takes the sessions, those that were served before are told `resync`.

mod part;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::{ConversationId, UserId};
use tokio::time::Instant;

use super::message::{Ask, Handed, SESSIONS, Say, Typing};
use part::{Hello, Part, State};

/// How long a lease lasts.
pub const LEASE: Duration = Duration::from_secs(6);
/// How long an owner may take to answer; for so long nobody misses it.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// How often leases are renewed.
pub const BEAT: Duration = Duration::from_secs(1);
/// How soon another owner is tried after one that is none.
const AGAIN: Duration = Duration::from_millis(200);

/// How a session begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Everything from this position of the inbox on comes from the owner of the partition.
    Served {
        /// The position.
        position: u64,
        /// What of the person's list is not stored yet.
        unstored: Vec<ConversationId>,
    },
    /// No owner answers: the heads of all the person's conversations have to do.
    Alone,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Say this on that link.
    Ask(u64, Ask),
    /// Answer a hello.
    Start(u64, Start),
    /// Tell these sessions to begin anew.
    Resync(Vec<(UserId, u64)>),
    /// Hand a record to the sessions of this node.
    Deliver(Handed),
    /// Tell sessions that look that somebody is writing.
    Typing(Typing),
    /// Tell sessions that look whether somebody is there.
    Presence(UserId, bool),
    /// End a link.
    Cut(u64),
}

/// The state of all partitions in which this node has sessions.
#[derive(Default)]
pub struct Attachments {
    next: u64,
    /// By partition: who says to own it.
    owners: BTreeMap<u32, Vec<String>>,
    links: BTreeMap<u64, Link>,
    parts: BTreeMap<u32, Part>,
}

struct Link {
    node: String,
    /// When the beats were sent that are not answered.
    beats: BTreeMap<u64, Instant>,
    /// When the last answered beat was sent, or the link began.
    heard: Instant,
    /// When the last beat was sent.
    beaten: Option<Instant>,
}

impl Attachments {
    /// A session says hello, and `hello` names that. Answered with [`Action::Start`], within 2 s.
    pub fn hello(
        &mut self,
        now: Instant,
        partition: u32,
        user: UserId,
        session: u64,
        hello: u64,
    ) -> Vec<Action> {
        let part = self.parts.entry(partition).or_insert_with(|| Part::alone(now));
        part.sessions.insert(session, user);
        part.waiting.push(Hello { hello, user, session });
        self.advance(now, partition)
    }

    /// A session has ended.
    pub fn leave(&mut self, partition: u32, user: UserId, session: u64) -> Vec<Action> {
        let Some(part) = self.parts.get_mut(&partition) else { return Vec::new() };
        if part.sessions.remove(&session).is_none() {
            return Vec::new();
        }
        // Nobody waits for these answers any more.
        let gone = part.take_hellos(|hello| hello.session == session);
        let mut actions: Vec<_> =
            gone.into_iter().map(|hello| Action::Start(hello.hello, Start::Alone)).collect();
        if let Some(link) = part.link() {
            actions.push(Action::Ask(link, Ask::Leave { partition, user, session }));
        }
        self.forget_empty(partition);
        actions
    }

    /// Somebody begins or ceases to be looked at on this node.
    pub fn watch(
        &mut self,
        now: Instant,
        partition: u32,
        user: UserId,
        looked_at: bool,
    ) -> Vec<Action> {
        let part = self.parts.entry(partition).or_insert_with(|| Part::alone(now));
        let was = part.watched.contains_key(&user);
        let mut actions = Vec::new();
        if looked_at && !was {
            part.watched.insert(user, None);
            if let Some(link) = part.link() {
                actions.push(Action::Ask(link, Ask::Watch { partition, users: vec![user] }));
            }
            actions.extend(self.advance(now, partition));
        } else if !looked_at && was {
            part.watched.remove(&user);
            if let Some(link) = part.link() {
                actions.push(Action::Ask(link, Ask::Unwatch { partition, user }));
            }
        }
        self.forget_empty(partition);
        actions
    }

    /// Whether somebody who is looked at is there, as far as it is known.
    #[must_use]
    pub fn presence(&self, partition: u32, user: UserId) -> Option<bool> {
        self.parts.get(&partition)?.watched.get(&user).copied().flatten()
    }

    /// Somebody on this node is writing. Without an owner only this node's sessions hear of it.
    #[must_use]
    pub fn typing(&self, typing: Typing) -> Action {
        let owner = self.owners.get(&typing.partition).into_iter().flatten();
        let link = owner.filter_map(|node| self.link_to(node)).next();
        match self.parts.get(&typing.partition).and_then(Part::link).or(link) {
            Some(link) => Action::Ask(link, Ask::Typing(typing)),
            None => Action::Typing(typing),
        }
    }

    /// Which nodes say that they own which partitions.
    pub fn owners(&mut self, now: Instant, owners: BTreeMap<u32, Vec<String>>) -> Vec<Action> {
        self.owners = owners;
        let moved: Vec<u32> = self
            .parts
            .iter()
            .filter(|(partition, part)| {
                let node = part.link().and_then(|link| self.links.get(&link)).map(|l| &l.node);
                let claims = self.owners.get(partition).map_or(&[][..], Vec::as_slice);
                // Nobody at all says nothing: whoever published it may be away.
                node.is_some_and(|node| !claims.is_empty() && !claims.contains(node))
            })
            .map(|(partition, _)| *partition)
            .collect();
        let mut actions = Vec::new();
        for partition in moved {
            actions.extend(self.end(partition, now, "another node owns it"));
        }
        actions.extend(self.advance_all(now));
        actions
    }

    /// A link to a node stands.
    pub fn linked(&mut self, now: Instant, node: &str, link: u64) -> Vec<Action> {
        let node = node.to_owned();
        let new = Link { node, beats: BTreeMap::new(), heard: now, beaten: None };
        self.links.insert(link, new);
        self.advance_all(now)
    }

    /// A link has ended.
    pub fn cut(&mut self, now: Instant, link: u64) -> Vec<Action> {
        self.links.remove(&link);
        let lost = self.parts.iter().filter(|(_, part)| part.depends_on(link));
        for partition in lost.map(|(partition, _)| *partition).collect::<Vec<_>>() {
            self.end(partition, now, "the link has ended");
        }
        self.advance_all(now)
    }

    /// The owner behind a link says something.
    pub fn said(&mut self, now: Instant, link: u64, say: Say) -> Vec<Action> {
        match say {
            Say::Beat { number, partitions } => self.beat(link, number, &partitions),
            Say::Attached { number, position, unstored } => {
                return self.attached(now, link, number, position, &unstored);
            }
            Say::Refused { number } => {
                let refused = self.parts.iter().find(|(_, part)| part.awaits(link, number));
                if let Some((&partition, _)) = refused {
                    let release = self.end(partition, now, "the owner is none");
                    if let Some(Part { state: State::Alone { again, .. }, tried, .. }) =
                        self.parts.get_mut(&partition)
                    {
                        (*again, *tried) = (now + AGAIN, *tried + 1);
                    }
                    return release.into_iter().collect();
                }
            }
            Say::Ended { partition } => {
                if self.parts.get(&partition).is_some_and(|part| part.depends_on(link)) {
                    let release = self.end(partition, now, "its owner has given it up");
                    return release.into_iter().chain(self.advance(now, partition)).collect();
                }
            }
            Say::Handed(handed) => {
                let part = self.parts.get(&handed.partition);
                if part.is_some_and(|part| part.is_served_by(link)) {
                    return vec![Action::Deliver(handed)];
                }
            }
            Say::Typing(typing) => return vec![Action::Typing(typing)],
            Say::Presence { partition, user, online } => {
                if let Some(part) = self.parts.get_mut(&partition)
                    && part.link() == Some(link)
                    && let Some(known) = part.watched.get_mut(&user)
                {
                    *known = Some(online);
                    return vec![Action::Presence(user, online)];
                }
            }
            // It has its own way.
            Say::Polled { .. } => {}
        }
        Vec::new()
    }

    /// Time passes: beats are sent, leases lapse, owners are tried, hellos that waited are answered.
    pub fn tick(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        for (id, link) in &mut self.links {
            if now.duration_since(link.heard) >= LEASE {
                actions.push(Action::Cut(*id));
            } else if link.beaten.is_none_or(|at| now - at >= BEAT) {
                self.next += 1;
                link.beaten = Some(now);
                link.beats.insert(self.next, now);
                actions.push(Action::Ask(*id, Ask::Beat { number: self.next }));
            }
        }
        for partition in self.parts.keys().copied().collect::<Vec<_>>() {
            let Some(part) = self.parts.get(&partition) else { continue };
            let late = |at: &Instant| now.duration_since(*at) >= PATIENCE;
            match &part.state {
                State::Served { until, .. } if now >= *until => {
                    actions.extend(self.end(partition, now, "the lease has lapsed"));
                }
                State::Served { asked, .. } => {
                    if let Some((_, at)) = asked.values().find(|(_, at)| late(at)) {
                        let at = *at;
                        actions.extend(self.end(partition, at, "the owner does not answer"));
                    }
                }
                State::Asked { at, .. } if late(at) => {
                    let tried = part.tried + 1;
                    actions.extend(self.end(partition, now, "the owner does not answer"));
                    if let Some(part) = self.parts.get_mut(&partition) {
                        part.tried = tried;
                    }
                }
                State::Asked { .. } | State::Alone { .. } => {}
            }
            actions.extend(self.advance(now, partition));
            actions.extend(self.answer_alone(now, partition));
        }
        actions
    }

    /// The partitions that nobody has served for 2 s.
    #[must_use]
    pub fn alone(&self, now: Instant) -> BTreeSet<u32> {
        let long = |part: &Part| part.alone_since().is_some_and(|since| now - since >= PATIENCE);
        self.parts.iter().filter(|(_, part)| long(part)).map(|(partition, _)| *partition).collect()
    }

    /// Whether there is a partition whose owner is not known: discovery is asked more often then.
    #[must_use]
    pub fn misses_an_owner(&self) -> bool {
        self.parts.values().any(|part| part.alone_since().is_some())
    }

    fn beat(&mut self, link: u64, number: u64, partitions: &[u32]) {
        let Some(at) = self.links.get_mut(&link).and_then(|link| {
            let at = link.beats.remove(&number)?;
            link.beats.retain(|earlier, _| *earlier > number);
            link.heard = at;
            Some(at)
        }) else {
            return;
        };
        for partition in partitions {
            if let Some(Part { state: State::Served { link: by, until, .. }, .. }) =
                self.parts.get_mut(partition)
                && *by == link
            {
                *until = (*until).max(at + LEASE);
            }
        }
    }

    fn attached(
        &mut self,
        now: Instant,
        link: u64,
        number: u64,
        position: u64,
        unstored: &[(UserId, Vec<ConversationId>)],
    ) -> Vec<Action> {
        let Some((&partition, part)) =
            self.parts.iter_mut().find(|(_, part)| part.awaits(link, number))
        else {
            return Vec::new();
        };
        let start = |hello: &Hello| {
            let of = unstored.iter().find(|(user, _)| *user == hello.user);
            let unstored = of.map(|(_, ids)| ids.clone()).unwrap_or_default();
            Action::Start(hello.hello, Start::Served { position, unstored })
        };
        let at = match &mut part.state {
            State::Served { asked, .. } => {
                return asked.remove(&number).iter().map(|(hello, _)| start(hello)).collect();
            }
            State::Asked { at, .. } => *at,
            State::Alone { .. } => return Vec::new(),
        };
        part.state = State::Served { link, until: at + LEASE, asked: BTreeMap::new() };
        part.tried = 0;
        let mut actions = Vec::new();
        // Who says hello just now begins anyway.
        let greeting: BTreeSet<u64> = part.waiting.iter().map(|hello| hello.session).collect();
        let others = part.sessions.iter().filter(|(session, _)| !greeting.contains(session));
        let others: Vec<_> = others.map(|(session, user)| (*user, *session)).collect();
        if !others.is_empty() {
            actions.push(Action::Resync(others));
        }
        actions.extend(self.advance(now, partition));
        actions
    }

    /// Nobody serves the partition since then. Hellos that were asked about wait again, and who was
    /// asked need not think of it any more.
    fn end(&mut self, partition: u32, since: Instant, why: &str) -> Option<Action> {
        let part = self.parts.get_mut(&partition)?;
        let link = part.link()?;
        let alone = State::Alone { since: part.alone_since().unwrap_or(since), again: since };
        if let State::Served { asked, .. } = std::mem::replace(&mut part.state, alone) {
            tracing::info!(partition, why, "the sessions of a partition are served no more");
            part.waiting.extend(asked.into_values().map(|(hello, _)| hello));
        }
        self.links.contains_key(&link).then_some(Action::Ask(link, Ask::Release { partition }))
    }

    fn advance_all(&mut self, now: Instant) -> Vec<Action> {
        let partitions: Vec<u32> = self.parts.keys().copied().collect();
        partitions.into_iter().flat_map(|partition| self.advance(now, partition)).collect()
    }

    /// Ask whom there is to ask.
    fn advance(&mut self, now: Instant, partition: u32) -> Vec<Action> {
        let Some(part) = self.parts.get(&partition) else { return Vec::new() };
        let chosen = match part.state {
            State::Served { link, .. } => Some(link),
            State::Alone { again, .. } if now >= again => {
                let claims = self.owners.get(&partition).map_or(&[][..], Vec::as_slice);
                let links: Vec<_> = claims.iter().filter_map(|node| self.link_to(node)).collect();
                (!links.is_empty()).then(|| links[part.tried % links.len()])
            }
            State::Asked { .. } | State::Alone { .. } => None,
        };
        let (Some(link), Some(part)) = (chosen, self.parts.get_mut(&partition)) else {
            return Vec::new();
        };
        let mut actions = Vec::new();
        match &mut part.state {
            State::Served { asked, .. } => {
                for hello in std::mem::take(&mut part.waiting) {
                    self.next += 1;
                    asked.insert(self.next, (hello, now));
                    let sessions = vec![(hello.user, hello.session)];
                    let attach = Ask::Attach { number: self.next, partition, sessions };
                    actions.push(Action::Ask(link, attach));
                }
            }
            State::Alone { since, .. } => {
                let since = *since;
                let all: Vec<_> = part.sessions.iter().map(|(s, user)| (*user, *s)).collect();
                let mut rest = &all[..];
                // The answer to the last part says that all are taken.
                loop {
                    let (some, others) = rest.split_at(rest.len().min(SESSIONS));
                    self.next += 1;
                    let sessions = some.to_vec();
                    let attach = Ask::Attach { number: self.next, partition, sessions };
                    actions.push(Action::Ask(link, attach));
                    rest = others;
                    if rest.is_empty() {
                        break;
                    }
                }
                let users: Vec<_> = part.watched.keys().copied().collect();
                for some in users.chunks(SESSIONS) {
                    let users = some.to_vec();
                    actions.push(Action::Ask(link, Ask::Watch { partition, users }));
                }
                part.state = State::Asked { since, at: now, link, number: self.next };
            }
            State::Asked { .. } => {}
        }
        actions
    }

    /// Hellos wait no longer than 2 s. Nobody is known to be there any more then.
    fn answer_alone(&mut self, now: Instant, partition: u32) -> Vec<Action> {
        let Some(part) = self.parts.get_mut(&partition) else { return Vec::new() };
        if part.alone_since().is_none_or(|since| now - since < PATIENCE) {
            return Vec::new();
        }
        let hellos = std::mem::take(&mut part.waiting);
        let mut gone = Vec::new();
        for (user, known) in &mut part.watched {
            if known.take() == Some(true) {
                gone.push(Action::Presence(*user, false));
            }
        }
        let starts = hellos.into_iter().map(|hello| Action::Start(hello.hello, Start::Alone));
        starts.chain(gone).collect()
    }

    fn link_to(&self, node: &str) -> Option<u64> {
        // The newest: an earlier one may not have been found dead yet.
        self.links.iter().rev().find(|(_, link)| link.node == node).map(|(id, _)| *id)
    }

    fn forget_empty(&mut self, partition: u32) {
        let empty = |part: &Part| {
            part.sessions.is_empty() && part.watched.is_empty() && part.waiting.is_empty()
        };
        if self.parts.get(&partition).is_some_and(empty) {
            self.parts.remove(&partition);
        }
    }
}

#[cfg(test)]
mod tests;
