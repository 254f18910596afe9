//! Parameters can be patterns.
use portcullis::prelude::*;
use std::sync::Arc;

struct Point {
    x: u64,
    y: u64,
}

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn sum(&self, (a, b): (u64, u64)) -> u64 {
        let point = Point { x: a, y: b };
        self.area(point, 1, [1, 2]).await.unwrap_or(0) + self.later(Some((a, b)), 0).await
    }

    #[blocking]
    fn area(&self, _: &Worker, Point { x, y: height }: Point, mut factor: u64, [one, ..]: [u64; 2]) -> u64 {
        factor += one;
        x * height * factor
    }

    async fn later(&self, pair: Option<(u64, u64)>, _: u64) -> u64 {
        pair.map_or(0, |(a, b)| a + b)
    }

    #[on(connect)]
    async fn connected(&self, _: &Peer<u64>) -> (u64, u64) {
        (0, 0)
    }

    #[on(disconnect)]
    async fn left(&self, (_first, _second): (u64, u64), _: Reason) {}
}

#[blocking]
fn add((a, b): (u64, u64), r#type: u64) -> u64 {
    a + b + r#type
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(Arc::new(Maths).sum((2, 3))), 17);
    assert_eq!(runtime.block_on(add((1, 2), 3)).unwrap(), 6);
}
