//! The answer to hello: pages of what changed since the cursor, most recent first, and then the first
//! cursor. It is given beside whatever else the session says and is told meanwhile.

use std::sync::Arc;

use protocol::frame::{ConversationPage, Cursor, Hello, Page, Refused};
use protocol::{Code, ConversationId, ServerFrame, SessionId, UserId, limits, wire};

use super::{Outgoing, cursor};
use crate::app::App;
use crate::link::Start;
use crate::pipeline::deliver::Attached;

/// Newest events of each conversation in a page.
pub(crate) const EVENTS: u64 = 30;
/// About how many bytes of texts they have.
pub(crate) const TEXTS: usize = limits::FIRST_PAGE_BYTES / 2;
/// Conversations that are read at once.
pub(crate) const CONVERSATIONS: usize = 25;
/// Within this many milliseconds an app whose list could not be read comes again.
const AGAIN: u64 = 5_000;

/// An answer on its way.
pub(crate) struct Answer {
    pub(crate) app: App,
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) outgoing: Arc<Outgoing>,
    /// The session's place in the delivery.
    pub(crate) attached: Arc<Attached>,
    /// Which of the session's hellos it answers.
    pub(crate) number: u64,
    /// Where this node is all there is: the commit up to which everything had been delivered when the
    /// session began to listen.
    pub(crate) delivered: u64,
}

/// What a session gets before everything else.
struct Beginning {
    /// Everything up to here is in the answer, in the unit of cursors. Nobody can say that while no
    /// owner of the inbox answers, and then there is no cursor.
    delivered: Option<u64>,
    /// What of the person's list is not stored yet.
    unstored: Vec<ConversationId>,
}

impl Answer {
    /// Queue it. A session that waits for it no more gets no more of it.
    pub(crate) async fn give(self, hello: Hello) {
        if let Err(error) = self.pages(&hello).await {
            tracing::error!("hello could not be answered: {error}");
            let detail = "the store does not answer".to_owned();
            let refused = Refused { code: Code::Busy, conversation: None, detail };
            self.outgoing.answer(&ServerFrame::Error(refused));
            // Without its list an app is not in step, and without a cursor it never would be.
            self.outgoing.goaway(self.app.environment.below(AGAIN), &[]);
        }
    }

    /// Have the owner of the person's inbox serve the session.
    async fn beginning(&self) -> Beginning {
        let Some(links) = &self.app.links else {
            return Beginning { delivered: Some(self.delivered), unstored: Vec::new() };
        };
        match links.gateway.hello(self.user, self.attached.number()).await {
            Start::Served { position, unstored } => {
                Beginning { delivered: Some(position.saturating_sub(1)), unstored }
            }
            Start::Alone => Beginning { delivered: None, unstored: Vec::new() },
        }
    }

    async fn pages(&self, hello: &Hello) -> storage::Result<()> {
        let stores = &self.app.stores;
        let Beginning { delivered, unstored } = self.beginning().await;
        // It may have been ended while nobody served it, and whoever served it then was told.
        if self.app.links.is_some() {
            let row = stores.sessions.session(self.session).await?;
            if row.is_none_or(|row| row.ended) {
                self.outgoing.end(wire::encode(&ServerFrame::SessionEnded {}).into());
                return Ok(());
            }
        }
        let database = stores.history.database();
        let since = hello
            .cursor
            .as_deref()
            .and_then(|text| cursor::decode(text, database, self.user))
            .filter(|since| delivered.is_some_and(|delivered| *since <= delivered));
        let account_version = stores.accounts.version(self.user).await?.unwrap_or_default();
        let listed = stores.history.listed(self.user, since).await?;
        let mut ids = unstored;
        ids.retain(|id| listed.iter().all(|row| row.conversation != *id));
        ids.extend(listed.iter().map(|row| row.conversation));
        let whole = since.is_none();
        let mut page = Vec::new();
        let mut bytes = 0;
        for some in ids.chunks(CONVERSATIONS) {
            for mut conversation in stores.history.pages(self.user, some, EVENTS, TEXTS).await? {
                let size = fit(&mut conversation);
                if bytes + size > limits::FIRST_PAGE_BYTES && !page.is_empty() {
                    let conversations = std::mem::take(&mut page);
                    let part = Page { conversations, account_version, last: false, whole };
                    if !self.outgoing.page(&ServerFrame::Page(part), self.number).await {
                        return Ok(());
                    }
                    bytes = 0;
                }
                bytes += size;
                page.push(conversation);
            }
        }
        let last = Page { conversations: page, account_version, last: true, whole };
        let mut waits = self.outgoing.page(&ServerFrame::Page(last), self.number).await;
        if let Some(delivered) = delivered.filter(|_| waits) {
            let cursor = cursor::encode(delivered, database, self.user);
            let cursor = ServerFrame::Cursor(Cursor { cursor });
            waits = self.outgoing.page(&cursor, self.number).await;
        }
        if waits {
            self.outgoing.answered(self.number);
        }
        Ok(())
    }
}

/// Leave out the older events of a conversation that would fill more than a page, all of them if need
/// be: the app asks for what it shows. Its size then, in bytes.
pub(crate) fn fit(page: &mut ConversationPage) -> usize {
    loop {
        let size = wire::encode(page).len();
        if size <= limits::FIRST_PAGE_BYTES || page.events.is_empty() {
            return size;
        }
        page.events.drain(..page.events.len().div_ceil(2));
        let events = &page.events;
        page.states.retain(|state| {
            events.iter().any(|e| e.seq == state.seq || e.kind.names() == Some(state.seq))
        });
    }
}
