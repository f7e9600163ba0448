//! The daemon's command line. See `sekat --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sekat::cli::main()
}
