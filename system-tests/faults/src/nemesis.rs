//! What is broken when. Pure: the same seed gives the same plan. Never more than one of a kind is broken
//! at once, and each has its time to come back, so that what promises to go on can go on.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::link::State;

/// Something that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A node of `kithd`, from 0: a gateway, and the sequencer and inbox owner of some partitions.
    Node(usize),
    /// A service by its name, such as `kafka-1`.
    Service(&'static str),
    /// The line between a node and something else.
    Link(usize, Ends),
}

/// The other end of a node's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ends {
    /// Whoever is connected to it.
    People,
    /// A broker, from 0.
    Broker(usize),
    /// PostgreSQL.
    Postgres,
    /// ZooKeeper.
    Zookeeper,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// SIGKILL.
    Kill(Target),
    /// Start it again.
    Revive(Target),
    /// SIGSTOP.
    Freeze(Target),
    /// SIGCONT.
    Thaw(Target),
    /// Nothing passes any more.
    Cut(Target, State),
    /// Everything passes again.
    Join(Target),
}

/// An act at a time since the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Duration,
    /// What.
    pub act: Act,
}

impl Act {
    /// To what.
    #[must_use]
    pub fn target(&self) -> Target {
        match *self {
            Self::Kill(to) | Self::Revive(to) | Self::Freeze(to) | Self::Thaw(to) => to,
            Self::Cut(to, _) | Self::Join(to) => to,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(n) => write!(f, "node {}", n + 1),
            Self::Service(name) => f.write_str(name),
            Self::Link(n, Ends::Broker(b)) => write!(f, "node {} – kafka-{}", n + 1, b + 1),
            Self::Link(n, ends) => write!(f, "node {} – {ends:?}", n + 1),
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(to) => write!(f, "kill    {to}"),
            Self::Revive(to) => write!(f, "revive  {to}"),
            Self::Freeze(to) => write!(f, "freeze  {to}"),
            Self::Thaw(to) => write!(f, "thaw    {to}"),
            Self::Cut(to, state) => write!(f, "cut     {to} ({state:?})"),
            Self::Join(to) => write!(f, "join    {to}"),
        }
    }
}

/// A kind of which one is broken at a time.
#[derive(Clone, Copy)]
struct Slot {
    targets: &'static [Target],
    /// How often it is chosen, against the others.
    weight: u32,
    /// How long it has to come back before another of its kind is broken.
    rest: Duration,
    free: Duration,
}

const fn service(name: &'static str) -> Target {
    Target::Service(name)
}

const NODES: &[Target] = &[Target::Node(0), Target::Node(1), Target::Node(2)];
const BROKERS: &[Target] = &[service("kafka-1"), service("kafka-2"), service("kafka-3")];
const STORES: &[Target] = &[service("cql-1"), service("cql-2"), service("cql-3")];
const LONE: &[Target] = &[service("zookeeper"), service("postgres")];
/// The longest that something is frozen.
const LONG: Duration = Duration::from_secs(30);

/// What to do in a time of this length. Everything is healed at its end.
#[must_use]
pub fn plan(seed: u64, length: Duration) -> Vec<Step> {
    let mut random = StdRng::seed_from_u64(seed);
    let slot = |targets, weight, rest| Slot {
        targets,
        weight,
        rest: Duration::from_secs(rest),
        free: Duration::ZERO,
    };
    let links: &[Target] = &[];
    let mut slots = [
        slot(NODES, 6, 6),
        slot(BROKERS, 4, 12),
        slot(STORES, 3, 25),
        slot(links, 4, 3),
        slot(LONE, 1, 10),
    ];
    let (mut steps, mut now) = (Vec::new(), Duration::from_secs(2));
    while now + Duration::from_secs(4) < length {
        let free: Vec<usize> = (0..slots.len()).filter(|n| slots[*n].free <= now).collect();
        if let Ok(&chosen) = free.choose_weighted(&mut random, |n| slots[*n].weight) {
            let slot = &mut slots[chosen];
            let target = slot.targets.choose(&mut random).copied();
            let target = target.unwrap_or_else(|| link(&mut random));
            let (begin, end, lasts) = fault(&mut random, target);
            let until = (now + lasts).min(length);
            slot.free = until + slot.rest;
            steps.push(Step { at: now, act: begin });
            steps.push(Step { at: until, act: end });
        }
        now += Duration::from_millis(random.random_range(2_500..7_000));
    }
    steps.sort_by_key(|step| step.at);
    steps
}

fn link(random: &mut StdRng) -> Target {
    let ends = match random.random_range(0..6) {
        0 | 1 => Ends::People,
        2 => Ends::Postgres,
        3 => Ends::Zookeeper,
        _ => Ends::Broker(random.random_range(0..3)),
    };
    Target::Link(random.random_range(0..3), ends)
}

/// What is done to it, what undoes that, and how long it lasts.
fn fault(random: &mut StdRng, target: Target) -> (Act, Act, Duration) {
    let short = Duration::from_millis(random.random_range(1_000..8_000));
    match target {
        Target::Link(..) => {
            let state = if random.random() { State::Silent } else { State::Refused };
            (Act::Cut(target, state), Act::Join(target), short * 2)
        }
        _ if random.random() => (Act::Kill(target), Act::Revive(target), short),
        _ => {
            let lasts = if random.random_range(0..3) == 0 { LONG } else { short * 2 };
            (Act::Freeze(target), Act::Thaw(target), lasts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_seed_gives_one_plan_and_another_seed_another() {
        assert_eq!(plan(1, HOUR), plan(1, HOUR));
        assert_ne!(plan(1, HOUR), plan(2, HOUR));
    }

    #[test]
    fn everything_is_broken_in_an_hour_and_healed_at_its_end() {
        let steps = plan(7, HOUR);
        assert!(steps.len() > 600, "only {} steps", steps.len());
        assert!(steps.is_sorted_by_key(|step| step.at) && steps.iter().all(|s| s.at <= HOUR));
        for target in NODES.iter().chain(BROKERS).chain(STORES).chain(LONE) {
            let of: Vec<Act> =
                steps.iter().map(|s| s.act).filter(|act| act.target() == *target).collect();
            for pair in of.chunks(2) {
                match pair {
                    [Act::Kill(_), Act::Revive(_)] | [Act::Freeze(_), Act::Thaw(_)] => {}
                    other => panic!("{target}: {other:?}"),
                }
            }
            assert!(of.iter().any(|act| matches!(act, Act::Kill(_))), "{target} is never killed");
            assert!(of.iter().any(|act| matches!(act, Act::Freeze(_))), "{target} never frozen");
        }
        let links = |state| {
            let cut = |step: &&Step| matches!(step.act, Act::Cut(_, of) if of == state);
            steps.iter().filter(cut).count()
        };
        assert!(links(State::Silent) > 10 && links(State::Refused) > 10);
    }

    #[test]
    fn never_more_than_one_of_a_kind_is_broken() {
        for seed in 0..20 {
            for kind in [NODES, BROKERS, STORES, LONE] {
                let mut broken = 0;
                for step in plan(seed, HOUR) {
                    if kind.contains(&step.act.target()) {
                        match step.act {
                            Act::Kill(_) | Act::Freeze(_) => broken += 1,
                            _ => broken -= 1,
                        }
                        assert!((0..=1).contains(&broken));
                    }
                }
            }
        }
    }
}
