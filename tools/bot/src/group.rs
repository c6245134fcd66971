//! Beginning a group.

use client::api::{Answers, CreateGroup, OpenConversation};
use client::view::Notification;
use protocol::ConversationId;

use crate::bot::{Bot, print};
use crate::failure::Failure;
use crate::line::Line;
use crate::target;

/// Begin a group with these people and print its id.
pub(crate) async fn create(
    bot: &mut Bot,
    title: &str,
    names: &[String],
    wait: bool,
) -> Result<(), Failure> {
    let mut members = Vec::with_capacity(names.len());
    for name in names {
        members.push(target::person(bot, name).await?);
    }
    let create = CreateGroup { title: title.to_owned(), members };
    let conversation = bot.client.create_group(create).await?.conversation;
    if wait {
        begun(bot, conversation).await?;
    }
    print(&Line::Group { conversation, title: title.to_owned() })
}

/// Wait until the server has the group.
async fn begun(bot: &mut Bot, group: ConversationId) -> Result<(), Failure> {
    let deadline = bot.deadline();
    let start = OpenConversation { conversation: group, at: None };
    let mut rows = bot.client.open_conversation(start).await?.rows;
    while !rows.iter().any(|row| row.seq.is_some()) {
        match bot.hears_before(deadline).await? {
            Some(Notification::Rows { conversation, rows: changed, .. })
                if conversation == group =>
            {
                rows = changed;
            }
            Some(Notification::Rejected { conversation, code, .. }) if conversation == group => {
                return Err(Failure::refused(code, "the group was not begun as it was asked for"));
            }
            Some(_) => {}
            None => {
                let detail =
                    format!("the server does not have {group} yet; it waits in the outbox");
                return Err(Failure::later("not_in_time", detail));
            }
        }
    }
    Ok(())
}
