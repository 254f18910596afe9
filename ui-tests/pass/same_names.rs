//! Names that are used twice, correctly.
use std::sync::Arc;

use portcullis::prelude::*;

trait Get {
    fn get(&self, key: u32) -> u32;
}

/// Not the type of std: this one is `'static`.
trait Stream: Send + Sync + 'static {
    fn first(&self) -> u32;
}

struct Store<T>(T);

impl<T: Stream> Get for Store<T> {
    fn get(&self, key: u32) -> u32 {
        self.0.first() + key
    }
}

#[service]
impl<T: Stream> Store<T> {
    #[request]
    async fn serve(&self, key: u32) -> u32 {
        self.get(key, 1).await + self.by_trait(key)
    }

    async fn get(&self, key: u32, times: u32) -> u32 {
        key * times
    }

    fn by_trait(&self, key: u32) -> u32 {
        self.get(key)
    }

    #[cfg(any())]
    #[blocking]
    fn read(&self) -> u32 {
        1
    }

    fn blocking_read(&self) -> u32 {
        2
    }

    #[blocking]
    fn write(&self) -> u32 {
        3
    }

    #[cfg(any())]
    fn blocking_write(&self) -> u32 {
        4
    }
}

struct Numbers;

impl Stream for Numbers {
    fn first(&self) -> u32 {
        10
    }
}

/// Methods are found through `Deref` too.
struct Wrapped(Store<Numbers>);

impl std::ops::Deref for Wrapped {
    type Target = Store<Numbers>;

    fn deref(&self) -> &Store<Numbers> {
        &self.0
    }
}

#[service]
impl Wrapped {
    async fn by_trait(&self, key: u32) -> u32 {
        self.0.by_trait(key)
    }

    async fn blocking_read(&self) -> u32 {
        0
    }

    fn sum(&self) -> u32 {
        #![allow(clippy::let_and_return)]
        let sum = self.blocking_read() + self.by_trait(1);
        sum
    }
}

impl Get for Numbers {
    fn get(&self, key: u32) -> u32 {
        self.first() * key
    }
}

#[service]
impl Numbers {
    async fn get(&self, key: u32) -> u32 {
        Get::get(&**self, key) + 1
    }

    fn plain(&self) -> u32 {
        self.get(2)
    }
}

#[tokio::main]
async fn main() {
    let store = Arc::new(Store(Numbers));
    assert_eq!(store.get(2, 3).await, 6);
    assert_eq!(store.by_trait(2) + store.blocking_read() + store.write().await.unwrap(), 17);
    assert_eq!(Wrapped(Store(Numbers)).sum(), 13);
    assert_eq!((Numbers.plain(), Arc::new(Numbers).get(2).await), (20, 21));
}
