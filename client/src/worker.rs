//! The background worker: fetches what the account wants, one thing at a time, while it is online.

use std::sync::Arc;
use std::time::Duration;

use protocol::limits::GROUP_MEMBERS;
use protocol::model::{Member, Range};
use protocol::request::{Me, Members, People};
use protocol::{Code, ConversationId, UserId};
use tokio::time::{Instant, sleep, sleep_until};

use crate::account::{Arrival, Want};
use crate::connect::RequestError;
use crate::running::Running;
use crate::session::SessionError;
use crate::store::StoreError;

/// After a request without an answer.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest pause that a server can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Work until the task is ended.
pub(crate) async fn work(running: Arc<Running>) {
    let mut connection = running.watch_connection();
    loop {
        if !running.is_online() {
            if connection.changed().await.is_err() {
                return;
            }
            continue;
        }
        let want = running.look(crate::account::Account::next_want).await;
        let Some(want) = want else {
            wait(&running, &mut connection).await;
            continue;
        };
        let pause = match fetch(&running, want.clone()).await {
            Ok(()) => None,
            Err(Failed::Session(SessionError::Request(RequestError::Problem(problem))))
                if problem.code != Code::SlowDown && problem.code != Code::Busy =>
            {
                tracing::warn!(code = %problem.code, ?want, "it is not given");
                running.look(move |account| account.give_up(&want)).await;
                running.signals.tell.notify_one();
                None
            }
            Err(Failed::Session(SessionError::Request(RequestError::Problem(problem)))) => {
                Some(problem.retry_after_ms.map_or(PAUSE, Duration::from_millis))
            }
            // The connection task finds out by itself that the session is over.
            Err(Failed::Session(error)) => {
                tracing::info!(%error, "nothing fetched");
                Some(PAUSE)
            }
            Err(Failed::Store(error)) => {
                tracing::error!(%error, "what was fetched cannot be stored");
                Some(LONGEST_PAUSE)
            }
        };
        if let Some(pause) = pause {
            sleep(pause.min(LONGEST_PAUSE)).await;
        }
    }
}

/// Nothing is wanted: keep the access token young until something is.
async fn wait(
    running: &Running,
    connection: &mut tokio::sync::watch::Receiver<crate::view::Connection>,
) {
    let far = Instant::now() + Duration::from_secs(3600);
    let refresh_at = running.session.refresh_at().await.unwrap_or(far);
    tokio::select! {
        biased;
        () = running.signals.want.notified() => {}
        changed = connection.changed() => drop(changed),
        () = sleep_until(refresh_at) => {
            if let Err(error) = running.session.token().await {
                tracing::info!(%error, "the token is not refreshed");
            }
            sleep(PAUSE).await;
        }
    }
}

enum Failed {
    Session(SessionError),
    Store(StoreError),
}

impl From<SessionError> for Failed {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn fetch(running: &Running, want: Want) -> Result<(), Failed> {
    match &want {
        Want::Range { conversation, from, to } => {
            let path = format!("/v1/conversations/{conversation}/events?from={from}&to={to}");
            let range: Range = running.session.get(&path).await?;
            running
                .with(move |account| {
                    account.ingest(vec![Arrival::Range(range)])?;
                    account.give_up(&want);
                    Ok::<_, StoreError>(())
                })
                .await?;
        }
        Want::People(ids) => {
            let asked = ids.clone();
            let ids: Vec<String> = ids.iter().map(UserId::to_string).collect();
            let path = format!("/v1/users?ids={}", ids.join(","));
            let People { people } = running.session.get(&path).await?;
            let arrival = Arrival::People { asked, people };
            running.with(|account| account.ingest(vec![arrival])).await?;
        }
        Want::Me => {
            let me: Me = running.session.get("/v1/me").await?;
            running.with(move |account| account.set_me(me.person, me.version)).await?;
        }
        Want::Members(id) => {
            let id = *id;
            let members = all_members(running, id).await?;
            running.with(move |account| account.set_members(id, &members)).await?;
        }
    }
    Ok(())
}

async fn all_members(running: &Running, id: ConversationId) -> Result<Vec<Member>, SessionError> {
    let mut all: Vec<Member> = Vec::new();
    loop {
        let after = all.last().map(|last| format!("?after={}", last.user)).unwrap_or_default();
        let path = format!("/v1/conversations/{id}/members{after}");
        let page: Members = running.session.get(&path).await?;
        let progress = !page.members.is_empty();
        all.extend(page.members);
        if !page.more || !progress || all.len() > GROUP_MEMBERS {
            return Ok(all);
        }
    }
}
