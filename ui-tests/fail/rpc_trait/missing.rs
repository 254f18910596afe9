// errors: 1
// A client could make the call, and nothing would answer it.
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

use portcullis::Sender;
use portcullis::prelude::*;

struct Server;

#[service(rpc = api::Images)]
impl Server {
    #[rpc]
    #[blocking]
    fn shrink(&self, picture: Vec<u8>, width: u32) -> Result<Vec<u8>, String> {
        let _ = width;
        Ok(picture)
    }

    #[rpc]
    #[blocking]
    fn search(&self, rows: &Sender<u32>, text: String) {
        let _ = (rows, text);
    }
}

fn main() {}
