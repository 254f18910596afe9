// errors: 1
// A service that isn't `Sync` is one error at the service, and none at its jobs.
use portcullis::prelude::*;
use std::cell::RefCell;

struct Cache {
    last: RefCell<String>,
}

#[service]
impl Cache {
    #[request]
    async fn get(&self, key: String) -> Result<String, portcullis::Interrupted> {
        self.load(key).await
    }

    #[blocking]
    fn load(&self, key: String) -> String {
        self.last.replace(key)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cache = Cache { last: RefCell::default() };
    Server::new(cache).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
