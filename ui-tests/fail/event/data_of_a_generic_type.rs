// errors: 1
// Messages print types as they are written.
use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[on(connect)]
    async fn enter(&self) -> DoorState {
        DoorState::Open(Vec::new(), 0)
    }

    #[state(start, idle = "1s")]
    async fn open(&self, list: Vec<Vec<u8>>, n: usize, line: String) -> (String, DoorState) {
        (line, DoorState::Open(list, n))
    }

    #[on(timeout = open)]
    async fn late(&self, list: Vec<Vec<u8>>) -> DoorState {
        drop(list);
        DoorState::Closed
    }
}

fn main() {}
