//! Ids. Each is a UUID of its own type, and crosses as a string.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(type = "string"))]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, format = Uuid))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The sixteen bytes, in the order in which they are stored.
            #[must_use]
            pub fn bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id with these sixteen bytes; `None` for any other length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    };
}

id!(
    /// A person's account. UUIDv7, given by the server.
    UserId
);
id!(
    /// A conversation: UUIDv5 of the two people for a direct one (see [`direct_conversation`]),
    /// UUIDv7 chosen by the creating app for a group. The version tells which it is.
    ConversationId
);
id!(
    /// UUIDv7 that the app gives every change before it first sends it: the key for exactly-once.
    ClientRef
);
id!(
    /// One installed app. UUIDv7, chosen by the app when it is first started.
    DeviceId
);
id!(
    /// One signed-in device's place on the server: its tokens and sockets.
    SessionId
);
id!(
    /// One place to which a device's pushes go. Given by the server.
    SubscriptionId
);

/// The namespace of direct conversations' ids.
const DIRECT: Uuid = Uuid::from_u128(0x6b69_7468_0000_5000_8000_6469_7265_6374);

/// The id of the direct conversation of two people, whichever of them asks.
///
/// ```
/// # use protocol::{direct_conversation, UserId};
/// # let (a, b) = (UserId(uuid::Uuid::from_u128(1)), UserId(uuid::Uuid::from_u128(2)));
/// assert_eq!(direct_conversation(a, b), direct_conversation(b, a));
/// ```
#[must_use]
pub fn direct_conversation(a: UserId, b: UserId) -> ConversationId {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(low.bytes());
    bytes[16..].copy_from_slice(high.bytes());
    ConversationId(Uuid::new_v5(&DIRECT, &bytes))
}

impl ConversationId {
    /// Whether this can be a group's id: a UUIDv7. A group can never take a direct one's id.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.0.get_version_num() == 7
    }

    /// Whether this can be a direct conversation's id: a UUIDv5.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.0.get_version_num() == 5
    }
}

impl ClientRef {
    /// Whether an app may use it: a UUIDv7. The all-zero id and every other version are refused.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.0.get_version_num() == 7
    }
}
