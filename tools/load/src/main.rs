//! `load`: many clients against a running `kithd`. Each command measures one thing, prints it for
//! people, and writes it as JSON for `cargo xtask load`. One thread does it all, so that it can be
//! kept on one core and the server has the other for itself.

mod accounts;
mod chat;
mod clock;
mod direct;
mod groups;
mod idle;
mod latency;
mod process;
mod reconnects;
mod search;
mod session;
mod spin;
mod text;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use serde::Serialize;

use accounts::Account;
use process::Process;

#[derive(Parser)]
#[command(name = "load", about = "Many clients against a running kithd.")]
struct Arguments {
    /// Where the server listens. It must have `dev.accounts` on, unless `--tokens` is given, and
    /// limits that allow what is asked for; `cargo xtask load` shows which.
    #[arg(long, default_value = "127.0.0.1:4810")]
    address: SocketAddr,
    /// The server's process, for its CPU time and memory.
    #[arg(long)]
    pid: u32,
    /// What `kithd dev accounts` wrote; without it the server is asked for accounts.
    #[arg(long)]
    tokens: Option<PathBuf>,
    /// Where the result is written as JSON.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The highest rate of messages between two people that holds the latency.
    Direct(direct::Options),
    /// The highest rate of deliveries in groups that holds the latency.
    Groups(groups::Options),
    /// How much memory a signed-in session takes that does nothing.
    Idle(idle::Options),
    /// How long it takes until everybody who comes back has what waited.
    Reconnects(reconnects::Options),
}

/// What every measurement needs.
struct Bench {
    address: SocketAddr,
    server: Process,
    accounts: Vec<Account>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    rlimit::increase_nofile_limit(u64::MAX).context("the limit of open files")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, run(arguments))
}

async fn run(arguments: Arguments) -> Result<()> {
    let count = match &arguments.what {
        What::Direct(options) => options.accounts(),
        What::Groups(options) => options.accounts(),
        What::Idle(options) => options.sessions,
        What::Reconnects(options) => options.accounts(),
    };
    let accounts = match &arguments.tokens {
        Some(file) => accounts::read(file, count)?,
        None => accounts::seed(arguments.address, count).await?,
    };
    let server = Process::new(arguments.pid)?;
    let bench = Rc::new(Bench { address: arguments.address, server, accounts });
    let out = arguments.out.as_deref();
    match arguments.what {
        What::Direct(options) => write(out, &direct::measure(&bench, &options).await?),
        What::Groups(options) => write(out, &groups::measure(&bench, &options).await?),
        What::Idle(options) => write(out, &idle::measure(&bench, &options).await?),
        What::Reconnects(options) => write(out, &reconnects::measure(&bench, &options).await?),
    }
}

fn write(out: Option<&std::path::Path>, result: &impl Serialize) -> Result<()> {
    let json = serde_json::to_string_pretty(result)?;
    match out {
        Some(file) => std::fs::write(file, json + "\n").with_context(|| file.display().to_string()),
        None => {
            say(&json);
            Ok(())
        }
    }
}

/// A line for the person who measures.
#[allow(clippy::print_stdout)] // This is what a tool prints.
fn say(line: &str) {
    println!("{line}");
}
