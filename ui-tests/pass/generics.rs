//! Generics, where clauses and const generics of the block, of its methods and of free functions.
use portcullis::prelude::*;
use std::{fmt::Display, sync::Arc};

trait Store: Send + Sync + 'static {
    fn get(&self, key: u64) -> String;
}

struct Fixed(&'static str);

impl Store for Fixed {
    fn get(&self, key: u64) -> String {
        format!("{}{key}", self.0)
    }
}

struct Rows<S, const N: usize>
where
    S: Store,
{
    store: S,
}

#[service]
impl<S, const N: usize> Rows<S, N>
where
    S: Store,
{
    #[request]
    async fn get(&self, keys: [u64; 2]) -> String {
        self.row(keys[0]).await
    }

    async fn row(&self, key: u64) -> String {
        self.read(key).await.unwrap_or_default()
    }

    #[blocking]
    fn read(&self, key: u64) -> String {
        self.store.get(key + N as u64)
    }

    #[blocking]
    fn show<T>(&self, worker: &Worker, value: T) -> String
    where
        T: Display + Send + 'static,
    {
        let twice = self.twice(value.to_string()).wait(worker).unwrap();
        format!("{twice}{value}")
    }

    async fn twice<T: Display + Send>(&self, value: T) -> String {
        format!("{value}{value}")
    }
}

#[blocking]
fn sorted<T: Ord + Send + 'static, const N: usize>(mut values: [T; N]) -> [T; N] {
    values.sort();
    values
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let rows = Arc::new(Rows::<_, 3> { store: Fixed("row") });
        assert_eq!(rows.get([1, 2]).await, "row4");
        assert_eq!(rows.show(5).await.unwrap(), "555");
        assert_eq!(sorted([3, 1, 2]).await.unwrap(), [1, 2, 3]);
    });
    let _ = Server::new(Rows::<_, 3> { store: Fixed("row") }).codec(portcullis::JsonLines::new());
}
