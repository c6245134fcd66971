//! Reading a conversation: its history, its members, how far they are. Changing one goes through
//! frames. Who never was a member gets the answer of a conversation that does not exist.

pub mod history;

use axum::extract::State;
use protocol::model::is_current;
use protocol::request::{Markers, Members};
use protocol::{Code, ConversationId, UserId};
use serde::Deserialize;
use storage::MemberRow;

use crate::app::App;
use crate::auth::Principal;
use crate::http::extract::Named;
use crate::http::{Error, Id, Json, Query, extract};

/// Most members, or markers, in one answer.
const MEMBERS: u64 = 500;

/// `?after=`.
#[derive(Debug, Deserialize)]
pub(crate) struct After {
    after: Option<String>,
}

/// The members of a conversation, by user id.
#[utoipa::path(get, path = "/v1/conversations/{conversation}/members", tag = "Conversations",
    security(("access_token" = [])),
    params(
        ("conversation" = ConversationId, Path, description = "Which."),
        ("after" = Option<UserId>, Query, description = "The last one of the page before.")),
    extensions(("x-codes" = json!(["no_conversation", "not_a_member", "bad_value", "malformed"]))),
    responses((status = 200, body = Members)))]
pub(crate) async fn members(
    State(app): State<App>,
    who: Principal,
    Id(conversation): Id<ConversationId>,
    Query(asked): Query<After>,
) -> Result<Json<Members>, Error> {
    check_member(&membership(&app, who, conversation).await?)?;
    let after = asked.value(who)?;
    let mut members = app.stores.history.members(conversation, after, MEMBERS + 1).await?;
    let more = members.len() as u64 > MEMBERS;
    members.truncate(MEMBERS as usize);
    Ok(Json(Members { members, more }))
}

/// How far the members of a conversation are, by user id.
#[utoipa::path(get, path = "/v1/conversations/{conversation}/markers", tag = "Conversations",
    security(("access_token" = [])),
    params(
        ("conversation" = ConversationId, Path, description = "Which."),
        ("after" = Option<UserId>, Query, description = "The last one of the page before.")),
    extensions(("x-codes" = json!(["no_conversation", "not_a_member", "bad_value", "malformed"]))),
    responses((status = 200, body = Markers)))]
pub(crate) async fn markers(
    State(app): State<App>,
    who: Principal,
    Id(conversation): Id<ConversationId>,
    Query(asked): Query<After>,
) -> Result<Json<Markers>, Error> {
    check_member(&membership(&app, who, conversation).await?)?;
    let after = asked.value(who)?;
    let mut markers = app.stores.markers.markers(conversation, after, MEMBERS + 1).await?;
    let more = markers.len() as u64 > MEMBERS;
    markers.truncate(MEMBERS as usize);
    Ok(Json(Markers { markers, more }))
}

impl After {
    fn value(&self, who: Principal) -> Result<Option<UserId>, Error> {
        let given = self.after.as_ref();
        given.map(|id| extract::value(Some(id), who.user, "after")).transpose()
    }
}

/// The person's own row, also of who left.
///
/// # Errors
/// `no_conversation` for who never was a member and for what does not exist: the same.
async fn membership(
    app: &App,
    who: Principal,
    conversation: ConversationId,
) -> Result<MemberRow, Error> {
    let row = app.stores.history.member(conversation, who.user).await?;
    row.ok_or_else(ConversationId::missing)
}

/// Whoever left knows of the conversation, but what is in it now is not theirs to see.
fn check_member(row: &MemberRow) -> Result<(), Error> {
    if is_current(&row.periods) {
        Ok(())
    } else {
        Err(Error::new(Code::NotAMember, "You are no member of it any more."))
    }
}
