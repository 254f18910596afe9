//! Attributes are recognised by the last segment of their path.
#![deny(warnings)]
use portcullis::prelude as p;
use std::sync::Arc;

mod net {
    pub use portcullis as gate;
}

struct Paths(u64);

#[p::service]
impl Paths {
    #[portcullis::prelude::on(connect)]
    async fn connected(&self) -> u64 {
        self.0
    }

    #[p::request]
    async fn echo(&self, first: &mut u64, line: String) -> String {
        *first += self.size(line.clone()).await.unwrap_or_default();
        line + &first.to_string()
    }

    #[net::gate::blocking(deadline = "10s")]
    fn size(&self, line: String) -> u64 {
        line.len() as u64
    }
}

#[net::gate::blocking]
fn alone() {}

fn is_a_service<S: portcullis::Service>(_: &S) {}

fn main() {
    is_a_service(&Paths(1));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let paths = Arc::new(Paths(1));
        let mut first = paths.connected().await;
        assert_eq!(paths.echo(&mut first, "four".into()).await, "four5");
        alone().await.unwrap();
    });
}
