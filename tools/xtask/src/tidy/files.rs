//! Rules for single files.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::run::{output, program};

/// No file is longer.
const LINES: usize = 500;

/// Marks of unfinished work. Written in two halves, so that this file does not have them.
const MARKS: &[(&str, &str)] = &[
    ("todo", "!("),
    ("unimplemented", "!("),
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X"),
    ("#[igno", "re"),
    ("test.sk", "ip("),
    ("it.sk", "ip("),
    ("describe.sk", "ip("),
];

/// Folders of one machine, and hosts that a package manager was once pointed at.
const TRACES: &[(&str, &str)] = &[
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/wo", "rk/"),
    ("/Use", "rs/"),
    ("registry.npm", "js.org"),
    ("static.crates", ".io"),
    ("index.crates", ".io"),
    ("deb.debian", ".org"),
    ("files.python", "hosted.org"),
];

/// Made by tools; nobody reads them from the top.
const MADE: &[&str] = &["Cargo.lock", "package-lock.json"];

pub(super) fn complaints(root: &Path) -> Result<Vec<String>> {
    let words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"];
    let listed = output(&mut program(root, &words))?;
    let mut wrong = Vec::new();
    for name in listed.lines() {
        // What is no text, or was removed and not committed yet, has nothing to be read.
        let Ok(text) = fs::read_to_string(root.join(name)) else { continue };
        wrong.extend(judge(name, &text));
    }
    Ok(wrong)
}

fn judge(name: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let file = name.rsplit('/').next().unwrap_or(name);
    let kind = file.rsplit('.').next().unwrap_or_default();
    let source = matches!(kind, "rs" | "ts" | "mjs" | "svelte" | "css");
    if source {
        let lines = text.lines().count();
        if lines > LINES {
            wrong.push(format!("{name}: {lines} lines; {LINES} is the limit"));
        }
        if !says_why(kind, text) {
            wrong.push(format!("{name}: does not begin with why it exists"));
        }
        for (number, line) in text.lines().enumerate() {
            if let Some(mark) = found(line, MARKS) {
                wrong.push(format!("{name}:{}: {mark}", number + 1));
            }
        }
    }
    if kind == "ts" || kind == "svelte" {
        let door = name.starts_with("ui/src/backend/");
        if name.starts_with("ui/src/") && !door && text.contains("@tauri-apps") {
            wrong.push(format!("{name}: only ui/src/backend knows Tauri"));
        }
    }
    if !MADE.contains(&file) {
        for (number, line) in text.lines().enumerate() {
            if let Some(trace) = found(line, TRACES) {
                wrong.push(format!("{name}:{}: {trace}", number + 1));
            }
        }
    }
    wrong
}

fn found(line: &str, words: &[(&str, &str)]) -> Option<String> {
    words.iter().map(|(a, b)| format!("{a}{b}")).find(|word| line.contains(word.as_str()))
}

/// Whether the first thing in the file is a comment about the file.
fn says_why(kind: &str, text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let Some(mut first) = lines.next() else { return false };
    if kind == "svelte" && first.starts_with("<script") {
        first = lines.next().unwrap_or_default();
    }
    match kind {
        "rs" => first.starts_with("//!"),
        "css" => first.starts_with("/*"),
        "svelte" => ["//", "/*", "<!--"].iter().any(|mark| first.starts_with(mark)),
        _ => first.starts_with("//") || first.starts_with("/*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_says_why_and_is_short_is_tidy() {
        assert!(judge("client/src/a.rs", "//! Why.\nfn a() {}\n").is_empty());
        assert!(
            judge("ui/src/a.svelte", "<script lang=\"ts\">\n  // Why.\n</script>\n").is_empty()
        );
        assert!(judge("ui/src/a.css", "/* Why. */\n").is_empty());
    }

    #[test]
    fn each_rule_has_its_complaint() {
        let long = format!("//! Why.\n{}", "\n".repeat(LINES));
        assert!(judge("a.rs", &long)[0].contains("501 lines"));
        assert!(judge("a.rs", "fn a() {}")[0].contains("why it exists"));
        let mark = format!("//! Why.\n{}{} later\n", "FIX", "ME");
        assert!(judge("a.rs", &mark)[0].starts_with("a.rs:2: "));
        let door = "// Why.\nimport '@tauri-apps/api';\n";
        assert_eq!(judge("ui/src/chat/a.ts", door).len(), 1);
        assert!(judge("ui/src/backend/a.ts", door).is_empty());
        let trace = format!("data = {}{}me", "/ho", "me/");
        assert_eq!(judge("docs/a.md", &trace).len(), 1);
    }
}
