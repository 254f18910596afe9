//! The options `pool`, `lane` and `timeout` may name parameters that the body does not use, and
//! parts of destructured ones.
use portcullis::prelude::*;
use std::sync::Arc;
use std::time::Duration;

struct Order {
    account: u64,
    entry: String,
}

struct Ledger {
    disks: Vec<Pool>,
}

impl Ledger {
    #[blocking(pool = self.disks[_disk], lane = _account, deadline = Duration::from_secs(_seconds))]
    fn append(self: &Arc<Self>, _disk: usize, _account: u64, _seconds: u64, entry: String) -> String {
        entry
    }

    #[blocking(pool = self.disks[disk], lane = account, deadline = Duration::from_secs(seconds))]
    fn taken_apart(
        self: &Arc<Self>,
        (disk, seconds): (usize, u64),
        Order { account, mut entry }: Order,
        _: u8,
    ) -> String {
        entry.push_str(&account.to_string());
        entry
    }

    #[blocking(pool = self.disks[0], lane = name)]
    fn by_name(self: &Arc<Self>, Order { entry: name, .. }: Order, _rest: [u8; 2]) -> usize {
        name.len()
    }

    #[blocking(pool = self.disks[0], lane = whole.account)]
    fn whole(self: &Arc<Self>, ref whole @ Order { .. }: Order) -> usize {
        whole.entry.len()
    }
}

#[blocking(lane = first)]
fn of_a_slice([first, _]: [u64; 2]) -> u64 {
    first
}

#[blocking(lane = key)]
fn of_a_parameter<K: std::hash::Hash + Send + 'static>((key, n): (K, u64)) -> u64 {
    drop(key);
    n
}

macro_rules! told_apart_by_hygiene {
    ($n:ident) => {
        #[blocking(lane = $n)]
        fn pair(n: u8, $n: u8) -> (u8, u8) {
            (n, $n)
        }
    };
}
told_apart_by_hygiene!(n);

#[tokio::test]
async fn attribute_arguments_may_name_any_parameter() {
    let ledger = Arc::new(Ledger { disks: vec![Pool::inline()] });
    let order = || Order { account: 7, entry: "a".into() };
    assert_eq!(ledger.append(0, 7, 9, "a".into()).await.ok().as_deref(), Some("a"));
    assert_eq!(ledger.taken_apart((0, 9), order(), 0).await.ok().as_deref(), Some("a7"));
    assert_eq!(ledger.by_name(order(), [0, 0]).await.ok(), Some(1));
    assert_eq!(ledger.whole(order()).await.ok(), Some(1));
    assert_eq!(of_a_slice([3, 4]).await.ok(), Some(3));
    assert_eq!(of_a_parameter(("key".to_owned(), 5)).await.ok(), Some(5));
    assert_eq!(pair(1, 2).await.ok(), Some((1, 2)));
}
