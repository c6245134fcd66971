//! One's own account: profile and settings.

use axum::extract::State;
use protocol::name::check_title;
use protocol::request::{ChangeProfile, Me, Settings};
use protocol::{Code, UserId};

use crate::app::App;
use crate::auth::Principal;
use crate::http::extract::Named;
use crate::http::{Done, Error, Json};
use crate::people::person;

/// Largest settings, in bytes of JSON.
const SETTINGS_BYTES: usize = 64 * 1024;
/// Longest line about oneself, in characters.
const ABOUT_CHARS: usize = 256;

/// One's own profile.
#[utoipa::path(get, path = "/v1/me", tag = "Account", security(("access_token" = [])),
    responses((status = 200, body = Me)))]
pub(crate) async fn me(State(app): State<App>, who: Principal) -> Result<Json<Me>, Error> {
    // The version first: a change in between is then read again, not missed.
    let version = app.stores.accounts.version(who.user).await?.ok_or_else(UserId::missing)?;
    Ok(Json(Me { person: person(&app, who.user).await?, version }))
}

/// Change one's own profile.
#[utoipa::path(patch, path = "/v1/me", tag = "Account", security(("access_token" = [])),
    request_body = ChangeProfile,
    extensions(("x-codes" = json!(["bad_name", "empty_text", "bad_text"]))),
    responses((status = 200, body = Me)))]
pub(crate) async fn change(
    State(app): State<App>,
    who: Principal,
    Json(asked): Json<ChangeProfile>,
) -> Result<Json<Me>, Error> {
    if let Some(name) = &asked.display_name {
        let refused = |code| Error::new(code, "A name to show has 1 to 128 visible characters.");
        check_title(name).map_err(refused)?;
    }
    if let Some(about) = &asked.about {
        check_about(about)?;
    }
    app.stores.accounts.change_profile(who.user, asked).await?;
    me(State(app), who).await
}

/// One's own settings: an empty object until there are any.
#[utoipa::path(get, path = "/v1/me/settings", tag = "Account", security(("access_token" = [])),
    responses((status = 200, body = Settings)))]
pub(crate) async fn settings(
    State(app): State<App>,
    who: Principal,
) -> Result<Json<Settings>, Error> {
    Ok(Json(Settings { settings: app.stores.accounts.settings(who.user).await? }))
}

/// Replace one's own settings.
#[utoipa::path(put, path = "/v1/me/settings", tag = "Account", security(("access_token" = [])),
    request_body = Settings, extensions(("x-codes" = json!([]))),
    responses((status = 204, description = "They are stored.")))]
pub(crate) async fn put_settings(
    State(app): State<App>,
    who: Principal,
    Json(asked): Json<Settings>,
) -> Result<Done, Error> {
    if !asked.settings.is_object() {
        return Err(Error::new(Code::Malformed, "`settings` must be an object."));
    }
    if asked.settings.to_string().len() > SETTINGS_BYTES {
        return Err(Error::new(Code::TooLarge, "Settings have at most 64 KiB."));
    }
    app.stores.accounts.put_settings(who.user, asked.settings).await?;
    Ok(Done)
}

/// A line about oneself may be empty; otherwise it is like a name, only longer.
fn check_about(about: &str) -> Result<(), Error> {
    if about.chars().count() > ABOUT_CHARS {
        return Err(Error::new(Code::BadText, "`about` has at most 256 characters."));
    }
    if about.chars().any(char::is_control) {
        return Err(Error::new(Code::BadText, "`about` has no control characters."));
    }
    Ok(())
}
