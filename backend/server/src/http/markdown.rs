//! `docs/api.md`, made from the OpenAPI document, so that what people read is what is served.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

/// The sections, in the order in which somebody who writes an app needs them.
const SECTIONS: &[&str] =
    &["Signing in", "Sessions", "Account", "People", "Push", "Conversations", "Live", "Server"];

/// The document as a page of Markdown.
#[must_use]
pub fn markdown(document: &Value) -> String {
    let mut page = String::from(
        "<!-- Made by `kithd openapi --markdown`. Change the handlers, not this page. -->\n\n\
         # HTTP API\n\n",
    );
    line(&mut page, &text(&document["info"]["description"]));
    line(&mut page, FORM);
    for section in SECTIONS {
        line(&mut page, &format!("## {section}"));
        for (path, item) in sorted(&document["paths"]) {
            for (method, operation) in sorted(item) {
                if operation["tags"][0] == **section {
                    route(&mut page, &method.to_uppercase(), path, operation);
                }
            }
        }
    }
    line(&mut page, "## Types");
    for (name, schema) in sorted(&document["components"]["schemas"]) {
        kind(&mut page, name, schema);
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

const FORM: &str = "Bodies are JSON objects with `Content-Type: application/json`, at most 132 KiB; \
    unknown fields are ignored. Ids are UUIDs as strings. A request marked *signed in* carries \
    `Authorization: Bearer` with an access token. Whatever is refused is answered with an \
    `application/problem+json` of the type [Problem](#problem); programs compare its `code`.";

fn route(page: &mut String, method: &str, path: &str, operation: &Value) {
    line(page, &format!("### {method} {path}"));
    line(page, &text(&operation["summary"]));
    if let Some(description) = operation["description"].as_str() {
        line(page, &flow(description));
    }
    let mut facts = String::new();
    if operation.get("security").is_some() {
        facts.push_str("- *Signed in.*\n");
    }
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
        let about = text(&parameter["description"]);
        let _ = writeln!(facts, "- `{name}` ({place}): {about}");
    }
    if let Some(body) = operation.get("requestBody") {
        let _ =
            writeln!(facts, "- Body: {}", named(&body["content"]["application/json"]["schema"]));
    }
    for (status, response) in sorted(&operation["responses"]) {
        let body = &response["content"]["application/json"]["schema"];
        let mut words: Vec<String> = Vec::new();
        if !body.is_null() {
            words.push(named(body));
        }
        words.extend(Some(text(&response["description"])).filter(|about| !about.is_empty()));
        let _ = writeln!(facts, "- **{status}** {}", words.join(". "));
    }
    line(page, facts.trim_end());
}

fn kind(page: &mut String, name: &str, schema: &Value) {
    line(page, &format!("### {name}"));
    if let Some(description) = schema["description"].as_str() {
        line(page, &flow(description));
    }
    if let Some(values) = values(schema) {
        line(page, &format!("One of {}.", values.join(", ")));
    } else if let Some(choices) = choices(schema) {
        line(page, "One of:");
        let choices: Vec<_> = choices.iter().map(|choice| format!("- {choice}")).collect();
        line(page, &choices.join("\n"));
    } else if schema["properties"].is_null() {
        line(page, &format!("Crosses as: {}.", named(schema)));
    } else {
        let mut table = String::from("| field | type | |\n|---|---|---|\n");
        for (field, of) in sorted(&schema["properties"]) {
            let optional = if is_required(schema, field) { "" } else { "*optional* " };
            let about = flow(&text(&of["description"]));
            let row = format!("| `{field}` | {} | {optional}{about}", named(of));
            let _ = writeln!(table, "{} |", row.trim_end());
        }
        line(page, table.trim_end());
    }
}

/// The words of a plain enumeration.
fn values(schema: &Value) -> Option<Vec<String>> {
    let of = |part: &Value| -> Option<Vec<String>> {
        let words = part["enum"].as_array()?;
        Some(words.iter().map(|word| format!("`{}`", text(word))).collect())
    };
    of(schema).or_else(|| {
        let parts = schema["oneOf"].as_array()?;
        parts.iter().map(of).collect::<Option<Vec<_>>>().map(|parts| parts.concat())
    })
}

/// What an enumeration with content may be.
fn choices(schema: &Value) -> Option<Vec<String>> {
    let parts = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array())?;
    let of = |part: &Value| {
        let about = flow(&text(&part["description"]));
        format!("{} {about}", named(part)).trim_end().to_owned()
    };
    Some(parts.iter().map(of).collect())
}

/// A type in a few words, with a link where it is described.
fn named(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(parts) = schema["oneOf"].as_array().or_else(|| schema["allOf"].as_array()) {
        let parts = parts.iter().filter(|part| part["type"] != "null").map(named);
        return parts.collect::<Vec<_>>().join(" or ");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => {
            kinds.iter().filter(|kind| *kind != "null").map(text).collect::<Vec<_>>().join(" or ")
        }
        kind => text(kind),
    };
    match (kind.as_str(), schema["format"].as_str()) {
        ("array", _) if schema.get("prefixItems").is_some() => {
            let items = schema["prefixItems"].as_array().into_iter().flatten().map(named);
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        ("array", _) => format!("list of {}", named(&schema["items"])),
        ("object", _) if schema["properties"].is_object() => {
            let fields = sorted(&schema["properties"]).into_iter();
            let fields = fields.map(|(field, of)| format!("`{field}`: {}", named(of)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        ("string", Some("uuid")) => "string, a UUID".into(),
        ("", _) => "any JSON".into(),
        _ => kind,
    }
}

fn is_required(schema: &Value, field: &str) -> bool {
    schema["required"].as_array().is_some_and(|all| all.iter().any(|name| name == field))
}

/// By key, however the map itself is ordered.
fn sorted(object: &Value) -> BTreeMap<&str, &Value> {
    object.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// One paragraph on one line, without the links that only rustdoc follows.
fn flow(words: &str) -> String {
    let joined = words.split_whitespace().collect::<Vec<_>>().join(" ");
    joined.replace("[`", "`").replace("`]", "`").replace("crate::", "").replace('|', "\\|")
}

fn line(page: &mut String, words: &str) {
    page.push_str(words);
    page.push_str("\n\n");
}
