//! `self` is a `&Arc<Self>`: destructuring, cloning, trait objects and plain methods.
use portcullis::prelude::*;
use std::{fmt::Debug, sync::Arc};

trait Shape: Send + Sync {
    fn area(&self) -> u64;
}

struct Square(u64);

impl Shape for Square {
    fn area(&self) -> u64 {
        self.0 * self.0
    }
}

#[derive(Clone)]
struct Shapes {
    name: String,
    shapes: Arc<Vec<Box<dyn Shape>>>,
}

#[service]
impl Shapes {
    #[blocking]
    fn total(&self) -> u64 {
        let Self { shapes, name: _ } = &**self;
        shapes.iter().map(|shape| area_of(&**shape)).sum()
    }

    #[blocking]
    fn handle(&self) -> Arc<Self> {
        Arc::clone(self)
    }

    #[blocking]
    fn copy(&self) -> Shapes {
        Self::clone(self)
    }

    async fn named(&self) -> String {
        shown(&self.name);
        self.title()
    }

    async fn renamed(self: &Arc<Self>, name: String) -> Self {
        let Self { shapes, .. } = &**self;
        Self { name, shapes: Arc::clone(shapes) }
    }

    fn title(&self) -> String {
        let Self { name, .. } = self;
        name.clone()
    }
}

fn area_of(shape: &dyn Shape) -> u64 {
    shape.area()
}

fn shown(name: &dyn Debug) {
    assert_eq!(format!("{name:?}"), "\"squares\"");
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let shapes: Vec<Box<dyn Shape>> = vec![Box::new(Square(2)), Box::new(Square(1))];
    let shapes = Arc::new(Shapes { name: "squares".to_owned(), shapes: Arc::new(shapes) });
    runtime.block_on(async {
        assert_eq!(shapes.total().await.unwrap(), 5);
        assert!(Arc::ptr_eq(&shapes.handle().await.unwrap(), &shapes));
        assert_eq!(Arc::new(shapes.copy().await.unwrap()).named().await, "squares");
        assert_eq!(shapes.renamed("two".to_owned()).await.title(), "two");
    });
}
