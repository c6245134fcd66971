//! Which crate may know which: `ui → desktop | bridge → client → protocol ← server → storage,
//! event-log`. `client` and `server` never see each other, and each outside thing with a seam around
//! it is known to the crates behind that seam only.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run::{output, program};

/// For each crate, the crates of this workspace that it may depend on, also in its tests.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("event-log", &[]),
    ("storage", &["protocol"]),
    ("server", &["protocol", "storage", "event-log"]),
    ("client", &["protocol"]),
    ("desktop", &["client", "protocol"]),
    ("bridge", &["client", "protocol"]),
    ("bot", &["client", "protocol"]),
    ("load", &["client", "protocol"]),
    ("xtask", &[]),
    ("programs", &[]),
];

/// The crates where client meets server: they may know all.
const MEETING_PLACES: &[&str] = &["system-tests", "desktop-tests", "process-tests", "fault-tests"];

/// Outside crates, by how their name begins, and who may know them.
const KNOWN_TO: &[(&str, &[&str])] = &[
    ("tauri", &["desktop"]),
    ("webkit2gtk", &["desktop"]),
    ("rusqlite", &["storage", "client"]),
    ("scylla", &["storage"]),
    ("tokio-postgres", &["storage"]),
    ("deadpool-postgres", &["storage"]),
    ("refinery", &["storage"]),
    ("rdkafka", &["event-log"]),
    ("axum", &["server", "bridge"]),
    ("keyring", &["client"]),
];

/// A crate and what it depends on.
#[derive(Debug)]
struct Package {
    name: String,
    dependencies: Vec<String>,
}

pub(super) fn complaints(root: &Path) -> Result<Vec<String>> {
    let words = ["cargo", "metadata", "--format-version", "1", "--no-deps"];
    let metadata: Value = serde_json::from_str(&output(&mut program(root, &words))?)?;
    Ok(judge(&packages(&metadata).context("cargo metadata has another form")?))
}

fn packages(metadata: &Value) -> Option<Vec<Package>> {
    let name = |value: &Value| Some(value.get("name")?.as_str()?.to_owned());
    let package = |value: &Value| {
        let dependencies: Option<Vec<String>> =
            value.get("dependencies")?.as_array()?.iter().map(name).collect();
        Some(Package { name: name(value)?, dependencies: dependencies? })
    };
    metadata.get("packages")?.as_array()?.iter().map(package).collect()
}

fn judge(packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        if MEETING_PLACES.contains(&name) {
            continue;
        }
        let Some((_, may_know)) = MAY_KNOW.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!("{name}: a crate that tidy/direction.rs does not place"));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = packages.iter().any(|other| other.name == *dependency);
            if ours && dependency != name && !may_know.contains(&dependency.as_str()) {
                wrong.push(format!("{name}: must not know {dependency}"));
            }
            for (begins, known_to) in KNOWN_TO {
                if dependency.starts_with(begins) && !known_to.contains(&name) {
                    wrong.push(format!("{name}: must not know {dependency}; {known_to:?} may"));
                }
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependencies = dependencies.iter().map(|&name| name.to_owned()).collect();
        Package { name: name.to_owned(), dependencies }
    }

    #[test]
    fn a_client_that_sees_the_server_is_a_complaint() {
        let mut all = vec![package("client", &["protocol"]), package("server", &["protocol"])];
        all.push(package("protocol", &[]));
        assert!(judge(&all).is_empty());
        all[0].dependencies.push("server".into());
        assert_eq!(judge(&all), ["client: must not know server"]);
    }

    #[test]
    fn an_outside_crate_behind_a_seam_is_known_there_only() {
        assert!(judge(&[package("desktop", &["tauri", "tauri-build"])]).is_empty());
        assert_eq!(judge(&[package("client", &["tauri"])]).len(), 1);
        assert_eq!(judge(&[package("server", &["rusqlite"])]).len(), 1);
    }

    #[test]
    fn a_crate_without_a_place_is_a_complaint() {
        assert_eq!(judge(&[package("misc", &[])]).len(), 1);
    }
}
