//! `kithd dev accounts N`: many accounts without the cost of as many password hashes, for measuring
//! and for demonstrations. They have no password; each is signed in already. Only from this machine,
//! and only when the operator has switched it on.

use std::fmt::Write;
use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use futures_util::future::try_join_all;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use protocol::request::Device;
use protocol::{Code, UserId};
use serde::{Deserialize, Serialize};
use storage::NewAccount;
use tokio::net::TcpStream;

use crate::app::App;
use crate::config::Config;
use crate::http::{ClientAddress, Error, Json};

/// Most accounts in one request, and in one transaction.
const AT_ONCE: usize = 1_000;

/// `POST /v1/dev/accounts`. Not part of the API that apps use.
#[derive(Debug, Serialize, Deserialize)]
struct Seed {
    count: usize,
}

/// One account, on a line of its own.
#[derive(Debug, Serialize)]
struct Seeded {
    name: String,
    user: UserId,
    device: protocol::DeviceId,
    session: protocol::SessionId,
    access_token: String,
    refresh_token: String,
}

/// Whether accounts may be seeded with this configuration.
///
/// # Errors
/// When `dev.accounts` is off or the server can be reached from elsewhere.
pub fn check_allowed(config: &Config) -> anyhow::Result<()> {
    ensure!(config.dev.accounts, "dev.accounts is off: set KITH__DEV__ACCOUNTS=true");
    let loopback = config.server.listen.ip().is_loopback();
    ensure!(loopback, "server.listen must be a loopback address for this");
    Ok(())
}

/// The route, if the configuration allows it; else it is not there at all.
pub fn routes(app: App) -> Router {
    match check_allowed(&app.config) {
        Ok(()) => Router::new().route("/v1/dev/accounts", post(serve)).with_state(app),
        Err(_) => Router::new(),
    }
}

async fn serve(
    State(app): State<App>,
    from: ClientAddress,
    Json(asked): Json<Seed>,
) -> Result<String, Error> {
    if !from.0.is_loopback() {
        return Err(Error::new(Code::NotFound, "There is nothing at this address."));
    }
    if asked.count > AT_ONCE {
        return Err(Error::new(Code::TooMany, "At most 1,000 accounts at once."));
    }
    seed(&app, asked.count).await.map_err(Error::internal)
}

/// Make accounts and sign in to each; a line of JSON for each.
///
/// # Errors
/// When the store cannot take them.
pub async fn seed(app: &App, count: usize) -> anyhow::Result<String> {
    let mut lines = String::new();
    let mut left = count;
    while left > 0 {
        let batch = left.min(AT_ONCE);
        left -= batch;
        // Names of one batch share a part that no other batch has.
        let tag = app.environment.bytes::<4>().iter().fold(String::new(), |mut tag, byte| {
            let _ = write!(tag, "{byte:02x}");
            tag
        });
        let account = |number: usize| NewAccount {
            id: UserId(app.environment.id()),
            name: format!("dev-{tag}-{number}"),
            display_name: format!("Dev {tag} {number}"),
            password_hash: None,
            at: app.environment.now(),
        };
        let accounts: Vec<_> = (1..=batch).map(account).collect();
        app.stores.accounts.create(accounts.clone()).await?;
        let signed_in = accounts.into_iter().map(async |account| {
            let device = Device {
                id: app.environment.id().into(),
                name: "Seeded".into(),
                platform: "dev".into(),
            };
            let id = device.id;
            let tokens = app.auth.begin(account.id, device).await?;
            Ok::<_, Error>(Seeded {
                name: account.name,
                user: tokens.user,
                device: id,
                session: tokens.session,
                access_token: tokens.access_token,
                refresh_token: tokens.refresh_token,
            })
        });
        for seeded in try_join_all(signed_in).await? {
            lines.push_str(&serde_json::to_string(&seeded)?);
            lines.push('\n');
        }
    }
    Ok(lines)
}

/// Ask the server that runs at this address to make them. `None` when none runs there.
///
/// # Errors
/// When it refuses or does not answer.
pub async fn ask(server: SocketAddr, count: usize) -> anyhow::Result<Option<String>> {
    let Ok(stream) = TcpStream::connect(server).await else { return Ok(None) };
    let (mut requests, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let talking = tokio::spawn(connection);
    let mut lines = String::new();
    let mut left = count;
    while left > 0 {
        let batch = left.min(AT_ONCE);
        left -= batch;
        let request = Request::post("/v1/dev/accounts")
            .header("host", server.to_string())
            .header("content-type", "application/json")
            .body(Full::<Bytes>::from(serde_json::to_vec(&Seed { count: batch })?))?;
        requests.ready().await?;
        let response = requests.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let text = std::str::from_utf8(&body).context("the server's answer")?;
        if status != StatusCode::OK {
            bail!("the server at {server} answered {status}: {text}");
        }
        lines.push_str(text);
    }
    talking.abort();
    Ok(Some(lines))
}
