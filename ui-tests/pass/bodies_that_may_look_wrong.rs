//! Bodies that contain the tokens of a misused `self`, but are correct.
use std::sync::Arc;

use portcullis::{Interrupted, prelude::*};

macro_rules! text {
    ($($words:tt)*) => { stringify!($($words)*) };
}

/// Not the type of the prelude.
mod task {
    pub fn spawn<T>(work: impl Fn() -> T) -> T {
        work()
    }
}

fn double(number: u32) -> u32 {
    number * 2
}

#[derive(Clone, Copy, PartialEq)]
enum Lamp {
    On(u32),
    Off,
}

#[service]
impl Lamp {
    async fn words(&self) -> &'static str {
        text!(*self; self.clone(); let Self { n } = self; match self { Self::On => 1 }; f.wait(worker))
    }

    async fn lent(&self) -> u32 {
        task::spawn(|| self.level())
    }

    async fn spawned(&self) -> u32 {
        let this = Arc::clone(self);
        let task = tokio::spawn(async move { self::double(this.level()) });
        let that = Arc::clone(self);
        let thread = std::thread::spawn(move || that.level());
        let own = tokio::spawn(self.lent());
        task.await.unwrap() + thread.join().unwrap() + own.await.unwrap()
    }

    async fn for_ever(&'static self) -> u32 {
        tokio::spawn(async move { self.level() }).await.unwrap()
    }

    async fn matched(&self) -> bool {
        matches!(**self, Self::On(_)) && match &**self {
            Self::On(level) => *level > 0,
            Self::Off => false,
        }
    }

    fn level(&self) -> u32 {
        match self {
            Self::On(level) => *level,
            Self::Off => 0,
        }
    }

    fn copied(&self) -> Self {
        let copy = self.clone();
        if copy == *self { copy } else { *self }
    }

    #[blocking]
    fn sum(&self, worker: &Worker) -> Result<u32, Interrupted> {
        worker.check()?;
        let mut sum = 0;
        for worker in [1, 2] {
            sum += self.plus(worker, 1);
        }
        Ok(sum)
    }

    fn plus(&self, one: u32, two: u32) -> u32 {
        self.level() + one + two
    }

    async fn nested(&self, number: u32) -> u32 {
        struct Inner(u32);
        impl Inner {
            fn half(self) -> u32 {
                match self {
                    Self(number) => number / 2,
                }
            }
        }
        fn inner(lamp: &Lamp) -> u32 {
            lamp.level()
        }
        let add = move |number: u32| number + inner(self);
        add(Inner(number).half())
    }
}

#[tokio::main]
async fn main() {
    let lamp = Arc::new(Lamp::On(3));
    assert!(lamp.words().await.contains("worker"));
    assert_eq!(lamp.spawned().await, 12);
    assert!(lamp.matched().await && lamp.copied() == Lamp::On(3));
    assert_eq!(lamp.sum().await.unwrap(), 11);
    assert_eq!(lamp.nested(8).await, 7);
    let lamp: &'static Arc<Lamp> = Box::leak(Box::new(lamp));
    assert_eq!(lamp.for_ever().await, 3);
}
