//! `kithd` with the faults that tests can put in, chosen by `KITH_SABOTAGE`; without that variable it
//! is `kithd`. It shows that the tests of this crate notice what they are there to notice.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::main()
}
