//! Two people talk while something happens to a node of a cluster between two of its effects: at every
//! place there is. Whatever happens, and wherever, everybody ends up with what would have been there
//! without it.

use std::collections::BTreeMap;
use std::time::Duration;

use client::api::{Answers, React};
use client::view::Progress;
use protocol::ConversationId;
use server::parts::simulated::{Effect, Effects, Services, Topic};
use server::pipeline::record::partition;
use storage::memory::{Rows, Step};

use crate::cluster::{Cluster, NODES};
use crate::device::Device;
use crate::history::Auditor;
use crate::model::{Said, Witness, complaints, difference};
use crate::place::joins;
use crate::simulated::Simulated;

/// All of them are one world, so that the nth effect is always the same one.
const SEED: u64 = 1;
/// Longer than anything takes that is to happen at once.
const SOON: Duration = Duration::from_secs(2);
/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(90);

/// Two people who have talked before, and their conversation.
struct Talk<'w> {
    world: &'w Cluster,
    ada: Device,
    grace: Device,
    room: ConversationId,
    witness: Witness,
}

impl<'w> Talk<'w> {
    async fn begins(world: &'w Cluster) -> Self {
        let (ada, grace) = (joins(world, "ada").await, joins(world, "grace").await);
        let room = ada.direct(grace.user).await;
        ada.sends(room, "hello").await;
        grace.sees(room, &["hello"]).await;
        ada.sees_progress(room, "hello", Progress::Delivered).await;
        world.comes_to_rest().await;
        let mut witness = Witness::default();
        for device in [&ada, &grace] {
            witness.watch(device, world.storage());
        }
        Self { world, ada, grace, room, witness }
    }

    /// The node that sequences the conversation.
    fn owner(&self) -> usize {
        self.world.owner(Topic::Log, self.partition())
    }

    fn partition(&self) -> u32 {
        partition(self.room.bytes(), self.world.services.partitions())
    }

    /// What is said while it happens: messages, and changes of one that is there.
    async fn goes_on(&self) -> Vec<Said> {
        let (ada, grace, room) = (&self.ada, &self.grace, self.room);
        let mut said = Vec::new();
        for (at, device, text) in [(0, ada, "one"), (1, grace, "two"), (0, ada, "three")] {
            let client_ref = device.sends(room, text).await;
            said.push(Said { room, device: at, client_ref, text: text.into(), gone: false });
        }
        ada.edits(room, "hello", "hello!").await;
        let react = React { conversation: room, seq: 1, emoji: "👍".into(), on: true };
        grace.client.react(react).await.expect("a reaction");
        said
    }

    /// Everybody has everything, and it is read.
    async fn arrives(&self) {
        for device in [&self.ada, &self.grace] {
            device
                .waits_for("all of it", async || {
                    let messages = device.messages(self.room).await;
                    let all =
                        messages.len() == 4 && messages.iter().all(|(row, _)| row.seq.is_some());
                    let first = messages.first().map(|(_, message)| message);
                    let changed =
                        first.is_some_and(|m| m.text == "hello!" && m.reactions.len() == 1);
                    all && changed
                })
                .await;
        }
        self.grace.reads(self.room).await;
        self.ada.sees_progress(self.room, "three", Progress::Read).await;
        self.world.comes_to_rest().await;
    }

    /// What is wrong in the end; nothing when all is as it would have been.
    async fn complaints(&self, said: &[Said]) -> Vec<String> {
        let auditor = Auditor::of(self.world, &self.ada).await;
        let history = auditor.history(self.room).await;
        let mut wrong = complaints(self.room, &history, said, &self.witness);
        if history.events.len() != 6 {
            wrong.push(format!("{} events instead of 6", history.events.len()));
        }
        for device in [&self.ada, &self.grace] {
            wrong.extend(difference(device, self.room, &auditor).await);
        }
        wrong.extend(self.world.complaints().await);
        wrong
    }
}

/// Which node of a talk is meant.
type Which = fn(&Talk<'_>) -> usize;

/// What one node does in the whole talk when nothing happens to it.
fn effects_of(which: Which) -> Vec<Effect> {
    Cluster::run(SEED, async |world| {
        let talk = Talk::begins(world).await;
        let effects = world.effects(which(&talk)).expect("it runs");
        effects.watch();
        let said = talk.goes_on().await;
        talk.arrives().await;
        assert_eq!(talk.complaints(&said).await, [""; 0]);
        effects.seen()
    })
}

/// Let something happen to a node before its nth effect in the talk, and look what is wrong in the end.
/// `begins` decides about the node; `happens` goes on beside the talk; `ends` comes when everybody has
/// everything.
fn with(
    which: Which,
    what: &str,
    begins: impl Fn(&Effects),
    happens: impl AsyncFn(&Talk<'_>, usize, &Effects),
    ends: impl AsyncFn(&Talk<'_>, usize),
) {
    Cluster::run(SEED, async |world| {
        let talk = Talk::begins(world).await;
        let node = which(&talk);
        let effects = world.effects(node).expect("it runs");
        begins(&effects);
        let said = talk.goes_on().await;
        tokio::join!(talk.arrives(), happens(&talk, node, &effects));
        ends(&talk, node).await;
        world.heals().await;
        let wrong = talk.complaints(&said).await;
        assert!(wrong.is_empty(), "{what}: {wrong:#?}");
    });
}

/// Wait until a node stands still; whether it did.
async fn stands_still(effects: &Effects) -> bool {
    tokio::time::timeout(LONG, effects.stands_still()).await.is_ok()
}

/// Of what is much, one in so many; all of it, in the order of an hour, when `KITH_ALL_EFFECTS` is set.
fn one_in(many: usize) -> usize {
    if std::env::var_os("KITH_ALL_EFFECTS").is_some() { 1 } else { many }
}

fn the_owner(talk: &Talk<'_>) -> usize {
    talk.owner()
}

/// The nodes by number: whatever each of them has to do with the talk.
const NODE: [Which; NODES] = [|_| 0, |_| 1, |_| 2];

#[test]
fn the_talk_has_every_kind_of_effect() {
    let all: Vec<Effect> = NODE.into_iter().flat_map(effects_of).collect();
    let some = |what: &str, is: fn(&Effect) -> bool| assert!(all.iter().any(is), "{what}");
    some("accepted", |effect| matches!(effect, Effect::Appended(Topic::Log, _)));
    some("an event", |effect| matches!(effect, Effect::Row(Step::Event(..))));
    some("a ref", |effect| matches!(effect, Effect::Row(Step::Ref(..))));
    some("a head", |effect| matches!(effect, Effect::Row(Step::Head(_))));
    some("a state", |effect| matches!(effect, Effect::Row(Step::Message(..))));
    some("told", |effect| matches!(effect, Effect::Appended(Topic::Inbox, _)));
    some("a list row", |effect| matches!(effect, Effect::Row(Step::Listed(..))));
    some("a restart row", |effect| matches!(effect, Effect::Row(Step::Restart(_))));
    some("a commit of the log", |effect| matches!(effect, Effect::Commit(Topic::Log, _)));
    some("a commit of the inbox", |effect| matches!(effect, Effect::Commit(Topic::Inbox, _)));
    some("a marker", |effect| matches!(effect, Effect::Row(Step::Marker(..))));
    some("a marker told", |effect| matches!(effect, Effect::Row(Step::Told(..))));
}

fn crashes(which: Which) {
    let all = effects_of(which);
    for (nth, effect) in (1..).zip(&all) {
        let what = format!("a crash before effect {nth}, {effect:?}");
        with(which, &what, |node| node.end_before(nth), async |_, _, _| {}, async |_, _| {});
    }
}

#[test]
fn a_crash_between_any_two_effects_of_the_first_node_changes_nothing() {
    crashes(NODE[0]);
}

#[test]
fn a_crash_between_any_two_effects_of_the_second_node_changes_nothing() {
    crashes(NODE[1]);
}

#[test]
fn a_crash_between_any_two_effects_of_the_third_node_changes_nothing() {
    crashes(NODE[2]);
}

fn freezes(which: Which) {
    let all = effects_of(which);
    for (nth, effect) in (1..).zip(&all).step_by(one_in(3)) {
        let what = format!("frozen before effect {nth}, {effect:?}");
        let begins = |node: &Effects| node.freeze_before(nth);
        let given_up = async |talk: &Talk<'_>, node: usize, effects: &Effects| {
            if stands_still(effects).await {
                talk.world.is_given_up(node);
            }
        };
        // It goes on when others have long done its work, and changes nothing of it.
        let wakes = async |talk: &Talk<'_>, node: usize| {
            let rows = || {
                let rows = talk.world.services.store().rows();
                Rows { restarts: BTreeMap::new(), ..rows }
            };
            let before = rows();
            talk.world.thaws(node);
            talk.world.passes(LONG).await;
            talk.world.comes_to_rest().await;
            assert!(before == rows(), "{what}: it has changed what was there");
        };
        with(which, &what, begins, given_up, wakes);
    }
}

#[test]
fn a_node_that_freezes_anywhere_and_goes_on_when_its_partitions_are_elsewhere_changes_nothing() {
    NODE.into_iter().for_each(freezes);
}

#[test]
fn an_owner_that_is_late_anywhere_goes_on_beside_the_next_one() {
    let moves: [fn(&Services, Topic, u32); 2] = [Services::revoke, Services::usurp];
    let all = effects_of(the_owner);
    for (nth, effect) in (1..).zip(&all).step_by(one_in(3)) {
        let moves = moves[nth % 2];
        let what = format!("overtaken before effect {nth}, {effect:?}");
        let begins = |node: &Effects| node.freeze_before(nth);
        let moves_on = async |talk: &Talk<'_>, _: usize, effects: &Effects| {
            if stands_still(effects).await {
                let services = &talk.world.services;
                for topic in [Topic::Log, Topic::Inbox] {
                    (0..services.partitions())
                        .for_each(|partition| moves(services, topic, partition));
                }
                effects.thaw();
            }
        };
        with(the_owner, &what, begins, moves_on, async |_, _| {});
    }
}

/// A zombie stops before its nth effect; its heir goes on up to its mth one and stops, or ends, there;
/// then the zombie goes on beside it.
#[test]
fn a_zombie_and_its_heir_are_interleaved() {
    let all = effects_of(the_owner).len();
    let every = one_in(41);
    for pair in (0..all * all).step_by(every) {
        let (nth, mth) = (pair / all + 1, pair % all + 1);
        let what = format!("a zombie before its effect {nth}, its heir before its effect {mth}");
        let begins = |node: &Effects| node.freeze_before(nth);
        let interleaved = async |talk: &Talk<'_>, node: usize, effects: &Effects| {
            if !stands_still(effects).await {
                return;
            }
            talk.world.is_given_up(node);
            let heir = talk.world.effects(talk.owner()).expect("it runs");
            if pair % 2 == 0 {
                heir.freeze_before(mth)
            } else {
                heir.end_before(mth)
            }
            let _ = tokio::time::timeout(SOON, heir.stands_still()).await;
            effects.thaw();
            talk.world.passes(SOON).await;
            heir.spare();
        };
        with(the_owner, &what, begins, interleaved, async |_, _| {});
    }
}
