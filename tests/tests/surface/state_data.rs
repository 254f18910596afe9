//! State data may use the service's `Self`, its constants and associated types, and the bounds of
//! its parameters.
use portcullis::prelude::*;
use std::marker::PhantomData;
use std::sync::Arc;

trait Named {
    type Key: Send + Default;
}

struct Vault;

impl Named for Vault {
    type Key = u8;
}

#[service]
impl Vault {
    const SLOTS: usize = 3;

    #[state(start)]
    async fn shut(&self, line: String) -> (String, VaultState) {
        (line, VaultState::Open(Arc::clone(self), [0; Self::SLOTS], 7))
    }

    #[state]
    async fn open(
        &self,
        all: Arc<Self>,
        slots: [u8; Self::SLOTS],
        key: <Self as Named>::Key,
        line: String,
    ) -> (String, VaultState) {
        drop(all);
        (format!("{line} {} {key}", slots.len()), VaultState::Shut)
    }
}

trait Store: Send + Sync + 'static {
    type Slot: Send + Clone + Default;
}

struct Memory;

impl Store for Memory {
    type Slot = u8;
}

struct Ticket<S: Store>(S::Slot);

struct Cart<S: Store, T: ?Sized, const N: usize>(S, PhantomData<fn(&T)>);

#[service]
impl<S: Store, T, const N: usize> Cart<S, T, N>
where
    T: ?Sized + Send + Sync + 'static,
    for<'a> &'a T: Send,
    Self: Sized,
{
    #[state(start)]
    async fn empty(&self, line: String) -> (String, CartState<S, T, N>) {
        (line, CartState::Full(S::Slot::default(), vec![], Ticket(S::Slot::default()), None, [0; N]))
    }

    #[state]
    async fn full(
        &self,
        slot: S::Slot,
        reserved: Vec<<S as Store>::Slot>,
        ticket: Ticket<S>,
        other: Option<Arc<T>>,
        rows: [u8; N],
        line: String,
    ) -> (String, CartState<S, T, N>) {
        (line, CartState::Full(slot, reserved, ticket, other, rows))
    }
}

/// Data that a state only holds needs no bounds, and functions outside of the block may name the
/// enum without them.
struct Inventory<T>(PhantomData<T>);

#[service]
impl<T: Send + Sync + 'static> Inventory<T> {
    #[state(start)]
    async fn empty(&self, line: String) -> (String, InventoryState<T>) {
        (line, full(vec![]))
    }

    #[state]
    async fn full(&self, all: Vec<Arc<T>>, line: String) -> (String, InventoryState<T>) {
        (line, full(all))
    }
}

fn full<T>(all: Vec<Arc<T>>) -> InventoryState<T> {
    InventoryState::Full(all)
}

macro_rules! told_apart_by_hygiene {
    ($n:ident) => {
        struct Shop;

        #[service]
        impl Shop {
            #[state(start)]
            async fn open(&self, line: String) -> (String, ShopState) {
                (line, ShopState::Pick(1, 2))
            }

            #[state]
            async fn pick(&self, n: u32, $n: u32, line: String) -> (String, ShopState) {
                (format!("{line} {n} {}", $n), ShopState::Pick(n, $n))
            }
        }
    };
}
told_apart_by_hygiene!(n);

async fn second_answer<S>(service: S) -> String
where
    S: portcullis::Service<Request = String, Response = String>,
{
    let mut client = portcullis::test::connect(service).await.unwrap();
    client.call("first".into()).await.unwrap();
    client.call("second".into()).await.unwrap()
}

#[tokio::test]
async fn state_data_may_use_self_and_generics() {
    assert_eq!(second_answer(Vault).await, "second 3 7");
    assert_eq!(second_answer(Cart::<Memory, str, 2>(Memory, PhantomData)).await, "second");
    assert_eq!(second_answer(Inventory::<u8>(PhantomData)).await, "second");
    assert_eq!(second_answer(Shop).await, "second 1 2");
}
