// errors: 1
// A client connects to an address, not to a port.
use portcullis::{BlockingClient, Lines};

fn main() {
    let _ = BlockingClient::<String, String, _>::connect(8080, Lines::new());
}
