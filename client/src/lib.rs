//! The whole chat client, without a window: what the desktop app, the browser bridge and the bot
//! share. It paints from its own database and never waits for the network to do so.
//!
//! [`Client`] answers the calls of [`api`] and tells its subscribers what changed. Inside:
//! [`account`] is everything that is known, in memory and on disk ([`store`]), changed by pure rules
//! ([`sync`]); beside it run a connection (`live`, `link`), a background worker (`worker`) and the
//! task that tells windows (`tell`).

pub mod account;
mod answers;
pub mod api;
mod batches;
mod blocking;
mod blocks;
pub mod connect;
mod desktop;
mod environment;
mod link;
mod live;
pub mod markers;
mod nodes;
mod notification;
pub mod notify;
pub mod outbox;
mod running;
pub mod search;
pub mod secrets;
mod session;
mod sign_in;
pub mod store;
pub mod sync;
mod tell;
pub mod text;
mod typescript;
pub mod view;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

pub use batches::Batches;
pub use blocking::Blocking;
pub use environment::Environment;
pub use typescript::export_types;

use account::Account;
use connect::{Connector, Requests};
use running::Running;
use secrets::Secrets;
use session::{Place, Session};
use store::{Identity, ProfileFile, StoreError, account_folder};
use tell::Subscribers;
use view::{AccountView, AppState, Connection, Notice, Notification};

/// What a client is made of.
pub struct Options {
    /// The folder for everything on disk. One program at a time.
    pub data: PathBuf,
    /// Time, randomness, threads.
    pub environment: Environment,
    /// The network.
    pub connector: Arc<dyn Connector>,
    /// Where refresh tokens are kept.
    pub secrets: Arc<dyn Secrets>,
    /// The service under which they are kept: `kith`, or `kith-NAME` for a profile.
    pub service: String,
    /// What the list of sessions shows: the computer's name, or a bot's.
    pub device_name: String,
    /// `linux`, `macos`, `windows`, `bot`, …
    pub platform: String,
}

/// A chat client. Cheap to clone; all clones are one client.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    environment: Environment,
    connector: Arc<dyn Connector>,
    secrets: Arc<dyn Secrets>,
    service: String,
    device_name: String,
    platform: String,
    profile: Mutex<ProfileFile>,
    work: Mutex<Option<Work>>,
    /// One sign-in or sign-out at a time.
    signing: tokio::sync::Mutex<()>,
    notices: Mutex<Vec<Notice>>,
    subscribers: Subscribers,
    wake: Arc<Notify>,
    /// Something may have to be notified, or not any more.
    alert: Arc<Notify>,
    desktop: desktop::Desktop,
    teller: Mutex<Option<JoinHandle<()>>>,
}

/// The signed-in account and the tasks that work for it.
struct Work {
    running: Arc<Running>,
    tasks: Vec<JoinHandle<()>>,
}

impl Client {
    /// Open what is on disk and begin to work. Needs no network, and a runtime of tokio.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another program has the account open; when the folder cannot be
    /// used.
    pub async fn start(options: Options) -> Result<Self, StoreError> {
        let Options { data, environment, connector, secrets, service, device_name, platform } =
            options;
        let opening = environment.clone();
        let opened = environment
            .blocking
            .run(move || {
                let profile = ProfileFile::open(&data, &opening)?;
                let account = match &profile.profile.account {
                    Some(folder) => {
                        let typing = profile.profile.settings.typing;
                        Account::open(&profile.account_path(folder), None, opening, typing)?
                    }
                    None => None,
                };
                Ok::<_, StoreError>((profile, account))
            })
            .await?;
        let (profile, account) = opened;
        let inner = Arc::new(Inner {
            environment,
            connector,
            secrets,
            service,
            device_name,
            platform,
            profile: Mutex::new(profile),
            work: Mutex::new(None),
            signing: tokio::sync::Mutex::new(()),
            notices: Mutex::new(Vec::new()),
            subscribers: Subscribers::default(),
            wake: Arc::new(Notify::new()),
            alert: Arc::new(Notify::new()),
            desktop: desktop::Desktop::default(),
            teller: Mutex::new(None),
        });
        // A session without a keychain ended with the program.
        if let Some(account) = account.filter(|account| !account.identity().session_only) {
            let session = inner.session(account.identity(), None);
            inner.begin(account, session);
        }
        let teller = tell::tell(Arc::downgrade(&inner), inner.wake.clone());
        *inner.teller.lock() = Some(tokio::spawn(teller));
        inner.wake.notify_one();
        Ok(Self { inner })
    }

    /// Hear what changes from now on. What a subscriber cannot take in time is dropped; then it is
    /// told `State` with the notice `reload`, and has to ask for everything that it shows.
    #[must_use]
    pub fn subscribe(&self) -> mpsc::Receiver<Notification> {
        self.inner.subscribers.add()
    }

    /// The network may be back: try to connect now and not when the back-off ends.
    pub fn network_changed(&self) {
        if let Some(running) = self.inner.running() {
            running.signals.network.notify_one();
        }
    }

    /// End all tasks and close the files. Nothing has to be saved: everything already is.
    pub async fn shutdown(&self) {
        let _one = self.inner.signing.lock().await;
        if let Some(teller) = self.inner.teller.lock().take() {
            teller.abort();
        }
        self.inner.end().await;
    }
}

impl Inner {
    fn running(&self) -> Option<Arc<Running>> {
        self.work.lock().as_ref().map(|work| work.running.clone())
    }

    fn requests(&self, address: &str) -> Requests {
        Requests::new(self.connector.clone(), address)
    }

    fn session(
        &self,
        identity: &Identity,
        tokens: Option<(&protocol::request::Tokens, Place)>,
    ) -> Session {
        let folder = account_folder(&identity.address, identity.person.id);
        let (tokens, place) = match tokens {
            Some((tokens, place)) => (Some(tokens), place),
            None => (None, self.place(folder)),
        };
        let requests = self.requests(&identity.address);
        Session::new(requests, place, identity.person.id, identity.device, tokens)
    }

    fn place(&self, account: String) -> Place {
        Place { secrets: self.secrets.clone(), service: self.service.clone(), account }
    }

    /// Begin to work for an account.
    fn begin(self: &Arc<Self>, account: Account, session: Session) {
        let wake = self.wake.clone();
        let running = Arc::new(Running::new(account, session, self.environment.clone(), wake));
        let inner = Arc::downgrade(self);
        let connecting = running.clone();
        let live = tokio::spawn(async move {
            live::live(connecting.clone()).await;
            // The session is over. What is on disk stays, the outbox above all.
            if let Some(inner) = inner.upgrade() {
                inner.signed_out_elsewhere(&connecting).await;
            }
        });
        let worker = tokio::spawn(worker::work(running.clone()));
        *self.work.lock() = Some(Work { running, tasks: vec![live, worker] });
        self.wake.notify_one();
    }

    /// End the work for the account, and close its files.
    async fn end(&self) {
        let Some(work) = self.work.lock().take() else { return };
        for task in &work.tasks {
            task.abort();
        }
        for task in work.tasks {
            let _ = task.await;
        }
        let running = work.running;
        self.environment.blocking.run(move || drop(running)).await;
        self.wake.notify_one();
    }

    async fn signed_out_elsewhere(&self, ended: &Arc<Running>) {
        // A sign-out that the person asked for ends this task while it waits here.
        let _one = self.signing.lock().await;
        {
            let mut work = self.work.lock();
            if !work.as_ref().is_some_and(|work| Arc::ptr_eq(&work.running, ended)) {
                return;
            }
            if let Some(work) = work.take() {
                // This task is the first of them, and ends by itself.
                work.tasks.iter().skip(1).for_each(JoinHandle::abort);
            }
        }
        if let Err(error) = ended.session.place().forget().await {
            tracing::warn!(%error, "the old refresh token stays in the keychain");
        }
        if let Err(error) = self.set_account(None) {
            tracing::error!(%error, "kith.json still names the account");
        }
        self.add_notices(&["signed_out_elsewhere"]);
        self.wake.notify_one();
    }

    fn set_account(&self, folder: Option<String>) -> Result<(), StoreError> {
        let mut file = self.profile.lock();
        let profile = store::Profile { account: folder, ..file.profile.clone() };
        file.save(profile)
    }

    /// What a window paints first.
    fn state(&self) -> AppState {
        let running = self.running();
        let account = running.as_ref().map(|running| {
            let identity = running.identity();
            AccountView {
                person: account::person_view(&identity.person, true),
                address: identity.address,
                session: identity.session,
                session_only: identity.session_only,
            }
        });
        AppState {
            account,
            connection: running.map_or(Connection::SignedOut, |running| running.connection()),
            settings: self.profile.lock().profile.settings.clone(),
            notices: self.notices.lock().clone(),
            desktop: self.desktop.is_there(),
        }
    }

    fn add_notices(&self, codes: &[&str]) {
        let mut notices = self.notices.lock();
        for code in codes {
            if !notices.iter().any(|notice| notice.code == *code) {
                notices.push(Notice { code: (*code).to_owned() });
            }
        }
    }

    fn notices_told(&self) {
        self.notices.lock().clear();
    }
}
