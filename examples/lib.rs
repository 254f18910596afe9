//! Helpers shared by the examples.

#![forbid(unsafe_code)]

use std::thread;
use std::time::Duration;

/// The error type of the examples. `?` converts every error to it, `portcullis::Interrupted` too.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Ends the process if it still runs after `limit`, so that no example hangs.
pub fn time_limit(limit: Duration) {
    thread::spawn(move || {
        thread::sleep(limit);
        eprintln!("error: the example still runs after {limit:?}");
        std::process::exit(1);
    });
}
