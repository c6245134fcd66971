//! Searching what is here, how much of all that is, and which older history to fetch next so that
//! search finds more.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::model::{Event, MessageState};
use protocol::{ConversationId, Millis, limits};
use tokio::time::Instant;

use super::{Account, Want};
use crate::search::{Coverage, FoundMessage, Piece, Query, SearchResults, snippet};
use crate::store::{Hit, StoreError};
use crate::sync::Conversation;
use crate::text;

/// Messages of one page.
const PAGE: usize = 40;
/// How many events are kept here without anybody having looked at them. Their history stays on the
/// server, and comes when it is looked at.
const MOST_HELD: u64 = 1_000_000;
/// Messages that are indexed in one step; it takes some milliseconds.
const STEP: u32 = 500;
/// For so long after a search, older history is fetched without a pause.
const SEARCHING: Duration = Duration::from_secs(10);

/// What is remembered between searches.
#[derive(Default)]
pub(super) struct Searching {
    /// The last search: when, and in which conversation if only there.
    last: Option<(Instant, Option<ConversationId>)>,
    /// Of each conversation that is not all here: the first seq from which on it is, and its time.
    since: BTreeMap<ConversationId, (u64, Millis)>,
}

/// Older history to fetch when there is nothing better to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Older {
    /// What to fetch.
    pub want: Want,
    /// Whether somebody waits for it.
    pub hurry: bool,
}

impl Account {
    /// The messages in which all of the query's words are, the newest first: a page of them, from
    /// below the id `before`. A query without a word finds nothing.
    ///
    /// # Errors
    /// [`StoreError`]; `Ok(None)` for a conversation that is not known.
    pub fn search(
        &mut self,
        typed: &str,
        conversation: Option<ConversationId>,
        before: Option<i64>,
        now: Instant,
    ) -> Result<Option<SearchResults>, StoreError> {
        if conversation.is_some_and(|id| !self.conversations.contains_key(&id)) {
            return Ok(None);
        }
        self.searching.last = Some((now, conversation));
        let mut results = SearchResults::default();
        if let Some(query) = Query::parse(typed) {
            let before = before.unwrap_or(i64::MAX);
            let mut hits = self.find(&query, conversation, before)?;
            if hits.len() > PAGE {
                hits.truncate(PAGE);
                results.more = hits.last().map(|hit| hit.id.to_string());
            }
            for hit in hits {
                results.messages.extend(self.hit(&hit, &query)?);
            }
            let senders: Vec<_> =
                results.messages.iter().flat_map(|m| m.sender.as_ref()).map(|p| p.id).collect();
            self.want_people(senders, false);
        }
        results.coverage = self.coverage(conversation, now)?;
        Ok(Some(results))
    }

    /// One more than a page. A broken index finds nothing, and is made anew.
    fn find(
        &mut self,
        query: &Query,
        conversation: Option<ConversationId>,
        before: i64,
    ) -> Result<Vec<Hit>, StoreError> {
        match self.cache.find(query, conversation, before, PAGE + 1) {
            Err(error) if error.is_damage() => {
                tracing::warn!(%error, "the search index is made anew");
                // When more than the index is broken, this fails as well.
                self.cache.begin_index()?;
                Ok(Vec::new())
            }
            found => found,
        }
    }

    fn hit(&self, hit: &Hit, query: &Query) -> Result<Option<FoundMessage>, StoreError> {
        let Some(state) = self.cache.state(hit.conversation, hit.seq)? else { return Ok(None) };
        let Some(event) = self.cache.event(hit.conversation, hit.seq)? else { return Ok(None) };
        let pieces = snippet(&text::searchable(state.text().unwrap_or_default()), query);
        Ok(Some(self.found(hit.conversation, Some(&event), &state, pieces)))
    }

    fn found(
        &self,
        conversation: ConversationId,
        event: Option<&Event>,
        state: &MessageState,
        pieces: Vec<Piece>,
    ) -> FoundMessage {
        let written = state.texts.first().map_or(0, |text| text.at);
        FoundMessage {
            conversation,
            seq: state.seq,
            at: event.map_or(written, |event| event.at),
            sender: event.map(|event| self.people.view(event.sender)),
            mine: event.is_some_and(|event| event.sender == self.me),
            pieces,
        }
    }

    /// The pinned messages of a conversation as far as they are here, the newest first.
    pub(super) fn pinned(&self, id: ConversationId) -> Result<Vec<FoundMessage>, StoreError> {
        let states = self.cache.pinned(id, limits::PINS)?;
        let pinned = states.iter().map(|state| {
            let event = self.cache.event(id, state.seq)?;
            let line = text::preview(state.text().unwrap_or_default());
            let pieces = vec![Piece { text: line, hit: false }];
            Ok(self.found(id, event.as_ref(), state, pieces))
        });
        pinned.collect()
    }

    /// Which messages a search looks through.
    fn coverage(
        &mut self,
        only: Option<ConversationId>,
        now: Instant,
    ) -> Result<Coverage, StoreError> {
        self.renew_since()?;
        let missing = |id: &ConversationId| only.is_none_or(|only| only == *id);
        let some = self.searching.since.iter().filter(|(id, _)| missing(id));
        let since = some.map(|(_, (_, at))| *at).max();
        // What the list does not name yet is missing altogether.
        let listed = self.sync.complete || only.is_some();
        let complete = listed && since.is_none();
        Ok(Coverage {
            complete,
            since: since.filter(|&at| listed && at < Millis::MAX),
            coming: !complete && (!listed || self.older(now)?.is_some()),
            indexing: self.cache.is_indexing()?,
        })
    }

    /// Bring up to date since when each conversation that is not all here is here.
    fn renew_since(&mut self) -> Result<(), StoreError> {
        let known = std::mem::take(&mut self.searching.since);
        for conversation in self.conversations.values().filter(|c| is_partly_here(c)) {
            let (id, head) = (conversation.id, conversation.head.seq);
            let since = match conversation.held.stretch(head) {
                // Even its newest message is missing.
                None => (head, Millis::MAX),
                Some((first, _)) => match known.get(&id).filter(|(seq, _)| *seq == first) {
                    Some(known) => *known,
                    None => {
                        let oldest = self.cache.oldest(id, first, head, 1)?;
                        (first, oldest.first().map_or(conversation.at, |event| event.at))
                    }
                },
            };
            self.searching.since.insert(id, since);
        }
        Ok(())
    }

    /// The newest history that is not here, of the conversation in which somebody searches or else
    /// of all; `None` when all is here, or enough.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn older(&mut self, now: Instant) -> Result<Option<Older>, StoreError> {
        let held: u64 = self.conversations.values().map(|c| c.held.len()).sum();
        let searching = self.searching.last.filter(|(at, _)| now < *at + SEARCHING);
        let here = searching.and_then(|(_, only)| only);
        if held >= MOST_HELD && here.is_none() {
            return Ok(None);
        }
        self.renew_since()?;
        let mut missing: Vec<_> =
            self.searching.since.iter().map(|(&id, &(_, at))| (Some(id) == here, at, id)).collect();
        missing.sort_unstable_by(|a, b| b.cmp(a));
        let want = missing.into_iter().find_map(|(_, _, id)| self.all_of(id));
        Ok(want.map(|want| Older { want, hurry: searching.is_some() }))
    }

    /// Index some of the messages that were here before the index was. Whether there are more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn index_step(&mut self) -> Result<bool, StoreError> {
        self.cache.index_step(STEP)
    }
}

/// Whether there is history that one could have and that is not here.
fn is_partly_here(conversation: &Conversation) -> bool {
    conversation.described && !conversation.held.covers(1, conversation.head.seq)
}
