//! Which way frames go: over a WebSocket, or over long-poll where something on the way blocks those.

use std::time::Duration;

use tokio::time::Instant;

use super::{Lost, RequestError, Requests, Socket, SocketError, open_poll};

/// So many sockets in a row that end before their first frame, and polls are tried instead.
const POOR_SOCKETS: u32 = 2;
/// How long polls are used before a WebSocket is tried again.
const POLLING_FOR: Duration = Duration::from_secs(600);

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The access token is not taken.
    Unauthorized,
    /// Nothing usable answers, or the server wants to be left alone for a while.
    Away(String),
}

/// What was learned about the way.
#[derive(Default)]
pub(crate) struct Transport {
    poor: u32,
    poll_until: Option<Instant>,
}

impl Transport {
    /// A connection to the node at `address`, and until when to poll if it polls.
    pub(crate) async fn open(
        &mut self,
        requests: &Requests,
        address: &str,
        token: &str,
    ) -> Result<(Socket, Option<Instant>), OpenError> {
        let now = Instant::now();
        if let Some(until) = self.poll_until.filter(|&until| now < until) {
            return Ok((self.poll(requests, token).await?, Some(until)));
        }
        match requests.connector().socket(address, token).await {
            Ok(socket) => Ok((socket, None)),
            Err(SocketError::Refused(401)) => Err(OpenError::Unauthorized),
            Err(SocketError::Refused(status @ (429 | 503))) => {
                Err(OpenError::Away(format!("status {status}")))
            }
            Err(SocketError::Refused(_)) => {
                let socket = self.poll(requests, token).await?;
                let until = now + POLLING_FOR;
                self.poll_until = Some(until);
                Ok((socket, Some(until)))
            }
            Err(SocketError::Lost(Lost(why))) => Err(OpenError::Away(why)),
        }
    }

    async fn poll(&mut self, requests: &Requests, token: &str) -> Result<Socket, OpenError> {
        open_poll(requests.clone(), token.to_owned()).await.map_err(|error| match error {
            RequestError::Problem(problem) if problem.status == 401 => OpenError::Unauthorized,
            other => {
                // Then polls are not the way either: begin with a WebSocket next time.
                self.poll_until = None;
                OpenError::Away(other.to_string())
            }
        })
    }

    /// A connection has ended. `frames`: whether any came over it.
    pub(crate) fn ended(&mut self, polled: bool, frames: bool) {
        if frames {
            self.poor = 0;
        } else if polled {
            self.poll_until = None;
        } else {
            self.poor += 1;
            if self.poor >= POOR_SOCKETS {
                self.poor = 0;
                self.poll_until = Some(Instant::now() + POLLING_FOR);
            }
        }
    }
}
