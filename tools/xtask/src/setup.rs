//! What stands between a fresh clone and the first build: packages, npm's modules, the types that
//! the UI takes from Rust, the built UI. Each is done only when what it is made from has changed.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::machine::{self, Packages};
use crate::progress::{Progress, say};
use crate::run::{program, run};

/// All that any command needs.
pub(crate) const EVERYTHING: [&Packages; 5] =
    [&machine::COMPILE, &machine::WINDOW, &machine::SCREEN, &machine::TESTS, &machine::SERVICES];

/// Bring the machine and the tree to where everything builds.
pub(crate) fn setup(root: &Path, wanted: &[&Packages]) -> Result<()> {
    let ui = root.join("ui");
    let mut progress = Progress::new("set-up", 5);
    progress.step("Node", machine::node)?;
    progress.step("packages of the system", || machine::packages(wanted))?;
    progress.step("npm's modules", || modules(&ui))?;
    progress.step("types that the UI takes from the client", || types(root))?;
    progress.step("the UI", || built(&ui))
}

fn modules(ui: &Path) -> Result<()> {
    let lock = ui.join("package-lock.json");
    let installed = ui.join("node_modules/.installed-lock.json");
    let wanted = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    if fs::read(&installed).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    run(&mut program(ui, &["npm", "ci", "--no-audit", "--no-fund"]))?;
    fs::write(&installed, wanted)?;
    Ok(())
}

fn types(root: &Path) -> Result<()> {
    let words = ["cargo", "run", "-q", "-p", "client", "--bin", "export-types", "--"];
    run(program(root, &words).arg(root.join("ui/src/protocol")))
}

fn built(ui: &Path) -> Result<()> {
    let stamp = ui.join("dist/.made-from");
    let now = format!("{:016x}", made_from(ui)?);
    if fs::read_to_string(&stamp).is_ok_and(|before| before == now) {
        say("Nothing has changed.");
        return Ok(());
    }
    run(&mut program(ui, &["npm", "run", "--silent", "build"]))?;
    fs::write(&stamp, now)?;
    Ok(())
}

/// A number that changes when anything changes that the UI is built from.
fn made_from(ui: &Path) -> Result<u64> {
    let mut files = Vec::new();
    for folder in ["src", "public"] {
        collect(&ui.join(folder), &mut files)?;
    }
    for name in
        ["index.html", "package.json", "package-lock.json", "vite.config.ts", "svelte.config.js"]
    {
        files.push(ui.join(name));
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.strip_prefix(ui)?.hash(&mut hasher);
        fs::read(&file).unwrap_or_default().hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), into)?;
        } else {
            into.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_a_new_and_a_moved_source_are_noticed() {
        let ui = tempfile::tempdir().unwrap();
        fs::create_dir_all(ui.path().join("src/chat")).unwrap();
        fs::write(ui.path().join("src/chat/a.ts"), "1").unwrap();
        let first = made_from(ui.path()).unwrap();
        assert_eq!(made_from(ui.path()).unwrap(), first);

        fs::write(ui.path().join("src/chat/a.ts"), "2").unwrap();
        let changed = made_from(ui.path()).unwrap();
        fs::write(ui.path().join("src/b.ts"), "2").unwrap();
        let new = made_from(ui.path()).unwrap();
        fs::rename(ui.path().join("src/b.ts"), ui.path().join("src/c.ts")).unwrap();
        let moved = made_from(ui.path()).unwrap();
        let all = [first, changed, new, moved];
        for (n, one) in all.iter().enumerate() {
            assert!(!all[n + 1..].contains(one));
        }
    }
}
