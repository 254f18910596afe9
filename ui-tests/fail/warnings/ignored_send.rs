// errors: 2
// The loop would go on after its caller was dropped, and hold a thread.
#![deny(deprecated)]

use portcullis::Sender;
use portcullis::prelude::*;

struct Table;

#[service]
impl Table {
    #[rpc]
    #[blocking]
    fn scan(&self, worker: &Worker, rows: &Sender<u32>) {
        for row in 0..1000 {
            let _ = rows.send(worker, row);
        }
    }

    #[rpc]
    async fn list(&self, rows: &Sender<u32>) {
        let mut row = 0;
        while row < 1000 {
            rows.send_async(row).await.ok();
            row += 1;
        }
        let _ = rows.send_async(row).await;
    }
}

fn main() {}
