// errors: 1
// Without `'static`, the compiler would say so of each associated type and each future.
use portcullis::prelude::*;
use std::fmt::Debug;

struct Store<K, V> {
    keys: Vec<K>,
    values: Vec<V>,
}

#[service]
impl<K: Send + Sync + 'static, V> Store<K, V>
where
    V: Clone + Debug,
{
    #[request]
    async fn count(&self, more: usize) -> usize {
        self.keys.len() + self.values.len() + more
    }

    #[blocking]
    fn first(&self) -> Option<V> {
        self.values.first().cloned()
    }
}

fn main() {}
