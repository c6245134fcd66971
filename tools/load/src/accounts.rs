//! People to be: signed in, without passwords, as `kithd dev accounts` makes them.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use protocol::UserId;
use serde::Deserialize;
use tokio::net::TcpStream;

/// The server makes at most so many at once.
const AT_ONCE: usize = 1_000;

/// A signed-in account.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Account {
    /// Its id.
    pub(crate) user: UserId,
    /// What its session is opened with.
    pub(crate) access_token: String,
}

/// The first `count` accounts in a file that `kithd dev accounts` has written.
pub(crate) fn read(file: &Path, count: usize) -> Result<Vec<Account>> {
    let lines = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let accounts = parse(lines.lines().take(count))?;
    ensure!(accounts.len() == count, "{} has fewer than {count} accounts", file.display());
    Ok(accounts)
}

/// `count` new accounts of the server at this address.
pub(crate) async fn seed(server: SocketAddr, count: usize) -> Result<Vec<Account>> {
    let stream = TcpStream::connect(server).await.with_context(|| server.to_string())?;
    let (mut requests, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let talking = tokio::spawn(connection);
    let mut accounts = Vec::with_capacity(count);
    while accounts.len() < count {
        let some = (count - accounts.len()).min(AT_ONCE);
        let request = Request::post("/v1/dev/accounts")
            .header("host", server.to_string())
            .header("content-type", "application/json")
            .body(Full::<Bytes>::from(format!("{{\"count\":{some}}}")))?;
        requests.ready().await?;
        let response = requests.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let text = std::str::from_utf8(&body)?;
        ensure!(status == StatusCode::OK, "accounts: {status}; is dev.accounts on? {text}");
        accounts.extend(parse(text.lines())?);
    }
    talking.abort();
    Ok(accounts)
}

fn parse<'t>(lines: impl Iterator<Item = &'t str>) -> Result<Vec<Account>> {
    lines.map(|line| serde_json::from_str(line).context("a seeded account")).collect()
}
