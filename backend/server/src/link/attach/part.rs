//! One partition of the inbox, as a gateway with sessions in it sees it.

use std::collections::BTreeMap;

use protocol::UserId;
use tokio::time::Instant;

pub(super) struct Part {
    pub(super) sessions: BTreeMap<u64, UserId>,
    /// Whose presence is looked at here, and whether they are there.
    pub(super) watched: BTreeMap<UserId, Option<bool>>,
    /// Hellos that nobody was asked about yet.
    pub(super) waiting: Vec<Hello>,
    pub(super) state: State,
    /// How many owners were tried.
    pub(super) tried: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Hello {
    pub(super) hello: u64,
    pub(super) user: UserId,
    pub(super) session: u64,
}

pub(super) enum State {
    /// Nobody serves it since then; not before the second moment an owner is asked.
    Alone { since: Instant, again: Instant },
    /// An owner was asked to take all of it.
    Asked { since: Instant, at: Instant, link: u64, number: u64 },
    /// The owner behind this link serves it until the lease lapses.
    Served { link: u64, until: Instant, asked: BTreeMap<u64, (Hello, Instant)> },
}

impl Part {
    pub(super) fn alone(since: Instant) -> Self {
        Self {
            sessions: BTreeMap::new(),
            watched: BTreeMap::new(),
            waiting: Vec::new(),
            state: State::Alone { since, again: since },
            tried: 0,
        }
    }

    /// Take out the hellos that nobody has answered yet.
    pub(super) fn take_hellos(&mut self, which: impl Fn(&Hello) -> bool) -> Vec<Hello> {
        let mut taken: Vec<_> = self.waiting.extract_if(.., |hello| which(hello)).collect();
        if let State::Served { asked, .. } = &mut self.state {
            let asked = asked.extract_if(.., |_, (hello, _)| which(hello));
            taken.extend(asked.map(|(_, (hello, _))| hello));
        }
        taken
    }

    /// The link over which the partition's owner was asked or serves.
    pub(super) fn link(&self) -> Option<u64> {
        match self.state {
            State::Asked { link, .. } | State::Served { link, .. } => Some(link),
            State::Alone { .. } => None,
        }
    }

    pub(super) fn depends_on(&self, link: u64) -> bool {
        self.link() == Some(link)
    }

    pub(super) fn is_served_by(&self, by: u64) -> bool {
        matches!(self.state, State::Served { link, .. } if link == by)
    }

    pub(super) fn awaits(&self, from: u64, answer: u64) -> bool {
        match &self.state {
            State::Asked { link, number, .. } => (*link, *number) == (from, answer),
            State::Served { link, asked, .. } => *link == from && asked.contains_key(&answer),
            State::Alone { .. } => false,
        }
    }

    pub(super) fn alone_since(&self) -> Option<Instant> {
        match self.state {
            State::Alone { since, .. } | State::Asked { since, .. } => Some(since),
            State::Served { .. } => None,
        }
    }
}
