//! Draw a service: its machine as Mermaid, as DOT and as an SVG file.
//!
//! ```text
//! cargo run --example diagram              # into the folder for temporary files
//! cargo run --example diagram -- door.svg  # or where you like
//! ```
//!
//! The description is a constant that `#[service]` writes: what stands at the methods, and what
//! their bodies name. In a test, `assert_diagram!(Door, "docs/door.mmd")` keeps a picture in the
//! repository and the code together.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use layout::backends::svg::SVGWriter;
use layout::gv::{DotParser, GraphBuilder};
use portcullis::describe::Chart;
use portcullis::prelude::*;
use portcullis_examples::{Error, time_limit};

// Only described here: nobody asks.
#[allow(dead_code)]
enum Request {
    Badge(String),
    Code(u32),
    Push,
}

struct Door {
    disk: Pool,
    wait: u8,
}

/// A door with a lock.
#[service(state(derive(Debug)))]
impl Door {
    /// Nobody is there.
    #[state(start)]
    async fn locked(&self, request: Request) -> (bool, DoorState) {
        match request {
            Request::Badge(name) => (true, DoorState::Badged(name, 3)),
            _ => (false, DoorState::Locked),
        }
    }

    /// Somebody is known, and has attempts left.
    #[state(max_duration = "20s")]
    async fn badged(
        &self,
        name: String,
        attempts: u8,
        request: Request,
    ) -> Result<(bool, DoorState), portcullis::Interrupted> {
        let Request::Code(code) = request else { return Ok((false, DoorState::Badged(name, attempts))) };
        match self.verify(name.clone(), code).await? {
            true => Ok((true, DoorState::Open(name))),
            false if attempts > 1 => Ok((false, DoorState::Badged(name, attempts - 1))),
            false => Ok((false, DoorState::Locked)),
        }
    }

    /// Until it is pushed, or five seconds are over.
    #[state(max_duration = "5s")]
    async fn open(&self, name: String, request: Request) -> (bool, DoorState) {
        match request {
            Request::Push => (true, DoorState::Locked),
            _ => (false, DoorState::Open(name)),
        }
    }

    #[on(timeout = badged)]
    async fn forget(&self, _name: String, _attempts: u8) -> DoorState {
        DoorState::Locked
    }

    #[on(timeout = open)]
    async fn fall_shut(&self, _name: String) -> DoorState {
        DoorState::Locked
    }

    /// Reads a slow file.
    #[blocking(pool = self.disk, deadline = "1s", nested)]
    fn verify(&self, name: String, code: u32) -> bool {
        std::thread::sleep(Duration::from_millis(self.wait.into()));
        code as usize == name.len()
    }
}

fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(60));
    let description = Door::describe();
    println!("{description}\n");
    println!("{}", description.mermaid(Chart::States));
    println!("{}", description.mermaid(Chart::Threads));

    let dot = description.dot(Chart::States);
    println!("{dot}");
    let svg = draw(&dot)?;
    let file =
        env::args_os().nth(1).map_or_else(|| env::temp_dir().join("portcullis-door.svg"), PathBuf::from);
    fs::write(&file, svg)?;
    println!("drawn: {}", file.display());
    Ok(())
}

/// DOT to SVG, without Graphviz.
fn draw(dot: &str) -> Result<String, Error> {
    let graph = DotParser::new(dot).process()?;
    let mut builder = GraphBuilder::new();
    builder.visit_graph(&graph);
    let mut svg = SVGWriter::new();
    builder.get().do_it(false, false, false, &mut svg);
    Ok(svg.finalize())
}
