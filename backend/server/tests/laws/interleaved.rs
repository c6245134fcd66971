//! A zombie and its heir: two owners of one partition, interleaved at every pair of their rows and
//! reads, with crashes between them, leave the rows and the answers of one.

use protocol::Role;
use storage::memory::{Read, Step};

use super::owners::{From, Partition, Place, expected};
use super::records::{
    Log, add, create, delete, direct, edit, give, group, leave, log, pin, react, record, remove,
    rename, reply, say,
};

/// A log, and in which batches the one and the other take it.
struct Case {
    log: Log,
    zombie: &'static [usize],
    heir: &'static [usize],
}

/// Where both stand when the one is resumed.
type Stand = (usize, usize);

impl Case {
    /// How many steps an owner makes that is alone.
    fn steps(&self) -> usize {
        let partition = Partition::new(&self.log);
        let mut owner = partition.owner(From::Stored, partition.end(), self.zombie);
        let mut steps = 0;
        while owner.step() {
            steps += 1;
        }
        steps
    }

    /// Every place of the zombie, and for each every place of its heir.
    fn at_every_pair(&self, mut goes_on: impl FnMut(&mut Partition, Stand) -> bool) {
        let expected = expected(&self.log);
        for zombie in 0..=self.steps() {
            let mut heir = 0;
            loop {
                let mut partition = Partition::new(&self.log);
                let more = goes_on(&mut partition, (zombie, heir));
                partition.done(&expected);
                if !more {
                    break;
                }
                heir += 1;
            }
        }
    }

    /// The zombie stops, the heir goes some way, the zombie ends its work, then the heir. With the
    /// heir at its end this is also the zombie that wakes when everything is long done.
    fn one_stops_the_other_goes_on(&self, from: From) {
        self.at_every_pair(|partition, (there, here)| {
            let mut zombie = partition.owner(From::Stored, partition.end(), self.zombie);
            zombie.steps(there);
            let mut heir = partition.owner(from, partition.end(), self.heir);
            let more = heir.steps(here);
            partition.read();
            zombie.finish();
            partition.read();
            heir.finish();
            more
        });
    }

    /// From each pair of places on, row by row in turns.
    fn both_go_on_in_turns(&self) {
        self.at_every_pair(|partition, (there, here)| {
            let mut zombie = partition.owner(From::Stored, partition.end(), self.zombie);
            zombie.steps(there);
            let mut heir = partition.owner(From::Stored, partition.end(), self.heir);
            let more = heir.steps(here);
            loop {
                let (one, other) = (zombie.step(), heir.step());
                partition.read();
                if !one && !other {
                    break more;
                }
            }
        });
    }

    /// Both crash, and a third one takes the partition up.
    fn both_crash(&self) {
        self.at_every_pair(|partition, (there, here)| {
            let mut zombie = partition.owner(From::Stored, partition.end(), self.zombie);
            zombie.steps(there);
            let mut heir = partition.owner(From::Stored, partition.end(), self.heir);
            let more = heir.steps(here);
            drop((zombie, heir));
            partition.read();
            partition.owner(From::Stored, partition.end(), self.zombie).finish();
            more
        });
    }

    /// The heir crashes, a third one takes the partition up, and the zombie wakes beside it.
    fn the_heir_crashes_and_the_zombie_wakes(&self) {
        self.at_every_pair(|partition, (there, here)| {
            let mut zombie = partition.owner(From::Stored, partition.end(), self.zombie);
            zombie.steps(there);
            let mut heir = partition.owner(From::Stored, partition.end(), self.heir);
            let more = heir.steps(here);
            drop(heir);
            let mut third = partition.owner(From::Stored, partition.end(), self.heir);
            third.steps(here / 2);
            zombie.finish();
            partition.read();
            third.finish();
            more
        });
    }

    fn every_way(&self) {
        self.one_stops_the_other_goes_on(From::Stored);
        self.one_stops_the_other_goes_on(From::Beginning);
        self.both_go_on_in_turns();
        self.both_crash();
        self.the_heir_crashes_and_the_zombie_wakes();
    }
}

/// A group that person 1 has created with these others.
fn begun(others: &[u64]) -> server::pipeline::record::Record {
    record(group(1), 1, [(1, create("Engine room", others))])
}

#[test]
fn a_group_that_is_created_and_spoken_in() {
    let log = log([
        begun(&[2]),
        record(group(1), 2, [(2, say("one")), (3, say("two"))]),
        record(group(1), 1, [(4, reply(2, "three"))]),
    ]);
    Case { log, zombie: &[2], heir: &[1, 2] }.every_way();
}

#[test]
fn changes_of_a_message_of_an_earlier_batch() {
    let log = log([
        direct(1, 2, [(1, say("one"))]),
        direct(1, 2, [(2, edit(1, "two"))]),
        direct(2, 1, [(3, react(1, "👍", true)), (4, pin(1, true))]),
        direct(1, 2, [(5, delete(1))]),
    ]);
    Case { log, zombie: &[1, 2], heir: &[3, 1] }.every_way();
}

#[test]
fn people_who_come_and_go() {
    let log = log([
        begun(&[2, 3]),
        record(group(1), 1, [(2, give(2, Role::Admin)), (3, remove(3))]),
        record(group(1), 2, [(4, add(&[3, 4])), (5, rename("Boiler room"))]),
        record(group(1), 1, [(6, leave())]),
    ]);
    Case { log, zombie: &[2], heir: &[1, 3] }.every_way();
}

#[test]
fn commands_that_are_rejected_before_between_and_after_others() {
    let log = log([
        record(group(1), 1, [(1, say("too early"))]),
        begun(&[2]),
        record(group(1), 3, [(2, say("not in"))]),
        record(group(1), 2, [(3, say("one")), (4, edit(2, "one")), (5, delete(9))]),
        record(group(1), 2, [(6, rename("not mine"))]),
    ]);
    Case { log, zombie: &[2], heir: &[3] }.every_way();
}

#[test]
fn second_copies_of_commands() {
    let once = direct(1, 2, [(1, say("one"))]);
    let refused = direct(2, 1, [(2, edit(1, "not mine"))]);
    let log = log([
        once.clone(),
        refused.clone(),
        once.clone(),
        direct(1, 2, [(1, say("another")), (3, edit(1, "two"))]),
        refused,
        once,
    ]);
    Case { log, zombie: &[1, 2], heir: &[3] }.every_way();
}

#[test]
fn commands_about_a_message_of_their_own_record_and_about_one_that_comes_later() {
    let log = log([
        direct(1, 2, [(1, say("one"))]),
        direct(1, 2, [(2, react(3, "👍", true)), (3, say("two")), (4, edit(2, "three"))]),
        direct(2, 1, [(5, edit(2, "not mine")), (6, react(5, "👍", true)), (7, say("five"))]),
    ]);
    Case { log, zombie: &[1], heir: &[2] }.every_way();
}

#[test]
fn conversations_that_share_the_partition() {
    let log = log([
        direct(1, 2, [(1, say("one"))]),
        begun(&[2]),
        direct(2, 1, [(2, reply(1, "two"))]),
        record(group(1), 2, [(3, leave()), (4, say("gone"))]),
    ]);
    Case { log, zombie: &[2], heir: &[4] }.every_way();
}

/// The zombie has a few records in hand, and the heir is many batches further when it wakes.
#[test]
fn a_zombie_that_wakes_when_its_heir_is_many_batches_ahead() {
    let mut records = vec![begun(&[2, 3]), record(group(1), 2, [(2, say("one"))])];
    for n in 0..12 {
        records.push(match n % 4 {
            0 => record(group(1), 2, [(10 + n, edit(2, &n.to_string()))]),
            1 => record(group(1), 1, [(10 + n, say("and"))]),
            2 => record(group(1), 1, [(10 + n, remove(3))]),
            _ => record(group(1), 1, [(10 + n, add(&[3])), (50 + n, react(2, "👍", n % 8 == 3))]),
        });
    }
    let log = log(records);
    let expected = expected(&log);
    for known in 1..6 {
        for stop in 0.. {
            let mut partition = Partition::new(&log);
            let mut zombie = partition.owner(From::Stored, known, &[2]);
            let more = zombie.steps(stop);
            partition.owner(From::Stored, partition.end(), &[3]).finish();
            partition.read();
            while zombie.step() {
                partition.read();
            }
            partition.done(&expected);
            if !more {
                break;
            }
        }
    }
}

/// Each time that it loads its conversations anew, the heir has just written another one of them.
#[test]
fn an_owner_that_is_overtaken_in_one_conversation_after_another_comes_to_an_end() {
    let records: Vec<_> = (2..8).map(|peer| direct(1, peer, [(peer, say("one"))])).collect();
    let ids: Vec<_> = records.iter().map(|record| record.conversation).collect();
    let log = log(records);
    let mut partition = Partition::new(&log);
    let mut zombie = partition.owner(From::Stored, partition.end(), &[log.len()]);
    let mut heir = partition.owner(From::Stored, partition.end(), &[1]);
    for id in &ids {
        zombie.goes_to(Place::Read(Read::Head(ids[0])));
        zombie.goes_to(Place::Read(Read::Conversation(*id)));
        heir.goes_to(Place::Row(Step::Head(*id)));
        heir.goes_to(Place::Row(Step::Restart(0)));
        heir.step();
    }
    zombie.finish();
    heir.finish();
    partition.done(&expected(&log));
}
