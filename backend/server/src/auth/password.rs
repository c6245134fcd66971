//! Passwords: argon2id behind a semaphore. A hash takes 19 MiB and some ten milliseconds of a core,
//! so only a few are computed at a time, some more may wait, and the rest is told to come again.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use protocol::{Code, limits};
use storage::Blocking;
use tokio::sync::Semaphore;

use crate::config;
use crate::environment::Environment;
use crate::http::Error;

/// Where passwords are hashed and checked.
#[derive(Debug)]
pub(crate) struct Passwords {
    /// One for each hash that is computed.
    computing: Arc<Semaphore>,
    /// One for each hash that is computed or waits for it.
    places: Arc<Semaphore>,
    params: Params,
    /// Checked when there is nothing to check against, so that this takes as long.
    nobody: String,
    blocking: Blocking,
}

impl Passwords {
    /// # Errors
    /// When argon2 does not take the parameters.
    pub(crate) fn new(config: &config::Auth, environment: &Environment) -> anyhow::Result<Self> {
        let params =
            Params::new(config.hash_memory_kib, config.hash_passes, 1, None).map_err(|error| {
                anyhow::anyhow!("auth.hash_memory_kib or auth.hash_passes: {error}")
            })?;
        let nobody = format!(
            "$argon2id$v=19$m={},t={},p=1${}${}",
            config.hash_memory_kib,
            config.hash_passes,
            STANDARD_NO_PAD.encode(environment.bytes::<16>()),
            // No password is known that gives this hash, and none will be found.
            STANDARD_NO_PAD.encode(environment.bytes::<32>()),
        );
        Ok(Self {
            computing: Arc::new(Semaphore::new(config.hashes_at_once)),
            places: Arc::new(Semaphore::new(config.hashes_at_once + config.hashes_waiting)),
            params,
            nobody,
            blocking: environment.blocking,
        })
    }

    /// The PHC string of a password.
    ///
    /// # Errors
    /// `busy` when too many wait already.
    pub(crate) async fn hash(&self, password: String, salt: [u8; 16]) -> Result<String, Error> {
        let argon2 = self.argon2();
        self.run(move || {
            let hash: Result<PasswordHash, _> =
                argon2.hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(Error::internal)
        })
        .await?
    }

    /// Whether it is the password that `hash` was made of. Takes the same time, and answers no, for
    /// somebody who does not exist or has no password.
    ///
    /// # Errors
    /// `busy` when too many wait already.
    pub(crate) async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, Error> {
        let argon2 = self.argon2();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        self.run(move || {
            let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
            Ok(argon2.verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await?
    }

    fn argon2(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Error::busy())?;
        let computing = self.computing.clone().acquire_owned().await.map_err(Error::internal)?;
        // The permits go along: whoever hangs up while the hash is computed frees no place by that.
        let work = move || {
            let _held = (place, computing);
            work()
        };
        Ok(self.blocking.run(work).await)
    }
}

/// Whether this can be somebody's password.
///
/// # Errors
/// `bad_password`.
pub(crate) fn check(password: &str) -> Result<(), Error> {
    if password.len() > limits::PASSWORD_MAX_BYTES
        || password.chars().count() < limits::PASSWORD_MIN
        || password.contains('\0')
    {
        let title = "A password has 8 characters to 1,024 bytes and no NUL.";
        return Err(Error::new(Code::BadPassword, title));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(at_once: usize, waiting: usize) -> Passwords {
        let config = config::Auth {
            hash_memory_kib: 8,
            hash_passes: 1,
            hashes_at_once: at_once,
            hashes_waiting: waiting,
            ..config::Auth::default()
        };
        Passwords::new(&config, &Environment::simulated(Arc::new(|| 0), 1)).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_another_is_not() {
        let passwords = passwords(1, 0);
        let hash = passwords.hash("correct horse".into(), [7; 16]).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct hors".into(), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn row_32_nobodys_password_is_checked_with_the_same_cost_and_never_right() {
        let passwords = passwords(1, 0);
        let hash = passwords.hash("correct horse".into(), [7; 16]).await.unwrap();
        let (real, nobody) =
            (PasswordHash::new(&hash).unwrap(), PasswordHash::new(&passwords.nobody).unwrap());
        assert_eq!(Params::try_from(&real).unwrap(), Params::try_from(&nobody).unwrap());
        assert!(!passwords.verify("correct horse".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn row_31_beyond_those_who_may_wait_the_answer_is_busy() {
        let passwords = passwords(1, 1);
        let held = passwords.computing.clone().acquire_owned().await.unwrap();
        let waiting = passwords.verify("correct horse".into(), None);
        tokio::pin!(waiting);
        // The first poll of the first one takes the only place there is to wait.
        let place = passwords.places.clone().try_acquire_owned().unwrap();
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        let refused = passwords.verify("correct horse".into(), None).await.unwrap_err();
        assert_eq!(refused.code(), Code::Busy);
        drop((held, place));
        assert!(!waiting.await.unwrap());
    }

    #[test]
    fn row_31_a_short_long_or_cut_password_is_refused() {
        let of = |password: &str| check(password).map_err(|error| error.code());
        for bad in ["", "1234567", "12345678\0", &"x".repeat(1_025), &"x".repeat(1024 * 1024)] {
            assert_eq!(of(bad), Err(Code::BadPassword));
        }
        for good in ["12345678", "🐎🐎🐎🐎🐎🐎🐎🐎", &"x".repeat(1_024), "        "]
        {
            assert_eq!(of(good), Ok(()));
        }
    }
}
