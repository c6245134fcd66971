//! Snapshots: what crosses, as JSON in a file beside the tests. A changed snapshot is a decision about
//! the protocol, so it shows in the review; `KITH_SNAPSHOTS=write` writes the files anew.

use std::fmt::Debug;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The values of one group, and the file that they are in.
pub struct Snapshots {
    file: PathBuf,
    variants: Vec<String>,
    now: Map<String, Value>,
}

impl Snapshots {
    /// The group in `<folder>/<group>.json`. `variants` are the names that wrap a value, an op or a
    /// kind for example: an object with only that name is no place for further fields.
    #[must_use]
    pub fn of(folder: &str, group: &str, variants: Vec<String>) -> Self {
        let file = PathBuf::from(folder).join(group).with_extension("json");
        Self { file, variants, now: Map::new() }
    }

    /// Take this value, whose JSON must read as the same value, with fields of a newer version too.
    ///
    /// # Panics
    /// When it does not, or when the name is there already.
    pub fn add<T>(&mut self, name: &str, value: &T)
    where
        T: Serialize + DeserializeOwned + PartialEq + Debug,
    {
        let json = self.add_free(name, value);
        let newer = with_more(json, &self.variants);
        let read: T = serde_json::from_value(newer.clone())
            .unwrap_or_else(|error| panic!("{name} of a newer version: {error}\n{newer:#}"));
        assert_eq!(read, *value, "{name} of a newer version");
    }

    /// As [`Snapshots::add`], for a value some of whose fields are anybody's own JSON.
    ///
    /// # Panics
    /// When its JSON does not read as the same value, or when the name is there already.
    pub fn add_free<T>(&mut self, name: &str, value: &T) -> Value
    where
        T: Serialize + DeserializeOwned + PartialEq + Debug,
    {
        let text = serde_json::to_string(value).unwrap();
        let read: T = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{name} does not read: {error}\n{text}"));
        assert_eq!(read, *value, "{name}");
        let json: Value = serde_json::from_str(&text).unwrap();
        let before = self.now.insert(name.to_owned(), json.clone());
        assert!(before.is_none(), "{name} is there twice");
        json
    }

    /// The names so far that begin with `prefix`, without it.
    #[must_use]
    pub fn names(&self, prefix: &str) -> Vec<String> {
        self.now.keys().filter_map(|name| name.strip_prefix(prefix)).map(str::to_owned).collect()
    }

    /// The value with this name.
    #[must_use]
    pub fn value(&self, name: &str) -> &Value {
        &self.now[name]
    }

    /// Compare with the file, or write it.
    ///
    /// # Panics
    /// When they differ, or the file cannot be read or written.
    pub fn close(self) {
        let now = Value::Object(self.now);
        if std::env::var("KITH_SNAPSHOTS").is_ok_and(|wish| wish == "write") {
            std::fs::create_dir_all(self.file.parent().unwrap()).unwrap();
            std::fs::write(&self.file, format!("{now:#}\n")).unwrap();
            return;
        }
        let stored = std::fs::read_to_string(&self.file).unwrap_or_else(|_| "{}".into());
        let stored: Value = serde_json::from_str(&stored).unwrap();
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        for name in names(&stored) {
            let (was, is) = (&stored[&name], &now[&name]);
            assert_eq!(was, is, "{name} has changed in {}:\n{was:#}\n{is:#}", self.file.display());
        }
        assert_eq!(names(&stored), names(&now), "in {}", self.file.display());
    }
}

/// The same value as a newer version would send it: with a field more in every object that has
/// fields.
fn with_more(value: Value, variants: &[String]) -> Value {
    match value {
        Value::Array(all) => all.into_iter().map(|one| with_more(one, variants)).collect(),
        Value::Object(fields) => {
            let mut only = fields.iter();
            let wraps = match (only.next(), only.next()) {
                (Some((name, Value::Object(_))), None) => variants.contains(name),
                _ => false,
            };
            let mut fields: Map<String, Value> =
                fields.into_iter().map(|(name, one)| (name, with_more(one, variants))).collect();
            if !wraps {
                fields.insert("from_2031".into(), json!({"what": [1, null, "x"]}));
            }
            Value::Object(fields)
        }
        plain => plain,
    }
}

/// The names of an enum's variants, as its own decoder lists them when it meets none of them.
/// `tag` is the field that names the variant, if it is not the object's only key.
///
/// # Panics
/// When the decoder does not list them.
#[must_use]
pub fn variants<T: DeserializeOwned + Debug>(tag: Option<&str>) -> Vec<String> {
    let none = "none of them";
    let error = match tag {
        Some(tag) => serde_json::from_value::<T>(json!({ tag: none })).unwrap_err(),
        None => serde_json::from_value::<T>(json!({ none: {} })).unwrap_err(),
    };
    let error = error.to_string();
    let (_, list) = error.split_once("expected").unwrap_or_else(|| panic!("{error}"));
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
