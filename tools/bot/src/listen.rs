//! Listening: every unread message, then whatever comes or changes, until it is interrupted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use client::api::{Answers, CallCode, InConversation, MarkRead, Nothing, OpenConversation};
use client::view::{AppState, Connection, Notification};
use protocol::{Code, ConversationId};

use crate::bot::{Bot, print};
use crate::failure::Failure;
use crate::follow::Follow;
use crate::line::Line;

/// Conversations whose changes are told as they come: those in which something happened last. A
/// client tells only what is open in it, and lets so many be open and a few more.
const MOST_OPEN: usize = 12;
/// A page has at least so many rows or events unless the conversation ends before.
const PAGE: u64 = 60;

/// Print every unread message, then whatever comes or changes. Ends only with a failure.
pub(crate) async fn listen(bot: &mut Bot, read: bool) -> Result<(), Failure> {
    let mut listener = Listener {
        read,
        follows: BTreeMap::new(),
        open: VecDeque::new(),
        behind: BTreeSet::new(),
        connection: None,
    };
    // Unread is what the server says, so nothing is printed before it has said it.
    while !bot.is_done() {
        let told = bot.hears().await?;
        listener.state(&told)?;
    }
    listener.open_all(bot).await?;
    print(&Line::Listening {})?;
    loop {
        let told = bot.hears().await?;
        listener.state(&told)?;
        listener.take(bot, told).await?;
    }
}

struct Listener {
    /// Whether what was printed is marked as read.
    read: bool,
    follows: BTreeMap<ConversationId, Follow>,
    /// In the order in which they were opened.
    open: VecDeque<ConversationId>,
    /// Conversations that were not read up to their end: more follows when what is missing of them
    /// has come.
    behind: BTreeSet<ConversationId>,
    connection: Option<Connection>,
}

impl Listener {
    /// Print how the client is connected when that has changed, and its notices.
    fn state(&mut self, told: &Notification) -> Result<(), Failure> {
        let Notification::State { state } = told else { return Ok(()) };
        if self.connection != Some(state.connection) {
            self.connection = Some(state.connection);
            print(&Line::Connection { state: state.connection })?;
        }
        for notice in state.notices.iter().filter(|notice| notice.code != LOOK_AGAIN) {
            print(&Line::Notice { code: notice.code.clone() })?;
        }
        Ok(())
    }

    async fn take(&mut self, bot: &Bot, told: Notification) -> Result<(), Failure> {
        match told {
            Notification::Conversations { changed, .. } => {
                for item in changed {
                    if !self.open.contains(&item.id) {
                        self.open(bot, item.id, Some(1)).await?;
                    }
                }
            }
            Notification::Rows { conversation, rows, removed, .. } => {
                let Some(follow) = self.follows.get_mut(&conversation) else { return Ok(()) };
                follow.take(&rows, &removed);
                let holds = self.print(bot, conversation, false).await?;
                if !holds && self.behind.contains(&conversation) {
                    self.open(bot, conversation, None).await?;
                }
            }
            // What is missing now is not on its way.
            Notification::Idle { idle: true } => {
                for conversation in self.open.clone() {
                    self.print(bot, conversation, true).await?;
                }
                for conversation in std::mem::take(&mut self.behind) {
                    self.open(bot, conversation, None).await?;
                }
            }
            Notification::Rejected { conversation, client_ref: key, code } => {
                print(&Line::Rejected { conversation, key, code })?;
            }
            Notification::State { state } if has_to_look_again(&state) => {
                while let Some(conversation) = self.open.front().copied() {
                    self.close(bot, conversation).await?;
                }
                self.open_all(bot).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Open every conversation once, so that it is known where each ends; the most recent stay open.
    async fn open_all(&mut self, bot: &Bot) -> Result<(), Failure> {
        let list = bot.client.list_conversations(Nothing {}).await?;
        for item in list.conversations.into_iter().rev() {
            self.open(bot, item.id, None).await?;
        }
        Ok(())
    }

    /// Open a conversation where it was left, and print it up to its end or the next gap. One that
    /// is new here begins with this seq, else with the first unread message, else at its end.
    async fn open(
        &mut self,
        bot: &Bot,
        conversation: ConversationId,
        new: Option<u64>,
    ) -> Result<(), Failure> {
        loop {
            let at = self.follows.get(&conversation).map(Follow::next).or(new);
            self.close(bot, conversation).await?;
            let asked = OpenConversation { conversation, at };
            let timeline = match bot.client.open_conversation(asked).await {
                Ok(timeline) => timeline,
                Err(error) if error.code == CallCode::Server(Code::NoConversation) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            self.open.push_back(conversation);
            if self.open.len() > MOST_OPEN
                && let Some(oldest) = self.open.front().copied()
            {
                self.close(bot, oldest).await?;
            }
            let first = new.or(timeline.first_unread).unwrap_or(timeline.head + 1);
            let follow = self.follows.entry(conversation);
            let follow = follow.or_insert_with(|| Follow::new(conversation, first));
            let before = follow.next();
            follow.take(&timeline.rows, &[]);
            let holds = self.print(bot, conversation, false).await?;
            if !timeline.more_after {
                self.behind.remove(&conversation);
                return Ok(());
            }
            if holds {
                self.behind.insert(conversation);
                return Ok(());
            }
            // So many came that one page does not hold them.
            if let Some(follow) = self.follows.get_mut(&conversation)
                && follow.next() == before
            {
                follow.skip(PAGE);
            }
        }
    }

    /// Let a conversation go, if it is open.
    async fn close(&mut self, bot: &Bot, conversation: ConversationId) -> Result<(), Failure> {
        if !self.open.contains(&conversation) {
            return Ok(());
        }
        self.open.retain(|other| *other != conversation);
        bot.client.close_conversation(InConversation { conversation }).await?;
        if let Some(follow) = self.follows.get_mut(&conversation)
            && follow.pause()
        {
            self.behind.insert(conversation);
        }
        Ok(())
    }

    /// Print what is ready. Whether something has to wait.
    async fn print(
        &mut self,
        bot: &Bot,
        conversation: ConversationId,
        all: bool,
    ) -> Result<bool, Failure> {
        let Some(follow) = self.follows.get_mut(&conversation) else { return Ok(false) };
        let before = follow.next();
        for line in follow.ready(all) {
            print(&line)?;
        }
        if self.read && follow.next() > before {
            let mark = MarkRead { conversation, seq: follow.next() - 1 };
            bot.client.mark_read(mark).await?;
        }
        Ok(follow.holds())
    }
}

/// The notice of a client whose listener was too slow: some of what was told got lost.
const LOOK_AGAIN: &str = "reload";

/// Whether some of what was told got lost.
pub(crate) fn has_to_look_again(state: &AppState) -> bool {
    state.notices.iter().any(|notice| notice.code == LOOK_AGAIN)
}
