//! A generic service needs no `Send` bounds. They are checked where it is served.
#![deny(warnings)]
use portcullis::prelude::*;
use std::fmt::Debug;

trait Store {
    fn get(&self, key: &str) -> String;
}

struct Keys<S> {
    store: S,
    pool: Pool,
}

#[service]
impl<S: Store> Keys<S> {
    #[request]
    async fn get(&self, key: String) -> Result<String, portcullis::Interrupted> {
        self.note(key.len()).await;
        self.find(key).await
    }

    #[blocking(pool = self.pool)]
    fn find(&self, key: String) -> String {
        self.store.get(&key)
    }

    async fn note(&self, length: usize) {
        let _ = length;
    }
}

struct Values<K, V> {
    keys: Vec<K>,
    values: Vec<V>,
}

#[service]
impl<K: Send + Sync + 'static, V> Values<K, V>
where
    V: Clone + Debug,
{
    #[request]
    async fn count(&self, more: usize) -> usize {
        self.keys.len() + self.values.len() + more
    }

    #[blocking]
    fn first(&self, worker: &Worker) -> Result<usize, portcullis::Interrupted> {
        worker.check()?;
        Ok(self.values.first().into_iter().cloned().count())
    }
}

struct Cart<S> {
    store: S,
}

#[service]
impl<S: Store + Clone> Cart<S> {
    #[state(start)]
    async fn empty(&self, key: String) -> (String, CartState<S>) {
        (key, CartState::Full(Some(self.store.clone())))
    }

    #[state]
    async fn full(&self, store: Option<S>, key: String) -> (String, CartState<S>) {
        (store.map(|store| store.get(&key)).unwrap_or_default(), CartState::Closed)
    }
}

#[derive(Clone)]
struct Upper;

impl Store for Upper {
    fn get(&self, key: &str) -> String {
        key.to_uppercase()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = Pool::builder("keys").threads(1).build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::new(Keys { store: Upper, pool }).codec(Lines::new()).bind("127.0.0.1:0")?.spawn().await?;
        let mut client = portcullis::Client::<String, String, _>::connect(server.local_addr(), Lines::new()).await?;
        assert_eq!(client.call("key".into()).await?, "KEY");
        drop(server);
        let _ = Server::new(Values { keys: vec![1], values: vec!['a'] }).codec(portcullis::JsonLines::new());
        let _ = Server::new(Cart { store: Upper }).codec(Lines::new());
        Ok(())
    })
}
