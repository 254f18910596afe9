//! Calls from threads, from pools, and from other runtimes than that of the connection.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use portcullis_rpc::{CallError, Failure, RpcClient};
use portcullis_runtime::{Pool, Wait};
use tokio::runtime::{Builder, Runtime};

use crate::echo::EchoClient;
use crate::peer::{Peer, codec, in_memory, in_time};
use crate::{failed, poll_once};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A server on a thread of its own, which answers one connection.
fn serve() -> (std::net::SocketAddr, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        runtime().block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            Peer::new(in_time(listener.accept()).await.unwrap().0).serve().await;
        });
    });
    (addr, serving)
}

#[test]
fn c13_a_program_without_a_runtime_makes_calls() {
    let (addr, serving) = serve();
    let client = EchoClient(RpcClient::connect_blocking(addr, codec()).unwrap());
    assert_eq!(client.echo("text").blocking_wait(), Ok("text".to_owned()));
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let client = client.clone();
            thread::spawn(move || {
                (0..50).all(|_| client.echo(n.to_string()).blocking_wait() == Ok(n.to_string()))
            })
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    // `check` is not answered.
    let late = client.check(1).deadline(Duration::from_millis(10));
    assert_eq!(late.blocking_wait(), failed(Failure::Deadline));
    // Any other executor works, too.
    assert_eq!(futures::executor::block_on(client.echo("text")), Ok("text".to_owned()));
    drop(client);
    serving.join().unwrap();
}

#[test]
fn a_blocking_client_says_why_it_cannot_connect() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = RpcClient::<crate::echo::EchoCall>::connect_blocking(addr, codec()).unwrap_err();
    assert!(
        matches!(&error, portcullis_net::ClientError::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused),
        "{error}"
    );
}

#[tokio::test]
#[should_panic = "Cannot start a runtime from within a runtime"]
async fn a_blocking_wait_in_async_code_panics() {
    let (client, _peer) = in_memory(1024);
    let _ = client.echo("text").blocking_wait();
}

#[tokio::test]
async fn a_pool_thread_waits_for_a_call() {
    let (client, peer) = in_memory(1024);
    let served = tokio::spawn(peer.serve());
    let pool = Pool::builder("calls").threads(1).build().unwrap();
    let shared = client.clone();
    let job = pool.run(move |worker| shared.echo("from a thread").wait(worker));
    assert_eq!(in_time(job).await.unwrap().unwrap(), Ok("from a thread".to_owned()));
    drop(client);
    in_time(served).await.unwrap();
}

#[tokio::test]
async fn a_job_passes_its_deadline_and_its_cancellation_on() {
    let (client, mut peer) = in_memory(1024);
    let pool = Pool::builder("calls").threads(1).build().unwrap();
    let shared = client.clone();
    let job = pool
        .job("call")
        .deadline(Duration::from_secs(3600))
        .run(move |worker| shared.echo("text").wait(worker));
    let job = tokio::spawn(job.into_future());
    let Some(portcullis_rpc::ClientMessage::Call { id, time_left, .. }) = peer.next().await else {
        panic!("no call")
    };
    assert!(time_left.unwrap() > Duration::from_secs(3000), "{time_left:?}");
    job.abort();
    assert_eq!(peer.next().await, Some(portcullis_rpc::ClientMessage::Cancel { id }));
}

#[test]
fn c13_calls_end_when_the_runtime_of_the_connection_shuts_down() {
    let (connection, caller) = (runtime(), runtime());
    let (client, mut peer) = connection.block_on(async { in_memory(1024) });
    let (mut sent, mut queued) = (client.echo("sent"), client.echo("queued"));
    let client = EchoClient(client.0.max_in_flight(1));
    assert!(poll_once(&mut sent).is_pending() && poll_once(&mut queued).is_pending());
    caller.block_on(peer.next_echo());
    let waiting = caller.spawn(sent);
    connection.shutdown_background();
    assert_eq!(caller.block_on(in_time(waiting)).unwrap(), failed(Failure::Lost));
    assert_eq!(caller.block_on(in_time(queued)), failed(Failure::Closed));
    caller.block_on(in_time(client.0.closed()));
    assert_eq!(caller.block_on(in_time(client.echo("later"))), failed(Failure::Closed));
    // The threads of neither runtime are needed to learn that.
    assert_eq!(futures::executor::block_on(client.echo("later")), failed(Failure::Closed));
}

#[test]
fn c13_calls_are_made_from_another_runtime() {
    let (connection, caller) = (runtime(), runtime());
    let (client, peer) = connection.block_on(async { in_memory(1024) });
    let served = connection.spawn(peer.serve());
    let results =
        caller.block_on(in_time(futures::future::join_all((0..100).map(|n| client.echo(n.to_string())))));
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    // A runtime without timers can make calls with deadlines.
    let bare = Builder::new_current_thread().build().unwrap();
    let late = client.check(1).deadline(Duration::from_millis(10));
    assert_eq!(bare.block_on(late), Err(CallError::Failure(Failure::Deadline)));
    drop(client);
    connection.block_on(in_time(served)).unwrap();
}
