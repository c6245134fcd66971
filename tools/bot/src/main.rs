//! `kith-bot`: the chat client for terminals and scripts. It says everything in lines of JSON, and
//! how it went in its exit code.

mod account;
mod arguments;
mod bot;
mod failure;
mod follow;
mod group;
mod history;
mod line;
mod listen;
mod password;
mod send;
mod target;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command, GroupCommand};
use crate::bot::Bot;
use crate::failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log();
    // Another library in the same program may bring another provider; this one is meant.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Standard error may be gone; there is nowhere else to say it.
            let _ = writeln!(std::io::stderr(), "kith-bot: {failure}");
            failure.exit_code()
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local("runtime", error.to_string()))?;
    let result = runtime.block_on(async {
        let mut bot = Bot::start(arguments).await?;
        let result = command(&mut bot, arguments).await;
        bot.client.shutdown().await;
        result
    });
    // A thread may still wait for standard input, and nothing waits for that thread.
    runtime.shutdown_background();
    result
}

async fn command(bot: &mut Bot, arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Register { display_name } => {
            account::register(bot, arguments, display_name.clone()).await
        }
        Command::SignIn => account::sign_in(bot, arguments).await,
        Command::SignOut => account::sign_out(bot, arguments).await,
        Command::Send { to, text, no_wait } => {
            bot.needs_account(arguments)?;
            send::send(bot, to, text, !no_wait).await
        }
        Command::Flush => {
            bot.needs_account(arguments)?;
            send::flush(bot).await
        }
        Command::Listen { read } => {
            bot.needs_account(arguments)?;
            listen::listen(bot, *read).await
        }
        Command::History { of, last } => {
            bot.needs_account(arguments)?;
            history::history(bot, of, *last).await
        }
        Command::List => {
            bot.needs_account(arguments)?;
            history::list(bot).await
        }
        Command::Group(GroupCommand::Create { title, names, no_wait }) => {
            bot.needs_account(arguments)?;
            group::create(bot, title, names, !no_wait).await
        }
    }
}

/// What the client has to say to its developers goes to standard error.
fn log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
