//! A blocking function without a receiver may stand in an `impl` block, which its attribute does not see.
use portcullis::Interrupted;
use portcullis::prelude::*;
use std::io;

struct Files;

impl Files {
    #[blocking]
    fn read(path: String) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    #[blocking]
    fn first(worker: &Worker, (n, _): (u8, u8), mut more: Vec<u8>) -> Result<u8, Interrupted> {
        worker.check()?;
        more.push(n);
        'all: loop {
            break 'all more.first().copied().ok_or(Interrupted::Cancelled);
        }
    }

    #[blocking]
    fn converted<N: Into<u64> + Send + 'static>(n: N) -> u64 {
        n.into()
    }

    #[blocking]
    fn own() -> u8 {
        Self::one()
    }

    fn one() -> u8 {
        1
    }
}

struct Boxed<T>(T);

impl<T: Send + Clone + 'static> Boxed<T> {
    #[blocking]
    fn copied(t: T, _: T) -> T {
        t.clone()
    }

    #[blocking]
    fn boxed(t: T) -> Self {
        Self(t)
    }
}

struct Row<const N: usize>;

impl<const N: usize> Row<N> {
    #[blocking]
    fn zeros() -> [u8; N] {
        [0; N]
    }
}

/// A `Self` inside of the body is not one of this function.
#[blocking]
fn nested() -> u8 {
    struct Three(u8);
    impl Three {
        fn new() -> Self {
            Self(3)
        }
    }
    #[allow(dead_code)]
    enum List {
        End,
        Item(Box<Self>),
    }
    let _ = List::Item(Box::new(List::End));
    Three::new().0
}

/// What a free function counts is counted once, whichever of the two functions is called.
#[blocking]
fn count() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed) + 1
}

mod elsewhere {
    use portcullis::prelude::*;

    #[blocking]
    pub(super) fn twice(n: u32) -> u32 {
        n * 2
    }

    pub(super) fn local() -> portcullis::Offload<u32> {
        #[blocking]
        fn thrice(n: u32) -> u32 {
            n * 3
        }
        thrice(2)
    }
}

#[tokio::test]
async fn receivers_work() {
    assert!(Files::read("/dev/null".into()).await.is_ok());
    assert_eq!(Files::first((7, 0), vec![]).await.ok(), Some(7));
    assert_eq!(Files::converted(5u8).await.ok(), Some(5));
    assert_eq!(Files::own().await.ok(), Some(1));
    assert_eq!(Boxed::copied(6, 0).await.ok(), Some(6));
    assert_eq!(Boxed::boxed(6).await.map(|boxed| boxed.0).ok(), Some(6));
    assert_eq!(Row::<3>::zeros().await.ok(), Some([0; 3]));
    assert_eq!(nested().await.ok(), Some(3));
    assert_eq!(elsewhere::twice(2).await.ok(), Some(4));
    assert_eq!(elsewhere::local().await.ok(), Some(6));
    assert_eq!(count().await.ok(), Some(1));
    let counted = portcullis::test::worker(|worker| (blocking_count(worker), Files::blocking_own(worker)));
    assert_eq!(counted, (2, 1));
}
