//! A server on standard input and output, which the tests `stdio` start. Its arguments say how it
//! is served; it prints to standard error.

#![forbid(unsafe_code)]

use std::time::Duration;

use portcullis::Stdio;
use portcullis::prelude::*;

struct TestService;

/// Says on standard error that a handler was dropped.
struct DropReport;

impl Drop for DropReport {
    fn drop(&mut self) {
        eprintln!("dropped");
    }
}

#[service]
impl TestService {
    #[request]
    async fn handle(&self, line: String) -> String {
        match line.as_str() {
            "hang" => {
                let _report = DropReport;
                eprintln!("hanging");
                std::future::pending::<()>().await;
            }
            "slow" => tokio::time::sleep(Duration::from_millis(100)).await,
            _ => {}
        }
        match line.strip_prefix("repeat ").and_then(|count| count.parse().ok()) {
            Some(count) => "x".repeat(count),
            None => line,
        }
    }
}

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let server =
        Server::new(TestService).codec(Lines::new().max_length(1 << 24)).grace(Duration::from_millis(300));
    let stdio = if has("keep") { Stdio::new().keep_serving() } else { Stdio::new() };
    let mut server = server.listen(stdio).unwrap();
    if has("tcp") {
        server = server.bind("127.0.0.1:0").unwrap();
        eprintln!("{}", server.local_addr());
    }
    let report = if has("task") {
        tokio::runtime::Runtime::new().unwrap().block_on(server.serve_until_signal())
    } else {
        server.run_until_signal()
    };
    eprintln!("report: {}", report.unwrap());
}
