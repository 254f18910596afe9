//! Decoding of large frames on a pool: the order of responses and the ends of sessions are the same
//! as for frames decoded on the loop.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use portcullis::codec::{Codec, Concatenated, Zstd};
use portcullis::prelude::*;
use portcullis::{Bound, Client, Json, JsonLines, Overflow, Service, Session};
use portcullis_tests::served::TestServer;
use portcullis_tests::{Gate, LIMIT, occupy_thread, on_loops, wait};
use serde::{Deserialize, Deserializer};
use tokio::time::timeout;

const ABOVE: usize = 4096;

/// The gates of a message in decoding: the first opens when decoding has begun, the second lets it
/// continue.
type Gates = (Arc<Gate>, Arc<Gate>);

static GATES: LazyLock<Mutex<HashMap<String, Gates>>> = LazyLock::new(Mutex::default);

/// A text and the thread that decoded it. Some texts are commands to the decoder.
struct Located {
    text: String,
    thread: String,
}

impl<'de> Deserialize<'de> for Located {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let word = text.split(' ').next().unwrap_or("");
        let gates = GATES.lock().unwrap().get(word).cloned();
        if let Some((entered, opened)) = gates {
            entered.open();
            opened.pass();
        }
        assert!(word != "panic", "on request");
        if word == "refuse" {
            return Err(serde::de::Error::custom("on request"));
        }
        let thread = std::thread::current().name().unwrap_or("").to_owned();
        Ok(Self { text, thread })
    }
}

impl Located {
    /// The first word, and where it was decoded.
    fn answer(&self) -> String {
        let word = self.text.split(' ').next().unwrap_or("");
        format!("{word} on {}", if self.thread.starts_with("decode") { "the pool" } else { "the loop" })
    }
}

/// `word`, padded to a large frame.
fn large(word: &str) -> String {
    format!("{word} {}", "x".repeat(2 * ABOVE))
}

/// A unique word, with its gates.
fn gate() -> (String, Arc<Gate>, Arc<Gate>) {
    let (entered, opened) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let mut gates = GATES.lock().unwrap();
    let word = format!("gate{}", gates.len());
    gates.insert(word.clone(), (entered.clone(), opened.clone()));
    (word, entered, opened)
}

#[derive(Default)]
struct Steps(Mutex<Vec<Reason>>);

#[service]
impl Steps {
    #[request]
    async fn handle(&self, located: Located) -> String {
        located.answer()
    }

    #[on(error)]
    async fn failed(&self, error: SessionError) -> ControlFlow<Reason, String> {
        ControlFlow::Continue(format!("error: {error}"))
    }

    #[on(disconnect)]
    async fn ended(&self, reason: Reason) {
        self.0.lock().unwrap().push(reason);
    }
}

/// Responds to each request of a batch.
#[derive(Default)]
struct Together(Mutex<Vec<usize>>);

#[service]
impl Together {
    #[request(batch = 64)]
    async fn handle(&self, located: Vec<Located>) -> Vec<String> {
        self.0.lock().unwrap().push(located.len());
        located.iter().map(Located::answer).collect()
    }
}

#[derive(Default)]
struct Linear(Mutex<Vec<Reason>>);

#[service]
impl Linear {
    #[session]
    async fn talk(&self, session: &mut Session<Located, String>) -> Result<(), SessionError> {
        loop {
            let located = match session.next_timeout(Duration::from_millis(5)).await {
                // The frame that is being decoded is kept.
                Err(SessionError::Timeout) => continue,
                located => located?,
            };
            session.send(located.answer()).await?;
        }
    }

    #[on(disconnect)]
    async fn ended(&self, reason: Reason) {
        self.0.lock().unwrap().push(reason);
    }
}

fn pool() -> Pool {
    Pool::builder("decode").threads(1).build().unwrap()
}

fn bound<S: Service>(service: Arc<S>, pool: &Pool) -> Server<S, LengthPrefixed<Json>, Bound>
where
    LengthPrefixed<Json>: Codec<S::Request, S::Response>,
{
    let server = Server::new(service).codec(LengthPrefixed::<Json>::new()).decode_on(pool, ABOVE);
    server.bind("127.0.0.1:0").unwrap()
}

type Talker = Client<String, String, LengthPrefixed<Json>>;

async fn connect(served: &TestServer) -> Talker {
    Client::connect(served.addr, LengthPrefixed::<Json>::new()).await.unwrap().timeout(LIMIT)
}

async fn call(client: &mut Talker, text: String) -> String {
    client.call(text).await.unwrap()
}

async fn inside(gate: &Arc<Gate>) {
    let gate = Arc::clone(gate);
    assert!(tokio::task::spawn_blocking(move || gate.pass()).await.unwrap());
}

/// Sends small and large requests, and then reads all responses.
async fn keeps_order<C>(mut client: Client<String, String, C>)
where
    C: Codec<String, String> + 'static,
{
    for n in 0..20 {
        let word = format!("{n}");
        client.send(if n % 3 == 1 { large(&word) } else { word }).await.unwrap();
    }
    client.flush().await.unwrap();
    for n in 0..20 {
        let on = if n % 3 == 1 { "the pool" } else { "the loop" };
        let answer = timeout(LIMIT, client.next()).await.expect("in time").unwrap();
        assert_eq!(answer, Some(format!("{n} on {on}")));
    }
}

on_loops! {
    async fn large_frames_are_decoded_on_the_pool_and_requests_stay_in_order() {
        let pool = pool();
        let served = TestServer::new(bound(Arc::new(Steps::default()), &pool)).await;
        keeps_order(connect(&served).await).await;
        served.stop().await;
        let served = TestServer::new(bound(Arc::new(Linear::default()), &pool)).await;
        keeps_order(connect(&served).await).await;
        served.stop().await;
    }

    async fn large_frames_are_decoded_on_the_pool_in_every_framing() {
        macro_rules! framings {
            ($($codec:expr;)*) => {$({
                let server = Server::new(Steps::default()).codec($codec).decode_on(&pool(), ABOVE);
                let served = TestServer::new(server.bind("127.0.0.1:0").unwrap()).await;
                keeps_order(Client::connect(served.addr, $codec).await.unwrap()).await;
                served.stop().await;
            })*};
        }
        framings! {
            JsonLines::new();
            Concatenated::<Json>::new();
            Concatenated::<portcullis::MessagePack>::new();
            LengthPrefixed::<portcullis::Cbor>::new();
        }
    }

    async fn compressed_frames_are_decompressed_on_the_pool() {
        // The compressed length counts: a frame that is large only when it is decompressed is
        // decoded on the loop.
        let server = Server::new(Steps::default()).codec(LengthPrefixed::<Zstd<Json>>::new()).decode_on(&pool(), 50);
        let served = TestServer::new(server.bind("127.0.0.1:0").unwrap()).await;
        let mut client = Client::<String, String, _>::connect(served.addr, LengthPrefixed::<Zstd<Json>>::new()).await.unwrap();
        let noise: String = (0..2000_u32).map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 24) as u8 % 26)).collect();
        assert_eq!(client.call(format!("noise {noise}")).await.unwrap(), "noise on the pool");
        assert_eq!(client.call("x".to_owned()).await.unwrap(), "x on the loop");
        served.stop().await;
    }

    async fn the_loop_serves_other_sessions_while_a_frame_is_decoded() {
        let (word, entered, opened) = gate();
        let served = TestServer::new(bound(Arc::new(Steps::default()), &pool())).await;
        let (mut waiting, mut other) = (connect(&served).await, connect(&served).await);
        waiting.send(large(&word)).await.unwrap();
        waiting.send("after".to_owned()).await.unwrap();
        inside(&entered).await;
        for _ in 0..100 {
            assert_eq!(call(&mut other, "small".to_owned()).await, "small on the loop");
        }
        opened.open();
        assert_eq!(waiting.next().await.unwrap(), Some(format!("{word} on the pool")));
        assert_eq!(waiting.next().await.unwrap().as_deref(), Some("after on the loop"));
        served.stop().await;
    }

    async fn a_reset_cancels_the_decoding_job() {
        let pool = pool();
        let (release, held) = occupy_thread(&pool);
        let service = Arc::new(Steps::default());
        let served = TestServer::new(bound(Arc::clone(&service), &pool)).await;
        let mut client = connect(&served).await;
        client.send(large("lost")).await.unwrap();
        wait(|| pool.stats().queued == 1).await;
        client.get_ref().set_zero_linger().unwrap();
        drop(client);
        wait(|| service.0.lock().unwrap().len() == 1).await;
        assert_eq!(*service.0.lock().unwrap()[0].cause(), Reason::Reset);
        assert_eq!(pool.stats().queued, 0);
        release.open();
        assert!(held.await.unwrap());
        served.stop().await;
    }

    async fn a_stop_waits_for_a_frame_being_decoded_and_answers_it() {
        let (word, entered, opened) = gate();
        let served = TestServer::new(bound(Arc::new(Steps::default()), &pool())).await;
        let mut client = connect(&served).await;
        client.send(large(&word)).await.unwrap();
        inside(&entered).await;
        served.handle.stop();
        opened.open();
        assert_eq!(client.next().await.unwrap(), Some(format!("{word} on the pool")));
        assert_eq!(client.next().await.unwrap(), None);
        assert!(served.stop().await.is_clean());
    }

    async fn a_frame_still_being_decoded_after_the_grace_ends_the_session() {
        let pool = pool();
        let (release, held) = occupy_thread(&pool);
        let service = Arc::new(Linear::default());
        let served = TestServer::new(bound(Arc::clone(&service), &pool).grace(Duration::from_millis(50))).await;
        let mut client = connect(&served).await;
        client.send(large("late")).await.unwrap();
        wait(|| pool.stats().queued == 1).await;
        served.stop().await;
        assert_eq!(service.0.lock().unwrap()[0], Reason::Stopped);
        assert_eq!(pool.stats().queued, 0);
        release.open();
        assert!(held.await.unwrap());
    }

    async fn a_large_frame_before_a_half_close_is_answered() {
        let service = Arc::new(Steps::default());
        let (word, entered, opened) = gate();
        let served = TestServer::new(bound(Arc::clone(&service), &pool())).await;
        let mut client = connect(&served).await;
        client.send(large(&word)).await.unwrap();
        inside(&entered).await;
        client.finish().await.unwrap();
        opened.open();
        assert_eq!(client.next().await.unwrap(), Some(format!("{word} on the pool")));
        served.stop().await;
    }

    async fn malformed_frames_panics_and_a_full_pool_are_reported_as_on_the_loop() {
        let pool = Pool::builder("decode").threads(1).queue_capacity(1).overflow(Overflow::Reject).build().unwrap();
        let served = TestServer::new(bound(Arc::new(Steps::default()), &pool)).await;
        let mut client = connect(&served).await;
        assert_eq!(call(&mut client, large("refuse")).await.split(" at").next(), Some("error: malformed input: on request"));
        assert_eq!(call(&mut client, large("fine")).await, "fine on the pool");
        // Occupies the pool's only thread and its only queue slot.
        let (release, held) = occupy_thread(&pool);
        let place = pool.run(|_| ());
        let refused = call(&mut client, large("refused")).await;
        assert!(refused.starts_with("error: malformed input: a large frame was not decoded"), "{refused}");
        assert_eq!(call(&mut client, "small".to_owned()).await, "small on the loop");
        release.open();
        assert!(held.await.unwrap());
        place.await.unwrap();
        assert_eq!(call(&mut client, large("panic")).await, "error: panicked: on request");
        assert_eq!(client.next().await.unwrap(), None);
        served.stop().await;
    }
}

/// Counts its requests.
#[derive(Default)]
struct Counting(std::sync::atomic::AtomicUsize);

#[service]
impl Counting {
    #[request]
    async fn count(&self, text: String) -> u64 {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        text.len() as u64
    }
}

/// On the loop: after a few bytes that cost much work, other sessions get a turn.
#[test]
fn many_highly_compressed_frames_do_not_block_the_loop() {
    const MANY: usize = 100;
    portcullis_tests::on_current_thread(async {
        let service = Arc::new(Counting::default());
        let codec = || LengthPrefixed::<Zstd<Json>>::new();
        let server = Server::new(Arc::clone(&service)).codec(codec()).bind("127.0.0.1:0").unwrap();
        let served = TestServer::new(server).await;
        let mut flood = Client::<String, u64, _>::connect(served.addr, codec()).await.unwrap();
        let mut other = Client::<String, u64, _>::connect(served.addr, codec()).await.unwrap();
        assert_eq!(flood.call("x".to_owned()).await.unwrap(), 1);
        assert_eq!(other.call("x".to_owned()).await.unwrap(), 1);
        // Each frame is 60 KB compressed to about fifty bytes, so one read returns all of them.
        let mut frames = bytes::BytesMut::new();
        for _ in 0..MANY {
            Codec::<u64, String>::encode(&mut codec(), "z".repeat(60_000), &mut frames).unwrap();
        }
        assert!(frames.len() < 8192, "{} bytes", frames.len());
        assert_eq!(flood.get_ref().try_write(&frames).unwrap(), frames.len());
        assert_eq!(other.call("y".to_owned()).await.unwrap(), 1);
        let handled = service.0.load(std::sync::atomic::Ordering::SeqCst) - 3;
        assert!(handled < MANY / 2, "{handled} of {MANY} were handled first");
        for _ in 0..MANY {
            assert_eq!(flood.next().await.unwrap(), Some(60_000));
        }
        served.stop().await;
    });
}

on_loops! {
    async fn s29_a_frame_that_a_pool_decodes_is_a_batch_of_its_own() {
        let (service, pool) = (Arc::new(Together::default()), pool());
        let served = TestServer::new(bound(service.clone(), &pool)).await;
        let mut client = connect(&served).await;
        for text in ["a".to_owned(), "b".into(), large("c"), "d".into(), large("refuse")] {
            client.send(text).await.unwrap();
        }
        for expected in ["a on the loop", "b on the loop", "c on the pool", "d on the loop"] {
            assert_eq!(client.next().await.unwrap().as_deref(), Some(expected));
        }
        let sizes = service.0.lock().unwrap().clone();
        assert_eq!(sizes.iter().sum::<usize>(), 4, "{sizes:?}");
        assert_eq!(client.next().await.unwrap(), None);
        served.stop().await;
    }
}
