//! The background worker: fetches what the account wants, one thing at a time, while it is online.
//! With nothing better to do it fetches older history, slowly, so that search finds more and more;
//! and it makes a search index anew that is of another version or was damaged.

use std::sync::Arc;
use std::time::Duration;

use protocol::limits::GROUP_MEMBERS;
use protocol::model::{Marker, Member, Range};
use protocol::request::{Markers, Me, Members, People};
use protocol::{Code, ConversationId, UserId};
use tokio::time::{Instant, sleep, sleep_until};

use crate::account::{Account, Arrival, Want};
use crate::connect::RequestError;
use crate::running::Running;
use crate::session::SessionError;
use crate::store::StoreError;

/// After a request without an answer.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest pause that a server can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Between two requests for older history that nobody waits for.
const UNHURRIED: Duration = Duration::from_secs(2);
/// Between two looks at how far the members of a large group on screen are.
const MARKERS_AGAIN: Duration = Duration::from_secs(15);
/// Between two steps of indexing, for whoever else needs the account.
const BREATH: Duration = Duration::from_millis(5);

/// Work until the task is ended.
pub(crate) async fn work(running: Arc<Running>) {
    let mut connection = running.watch_connection();
    let mut older_at = Instant::now();
    let mut markers_at = Instant::now();
    loop {
        index(&running).await;
        if !running.is_online() {
            tokio::select! {
                biased;
                // A damaged index is begun anew whether there is a connection or not.
                () = running.signals.want.notified() => {}
                changed = connection.changed() => if changed.is_err() { return },
            }
            continue;
        }
        let shows_large = running.look(|account| account.shows_large_group()).await;
        if shows_large && Instant::now() >= markers_at {
            markers_at = Instant::now() + MARKERS_AGAIN;
            running.look(Account::want_markers).await;
        }
        let want = match running.look(Account::next_want).await {
            Some(want) => want,
            None => match older(&running, older_at).await {
                Next::Fetch(want) => {
                    older_at = Instant::now() + UNHURRIED;
                    want
                }
                Next::Wait(until) => {
                    let ask = shows_large.then_some(markers_at);
                    let until = until.into_iter().chain(ask).min();
                    wait(&running, &mut connection, until).await;
                    continue;
                }
            },
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

/// Index what is still to be indexed.
async fn index(running: &Running) {
    loop {
        match running.look(Account::index_step).await {
            Ok(true) => sleep(BREATH).await,
            Ok(false) => return,
            Err(error) => {
                // It goes on when something is wanted next.
                tracing::error!(%error, "the search index is not complete");
                if error.is_damage() {
                    // The common door sees to damage.
                    let _ = running.with(|_| Err::<(), _>(error)).await;
                }
                return;
            }
        }
    }
}

/// What to do with nothing better to do.
enum Next {
    Fetch(Want),
    /// Until something is wanted, or until then.
    Wait(Option<Instant>),
}

/// Older history, if it is time for it.
async fn older(running: &Running, at: Instant) -> Next {
    let now = Instant::now();
    match running.look(move |account| account.older(now)).await {
        Ok(Some(older)) if older.hurry || at <= now => Next::Fetch(older.want),
        Ok(older) => Next::Wait(older.map(|_| at)),
        Err(error) => {
            tracing::error!(%error, "what is missing cannot be read");
            Next::Wait(None)
        }
    }
}

/// Nothing is wanted: keep the access token young until something is, or until then.
async fn wait(
    running: &Running,
    connection: &mut tokio::sync::watch::Receiver<crate::view::Connection>,
    until: Option<Instant>,
) {
    let far = Instant::now() + Duration::from_secs(3600);
    let refresh_at = running.session.refresh_at().await.unwrap_or(far);
    tokio::select! {
        biased;
        () = running.signals.want.notified() => {}
        changed = connection.changed() => drop(changed),
        () = sleep_until(until.unwrap_or(far)) => {}
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
        Want::Markers(id) => {
            let id = *id;
            let markers = all_markers(running, id).await?;
            running.with(move |account| account.set_markers(id, &markers)).await?;
        }
    }
    Ok(())
}

/// How far every member is.
pub(crate) async fn all_markers(
    running: &Running,
    id: ConversationId,
) -> Result<Vec<Marker>, SessionError> {
    let mut all: Vec<Marker> = Vec::new();
    loop {
        let after = all.last().map(|last| format!("?after={}", last.user)).unwrap_or_default();
        let path = format!("/v1/conversations/{id}/markers{after}");
        let page: Markers = running.session.get(&path).await?;
        let progress = !page.markers.is_empty();
        all.extend(page.markers);
        if !page.more || !progress || all.len() > GROUP_MEMBERS {
            return Ok(all);
        }
    }
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
