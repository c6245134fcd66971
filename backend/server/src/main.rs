//! `kithd`.

use std::process::ExitCode;

/// Every message is a few dozen small pieces of memory that one thread asks for and another gives
/// back; the system's own allocator spends several microseconds a message on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    server::cli::main()
}
