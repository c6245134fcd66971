//! Why a piece of work at a server did not succeed, and what is to be done about it.

use std::borrow::Cow;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use super::reason;
use crate::StorageError;

/// Why a piece of work did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// What the work itself found.
    Own(StorageError),
    /// There was no connection to do it with.
    Pool(PoolError),
    /// What PostgreSQL said.
    Postgres(tokio_postgres::Error),
    /// It did not answer in time.
    Slow,
    /// It did not answer a commit: nobody knows whether it is stored.
    Unknown,
}

/// What work returns.
pub(super) type Work<T> = Result<T, Failure>;

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Own(error)
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl Failure {
    /// Whether the connection can still be used, after a rollback where something was begun.
    pub(super) fn leaves_a_good_connection(&self) -> bool {
        match self {
            Self::Own(_) => true,
            Self::Postgres(error) => {
                error.as_db_error().is_some() && !error.is_closed() && !is_of_the_server(error)
            }
            Self::Pool(_) | Self::Slow | Self::Unknown => false,
        }
    }

    /// Whether the same on another connection may well succeed. Never after a commit that was not
    /// answered.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            // A new connection was tried at every host, so there is nothing else to try.
            Self::Own(_) | Self::Pool(_) | Self::Unknown => false,
            Self::Slow => true,
            Self::Postgres(error) => {
                let passing =
                    [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
                error.as_db_error().is_none()
                    || is_of_the_server(error)
                    || error.code().is_some_and(|code| passing.contains(code))
            }
        }
    }

    /// Whether a server found this in its way: the name of a rule of the schema.
    pub(super) fn breaks(&self, rule: &str) -> bool {
        match self {
            Self::Postgres(error) => {
                error.as_db_error().is_some_and(|said| said.constraint() == Some(rule))
            }
            _ => false,
        }
    }

    /// For callers of the store.
    pub(super) fn into_error(self) -> StorageError {
        let why = match self {
            Self::Own(error) => return error,
            Self::Pool(PoolError::Backend(error)) | Self::Postgres(error) => reason(&error),
            Self::Pool(error) => error.to_string(),
            Self::Slow => "it does not answer".into(),
            Self::Unknown => "it is not known whether the change was stored".into(),
        };
        StorageError::Unavailable(format!("PostgreSQL: {why}"))
    }
}

/// Whether it is the server's state that was in the way and not the statement: it goes down, comes up,
/// or takes no writes since it is no primary (any more).
fn is_of_the_server(error: &tokio_postgres::Error) -> bool {
    let states = [
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    error.code().is_some_and(|code| states.contains(code))
}

/// A number for a column.
///
/// # Errors
/// When it is above 2^63: nothing that this server numbers gets there.
pub(super) fn int(value: u64) -> Work<i64> {
    i64::try_from(value)
        .map_err(|_| StorageError::Unavailable(format!("{value} cannot be stored")).into())
}

/// A number to compare a column with: what is above every stored number stays above it.
pub(super) fn bound(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A column's number. None is ever written below zero.
pub(super) fn whole(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// Text for a column. PostgreSQL has no text with a NUL in it; such a character is shown as one that
/// cannot be.
pub(super) fn text(value: &str) -> Cow<'_, str> {
    if value.contains('\0') { Cow::Owned(value.replace('\0', "\u{fffd}")) } else { value.into() }
}
