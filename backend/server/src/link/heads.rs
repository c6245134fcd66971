//! What a gateway does while nobody serves a partition: every 2 s it compares the heads of its people's
//! conversations with what they were told, and sends what changed. Slower than an inbox, and as right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use futures_util::StreamExt;
use protocol::frame::Page;
use protocol::{ConversationId, ServerFrame, UserId, wire};
use tokio_util::sync::CancellationToken;

use super::Gateway;
use super::attach::PATIENCE;
use crate::app::App;
use crate::gateway::answer;

/// How many people are looked after at once.
const AT_ONCE: usize = 16;

/// By conversation: up to which seq the person was told here.
type Told = BTreeMap<ConversationId, u64>;

/// Look after the people of partitions that nobody serves, until `stop`.
pub(crate) async fn compare(app: App, gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut told: BTreeMap<UserId, Told> = BTreeMap::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PATIENCE) => {}
        }
        let alone = gateway.alone();
        told.retain(|user, _| alone.contains(&app.delivery.partition(*user)));
        let people = app.delivery.users(&alone);
        let here: BTreeSet<UserId> = people.iter().copied().collect();
        told.retain(|user, _| here.contains(user));
        let work = people.into_iter().map(|user| {
            let before = told.remove(&user).unwrap_or_default();
            one(&app, user, before)
        });
        let work: Vec<_> = work.collect();
        let done: Vec<_> =
            futures_util::stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
        told.extend(done);
    }
}

async fn one(app: &App, user: UserId, mut told: Told) -> (UserId, Told) {
    if let Err(error) = changes(app, user, &mut told).await {
        tracing::warn!("a person's conversations could not be compared, and will be: {error}");
    }
    (user, told)
}

async fn changes(app: &App, user: UserId, told: &mut Told) -> storage::Result<()> {
    let sessions = app.delivery.sessions_of(user);
    for (session, outgoing) in &sessions {
        // What ends a session comes through the inbox too.
        if app.stores.sessions.session(*session).await?.is_none_or(|row| row.ended) {
            outgoing.end(wire::encode(&ServerFrame::SessionEnded {}).into());
        }
    }
    // What the inbox brought before nobody served it any more is told already.
    let since = Some(app.delivery.delivered(user)).filter(|delivered| *delivered > 0);
    let listed = app.stores.history.listed(user, since).await?;
    let is_news =
        |row: &&storage::Listed| told.get(&row.conversation).is_none_or(|seq| *seq < row.head.seq);
    let news: Vec<_> = listed.iter().filter(is_news).collect();
    if news.is_empty() {
        return Ok(());
    }
    let account_version = app.stores.accounts.version(user).await?.unwrap_or_default();
    let ids: Vec<_> = news.iter().map(|row| row.conversation).collect();
    for some in ids.chunks(answer::CONVERSATIONS) {
        let pages = app.stores.history.pages(user, some, answer::EVENTS, answer::TEXTS).await?;
        for mut page in pages {
            answer::fit(&mut page);
            let conversation = (page.conversation, page.head.seq);
            // No part of an answer to hello: it says nothing about what else there is.
            let conversations = vec![page];
            let page = Page { conversations, account_version, last: false, whole: false };
            let frame: Utf8Bytes = wire::encode(&ServerFrame::Page(page)).into();
            for (_, outgoing) in &sessions {
                outgoing.push(frame.clone(), 0);
            }
            told.insert(conversation.0, conversation.1);
        }
    }
    Ok(())
}
