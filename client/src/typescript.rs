//! Writes the TypeScript side of the seam: every type that crosses to a UI, and the table of calls.
//! The result is the same for the same sources, so that a build can compare it.

use std::collections::BTreeMap;
use std::path::Path;

use ts_rs::{Config, TS, TypeVisitor};

use crate::api;
use crate::view::Notification;

const HEADER: &str =
    "// Written by `cargo run -p client --bin export-types`. Not to be edited.\n\n";

/// Write `types.ts`, `calls.ts` and `index.ts` into `dir`, which is made if it does not exist.
///
/// # Errors
/// When a file cannot be written.
pub fn export_types(dir: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    for (name, text) in files() {
        std::fs::write(dir.join(name), text)?;
    }
    Ok(())
}

/// The files' names and texts.
fn files() -> [(&'static str, String); 3] {
    let mut all = Collector { config: Config::default(), types: BTreeMap::new() };
    api::visit_types(&mut all);
    all.visit::<api::CallError>();
    all.visit::<Notification>();
    let mut types = String::from(HEADER);
    let mut names = Vec::new();
    for (name, declaration) in &all.types {
        types.push_str(declaration);
        types.push('\n');
        names.push(name.as_str());
    }
    let calls = format!(
        "{HEADER}import type {{\n  {},\n}} from \"./types\";\n\n{}\n\
         export type CallName = keyof Calls;\n\
         export type Args<N extends CallName> = Calls[N][\"args\"];\n\
         export type Result<N extends CallName> = Calls[N][\"result\"];\n\n\
         export const CALLS: readonly CallName[] = {};\n",
        used(&names, &api::typescript()).join(",\n  "),
        api::typescript(),
        serde_json::to_string_pretty(api::CALLS).unwrap_or_default(),
    );
    let index = format!("{HEADER}export * from \"./types\";\nexport * from \"./calls\";\n");
    [("types.ts", types), ("calls.ts", calls), ("index.ts", index)]
}

/// Those of `names` that stand in `text` as a word.
fn used<'a>(names: &[&'a str], text: &str) -> Vec<&'a str> {
    let words: std::collections::BTreeSet<&str> =
        text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    names.iter().copied().filter(|name| words.contains(name)).collect()
}

/// Gathers the declaration of each type that it is shown, and of all that those need.
struct Collector {
    config: Config,
    types: BTreeMap<String, String>,
}

impl TypeVisitor for Collector {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // Only types with a file of their own have a declaration; `Vec`, `string` and ids have none.
        if T::output_path().is_none() {
            T::visit_generics(self);
            return;
        }
        let name = T::ident(&self.config);
        if self.types.contains_key(&name) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        self.types.insert(name, format!("{docs}export {}\n", T::decl(&self.config)));
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_and_every_type_it_names_is_written_and_twice_the_same() {
        let [(_, types), (_, calls), _] = files();
        for call in api::CALLS {
            assert!(calls.contains(&format!("  {call}: {{ args: ")), "{call}");
        }
        for name in ["AppState", "Row", "RowBody", "Block", "Span", "Code", "Notification", "Role"]
        {
            assert!(types.contains(&format!("export type {name} =")), "{name}");
        }
        assert!(!types.contains("bigint"), "numbers stay below 2^53 and cross as numbers");
        assert_eq!(files(), files());
    }
}
