//! One signed-in account: everything it knows, in memory and on disk, changed by one caller at a
//! time. No network and no waiting here: the connection task brings what came and takes what is due.

mod compose;
mod ingest;
mod items;
mod news;
mod outgoing;
mod people;
mod rows;
mod search;
mod want;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use protocol::{ClientRef, Code, Command, ConversationId, UserId};

pub use compose::ComposeError;
pub use ingest::{Arrival, Ingested};
pub use outgoing::Outgoing;
pub use people::People;
pub(crate) use people::view as person_view;
pub use search::Older;
pub use want::Want;

use crate::environment::Environment;
use crate::markers::Marks;
use crate::outbox::{Queue, TOO_OLD};
use crate::store::{Cache, Draft, Identity, OutboxFile, StoreError, Stored};
use crate::sync::Conversation;
use crate::view::ConversationItem;
use windows::Windows;

/// An account that is open on this device.
pub struct Account {
    me: UserId,
    identity: Identity,
    path: PathBuf,
    environment: Environment,
    cache: Cache,
    outbox: OutboxFile,
    conversations: BTreeMap<ConversationId, Conversation>,
    people: People,
    queue: Queue,
    marks: Marks,
    drafts: BTreeMap<ConversationId, Draft>,
    sync: Sync,
    /// What a UI was told last, so that only differences are told.
    items: BTreeMap<ConversationId, ConversationItem>,
    order: Vec<ConversationId>,
    windows: Windows,
    changes: Changes,
    news: news::News,
    /// Codes to tell the person once.
    notices: Vec<&'static str>,
    want: want::Wants,
    searching: search::Searching,
    typing: BTreeMap<ConversationId, BTreeMap<UserId, tokio::time::Instant>>,
    typed: BTreeMap<ConversationId, tokio::time::Instant>,
    typing_to_send: BTreeSet<ConversationId>,
    /// Show others' typing and tell one's own.
    show_typing: bool,
}

/// Where the synchronization stands.
#[derive(Default)]
struct Sync {
    cursor: Option<String>,
    account_version: u64,
    /// Whether the list was ever completed.
    complete: bool,
    /// While the answer to a `hello` comes: the conversations that its pages named.
    answering: Option<BTreeSet<ConversationId>>,
    /// Conversations with events that no page has described. One new `hello` asks for them; what
    /// it does not describe then is not this person's and is dropped.
    strangers: BTreeMap<ConversationId, bool>,
}

/// What changed since a UI was last told.
#[derive(Default)]
struct Changes {
    /// Conversations whose list row or open window may look different.
    conversations: BTreeSet<ConversationId>,
    /// Those of them whose title or members may be different.
    details: BTreeSet<ConversationId>,
    /// Commands of one's own that were rejected.
    rejected: Vec<(ConversationId, ClientRef, Code)>,
    /// Whose typing changed.
    typing: BTreeSet<ConversationId>,
    /// Who came or went.
    presence: BTreeMap<UserId, bool>,
    /// Whether the list was completed, or something of it is gone.
    list: bool,
}

impl Account {
    /// Open the files of an account in its folder. `identity` is who signed in just now; without
    /// it, the one that the files hold.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another program has it open; `Ok(None)` when nobody was ever
    /// signed in here.
    pub fn open(
        path: &Path,
        identity: Option<Identity>,
        environment: Environment,
        show_typing: bool,
    ) -> Result<Option<Self>, StoreError> {
        std::fs::create_dir_all(path)
            .map_err(|error| StoreError::File { path: path.to_owned(), error })?;
        let (mut outbox, outbox_lost) = OutboxFile::open(&path.join("outbox.db"))?;
        if let Some(identity) = &identity {
            let write = outbox.begin()?;
            write.set_identity(identity)?;
            write.commit()?;
        }
        let Some(identity) = identity.map_or_else(|| outbox.identity(), |i| Ok(Some(i)))? else {
            return Ok(None);
        };
        let (cache, rebuilt) = Cache::open(&path.join("cache.db"))?;
        let mut account = Self {
            me: identity.person.id,
            identity,
            path: path.to_owned(),
            environment,
            conversations: BTreeMap::new(),
            people: People::default(),
            queue: Queue::new(outbox.entries()?),
            marks: Marks::new(outbox.marks()?),
            drafts: outbox.drafts()?,
            news: news::News {
                noticed: outbox.noticed()?,
                mutes: outbox.mutes()?,
                ..news::News::default()
            },
            cache,
            outbox,
            sync: Sync::default(),
            items: BTreeMap::new(),
            order: Vec::new(),
            windows: Windows::default(),
            changes: Changes::default(),
            notices: Vec::new(),
            want: want::Wants::default(),
            searching: search::Searching::default(),
            typing: BTreeMap::new(),
            typed: BTreeMap::new(),
            typing_to_send: BTreeSet::new(),
            show_typing,
        };
        account.load()?;
        account.clear_known()?;
        account.hold_back_old()?;
        if rebuilt {
            account.notice("cache_rebuilt");
        }
        if outbox_lost {
            account.notice("outbox_rebuilt");
        }
        Ok(Some(account))
    }

    /// Read everything that is kept in memory from the cache.
    fn load(&mut self) -> Result<(), StoreError> {
        self.conversations = self.cache.conversations()?;
        self.people.load(self.cache.people()?, self.identity.person.clone());
        self.sync = Sync {
            cursor: self.cache.meta("cursor")?,
            account_version: self
                .cache
                .meta("account_version")?
                .and_then(|version| version.parse().ok())
                .unwrap_or(0),
            complete: self.cache.meta("complete")?.is_some(),
            ..Sync::default()
        };
        self.add_begun();
        self.want = want::Wants::default();
        self.searching = search::Searching::default();
        let all: Vec<_> = self.conversations.keys().copied().collect();
        self.changes.conversations.extend(all.iter().copied());
        self.news.changed.extend(all.iter().copied());
        self.changes.list = true;
        for id in all {
            self.want_people_of(id);
            self.may_have_holes(id);
        }
        Ok(())
    }

    /// Conversations that only the outbox and the drafts know: begun offline.
    fn add_begun(&mut self) {
        let me = self.me;
        for entry in self.queue.all() {
            let id = entry.conversation;
            if self.conversations.get(&id).is_some_and(|c| c.described) {
                continue;
            }
            let new = match (&entry.command, entry.peer) {
                (_, Some(peer)) => Conversation::direct(me, peer),
                (Command::Create { title, members, .. }, None) => {
                    Conversation::begun(id, me, title, members)
                }
                // What follows a `create` that was accepted; the page will describe the group.
                _ => Conversation::unknown(id),
            };
            if new.described || !self.conversations.contains_key(&id) {
                self.conversations.insert(id, new);
            }
        }
    }

    /// Entries whose event is in the cache were accepted: the program ended between the two files.
    fn clear_known(&mut self) -> Result<(), StoreError> {
        let known = self.cache.known_refs(self.queue.all().map(|entry| entry.client_ref))?;
        if known.is_empty() {
            return Ok(());
        }
        let write = self.outbox.begin()?;
        for &client_ref in &known {
            write.remove(client_ref)?;
        }
        write.commit()?;
        self.queue = Queue::new(self.outbox.entries()?);
        Ok(())
    }

    /// What waited for very long is not sent before the person says so: a message stays, as failed;
    /// other commands are dropped.
    fn hold_back_old(&mut self) -> Result<(), StoreError> {
        let now = self.environment.now();
        let old: Vec<Stored> = self
            .queue
            .all()
            .filter(|e| e.failed.is_none() && now.saturating_sub(e.created) > TOO_OLD)
            .cloned()
            .collect();
        for entry in old {
            self.refuse(&entry, crate::store::Failure::TooOld)?;
        }
        Ok(())
    }

    /// After damage showed: make the search index anew if it is only that, else set the cache aside
    /// and begin anew. The caller connects again.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn recover(&mut self, damage: &StoreError) -> Result<(), StoreError> {
        if damage.is_index_damage() && self.cache.begin_index().is_ok() {
            tracing::warn!(%damage, "the search index is made anew");
            return Ok(());
        }
        self.rebuild_cache()
    }

    /// Set the cache aside and begin anew.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn rebuild_cache(&mut self) -> Result<(), StoreError> {
        self.cache.rebuild(&self.path.join("cache.db"))?;
        self.load()?;
        self.notice("cache_rebuilt");
        Ok(())
    }

    /// Read the memory anew from the files, after a transaction failed half way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn reload(&mut self) -> Result<(), StoreError> {
        self.load()
    }

    /// Oneself.
    #[must_use]
    pub fn me(&self) -> UserId {
        self.me
    }

    /// Who is signed in.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether the person wants typing to be shown and told.
    pub fn set_show_typing(&mut self, on: bool) {
        self.show_typing = on;
        if !on {
            let cleared = std::mem::take(&mut self.typing);
            self.changes.typing.extend(cleared.keys());
            self.changes.conversations.extend(cleared.keys());
        }
    }

    /// What `hello` says of what is here.
    #[must_use]
    pub fn hello(&self) -> protocol::frame::Hello {
        protocol::frame::Hello {
            version: protocol::VERSION,
            account_version: self.sync.account_version,
            cursor: self.sync.cursor.clone(),
        }
    }

    /// A connection begins: what follows is the answer to a `hello`.
    pub fn begin_answer(&mut self) {
        self.sync.answering = Some(BTreeSet::new());
        self.news.replay = true;
        self.want.forgive();
    }

    /// Whether nothing waits: outbox and markers are empty, and nothing is wanted that a server
    /// could give while `online`.
    #[must_use]
    pub fn is_idle(&self, online: bool) -> bool {
        let synced = !online || (self.sync.answering.is_none() && self.want.is_empty(self));
        self.queue.is_done() && self.marks.is_done() && synced
    }

    /// Something to tell the person once.
    pub fn notice(&mut self, code: &'static str) {
        if !self.notices.contains(&code) {
            self.notices.push(code);
        }
    }

    pub(crate) fn take_notices(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.notices)
    }

    fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    fn touch(&mut self, id: ConversationId) {
        self.changes.conversations.insert(id);
        self.news.changed.insert(id);
    }
}

#[cfg(test)]
mod tests;
