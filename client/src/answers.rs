//! The answers to the calls of [`crate::api`]. Each checks its own arguments; none waits for the
//! network unless only the server can answer it.

use http::Method;
use protocol::request::{
    About, ChangePassword, ChangeProfile, Me, People as Found, Sessions as SessionList,
};
use protocol::{Code, Command, ConversationId};
use tokio::time::{Instant, timeout};

use crate::account::{Account, ComposeError, person_view};
use crate::api::{
    AddMembers, Answers, CallCode, CallError, ChangePasswordArgs, ChangeProfileArgs, CheckServer,
    ConversationRef, CreateGroup, EditMessage, FindPeople, InConversation, LoadRows, MarkRead,
    Nothing, OneMember, OneMessage, OnePending, OneSession, OpenConversation, Pin, React,
    RegisterArgs, RenameGroup, SaveDraft, Search, SendMessage, Sent, SetRole, SignInArgs,
    WithPerson,
};
use crate::api::{MuteConversation, TakenTarget};
use crate::connect::{RequestError, complete_address};
use crate::notify::Looking;
use crate::session::SessionError;
use crate::sign_in::{refused, signed_out};
use crate::store::{Draft, Profile, StoreError};
use crate::view::{
    AppState, ConversationDetails, ConversationList, MessageReaders, People, PersonView,
    SearchResults, ServerInfo, SessionView, Sessions, Settings, Timeline,
};
use crate::worker::all_markers;
use crate::{Client, running::Running};

/// A server that is typed in has to answer in this time.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// Longest query for people, in bytes.
const QUERY_BYTES: usize = 512;

type Answer<T> = Result<T, CallError>;

impl Client {
    fn signed_in(&self) -> Answer<std::sync::Arc<Running>> {
        self.inner.running().ok_or_else(signed_out)
    }

    /// Do something that goes through the outbox or beside it.
    async fn compose<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Account) -> Result<T, ComposeError> + Send + 'static,
    ) -> Answer<T> {
        Ok(self.signed_in()?.with(work).await?)
    }

    async fn submit(&self, id: ConversationId, command: Command) -> Answer<Nothing> {
        self.compose(move |account| account.submit(id, command)).await?;
        Ok(Nothing {})
    }

    async fn stored<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Account) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T> {
        Ok(self.signed_in()?.with(work).await?)
    }
}

#[async_trait::async_trait]
impl Answers for Client {
    async fn get_state(&self, _: Nothing) -> Answer<AppState> {
        Ok(self.inner.state())
    }

    async fn check_server(&self, args: CheckServer) -> Answer<ServerInfo> {
        let address = complete_address(&args.address)
            .map_err(|error| CallError::new(CallCode::NotAServer, error.to_string()))?;
        let began = Instant::now();
        let requests = self.inner.requests(&address);
        let about = requests.ask(Method::GET, "/v1/about", None, None::<&()>);
        let about: About = timeout(PATIENCE, about)
            .await
            .map_err(|_| CallError::new(CallCode::Offline, "no answer"))??;
        if !about.protocol.contains(&protocol::VERSION) {
            return Err(refused(Code::UnsupportedVersion));
        }
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(ServerInfo { address, name: about.name, registration: about.registration, millis })
    }

    async fn register(&self, args: RegisterArgs) -> Answer<AppState> {
        self.register_account(args).await
    }

    async fn sign_in(&self, args: SignInArgs) -> Answer<AppState> {
        self.sign_in_account(args).await
    }

    async fn sign_out(&self, _: Nothing) -> Answer<AppState> {
        self.sign_out_account().await
    }

    async fn list_conversations(&self, _: Nothing) -> Answer<ConversationList> {
        self.stored(Account::list).await
    }

    async fn open_conversation(&self, args: OpenConversation) -> Answer<Timeline> {
        let opened = self.stored(move |a| a.open_window(args.conversation, args.at)).await?;
        opened.ok_or_else(|| refused(Code::NoConversation))
    }

    async fn load_rows(&self, args: LoadRows) -> Answer<Timeline> {
        if args.before.is_some() == args.after.is_some() {
            return Err(CallError::new(CallCode::BadCall, "exactly one of before and after"));
        }
        let load = move |a: &mut Account| a.load_rows(args.conversation, args.before, args.after);
        self.stored(load).await?.ok_or_else(|| refused(Code::NoConversation))
    }

    async fn close_conversation(&self, args: InConversation) -> Answer<Nothing> {
        self.stored(move |account| {
            account.close_window(args.conversation);
            Ok(Nothing {})
        })
        .await
    }

    async fn open_direct(&self, args: WithPerson) -> Answer<ConversationRef> {
        let conversation = self.compose(move |account| account.open_direct(args.user)).await?;
        Ok(ConversationRef { conversation })
    }

    async fn send_message(&self, args: SendMessage) -> Answer<Sent> {
        let send = move |a: &mut Account| a.send(args.conversation, args.text, args.reply_to);
        Ok(Sent { client_ref: self.compose(send).await? })
    }

    async fn edit_message(&self, args: EditMessage) -> Answer<Nothing> {
        let EditMessage { conversation, seq, client_ref, text } = args;
        match (seq, client_ref) {
            (Some(target), None) => self.submit(conversation, Command::Edit { target, text }).await,
            (None, Some(queued)) => {
                self.compose(move |a| a.edit_queued(conversation, queued, text)).await?;
                Ok(Nothing {})
            }
            _ => Err(CallError::new(CallCode::BadCall, "exactly one of seq and client_ref")),
        }
    }

    async fn delete_message(&self, args: OneMessage) -> Answer<Nothing> {
        self.submit(args.conversation, Command::Delete { target: args.seq }).await
    }

    async fn react(&self, args: React) -> Answer<Nothing> {
        let React { conversation, seq: target, emoji, on } = args;
        self.submit(conversation, Command::React { target, emoji, on }).await
    }

    async fn pin(&self, args: Pin) -> Answer<Nothing> {
        self.submit(args.conversation, Command::Pin { target: args.seq, on: args.on }).await
    }

    async fn cancel_pending(&self, args: OnePending) -> Answer<Nothing> {
        self.compose(move |account| account.cancel(args.conversation, args.client_ref)).await?;
        Ok(Nothing {})
    }

    async fn retry_pending(&self, args: OnePending) -> Answer<Sent> {
        let retry = move |a: &mut Account| a.retry(args.conversation, args.client_ref);
        Ok(Sent { client_ref: self.compose(retry).await? })
    }

    async fn save_draft(&self, args: SaveDraft) -> Answer<Nothing> {
        let SaveDraft { conversation, text, reply_to } = args;
        let draft = (!text.is_empty() || reply_to.is_some()).then_some(Draft { text, reply_to });
        self.compose(move |account| account.save_draft(conversation, draft)).await?;
        Ok(Nothing {})
    }

    async fn mark_read(&self, args: MarkRead) -> Answer<Nothing> {
        self.compose(move |account| account.mark_read(args.conversation, args.seq)).await?;
        Ok(Nothing {})
    }

    async fn typing(&self, args: InConversation) -> Answer<Nothing> {
        let running = self.signed_in()?;
        if running.is_online() {
            let now = Instant::now();
            running.look(move |account| account.is_typing(args.conversation, now)).await;
            running.signals.outgoing.notify_one();
        }
        Ok(Nothing {})
    }

    async fn create_group(&self, args: CreateGroup) -> Answer<ConversationRef> {
        let create = move |a: &mut Account| a.create_group(args.title, args.members);
        Ok(ConversationRef { conversation: self.compose(create).await? })
    }

    async fn rename_group(&self, args: RenameGroup) -> Answer<Nothing> {
        self.submit(args.conversation, Command::Rename { title: args.title }).await
    }

    async fn add_members(&self, args: AddMembers) -> Answer<Nothing> {
        self.compose(move |account| account.add_members(args.conversation, args.users)).await?;
        Ok(Nothing {})
    }

    async fn remove_member(&self, args: OneMember) -> Answer<Nothing> {
        self.submit(args.conversation, Command::Remove { user: args.user }).await
    }

    async fn set_role(&self, args: SetRole) -> Answer<Nothing> {
        self.submit(args.conversation, Command::Role { user: args.user, role: args.role }).await
    }

    async fn leave_group(&self, args: InConversation) -> Answer<Nothing> {
        self.submit(args.conversation, Command::Leave {}).await
    }

    async fn mute_conversation(&self, args: MuteConversation) -> Answer<Nothing> {
        let MuteConversation { conversation, until } = args;
        if until.is_some_and(|until| !(0..1 << 53).contains(&until)) {
            return Err(CallError::new(CallCode::BadCall, "no such time"));
        }
        self.compose(move |account| account.mute(conversation, until)).await?;
        Ok(Nothing {})
    }

    async fn conversation_details(&self, args: InConversation) -> Answer<ConversationDetails> {
        let details = self.stored(move |a| a.look_at_details(args.conversation)).await?;
        details.ok_or_else(|| refused(Code::NoConversation))
    }

    async fn message_readers(&self, args: OneMessage) -> Answer<MessageReaders> {
        let running = self.signed_in()?;
        let OneMessage { conversation, seq } = args;
        if let Some(readers) = running.look(move |a| a.readers(conversation, seq)).await {
            return Ok(readers);
        }
        let markers = all_markers(&running, conversation).await?;
        let sort = move |account: &mut Account| {
            let seen = markers.iter().map(|m| (m.user, m.delivered.max(m.read), m.read));
            account.sort_readers(seq, seen)
        };
        Ok(running.look(sort).await)
    }

    async fn search(&self, args: Search) -> Answer<SearchResults> {
        let Search { query, conversation, before } = args;
        let before = before.map(|id| id.parse()).transpose();
        let before =
            before.map_err(|_| CallError::new(CallCode::BadCall, "`before` is no `more`"))?;
        let now = Instant::now();
        let found = self.stored(move |a| a.search(&query, conversation, before, now)).await?;
        found.ok_or_else(|| refused(Code::NoConversation))
    }

    async fn find_people(&self, args: FindPeople) -> Answer<People> {
        let running = self.signed_in()?;
        let query = args.query.trim().to_owned();
        if query.len() > QUERY_BYTES {
            return Err(refused(Code::TooLarge));
        }
        if query.is_empty() {
            return Ok(People { people: Vec::new() });
        }
        let path = format!("/v1/people?query={}", percent_encode(&query));
        match running.session.get::<Found>(&path).await {
            Ok(found) => {
                let remember = move |account: &mut Account| {
                    account.remember(&found.people)?;
                    let people = found.people.iter().map(|p| account.people().view(p.id));
                    Ok::<_, StoreError>(People { people: people.collect() })
                };
                Ok(running.with(remember).await?)
            }
            Err(SessionError::Request(RequestError::Lost(_))) => {
                let people = running.look(move |account| account.people().find(&query)).await;
                Ok(People { people })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn change_profile(&self, args: ChangeProfileArgs) -> Answer<PersonView> {
        let running = self.signed_in()?;
        if let Some(name) = &args.display_name {
            protocol::name::check_title(name).map_err(refused)?;
        }
        let body = ChangeProfile { display_name: args.display_name, about: args.about };
        let me: Me = running.session.ask(Method::PATCH, "/v1/me", Some(&body)).await?;
        let person = me.person.clone();
        running.with(move |account| account.set_me(me.person, me.version)).await?;
        Ok(person_view(&person, true))
    }

    async fn change_password(&self, args: ChangePasswordArgs) -> Answer<Nothing> {
        let body = ChangePassword { old: args.old, new: args.new };
        let session = &self.signed_in()?.session;
        let _: serde_json::Value =
            session.ask(Method::POST, "/v1/me/password", Some(&body)).await?;
        Ok(Nothing {})
    }

    async fn list_sessions(&self, _: Nothing) -> Answer<Sessions> {
        let list: SessionList = self.signed_in()?.session.get("/v1/sessions").await?;
        let sessions = list.sessions.into_iter().map(|session| SessionView {
            id: session.id,
            device: session.device.name,
            platform: session.device.platform,
            used: session.used,
            current: session.current,
        });
        Ok(Sessions { sessions: sessions.collect() })
    }

    async fn end_session(&self, args: OneSession) -> Answer<Nothing> {
        let path = format!("/v1/sessions/{}", args.session);
        let session = &self.signed_in()?.session;
        let _: serde_json::Value = session.ask(Method::DELETE, &path, None::<&()>).await?;
        Ok(Nothing {})
    }

    async fn change_settings(&self, settings: Settings) -> Answer<Settings> {
        if settings.language.len() > 35 {
            return Err(CallError::new(CallCode::BadCall, "no language has so long a name"));
        }
        {
            let mut file = self.inner.profile.lock();
            let profile = Profile { settings: settings.clone(), ..file.profile.clone() };
            file.save(profile)?;
        }
        if let Some(running) = self.inner.running() {
            let typing = settings.typing;
            running.look(move |account| account.set_show_typing(typing)).await;
        }
        self.inner.wake.notify_one();
        Ok(settings)
    }

    async fn looks_at(&self, looking: Looking) -> Answer<Nothing> {
        Self::looks_at(self, looking);
        Ok(Nothing {})
    }

    async fn take_target(&self, _: Nothing) -> Answer<TakenTarget> {
        Ok(TakenTarget { target: self.inner.take_target().await })
    }

    async fn quit(&self, _: Nothing) -> Answer<Nothing> {
        match self.inner.desktop.quit() {
            true => Ok(Nothing {}),
            false => Err(CallError::new(CallCode::BadCall, "there is no window to end")),
        }
    }
}

fn percent_encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
