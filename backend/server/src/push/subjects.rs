//! What has to be known before it is decided: the message as it is now, and where its recipient stands.

use protocol::model::ConversationKind;
use protocol::{ConversationId, UserId};
use storage::SubscriptionRow;

use super::decide::{Message, Recipient};
use crate::app::Stores;
use crate::pipeline::record::PushRecord;

/// The message, read anew: it may have been edited or deleted since. `None` when it is not there.
pub(super) async fn message(
    stores: &Stores,
    about: &PushRecord,
    title: Option<String>,
) -> storage::Result<Option<Message>> {
    let PushRecord { conversation, seq, at, sender, .. } = *about;
    let stretch = stores.history.stretch(conversation, seq, seq, 1, 1).await?;
    let Some(state) = stretch.states.iter().find(|state| state.seq == seq) else { return Ok(None) };
    let text = state.text().map(str::to_owned);
    let people = stores.accounts.people(&[sender]).await?;
    let sender_name = people.into_iter().next().map(|person| person.display_name);
    let sender_name = sender_name.unwrap_or_default();
    Ok(Some(Message { conversation, seq, at, sender, sender_name, title, text }))
}

/// Where the recipient stands, and the group's name.
pub(super) async fn recipient(
    stores: &Stores,
    (conversation, seq): (ConversationId, u64),
    to: &SubscriptionRow,
    active: bool,
) -> storage::Result<(Recipient, Option<String>)> {
    let (user, says): (UserId, _) = (to.user, to.says);
    let pages = stores.history.pages(user, &[conversation], 0, 0).await?;
    let Some(page) = pages.into_iter().next() else {
        let nobody = Recipient { user, active, member: false, delivered: 0, says };
        return Ok((nobody, None));
    };
    let own = page.markers.iter().find(|marker| marker.user == user);
    let recipient = Recipient {
        user,
        active,
        member: page.periods.iter().any(|period| period.covers(seq)),
        delivered: own.map_or(0, |marker| marker.delivered),
        says,
    };
    let title = (page.kind == ConversationKind::Group).then_some(page.title);
    Ok((recipient, title))
}
