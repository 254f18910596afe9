// errors: 2
// A session moves between threads with its state. The handler's future takes the data as well.
use portcullis::prelude::*;
use std::rc::Rc;

struct Door;

#[service]
impl Door {
    #[state(start)]
    async fn shut(&self, line: String) -> (String, DoorState) {
        (line.clone(), DoorState::Open(line.into()))
    }

    #[state]
    async fn open(&self, name: Rc<str>, line: String) -> (String, DoorState) {
        (format!("{name}: {line}"), DoorState::Closed)
    }
}

fn main() {}
