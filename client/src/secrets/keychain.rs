//! Secrets in the system's keychain. Its calls block, and a locked one may block for ever. So all of
//! them run on one thread that does nothing else, and each is given up on after three seconds: a
//! keychain that hangs holds up that thread and nothing besides.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use keyring::{Entry, Error};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Secrets, SecretsError};

const PATIENCE: Duration = Duration::from_secs(3);
/// So many calls may wait behind one that hangs; more are refused at once.
const QUEUE: usize = 16;

/// Keychain (macOS), Credential Manager (Windows), Secret Service (Linux).
#[derive(Default)]
pub struct KeychainSecrets(Patient);

impl KeychainSecrets {
    async fn with<T: Send + 'static>(
        &self,
        service: &str,
        account: &str,
        work: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, SecretsError> {
        let (service, account) = (service.to_owned(), account.to_owned());
        let answer = self.0.ask(move || work(&Entry::new(&service, &account)?)).await?;
        answer.map_err(|error| SecretsError(error.to_string()))
    }
}

#[async_trait::async_trait]
impl Secrets for KeychainSecrets {
    async fn get(&self, service: &str, account: &str) -> Result<Option<String>, SecretsError> {
        self.with(service, account, |entry| match entry.get_password() {
            Ok(secret) => Ok(Some(secret)),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn put(&self, service: &str, account: &str, secret: &str) -> Result<(), SecretsError> {
        let secret = secret.to_owned();
        self.with(service, account, move |entry| entry.set_password(&secret)).await
    }

    async fn delete(&self, service: &str, account: &str) -> Result<(), SecretsError> {
        self.with(service, account, |entry| match entry.delete_credential() {
            Err(Error::NoEntry) => Ok(()),
            answer => answer,
        })
        .await
    }
}

type Work = Box<dyn FnOnce() + Send>;

/// A thread that may be held up for ever, and whoever asks it is not.
struct Patient {
    work: SyncSender<Work>,
}

impl Default for Patient {
    fn default() -> Self {
        let (work, queue) = sync_channel(QUEUE);
        std::thread::spawn(move || run(&queue));
        Self { work }
    }
}

fn run(queue: &Receiver<Work>) {
    while let Ok(work) = queue.recv() {
        // Whoever asked sees that no answer comes; the next one is answered again.
        let _ = catch_unwind(AssertUnwindSafe(work));
    }
}

impl Patient {
    /// Have something done there. What nobody waits for any more when its turn comes is not done.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, SecretsError> {
        let (answer, answered) = oneshot::channel();
        let work = Box::new(move || {
            if !answer.is_closed() {
                let _ = answer.send(work());
            }
        });
        self.work.try_send(work).map_err(|_| silent())?;
        match timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(SecretsError("it broke off".into())),
            Err(_) => Err(silent()),
        }
    }
}

fn silent() -> SecretsError {
    SecretsError("it does not answer".into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_is_done_there_is_answered_also_after_something_broke() {
        let patient = Patient::default();
        assert_eq!(patient.ask(|| 1).await.unwrap(), 1);
        let broken = patient.ask(|| std::panic::resume_unwind(Box::new("as it should"))).await;
        assert!(broken.map(|(): ()| ()).unwrap_err().0.contains("broke"));
        assert_eq!(patient.ask(|| 2).await.unwrap(), 2);
    }

    // Waiting is paused time here: it passes at once, as the thread does not answer.
    #[tokio::test(start_paused = true)]
    async fn row_46_a_keychain_that_hangs_is_given_up_on_and_holds_one_thread_at_most() {
        let patient = Patient::default();
        let (release, held) = sync_channel::<()>(0);
        let (begin, begun) = sync_channel::<()>(0);
        // No time passes while something blocks, so none does before the thread is held.
        let held_up = tokio::task::spawn_blocking(move || begun.recv());
        let began = tokio::time::Instant::now();
        let hung = patient.ask(move || begin.send(()).is_ok() && held.recv().is_ok()).await;
        held_up.await.unwrap().unwrap();
        assert!(hung.unwrap_err().0.contains("does not answer"));
        assert_eq!(began.elapsed().as_secs(), PATIENCE.as_secs());

        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..QUEUE * 4 {
            let count = done.clone();
            let asked = patient.ask(move || count.fetch_add(1, Ordering::SeqCst)).await;
            assert!(asked.is_err(), "nothing is answered while it hangs");
        }
        // It answers again, and does nothing that nobody waits for any more.
        tokio::time::resume();
        release.send(()).unwrap();
        while patient.ask(|| ()).await.is_err() {}
        assert_eq!(done.load(Ordering::SeqCst), 0);
    }
}
