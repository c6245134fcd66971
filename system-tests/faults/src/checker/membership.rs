//! Who is a member from which event to which.

use std::collections::BTreeMap;

use protocol::UserId;
use protocol::model::Period;

use crate::history::Fact;

/// Everybody's periods, from the events of a room in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Periods(BTreeMap<UserId, Vec<Period>>);

impl Periods {
    /// Those of a direct conversation: from the beginning, for ever.
    #[must_use]
    pub fn direct(people: [UserId; 2]) -> Self {
        let period = vec![Period { joined_seq: 0, left_seq: None }];
        Self(people.into_iter().map(|user| (user, period.clone())).collect())
    }

    /// The next event.
    pub fn follow(&mut self, fact: &Fact) {
        for user in &fact.joined {
            let periods = self.0.entry(*user).or_default();
            if !protocol::model::is_current(periods) {
                periods.push(Period { joined_seq: fact.seq, left_seq: None });
            }
        }
        let gone = fact.left.and_then(|user| self.0.get_mut(&user)?.last_mut());
        if let Some(period) = gone.filter(|period| period.left_seq.is_none()) {
            period.left_seq = Some(fact.seq);
        }
    }

    /// Whether somebody may see an event.
    #[must_use]
    pub fn cover(&self, user: UserId, seq: u64) -> bool {
        self.0.get(&user).is_some_and(|all| all.iter().any(|period| period.covers(seq)))
    }

    /// Who is a member now, and since which event.
    pub fn current(&self) -> impl Iterator<Item = (UserId, u64)> {
        let last = |(user, all): (&UserId, &Vec<Period>)| all.last().map(|last| (*user, *last));
        let all = self.0.iter().filter_map(last);
        all.filter(|(_, last)| last.left_seq.is_none()).map(|(user, last)| (user, last.joined_seq))
    }

    /// Who is a member or was one.
    pub fn people(&self) -> impl Iterator<Item = UserId> {
        self.0.keys().copied()
    }
}
