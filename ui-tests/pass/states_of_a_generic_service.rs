//! The enum has the type parameters that its data mention, and no others.
#![deny(warnings)]

use portcullis::prelude::*;

struct Cache<K, V, const N: usize> {
    make: fn(&K) -> V,
}

#[service(state(name = Phase, vis = pub(crate), derive(Clone, Debug)))]
impl<K, V, const N: usize> Cache<K, V, N>
where
    K: Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    #[state(start)]
    async fn empty(&self, key: K) -> (Option<V>, Phase<V, N>) {
        let value = (self.make)(&key);
        (Some(value.clone()), Phase::Full(vec![value], [0; N]))
    }

    #[state]
    async fn full(&self, mut values: Vec<V>, counts: [u8; N], key: K) -> (Option<V>, Phase<V, N>) {
        values.push((self.make)(&key));
        let first = values.first().cloned();
        if values.len() < N { (first, Phase::Full(values, counts)) } else { (first, Phase::Closed) }
    }
}

fn main() {
    let _ = Cache::<u8, u8, 4> { make: |key| *key };
    let phase: Phase<u8, 4> = Phase::Empty;
    let _ = format!("{:?}", phase.clone());
}
