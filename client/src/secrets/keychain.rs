//! Secrets in the system's keychain. Its calls block, and a locked one may block for ever, so each
//! runs on a thread of its own and is given up on after three seconds.

use std::time::Duration;

use keyring::{Entry, Error};

use super::{Secrets, SecretsError};

const PATIENCE: Duration = Duration::from_secs(3);

/// Keychain (macOS), Credential Manager (Windows), Secret Service (Linux).
#[derive(Default)]
pub struct KeychainSecrets;

impl KeychainSecrets {
    async fn with<T: Send + 'static>(
        service: &str,
        account: &str,
        work: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, SecretsError> {
        let (service, account) = (service.to_owned(), account.to_owned());
        let work = tokio::task::spawn_blocking(move || work(&Entry::new(&service, &account)?));
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(answer)) => answer.map_err(|error| SecretsError(error.to_string())),
            Ok(Err(error)) => Err(SecretsError(error.to_string())),
            Err(_) => Err(SecretsError("it does not answer".into())),
        }
    }
}

#[async_trait::async_trait]
impl Secrets for KeychainSecrets {
    async fn get(&self, service: &str, account: &str) -> Result<Option<String>, SecretsError> {
        Self::with(service, account, |entry| match entry.get_password() {
            Ok(secret) => Ok(Some(secret)),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn put(&self, service: &str, account: &str, secret: &str) -> Result<(), SecretsError> {
        let secret = secret.to_owned();
        Self::with(service, account, move |entry| entry.set_password(&secret)).await
    }

    async fn delete(&self, service: &str, account: &str) -> Result<(), SecretsError> {
        Self::with(service, account, |entry| match entry.delete_credential() {
            Err(Error::NoEntry) => Ok(()),
            answer => answer,
        })
        .await
    }
}
