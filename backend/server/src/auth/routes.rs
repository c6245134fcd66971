//! Making accounts and signing in, over HTTP.

use axum::extract::State;
use protocol::request::{ChangePassword, Refresh, Register, SignIn, Tokens};

use crate::app::App;
use crate::auth::Principal;
use crate::http::{ClientAddress, Done, Error, Json};

/// Make an account and sign in to it.
#[utoipa::path(post, path = "/v1/register", tag = "Signing in", request_body = Register,
    extensions(("x-codes" = json!(["registration_closed", "bad_name", "name_taken", "empty_text",
        "bad_text", "bad_password", "bad_value", "slow_down", "busy"]))),
    responses((status = 200, body = Tokens)))]
pub(crate) async fn register(
    State(app): State<App>,
    from: ClientAddress,
    Json(asked): Json<Register>,
) -> Result<Json<Tokens>, Error> {
    app.auth.register(asked, from).await.map(Json)
}

/// Sign in to an account.
///
/// An earlier session of the same person on the same device ends. A name that nobody has is
/// answered like a wrong password.
#[utoipa::path(post, path = "/v1/sign-in", tag = "Signing in", request_body = SignIn,
    extensions(("x-codes" = json!(["wrong_password", "bad_password", "bad_name", "empty_text",
        "bad_text", "bad_value", "slow_down", "busy"]))),
    responses((status = 200, body = Tokens)))]
pub(crate) async fn sign_in(
    State(app): State<App>,
    from: ClientAddress,
    Json(asked): Json<SignIn>,
) -> Result<Json<Tokens>, Error> {
    app.auth.sign_in(asked, from).await.map(Json)
}

/// Exchange a refresh token for the next pair of tokens.
///
/// Store the new refresh token before you use it: until then the old one gives the same successor
/// again, afterwards it is used up, and showing it ends the session.
#[utoipa::path(post, path = "/v1/refresh", tag = "Signing in", request_body = Refresh,
    extensions(("x-codes" = json!(["unauthorized", "session_ended"]))),
    responses((status = 200, body = Tokens)))]
pub(crate) async fn refresh(
    State(app): State<App>,
    from: ClientAddress,
    Json(asked): Json<Refresh>,
) -> Result<Json<Tokens>, Error> {
    app.auth.refresh(asked, from).await.map(Json)
}

/// Change one's password. All other sessions end.
#[utoipa::path(post, path = "/v1/me/password", tag = "Signing in",
    security(("access_token" = [])), request_body = ChangePassword,
    extensions(("x-codes" = json!(["wrong_password", "bad_password", "slow_down", "busy"]))),
    responses((status = 204, description = "The new password holds.")))]
pub(crate) async fn change_password(
    State(app): State<App>,
    who: Principal,
    from: ClientAddress,
    Json(asked): Json<ChangePassword>,
) -> Result<Done, Error> {
    app.auth.change_password(who, asked, from).await.map(|()| Done)
}
