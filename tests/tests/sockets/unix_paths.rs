//! A short relative path in a directory whose absolute path is too long for a socket address. A
//! separate process, because it changes its working directory.

use std::path::Path;
use std::process::{Command, ExitStatus};

use portcullis::{BlockingEndpoint, DatagramAddr, Endpoint, Json, Unix, UnixDatagram};
use portcullis_tests::streams::TempDir;

use super::*;

const CHILD: &str = "PORTCULLIS_DEEP_FOLDER";

#[test]
fn a_short_relative_path_in_a_deep_directory_can_be_bound_and_connected_to() {
    if std::env::var_os(CHILD).is_some() {
        portcullis_tests::on_current_thread(in_a_deep_directory());
        return;
    }
    let dir = TempDir::new();
    let deep = dir.join("d".repeat(60)).join("e".repeat(60));
    std::fs::create_dir_all(&deep).unwrap();
    let name = "unix_paths::a_short_relative_path_in_a_deep_directory_can_be_bound_and_connected_to";
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").current_dir(&deep);
    let status: ExitStatus = child.status().unwrap();
    assert!(status.success());
    assert_eq!(std::fs::read_dir(&deep).unwrap().count(), 0, "files are left");
}

async fn in_a_deep_directory() {
    // A stale socket is replaced there too.
    drop(std::os::unix::net::UnixListener::bind("stream").unwrap());
    drop(std::os::unix::net::UnixDatagram::bind("datagrams").unwrap());
    let server = Server::new(Echo).codec(Lines::new()).listen(Unix::new("stream")).unwrap();
    let server = server.listen(UnixDatagram::new("datagrams", Datagrams::<Json>::new())).unwrap();
    assert_eq!(server.unix_addrs()[0].as_pathname(), Some(Path::new("stream")));
    let taken = Server::new(Echo).codec(Lines::new()).listen(Unix::new("stream"));
    assert_eq!(taken.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    let server = server.spawn().await.unwrap();

    let client = Client::<String, String, _>::connect(Unix::new("stream"), Lines::new());
    assert_eq!(client.await.unwrap().timeout(LIMIT).call("here".into()).await.unwrap(), "here");
    let client = BlockingClient::<String, String, _>::connect(Unix::new("stream"), Lines::new()).unwrap();
    assert_eq!(blocking(move || client.timeout(LIMIT).call("here".into())).await.unwrap(), "here");

    let to = || DatagramAddr::from(Path::new("datagrams"));
    let json = Datagrams::<Json>::new;
    let endpoint =
        Endpoint::<String, String, _>::connect(UnixDatagram::new("datagrams", json())).await.unwrap();
    assert_eq!(endpoint.timeout(LIMIT).call("here".into()).await.unwrap(), "here");
    let endpoint =
        BlockingEndpoint::<String, String, _>::connect(UnixDatagram::new("datagrams", json())).unwrap();
    assert_eq!(blocking(move || endpoint.timeout(LIMIT).call("here".into())).await.unwrap(), "here");
    // An endpoint with its own file receives responses there.
    let mut endpoint =
        Endpoint::<String, String, _>::bind(UnixDatagram::new("endpoint", json())).unwrap().timeout(LIMIT);
    endpoint.send_to("here".into(), &to()).await.unwrap();
    assert_eq!(endpoint.recv_from().await.unwrap(), ("here".to_owned(), to()));
    drop(endpoint);
    // The files are removed although the working directory has changed.
    std::env::set_current_dir("/").unwrap();
    stop(server).await;
}
