//! The server as its machine sees it: CPU time and memory, from `/proc`.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// The unit of CPU time in `/proc/PID/stat`: every Linux that Rust's standard library supports says
/// 100 a second to programs, whatever it uses inside.
const TICKS: f64 = 100.0;

/// A process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    folder: PathBuf,
}

impl Process {
    /// # Errors
    /// When there is no such process.
    pub(crate) fn new(pid: u32) -> Result<Self> {
        let process = Self { folder: PathBuf::from(format!("/proc/{pid}")) };
        process.cpu_seconds()?;
        Ok(process)
    }

    /// CPU time so far, user and system, all threads.
    ///
    /// # Errors
    /// When the process has ended.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = self.read("stat")?;
        cpu_ticks(&stat).map(|ticks| ticks / TICKS).context("/proc/PID/stat has another form")
    }

    /// Resident memory in KiB.
    ///
    /// # Errors
    /// When the process has ended.
    pub(crate) fn resident_kib(&self) -> Result<f64> {
        let status = self.read("status")?;
        resident_kib(&status).context("/proc/PID/status has another form")
    }

    fn read(&self, name: &str) -> Result<String> {
        let file = self.folder.join(name);
        std::fs::read_to_string(&file).with_context(|| format!("the server: {}", file.display()))
    }
}

/// The 14th and 15th fields; the second, in brackets, may hold anything.
fn cpu_ticks(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11).map(str::parse::<f64>);
    Some(fields.next()?.ok()? + fields.next()?.ok()?)
}

fn resident_kib(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_and_memory_are_found() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 1 0 9 1 1";
        assert_eq!(cpu_ticks(stat), Some(200.0));
        assert_eq!(resident_kib("Name:\tx\nVmRSS:\t  2048 kB\n"), Some(2048.0));
    }
}
