//! Every form of `impl` block and signature that Rust accepts is accepted.
use portcullis::prelude::*;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Add;
use std::pin::Pin;
use std::sync::Arc;

/// A bound on the service type bounds its parameters.
struct Bound<T>(PhantomData<fn() -> T>);

#[service]
impl<T> Bound<T>
where
    Self: Send + Sync + 'static,
{
    #[request]
    async fn answer(&self, line: String) -> String {
        let _ = (self.job().await, self.helper().await);
        line
    }

    #[blocking]
    fn job(&self) -> u8 {
        1
    }

    async fn helper(&self) -> u8 {
        1
    }
}

trait Shared: Send + Sync + 'static {}

impl<T: Send + Sync + 'static> Shared for T {}

struct Implied<T>(PhantomData<T>);

#[service]
impl<T> Implied<T>
where
    Implied<T>: Shared,
{
    #[request]
    async fn answer(&self, line: String) -> String {
        line
    }
}

/// Bounds that the block does not state are required where the service is served.
struct Open<T, U>(T, PhantomData<U>);

impl<T, U> Open<T, U> {
    fn new(t: T) -> Self {
        Open(t, PhantomData)
    }
}

#[service]
impl<T, U> Open<T, U> {
    #[request]
    async fn answer(&self, line: String) -> String {
        let _ = (self.job().await, self.helper().await);
        line
    }

    #[blocking]
    fn job(&self) -> u8 {
        1
    }

    async fn helper(&self) -> u8 {
        1
    }
}

struct Wide<T, const N: usize>(T);

#[service]
impl<T, const N: usize> Wide<T, N>
where
    T: Send + Sync + 'static,
    for<'a> &'a T: Add<&'a T, Output = T>,
    T: Into<u64> + Copy,
    Self: Sized,
    [u8; N]: Default,
{
    const MORE: u64 = 2;

    #[request]
    async fn answer(&self, n: u64) -> u64 {
        let sum: u64 = (&self.0 + &self.0).into();
        sum + n
            + self.of_any(1u8).await
            + u64::from(self.boxed().await.await)
            + self.borrowed("three").await
            + Self::outside(1)
            + self.with(Box::new(|n: &u64| *n)).await
            + self.block().await
            + Self::MORE
    }

    async fn of_any(&self, n: impl Into<u64> + Send + 'static) -> u64 {
        n.into()
    }

    async fn boxed(&self) -> Pin<Box<dyn Future<Output = u8> + Send>> {
        Box::pin(async { 1 })
    }

    async fn borrowed<'a>(&self, text: &'a str) -> u64
    where
        'a: 'a,
    {
        text.len() as u64
    }

    extern "C" fn outside(n: u64) -> u64 {
        n
    }

    async fn with(&self, with: Box<dyn for<'a> Fn(&'a u64) -> u64 + Send>) -> u64 {
        with(&1)
    }

    async fn block(&self) -> u64 {
        struct One;
        impl One {
            fn new() -> Self {
                Self
            }
        }
        let One = One::new();
        let nested = async move |n: u64| n;
        'out: loop {
            break 'out nested(1).await;
        }
    }

    #[blocking]
    fn job(&self, mut bytes: Vec<u8>, (one, _): (u8, u8), _: u8, r#type: [u8; N]) -> usize {
        bytes.extend(r#type);
        bytes.push(one);
        bytes.len()
    }
}

/// A helper may never return.
struct Beats(Arc<std::sync::atomic::AtomicBool>);

#[service]
impl Beats {
    #[on(start)]
    async fn started(&self) {
        tokio::spawn(self.beat());
    }

    async fn beat(&self) -> ! {
        loop {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
    }

    #[request]
    async fn has_begun(&self, _line: String) -> String {
        while !self.0.load(std::sync::atomic::Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        "yes".into()
    }
}

#[tokio::test]
async fn every_signature_that_rust_accepts_is_accepted() {
    let mut client = portcullis::test::connect(Bound::<u8>(PhantomData)).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "a");
    let mut client = portcullis::test::connect(Implied::<u8>(PhantomData)).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "a");
    let mut client = portcullis::test::connect(Open::<u8, u8>::new(1)).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "a");
    let wide = Arc::new(Wide::<u32, 2>(2));
    assert_eq!(wide.answer(1).await, 17);
    assert_eq!(wide.job(vec![], (1, 2), 3, [4, 5]).await.ok(), Some(3));
    let mut client = portcullis::test::connect(Beats(Arc::default())).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "yes");
}
