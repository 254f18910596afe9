//! `pool`, `deadline` and `lane` are expressions over `self` and the arguments.
use portcullis::prelude::*;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

static STATIC: LazyLock<Pool> = LazyLock::new(|| pool("static"));
const LIMIT: Duration = Duration::from_secs(60);

struct Pools {
    owned: Pool,
    shared: Arc<Pool>,
    several: Vec<Pool>,
    limit: Duration,
}

#[service]
impl Pools {
    #[blocking(pool = self.owned)]
    fn owned(&self) {}

    #[blocking(pool = self.shared, deadline = self.limit)]
    fn shared(&self) {}

    #[blocking(pool = self.several[key % 2], lane = key, deadline = LIMIT * 2)]
    fn several(&self, key: usize) {
        let _ = key;
    }

    #[blocking(pool = &self.several[0], detached)]
    fn first(&self) {}

    #[blocking(pool = *STATIC, lane = (name.as_str(), 1_u8))]
    fn of_static(&self, name: String) {
        drop(name);
    }

    #[blocking(pool = if fast { &self.owned } else { STATIC.of() })]
    fn chosen(&self, fast: bool) {
        let _ = fast;
    }

    #[blocking(pool = Pool::shared(), deadline = "1m30s")]
    fn default(&self) {}
}

trait Of {
    fn of(&self) -> &Pool;
}

impl Of for LazyLock<Pool> {
    fn of(&self) -> &Pool {
        self
    }
}

fn pool(name: &str) -> Pool {
    Pool::builder(name).threads(1).build().unwrap()
}

fn main() {
    let several = vec![pool("a"), pool("b")];
    let pools = Pools { owned: pool("owned"), shared: Arc::new(pool("arc")), several, limit: LIMIT };
    let pools = Arc::new(pools);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        pools.owned().await.unwrap();
        pools.shared().await.unwrap();
        pools.several(3).await.unwrap();
        pools.first().await.unwrap();
        pools.of_static("a".to_owned()).await.unwrap();
        pools.chosen(false).await.unwrap();
        pools.default().await.unwrap();
    });
}
