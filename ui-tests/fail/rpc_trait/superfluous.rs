// errors: 1
// No client could make the call.
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
    async fn count(&self) -> u64 {
        1
    }

    #[rpc]
    #[blocking]
    fn search(&self, rows: &Sender<u32>, text: String) {
        let _ = (rows, text);
    }

    #[rpc]
    async fn count_all(&self) -> u64 {
        1
    }
}

fn main() {}
