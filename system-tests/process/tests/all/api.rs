//! The HTTP side of a server, as far as these tests ask it: accounts without passwords, and history.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use client::connect::{Connector, Network};
use protocol::model::Range;
use protocol::{ConversationId, Event, MessageState, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

/// A server, asked over HTTP.
pub(crate) struct Api {
    /// The network that sessions use too.
    pub(crate) network: Network,
    /// `http://host:port`.
    pub(crate) address: String,
}

/// Somebody who is signed in.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Account {
    /// Who.
    pub(crate) user: UserId,
    /// For `Authorization: Bearer`. Outlives a restart of the server.
    pub(crate) access_token: String,
}

/// A conversation's events from one on, with the states of its messages.
#[derive(Default)]
pub(crate) struct History {
    /// Ascending.
    pub(crate) events: Vec<Event>,
    /// In no particular order.
    pub(crate) states: Vec<MessageState>,
}

impl Api {
    /// The server at this address.
    pub(crate) fn new(address: String) -> Result<Self> {
        // Another test may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self { network: Network::new()?, address })
    }

    /// Make accounts and sign in to each.
    pub(crate) async fn accounts(&self, count: usize) -> Result<Vec<Account>> {
        let lines = self.ask("POST", "/v1/dev/accounts", "", &json!({ "count": count })).await?;
        lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// Everything in a conversation from this seq on, as a member sees it.
    pub(crate) async fn history(
        &self,
        who: &Account,
        conversation: ConversationId,
        from: u64,
    ) -> Result<History> {
        let mut history = History::default();
        let mut to = String::new();
        loop {
            let path = format!("/v1/conversations/{conversation}/events?from={from}{to}");
            let range = self.ask("GET", &path, &who.access_token, &Value::Null).await?;
            let range: Range = serde_json::from_str(&range)?;
            history.states.extend(range.states);
            history.events.splice(0..0, range.events);
            if range.from <= from {
                return Ok(history);
            }
            to = format!("&to={}", range.from - 1);
        }
    }

    /// The body of an answer that is none of a refusal.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &Value,
    ) -> Result<String> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Bytes::from(body))?;
        let answer =
            self.network.http(request).await.with_context(|| format!("{method} {path}"))?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        ensure!(answer.status().is_success(), "{method} {path}: {} {text}", answer.status());
        Ok(text)
    }
}
