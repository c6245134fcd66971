//! History by range of seq: what lies inside one's periods, or everything from the start where the
//! group says so. The rest of what was asked is named as closed, so that nobody asks for it again.

use std::collections::BTreeMap;

use axum::extract::State;
use protocol::model::{Period, Range};
use protocol::{Code, ConversationId, MessageState, UserId, limits};
use serde::Deserialize;
use storage::MemberRow;

use crate::app::App;
use crate::auth::Principal;
use crate::conversations::membership;
use crate::http::extract::{Named, value};
use crate::http::{Error, Id, Json, Query};

/// About how large the texts of one answer become, in bytes.
const BYTES: usize = 1024 * 1024;

/// `?from=&to=`.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    from: Option<String>,
    to: Option<String>,
}

/// A range of a conversation's history.
///
/// Gives the newest part of `[from, to]`: at most 200 events and about 1 MiB. `from` and `to` of
/// the answer say what it covers; ask again for what lies before. Events carry no text: that is in
/// `states`, which has the current state of every message that the events contain or name and that
/// the asker may see.
#[utoipa::path(get, path = "/v1/conversations/{conversation}/events", tag = "Conversations",
    security(("access_token" = [])),
    params(
        ("conversation" = ConversationId, Path, description = "Which."),
        ("from" = Option<u64>, Query, description = "The first seq, at least 1. Absent: 1."),
        ("to" = Option<u64>, Query, description = "The last seq. Absent: the newest.")),
    extensions(("x-codes" = json!(["no_conversation", "bad_value", "malformed", "damaged"]))),
    responses((status = 200, body = Range)))]
pub(crate) async fn events(
    State(app): State<App>,
    who: Principal,
    Id(conversation): Id<ConversationId>,
    Query(asked): Query<Asked>,
) -> Result<Json<Range>, Error> {
    let from: u64 = value(asked.from.as_deref(), 1, "from")?;
    let to: u64 = value(asked.to.as_deref(), u64::MAX, "to")?;
    if from == 0 || to < from {
        return Err(Error::new(Code::BadValue, "`from` is at least 1 and at most `to`."));
    }
    // The head first: who is a member after that may see all up to it.
    let head = app.stores.history.head(conversation).await?;
    let member = membership(&app, who, conversation).await?;
    let head = head.ok_or_else(ConversationId::missing)?.seq;
    let last = member.periods.last().and_then(|period| period.left_seq).unwrap_or(head).min(head);
    let to = to.min(last);
    let mut open = inside(&member.periods, from, to);
    // That is all for nearly everybody who asks; only the others need to know the group's rule.
    let from_start = covered(&open) < (to + 1).saturating_sub(from)
        && is_open(&app, who.user, conversation).await?;
    if from_start {
        open = vec![(from, to)];
    }
    let mut range = Range {
        conversation,
        from,
        to,
        events: Vec::new(),
        states: Vec::new(),
        closed: Vec::new(),
    };
    let mut states = BTreeMap::new();
    let mut budget = (limits::PAGE_EVENTS, BYTES);
    for &(first, end) in open.iter().rev() {
        let part = app.stores.history.stretch(conversation, first, end, budget.0, budget.1).await?;
        budget.0 = budget.0.saturating_sub(part.events.len() as u64);
        budget.1 = budget.1.saturating_sub(part.states.iter().map(size).sum());
        range.events.splice(0..0, part.events);
        states.extend(part.states.into_iter().map(|state| (state.seq, state)));
        if part.from > first || budget.0 == 0 || budget.1 == 0 {
            range.from = part.from;
            break;
        }
    }
    // A reply or an edit may name a message from before one's time. That one stays closed.
    let may_see = |seq: u64| visible(&member, from_start, seq);
    range.states = states.into_values().filter(|state| may_see(state.seq)).collect();
    range.closed = gaps(&open, range.from, to);
    Ok(Json(range))
}

/// Whether the group lets its members read from the start.
async fn is_open(app: &App, user: UserId, conversation: ConversationId) -> Result<bool, Error> {
    let pages = app.stores.history.pages(user, &[conversation], 0, 0).await?;
    Ok(pages.first().is_some_and(|page| page.history_open))
}

fn visible(member: &MemberRow, from_start: bool, seq: u64) -> bool {
    from_start || member.periods.iter().any(|period| period.covers(seq))
}

/// The parts of `[from, to]` that lie in these periods, ascending.
fn inside(periods: &[Period], from: u64, to: u64) -> Vec<(u64, u64)> {
    let part = |period: &Period| {
        (period.joined_seq.max(from), period.left_seq.unwrap_or(u64::MAX).min(to))
    };
    periods.iter().map(part).filter(|(first, last)| first <= last).collect()
}

/// How many seqs these parts have.
fn covered(parts: &[(u64, u64)]) -> u64 {
    parts.iter().map(|(first, last)| last - first + 1).sum()
}

/// What lies in `[from, to]` and in none of the parts.
fn gaps(parts: &[(u64, u64)], from: u64, to: u64) -> Vec<(u64, u64)> {
    let mut next = from;
    let mut gaps = Vec::new();
    for &(first, last) in parts.iter().filter(|(_, last)| *last >= from) {
        if next < first {
            gaps.push((next, first - 1));
        }
        next = last + 1;
    }
    if next <= to {
        gaps.push((next, to));
    }
    gaps
}

/// About how many bytes of an answer a message's state takes.
fn size(state: &MessageState) -> usize {
    state.texts.iter().map(|text| text.text.len()).sum::<usize>()
        + state.reactions.iter().map(|r| r.emoji.len() + r.users.len() * 39).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn periods(ends: &[(u64, Option<u64>)]) -> Vec<Period> {
        ends.iter().map(|&(joined_seq, left_seq)| Period { joined_seq, left_seq }).collect()
    }

    #[test]
    fn what_lies_between_two_memberships_is_closed() {
        let open = inside(&periods(&[(10, Some(20)), (30, None)]), 1, 40);
        assert_eq!(open, [(10, 20), (30, 40)]);
        assert_eq!(gaps(&open, 1, 40), [(1, 9), (21, 29)]);
        assert_eq!(gaps(&open, 15, 40), [(21, 29)]);
        assert_eq!(gaps(&inside(&periods(&[(10, None)]), 1, 5), 1, 5), [(1, 5)]);
    }

    #[test]
    fn a_range_behind_the_end_is_empty_and_closed_nowhere() {
        let open = inside(&periods(&[(1, None)]), 7, 5);
        assert_eq!((open.as_slice(), gaps(&open, 7, 5).as_slice()), (&[][..], &[][..]));
    }

    proptest! {
        #[test]
        fn every_seq_is_open_or_closed_and_never_both(
            lengths in proptest::collection::vec(1_u64..9, 1..8),
            from in 1_u64..40,
            length in 0_u64..40,
        ) {
            let mut ends = Vec::new();
            let mut at = 0;
            for pair in lengths.chunks(2) {
                let joined = at + pair[0];
                let left = pair.get(1).map(|more| joined + more);
                at = left.unwrap_or(joined);
                ends.push((joined, left));
            }
            let (periods, to) = (periods(&ends), from + length);
            let open = inside(&periods, from, to);
            let closed = gaps(&open, from, to);
            prop_assert_eq!(covered(&open) + covered(&closed), to - from + 1);
            for seq in from..=to {
                let within = |parts: &[(u64, u64)]| parts.iter().any(|p| p.0 <= seq && seq <= p.1);
                prop_assert_eq!(within(&open), periods.iter().any(|p| p.covers(seq)));
                prop_assert_ne!(within(&open), within(&closed));
            }
        }
    }
}
