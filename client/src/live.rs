//! The connection: say hello, take pages and live frames in, send what is due, and begin again
//! whenever it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::connect::{OpenError, Socket, Transport};
use crate::link::{End, Link};
use crate::nodes::Choice;
use crate::running::Running;
use crate::session::SessionError;
use crate::view::Connection;

/// Back-off: at most this long before the first try, doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A disk that is full is tried again after this long.
const STORAGE_PAUSE: Duration = Duration::from_secs(30);
/// A server that stops may ask for at most this much patience.
const PATIENCE: Duration = Duration::from_secs(300);
/// So many failed tries are shown as "connecting"; then it is offline until it succeeds.
const SHOWN_TRIES: u32 = 2;

/// Keep the account connected. Returns when its session is over: ended elsewhere, or without
/// anything left to refresh it with.
pub(crate) async fn live(running: Arc<Running>) {
    let mut transport = Transport::default();
    let mut tries = 0u32;
    let mut number = 0;
    let mut nodes = Choice::default();
    loop {
        number += 1;
        let mut pause = None;
        let typed = running.session.requests().address();
        nodes.learn(running.session.requests()).await;
        let address = nodes.next(typed);
        match open(&running, &mut transport, &address).await {
            Ok((socket, polling)) => {
                let mut link = Link::new(&running, number, polling);
                let end = link.run(socket).await;
                transport.ended(polling.is_some(), link.answered());
                if link.answered() {
                    tries = 0;
                    nodes.went_well(&address);
                } else {
                    nodes.failed(&address, typed);
                }
                running.look(crate::account::Account::forget_presence).await;
                match end {
                    End::SignedOut => return,
                    End::Again => pause = Some(Duration::from_millis(100)),
                    End::GoAway(after, prefer) => {
                        pause = Some(after);
                        nodes.sent_away(&address, prefer, typed);
                    }
                    End::Storage(error) => {
                        tracing::error!(%error, "what came cannot be stored");
                        running.look(|account| account.notice("storage")).await;
                        pause = Some(STORAGE_PAUSE);
                    }
                    End::Lost(why) => tracing::info!(why, "the connection ended"),
                }
            }
            Err(OpenFailed::SignedOut) => return,
            Err(OpenFailed::Away(why)) => {
                tracing::info!(why, "not connected");
                nodes.failed(&address, typed);
            }
        }
        running.set_connection(Connection::Offline);
        let pause = pause.unwrap_or_else(|| {
            let most = FIRST_PAUSE.saturating_mul(1 << tries.min(10)).min(LONGEST_PAUSE);
            let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
            Duration::from_millis(50 + running.environment.random_below(millis))
        });
        tries = tries.saturating_add(1);
        tokio::select! {
            biased;
            () = running.signals.network.notified() => {}
            () = tokio::time::sleep(pause.min(PATIENCE)) => {}
        }
        if tries <= SHOWN_TRIES {
            running.set_connection(Connection::Connecting);
        }
    }
}

enum OpenFailed {
    SignedOut,
    Away(String),
}

impl From<SessionError> for OpenFailed {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Over => Self::SignedOut,
            other => Self::Away(other.to_string()),
        }
    }
}

async fn open(
    running: &Running,
    transport: &mut Transport,
    address: &str,
) -> Result<(Socket, Option<Instant>), OpenFailed> {
    let requests = running.session.requests();
    let token = running.session.token().await?;
    let opened = match transport.open(requests, address, &token).await {
        Err(OpenError::Unauthorized) => {
            let token = running.session.renew(&token).await?;
            transport.open(requests, address, &token).await
        }
        opened => opened,
    };
    opened.map_err(|error| match error {
        // A token that is new and not taken: something else is wrong. It passes or not.
        OpenError::Unauthorized => OpenFailed::Away("a new token is not taken".into()),
        OpenError::Away(why) => OpenFailed::Away(why),
    })
}
