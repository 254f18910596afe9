// errors: 1
// A value that two threads share must be `Sync`.
use portcullis::prelude::*;
use std::{cell::RefCell, sync::Arc};

#[blocking]
fn count(texts: Arc<RefCell<Vec<String>>>) -> usize {
    texts.borrow().len()
}

fn main() {}
