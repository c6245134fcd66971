//! What was said, and where: the last messages of a conversation, and the list of conversations.

use client::api::{Answers, InConversation, LoadRows, Nothing, OpenConversation};
use client::view::{Row, RowBody};
use protocol::ConversationId;

use crate::bot::{Bot, print};
use crate::failure::Failure;
use crate::line::Line;
use crate::target;

/// Print the last rows of a conversation, oldest first. What is missing here is fetched, if the
/// server can be reached.
pub(crate) async fn history(bot: &mut Bot, of: &str, last: usize) -> Result<(), Failure> {
    let conversation = target::conversation(bot, of).await?;
    bot.synced().await?;
    let deadline = bot.deadline();
    let rows = loop {
        let rows = newest(bot, conversation, last).await?;
        let whole = !rows.iter().any(|row| matches!(row.body, RowBody::Gap { .. }));
        if whole || !bot.connection().is_live() || bot.hears_before(deadline).await?.is_none() {
            break rows;
        }
    };
    for row in &rows {
        print(&Line::of_row(conversation, row))?;
    }
    Ok(())
}

/// Print all conversations, the most recent first.
pub(crate) async fn list(bot: &mut Bot) -> Result<(), Failure> {
    bot.synced().await?;
    for item in bot.client.list_conversations(Nothing {}).await?.conversations {
        print(&Line::of_item(item))?;
    }
    Ok(())
}

/// The last rows that are here, with gaps for what is not; looking at those makes the client fetch
/// them.
async fn newest(bot: &Bot, conversation: ConversationId, last: usize) -> Result<Vec<Row>, Failure> {
    // What is open is told and fetched, so it is closed only when it is opened anew.
    bot.client.close_conversation(InConversation { conversation }).await?;
    let end = OpenConversation { conversation, at: Some(u64::MAX) };
    let mut timeline = bot.client.open_conversation(end).await?;
    let mut rows = std::mem::take(&mut timeline.rows);
    while rows.len() < last
        && timeline.more_before
        && let Some(first) = rows.iter().find_map(|row| row.seq)
    {
        let before = LoadRows { conversation, before: Some(first), after: None };
        timeline = bot.client.load_rows(before).await?;
        if timeline.rows.is_empty() {
            break;
        }
        // A gap that reached up to here comes again with the rows before it.
        rows.retain(|row| !timeline.rows.iter().any(|other| other.key == row.key));
        rows.splice(0..0, std::mem::take(&mut timeline.rows));
    }
    Ok(rows.split_off(rows.len().saturating_sub(last)))
}
