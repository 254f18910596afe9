// errors: 1
// A service has one request type. The output of `#[before]` isn't reported as well.
use portcullis::prelude::*;

struct Echo;

#[derive(serde::Deserialize)]
enum Ask {
    Say(String),
}

#[service]
impl Echo {
    #[before]
    async fn trim(&self, line: String) -> ControlFlow<String, String> {
        ControlFlow::Continue(line.trim().to_owned())
    }

    #[request]
    async fn echo(&self, ask: Ask) -> String {
        let Ask::Say(line) = ask;
        line
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Echo).codec(portcullis::JsonLines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
