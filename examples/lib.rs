//! What the examples share.

#![forbid(unsafe_code)]

use std::thread;
use std::time::Duration;

/// What the examples fail with: takes in any error, `portcullis::Interrupted` among them, by `?`.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Ends the process if it still runs after `limit`: whatever goes wrong, an example does not hang.
pub fn time_limit(limit: Duration) {
    thread::spawn(move || {
        thread::sleep(limit);
        eprintln!("error: still running after {limit:?}, which no example should be");
        std::process::exit(1);
    });
}
