//! A blocking body can lend the service's fields to scoped threads, which need no worker.
use portcullis::prelude::*;
use std::sync::Arc;

struct Sums {
    rows: Vec<Vec<u64>>,
}

#[service]
impl Sums {
    #[blocking]
    fn total(&self, worker: &Worker) -> u64 {
        let total = std::thread::scope(|scope| {
            let threads: Vec<_> = self.rows.iter().map(|row| scope.spawn(|| row.iter().sum::<u64>())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        self.note(total).wait(worker).unwrap()
    }

    async fn note(&self, total: u64) -> u64 {
        total
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sums = Arc::new(Sums { rows: vec![vec![1, 2], vec![3]] });
    assert_eq!(runtime.block_on(sums.total()).unwrap(), 6);
}
