//! People as others see them, and what follows a person from device to device.

pub mod friends;
pub mod profile;

use std::collections::BTreeSet;

use axum::extract::State;
use protocol::request::{People, Person};
use protocol::{Code, UserId, limits};
use serde::Deserialize;

use crate::app::App;
use crate::auth::Principal;
use crate::http::extract::Named;
use crate::http::{Error, Json, Query};

/// Most people that a search gives.
const FOUND: u64 = 50;

/// `?query=`.
#[derive(Debug, Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    query: String,
}

/// `?ids=`.
#[derive(Debug, Deserialize)]
pub(crate) struct Ids {
    #[serde(default)]
    ids: String,
}

/// Find people by name.
///
/// Gives up to 50 people whose account name, or any word of whose shown name, begins with the
/// query, whatever the case. An empty query finds nobody.
#[utoipa::path(get, path = "/v1/people", tag = "People", security(("access_token" = [])),
    params(("query" = String, Query, description = "At most 128 characters.")),
    extensions(("x-codes" = json!(["malformed", "bad_value"]))),
    responses((status = 200, body = People)))]
pub(crate) async fn search(
    State(app): State<App>,
    _: Principal,
    Query(asked): Query<Search>,
) -> Result<Json<People>, Error> {
    if asked.query.chars().count() > limits::NAME_CHARS {
        return Err(Error::new(Code::BadValue, "`query` has at most 128 characters."));
    }
    let query = asked.query.trim();
    let people = if query.chars().any(protocol::name::is_visible) {
        app.stores.accounts.find(query, FOUND).await?
    } else {
        Vec::new()
    };
    Ok(Json(People { people }))
}

/// Look people up by their ids.
///
/// Gives those of the asked who exist, in no particular order.
#[utoipa::path(get, path = "/v1/users", tag = "People", security(("access_token" = [])),
    params(("ids" = String, Query, description = "Up to 100 ids, with commas between.")),
    extensions(("x-codes" = json!(["malformed", "bad_value", "too_many"]))),
    responses((status = 200, body = People)))]
pub(crate) async fn look_up(
    State(app): State<App>,
    _: Principal,
    Query(asked): Query<Ids>,
) -> Result<Json<People>, Error> {
    let given = asked.ids.split(',').filter(|id| !id.is_empty());
    if given.clone().count() > limits::IDS_PER_REQUEST {
        return Err(Error::new(Code::TooMany, "At most 100 ids at once."));
    }
    let ids: Result<BTreeSet<UserId>, _> = given.map(str::parse).collect();
    let ids = ids.map_err(|_| Error::new(Code::BadValue, "`ids` has what is not an id."))?;
    let ids: Vec<UserId> = ids.into_iter().collect();
    Ok(Json(People { people: app.stores.accounts.people(&ids).await? }))
}

/// One person.
///
/// # Errors
/// `no_person`.
pub(crate) async fn person(app: &App, user: UserId) -> Result<Person, Error> {
    app.stores.accounts.people(&[user]).await?.pop().ok_or_else(UserId::missing)
}
