//! Where an app says to which places its pushes go.

use axum::extract::State;
use protocol::push::{
    PushKey, PushSubscribed, PushSubscription, PushSubscriptions, PushTarget, SubscribePush,
};
use protocol::{Code, SubscriptionId};
use storage::{Subscribed, SubscriptionRow};

use super::web_push::Keys;
use crate::app::App;
use crate::auth::Principal;
use crate::http::extract::Named;
use crate::http::{Done, Error, Id, Json};

impl Named for SubscriptionId {
    fn missing() -> Error {
        Error::new(Code::NotFound, "There is no such subscription.")
    }
}

/// The public key by which push services know this server.
///
/// An app gives it to its push service when it asks for an endpoint. It changes when the server's secret
/// does; compare it at each start, and subscribe anew when it is another.
#[utoipa::path(get, path = "/v1/push/key", tag = "Push", security(("access_token" = [])),
    responses((status = 200, body = PushKey)))]
pub(crate) async fn key(State(app): State<App>, _: Principal) -> Json<PushKey> {
    Json(PushKey { key: app.pushes.public_key().to_owned() })
}

/// Have one's pushes sent to a place.
///
/// A message is pushed when its person has no live session five seconds after it was said and none of
/// their apps has it. The subscription ends with the session that sets it, and when the place answers 404
/// or 410. Saying the same address again keeps its id and replaces the rest, so an app may do it at every
/// start. A session has at most 4, a person at most 20.
///
/// A webhook gets a POST with the content as JSON and `Kith-Signature: t=SECONDS,v1=HEX`: the HMAC-SHA-256 of
/// the seconds, a full stop and the body, with the text in `secret` as key.
#[utoipa::path(post, path = "/v1/push/subscriptions", tag = "Push",
    security(("access_token" = [])), request_body = SubscribePush,
    extensions(("x-codes" = json!(["bad_value", "limit_reached"]))),
    responses((status = 200, body = PushSubscribed)))]
pub(crate) async fn subscribe(
    State(app): State<App>,
    who: Principal,
    Json(SubscribePush { target, says }): Json<SubscribePush>,
) -> Result<Json<PushSubscribed>, Error> {
    if let PushTarget::WebPush { p256dh, auth, .. } = &target
        && Keys::read(p256dh, auth).is_none()
    {
        let title =
            "`p256dh` is a point of P-256 in 65 bytes and `auth` 16 bytes, in URL-safe base64.";
        return Err(Error::new(Code::BadValue, title));
    }
    let checked = app.pushes.check(target.url()).await;
    checked.map_err(|why| Error::new(Code::BadValue, &format!("{why}.")))?;
    let is_webhook = matches!(target, PushTarget::Webhook { .. });
    let row = SubscriptionRow {
        id: SubscriptionId(app.environment.id()),
        user: who.user,
        session: who.session,
        target,
        says,
        created: app.environment.now(),
    };
    match app.stores.push.subscribe(row).await? {
        Subscribed::Kept(id) => {
            let secret = is_webhook.then(|| app.pushes.webhook_secret(id));
            Ok(Json(PushSubscribed { id, secret }))
        }
        Subscribed::Full => Err(Error::new(
            Code::LimitReached,
            "There are as many places for pushes as there may be.",
        )),
        Subscribed::Ended => {
            Err(Error::new(Code::SessionEnded, "The session was ended; sign in again."))
        }
    }
}

/// The places to which one's pushes go, those of all one's sessions.
#[utoipa::path(get, path = "/v1/push/subscriptions", tag = "Push",
    security(("access_token" = [])), responses((status = 200, body = PushSubscriptions)))]
pub(crate) async fn list(
    State(app): State<App>,
    who: Principal,
) -> Result<Json<PushSubscriptions>, Error> {
    let rows = app.stores.push.subscriptions(&[who.user]).await?;
    let shown = |row: SubscriptionRow| PushSubscription {
        id: row.id,
        session: row.session,
        current: row.session == who.session,
        origin: origin(row.target.url()),
        says: row.says,
        created: row.created,
    };
    Ok(Json(PushSubscriptions { subscriptions: rows.into_iter().map(shown).collect() }))
}

/// Have no more pushes sent to a place.
#[utoipa::path(delete, path = "/v1/push/subscriptions/{subscription}", tag = "Push",
    security(("access_token" = [])),
    params(("subscription" = SubscriptionId, Path, description = "From the list.")),
    extensions(("x-codes" = json!(["not_found"]))),
    responses((status = 204, description = "It is ended.")))]
pub(crate) async fn unsubscribe(
    State(app): State<App>,
    who: Principal,
    Id(subscription): Id<SubscriptionId>,
) -> Result<Done, Error> {
    let ended = app.stores.push.unsubscribe(who.user, subscription).await?;
    if ended { Ok(Done) } else { Err(SubscriptionId::missing()) }
}

fn origin(address: &str) -> String {
    let url = reqwest::Url::parse(address);
    url.map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}
