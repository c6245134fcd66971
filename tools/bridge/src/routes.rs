//! What the bridge answers: the page's files, its calls, and what it hears. The page's half is
//! `ui/src/backend/bridge.ts`; the README beside that says what crosses.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use client::api::dispatch;
use client::view::Notification;
use client::{Batches, Client};
use futures_util::{Stream, stream};
use protocol::{Code, limits};
use serde_json::Value;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use tower_http::services::ServeDir;

use crate::door::{Door, sealed};
use crate::refusal::Refusal;

/// Largest body of a call: a message of the largest text with every byte of it escaped, as `\u0001`,
/// and room for the rest.
pub(crate) const LARGEST: usize = 6 * limits::BODY_BYTES + 16 * 1024;
/// An empty line goes out after this long without another: whoever is gone is noticed.
pub(crate) const QUIET: Duration = Duration::from_secs(15);

/// All routes, over one client and the files of the UI.
pub(crate) fn routes(client: Client, door: Door, ui: &FilePath) -> Router {
    let door = Arc::new(door);
    Router::new()
        .route("/call/{name}", post(call))
        .route("/events", get(events))
        .route_layer(from_fn_with_state(door.clone(), token))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(client)
        .fallback_service(ServeDir::new(ui))
        .layer(from_fn_with_state(door, own))
        .layer(map_response(async |response: Response| sealed(response)))
}

async fn own(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    match door.is_own(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn token(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    match door.has_token(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Ask the client.
async fn call(
    State(client): State<Client>,
    Path(name): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(Code::TooLarge, rejection.body_text()),
        _ => Refusal::no_call(rejection.body_text()),
    })?;
    let args =
        serde_json::from_slice(&body).map_err(|error| Refusal::no_call(error.to_string()))?;
    Ok(Json(dispatch(&client, &name, args).await?))
}

/// Hear from the client from now on. A page that does not keep up loses some and is told so by the
/// client; nothing piles up here.
async fn events(State(client): State<Client>) -> impl IntoResponse {
    let lines = Body::from_stream(lines(client.subscribe()));
    ([(CONTENT_TYPE, "application/x-ndjson")], lines)
}

/// A line for each batch of notifications, and an empty one after each pause.
pub(crate) fn lines(
    feed: Receiver<Notification>,
) -> impl Stream<Item = Result<Vec<u8>, serde_json::Error>> {
    stream::unfold(Batches::new(feed), |mut batches| async {
        let line = match timeout(QUIET, batches.next()).await {
            Ok(batch) => serde_json::to_vec(&batch?),
            Err(_) => Ok(Vec::new()),
        };
        let ended = line.map(|mut line| {
            line.push(b'\n');
            line
        });
        Some((ended, batches))
    })
}
