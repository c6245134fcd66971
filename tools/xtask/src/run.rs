//! Other programs: how they are started, and what it means when they fail.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A program with its arguments, in a folder.
pub(crate) fn program(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(named(words[0]));
    command.args(&words[1..]).current_dir(folder).stdin(Stdio::null());
    command
}

/// Windows knows npm only by its full name; cargo says itself which cargo runs this.
fn named(name: &str) -> String {
    match name {
        "cargo" => std::env::var("CARGO").unwrap_or_else(|_| name.to_owned()),
        "npm" if cfg!(windows) => "npm.cmd".to_owned(),
        _ => name.to_owned(),
    }
}

/// Run to the end; what it prints goes to the person.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Run to the end and give what it printed, if it succeeded.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", shown(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Run to the end, pass on what it prints to standard output line by line, and let `look` see each
/// line. Whether it succeeded is in the answer.
pub(crate) fn watch(command: &mut Command, mut look: impl FnMut(&str)) -> Result<bool> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if let Some(stdout) = child.stdout.take() {
        let mut out = std::io::stdout().lock();
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            out.write_all(&line)?;
            out.write_all(b"\n")?;
            out.flush()?;
            look(&String::from_utf8_lossy(&line));
        }
    }
    Ok(child.wait()?.success())
}

/// Become the other program, so that nothing stands between it and the person's Ctrl-C.
pub(crate) fn become_program(command: &mut Command) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        let error = command.exec();
        Err(error).with_context(|| format!("cannot start {}", shown(command)))
    }
    #[cfg(not(unix))]
    run(command)
}

/// Whether a program can be found.
pub(crate) fn exists(name: &str) -> bool {
    let name = named(name);
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(&name).is_file()))
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_seen_and_a_failure_is_known() {
        let mut seen = Vec::new();
        let here = Path::new(".");
        let well = watch(&mut program(here, &["sh", "-c", "echo one; echo two; exit 3"]), |line| {
            seen.push(line.to_owned());
        });
        assert!(!well.unwrap());
        assert_eq!(seen, ["one", "two"]);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(&mut program(Path::new("."), &["no-such-program-of-kith"])).unwrap_err();
        assert!(error.to_string().contains("no-such-program-of-kith"));
        assert!(!exists("no-such-program-of-kith"));
    }
}
