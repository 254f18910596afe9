//! Socket options that the system does not support: the nearest supported value, or an error at
//! bind.

use std::io::ErrorKind;
use std::net::Ipv4Addr;

use portcullis::{BlockingEndpoint, ClientTls, Endpoint, Tcp, Udp, Unix};
use portcullis_tests::pki::{client_config, server_tls};
use portcullis_tests::streams::TempDir;

use super::*;

on_loops! {
    async fn any_keepalive_duration_is_rounded_to_one_the_system_supports() {
        let second = Duration::from_secs(1);
        let times = [Duration::ZERO, Duration::from_nanos(1), second / 2, second, 32_768 * second, Duration::MAX];
        for after in times {
            let tcp = || Tcp::new("127.0.0.1:0").keepalive(after);
            let server = Server::new(Echo).codec(Lines::new()).listen(tcp()).unwrap();
            let plain = server.local_addr();
            let tls = server_tls().build().unwrap();
            let server = server.listen(tcp().tls(tls)).unwrap();
            let tls = server.local_addrs()[1];
            let server = server.spawn().await.unwrap();
            let mut client = Client::<String, String, _>::connect(plain, Lines::new()).await.unwrap().timeout(LIMIT);
            assert_eq!(client.call("plain".into()).await.unwrap(), "plain", "{after:?}");
            let config = client_config(None, &[]);
            let client = Client::<String, String, _>::connect(Tcp::new(tls).tls(ClientTls::new("localhost", config)), Lines::new());
            assert_eq!(client.await.unwrap().timeout(LIMIT).call("TLS".into()).await.unwrap(), "TLS", "{after:?}");
            stop(server).await;
        }
    }

    async fn an_invalid_hop_limit_is_an_error_at_bind() {
        for hops in [256, u32::MAX] {
            let udp = |addr| Udp::new(addr, text()).multicast_hops(hops);
            let kind = |error: std::io::Error| error.kind();
            let bound = Server::new(Echo).listen(udp("127.0.0.1:0"));
            assert_eq!(bound.map(drop).map_err(kind), Err(ErrorKind::InvalidInput));
            let bound = Endpoint::<String, String, _>::bind(udp("127.0.0.1:0"));
            assert_eq!(bound.map(drop).map_err(kind), Err(ErrorKind::InvalidInput));
            let bound = BlockingEndpoint::<String, String, _>::bind(udp("[::1]:0"));
            // Without IPv6 it is another error.
            assert!(bound.is_err());
        }
        // Connected endpoints have the same options.
        let connected = Endpoint::<String, String, _>::connect(Udp::new("127.0.0.1:9", text()).multicast_hops(256));
        assert_eq!(connected.await.map(drop).map_err(|error| error.kind()), Err(ErrorKind::InvalidInput));
        let most = Udp::new("127.0.0.1:0", text()).multicast_hops(255).multicast_if_v4(Ipv4Addr::LOCALHOST);
        Endpoint::<String, String, _>::bind(most).unwrap();
    }
}

#[test]
fn an_impossible_file_mode_is_an_error_at_bind() {
    let dir = TempDir::new();
    let path = dir.join("socket");
    let bind = |mode| Server::new(Echo).codec(Lines::new()).listen(Unix::new(&path).mode(mode));
    assert_eq!(bind(0o100_600).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(!path.exists());
    drop(bind(0o600).unwrap());
    #[cfg(target_os = "linux")]
    {
        // An abstract address has no file with permissions; the option must not be ignored
        // silently.
        let name = format!("portcullis-mode-{}", std::process::id());
        let bind = |unix| Server::new(Echo).codec(Lines::new()).listen(unix);
        let unix = Unix::abstract_name(&name);
        assert_eq!(bind(unix.clone().mode(0o600)).unwrap_err().kind(), ErrorKind::InvalidInput);
        drop(bind(unix).unwrap());
    }
}
