//! The OpenAPI document: collected from the handlers, completed here with what they have in common.
//! A handler names only the codes that are its own; those of every signed-in request, of every body
//! and of every route are added, and each code is put under its HTTP status.

use std::collections::{BTreeMap, BTreeSet};

use axum::Extension;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use protocol::push::Pushed;
use protocol::request::{Poll, PollOpened, PollSend, Polled};
use protocol::{Code, Problem};
use serde_json::{Value, json};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};
use utoipa::{Modify, OpenApi as _};

/// What any request can be answered with.
const ALWAYS: &[Code] = &[Code::Internal];
/// What any request below `/v1` can be answered with.
const VERSIONED: &[Code] = &[Code::ForeignOrigin];
/// What any request that needs an access token can be answered with.
const SIGNED_IN: &[Code] = &[Code::Unauthorized, Code::TokenExpired, Code::SessionEnded];
/// What any request with a body can be answered with.
const WITH_BODY: &[Code] = &[Code::Malformed, Code::TooLarge, Code::UnsupportedMediaType];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Kith",
        description = "What apps ask a Kith server over HTTP: accounts, people, sessions, nodes and \
            reading history. Everything that changes a conversation goes through frames, over \
            `GET /v1/socket` or the poll routes; the frames are described in `docs/protocol.md`."
    ),
    components(schemas(Problem, Poll, PollOpened, PollSend, Polled, Pushed)),
    modifiers(&AccessToken)
)]
struct Beginning;

struct AccessToken;

impl Modify for AccessToken {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document
            .components
            .get_or_insert_with(Components::new)
            .add_security_scheme("access_token", scheme);
    }
}

/// The document without any routes.
pub(crate) fn beginning() -> OpenApi {
    Beginning::openapi()
}

/// The whole document.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn document() -> serde_json::Result<Value> {
    complete(super::routes().into_openapi())
}

/// The document as it is served.
#[derive(Clone, Debug)]
pub(crate) struct Document(pub(crate) Bytes);

impl Document {
    /// What was collected, completed.
    pub(crate) fn of(collected: OpenApi) -> Self {
        // Numbers, text and string keys: nothing that can fail. A test reads it.
        Self(complete(collected).map(|value| value.to_string()).unwrap_or_default().into())
    }
}

/// This document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "Server",
    responses((status = 200, description = "OpenAPI 3.1.", content_type = "application/json")))]
pub(crate) async fn serve(Extension(Document(bytes)): Extension<Document>) -> Response {
    ([(CONTENT_TYPE, "application/json")], bytes).into_response()
}

fn complete(collected: OpenApi) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(collected)?;
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let mut all: BTreeMap<String, Value> =
        paths.map(|(path, item)| (path.clone(), item.take())).collect();
    all.extend(live());
    for (path, item) in &mut all {
        for operation in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
            add_refusals(path, operation);
        }
    }
    document["paths"] = json!(all);
    // The codes as they cross: the schema is collected from the names that Rust knows them by.
    let codes = &mut document["components"]["schemas"]["Code"];
    *codes = json!({"type": "string", "description": codes["description"], "enum": Code::ALL});
    spell_out_numbers(&mut document);
    let schemas = document["components"]["schemas"].as_object_mut();
    if let Some(schemas) = schemas {
        schemas.remove("i64");
    }
    // An event of a newer server is not wrapped: it is an object with whatever name it has there.
    let kinds = document["components"]["schemas"]["EventKind"]["oneOf"].as_array_mut();
    if let Some(newer) = kinds.and_then(|kinds| kinds.last_mut()) {
        *newer = json!({"type": "object", "description": newer["description"]});
    }
    Ok(document)
}

/// `Millis` is another word for a number, which is collected as a type of its own.
fn spell_out_numbers(value: &mut Value) {
    if value.get("$ref").is_some_and(|to| to == "#/components/schemas/i64") {
        let description = value.get("description").cloned();
        *value = json!({"type": "integer", "format": "int64"});
        if let Some(description) = description {
            value["description"] = description;
        }
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(spell_out_numbers),
        Value::Array(items) => items.iter_mut().for_each(spell_out_numbers),
        _ => {}
    }
}

/// Put every code that the operation can be refused with under its status.
fn add_refusals(path: &str, operation: &mut Value) {
    let own = operation["x-codes"].as_array().cloned().unwrap_or_default();
    let mut codes: BTreeSet<Code> = own
        .iter()
        .filter_map(Value::as_str)
        .map(Code::parse)
        .chain(ALWAYS.iter().copied())
        .collect();
    let when = |holds: bool, more: &'static [Code]| if holds { more } else { &[] };
    codes.extend(when(path.starts_with("/v1/"), VERSIONED));
    codes.extend(when(operation.get("security").is_some(), SIGNED_IN));
    codes.extend(when(operation.get("requestBody").is_some(), WITH_BODY));
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in &codes {
        by_status.entry(code.status()).or_default().push(code.as_str());
    }
    for (status, codes) in by_status {
        let description = format!("`{}`", codes.join("`, `"));
        operation["responses"][status.to_string()] = json!({
            "description": description,
            "content": {"application/problem+json": {"schema": reference("Problem")}},
        });
    }
    operation["x-codes"] = json!(codes);
}

/// The routes of the gateway, which are about frames more than about HTTP.
fn live() -> impl Iterator<Item = (String, Value)> {
    let body = |name: &str| json!({"application/json": {"schema": reference(name)}});
    let post =
        |summary: &str, description: &str, request: Option<&str>, answer: Value, codes: &[&str]| {
            let mut operation = json!({
                "tags": ["Live"], "summary": summary, "description": description,
                "security": [{"access_token": []}], "x-codes": codes, "responses": {"200": answer},
            });
            if let Some(request) = request {
                operation["requestBody"] = json!({"required": true, "content": body(request)});
            }
            json!({"post": operation})
        };
    let gone = ["session_unknown"];
    [
        ("/v1/socket", json!({"get": {
            "tags": ["Live"],
            "summary": "A WebSocket on which frames go both ways.",
            "description": "Say `hello` within five seconds. See `docs/protocol.md`.",
            "security": [{"access_token": []}],
            "x-codes": ["too_many_sockets", "busy", "stopping"],
            "responses": {"101": {"description": "The socket is open."}},
        }})),
        ("/v1/poll/open", post(
            "Begin to poll, where a WebSocket cannot pass.",
            "A session without a poll for 60 seconds ends.",
            None,
            json!({"description": "It is open.", "content": body("PollOpened")}),
            &["too_many_sockets", "busy", "stopping"],
        )),
        ("/v1/poll", post(
            "Wait up to 25 seconds for frames.",
            "Answer n is kept and repeated until n+1 is asked for. A newer poll ends the older with \
             an empty answer.",
            Some("Poll"),
            json!({"description": "What has come.", "content": body("Polled")}),
            &gone,
        )),
        ("/v1/poll/send", post(
            "Send frames.",
            "Answers at once. An m that was seen already is answered again and not applied again.",
            Some("PollSend"),
            json!({"description": "They were taken."}),
            &gone,
        )),
    ]
    .into_iter()
    .map(|(path, item)| (path.to_owned(), item))
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations(document: &Value) -> Vec<(String, &Value)> {
        let paths = document["paths"].as_object().unwrap();
        let of =
            |(path, item): (&String, &'_ Value)| (path.clone(), item.as_object().unwrap().len());
        assert!(paths.iter().map(of).all(|(_, methods)| methods > 0));
        paths
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().unwrap().iter().map(move |(m, op)| (format!("{m} {path}"), op))
            })
            .collect()
    }

    #[test]
    fn every_route_is_described_and_every_code_that_it_names_exists() {
        let document = document().unwrap();
        let operations = operations(&document);
        assert!(operations.len() >= 30, "{}", operations.len());
        for (name, operation) in operations {
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{name}");
            assert!(!operation["tags"][0].is_null(), "{name}");
            for code in operation["x-codes"].as_array().unwrap() {
                assert_ne!(Code::parse(code.as_str().unwrap()), Code::Unknown, "{name}: {code}");
            }
        }
    }

    #[test]
    fn every_schema_that_is_referred_to_is_there() {
        let document = document().unwrap();
        let text = document.to_string();
        for part in text.split("\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(!document["components"]["schemas"][name].is_null(), "{name}");
        }
    }
}
