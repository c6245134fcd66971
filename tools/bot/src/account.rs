//! Registering, signing in and out.

use client::api::{Answers, Nothing, RegisterArgs, SignInArgs};
use client::view::AppState;

use crate::arguments::Arguments;
use crate::bot::{Bot, print};
use crate::failure::Failure;
use crate::line::Line;
use crate::password::password;

/// Make the account and sign in.
pub(crate) async fn register(
    bot: &Bot,
    arguments: &Arguments,
    display_name: String,
) -> Result<(), Failure> {
    nobody_yet(bot)?;
    let state = bot.client.register(RegisterArgs {
        address: arguments.server.clone(),
        name: arguments.name.clone(),
        display_name,
        password: password(true)?,
        session_only: false,
    });
    print_account(&state.await?)
}

/// Sign in.
pub(crate) async fn sign_in(bot: &Bot, arguments: &Arguments) -> Result<(), Failure> {
    nobody_yet(bot)?;
    let state = bot.client.sign_in(SignInArgs {
        address: arguments.server.clone(),
        name: arguments.name.clone(),
        password: password(false)?,
        session_only: false,
    });
    print_account(&state.await?)
}

/// Sign out, and remove what is kept of the account here.
pub(crate) async fn sign_out(bot: &Bot, arguments: &Arguments) -> Result<(), Failure> {
    bot.needs_account(arguments)?;
    bot.client.sign_out(Nothing {}).await?;
    Ok(())
}

fn nobody_yet(bot: &Bot) -> Result<(), Failure> {
    match bot.account() {
        None => Ok(()),
        Some(account) => {
            let (name, address) = (&account.person.name, &account.address);
            let who = format!("{name} is signed in at {address}; sign-out ends that");
            Err(Failure::local("already_signed_in", who))
        }
    }
}

fn print_account(state: &AppState) -> Result<(), Failure> {
    let Some(account) = &state.account else { return Ok(()) };
    print(&Line::Account {
        user: account.person.id,
        name: account.person.name.clone(),
        display_name: account.person.display_name.clone(),
        server: account.address.clone(),
    })
}
