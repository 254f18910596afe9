//! `cargo run --release -p portcullis-bench -- <what> [--json] [--quick]`; see the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    portcullis_bench::main()
}
