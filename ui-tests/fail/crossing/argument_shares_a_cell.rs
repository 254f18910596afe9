// errors: 1
// What two threads share is `Sync`.
use portcullis::prelude::*;
use std::{cell::RefCell, sync::Arc};

#[blocking]
fn count(texts: Arc<RefCell<Vec<String>>>) -> usize {
    texts.borrow().len()
}

fn main() {}
