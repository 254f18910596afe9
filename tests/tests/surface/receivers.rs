//! `#[blocking]` functions without a receiver may be in an `impl` block, which the attribute does
//! not see.
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
            break 'all more.first().copied().ok_or(Interrupted::Cancelled { began: true });
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

/// A `Self` in a nested item of the body is not this function's.
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

/// A static in a free function exists once, although two functions are generated.
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
async fn blocking_functions_without_receiver_work() {
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

/// Free and associated functions with the same names and signatures: each call runs the body of the
/// named function.
mod clashes {
    use std::fmt::Display;
    use std::sync::atomic::{AtomicU32, Ordering};

    use portcullis::prelude::*;

    #[blocking]
    fn answer(n: u32) -> String {
        format!("free {n}")
    }

    #[blocking]
    fn shown<V: Display + Send + 'static>(v: V) -> String {
        format!("free {v}")
    }

    #[blocking]
    #[deprecated]
    fn old(n: u32) -> String {
        format!("free {n}")
    }

    #[blocking]
    fn of_self(n: u32) -> String {
        format!("free {n}")
    }

    #[blocking]
    fn nested(worker: &Worker, n: u32) -> String {
        format!("free {}", blocking_answer(worker, n))
    }

    #[blocking]
    fn counted() -> u32 {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        COUNT.fetch_add(1, Ordering::Relaxed)
    }

    mod further {
        use super::*;

        /// It has the same name and signature as the one above, which a glob imports here.
        #[blocking]
        pub(super) fn counted() -> u32 {
            static COUNT: AtomicU32 = AtomicU32::new(100);
            COUNT.fetch_add(1, Ordering::Relaxed)
        }
    }

    struct Plain;

    impl Plain {
        #[blocking]
        fn answer(n: u32) -> String {
            format!("plain {n}")
        }

        #[blocking]
        fn shown<V: Display + Send + 'static>(v: V) -> String {
            format!("plain {v}")
        }

        #[blocking]
        #[deprecated]
        fn old(n: u32) -> String {
            format!("plain {n}")
        }

        #[blocking]
        fn of_self(n: u32) -> String {
            Self::named(n)
        }

        /// Without `Self`, the name refers to the free function.
        #[blocking]
        fn nested(worker: &Worker, n: u32) -> String {
            format!("plain {}", blocking_answer(worker, n))
        }

        fn named(n: u32) -> String {
            format!("plain {n}")
        }
    }

    trait Name: Send + 'static {
        const NAME: &'static str;
    }

    impl Name for Plain {
        const NAME: &'static str = "generic";
    }

    struct Generic<Item>(Item);

    impl<Item: Name> Generic<Item> {
        #[blocking]
        fn answer(n: u32) -> String {
            format!("{} {n}", Item::NAME)
        }

        #[blocking]
        fn shown<V: Display + Send + 'static>(v: V) -> String {
            format!("{} {v}", Item::NAME)
        }

        #[blocking]
        fn boxed(item: Item) -> Self {
            Self(item)
        }
    }

    struct Sized<const LENGTH: usize>;

    impl<const LENGTH: usize> Sized<LENGTH> {
        #[blocking]
        fn answer(n: u32) -> String {
            let mut text = format!("{LENGTH}");
            for _ in 1..LENGTH {
                text.push('+');
            }
            text + &n.to_string()
        }
    }

    #[tokio::test]
    async fn each_call_runs_its_own_body() {
        assert_eq!(answer(1).await.unwrap(), "free 1");
        assert_eq!(Plain::answer(1).await.unwrap(), "plain 1");
        assert_eq!(Generic::<Plain>::answer(1).await.unwrap(), "generic 1");
        assert_eq!(Sized::<3>::answer(1).await.unwrap(), "3++1");
        assert_eq!(shown(2).await.unwrap(), "free 2");
        assert_eq!(Plain::shown("two").await.unwrap(), "plain two");
        assert_eq!(Generic::<Plain>::shown(2.5).await.unwrap(), "generic 2.5");
        assert_eq!(of_self(3).await.unwrap(), "free 3");
        assert_eq!(Plain::of_self(3).await.unwrap(), "plain 3");
        assert_eq!(nested(4).await.unwrap(), "free free 4");
        assert_eq!(Plain::nested(4).await.unwrap(), "plain free 4");
        assert_eq!(Generic::boxed(Plain).await.map(|boxed| boxed.0.of()).unwrap(), "generic");
        #[allow(deprecated)]
        let old = (old(5).await.unwrap(), Plain::old(5).await.unwrap());
        assert_eq!(old, ("free 5".to_owned(), "plain 5".to_owned()));
    }

    impl Plain {
        fn of(&self) -> &'static str {
            Self::NAME
        }
    }

    #[tokio::test]
    async fn each_direct_call_runs_the_named_body() {
        let free = portcullis::test::worker(|worker| {
            [
                blocking_answer(worker, 1),
                blocking_shown(worker, 1),
                blocking_nested(worker, 1),
                blocking_of_self(worker, 1),
            ]
        });
        assert_eq!(free, ["free 1", "free 1", "free free 1", "free 1"]);
        let plain = portcullis::test::worker(|worker| {
            [
                Plain::blocking_answer(worker, 1),
                Plain::blocking_shown(worker, 1),
                Plain::blocking_nested(worker, 1),
                Plain::blocking_of_self(worker, 1),
            ]
        });
        assert_eq!(plain, ["plain 1", "plain 1", "plain free 1", "plain 1"]);
        let generic = portcullis::test::worker(|worker| {
            (
                Generic::<Plain>::blocking_answer(worker, 1),
                Generic::<Plain>::blocking_shown(worker, 1),
                Sized::<2>::blocking_answer(worker, 1),
            )
        });
        assert_eq!(generic, ("generic 1".to_owned(), "generic 1".to_owned(), "2+1".to_owned()));
        #[allow(deprecated)]
        let old =
            portcullis::test::worker(|worker| (blocking_old(worker, 1), Plain::blocking_old(worker, 1)));
        assert_eq!(old, ("free 1".to_owned(), "plain 1".to_owned()));
    }

    #[tokio::test]
    async fn a_static_in_a_blocking_function_exists_once() {
        assert_eq!(counted().await.unwrap(), 0);
        assert_eq!(further::counted().await.unwrap(), 100);
        assert_eq!(portcullis::test::worker(|worker| blocking_counted(worker)), 1);
        assert_eq!(portcullis::test::worker(|worker| further::blocking_counted(worker)), 101);
        assert_eq!(counted().await.unwrap(), 2);
    }
}
