//! The conversations on screen: which rows a UI has of each, so that it is told what changed in
//! them and nothing else.

use std::collections::BTreeMap;

use protocol::ConversationId;
use protocol::frame::Look;

use super::Account;
use super::rows::{Placed, is_visible};
use crate::store::StoreError;
use crate::view::{DraftView, Notification, Row, Timeline};

/// Rows of the first page: some screens full, drawn quickly.
const FIRST_PAGE: usize = 40;
/// Rows of each further one.
const PAGE: usize = 60;
/// Rows above the first unread message, or around a message that somebody jumped to.
const ABOVE: usize = 20;
/// A window never holds more rows; those farthest from what was last asked for are let go.
const MOST_ROWS: usize = 400;
/// Conversations that are watched at once; the one opened first is let go.
const MOST_OPEN: usize = 16;
/// Events looked at for one page. Many of them may have no row.
const SCANNED: u64 = 1000;

#[derive(Default)]
pub(super) struct Windows {
    open: BTreeMap<ConversationId, Window>,
    /// In the order in which they were opened.
    order: Vec<ConversationId>,
    /// What was looked at as a connection was told.
    looked: Option<(u64, Look)>,
}

#[derive(Default)]
struct Window {
    /// How many times it is open.
    count: u32,
    from: u64,
    /// The last seq; `None` when it goes along with the head.
    to: Option<u64>,
    told: BTreeMap<String, Placed>,
    told_head: u64,
}

impl Windows {
    /// The open conversations, the one opened last first.
    pub(super) fn open(&self) -> Vec<ConversationId> {
        self.order.iter().rev().copied().collect()
    }

    /// What is on screen of each: conversation, first and last seq.
    pub(super) fn shown(&self) -> impl Iterator<Item = (ConversationId, u64, u64)> + '_ {
        self.order.iter().rev().filter_map(|id| {
            let window = self.open.get(id)?;
            Some((*id, window.from, window.to.unwrap_or(u64::MAX)))
        })
    }

    /// Whether the connection has to be told what is looked at now.
    pub(super) fn look_changed(&mut self, connection: u64, look: &Look) -> bool {
        let changed = match &self.looked {
            Some((told, before)) if *told == connection => before != look,
            // A new connection looks at nothing.
            _ => *look != Look::default(),
        };
        self.looked = Some((connection, look.clone()));
        changed
    }
}

impl Account {
    /// Open a conversation: its window around `at`, or at the first unread message, or at the end.
    /// What changes in it from then on is part of [`Account::window_changes`].
    ///
    /// # Errors
    /// [`StoreError`]; `Ok(None)` for a conversation that is not known.
    pub fn open_window(
        &mut self,
        id: ConversationId,
        at: Option<u64>,
    ) -> Result<Option<Timeline>, StoreError> {
        let Some(conversation) = self.conversations.get(&id) else { return Ok(None) };
        let head = conversation.head.seq;
        let unread = conversation.unread(self.cache.own_after(id, conversation.mine.read)?);
        let first_unread = match unread {
            0 => None,
            _ => self.cache.first_message_of_others(id, conversation.mine.read)?,
        };
        let people: Vec<_> = conversation.roster.members.keys().take(100).copied().collect();
        let (from, to) = match at.or(first_unread) {
            Some(anchor) => {
                let anchor = anchor.clamp(1, head.max(1));
                (self.page_before(id, anchor, ABOVE)?, self.page_after(id, anchor, FIRST_PAGE)?)
            }
            None => (self.page_before(id, head.saturating_add(1), FIRST_PAGE)?, head),
        };
        let to = (to < head).then_some(to);
        let count = self.windows.open.get(&id).map_or(0, |window| window.count) + 1;
        let rows = self.rows(id, from, to.unwrap_or(u64::MAX), to.is_none())?;
        let told = rows.iter().map(|placed| (placed.1.key.clone(), placed.clone())).collect();
        let window = Window { count, from, to, told, told_head: head };
        self.windows.open.insert(id, window);
        self.windows.order.retain(|&other| other != id);
        self.windows.order.push(id);
        if self.windows.order.len() > MOST_OPEN {
            let oldest = self.windows.order.remove(0);
            self.windows.open.remove(&oldest);
        }
        self.want_people(people, true);
        self.want_markers();
        let mut timeline = self.timeline(id, rows, from, to)?;
        timeline.first_unread = first_unread;
        Ok(Some(timeline))
    }

    /// More rows of an open conversation, before or after a seq.
    ///
    /// # Errors
    /// [`StoreError`]; `Ok(None)` for a conversation that is not open.
    pub fn load_rows(
        &mut self,
        id: ConversationId,
        before: Option<u64>,
        after: Option<u64>,
    ) -> Result<Option<Timeline>, StoreError> {
        let Some(head) = self.conversations.get(&id).map(|c| c.head.seq) else { return Ok(None) };
        if !self.windows.open.contains_key(&id) {
            return Ok(None);
        }
        let (from, to) = match (before, after) {
            (Some(before), _) => {
                let before = before.clamp(1, head.saturating_add(1));
                (self.page_before(id, before, PAGE)?, Some(before - 1))
            }
            (None, after) => {
                let from = after.unwrap_or(0).min(head) + 1;
                let to = self.page_after(id, from, PAGE)?;
                (from, (to < head).then_some(to))
            }
        };
        let rows = self.rows(id, from, to.unwrap_or(u64::MAX), to.is_none())?;
        if let Some(window) = self.windows.open.get_mut(&id) {
            for placed in &rows {
                window.told.insert(placed.1.key.clone(), placed.clone());
            }
            window.from = window.from.min(from);
            if before.is_none() {
                window.to = match (window.to, to) {
                    (Some(was), Some(to)) => Some(was.max(to)),
                    _ => None,
                };
            }
            window.trim(before.is_some());
        }
        Ok(Some(self.timeline(id, rows, from, to)?))
    }

    /// A conversation is not on screen any more.
    pub fn close_window(&mut self, id: ConversationId) {
        let Some(window) = self.windows.open.get_mut(&id) else { return };
        window.count -= 1;
        if window.count == 0 {
            self.windows.open.remove(&id);
            self.windows.order.retain(|&other| other != id);
        }
    }

    /// There is no screen any more, so none is open, and what was read for them is let go.
    pub fn close_windows(&mut self) {
        self.windows.open.clear();
        self.windows.order.clear();
        self.cache.let_go();
    }

    /// What changed in the rows of an open conversation since a UI was told.
    pub(super) fn window_changes(
        &mut self,
        id: ConversationId,
    ) -> Result<Option<Notification>, StoreError> {
        let (Some(window), Some(conversation)) =
            (self.windows.open.get(&id), self.conversations.get(&id))
        else {
            return Ok(None);
        };
        let (from, to, head) = (window.from, window.to, conversation.head.seq);
        let now = self.rows(id, from, to.unwrap_or(u64::MAX), to.is_none())?;
        let Some(window) = self.windows.open.get_mut(&id) else { return Ok(None) };
        let changed: Vec<Row> = now
            .iter()
            .filter(|(_, row)| window.told.get(&row.key).is_none_or(|(_, told)| told != row))
            .map(|(_, row)| row.clone())
            .collect();
        let told = std::mem::take(&mut window.told);
        window.told = now.into_iter().map(|placed| (placed.1.key.clone(), placed)).collect();
        let removed: Vec<String> =
            told.into_keys().filter(|key| !window.told.contains_key(key)).collect();
        if changed.is_empty() && removed.is_empty() && window.told_head == head {
            return Ok(None);
        }
        window.told_head = head;
        window.trim(false);
        Ok(Some(Notification::Rows { conversation: id, rows: changed, removed, head }))
    }

    fn timeline(
        &self,
        id: ConversationId,
        rows: Vec<Placed>,
        from: u64,
        to: Option<u64>,
    ) -> Result<Timeline, StoreError> {
        let head = self.conversations.get(&id).map_or(0, |c| c.head.seq);
        let before = from.saturating_sub(1);
        let missing_before =
            self.conversations.get(&id).is_some_and(|c| c.described && !c.held.covers(1, before));
        let more_before = missing_before || !self.cache.newest(id, 1, before, 1)?.is_empty();
        let draft = match self.drafts.get(&id) {
            Some(draft) => Some(DraftView {
                text: draft.text.clone(),
                reply: draft.reply_to.map(|seq| self.quote(id, seq)).transpose()?,
            }),
            None => None,
        };
        Ok(Timeline {
            conversation: id,
            rows: rows.into_iter().map(|(_, row)| row).collect(),
            more_before,
            more_after: to.is_some_and(|to| to < head),
            first_unread: None,
            head,
            draft,
        })
    }

    /// The first seq of a page of rows that ends before `before`. When fewer are here, the page
    /// begins with the conversation, so that what is missing shows as a gap.
    fn page_before(&self, id: ConversationId, before: u64, rows: usize) -> Result<u64, StoreError> {
        let events = self.cache.newest(id, 1, before.saturating_sub(1), SCANNED)?;
        let nth = events.iter().rev().filter(|event| is_visible(event)).nth(rows - 1);
        let scanned = (events.len() as u64 == SCANNED).then(|| events.first()).flatten();
        Ok(nth.or(scanned).map_or(1, |event| event.seq))
    }

    /// The last seq of a page of rows that begins at `from`; the head when fewer are here.
    fn page_after(&self, id: ConversationId, from: u64, rows: usize) -> Result<u64, StoreError> {
        let events = self.cache.oldest(id, from, u64::MAX, SCANNED)?;
        let nth = events.iter().filter(|event| is_visible(event)).nth(rows - 1);
        let scanned = (events.len() as u64 == SCANNED).then(|| events.last()).flatten();
        let head = self.conversations.get(&id).map_or(0, |c| c.head.seq);
        Ok(nth.or(scanned).map_or(head, |event| event.seq))
    }
}

impl Window {
    /// Let rows go until it is small enough: the newest with `newest`, else the oldest. A UI may
    /// keep showing them; it is not told of their changes any more.
    fn trim(&mut self, newest: bool) {
        let mut places: Vec<u64> = self.told.values().map(|(place, _)| *place).collect();
        if places.len() <= MOST_ROWS {
            return;
        }
        places.sort_unstable();
        if newest {
            let last = places[MOST_ROWS - 1];
            if last < u64::MAX {
                self.to = Some(last);
                self.told.retain(|_, (place, _)| *place <= last);
            }
        } else {
            // Queued messages stand behind the head; they are all kept, and have a place there when
            // they are sent.
            let oldest = places[places.len() - MOST_ROWS].min(self.told_head.saturating_add(1));
            self.from = self.from.max(oldest);
            let from = self.from;
            self.told.retain(|_, (place, _)| *place >= from);
        }
    }
}
