//! The HTTP side: accounts, people, settings, sessions, nodes and reading history. Everything that
//! changes a conversation goes through frames instead.

use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::id::{DeviceId, SessionId, UserId};
use crate::model::{Marker, Member};

macro_rules! wire {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident: $type:ty,)* })*) => {
        $($(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name { $($(#[$fmeta])* pub $field: $type,)* })*
    };
}

wire! {
    /// The app that signs in.
    pub struct Device {
        /// Chosen by the app when it was first started.
        pub id: DeviceId,
        /// What the list of sessions shows: the computer's name, or a bot's.
        pub name: String,
        /// `linux`, `macos`, `windows`, `bot`, …
        pub platform: String,
    }

    /// `POST /v1/register`: make an account and sign in to it.
    pub struct Register {
        /// The account's name, as typed; see [`crate::name::account_name`].
        pub name: String,
        /// 8 characters to 1,024 bytes.
        pub password: String,
        /// What others see; the name when empty.
        #[serde(default)]
        pub display_name: String,
        /// The app.
        pub device: Device,
    }

    /// `POST /v1/sign-in`.
    pub struct SignIn {
        /// The account's name, as typed.
        pub name: String,
        /// Its password.
        pub password: String,
        /// The app.
        pub device: Device,
    }

    /// The answer to register, sign-in and refresh.
    pub struct Tokens {
        /// Who one is.
        pub user: UserId,
        /// This sign-in.
        pub session: SessionId,
        /// For `Authorization: Bearer`; opaque, lives `expires_in` seconds. Refresh at half-life.
        pub access_token: String,
        /// For `POST /v1/refresh`, from this device only; opaque. To be stored before it is used.
        pub refresh_token: String,
        /// Seconds.
        pub expires_in: u64,
    }

    /// `POST /v1/refresh`: the next pair of tokens. The one before stays valid until its successor
    /// is first used, and gives the same successor again.
    pub struct Refresh {
        /// The refresh token.
        pub refresh_token: String,
        /// The device that it was given to.
        pub device: DeviceId,
    }

    /// `GET /v1/me`.
    pub struct Me {
        /// One's profile as others see it.
        pub person: Person,
        /// Grows with every change of the account.
        pub version: u64,
    }

    /// Somebody, as others see them.
    pub struct Person {
        /// The account.
        pub id: UserId,
        /// The account's name.
        pub name: String,
        /// The name to show.
        pub display_name: String,
        /// A line about themselves.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub about: String,
    }

    /// `PATCH /v1/me`: absent fields stay.
    pub struct ChangeProfile {
        /// The name to show.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub display_name: Option<String>,
        /// A line about oneself, at most 256 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub about: Option<String>,
    }

    /// `POST /v1/me/password`. Ends all other sessions.
    pub struct ChangePassword {
        /// The password until now.
        pub old: String,
        /// The password from now on.
        pub new: String,
    }

    /// `GET` and `PUT /v1/me/settings`: what follows a person from device to device. Opaque to the
    /// server, at most 64 KiB.
    pub struct Settings {
        /// Any JSON object.
        pub settings: serde_json::Value,
    }

    /// `GET /v1/people?query=` and `GET /v1/users?ids=a,b`.
    pub struct People {
        /// Best match first; for `users` those of the asked that exist.
        pub people: Vec<Person>,
    }

    /// `GET /v1/sessions`.
    pub struct Sessions {
        /// Most recently used first.
        pub sessions: Vec<Session>,
    }

    /// One signed-in device.
    pub struct Session {
        /// To end it: `DELETE /v1/sessions/{id}`.
        pub id: SessionId,
        /// The app.
        pub device: Device,
        /// When it signed in.
        pub created: Millis,
        /// When it was last used, to the minute.
        pub used: Millis,
        /// Whether it is the one that asks.
        pub current: bool,
    }

    /// `GET /v1/friends`.
    pub struct Friends {
        /// Both agreed.
        pub friends: Vec<Person>,
        /// They asked.
        pub incoming: Vec<Person>,
        /// One asked.
        pub outgoing: Vec<Person>,
        /// Whom one has blocked.
        pub blocked: Vec<Person>,
    }

    /// `GET /v1/conversations/{id}/members?after=`.
    pub struct Members {
        /// Up to 500, by user id.
        pub members: Vec<Member>,
        /// Whether more follow.
        pub more: bool,
    }

    /// `GET /v1/conversations/{id}/markers?after=`: how far each member is.
    pub struct Markers {
        /// Up to 500, by user id.
        pub markers: Vec<Marker>,
        /// Whether more follow.
        pub more: bool,
    }

    /// `GET /v1/about`: what a sign-in screen shows before anybody signs in.
    pub struct About {
        /// The server's name.
        pub name: String,
        /// The version of the program.
        pub version: String,
        /// The versions of the protocol that it speaks.
        pub protocol: Vec<u32>,
        /// Whether anybody may make an account.
        pub registration: bool,
    }

    /// `GET /v1/nodes`.
    pub struct Nodes {
        /// Nodes that take connections.
        pub nodes: Vec<Node>,
    }

    /// One node.
    pub struct Node {
        /// Its name.
        pub id: String,
        /// Where apps reach it: `https://host:port`.
        pub address: String,
        /// Where it stands.
        pub region: String,
        /// Sessions now.
        pub load: u64,
        /// Sessions that it takes.
        pub capacity: u64,
    }

    /// The answer to `POST /v1/poll/open`.
    pub struct PollOpened {
        /// For the polls that follow. It names its node.
        pub session: String,
    }

    /// `POST /v1/poll`: waits up to 25 s for frames.
    pub struct Poll {
        /// From `poll/open`.
        pub session: String,
        /// 1, 2, 3 …: asking for n+1 says that answer n has come.
        pub n: u64,
    }

    /// The answer to a poll.
    pub struct Polled {
        /// Which poll it answers.
        pub n: u64,
        /// Frames as on a socket, each a [`crate::ServerFrame`]. Empty when nothing came in time.
        pub frames: Vec<serde_json::Value>,
    }

    /// `POST /v1/poll/send`. An m that was seen already is answered again and not applied again.
    pub struct PollSend {
        /// From `poll/open`.
        pub session: String,
        /// 1, 2, 3 …, one in flight.
        pub m: u64,
        /// Frames as on a socket, each a [`crate::ClientFrame`].
        pub frames: Vec<serde_json::Value>,
    }
}
