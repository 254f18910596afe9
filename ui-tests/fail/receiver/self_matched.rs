// errors: 1
// `self` is the handle on the service: a pattern of the service does not fit it.
use portcullis::prelude::*;

enum Store {
    Memory,
    Disk(String),
}

#[service]
impl Store {
    #[request]
    async fn place(&self, _request: u8) -> String {
        match self {
            Self::Memory => String::new(),
            Self::Disk(path) => path.clone(),
        }
    }
}

fn main() {}
