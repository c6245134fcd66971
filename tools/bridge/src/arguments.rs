//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Parser;

/// Show the UI in a browser, over a client of its own. Prints the address to open; whoever has it can
/// do everything that the person who is signed in can do, as long as this runs.
#[derive(Parser)]
#[command(name = "bridge", version)]
pub(crate) struct Arguments {
    /// Whose client. Each name has a folder of its own; the account is the one that signs in there.
    #[arg(long = "as", value_name = "NAME", value_parser = name)]
    pub(crate) name: String,

    /// Where the names' folders are, instead of this system's folder for the data of programs.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,

    /// The address of this computer to listen at: one that no other computer reaches.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = loopback)]
    pub(crate) host: IpAddr,

    /// The port to listen at; 0 takes one that is free.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,

    /// The built UI, instead of the one of this tree.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) ui: Option<PathBuf>,
}

/// The name of a folder, by the rules for the names of accounts: none leads out of its folder.
fn name(typed: &str) -> Result<String, String> {
    protocol::name::account_name(typed).map_err(|code| format!("no name of an account ({code})"))
}

fn loopback(typed: &str) -> Result<IpAddr, String> {
    let address: IpAddr = typed.parse().map_err(|_| "no IP address".to_owned())?;
    if address.is_loopback() {
        Ok(address)
    } else {
        Err("other computers may reach it; only 127.0.0.1 and the like, or ::1".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Arguments, String> {
        let words = ["bridge", "--as", "ada"].iter().chain(words);
        Arguments::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_that_other_computers_reach_is_refused_with_a_clear_error() {
        for address in ["0.0.0.0", "192.168.1.2", "::", "2001:db8::1", "::ffff:10.0.0.1"] {
            let error = parsed(&["--host", address]).err().unwrap();
            assert!(error.contains("other computers may reach it"), "{address}: {error}");
        }
        assert!(parsed(&["--host", "localhost"]).is_err());
        for address in ["127.0.0.1", "127.8.8.8", "::1"] {
            assert!(parsed(&["--host", address]).is_ok(), "{address}");
        }
        assert!(parsed(&[]).unwrap().host.is_loopback());
    }

    #[test]
    fn a_name_that_would_lead_out_of_the_folder_is_refused() {
        for name in ["../ada", "/etc", "a/b", ".", ""] {
            assert!(Arguments::try_parse_from(["bridge", "--as", name]).is_err(), "{name}");
        }
    }
}
