//! Expressions of `#[blocking(..)]` read the arguments without moving them, also through macros.
#![deny(warnings)]
use portcullis::Interrupted;
use portcullis::prelude::*;
use std::{collections::HashMap, sync::Arc, time::Duration};
#[derive(Hash, PartialEq, Eq)]
struct Key {
    tenant: String,
    id: u64,
}
#[derive(Hash)]
struct KeyRef<'a> {
    tenant: &'a str,
    id: u64,
    ids: &'a [u64],
}
#[derive(Hash)]
struct Tup(String);
#[derive(Hash, Clone, Copy, PartialEq)]
enum Kind {
    A,
    B,
}
#[derive(Hash, Debug)]
struct NoClone {
    name: String,
    kind: u8,
}
fn of_str(s: &str) -> usize {
    s.len()
}
fn of_string(s: &String) -> usize {
    s.len()
}
fn of_id(id: u64) -> u64 {
    id
}
fn of_gen<T: std::hash::Hash + ?Sized>(_: &T) -> u64 {
    3
}
fn by_val<T: std::hash::Hash>(_: T) -> u64 {
    3
}
fn limit(s: &str) -> Duration {
    Duration::from_secs(s.len() as u64 + 5)
}
fn pick<'a>(p: &'a [Pool], t: &str) -> &'a Pool {
    &p[t.len() % p.len()]
}
struct L {
    pools: Vec<Pool>,
    named: HashMap<String, Pool>,
    disk: Pool,
    name: String,
}
type E = Interrupted;
impl L {
    fn shard(&self, t: &str) -> u64 {
        t.len() as u64
    }
    #[blocking(pool = self.disk, lane = (tenant, id))]
    fn a(self: &Arc<Self>, tenant: String, id: u64) -> Result<usize, E> {
        Ok(tenant.len() + id as usize)
    }
    #[blocking(pool = self.disk, lane = Key { tenant, id })]
    fn b(self: &Arc<Self>, tenant: String, id: u64) -> Result<usize, E> {
        Ok(tenant.len() + id as usize)
    }
    #[blocking(pool = self.disk, lane = KeyRef { tenant, id, ids })]
    fn c(self: &Arc<Self>, tenant: String, id: u64, ids: Vec<u64>) -> Result<usize, E> {
        Ok(tenant.len() + id as usize + ids.len())
    }
    #[blocking(pool = self.disk, lane = of_str(tenant), deadline = limit(tenant), start_deadline = limit(tenant) / 2)]
    fn d(self: &Arc<Self>, tenant: String) -> Result<usize, E> {
        Ok(tenant.len())
    }
    #[blocking(pool = pick(&self.pools, tenant), lane = of_string(tenant))]
    fn e(self: &Arc<Self>, tenant: String) -> Result<usize, E> {
        Ok(tenant.len())
    }
    #[blocking(pool = self.pools[id], lane = of_id(key))]
    fn f(self: &Arc<Self>, id: usize, key: u64) -> Result<usize, E> {
        Ok(id + key as usize)
    }
    #[blocking(pool = self.named[&tenant], lane = of_gen(&tenant))]
    fn g(self: &Arc<Self>, tenant: String) -> Result<usize, E> {
        Ok(tenant.len())
    }
    #[blocking(pool = self.named[tenant], lane = by_val(tenant))]
    fn h(self: &Arc<Self>, tenant: String) -> Result<usize, E> {
        Ok(tenant.len())
    }
    #[blocking(pool = { let p = &self.pools; pick(p, tenant) }, lane = { let t = tenant; (t, id) })]
    fn i(self: &Arc<Self>, tenant: String, id: u64) -> Result<usize, E> {
        Ok(tenant.len() + id as usize)
    }
    #[blocking(pool = if id > 3 { &self.disk } else { self.pools[0] }, lane = if id > 3 { tenant } else { other })]
    fn j(self: &Arc<Self>, tenant: String, other: String, id: u64) -> Result<usize, E> {
        Ok(tenant.len() + other.len() + id as usize)
    }
    #[blocking(pool = self.disk, lane = match kind { Kind::A => (tenant, 1), Kind::B => (tenant, 2) })]
    fn k(self: &Arc<Self>, tenant: String, kind: Kind) -> Result<usize, E> {
        Ok(tenant.len() + (kind == Kind::A) as usize)
    }
    #[blocking(pool = self.disk, lane = (it.name, it.kind))]
    fn l(self: &Arc<Self>, it: NoClone) -> Result<usize, E> {
        Ok(it.name.len())
    }
    #[blocking(pool = self.disk, lane = tenant.into_bytes())]
    fn m(self: &Arc<Self>, tenant: String) -> Result<usize, E> {
        Ok(tenant.len())
    }
    #[blocking(pool = self.disk, lane = self.shard(tenant) + id)]
    fn n(self: &Arc<Self>, tenant: String, id: u64) -> Result<usize, E> {
        Ok(tenant.len() + id as usize)
    }
    #[blocking(pool = self.disk, lane = Tup(tenant))]
    fn o(self: &Arc<Self>, tenant: String) -> Result<usize, E> {
        Ok(tenant.len())
    }
    #[blocking(pool = self.disk, lane = [tenant, other])]
    fn p(self: &Arc<Self>, tenant: String, other: String) -> Result<usize, E> {
        Ok(tenant.len() + other.len())
    }
    #[blocking(pool = self.disk, lane = Some(tenant))]
    fn q(self: &Arc<Self>, tenant: String) -> Result<usize, E> {
        Ok(tenant.len())
    }
    #[blocking(pool = self.disk, lane = format!("{tenant}-{}", id))]
    fn r(self: &Arc<Self>, tenant: String, id: u64) -> Result<usize, E> {
        Ok(tenant.len() + id as usize)
    }
    #[blocking(pool = self.disk, lane = tenant == "a" || tenant == *other)]
    fn s(self: &Arc<Self>, tenant: String, other: Arc<String>) -> Result<usize, E> {
        Ok(tenant.len() + other.len())
    }
    #[blocking(pool = self.disk, lane = (self.name, tenant.clone(), &tenant, tenant.len(), tenant[1..].len()))]
    fn t(self: &Arc<Self>, tenant: String) -> Result<usize, E> {
        Ok(tenant.len())
    }
    #[blocking(pool = self.disk, lane = ids.into_iter().next())]
    fn u(self: &Arc<Self>, ids: Vec<u64>) -> Result<usize, E> {
        Ok(ids.len())
    }
    #[blocking(pool = self.disk, lane = (|tenant: u8| tenant)(3))]
    fn v(self: &Arc<Self>, tenant: String) -> Result<usize, E> {
        Ok(tenant.len())
    }
    #[blocking(pool = self.disk, lane = std::borrow::Cow::Borrowed(tenant.as_str()))]
    fn w(self: &Arc<Self>, tenant: String) -> Result<usize, E> {
        Ok(tenant.len())
    }
    #[blocking(pool = self.disk, lane = if let Some(t) = &tenant { of_str(t) } else { 0 })]
    fn x(self: &Arc<Self>, tenant: Option<String>) -> Result<usize, E> {
        Ok(tenant.map_or(0, |t| t.len()))
    }
    #[blocking(pool = self.disk, lane = (first, second), deadline = (("2s")))]
    fn y<A: std::hash::Hash + Send + 'static, B: std::hash::Hash + Copy + Send + 'static>(
        self: &Arc<Self>,
        first: A,
        second: B,
    ) -> Result<usize, E> {
        drop(first);
        let _ = second;
        Ok(1)
    }
}
#[blocking(lane = (a, b), deadline = ("2s"))]
fn free(a: String, b: String) -> usize {
    a.len() + b.len()
}
macro_rules! inner {
    ($n:ident, $l:literal, $k:ident, $lane:expr, $d:expr) => {
        #[blocking(deadline = $l, lane = $lane)]
        fn $n($k: u32) -> u32 {
            $k
        }
        mod d {
            use super::*;
            #[blocking(deadline = $d)]
            pub fn $n() -> u32 {
                1
            }
        }
    };
}
macro_rules! outer {
    ($n:ident, $l:literal, $k:ident, $lane:expr, $d:expr) => {
        inner!($n, $l, $k, $lane, $d);
    };
}
outer!(job, "2s", key, key % 2, Duration::from_secs(2) + Duration::from_secs(1));
struct St;
macro_rules! st {
    ($i:literal, $j:expr) => {
        #[service]
        impl St {
            #[state(start, idle = $i, max_duration = ($j))]
            async fn first(&self, r: String) -> (String, StState) {
                (r, StState::Closed)
            }
        }
    };
}
macro_rules! st2 {
    ($i:literal, $j:expr) => {
        st!($i, $j);
    };
}
st2!("2s", "3m");
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let p = |n: &str| Pool::builder(n).build().unwrap();
    let l = Arc::new(L {
        pools: vec![p("a"), p("b")],
        named: HashMap::from([("x".to_string(), p("c"))]),
        disk: p("d"),
        name: "n".into(),
    });
    let x = || "x".to_string();
    for o in [
        l.a(x(), 1),
        l.b(x(), 1),
        l.c(x(), 1, vec![]),
        l.d(x()),
        l.e(x()),
        l.f(1, 2),
        l.g(x()),
        l.h(x()),
        l.i(x(), 1),
        l.j(x(), x(), 1),
        l.k(x(), Kind::A),
        l.l(NoClone { name: x(), kind: 1 }),
        l.m(x()),
        l.n(x(), 1),
        l.o(x()),
        l.p(x(), x()),
        l.q(x()),
        l.r(x(), 1),
        l.s(x(), Arc::new(x())),
        l.t(x()),
        l.u(vec![1]),
        l.v(x()),
        l.w(x()),
        l.x(Some(x())),
        l.y(x(), 1),
    ] {
        let _: usize = o.await.unwrap();
    }
    let _ = (free(x(), x()).await, job(3).await, d::job().await);
    let _ = Kind::B;
    let _ = Server::new(St);
    println!("done");
}
