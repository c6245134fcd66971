//! What came from the server, taken in: many pieces in one transaction of the cache, then the
//! outbox, then the markers. What is delivered is said only after the commit.

use std::collections::{BTreeMap, BTreeSet};

use protocol::frame::{ConversationPage, Cursor, EventFrame, MarkStored, Marked, Page, Rejected};
use protocol::model::{Event, EventKind, MessageState, Range};
use protocol::request::Person;
use protocol::{ClientRef, Command, ConversationId, UserId};

use super::{Account, StoreError};
use crate::store::{CacheWrite, Failure, Stored};
use crate::sync::Conversation;

/// Something that a server has told.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// Part of the answer to `hello`.
    Page(Page),
    /// A live event.
    Event(EventFrame),
    /// The answer to a request for history.
    Range(Range),
    /// Somebody's markers.
    Marked(Marked),
    /// One's own markers are stored.
    MarkStored(MarkStored),
    /// One's own command was rejected.
    Rejected(Rejected),
    /// Everything up to here came.
    Cursor(Cursor),
    /// Who some people are; those asked for and not among them do not exist.
    People {
        /// Who was asked for.
        asked: Vec<UserId>,
        /// Who they are.
        people: Vec<Person>,
    },
}

/// What the connection has to do about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Something came for a conversation that only a new `hello` can describe: connect again. The
    /// cursor was not moved past it.
    pub rejoin: bool,
}

/// One transaction's work.
struct Intake<'a> {
    me: UserId,
    write: CacheWrite<'a>,
    before: &'a BTreeMap<ConversationId, Conversation>,
    after: BTreeMap<ConversationId, Conversation>,
    /// One's own refs that were seen as events.
    seen: BTreeSet<(ConversationId, ClientRef)>,
    /// Conversations whose pinned messages are others now.
    pins: BTreeSet<ConversationId>,
}

impl Account {
    /// Take in what came, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`]. Then nothing was taken in, and nothing is lost: the cursor has not moved.
    pub fn ingest(&mut self, arrivals: Vec<Arrival>) -> Result<Ingested, StoreError> {
        let taken = self.take_in(arrivals);
        if taken.is_err() {
            // The memory may be ahead of a transaction that was not committed.
            self.reload()?;
        }
        taken
    }

    fn take_in(&mut self, arrivals: Vec<Arrival>) -> Result<Ingested, StoreError> {
        let mut result = Ingested::default();
        let mut stored = Vec::new();
        let mut rejected = Vec::new();
        let mut lower = BTreeSet::new();
        let mut people = Vec::new();
        let mut removed = Vec::new();
        let mut wrote = Vec::new();
        let was_complete = self.sync.complete;
        let mut sync = std::mem::take(&mut self.sync);
        let now = self.environment.now();
        let mut intake = Intake {
            me: self.me,
            write: self.cache.begin()?,
            before: &self.conversations,
            after: BTreeMap::new(),
            seen: BTreeSet::new(),
            pins: BTreeSet::new(),
        };
        for arrival in arrivals {
            match arrival {
                Arrival::Page(page) => {
                    for conversation in &page.conversations {
                        if let Some(named) = &mut sync.answering {
                            named.insert(conversation.conversation);
                        }
                        sync.strangers.remove(&conversation.conversation);
                        if intake.page(conversation)? {
                            lower.insert(conversation.conversation);
                        }
                    }
                    if page.last {
                        let named = sync.answering.take();
                        if page.whole {
                            removed = intake.not_named(named.unwrap_or_default(), &self.queue);
                        }
                        sync.complete = true;
                        intake.write.set_meta("complete", "1")?;
                    }
                    self.want.account_version(page.account_version, sync.account_version);
                }
                Arrival::Event(frame) => {
                    let id = frame.conversation;
                    if sync.strangers.get(&id) == Some(&true) {
                        continue;
                    }
                    if frame.event.kind.counts() {
                        wrote.push((id, frame.event.sender));
                    }
                    if intake.event(&frame, &self.queue)? {
                        sync.strangers.remove(&id);
                    } else {
                        sync.strangers.entry(id).or_insert(false);
                    }
                }
                Arrival::Range(range) => intake.range(&range)?,
                Arrival::Marked(marked) => {
                    if let Some(conversation) = intake.get(marked.conversation) {
                        conversation.apply_marked(&marked, self.me);
                    }
                }
                Arrival::MarkStored(mark) => {
                    if let Some(conversation) = intake.get(mark.conversation) {
                        conversation.see_mine(mark.delivered, mark.read, mark.read_ord);
                    }
                    stored.push(mark);
                }
                Arrival::Rejected(no) => rejected.push(no),
                Arrival::People { asked, people: found } => {
                    for person in &found {
                        intake.write.person(person, now)?;
                    }
                    people.push((asked, found));
                }
                Arrival::Cursor(cursor) => {
                    // While an answer comes, a cursor belongs to an earlier one.
                    if sync.answering.is_some() {
                        continue;
                    }
                    if sync.strangers.values().any(|&asked| !asked) {
                        continue;
                    }
                    intake.write.set_meta("cursor", &cursor.cursor)?;
                    sync.cursor = Some(cursor.cursor);
                }
            }
        }
        // Pages that are on their way may still describe it.
        result.rejoin = sync.answering.is_none() && sync.strangers.values().any(|&asked| !asked);
        if result.rejoin {
            // One new `hello` is asked; what it does not describe is dropped from then on.
            sync.strangers.values_mut().for_each(|asked| *asked = true);
        }
        for &id in &removed {
            intake.write.remove(id)?;
            intake.after.remove(&id);
        }
        let Taken { after, seen, pins } = intake.commit()?;
        self.sync = sync;
        self.changes.list |= self.sync.complete != was_complete;
        for (id, sender) in wrote {
            self.stop_typing(id, sender);
        }
        self.changes.details.extend(pins);
        self.took(after, &removed, people, now);
        self.settle(&seen, &rejected, &stored, &lower)?;
        Ok(result)
    }

    /// The cache is committed: the memory follows.
    fn took(
        &mut self,
        after: BTreeMap<ConversationId, Conversation>,
        removed: &[ConversationId],
        people: Vec<(Vec<UserId>, Vec<Person>)>,
        now: protocol::Millis,
    ) {
        for &id in removed {
            self.conversations.remove(&id);
            self.touch(id);
            self.changes.list = true;
        }
        for (id, new) in after {
            let old = self.conversations.insert(id, new);
            let new = &self.conversations[&id];
            let changed = old.is_none_or(|old| {
                old.title != new.title
                    || old.role != new.role
                    || old.periods != new.periods
                    || old.member_count != new.member_count
                    || old.roster.members != new.roster.members
            });
            if changed {
                self.changes.details.insert(id);
                self.want_people_of(id);
            }
            self.may_have_holes(id);
            self.touch(id);
        }
        for (asked, found) in people {
            self.met(&asked, found, now);
        }
    }

    /// What follows from the commit in the outbox: entries that were seen go, rejected ones are
    /// marked, markers are answered or raised.
    fn settle(
        &mut self,
        seen: &BTreeSet<(ConversationId, ClientRef)>,
        rejected: &[Rejected],
        stored: &[MarkStored],
        lower: &BTreeSet<ConversationId>,
    ) -> Result<(), StoreError> {
        let touched: BTreeSet<ConversationId> = self.changes.conversations.clone();
        let mut raised = Vec::new();
        for &id in touched.iter() {
            if let Some(delivered) = self.newly_delivered(id)? {
                if let Some(conversation) = self.conversations.get_mut(&id) {
                    conversation.mine.see(delivered, 0);
                }
                raised.push((id, self.marks.raise(id, delivered, 0)));
            }
        }
        for &id in lower {
            if let Some(mine) = self.conversations.get(&id).map(|c| c.mine) {
                raised.push((id, self.marks.raise(id, mine.delivered, mine.read)));
            }
        }
        let answered: Vec<ConversationId> = stored
            .iter()
            .filter(|mark| self.marks.answered(mark.conversation, mark.delivered, mark.read))
            .map(|mark| mark.conversation)
            .collect();
        let acknowledged: Vec<&(ConversationId, ClientRef)> = seen
            .iter()
            .filter(|(id, client_ref)| self.queue.get(*id, *client_ref).is_some())
            .collect();
        raised.retain(|(id, values)| values.is_some() && !answered.contains(id));
        let refused: Vec<(Stored, Failure)> = rejected
            .iter()
            .filter_map(|no| {
                let entry = self.queue.get(no.conversation, no.client_ref)?;
                Some((entry.clone(), Failure::Rejected(no.code)))
            })
            .collect();
        if !raised.is_empty() || !answered.is_empty() || !acknowledged.is_empty() {
            let write = self.outbox.begin()?;
            for (id, values) in raised {
                write.mark(id, values)?;
            }
            for id in answered {
                write.mark(id, None)?;
            }
            for (_, client_ref) in &acknowledged {
                write.remove(*client_ref)?;
            }
            write.commit()?;
        }
        for &&(id, client_ref) in &acknowledged {
            self.queue.remove(id, client_ref);
            self.touch(id);
        }
        for (entry, why) in refused {
            self.refuse(&entry, why)?;
        }
        Ok(())
    }

    /// An entry will not be sent (again): a message stays and shows why, anything else is dropped
    /// and told.
    pub(super) fn refuse(&mut self, entry: &Stored, why: Failure) -> Result<(), StoreError> {
        let (id, client_ref) = (entry.conversation, entry.client_ref);
        let write = self.outbox.begin()?;
        if matches!(entry.command, Command::Message { .. }) {
            write.fail(client_ref, why)?;
            write.commit()?;
            self.queue.fail(id, client_ref, why);
        } else {
            write.remove(client_ref)?;
            write.commit()?;
            self.queue.remove(id, client_ref);
            let code = why.code().unwrap_or(protocol::Code::Unknown);
            self.changes.rejected.push((id, client_ref, code));
            if matches!(entry.command, Command::Create { .. })
                && let Some(group) = self.conversations.get_mut(&id)
                && group.head.seq == 0
            {
                // The group never came to be.
                group.periods.clear();
                self.changes.details.insert(id);
            }
        }
        self.touch(id);
        Ok(())
    }

    /// The seq up to which everything that was not delivered yet is here now, if there is anything
    /// of somebody else in it.
    fn newly_delivered(&self, id: ConversationId) -> Result<Option<u64>, StoreError> {
        let Some(conversation) =
            self.conversations.get(&id).filter(|c| c.described && c.is_member())
        else {
            return Ok(None);
        };
        let joined = conversation.periods.last().map_or(1, |period| period.joined_seq);
        let from = conversation.mine.delivered.max(joined.saturating_sub(1));
        let to = conversation.held.contiguous_after(from).min(conversation.head.seq);
        if to <= from {
            return Ok(None);
        }
        self.cache.last_of_others(id, from, to)
    }
}

/// What became of one transaction; see [`Intake`].
struct Taken {
    after: BTreeMap<ConversationId, Conversation>,
    seen: BTreeSet<(ConversationId, ClientRef)>,
    pins: BTreeSet<ConversationId>,
}

impl Intake<'_> {
    fn commit(self) -> Result<Taken, StoreError> {
        for (id, conversation) in &self.after {
            self.write.conversation(conversation, self.before.get(id))?;
        }
        self.write.commit()?;
        Ok(Taken { after: self.after, seen: self.seen, pins: self.pins })
    }

    /// The conversation, if it is known.
    fn get(&mut self, id: ConversationId) -> Option<&mut Conversation> {
        if !self.after.contains_key(&id) {
            self.after.insert(id, self.before.get(&id)?.clone());
        }
        self.after.get_mut(&id)
    }

    fn get_or_begin(&mut self, id: ConversationId) -> Conversation {
        let known = self.after.remove(&id).or_else(|| self.before.get(&id).cloned());
        known.unwrap_or_else(|| Conversation::unknown(id))
    }

    /// Whether the server's copy of one's own markers is lower than this app's.
    fn page(&mut self, page: &ConversationPage) -> Result<bool, StoreError> {
        let mut conversation = self.get_or_begin(page.conversation);
        conversation.apply_page(page, self.me);
        self.store(&mut conversation, &page.events, &page.states)?;
        let theirs = page.markers.iter().find(|marker| marker.user == self.me);
        let lower = theirs.is_some_and(|theirs| {
            theirs.read < conversation.mine.read || theirs.delivered < conversation.mine.delivered
        });
        self.after.insert(page.conversation, conversation);
        Ok(lower)
    }

    /// `false` when only a page can say what this conversation is.
    fn event(
        &mut self,
        frame: &EventFrame,
        queue: &crate::outbox::Queue,
    ) -> Result<bool, StoreError> {
        let (id, me, sender) = (frame.conversation, self.me, frame.event.sender);
        let mut conversation = self.get_or_begin(id);
        if !conversation.described && id.is_direct() {
            let written_to = queue.entries(id).iter().find_map(|entry| entry.peer);
            let peer = if sender == me { written_to } else { Some(sender) };
            // The id is the proof that these two are its people.
            if let Some(direct) = peer.map(|peer| Conversation::direct(me, peer))
                && direct.id == id
            {
                conversation = direct;
            }
        }
        self.store(&mut conversation, std::slice::from_ref(&frame.event), &frame.states)?;
        // Who comes back to a group has not followed what it became meanwhile.
        let back = matches!(&frame.event.kind, EventKind::Added { users } if users.contains(&me))
            && conversation.as_of >= frame.event.seq
            && conversation.periods.last().is_some_and(|p| p.joined_seq == frame.event.seq);
        let known = conversation.described && !back;
        if back {
            conversation.described = false;
        }
        self.after.insert(id, conversation);
        Ok(known)
    }

    fn range(&mut self, range: &Range) -> Result<(), StoreError> {
        let Some(conversation) = self.get(range.conversation) else { return Ok(()) };
        let mut conversation = conversation.clone();
        let inside: Vec<Event> = range
            .events
            .iter()
            .filter(|event| (range.from..=range.to).contains(&event.seq))
            .cloned()
            .collect();
        self.store(&mut conversation, &inside, &range.states)?;
        // An answer cannot make seqs held that do not exist yet.
        conversation.held.insert(range.from.max(1), range.to.min(conversation.head.seq));
        self.advance(&mut conversation)?;
        self.after.insert(range.conversation, conversation);
        Ok(())
    }

    fn store(
        &mut self,
        conversation: &mut Conversation,
        events: &[Event],
        states: &[MessageState],
    ) -> Result<(), StoreError> {
        // Messages whose text is new or another, to be found from this transaction on.
        let mut changed = BTreeMap::new();
        for event in events {
            if conversation.hold(event) {
                self.write.event(conversation.id, event, self.me)?;
                if event.kind.counts() {
                    changed.insert(event.seq, None);
                }
            }
            if event.sender == self.me {
                self.seen.insert((conversation.id, event.client_ref));
            }
        }
        for state in states {
            let change = self.write.state(conversation.id, state)?;
            if change.text {
                changed.insert(state.seq, Some(state));
            }
            if change.pinned {
                self.pins.insert(conversation.id);
            }
        }
        for (seq, state) in changed {
            let event = events.iter().find(|event| event.seq == seq);
            self.write.index(conversation.id, seq, event, state)?;
        }
        self.advance(conversation)
    }

    fn advance(&self, conversation: &mut Conversation) -> Result<(), StoreError> {
        let id = conversation.id;
        conversation.advance(self.me, |seq| self.write.read_event(id, seq))
    }

    /// After the whole list came: what is known and was not named is not the person's, unless it
    /// was only begun here.
    fn not_named(
        &self,
        named: BTreeSet<ConversationId>,
        queue: &crate::outbox::Queue,
    ) -> Vec<ConversationId> {
        self.before
            .iter()
            .filter(|(id, c)| {
                c.head.seq > 0 && !named.contains(id) && queue.entries(**id).is_empty()
            })
            .map(|(&id, _)| id)
            .collect()
    }
}
