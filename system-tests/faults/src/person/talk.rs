//! What somebody says next.

use std::time::Duration;

use protocol::{Command, ConversationId, UserId};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tokio::time::Instant;

use super::outbox::Outbox;
use crate::town::Town;

/// From one thing said to the next, on average.
const EVERY: Duration = Duration::from_millis(500);
/// From one change of the members to the next.
const TURN: Duration = Duration::from_secs(3);
/// Who has so many unanswered in a room says nothing more there.
const ENOUGH: usize = 4;

/// What somebody says, and where.
pub(super) struct Talk {
    number: usize,
    said: u64,
    rooms: Vec<ConversationId>,
    /// Groups to begin.
    to_begin: Vec<(ConversationId, Command)>,
    /// The room whose last person is removed and added, who that is, and whether they are in it.
    turns: Option<(ConversationId, UserId, bool)>,
    next: Instant,
    next_turn: Instant,
}

impl Talk {
    pub(super) fn new(town: &Town, number: usize, random: &mut StdRng) -> Self {
        let own = town.rooms.iter().filter(|room| room.people.contains(&number));
        let begins = |room: &&crate::town::Room| room.id.is_group() && room.people[0] == number;
        let to_begin = town.rooms.iter().filter(begins).map(|room| {
            let members = room.people[1..].iter().map(|n| town.people[*n].user).collect();
            (room.id, Command::Create { title: "Room".into(), members, history_open: false })
        });
        let turns = town.rooms.iter().filter(begins).find(|room| room.revolves);
        let turns = turns.map(|room| {
            let last = room.people[room.people.len() - 1];
            (room.id, town.people[last].user, true)
        });
        let first = Instant::now() + EVERY.mul_f64(random.random_range(0.0..1.0));
        Self {
            number,
            said: 0,
            rooms: own.map(|room| room.id).collect(),
            to_begin: to_begin.collect(),
            turns,
            next: first,
            next_turn: first + TURN,
        }
    }

    /// What is said now. In a group nobody says anything before they have seen that it began.
    pub(super) fn next(
        &mut self,
        random: &mut StdRng,
        outbox: &Outbox,
        began: impl Fn(&ConversationId) -> bool,
    ) -> Vec<(ConversationId, Command)> {
        let now = Instant::now();
        let mut said = std::mem::take(&mut self.to_begin);
        if let Some((room, user, there)) = self.turns.as_mut().filter(|_| now >= self.next_turn)
            && began(room)
            && outbox.len_of(*room) == 0
        {
            self.next_turn = now + TURN;
            let (user, added) = (*user, !*there);
            let turn =
                if added { Command::Add { users: vec![user] } } else { Command::Remove { user } };
            *there = added;
            said.push((*room, turn));
        }
        if now < self.next {
            return said;
        }
        self.next = now + EVERY.mul_f64(random.random_range(0.3..1.7));
        let may = |room: &&ConversationId| {
            (room.is_direct() || began(room)) && outbox.len_of(**room) < ENOUGH
        };
        let rooms: Vec<ConversationId> = self.rooms.iter().filter(may).copied().collect();
        if let Some(room) = rooms.choose(random) {
            for _ in 0..random.random_range(1..=3) {
                self.said += 1;
                let text = format!("{} of person {}", self.said, self.number);
                said.push((*room, Command::Message { text, reply_to: None }));
            }
        }
        said
    }
}
