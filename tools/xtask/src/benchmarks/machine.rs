//! Which machine it was: a number without that says nothing.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::run::{output, program};

/// Writes of which the middle one says how fast the disk is.
const WRITES: usize = 200;

/// The machine, its disk at `folder`, the day and the commit.
pub(crate) fn describe(root: &Path, folder: &Path) -> Result<Value> {
    let said = |words: &[&str]| {
        Ok::<_, anyhow::Error>(output(&mut program(root, words))?.trim().to_owned())
    };
    let cpu = field(&std::fs::read_to_string("/proc/cpuinfo")?, "model name")?;
    let memory = field(&std::fs::read_to_string("/proc/meminfo")?, "MemTotal")?;
    let kib: f64 = memory.trim_end_matches(" kB").parse()?;
    Ok(json!({
        "cpu": cpu,
        "cores": std::thread::available_parallelism()?.get(),
        "memory_gib": (kib / 1024.0 / 1024.0).round(),
        "system": said(&["uname", "-sr"])?,
        "fdatasync_millis": fdatasync_millis(folder)?,
        "date": said(&["date", "-u", "+%Y-%m-%d"])?,
        "commit": said(&["git", "rev-parse", "--short", "HEAD"])?,
    }))
}

fn field(text: &str, name: &str) -> Result<String> {
    let line = text.lines().find(|line| line.starts_with(name));
    let value =
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned());
    value.with_context(|| format!("/proc says nothing of {name}"))
}

/// How long 16 KiB take to become durable at the end of a file, in the middle of many.
fn fdatasync_millis(folder: &Path) -> Result<f64> {
    let path = folder.join("fdatasync");
    let mut file = File::create(&path)?;
    let mut took = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let began = Instant::now();
        file.write_all(&[1; 16 * 1024])?;
        file.sync_data()?;
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    std::fs::remove_file(&path)?;
    took.sort_by(f64::total_cmp);
    Ok((took[WRITES / 2] * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_how_its_line_begins() {
        assert_eq!(field("a : 1\nmodel name\t: Some CPU\n", "model name").unwrap(), "Some CPU");
        assert!(field("a : 1\n", "b").is_err());
    }
}
