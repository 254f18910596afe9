// errors: 1
// Client and service have the numbers from the trait.
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

    #[rpc(number = 7)]
    async fn count(&self) -> u64 {
        1
    }

    #[rpc]
    #[blocking]
    fn search(&self, rows: &Sender<u32>, text: String) {
        let _ = (rows, text);
    }
}

fn main() {}
