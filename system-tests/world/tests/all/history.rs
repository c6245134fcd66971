//! What the server has stored, asked as a member may ask: the whole history of a conversation and
//! everybody's markers, over HTTP.

use std::sync::Arc;

use bytes::Bytes;
use client::connect::Connector;
use protocol::model::{Marker, Range};
use protocol::request::{Device as DeviceInfo, Markers, SignIn, Tokens};
use protocol::{ConversationId, DeviceId, Event, EventKind, MessageState, wire};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::device::Device;
use crate::place::{PASSWORD, Place};

/// A sign-in that only reads.
pub struct Auditor {
    connector: Arc<dyn Connector>,
    address: String,
    token: String,
}

/// A conversation, whole.
pub struct History {
    pub events: Vec<Event>,
    pub states: Vec<MessageState>,
}

impl History {
    /// The texts of the messages, as they are now, in order; empty for deleted ones.
    pub fn texts(&self) -> Vec<String> {
        self.messages().map(|(_, state)| state.text().unwrap_or_default().to_owned()).collect()
    }

    /// The messages with their states, in order.
    pub fn messages(&self) -> impl Iterator<Item = (&Event, &MessageState)> {
        let messages = self.events.iter().filter(|e| matches!(e.kind, EventKind::Message { .. }));
        messages.map(|event| {
            let state = self.states.iter().find(|state| state.seq == event.seq);
            (event, state.expect("every message has a state"))
        })
    }
}

impl Auditor {
    /// Sign in as somebody.
    pub async fn of(place: &dyn Place, who: &Device) -> Self {
        let mut auditor =
            Self { connector: place.connector(), address: place.address(), token: String::new() };
        let device = DeviceInfo {
            id: DeviceId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0a0d)),
            name: "auditor".into(),
            platform: "bot".into(),
        };
        let body = SignIn { name: who.name.clone(), password: PASSWORD.into(), device };
        let tokens: Tokens = auditor.ask("POST", "/v1/sign-in", Some(&body)).await;
        auditor.token = tokens.access_token;
        auditor
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> T {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token));
        let body = body.map(wire::encode).unwrap_or_default();
        let request = request.body(Bytes::from(body)).expect("a request");
        let answer = self.connector.http(request).await.expect("an answer");
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(answer.status().is_success(), "{method} {path}: {} {text}", answer.status());
        serde_json::from_str(&text).expect("what the protocol says")
    }

    /// Everything in a conversation.
    pub async fn history(&self, of: ConversationId) -> History {
        let mut history = History { events: Vec::new(), states: Vec::new() };
        let mut to = String::new();
        loop {
            let path = format!("/v1/conversations/{of}/events?from=1{to}");
            let range: Range = self.ask("GET", &path, None::<&()>).await;
            history.states.extend(range.states);
            history.events.splice(0..0, range.events);
            if range.from <= 1 {
                return history;
            }
            to = format!("&to={}", range.from - 1);
        }
    }

    /// Everybody's markers in a conversation.
    pub async fn markers(&self, of: ConversationId) -> Vec<Marker> {
        let path = format!("/v1/conversations/{of}/markers");
        self.ask::<Markers>("GET", &path, None::<&()>).await.markers
    }
}
