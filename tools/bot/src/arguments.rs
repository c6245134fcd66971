//! The command line. No password is ever an argument: everybody on the machine can read those.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Chat from a terminal or a script.
///
/// Everything is printed as lines of JSON. Exit codes: 0 done, 1 something on this machine, 2 wrong
/// arguments, 3 refused, 4 sign in first, 5 the server could not be reached in time. After 1, 3, 4
/// and 5 standard error has one line: "kith-bot: CODE: what happened".
#[derive(Parser)]
#[command(name = "kith-bot", version)]
pub(crate) struct Arguments {
    /// The account's name. Each account has its own folder.
    #[arg(long = "as", value_name = "NAME", env = "KITH_BOT_AS", value_parser = account_name)]
    pub(crate) name: String,

    /// The server, for register and sign-in; after that the account knows it.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "KITH_BOT_SERVER",
        default_value = "http://127.0.0.1:4810"
    )]
    pub(crate) server: String,

    /// Where the accounts' folders are, instead of this system's folder for the data of programs.
    /// One program at a time can use an account's folder; a second one signs in with another
    /// folder, as a second device.
    #[arg(long, value_name = "FOLDER", env = "KITH_BOT_DATA")]
    pub(crate) data: Option<PathBuf>,

    /// Give up after so many seconds in which nothing went on.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make the account and sign in. The password comes from KITH_BOT_PASSWORD, else from a
    /// prompt, else from the first line of standard input.
    Register {
        /// What others see; the name if it is absent.
        #[arg(long, value_name = "TEXT", default_value = "")]
        display_name: String,
    },
    /// Sign in. The password comes from where register takes it.
    SignIn,
    /// Sign out, and remove what is kept of the account here.
    SignOut,
    /// Send a message and wait until the server has it.
    Send {
        /// Somebody's name, or the id of a group.
        #[arg(value_name = "NAME|GROUP-ID")]
        to: String,
        /// What to say; "-" takes each line of standard input as a message.
        text: String,
        /// Leave it in the outbox: the next run that connects sends it.
        #[arg(long)]
        no_wait: bool,
    },
    /// Wait until everything in the outbox is sent.
    Flush,
    /// Print every unread message, then whatever comes or changes, until it is interrupted.
    Listen {
        /// Mark as read what was printed, so that the next run begins behind it.
        #[arg(long)]
        read: bool,
    },
    /// Print the last messages of a conversation, oldest first.
    History {
        /// Somebody's name, or the id of a group.
        #[arg(value_name = "NAME|GROUP-ID")]
        of: String,
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 50)]
        last: usize,
    },
    /// Print all conversations, the most recent first.
    List,
    /// Groups.
    #[command(subcommand)]
    Group(GroupCommand),
}

#[derive(Subcommand)]
pub(crate) enum GroupCommand {
    /// Begin a group and print its id.
    Create {
        /// The group's name.
        title: String,
        /// Who is in it beside oneself.
        names: Vec<String>,
        /// Leave it in the outbox: the next run that connects sends it.
        #[arg(long)]
        no_wait: bool,
    },
}

/// The name as the server has it; it is also the name of a folder.
fn account_name(typed: &str) -> Result<String, String> {
    protocol::name::account_name(typed).map_err(|code| {
        format!("{code}: an account's name has 2 to 32 letters, digits, dots, hyphens or lines")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_name_that_would_lead_out_of_the_folder_is_no_name() {
        for name in ["../ada", "/etc", "a/b", ".", ""] {
            assert!(Arguments::try_parse_from(["kith-bot", "--as", name, "list"]).is_err());
        }
        let arguments = Arguments::try_parse_from(["kith-bot", "--as", "Ada", "list"]).unwrap();
        assert_eq!(arguments.name, "ada");
    }

    #[test]
    fn no_command_takes_a_password() {
        fn look(command: &clap::Command) {
            for argument in command.get_arguments() {
                assert!(!argument.get_id().as_str().contains("password"), "{argument}");
            }
            command.get_subcommands().for_each(look);
        }
        look(&Arguments::command());
    }
}
