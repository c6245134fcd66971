//! What a person types for a conversation or for somebody: a name, or the id of a group.

use client::api::{Answers, FindPeople, InConversation, Nothing, WithPerson};
use protocol::{Code, ConversationId, UserId};

use crate::bot::Bot;
use crate::failure::Failure;

/// The conversation with somebody, or the group with this id. Asks the server only for what is not
/// known here.
///
/// # Errors
/// When there is none, or the server would have to be asked and cannot be.
pub(crate) async fn conversation(bot: &mut Bot, typed: &str) -> Result<ConversationId, Failure> {
    if let Some(group) = typed.parse().ok().filter(ConversationId::is_group) {
        return known_group(bot, group).await;
    }
    let name = account_name(typed)?;
    let list = bot.client.list_conversations(Nothing {}).await?;
    let direct = list.conversations.iter().find(|item| {
        let peer = item.peer.as_ref();
        peer.is_some_and(|peer| peer.name == name)
    });
    if let Some(item) = direct {
        return Ok(item.id);
    }
    let user = find(bot, &name).await?;
    Ok(bot.client.open_direct(WithPerson { user }).await?.conversation)
}

/// Somebody's id.
///
/// # Errors
/// When nobody has the name, or the server would have to be asked and cannot be.
pub(crate) async fn person(bot: &mut Bot, typed: &str) -> Result<UserId, Failure> {
    let name = account_name(typed)?;
    find(bot, &name).await
}

async fn known_group(bot: &mut Bot, group: ConversationId) -> Result<ConversationId, Failure> {
    let asked = InConversation { conversation: group };
    if bot.client.conversation_details(asked.clone()).await.is_ok() {
        return Ok(group);
    }
    // One may be a member since a moment ago.
    if !bot.synced().await? {
        return Err(unasked(&format!("which group {group} is")));
    }
    bot.client.conversation_details(asked).await?;
    Ok(group)
}

async fn find(bot: &mut Bot, name: &str) -> Result<UserId, Failure> {
    let online = bot.synced().await?;
    let found = bot.client.find_people(FindPeople { query: name.to_owned() }).await?;
    match found.people.into_iter().find(|person| person.name == name) {
        Some(person) => Ok(person.id),
        None if online => {
            Err(Failure::refused(Code::NoPerson, format!("nobody has the name {name}")))
        }
        None => Err(unasked(&format!("who {name} is"))),
    }
}

fn account_name(typed: &str) -> Result<String, Failure> {
    let no_name =
        |code| Failure::refused(code, format!("{typed:?} is neither a name nor the id of a group"));
    protocol::name::account_name(typed).map_err(no_name)
}

fn unasked(what: &str) -> Failure {
    Failure::later("offline", format!("the server cannot be asked {what}"))
}
