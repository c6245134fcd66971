//! Making accounts, signing in, and changing passwords.
//!
//! A wrong name and a wrong password cost the same time and get the same answer, so that nobody
//! learns here who has an account.

use protocol::name::{account_name, check_title};
use protocol::request::{ChangePassword, Device, Register, SignIn, Tokens};
use protocol::{Code, UserId};
use storage::{Credentials, NewAccount, SessionRow};

use crate::auth::{Auth, Principal, password};
use crate::config::Registration;
use crate::http::{ClientAddress, Error};

impl Auth {
    /// Make an account and sign in to it.
    ///
    /// # Errors
    /// `registration_closed`, `slow_down`, `busy`, `name_taken`, and what is wrong with a field.
    pub async fn register(&self, asked: Register, from: ClientAddress) -> Result<Tokens, Error> {
        if self.inner.registration == Registration::Closed {
            let title = "This server takes no new accounts.";
            return Err(Error::new(Code::RegistrationClosed, title));
        }
        let named = |code| Error::new(code, "An account cannot have this name.");
        let name = account_name(&asked.name).map_err(named)?;
        let display_name = match asked.display_name {
            empty if empty.is_empty() => name.clone(),
            given => check_title(&given).map(|()| given).map_err(shown)?,
        };
        password::check(&asked.password)?;
        check_device(&asked.device)?;
        self.take_address(from)?;
        let environment = &self.inner.environment;
        let hash = self.inner.passwords.hash(asked.password, environment.bytes()).await?;
        let account = NewAccount {
            id: UserId(environment.id()),
            name,
            display_name,
            password_hash: Some(hash),
            at: environment.now(),
        };
        let (user, detail) = (account.id, format!("{} from {}", account.name, from.0));
        self.inner.accounts.create(vec![account]).await?;
        self.audit(Some(user), "registered", &detail).await?;
        self.begin(user, asked.device).await
    }

    /// Sign in: begin a session. An earlier one of the same device ends.
    ///
    /// # Errors
    /// `wrong_password` (also for a name that nobody has), `slow_down`, `busy`, and what is wrong
    /// with a field.
    pub async fn sign_in(&self, asked: SignIn, from: ClientAddress) -> Result<Tokens, Error> {
        password::check(&asked.password)?;
        check_device(&asked.device)?;
        // A name that cannot be had is nobody's.
        let name = account_name(&asked.name).ok();
        let key = (name.clone().unwrap_or_default(), from.counted());
        self.take_address(from)?;
        self.take_name(&key)?;
        let known = match &name {
            Some(name) => self.inner.accounts.credentials(name).await?,
            None => None,
        };
        let user = known.as_ref().map(|known| known.user);
        let right = self.verify(known, asked.password).await?;
        let Some(user) = user.filter(|_| right) else {
            // What cannot be a name may be a password typed into the wrong field.
            let detail = format!("{} from {}", name.as_deref().unwrap_or("?"), from.0);
            self.audit(user, "sign_in_failed", &detail).await?;
            return Err(wrong_password());
        };
        self.inner.by_name.forget(&key);
        let detail = format!("{} from {}", asked.device.id, from.0);
        self.audit(Some(user), "signed_in", &detail).await?;
        self.begin(user, asked.device).await
    }

    /// Give the account another password and end all its other sessions.
    ///
    /// # Errors
    /// `wrong_password`, `bad_password`, `slow_down`, `busy`.
    pub async fn change_password(
        &self,
        who: Principal,
        asked: ChangePassword,
        from: ClientAddress,
    ) -> Result<(), Error> {
        password::check(&asked.new)?;
        let key = (who.user.to_string(), from.counted());
        self.take_name(&key)?;
        let known = self.inner.accounts.credentials_of(who.user).await?;
        if !self.verify(known, asked.old).await? {
            self.audit(Some(who.user), "password_change_failed", &from.0.to_string()).await?;
            return Err(wrong_password());
        }
        self.inner.by_name.forget(&key);
        let hash = self.inner.passwords.hash(asked.new, self.inner.environment.bytes()).await?;
        let now = self.inner.environment.now();
        self.inner.accounts.set_password(who.user, hash, who.session, now).await?;
        self.audit(Some(who.user), "password_changed", &from.0.to_string()).await
    }

    /// The store only ever has hashes that this server made, or none.
    async fn verify(&self, known: Option<Credentials>, password: String) -> Result<bool, Error> {
        let hash = known.and_then(|known| known.password_hash);
        self.inner.passwords.verify(password, hash).await
    }

    /// Begin a session of this person on this device.
    pub(crate) async fn begin(&self, user: UserId, device: Device) -> Result<Tokens, Error> {
        let environment = &self.inner.environment;
        let (session, now) = (environment.id().into(), environment.now());
        let tokens = self.tokens(user, session, device.id, 1);
        let row = SessionRow {
            id: session,
            user,
            device,
            created: now,
            used: now,
            generation: 1,
            ended: false,
        };
        self.inner.sessions.begin(row).await?;
        Ok(tokens)
    }

    fn take_address(&self, from: ClientAddress) -> Result<(), Error> {
        let now = self.inner.environment.now();
        self.inner.by_address.take(from.counted(), now).map_err(Error::slow_down)
    }

    fn take_name(&self, key: &(String, std::net::IpAddr)) -> Result<(), Error> {
        let now = self.inner.environment.now();
        self.inner.by_name.take(key.clone(), now).map_err(Error::slow_down)
    }
}

fn wrong_password() -> Error {
    Error::new(Code::WrongPassword, "Name and password do not match.")
}

fn shown(code: Code) -> Error {
    Error::new(code, "A name to show has 1 to 128 visible characters.")
}

/// Whether an app may sign in under this description.
fn check_device(device: &Device) -> Result<(), Error> {
    if device.id.0.get_version_num() != 7 {
        return Err(Error::new(Code::BadValue, "`device.id` must be a UUIDv7."));
    }
    let platform = &device.platform;
    if !(1..=32).contains(&platform.len()) || !platform.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::new(Code::BadValue, "`device.platform` has 1 to 32 ASCII characters."));
    }
    let refused = |code| Error::new(code, "`device.name` has 1 to 128 visible characters.");
    check_title(&device.name).map_err(refused)
}
