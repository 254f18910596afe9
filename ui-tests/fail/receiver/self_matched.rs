// errors: 1
// `self` is an `Arc` of the service, which a pattern of the service doesn't match.
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
