//! Sending: into the outbox first, and then, unless nobody wants to wait, until each message is
//! stored by the server or refused.

use std::collections::BTreeSet;

use client::api::{Answers, OpenConversation, SendMessage};
use client::view::{Notification, Progress, Row, RowBody};
use protocol::ConversationId;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio::time::{Instant, sleep_until};

use crate::bot::{Bot, print};
use crate::failure::Failure;
use crate::line::Line;
use crate::listen::has_to_look_again;
use crate::target;

/// So many messages may wait for the server before another line of input is read.
const MOST_WAITING: usize = 50;

/// Send one message, or with `-` each line of standard input.
pub(crate) async fn send(bot: &mut Bot, to: &str, text: &str, wait: bool) -> Result<(), Failure> {
    let conversation = target::conversation(bot, to).await?;
    let deadline = bot.deadline();
    let mut sending =
        Sending { conversation, wait, waiting: BTreeSet::new(), refused: None, deadline };
    if wait {
        sending.watch(bot).await?;
    }
    if text == "-" {
        sending.lines(bot).await?;
    } else {
        sending.queue(bot, text.to_owned()).await?;
    }
    while !sending.waiting.is_empty() {
        match bot.hears_before(sending.deadline).await? {
            Some(told) => sending.take(bot, told).await?,
            None => return Err(sending.not_in_time()),
        }
    }
    sending.refused.map_or(Ok(()), Err)
}

/// Wait until everything in the outbox is sent.
pub(crate) async fn flush(bot: &mut Bot) -> Result<(), Failure> {
    let mut deadline = bot.deadline();
    while !bot.is_done() {
        match bot.hears_before(deadline).await? {
            Some(Notification::Conversations { .. }) => deadline = bot.deadline(),
            Some(_) => {}
            None => {
                let detail = "not everything is sent; the rest waits in the outbox";
                return Err(Failure::later("not_in_time", detail));
            }
        }
    }
    Ok(())
}

/// Messages on their way into one conversation.
struct Sending {
    conversation: ConversationId,
    wait: bool,
    /// The keys of those that are not stored yet.
    waiting: BTreeSet<String>,
    /// Why the last of those that were refused was.
    refused: Option<Failure>,
    deadline: Instant,
}

impl Sending {
    /// Look at the end of the conversation, so that what becomes of the messages is told.
    async fn watch(&mut self, bot: &Bot) -> Result<(), Failure> {
        // A seq beyond the end is the end.
        let end = OpenConversation { conversation: self.conversation, at: Some(u64::MAX) };
        let timeline = bot.client.open_conversation(end).await?;
        self.see(timeline.rows)
    }

    async fn lines(&mut self, bot: &mut Bot) -> Result<(), Failure> {
        let mut input: Lines<BufReader<Stdin>> = BufReader::new(tokio::io::stdin()).lines();
        loop {
            let has_room = self.waiting.len() < MOST_WAITING;
            tokio::select! {
                biased;
                told = bot.hears() => self.take(bot, told?).await?,
                line = input.next_line(), if has_room => {
                    match line.map_err(|error| Failure::local("input", error.to_string()))? {
                        Some(line) => self.queue(bot, line).await?,
                        None => return Ok(()),
                    }
                }
                () = sleep_until(self.deadline), if !self.waiting.is_empty() => {
                    return Err(self.not_in_time());
                }
            }
        }
    }

    async fn queue(&mut self, bot: &Bot, text: String) -> Result<(), Failure> {
        let message = SendMessage { conversation: self.conversation, text, reply_to: None };
        let key = bot.client.send_message(message).await?.client_ref;
        print(&Line::Queued { conversation: self.conversation, key })?;
        if self.wait {
            if self.waiting.is_empty() {
                self.deadline = bot.deadline();
            }
            self.waiting.insert(key.to_string());
        }
        Ok(())
    }

    async fn take(&mut self, bot: &Bot, told: Notification) -> Result<(), Failure> {
        let before = self.waiting.len();
        match told {
            Notification::Rows { conversation, rows, .. } if conversation == self.conversation => {
                self.see(rows)?;
            }
            Notification::State { state } if has_to_look_again(&state) => self.watch(bot).await?,
            _ => {}
        }
        if self.waiting.len() < before {
            self.deadline = bot.deadline();
        }
        Ok(())
    }

    fn see(&mut self, rows: Vec<Row>) -> Result<(), Failure> {
        for row in rows {
            let RowBody::Message(message) = &row.body else { continue };
            if message.progress == Some(Progress::Sending) || !self.waiting.remove(&row.key) {
                continue;
            }
            print(&Line::of_row(self.conversation, &row))?;
            if message.progress == Some(Progress::Failed) {
                let code = message.error.unwrap_or(protocol::Code::Unknown);
                self.refused = Some(Failure::refused(code, "the message was refused"));
            }
        }
        Ok(())
    }

    fn not_in_time(&self) -> Failure {
        let left = self.waiting.len();
        let detail =
            format!("the server does not have {left} of the messages yet; they wait in the outbox");
        Failure::later("not_in_time", detail)
    }
}
