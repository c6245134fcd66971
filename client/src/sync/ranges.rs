//! Which seqs of a conversation are held: a set of stretches, kept merged.

use std::collections::BTreeMap;

/// Stretches `[from, to]` of seqs, none touching another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// The stretches, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|(&from, &to)| (from, to))
    }

    /// How many seqs are held.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // Nobody asks.
    pub fn len(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum: u64, (from, to)| sum.saturating_add(to - from).saturating_add(1))
    }

    /// Add a stretch. One with `from > to`, or that begins with 0, adds nothing.
    pub fn insert(&mut self, mut from: u64, mut to: u64) {
        if from == 0 || from > to {
            return;
        }
        // Everything that overlaps or touches becomes one.
        let touching: Vec<u64> = self
            .0
            .range(..=to.saturating_add(1))
            .rev()
            .take_while(|&(_, &end)| end.saturating_add(1) >= from)
            .map(|(&start, _)| start)
            .collect();
        for start in touching {
            if let Some(end) = self.0.remove(&start) {
                from = from.min(start);
                to = to.max(end);
            }
        }
        self.0.insert(from, to);
    }

    /// Whether `seq` is held.
    #[must_use]
    pub fn contains(&self, seq: u64) -> bool {
        self.stretch(seq).is_some()
    }

    /// Whether all of `[from, to]` is held; an empty stretch is.
    #[must_use]
    pub fn covers(&self, from: u64, to: u64) -> bool {
        from > to || self.stretch(from).is_some_and(|(_, end)| end >= to)
    }

    /// The stretch that `seq` is in.
    #[must_use]
    pub fn stretch(&self, seq: u64) -> Option<(u64, u64)> {
        self.0.range(..=seq).next_back().map(|(&a, &b)| (a, b)).filter(|&(_, end)| end >= seq)
    }

    /// The last seq up to which everything after `seq` is held; `seq` itself for nothing.
    #[must_use]
    pub fn contiguous_after(&self, seq: u64) -> u64 {
        self.stretch(seq.saturating_add(1)).map_or(seq, |(_, end)| end)
    }

    /// What is missing in `[from, to]`, ascending.
    #[must_use]
    pub fn missing(&self, from: u64, to: u64) -> Vec<(u64, u64)> {
        let mut holes = Vec::new();
        let mut next = from.max(1);
        let first = self.stretch(next).map_or(next, |(start, _)| start);
        for (&start, &end) in self.0.range(first..) {
            if start > to || next > to {
                break;
            }
            if start > next {
                holes.push((next, start - 1));
            }
            let Some(after) = end.checked_add(1) else { return holes };
            next = next.max(after);
        }
        if next <= to {
            holes.push((next, to));
        }
        holes
    }

    /// The newest hole in `[from, to]`, at most `limit` long, its newest end.
    #[must_use]
    pub fn newest_hole(&self, from: u64, to: u64, limit: u64) -> Option<(u64, u64)> {
        let mut end = to;
        while let Some((start, _)) = self.stretch(end) {
            end = start.checked_sub(1).filter(|&e| e >= from.max(1))?;
        }
        if end < from.max(1) || limit == 0 {
            return None;
        }
        let below = self.0.range(..=end).next_back().map_or(0, |(_, &b)| b);
        let start = (below + 1).max(from.max(1)).max((end - (limit - 1).min(end - 1)).max(1));
        Some((start, end))
    }
}

impl FromIterator<(u64, u64)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(stretches: I) -> Self {
        let mut ranges = Self::default();
        for (from, to) in stretches {
            ranges.insert(from, to);
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_are_the_set_of_what_was_inserted(
            stretches in prop::collection::vec((0u64..40, 0u64..40), 0..12),
            from in 0u64..40,
            to in 0u64..40,
            limit in 0u64..10,
        ) {
            let ranges: Ranges = stretches.iter().copied().collect();
            let model: BTreeSet<u64> =
                stretches.iter().filter(|(a, _)| *a > 0).flat_map(|&(a, b)| a..=b).collect();
            for seq in 0..45 {
                prop_assert_eq!(ranges.contains(seq), model.contains(&seq));
            }
            let missing: Vec<u64> =
                ranges.missing(from, to).into_iter().flat_map(|(a, b)| a..=b).collect();
            let expected: Vec<u64> = (from.max(1)..=to).filter(|s| !model.contains(s)).collect();
            prop_assert_eq!(&missing, &expected);
            prop_assert_eq!(ranges.len(), model.len() as u64);
            prop_assert_eq!(ranges.covers(from.max(1), to), expected.is_empty());
            let after = (from + 1..).take_while(|s| model.contains(s)).last().unwrap_or(from);
            prop_assert_eq!(ranges.contiguous_after(from), after);
            let pairs: Vec<_> = ranges.iter().collect();
            prop_assert!(pairs.windows(2).all(|w| w[0].1 + 1 < w[1].0), "merged: {:?}", pairs);
            match ranges.newest_hole(from, to, limit) {
                None => prop_assert!(expected.is_empty() || limit == 0),
                Some((a, b)) => {
                    prop_assert_eq!(Some(&b), expected.last());
                    prop_assert!(b - a < limit);
                    prop_assert!((a..=b).all(|s| expected.contains(&s)));
                    let longer = a > from.max(1) && expected.contains(&(a - 1));
                    prop_assert!(b - a + 1 == limit || !longer, "as long as it may be");
                }
            }
        }
    }

    #[test]
    fn row_12_the_largest_numbers_do_not_overflow() {
        let mut ranges = Ranges::default();
        ranges.insert(u64::MAX, u64::MAX);
        ranges.insert(1, u64::MAX);
        ranges.insert(5, 4);
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [(1, u64::MAX)]);
        assert!(ranges.missing(1, u64::MAX).is_empty());
        assert_eq!(ranges.newest_hole(1, u64::MAX, 10), None);
        assert_eq!(ranges.contiguous_after(u64::MAX), u64::MAX);
    }
}
