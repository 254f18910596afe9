// errors: 1
// A client knows only the calls, and not which service has them.
use portcullis::prelude::*;

struct Maths<T>(std::marker::PhantomData<T>);

#[service]
impl<T: Send + Sync> Maths<T> {
    #[rpc]
    async fn twice(&self, n: T) -> u64 {
        let _ = n;
        2
    }
}

fn main() {}
