//! Which part of a conversation is open to somebody: the same for every store.

use protocol::model::Period;

/// Which part of a conversation somebody may read.
pub(crate) struct Readable<'p> {
    /// Whether that is everything.
    pub(crate) open: bool,
    /// Their memberships, oldest first.
    pub(crate) periods: &'p [Period],
}

impl Readable<'_> {
    /// Whether an event may be read.
    pub(crate) fn covers(&self, seq: u64) -> bool {
        self.open || self.periods.iter().any(|period| period.covers(seq))
    }

    /// The first seq of the unbroken readable run that ends at `to`.
    pub(crate) fn run_up_to(&self, to: u64) -> u64 {
        if self.open {
            return 1;
        }
        let mut from = to.saturating_add(1);
        for period in self.periods.iter().rev() {
            // A period that ends just where the next begins goes on without a hole.
            if period.joined_seq < from
                && period.left_seq.is_none_or(|left| left.saturating_add(1) >= from)
            {
                from = period.joined_seq;
            }
        }
        from.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_over_periods_that_touch_and_stops_at_a_hole() {
        let period = |joined_seq, left_seq| Period { joined_seq, left_seq };
        let run = |periods: &[Period], to| Readable { open: false, periods }.run_up_to(to);
        assert_eq!(run(&[period(5, None)], 9), 5);
        assert_eq!(run(&[period(2, Some(6)), period(7, None)], 9), 2);
        assert_eq!(run(&[period(2, Some(5)), period(7, None)], 9), 7);
        assert_eq!(run(&[period(0, None)], 9), 1);
        assert_eq!(Readable { open: true, periods: &[period(5, None)] }.run_up_to(9), 1);
    }
}
