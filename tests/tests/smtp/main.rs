//! The SMTP example against Python's `smtplib`.

#![forbid(unsafe_code)]

use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, process};

use portcullis::Server;

#[path = "../../../examples/smtp/service.rs"]
mod service;
#[path = "../../../examples/smtp/wire.rs"]
mod wire;

use self::service::Smtp;
use self::wire::Wire;

/// `smtplib` gets the error codes of RFC 5321, and delivers a megabyte.
#[tokio::test]
async fn smtplib_delivers_a_megabyte_and_gets_the_codes_of_the_rfc() {
    let spool = env::temp_dir().join(format!("portcullis-smtp-test-{}", process::id()));
    fs::create_dir_all(&spool).unwrap();
    let smtp = Smtp::open("example.org", spool.clone()).unwrap();
    let server = Server::new(smtp).codec(Wire::default()).bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
    let addr = server.local_addr();

    let python = env::var_os("PORTCULLIS_PYTHON").unwrap_or_else(|| "python3".into());
    if Command::new(&python).arg("--version").output().is_err() {
        assert!(env::var_os("CI").is_none(), "no Python; PORTCULLIS_PYTHON says which to take");
        eprintln!("skipped: no Python; PORTCULLIS_PYTHON says which to take");
        return;
    }
    let client = tokio::task::spawn_blocking(move || {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp/deliver.py");
        Command::new(python)
            .args([script, &addr.ip().to_string(), &addr.port().to_string()])
            .stdin(Stdio::null())
            .output()
            .expect("to run python")
    });
    let output = tokio::time::timeout(Duration::from_secs(60), client).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ok");
    assert!(server.stop().await.unwrap().is_clean());

    let mut names: Vec<_> = fs::read_dir(&spool).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["000001.eml", "000002.eml"]);
    let mail = fs::read_to_string(spool.join("000001.eml")).unwrap();
    let head = "Return-Path: <bob@example.com>\r\nDelivered-To: ann@example.org\r\nDelivered-To: postmaster\r\nSubject: a megabyte\r\n";
    assert!(mail.starts_with(head), "{}", &mail[..head.len()]);
    assert!(mail.contains("\r\n\r\n.\r\n..\r\n.dotted\r\nxxx"), "dots are as they were before the wire");
    assert!(mail.len() > 1024 * 1024);
    fs::remove_dir_all(&spool).unwrap();
}
