//! Exchanging a refresh token for the next pair of tokens.
//!
//! The session counts the refresh tokens that were given out. Using the newest one gives the next;
//! using the one before gives the newest again, since its answer may have been lost, until the
//! newest is used itself. An older one can only be a copy in the wrong hands: the session ends.

use protocol::request::{Refresh, Tokens};

use crate::auth::{Auth, unauthorized};
use crate::http::{ClientAddress, Error};
use protocol::Code;

/// What a refresh token with some number means to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// The newest: the next one is due.
    Newest,
    /// The one before: the newest is given out again.
    Before,
    /// Used up long ago.
    Replayed,
    /// Never given out, as far as the store knows: it was set back to an older copy.
    FromTheFuture,
}

fn judge(number: u64, newest: u64) -> Use {
    match newest.checked_sub(number) {
        Some(0) => Use::Newest,
        Some(1) => Use::Before,
        Some(_) => Use::Replayed,
        None => Use::FromTheFuture,
    }
}

impl Auth {
    /// The next pair of tokens.
    ///
    /// # Errors
    /// `unauthorized` for what is not a refresh token of this device, `session_ended` when the
    /// session was ended, also by this very request, because the token was used up long ago.
    pub async fn refresh(&self, asked: Refresh, from: ClientAddress) -> Result<Tokens, Error> {
        let Refresh { refresh_token, device } = asked;
        let said = self.inner.secret.read_refresh(&refresh_token, device);
        let (session, number) = said.ok_or_else(unauthorized)?;
        let row = self.live(session).await?;
        let newest = match judge(number, row.generation) {
            // Of two that come at once, one raises the number; both get the same successor.
            Use::Newest => self.inner.sessions.advance(session, number).await?,
            _ => row.generation,
        };
        match judge(number, newest) {
            Use::Before => Ok(self.tokens(row.user, session, device, newest)),
            Use::Replayed => {
                let now = self.inner.environment.now();
                self.inner.sessions.end(row.user, &[session], now).await?;
                let detail = format!("{session} token {number} of {newest} from {}", from.0);
                self.audit(Some(row.user), "refresh_replayed", &detail).await?;
                let title = "The token was used before; the session was ended.";
                Err(Error::new(Code::SessionEnded, title))
            }
            Use::Newest | Use::FromTheFuture => Err(unauthorized()),
        }
    }
}
