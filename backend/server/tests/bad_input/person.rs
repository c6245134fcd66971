//! Somebody with an account and a live session.

use protocol::request::Tokens;
use protocol::{ClientRef, Code, ConversationId, UserId, direct_conversation};
use serde_json::{Value, json};

use crate::live::{Live, authorization};
use crate::socket::{Carrier, Socket};

pub struct Person<'l> {
    pub live: &'l Live,
    pub tokens: Tokens,
    pub user: UserId,
    pub socket: Socket,
}

/// Where something is said: the conversation, and for a direct one the other person.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub id: ConversationId,
    pub peer: Option<UserId>,
}

impl Live {
    /// Somebody new, with a session that has said hello.
    pub async fn person(&self, name: &str) -> Person<'_> {
        let tokens = self.tokens(name).await;
        self.session(tokens).await
    }

    /// Another session of somebody.
    pub async fn session(&self, tokens: Tokens) -> Person<'_> {
        let carrier = self.connect().await;
        self.session_over(carrier, tokens).await
    }

    /// Another session of somebody, over any carrier.
    pub async fn session_over(
        &self,
        carrier: impl Carrier + 'static,
        tokens: Tokens,
    ) -> Person<'_> {
        let mut socket = self.upgrade(carrier, &authorization(&tokens.access_token)).await.unwrap();
        greet(&mut socket).await;
        Person { live: self, user: tokens.user, tokens, socket }
    }

    pub fn client_ref(&self) -> ClientRef {
        self.api.app.environment.id().into()
    }

    /// An id that nothing has, and that a group could have.
    pub fn nothing(&self) -> ConversationId {
        self.api.app.environment.id().into()
    }
}

/// Say hello and wait for the answer.
pub async fn greet(socket: &mut Socket) {
    socket.says(&json!({"hello": {"version": 1}})).await;
    while socket.hears().await.get("cursor").is_none() {}
}

pub fn submit(room: Room, client_ref: ClientRef, command: &Value) -> Value {
    json!({"submit": {
        "conversation": room.id,
        "peer": room.peer,
        "commands": [{"client_ref": client_ref, "command": command}],
    }})
}

pub fn message(text: &str) -> Value {
    json!({"message": {"text": text}})
}

impl Person<'_> {
    /// The direct conversation with somebody.
    pub fn with(&self, other: UserId) -> Room {
        Room { id: direct_conversation(self.user, other), peer: Some(other) }
    }

    /// Send one command: the seq of its event, or why not.
    pub async fn asks(&mut self, room: Room, command: &Value) -> Result<u64, Code> {
        let client_ref = self.live.client_ref();
        self.submits(room, client_ref, command).await
    }

    /// As [`Person::asks`], with this ref.
    pub async fn submits(
        &mut self,
        room: Room,
        client_ref: ClientRef,
        command: &Value,
    ) -> Result<u64, Code> {
        self.socket.says(&submit(room, client_ref, command)).await;
        self.outcome(room, client_ref).await
    }

    /// What became of a command that was sent.
    pub async fn outcome(&mut self, room: Room, client_ref: ClientRef) -> Result<u64, Code> {
        loop {
            let frame = self.socket.hears().await;
            let of = |part: &Value| part["client_ref"] == json!(client_ref);
            // Somebody else may use the same ref.
            let own = frame["event"]["event"]["sender"] == json!(self.user);
            let about = |part: &Value| part["conversation"] == json!(room.id);
            if own && of(&frame["event"]["event"]) {
                return Ok(frame["event"]["event"]["seq"].as_u64().unwrap());
            }
            if of(&frame["rejected"]) || about(&frame["error"]) {
                return Err(code(frame.get("rejected").unwrap_or(&frame["error"])));
            }
            if about(&frame["slow_down"]) {
                assert!(frame["slow_down"]["retry_after_ms"].as_u64().unwrap() > 0);
                return Err(Code::SlowDown);
            }
        }
    }

    /// Begin a group with these people.
    pub async fn begins(&mut self, members: &[UserId]) -> Room {
        let room = Room { id: self.live.nothing(), peer: None };
        let create = json!({"create": {"title": "Engine room", "members": members}});
        assert_eq!(self.asks(room, &create).await, Ok(1));
        room
    }

    /// The next frame with this op.
    pub async fn hears(&mut self, op: &str) -> Value {
        loop {
            if let Some(body) = self.socket.hears().await.get_mut(op) {
                return body.take();
            }
        }
    }

    /// Everything that is answered to this text at once. The session must go on: it is asked for
    /// something behind it.
    pub async fn answers(&mut self, text: &str) -> Vec<Value> {
        self.socket.text(text).await;
        self.answered().await
    }

    /// Everything that was answered before something that is asked now.
    pub async fn answered(&mut self) -> Vec<Value> {
        let nothing = self.live.nothing();
        self.socket.says(&json!({"mark": {"conversation": nothing, "read": 1}})).await;
        let mut before = Vec::new();
        loop {
            let frame = self.socket.hears().await;
            if frame["error"]["conversation"] == json!(nothing) {
                assert_eq!(code(&frame["error"]), Code::NotAMember);
                return before;
            }
            before.push(frame);
        }
    }

    /// The code of the one error that this text is answered with.
    pub async fn refusal(&mut self, text: &str) -> Code {
        let answers = self.answers(text).await;
        assert_eq!(answers.len(), 1, "{text:.200}: {answers:?}");
        code(&answers[0]["error"])
    }

    /// The text of the message with this seq, `None` for a deleted one.
    pub async fn reads(&self, room: Room, seq: u64) -> Option<String> {
        let range = self.range(room, &format!("from={seq}&to={seq}")).await;
        let states = range["states"].as_array().unwrap();
        let state = states.iter().find(|state| state["seq"] == json!(seq)).unwrap();
        state["texts"].as_array().unwrap().last().map(|t| t["text"].as_str().unwrap().to_owned())
    }

    pub async fn range(&self, room: Room, query: &str) -> Value {
        let path = format!("/v1/conversations/{}/events?{query}", room.id);
        self.live.api.get(&path, &self.tokens.access_token).await.json()
    }

    /// How many events the conversation has.
    pub async fn head(&self, room: Room) -> u64 {
        self.range(room, "from=1").await["to"].as_u64().unwrap()
    }
}

pub fn code(refusal: &Value) -> Code {
    serde_json::from_value(refusal["code"].clone()).unwrap_or_else(|_| panic!("{refusal}"))
}
