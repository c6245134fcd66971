//! A process with all that it has started, as the kernel counts what they take.

use std::fs;

use anyhow::{Context, Result};

/// How often a second the kernel counts CPU time: what programs are told, on every Linux.
const TICKS: f64 = 100.0;

/// The memory of all of them in megabytes of a million bytes. What several share is divided between them, so that it counts
/// once (proportional set size).
pub(crate) fn memory_mb(root: u32) -> Result<f64> {
    let mut kib = 0.0;
    for process in tree(root)? {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
        kib += pss_kib(&text).with_context(|| format!("no memory of process {process}"))?;
    }
    Ok(kib * 1024.0 / 1_000_000.0)
}

/// The CPU time of all of them, in seconds.
pub(crate) fn cpu_seconds(root: u32) -> Result<f64> {
    let mut ticks = 0.0;
    for process in tree(root)? {
        let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
        ticks += cpu_ticks(&text).with_context(|| format!("no times of process {process}"))?;
    }
    Ok(ticks / TICKS)
}

/// The process, and those below it.
fn tree(root: u32) -> Result<Vec<u32>> {
    let mut all = vec![root];
    let mut at = 0;
    while let Some(process) = all.get(at).copied() {
        at += 1;
        let threads = fs::read_dir(format!("/proc/{process}/task"));
        for thread in threads.with_context(|| format!("process {process}"))? {
            let children = fs::read_to_string(thread?.path().join("children"))?;
            all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    Ok(all)
}

fn pss_kib(rollup: &str) -> Option<f64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// In the process itself and in the kernel for it. Its name may have spaces and parentheses in it.
fn cpu_ticks(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let kernel: f64 = fields.next()?.parse().ok()?;
    Some(user + kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_the_line_of_that_name_and_no_other() {
        let rollup = "55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss:  900 kB\nPss:   1234 kB\n\
            Pss_Dirty:  7 kB\n";
        assert_eq!(pss_kib(rollup), Some(1234.0));
        assert_eq!(pss_kib("Rss: 1 kB\n"), None);
    }

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 99 0 3 0 250 50 9 9 20 0 5 0 123 456";
        assert_eq!(cpu_ticks(stat), Some(300.0));
        assert_eq!(cpu_ticks("42 (a"), None);
    }

    #[test]
    fn a_process_that_was_started_is_below_this_one() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let all = tree(std::process::id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(all.contains(&child.id()), "{all:?}");
        assert!(memory_mb(std::process::id()).unwrap() > 0.5);
    }
}
