//! The measuring part of `cargo xtask bench-desktop`: starts the real app on a screen that nobody
//! sees, does in it what a person does, and writes down what it took. What that means, and what has
//! to be reached, is the command's part.
//!
//! `bench-desktop OUT SMALL LARGE PART…`: the file for the results, two data folders that the example
//! `cache_speed` of the client has filled, and what to measure.

mod background;
mod cache;
mod keys;
mod process_tree;
mod start;
mod window;

use std::path::Path;
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use desktop_tests::private_session::{again_inside, is_inside, unlock_keyring};
use serde_json::{Map, Value};

use cache::Cache;

#[allow(clippy::print_stderr)] // This is what the person looks at.
fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if !is_inside() {
        let output = again_inside(&arguments, Stdio::inherit())?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        return Ok(());
    }
    let [out, small, large, parts @ ..] = arguments.as_slice() else {
        bail!("usage: bench-desktop OUT SMALL LARGE PART…")
    };
    unlock_keyring()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            result = measure(Path::new(out), small, large, parts) => result,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                bail!("interrupted")
            }
        }
    })
}

async fn measure(out: &Path, small: &str, large: &str, parts: &[&str]) -> Result<()> {
    let small = Cache::provide("small", Path::new(small)).await?;
    let large = Cache::provide("large", Path::new(large)).await?;
    let mut results = Map::new();
    for &part in parts {
        let found = match part {
            "start" => start::measure(&small, &large).await,
            "window" => window::measure(&large).await,
            "background" => background::measure(&large).await,
            other => bail!("nothing is called {other}"),
        };
        let found = found.with_context(|| format!("measuring {part}"))?;
        results.insert(part.to_owned(), found);
    }
    std::fs::write(out, Value::Object(results).to_string()).context("the results")
}

/// A line of progress.
#[allow(clippy::print_stdout)] // This is what the person looks at.
fn say(line: &str) {
    println!("  {line}");
}
