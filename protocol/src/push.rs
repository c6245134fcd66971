//! What reaches a person who has no open session: where it goes, and what it says.

use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::id::{ConversationId, SessionId, SubscriptionId, UserId};

/// Where pushes go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PushTarget {
    /// A push service that speaks Web Push (RFC 8030), as browsers have and `UnifiedPush` distributors
    /// are. What is sent is encrypted for the app (RFC 8291): the service cannot read it.
    WebPush {
        /// Where the service takes messages, `https://…`.
        endpoint: String,
        /// The app's public key: 65 bytes, a point of P-256, in URL-safe base64 without padding.
        p256dh: String,
        /// The secret that app and server share: 16 bytes in URL-safe base64 without padding.
        auth: String,
    },
    /// A server of one's own, which gets the JSON as it is, signed.
    Webhook {
        /// Where it takes a POST, `https://…`.
        url: String,
    },
}

impl PushTarget {
    /// Where it goes.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::WebPush { endpoint, .. } => endpoint,
            Self::Webhook { url } => url,
        }
    }
}

/// How much a push says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PushSays {
    /// Who wrote where, and the beginning of the text.
    #[default]
    Text,
    /// Who wrote where.
    Names,
    /// Only ids: the app asks for the rest.
    Ids,
}

/// `POST /v1/push/subscriptions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubscribePush {
    /// Where pushes go.
    pub target: PushTarget,
    /// How much they say; `text` when it is not given.
    #[serde(default)]
    pub says: PushSays,
}

/// The answer to [`SubscribePush`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushSubscribed {
    /// To end it: `DELETE /v1/push/subscriptions/{id}`.
    pub id: SubscriptionId,
    /// Of a webhook: what its pushes are signed with (HMAC-SHA-256), in URL-safe base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// `GET /v1/push/subscriptions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushSubscriptions {
    /// Those of all one's sessions, oldest first.
    pub subscriptions: Vec<PushSubscription>,
}

/// One place to which pushes go. Whoever knows the whole address could send there, so only its
/// beginning is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushSubscription {
    /// To end it: `DELETE /v1/push/subscriptions/{id}`.
    pub id: SubscriptionId,
    /// The session that it ends with.
    pub session: SessionId,
    /// Whether that is the one that asks.
    pub current: bool,
    /// Scheme and host of where it goes.
    pub origin: String,
    /// How much its pushes say.
    pub says: PushSays,
    /// When it was set first.
    pub created: Millis,
}

/// `GET /v1/push/key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushKey {
    /// The public key by which push services know this server (VAPID, RFC 8292): 65 bytes in URL-safe
    /// base64 without padding, what browsers call `applicationServerKey`.
    pub key: String,
}

/// What a push says: the decrypted content of a Web Push, the body of a webhook's request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pushed {
    /// Who is to see it.
    pub user: UserId,
    /// Where it was said.
    pub conversation: ConversationId,
    /// The message. What comes twice has the same one.
    pub seq: u64,
    /// When it was said.
    pub at: Millis,
    /// Who said it.
    pub sender: UserId,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_name: Option<String>,
    /// The group's name; none in a direct conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What was said, at most [`crate::limits::PUSH_CHARS`] characters of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}
