//! Where a password comes from: the environment, a prompt that shows nothing, or a line of standard
//! input. Never from an argument.

use std::io::{BufRead, IsTerminal};

use crate::failure::Failure;

/// The environment variable that may hold it.
const VARIABLE: &str = "KITH_BOT_PASSWORD";

/// The password; with `new`, a prompt asks for it twice.
///
/// # Errors
/// When there is none, or the two differ.
pub(crate) fn password(new: bool) -> Result<String, Failure> {
    let bad = |detail: String| Failure::local("no_password", detail);
    if let Some(password) = std::env::var(VARIABLE).ok().filter(|password| !password.is_empty()) {
        return Ok(password);
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return from_line(&mut stdin.lock()).map_err(bad);
    }
    let ask = |prompt| rpassword::prompt_password(prompt).map_err(|error| bad(error.to_string()));
    let password = ask("Password: ")?;
    if new && ask("The same again: ")? != password {
        return Err(bad("the two are not the same".into()));
    }
    Ok(password)
}

fn from_line(input: &mut impl BufRead) -> Result<String, String> {
    let mut line = String::new();
    let read = input.read_line(&mut line).map_err(|error| error.to_string())?;
    let password = line.trim_end_matches(['\r', '\n']);
    if read == 0 || password.is_empty() {
        return Err(format!("it is neither in {VARIABLE} nor on standard input"));
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_password_with_its_spaces_and_without_its_end() {
        assert_eq!(from_line(&mut &b" two words \r\nmore"[..]), Ok(" two words ".into()));
        assert_eq!(from_line(&mut &b"no end"[..]), Ok("no end".into()));
        assert!(from_line(&mut &b""[..]).is_err());
        assert!(from_line(&mut &b"\n"[..]).is_err());
    }
}
