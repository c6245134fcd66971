//! The one table of what a UI can ask of the client. Each call is listed once; from it come the
//! [`Call`] enum, [`dispatch`] and the TypeScript type that makes `call("send_message", args)` typed.

use protocol::model::Role;
use protocol::{ClientRef, Code, ConversationId, SessionId, UserId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::notify::Looking;
use crate::view::Target;
use crate::view::{
    AppState, ConversationDetails, ConversationList, MessageReaders, People, PersonView,
    SearchResults, ServerInfo, Sessions, Settings, Timeline,
};

/// Why a call failed. The UI compares `code` and never shows `detail` to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CallError {
    /// What went wrong.
    pub code: CallCode,
    /// For logs and developers.
    pub detail: String,
    /// When to try again, in milliseconds, if that will help.
    #[ts(type = "number | null")]
    pub retry_after_ms: Option<u64>,
}

/// The codes of failed calls: the client's own, or the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CallCode {
    /// No such call, or arguments that are not of its form.
    BadCall,
    /// Nobody is signed in.
    SignedOut,
    /// The server cannot be reached, and the call needs it.
    Offline,
    /// What answers at the address is not a Kith server.
    NotAServer,
    /// The message was handed to a connection already; edit or delete it instead.
    TooLate,
    /// There is no usable keychain and the person has not chosen a session-only sign-in.
    NoKeychain,
    /// The client's own files cannot be used: full disk, read-only folder.
    Storage,
    /// The server's answer.
    #[serde(untagged)]
    Server(Code),
}

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($args:ty) -> $result:ty;)*) => {
        /// A call with its arguments, as it crosses: `{"call": name, "args": {…}}`.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(tag = "call", content = "args", rename_all = "snake_case")]
        #[allow(non_camel_case_types, clippy::large_enum_variant)]
        pub enum Call { $($(#[$doc])* $name($args),)* }

        /// The names of all calls, for documents and tests.
        pub const CALLS: &[&str] = &[$(stringify!($name)),*];

        /// What answers the calls: the client, or a stand-in in the tests of a bridge.
        #[async_trait::async_trait]
        pub trait Answers: Send + Sync {
            $($(#[$doc])* async fn $name(&self, args: $args) -> Result<$result, CallError>;)*
        }

        /// Answer one call. Arguments that do not fit are [`CallCode::BadCall`]; each call checks
        /// the rest of its own arguments.
        ///
        /// # Errors
        /// What the call says.
        pub async fn dispatch(
            to: &dyn Answers,
            name: &str,
            args: serde_json::Value,
        ) -> Result<serde_json::Value, CallError> {
            match name {
                $(stringify!($name) => {
                    let args: $args = serde_json::from_value(args).map_err(CallError::bad)?;
                    let result = to.$name(args).await?;
                    serde_json::to_value(result).map_err(CallError::bad)
                })*
                _ => Err(CallError::bad(format!("no call {name:.40}"))),
            }
        }

        /// Shows a visitor every type that a call takes or gives.
        pub(crate) fn visit_types(visitor: &mut impl ts_rs::TypeVisitor) {
            $(visitor.visit::<$args>();
            visitor.visit::<$result>();)*
        }

        /// The TypeScript interface of the table: name → arguments and result.
        #[must_use]
        pub fn typescript() -> String {
            let config = ts_rs::Config::default();
            let mut out = String::from("export interface Calls {\n");
            $(out.push_str(&format!(
                "  {}: {{ args: {}; result: {} }};\n",
                stringify!($name),
                <$args as TS>::name(&config),
                <$result as TS>::name(&config),
            ));)*
            out.push_str("}\n");
            out
        }
    };
}

impl CallError {
    /// The error with this code.
    #[must_use]
    pub fn new(code: CallCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after_ms: None }
    }

    fn bad(detail: impl ToString) -> Self {
        Self::new(CallCode::BadCall, detail.to_string())
    }
}

calls! {
    /// Everything a window needs to paint first: who is signed in, the connection, settings.
    get_state(Nothing) -> AppState;
    /// Look at a server's address while it is typed.
    check_server(CheckServer) -> ServerInfo;
    /// Make an account and sign in.
    register(RegisterArgs) -> AppState;
    /// Sign in.
    sign_in(SignInArgs) -> AppState;
    /// Sign out of this device: ends the session, and removes what this device holds.
    sign_out(Nothing) -> AppState;

    /// The list of conversations, sorted.
    list_conversations(Nothing) -> ConversationList;
    /// Show a conversation: its window of rows around a seq, or at the first unread message, else
    /// at the end. Rows that change from then on come as events until `close_conversation`.
    open_conversation(OpenConversation) -> Timeline;
    /// More rows of the open conversation, before or after a seq.
    load_rows(LoadRows) -> Timeline;
    /// The conversation is not on screen any more.
    close_conversation(InConversation) -> Nothing;
    /// The direct conversation with somebody; exists as soon as somebody writes. Works offline.
    open_direct(WithPerson) -> ConversationRef;

    /// Write a message. Returns when it is safe in the outbox.
    send_message(SendMessage) -> Sent;
    /// Give a message another text: a queued one in place, a sent one by an event.
    edit_message(EditMessage) -> Nothing;
    /// Delete a sent message for everybody.
    delete_message(OneMessage) -> Nothing;
    /// Add or take back a reaction.
    react(React) -> Nothing;
    /// Pin or unpin.
    pin(Pin) -> Nothing;
    /// Take a queued message back, or remove a failed one.
    cancel_pending(OnePending) -> Nothing;
    /// Send a failed message again, as a new one.
    retry_pending(OnePending) -> Sent;
    /// Keep what is being written. Empty text and no reply removes the draft.
    save_draft(SaveDraft) -> Nothing;
    /// The person has seen everything up to this seq.
    mark_read(MarkRead) -> Nothing;
    /// The person is writing.
    typing(InConversation) -> Nothing;

    /// Begin a group. Works offline.
    create_group(CreateGroup) -> ConversationRef;
    /// Rename a group.
    rename_group(RenameGroup) -> Nothing;
    /// Make people members.
    add_members(AddMembers) -> Nothing;
    /// Remove a member.
    remove_member(OneMember) -> Nothing;
    /// Give a role.
    set_role(SetRole) -> Nothing;
    /// Leave a group.
    leave_group(InConversation) -> Nothing;
    /// Notify nothing of a conversation for some time, on this device.
    mute_conversation(MuteConversation) -> Nothing;
    /// Title, members, roles, what one may do.
    conversation_details(InConversation) -> ConversationDetails;
    /// Who has a message, and who has read it.
    message_readers(OneMessage) -> MessageReaders;

    /// Messages with all of the query's words, from what is on this device; with `"…"` words that
    /// follow each other. The last word may be the beginning of one. Works offline.
    search(Search) -> SearchResults;
    /// People whose name begins with the query.
    find_people(FindPeople) -> People;
    /// Change one's own profile.
    change_profile(ChangeProfileArgs) -> PersonView;
    /// Change one's password; ends all other sessions.
    change_password(ChangePasswordArgs) -> Nothing;
    /// Signed-in devices.
    list_sessions(Nothing) -> Sessions;
    /// Sign a device out.
    end_session(OneSession) -> Nothing;
    /// Change this app's settings.
    change_settings(Settings) -> Settings;

    /// What the person looks at: nothing is notified that is before their eyes.
    looks_at(Looking) -> Nothing;
    /// Where the person wants to go from outside: a notification, a link. Says it once.
    take_target(Nothing) -> TakenTarget;
    /// End the app. `bad_call` when it has no window of its own.
    quit(Nothing) -> Nothing;
}

macro_rules! args {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident: $type:ty,)* })*) => {
        $($(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
        pub struct $name { $($(#[$fmeta])* pub $field: $type,)* })*
    };
}

args! {
    /// No arguments, no result.
    pub struct Nothing {}

    /// See [`Answers::check_server`].
    pub struct CheckServer {
        /// As typed: `kith.example.org`, `http://127.0.0.1:4810`.
        pub address: String,
    }

    /// See [`Answers::register`].
    pub struct RegisterArgs {
        /// The server's address, as typed.
        pub address: String,
        /// The account's name.
        pub name: String,
        /// The name to show.
        pub display_name: String,
        /// The password.
        pub password: String,
        /// Sign in although there is no keychain: the session ends with the app.
        #[serde(default)]
        pub session_only: bool,
    }

    /// See [`Answers::sign_in`].
    pub struct SignInArgs {
        /// The server's address, as typed.
        pub address: String,
        /// The account's name.
        pub name: String,
        /// The password.
        pub password: String,
        /// Sign in although there is no keychain: the session ends with the app.
        #[serde(default)]
        pub session_only: bool,
    }

    /// See [`Answers::open_conversation`].
    pub struct OpenConversation {
        /// Which.
        pub conversation: ConversationId,
        /// Around this seq, for a jump from search, a quote or a notification.
        #[ts(type = "number | null")]
        pub at: Option<u64>,
    }

    /// See [`Answers::load_rows`]. Exactly one of `before` and `after`.
    pub struct LoadRows {
        /// Which.
        pub conversation: ConversationId,
        /// Rows before this seq.
        #[ts(type = "number | null")]
        pub before: Option<u64>,
        /// Rows after this seq.
        #[ts(type = "number | null")]
        pub after: Option<u64>,
    }

    /// One conversation.
    pub struct InConversation {
        /// Which.
        pub conversation: ConversationId,
    }

    /// One person.
    pub struct WithPerson {
        /// Who.
        pub user: UserId,
    }

    /// The id of a conversation.
    pub struct ConversationRef {
        /// Its id.
        pub conversation: ConversationId,
    }

    /// See [`Answers::send_message`].
    pub struct SendMessage {
        /// Where.
        pub conversation: ConversationId,
        /// What: Markdown.
        pub text: String,
        /// The seq of the message that it answers.
        #[ts(type = "number | null")]
        pub reply_to: Option<u64>,
    }

    /// What was written is in the outbox under this ref.
    pub struct Sent {
        /// Finds its row: rows carry it.
        pub client_ref: ClientRef,
    }

    /// See [`Answers::edit_message`]. Exactly one of `seq` and `client_ref`.
    pub struct EditMessage {
        /// Where.
        pub conversation: ConversationId,
        /// A sent message.
        #[ts(type = "number | null")]
        pub seq: Option<u64>,
        /// A queued message.
        pub client_ref: Option<ClientRef>,
        /// The new text.
        pub text: String,
    }

    /// One sent message.
    pub struct OneMessage {
        /// Where.
        pub conversation: ConversationId,
        /// Which.
        #[ts(type = "number")]
        pub seq: u64,
    }

    /// One queued or failed message.
    pub struct OnePending {
        /// Where.
        pub conversation: ConversationId,
        /// Which.
        pub client_ref: ClientRef,
    }

    /// See [`Answers::react`].
    pub struct React {
        /// Where.
        pub conversation: ConversationId,
        /// Which message.
        #[ts(type = "number")]
        pub seq: u64,
        /// One emoji.
        pub emoji: String,
        /// Add or take back.
        pub on: bool,
    }

    /// See [`Answers::pin`].
    pub struct Pin {
        /// Where.
        pub conversation: ConversationId,
        /// Which message.
        #[ts(type = "number")]
        pub seq: u64,
        /// Pin or unpin.
        pub on: bool,
    }

    /// See [`Answers::save_draft`].
    pub struct SaveDraft {
        /// Where.
        pub conversation: ConversationId,
        /// The text so far.
        pub text: String,
        /// The seq of the message that it will answer.
        #[ts(type = "number | null")]
        pub reply_to: Option<u64>,
    }

    /// See [`Answers::mark_read`].
    pub struct MarkRead {
        /// Where.
        pub conversation: ConversationId,
        /// Up to where.
        #[ts(type = "number")]
        pub seq: u64,
    }

    /// See [`Answers::create_group`].
    pub struct CreateGroup {
        /// The group's name.
        pub title: String,
        /// The first members beside oneself.
        pub members: Vec<UserId>,
    }

    /// See [`Answers::rename_group`].
    pub struct RenameGroup {
        /// Which.
        pub conversation: ConversationId,
        /// The new name.
        pub title: String,
    }

    /// See [`Answers::add_members`].
    pub struct AddMembers {
        /// Where.
        pub conversation: ConversationId,
        /// Whom.
        pub users: Vec<UserId>,
    }

    /// One member.
    pub struct OneMember {
        /// Where.
        pub conversation: ConversationId,
        /// Who.
        pub user: UserId,
    }

    /// See [`Answers::set_role`].
    pub struct SetRole {
        /// Where.
        pub conversation: ConversationId,
        /// Who.
        pub user: UserId,
        /// Which.
        pub role: Role,
    }

    /// See [`Answers::search`].
    pub struct Search {
        /// What is searched for, as typed.
        pub query: String,
        /// Only there; absent for everywhere.
        pub conversation: Option<ConversationId>,
        /// `more` of the results that these shall follow.
        pub before: Option<String>,
    }

    /// See [`Answers::mute_conversation`].
    pub struct MuteConversation {
        /// Which.
        pub conversation: ConversationId,
        /// Until when, in milliseconds since 1970; 2^53 - 1 for ever, none to end it.
        #[ts(type = "number | null")]
        pub until: Option<i64>,
    }

    /// See [`Answers::take_target`].
    pub struct TakenTarget {
        /// Where to; none when there is nothing that waits.
        pub target: Option<Target>,
    }

    /// See [`Answers::find_people`].
    pub struct FindPeople {
        /// The beginning of a name.
        pub query: String,
    }

    /// See [`Answers::change_profile`]. Absent fields stay.
    pub struct ChangeProfileArgs {
        /// The name to show.
        pub display_name: Option<String>,
        /// A line about oneself.
        pub about: Option<String>,
    }

    /// See [`Answers::change_password`].
    pub struct ChangePasswordArgs {
        /// The password until now.
        pub old: String,
        /// The password from now on.
        pub new: String,
    }

    /// One signed-in device.
    pub struct OneSession {
        /// Which.
        pub session: SessionId,
    }
}
