//! The HTTP side of the nodes, as far as this test asks it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use client::connect::{Connector, Network};
use protocol::model::{Marker, Range};
use protocol::{ConversationId, UserId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

/// How long a request may take: a frozen node never answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Somebody who is signed in.
#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    /// Who.
    pub user: UserId,
    /// Good at every node, for longer than the test.
    pub access_token: String,
}

/// Asks any node.
pub struct Api {
    /// The network that sessions use too.
    pub network: Network,
}

impl Api {
    /// # Errors
    /// When there is no network at all.
    pub fn new() -> Result<Self> {
        // Another part of the program may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self { network: Network::new()? })
    }

    /// Make accounts and sign in to each.
    ///
    /// # Errors
    /// When the node does not.
    pub async fn accounts(&self, node: &str, count: usize) -> Result<Vec<Account>> {
        let uri = format!("{node}/v1/dev/accounts");
        let text = self.ask("POST", &uri, "", json!({ "count": count }).to_string()).await?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// A stretch of a conversation; `to` nothing for its end.
    ///
    /// # Errors
    /// When the node does not answer, or refuses.
    pub async fn range(
        &self,
        node: &str,
        who: &Account,
        room: ConversationId,
        from: u64,
        to: Option<u64>,
    ) -> Result<Range> {
        let to = to.map(|to| format!("&to={to}")).unwrap_or_default();
        let uri = format!("{node}/v1/conversations/{room}/events?from={from}{to}");
        self.read(&uri, who).await
    }

    /// Everybody's markers.
    ///
    /// # Errors
    /// When the node does not answer, or refuses.
    pub async fn markers(
        &self,
        node: &str,
        who: &Account,
        room: ConversationId,
    ) -> Result<Vec<Marker>> {
        let uri = format!("{node}/v1/conversations/{room}/markers");
        let markers: protocol::request::Markers = self.read(&uri, who).await?;
        Ok(markers.markers)
    }

    async fn read<T: DeserializeOwned>(&self, uri: &str, who: &Account) -> Result<T> {
        let text = self.ask("GET", uri, &who.access_token, String::new()).await?;
        serde_json::from_str(&text).with_context(|| format!("GET {uri}: {text:.200}"))
    }

    async fn ask(&self, method: &str, uri: &str, token: &str, body: String) -> Result<String> {
        let request = http::Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Bytes::from(body))?;
        let asked = timeout(PATIENCE, self.network.http(request));
        let answer = asked.await.with_context(|| format!("{method} {uri}: no answer"))?;
        let answer = answer.with_context(|| format!("{method} {uri}"))?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        ensure!(answer.status().is_success(), "{method} {uri}: {} {text}", answer.status());
        Ok(text)
    }
}

/// The code of a refusal in the text of an error, as nothing decides on these but a test.
#[must_use]
pub fn is_refusal(error: &anyhow::Error, code: &str) -> bool {
    let quoted = Value::from(code).to_string();
    error.to_string().contains(&quoted)
}
