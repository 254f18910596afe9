// errors: 1
// The replies are an enum, with one variant for the items of `find` and one for `find_item`.
use portcullis::Sender;
use portcullis::prelude::*;

struct Table;

#[service]
impl Table {
    #[rpc]
    async fn find_item(&self) -> u32 {
        1
    }

    #[rpc]
    #[blocking]
    fn find(&self, rows: &Sender<u32>) {
        let _ = rows;
    }
}

fn main() {}
