//! What the page of the window may do, read from the files that are compiled in.

use std::fs;
use std::path::Path;

use serde_json::Value;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn scripts_come_from_the_app_only_and_tauri_is_no_global() {
    let configuration = read("tauri.conf.json");
    let app = &configuration["app"];
    assert_eq!(app["withGlobalTauri"], false);
    let policy = &app["security"]["csp"];
    assert_eq!(policy["default-src"], "'self'");
    assert_eq!(policy["script-src"], "'self'");
    for nothing in ["object-src", "frame-src", "base-uri", "form-action"] {
        assert_eq!(policy[nothing], "'none'", "{nothing}");
    }
    // Only styles may stand in the page; the policy of scripts stays as the build makes it.
    let loosened = &app["security"]["dangerousDisableAssetCspModification"];
    assert_eq!(loosened, &serde_json::json!(["style-src"]));
}

#[test]
fn the_page_may_use_the_two_commands_of_the_bridge_and_nothing_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("capabilities");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let capability = read("capabilities/main.json");
    assert_eq!(capability["windows"], serde_json::json!(["main"]));
    assert_eq!(capability["permissions"], serde_json::json!(["allow-call", "allow-subscribe"]));
    assert!(capability.get("remote").is_none());
}

#[test]
fn an_installed_app_takes_links_of_its_own_scheme_and_of_no_other() {
    // The packages register what stands here; `deep_links.rs` says which of them lead anywhere.
    let configuration = read("tauri.conf.json");
    let plugins = &configuration["plugins"];
    assert_eq!(plugins["deep-link"]["desktop"]["schemes"], serde_json::json!(["kith"]));
    assert_eq!(plugins.as_object().map(serde_json::Map::len), Some(1));
}
