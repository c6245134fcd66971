//! What a person sees while a command works: numbered steps, and how long each took.

use std::time::{Duration, Instant};

use anyhow::Result;

/// A row of steps.
pub(crate) struct Progress {
    title: &'static str,
    total: usize,
    done: usize,
}

impl Progress {
    /// `total` steps under a title.
    pub(crate) fn new(title: &'static str, total: usize) -> Self {
        Self { title, total, done: 0 }
    }

    /// Do the next step, and say what it is and how long it took.
    pub(crate) fn step<T>(&mut self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.done += 1;
        say(&format!("[{} {}/{}] {what}", self.title, self.done, self.total));
        let began = Instant::now();
        let result = work();
        let how = if result.is_ok() { "done" } else { "failed" };
        say(&format!(
            "[{} {}/{}] {how} after {}",
            self.title,
            self.done,
            self.total,
            took(began.elapsed())
        ));
        result
    }
}

/// A line for the person, on standard error, so that it stands between what the tools print there.
#[allow(clippy::print_stderr)] // This is what the person looks at.
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// A duration as people say it.
pub(crate) fn took(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds >= 60 {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_seconds_and_from_a_minute_on_in_minutes() {
        assert_eq!(took(Duration::from_millis(2_340)), "2.3 s");
        assert_eq!(took(Duration::from_secs(61)), "1 min 01 s");
    }
}
