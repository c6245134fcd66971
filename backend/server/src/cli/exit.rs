//! With what the process ends when something is wrong, so that whoever starts it knows whether to try
//! again: an unreachable service may come back, a wrong setting does not change by itself, and what was
//! refused for safety waits for a person.

use std::error::Error;

use event_log::LogError;

use crate::config::Invalid;

/// A command line or a setting that cannot be used.
const CONFIGURATION: u8 = 2;
/// A service that cannot be reached, or does not let us in.
const SERVICE: u8 = 3;
/// What is there is not what this program may go on with: topics, schemas.
const UNSAFE: u8 = 4;
/// Anything else.
const OTHER: u8 = 1;

/// What an operator asked for and would do harm.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(pub(super) String);

/// What the process ends with after this error.
pub(super) fn code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(of).unwrap_or(OTHER)
}

fn of(cause: &(dyn Error + 'static)) -> Option<u8> {
    if cause.is::<Invalid>() || cause.is::<config::ConfigError>() {
        return Some(CONFIGURATION);
    }
    if cause.is::<Refused>() {
        return Some(UNSAFE);
    }
    if let Some(error) = cause.downcast_ref::<LogError>() {
        return match error {
            LogError::Unfit(_) => Some(UNSAFE),
            LogError::Unreachable(_) | LogError::Unknown(_) | LogError::Full { .. } => {
                Some(SERVICE)
            }
            LogError::Closed => None,
        };
    }
    #[cfg(feature = "cluster")]
    return of_services(cause);
    #[cfg(not(feature = "cluster"))]
    None
}

#[cfg(feature = "cluster")]
fn of_services(cause: &(dyn Error + 'static)) -> Option<u8> {
    use storage::{postgres, scylla};
    if cause.is::<zookeeper_client::Error>() {
        return Some(SERVICE);
    }
    if let Some(error) = cause.downcast_ref::<postgres::ConnectError>() {
        use postgres::ConnectError as E;
        return Some(match error {
            E::Address(_) => CONFIGURATION,
            E::Unreachable { .. } | E::Refused { .. } | E::LockLost | E::Failed(_) => SERVICE,
            E::TooOld { .. } | E::NotMigrated { .. } | E::Newer { .. } | E::Changed(_) => UNSAFE,
        });
    }
    let error = cause.downcast_ref::<scylla::ConnectError>()?;
    use scylla::ConnectError as E;
    Some(match error {
        E::Keyspace(_) => CONFIGURATION,
        E::Unreachable { .. } | E::Failed(_) => SERVICE,
        E::NotMigrated { .. } | E::Newer { .. } | E::Changed { .. } => UNSAFE,
    })
}

/// The whole of an error in one line.
pub(super) fn line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn the_code_follows_from_the_cause_whatever_was_said_around_it() {
        let of = |error: LogError| {
            code(&Err::<(), _>(error).context("cluster.kafka").context("starting").unwrap_err())
        };
        assert_eq!(of(LogError::Unfit("too few partitions".into())), UNSAFE);
        assert_eq!(of(LogError::Unreachable("nobody answers".into())), SERVICE);
        assert_eq!(code(&anyhow::anyhow!("anything")), OTHER);
        assert_eq!(code(&Refused("not now".into()).into()), UNSAFE);
        let invalid = Invalid(vec!["a.b is empty".into(), "c.d is too large".into()]);
        let error = anyhow::Error::from(invalid);
        assert_eq!(code(&error), CONFIGURATION);
        assert_eq!(line(&error), "a.b is empty; c.d is too large");
    }
}
