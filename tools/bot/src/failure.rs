//! Why a command failed: a stable code for programs, words for people, and an exit code.

use std::fmt;
use std::process::ExitCode;

use client::api::{CallCode, CallError};
use client::store::StoreError;
use protocol::Code;

/// What a script does about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Something on this machine: files, arguments that do not fit, standard output.
    Local = 1,
    /// The answer is no; it will be the same the next time.
    Refused = 3,
    /// Nobody is signed in (any more).
    SignIn = 4,
    /// The server could not be reached or did not answer in time: try again later.
    Later = 5,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: String,
    detail: String,
    exit: Exit,
}

impl Failure {
    /// Something on this machine.
    pub(crate) fn local(code: &str, detail: impl Into<String>) -> Self {
        Self { code: code.to_owned(), detail: detail.into(), exit: Exit::Local }
    }

    /// The answer is no.
    pub(crate) fn refused(code: Code, detail: impl Into<String>) -> Self {
        Self { code: code.as_str().to_owned(), detail: detail.into(), exit: server(code) }
    }

    /// Nobody is signed in.
    pub(crate) fn signed_out(detail: impl Into<String>) -> Self {
        Self { code: "signed_out".into(), detail: detail.into(), exit: Exit::SignIn }
    }

    /// Not in time; what was written waits in the outbox.
    pub(crate) fn later(code: &str, detail: impl Into<String>) -> Self {
        Self { code: code.to_owned(), detail: detail.into(), exit: Exit::Later }
    }

    /// The exit code of the program.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }
}

fn server(code: Code) -> Exit {
    match code {
        Code::SlowDown | Code::Busy | Code::Stopping => Exit::Later,
        Code::Unauthorized | Code::TokenExpired | Code::SessionEnded => Exit::SignIn,
        _ => Exit::Refused,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let exit = match error.code {
            CallCode::BadCall | CallCode::Storage | CallCode::NoKeychain | CallCode::TooLate => {
                Exit::Local
            }
            CallCode::SignedOut => Exit::SignIn,
            CallCode::Offline | CallCode::NotAServer => Exit::Later,
            CallCode::Server(code) => server(code),
        };
        // Every code is a string when it crosses.
        let code = serde_json::to_value(error.code).unwrap_or_default();
        let code = code.as_str().unwrap_or("unknown").to_owned();
        Self { code, detail: error.detail, exit }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InUse => Self::local(
                "in_use",
                "another program uses this account's folder; --data gives this one another",
            ),
            other => Self::local("storage", other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_begins_with_its_code_and_says_what_a_script_can_do() {
        for (code, text, exit) in [
            (CallCode::Server(Code::NoPerson), "no_person", Exit::Refused),
            (CallCode::Server(Code::SlowDown), "slow_down", Exit::Later),
            (CallCode::Server(Code::SessionEnded), "session_ended", Exit::SignIn),
            (CallCode::SignedOut, "signed_out", Exit::SignIn),
            (CallCode::Offline, "offline", Exit::Later),
            (CallCode::Storage, "storage", Exit::Local),
        ] {
            let failure = Failure::from(CallError::new(code, "why"));
            assert_eq!(failure.to_string(), format!("{text}: why"));
            assert_eq!(failure.exit, exit);
        }
        assert_eq!(Failure::from(StoreError::InUse).exit, Exit::Local);
    }
}
