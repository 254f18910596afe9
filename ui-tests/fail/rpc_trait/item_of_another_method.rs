// errors: 1
// The replies are an enum, with one variant for the items of `find` and one for `find_item`.
use portcullis::Sender;
use portcullis::prelude::*;

#[rpc]
pub trait Images {
    fn find(&self, rows: &Sender<u32>);

    async fn find_item(&self) -> u32;
}

fn main() {}
