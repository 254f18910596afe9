//! A service in two blocks: the handlers in one, other methods in both.
use portcullis::{JsonLines, prelude::*};

struct Search {
    cpu: Pool,
}

#[service]
impl Search {
    #[request]
    async fn search(&self, query: String) -> usize {
        self.scan(query).await.unwrap_or(0)
    }
}

#[service]
impl Search {
    #[blocking(pool = self.cpu)]
    fn scan(&self, worker: &Worker, query: String) -> usize {
        self.count(query).wait(worker).unwrap_or(0)
    }

    async fn count(&self, query: String) -> usize {
        query.len()
    }
}

impl Search {
    fn open() -> Self {
        Self { cpu: Pool::builder("cpu").threads(1).build().unwrap() }
    }
}

fn main() {
    let search = std::sync::Arc::new(Search::open());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(search.search("abc".to_owned())), 3);
    let _ = Server::new(search).codec(JsonLines::new());
}
