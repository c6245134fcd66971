//! What the client knows of one conversation, and how events, pages and markers change it. Pure:
//! the same pieces in any order, any number of times, give the same state.

mod overlay;
mod ranges;
mod roster;

use protocol::frame::{ConversationPage, Marked};
use protocol::model::{ConversationKind, Event, EventKind, Head, Marker, Period, Role, is_current};
use protocol::{ConversationId, Millis, UserId, direct_conversation};
use serde::{Deserialize, Serialize};

pub use overlay::overlay;
pub use ranges::Ranges;
pub use roster::{Roster, Seen};

use crate::view::Progress;

/// Unread messages are counted up to here; it is shown as "999+".
pub const MOST_UNREAD: u64 = 1000;
/// Seqs cross as JSON numbers; a larger one is garbage.
pub(crate) const LARGEST_SEQ: u64 = (1 << 53) - 1;

/// One conversation. The members and the held ranges are stored beside it, since they change at
/// other times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Two people or a group.
    pub kind: ConversationKind,
    /// The other person of a direct conversation.
    pub peer: Option<UserId>,
    /// A group's name.
    pub title: String,
    /// The newest head that was seen.
    pub head: Head,
    /// When the head's event was taken.
    pub at: Millis,
    /// One's own role.
    pub role: Role,
    /// One's own membership.
    pub periods: Vec<Period>,
    /// How many members there are.
    pub member_count: u64,
    /// Title, role, membership and members are as of this seq: they come from a page with this
    /// head, or from events without a hole up to here.
    pub as_of: u64,
    /// Whether title and members are known at all. An event of a group that no page has described
    /// leaves this `false` until the page comes.
    pub described: bool,
    /// One's own markers, as far as this app knows.
    pub mine: Seen,
    /// How many messages there are up to `mine.read`.
    pub read_ord: u64,
    /// Members and their markers.
    #[serde(skip)]
    pub roster: Roster,
    /// Which events are here, or are known to be closed to one.
    #[serde(skip)]
    pub held: Ranges,
}

impl Conversation {
    /// A conversation of which nothing is known.
    #[must_use]
    pub fn unknown(id: ConversationId) -> Self {
        Self {
            id,
            kind: if id.is_direct() { ConversationKind::Direct } else { ConversationKind::Group },
            peer: None,
            title: String::new(),
            head: Head { seq: 0, ord: 0 },
            at: 0,
            role: Role::Member,
            periods: Vec::new(),
            member_count: 0,
            as_of: 0,
            described: false,
            mine: Seen::default(),
            read_ord: 0,
            roster: Roster::default(),
            held: Ranges::default(),
        }
    }

    /// The direct conversation of two people, before or after its first message.
    #[must_use]
    pub fn direct(me: UserId, peer: UserId) -> Self {
        let mut new = Self::unknown(direct_conversation(me, peer));
        new.peer = Some(peer);
        new.periods = vec![Period { joined_seq: 1, left_seq: None }];
        new.member_count = 2;
        new.described = true;
        new.roster.replace([(me, Role::Member), (peer, Role::Member)]);
        new
    }

    /// A group that this app has begun and the server has not answered yet.
    #[must_use]
    pub fn begun(id: ConversationId, me: UserId, title: &str, members: &[UserId]) -> Self {
        let mut new = Self::unknown(id);
        new.create(me, me, title, members);
        new
    }

    /// Whether one is a member now.
    #[must_use]
    pub fn is_member(&self) -> bool {
        is_current(&self.periods)
    }

    /// Take a page in. Its events are not part of it: see [`Conversation::hold`].
    pub fn apply_page(&mut self, page: &ConversationPage, me: UserId) {
        if page.head.seq > LARGEST_SEQ {
            return;
        }
        self.see_head(page.head, page.at);
        if page.head.seq >= self.as_of || !self.described {
            self.as_of = page.head.seq;
            self.kind = page.kind;
            self.title.clone_from(&page.title);
            self.role = page.role;
            self.periods.clone_from(&page.periods);
            self.member_count = page.member_count;
            self.described = true;
            if page.members.is_empty() {
                self.roster.forget();
            } else {
                self.roster.replace(page.members.iter().map(|m| (m.user, m.role)));
                self.peer = (page.kind == ConversationKind::Direct)
                    .then(|| page.members.iter().map(|m| m.user).find(|&u| u != me))
                    .flatten()
                    .or(self.peer);
            }
        }
        for marker in &page.markers {
            self.see_marker(marker, page.read_ord, me);
        }
    }

    /// Note that an event is here. `false` when it was already, or cannot be one.
    pub fn hold(&mut self, event: &Event) -> bool {
        if event.seq == 0 || event.seq > LARGEST_SEQ || self.held.contains(event.seq) {
            return false;
        }
        self.held.insert(event.seq, event.seq);
        self.see_head(Head { seq: event.seq, ord: event.ord }, event.at);
        true
    }

    /// Bring title, role and members up to date with the events that are held without a hole.
    /// `event` gives a held event; `None` for a seq that is closed to one.
    ///
    /// # Errors
    /// What `event` says.
    pub fn advance<E>(
        &mut self,
        me: UserId,
        mut event: impl FnMut(u64) -> Result<Option<Event>, E>,
    ) -> Result<(), E> {
        while self.held.contains(self.as_of + 1) {
            if let Some(event) = event(self.as_of + 1)? {
                self.apply_change(&event, me);
            }
            self.as_of += 1;
        }
        Ok(())
    }

    /// Take somebody's markers in.
    pub fn apply_marked(&mut self, marked: &Marked, me: UserId) {
        self.see_marker(&marked.marker, marked.read_ord, me);
    }

    /// One's own markers, from any source; lower values change nothing.
    pub fn see_mine(&mut self, delivered: u64, read: u64, read_ord: u64) {
        if read > self.mine.read {
            self.read_ord = read_ord;
        }
        self.mine.see(delivered, read);
    }

    /// Unread messages, where `own` messages of one's own after the read marker are held.
    /// At most [`MOST_UNREAD`].
    #[must_use]
    pub fn unread(&self, own: u64) -> u64 {
        self.head.ord.saturating_sub(self.read_ord).saturating_sub(own).min(MOST_UNREAD)
    }

    /// How far one's own message at `seq` has come.
    #[must_use]
    pub fn progress(&self, seq: u64, me: UserId) -> Progress {
        let seen = self.roster.everybody(me, self.member_count);
        if seen.read >= seq {
            Progress::Read
        } else if seen.delivered >= seq {
            Progress::Delivered
        } else {
            Progress::Sent
        }
    }

    fn see_head(&mut self, head: Head, at: Millis) {
        if head.seq > self.head.seq {
            self.head = head;
            self.at = at;
        }
    }

    /// Somebody's markers, from any source; lower values change nothing.
    pub fn see_marker(&mut self, marker: &Marker, read_ord: u64, me: UserId) {
        // A marker beyond any seq would hide everything for ever.
        if marker.read > LARGEST_SEQ || marker.delivered > LARGEST_SEQ {
            return;
        }
        if marker.user == me {
            self.see_mine(marker.delivered, marker.read, read_ord);
        } else {
            self.roster.see(marker.user, marker.delivered, marker.read);
        }
    }

    fn create(&mut self, by: UserId, me: UserId, title: &str, members: &[UserId]) {
        self.title = title.to_owned();
        self.role = if by == me { Role::Owner } else { Role::Member };
        self.periods = vec![Period { joined_seq: 1, left_seq: None }];
        let others = members.iter().filter(|&&m| m != by).map(|&m| (m, Role::Member));
        self.roster.replace(others.chain([(by, Role::Owner)]));
        self.member_count = self.roster.len();
        self.described = by == me || members.contains(&me);
    }

    /// The event after `as_of` in what it changes beside messages.
    fn apply_change(&mut self, event: &Event, me: UserId) {
        let seq = event.seq;
        match &event.kind {
            EventKind::Created { title, members, .. } => {
                self.create(event.sender, me, title, members);
                for &user in members.iter().chain([&event.sender]) {
                    self.joined(user, seq, me);
                }
            }
            EventKind::Renamed { title } => self.title.clone_from(title),
            EventKind::Added { users } => {
                self.member_count = self.member_count.saturating_add(users.len() as u64);
                for &user in users {
                    self.roster.join(user);
                    self.joined(user, seq, me);
                    if user == me && !self.is_member() {
                        self.periods.push(Period { joined_seq: seq, left_seq: None });
                        self.role = Role::Member;
                    }
                }
            }
            EventKind::Removed { user } => self.leave(*user, seq, me),
            EventKind::Left { new_owner } => {
                self.leave(event.sender, seq, me);
                if let Some(owner) = *new_owner {
                    self.give_role(owner, Role::Owner, me);
                }
            }
            EventKind::RoleChanged { user, role } => {
                self.give_role(*user, *role, me);
                if *role == Role::Owner {
                    self.give_role(event.sender, Role::Admin, me);
                }
            }
            _ => {}
        }
    }

    /// Who joins at `seq` counts as having everything up to it.
    fn joined(&mut self, user: UserId, seq: u64, me: UserId) {
        if user != me {
            self.roster.joined(user, seq);
        }
    }

    fn leave(&mut self, user: UserId, seq: u64, me: UserId) {
        self.member_count = self.member_count.saturating_sub(1);
        self.roster.leave(user);
        if user == me
            && let Some(period) = self.periods.last_mut()
            && period.left_seq.is_none()
        {
            period.left_seq = Some(seq);
        }
    }

    fn give_role(&mut self, user: UserId, role: Role, me: UserId) {
        self.roster.give_role(user, role);
        if user == me {
            self.role = role;
        }
    }
}
