//! Bodies that contain the tokens of a misused `.await` or `.wait`, but are correct.
use portcullis::{Interrupted, prelude::*};
use std::sync::{Arc, Barrier};

struct Looks {
    barrier: Barrier,
}

#[service]
impl Looks {
    #[blocking]
    fn on_a_thread(&self, worker: &Worker) -> std::result::Result<u64, Interrupted> {
        async fn inner(n: u64) -> u64 {
            async { n }.await
        }
        let closure = async |n: u64| inner(n).await;
        let this = Arc::clone(self);
        async move {
            let n = closure(1).await;
            this.on_the_loop().await + n
        }
        .wait(worker)
    }

    async fn on_the_loop(&self) -> u64 {
        self.barrier.wait();
        Pool::shared().run(|worker| async { 1_u64 }.wait(worker).unwrap()).await.unwrap()
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let looks = Arc::new(Looks { barrier: Barrier::new(1) });
    assert_eq!(runtime.block_on(looks.on_a_thread()).unwrap(), 2);
}
