//! Both functions of a job keep the visibility.
#![deny(warnings)]

mod maths {
    use portcullis::prelude::*;

    pub struct Maths;

    #[service]
    impl Maths {
        #[blocking]
        pub fn twice(&self, worker: &Worker, n: u64) -> u64 {
            self.blocking_half(worker, n) * 4
        }

        #[blocking]
        pub(crate) fn thrice(&self, n: u64) -> u64 {
            n * 3
        }

        #[blocking]
        pub(super) fn quad(&self, worker: &Worker, n: u64) -> u64 {
            self.blocking_thrice(worker, n) + self.one(n).wait(worker).unwrap()
        }

        pub(in crate::maths) async fn one(&self, n: u64) -> u64 {
            n
        }

        #[blocking]
        fn half(&self, n: u64) -> u64 {
            n / 2
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let maths = std::sync::Arc::new(maths::Maths);
    assert_eq!(runtime.block_on(maths.thrice(1)).unwrap(), 3);
    assert_eq!(runtime.block_on(maths.quad(1)).unwrap(), 4);
    assert_eq!(runtime.block_on(maths.twice(2)).unwrap(), 4);
}
