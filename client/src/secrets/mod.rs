//! Where refresh tokens are kept. Never silently in plain text: without a keychain the person
//! chooses a session that ends with the app, and only programs that say so use a file.

mod file;
#[cfg(feature = "keyring")]
mod keychain;

use std::collections::BTreeMap;

use parking_lot::Mutex;

pub use file::FileSecrets;
#[cfg(feature = "keyring")]
pub use keychain::KeychainSecrets;

/// A keeper of secrets, each under a service and an account.
#[async_trait::async_trait]
pub trait Secrets: Send + Sync {
    /// The secret, if there is one.
    ///
    /// # Errors
    /// [`SecretsError`] within a few seconds, also when a keychain hangs.
    async fn get(&self, service: &str, account: &str) -> Result<Option<String>, SecretsError>;

    /// Keep a secret in place of the one before. It is kept when this returns.
    ///
    /// # Errors
    /// [`SecretsError`].
    async fn put(&self, service: &str, account: &str, secret: &str) -> Result<(), SecretsError>;

    /// Forget a secret; it is no error when there is none.
    ///
    /// # Errors
    /// [`SecretsError`].
    async fn delete(&self, service: &str, account: &str) -> Result<(), SecretsError>;
}

/// There is no usable keychain: it is absent, locked, denied, hangs, or cannot be written.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no usable keychain: {0}")]
pub struct SecretsError(pub String);

/// Secrets that end with the program.
#[derive(Default)]
pub struct MemorySecrets(Mutex<BTreeMap<(String, String), String>>);

#[async_trait::async_trait]
impl Secrets for MemorySecrets {
    async fn get(&self, service: &str, account: &str) -> Result<Option<String>, SecretsError> {
        Ok(self.0.lock().get(&(service.to_owned(), account.to_owned())).cloned())
    }

    async fn put(&self, service: &str, account: &str, secret: &str) -> Result<(), SecretsError> {
        self.0.lock().insert((service.to_owned(), account.to_owned()), secret.to_owned());
        Ok(())
    }

    async fn delete(&self, service: &str, account: &str) -> Result<(), SecretsError> {
        self.0.lock().remove(&(service.to_owned(), account.to_owned()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every keeper does.
    async fn contract(secrets: &dyn Secrets) {
        assert_eq!(secrets.get("kith", "ada").await.unwrap(), None);
        secrets.put("kith", "ada", "one").await.unwrap();
        secrets.put("kith", "ada", "two").await.unwrap();
        secrets.put("kith-work", "ada", "other").await.unwrap();
        assert_eq!(secrets.get("kith", "ada").await.unwrap().as_deref(), Some("two"));
        secrets.delete("kith", "ada").await.unwrap();
        secrets.delete("kith", "ada").await.unwrap();
        assert_eq!(secrets.get("kith", "ada").await.unwrap(), None);
        assert_eq!(secrets.get("kith-work", "ada").await.unwrap().as_deref(), Some("other"));
    }

    #[tokio::test]
    async fn memory_and_file_keep_secrets_alike() {
        contract(&MemorySecrets::default()).await;
        let folder = tempfile::tempdir().unwrap();
        contract(&FileSecrets::new(folder.path().join("secrets.json"))).await;
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_else_can_read_the_file_and_a_new_start_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        FileSecrets::new(&path).put("kith", "ada", "token").await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = FileSecrets::new(&path).get("kith", "ada").await.unwrap();
        assert_eq!(again.as_deref(), Some("token"));
    }
}
