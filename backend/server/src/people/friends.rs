//! Friends and blocks.

use axum::extract::State;
use protocol::request::Friends;
use protocol::{Code, UserId};
use storage::{Relation, Relations};

use crate::app::App;
use crate::auth::Principal;
use crate::http::{Done, Error, Id, Json};
use crate::people::person;

/// One's friends, requests in both directions, and whom one has blocked.
#[utoipa::path(get, path = "/v1/friends", tag = "People", security(("access_token" = [])),
    responses((status = 200, body = Friends)))]
pub(crate) async fn list(State(app): State<App>, who: Principal) -> Result<Json<Friends>, Error> {
    let Relations { friends, incoming, outgoing, blocked } =
        app.stores.friends.relations(who.user).await?;
    Ok(Json(Friends { friends, incoming, outgoing, blocked }))
}

/// Ask somebody to be friends, or agree to be.
#[utoipa::path(put, path = "/v1/friends/{user}", tag = "People", security(("access_token" = [])),
    params(("user" = UserId, Path, description = "Whom.")),
    extensions(("x-codes" = json!(["no_person", "not_with_yourself", "blocked"]))),
    responses((status = 204, description = "Asked, or agreed if they had asked.")))]
pub(crate) async fn ask(
    State(app): State<App>,
    who: Principal,
    Id(other): Id<UserId>,
) -> Result<Done, Error> {
    check_other(&app, who, other).await?;
    if !app.stores.friends.blocked(who.user, &[other]).await?.is_empty() {
        return Err(Error::new(Code::Blocked, "One of you has blocked the other."));
    }
    let now = app.environment.now();
    app.stores.friends.relate(who.user, other, Relation::Asked, now).await?;
    Ok(Done)
}

/// Stop being friends, take one's request back, or decline theirs.
#[utoipa::path(delete, path = "/v1/friends/{user}", tag = "People",
    security(("access_token" = [])),
    params(("user" = UserId, Path, description = "Whom.")),
    extensions(("x-codes" = json!(["no_person", "not_with_yourself"]))),
    responses((status = 204, description = "Neither of the two asks the other any more.")))]
pub(crate) async fn end(
    State(app): State<App>,
    who: Principal,
    Id(other): Id<UserId>,
) -> Result<Done, Error> {
    check_other(&app, who, other).await?;
    app.stores.friends.take_back(who.user, other, Relation::Asked).await?;
    Ok(Done)
}

/// Hear nothing from somebody any more. Ends a friendship.
#[utoipa::path(put, path = "/v1/blocks/{user}", tag = "People", security(("access_token" = [])),
    params(("user" = UserId, Path, description = "Whom.")),
    extensions(("x-codes" = json!(["no_person", "not_with_yourself"]))),
    responses((status = 204, description = "They are blocked, and not told.")))]
pub(crate) async fn block(
    State(app): State<App>,
    who: Principal,
    Id(other): Id<UserId>,
) -> Result<Done, Error> {
    check_other(&app, who, other).await?;
    let now = app.environment.now();
    app.stores.friends.relate(who.user, other, Relation::Blocked, now).await?;
    Ok(Done)
}

/// Take a block back.
#[utoipa::path(delete, path = "/v1/blocks/{user}", tag = "People", security(("access_token" = [])),
    params(("user" = UserId, Path, description = "Whom.")),
    extensions(("x-codes" = json!(["no_person", "not_with_yourself"]))),
    responses((status = 204, description = "They are not blocked.")))]
pub(crate) async fn unblock(
    State(app): State<App>,
    who: Principal,
    Id(other): Id<UserId>,
) -> Result<Done, Error> {
    check_other(&app, who, other).await?;
    app.stores.friends.take_back(who.user, other, Relation::Blocked).await?;
    Ok(Done)
}

async fn check_other(app: &App, who: Principal, other: UserId) -> Result<(), Error> {
    if who.user == other {
        return Err(Error::new(Code::NotWithYourself, "That is you."));
    }
    person(app, other).await.map(|_| ())
}
