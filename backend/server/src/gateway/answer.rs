//! The answer to hello: pages of what changed since the cursor, most recent first, and then the first
//! cursor. It is given beside whatever else the session says and is told meanwhile.

use std::sync::Arc;

use protocol::frame::{ConversationPage, Cursor, Hello, Page, Refused};
use protocol::{Code, ServerFrame, UserId, limits, wire};

use super::{Outgoing, cursor};
use crate::app::App;

/// Newest events of each conversation in a page.
const EVENTS: u64 = 30;
/// About how many bytes of texts they have.
const TEXTS: usize = limits::FIRST_PAGE_BYTES / 2;
/// Conversations that are read at once.
const CONVERSATIONS: usize = 25;
/// Within this many milliseconds an app whose list could not be read comes again.
const AGAIN: u64 = 5_000;

/// An answer on its way.
pub(crate) struct Answer {
    pub(crate) app: App,
    pub(crate) user: UserId,
    pub(crate) outgoing: Arc<Outgoing>,
    /// Which of the session's hellos it answers.
    pub(crate) number: u64,
    /// The commit up to which everything had been delivered when the session began to listen.
    pub(crate) delivered: u64,
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

    async fn pages(&self, hello: &Hello) -> storage::Result<()> {
        let stores = &self.app.stores;
        let database = stores.history.database();
        let since = hello
            .cursor
            .as_deref()
            .and_then(|text| cursor::decode(text, database, self.user))
            .filter(|since| *since <= self.delivered);
        // A list that is no join may lag behind: without what was delivered before this session began
        // to listen, the whole is given.
        let since = match (&self.app.lists, since) {
            (Some(lists), Some(since)) => {
                let partition = self.app.delivery.partition(self.user);
                lists.reach(partition, self.delivered).await?.then_some(since)
            }
            (_, since) => since,
        };
        let account_version = stores.accounts.version(self.user).await?.unwrap_or_default();
        let listed = stores.history.listed(self.user, since).await?;
        let ids: Vec<_> = listed.iter().map(|row| row.conversation).collect();
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
        if self.outgoing.page(&ServerFrame::Page(last), self.number).await {
            let cursor = cursor::encode(self.delivered, database, self.user);
            let cursor = ServerFrame::Cursor(Cursor { cursor });
            if self.outgoing.page(&cursor, self.number).await {
                self.outgoing.answered(self.number);
            }
        }
        Ok(())
    }
}

/// Leave out the older events of a conversation that would fill more than a page, all of them if need
/// be: the app asks for what it shows. Its size then, in bytes.
fn fit(page: &mut ConversationPage) -> usize {
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
