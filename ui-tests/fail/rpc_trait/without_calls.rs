// errors: 1
// The trait would have no effect.
mod api {
    use portcullis::Sender;
    use portcullis::prelude::*;

    #[rpc]
    pub trait Images {
        fn shrink(&self, picture: Vec<u8>, width: u32) -> Result<Vec<u8>, String>;
        async fn count(&self) -> u64;
        fn search(&self, rows: &Sender<u32>, text: String);
    }
}

use portcullis::prelude::*;

struct Server;

#[service(rpc = api::Images)]
impl Server {
    #[request]
    async fn echo(&self, line: String) -> String {
        line
    }
}

fn main() {}
