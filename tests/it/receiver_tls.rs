//! TLS on the receivers, over real sockets.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::Version;
use pricetag::otlp::Signal;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::command::pricetag;
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};
use crate::support::tls::{TRUSTING, Trust, channel, client, export, fixture, post};
use crate::support::{AMPLE, Pricetag, Sink, eventually, how_many};

const BOTH: [&str; 2] = ["grpc", "http"];

fn spans(n: u64) -> Bytes {
    request(vec![gpt_4o(n, 1_000_000, 0)]).encode_to_vec().into()
}

/// Both receivers with these files, and more keys of `tls`.
async fn start(sink: &Sink, certificate: &Path, key: &Path, more: &str) -> Pricetag {
    BOTH.iter()
        .fold(Setup::new(&[sink.otlp("a", "")], "otlp/a"), |setup, protocol| {
            let (certificate, key) = (certificate.display(), key.display());
            setup.set(format!(
                "receivers.otlp.protocols.{protocol}.tls={{cert_file: '{certificate}', key_file: '{key}'{more}}}"
            ))
        })
        .start()
        .await
}

async fn usual(sink: &Sink, more: &str) -> Pricetag {
    start(sink, &fixture("server.pem"), &fixture("server.key"), more).await
}

/// Scenario: gRPC, HTTP/2 and HTTP/1.1 by TLS; plaintext, and clients that do not trust the certificate.
/// Guarantees: the first three are taken, by the version that ALPN agrees on; no other; the log says that handshakes fail, and the
/// ready line says https.
#[tokio::test]
async fn both_receivers_speak_tls() {
    let sink = Sink::start().await;
    let pricetag = usual(&sink, "").await;
    let grpc = channel(pricetag.grpc, TRUSTING).await.unwrap();
    export(&grpc, spans(1), None).await.unwrap();
    let both = client(pricetag.http, TRUSTING).build().unwrap();
    assert_eq!(post(&both, pricetag.http, spans(2)).await.unwrap(), (Version::HTTP_2, 200));
    let old = client(pricetag.http, TRUSTING).http1_only().build().unwrap();
    assert_eq!(post(&old, pricetag.http, spans(3)).await.unwrap(), (Version::HTTP_11, 200));

    let other = Trust { ca: "other-ca.pem", identity: None };
    assert!(channel(pricetag.grpc, other).await.is_err());
    let strange = client(pricetag.http, other).build().unwrap();
    assert!(post(&strange, pricetag.http, spans(4)).await.is_err());
    let url = format!("http://{}/v1/traces", pricetag.http);
    assert!(pricetag.client.post(url).body(spans(5)).send().await.is_err());
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", pricetag.grpc)).unwrap();
    if let Ok(plain) = endpoint.connect().await {
        assert!(export(&plain, spans(6), None).await.is_err());
    }
    sink.traces(3).await;
    eventually("a line of a handshake", async || {
        let log = pricetag.log();
        let says = |name: &str| log.contains(&format!("{name}: a TLS handshake with 127.0.0.1:"));
        (says("OTLP/gRPC") && says("OTLP/HTTP")).then_some(())
    })
    .await;
    let ready = pricetag.log().lines().find(|line| line.contains("ready: ")).unwrap().to_owned();
    assert!(ready.contains("gRPC https://") && ready.contains("HTTP https://"), "{ready}");
}

/// Scenario: `client_ca_file`; clients with its certificate, with another's, with none.
/// Guarantees: only the first come in.
#[tokio::test]
async fn clients_have_to_show_a_certificate() {
    let sink = Sink::start().await;
    let pricetag = usual(&sink, &format!(", client_ca_file: '{}'", fixture("other-ca.pem").display())).await;
    let known = Trust { identity: Some(("other.pem", "other.key")), ..TRUSTING };
    let unknown = Trust { identity: Some(("server.pem", "server.key")), ..TRUSTING };
    for (trust, comes_in) in [(TRUSTING, false), (unknown, false), (known, true)] {
        // In TLS 1.3 a client learns that it is refused when it reads.
        let by_grpc = match channel(pricetag.grpc, trust).await {
            Ok(channel) => export(&channel, spans(1), None).await.is_ok(),
            Err(_) => false,
        };
        let http = client(pricetag.http, trust).build().unwrap();
        let by_http = post(&http, pricetag.http, spans(2)).await.is_ok_and(|(_, status)| status == 200);
        assert_eq!((by_grpc, by_http), (comes_in, comes_in), "{trust:?}");
    }
    sink.traces(2).await;
}

/// Scenario: a client that speaks TLS 1.2 at most, with and without `min_version: "1.3"`.
/// Guarantees: it is refused with, taken without.
#[tokio::test]
async fn the_oldest_version_is_the_configured_one() {
    for (more, comes_in) in [("", true), (", min_version: \"1.3\"", false)] {
        let sink = Sink::start().await;
        let pricetag = usual(&sink, more).await;
        let old = client(pricetag.http, TRUSTING).tls_version_max(reqwest::tls::Version::TLS_1_2);
        let taken = post(&old.build().unwrap(), pricetag.http, spans(1)).await.is_ok();
        assert_eq!(taken, comes_in, "{more}");
        let new = client(pricetag.http, TRUSTING).build().unwrap();
        assert_eq!(post(&new, pricetag.http, spans(2)).await.unwrap().1, 200);
    }
}

/// Scenario: certificate and key are replaced by another's; then by garbage; then by a certificate without its key.
/// Guarantees: new connections get the new certificate, those that there are go on; what is broken changes nothing and is said, with
/// file, key and remedy, a few times and not for each connection; no key in the log.
#[tokio::test]
async fn files_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    let put = |pem: &str, private: &str| {
        fs::copy(fixture(pem), &certificate).unwrap();
        fs::copy(fixture(private), &key).unwrap();
    };
    put("server.pem", "server.key");
    let sink = Sink::start().await;
    let pricetag = start(&sink, &certificate, &key, ", reload_interval: 1s").await;
    let old = channel(pricetag.grpc, TRUSTING).await.unwrap();
    export(&old, spans(1), None).await.unwrap();

    put("other.pem", "other.key");
    let other = Trust { ca: "other-ca.pem", identity: None };
    let new = eventually("the new certificate", async || channel(pricetag.grpc, other).await.ok()).await;
    export(&new, spans(2), None).await.unwrap();
    let http = eventually("the new certificate of HTTP", async || {
        let http = client(pricetag.http, other).build().unwrap();
        post(&http, pricetag.http, spans(3)).await.is_ok().then_some(http)
    })
    .await;
    assert!(channel(pricetag.grpc, TRUSTING).await.is_err(), "the old certificate is gone");
    export(&old, spans(4), None).await.expect("a connection that there was");
    let log = pricetag.log();
    assert!(log.contains("certificates reloaded: receivers.otlp.protocols.grpc.tls has SHA-256 "), "{log}");

    for (broken, says) in
        [("garbage", "no certificate in PEM"), ("server.pem", "not the key of the certificate")]
    {
        if broken == "garbage" {
            fs::write(&certificate, "garbage").unwrap();
        } else {
            fs::copy(fixture(broken), &certificate).unwrap();
        }
        eventually(says, async || {
            let log = pricetag.log();
            // Of both receivers.
            BOTH.iter()
                .all(|at| {
                    let key = format!("receivers.otlp.protocols.{at}.tls.");
                    log.lines().any(|line| {
                        line.contains("the certificates stay as they are")
                            && line.contains(says)
                            && line.contains(&key)
                    })
                })
                .then_some(())
        })
        .await;
        for n in 5..25 {
            export(&channel(pricetag.grpc, other).await.unwrap(), spans(n), None).await.unwrap();
        }
        assert_eq!(post(&http, pricetag.http, spans(30)).await.unwrap().1, 200);
    }
    let log = pricetag.log();
    let said = log.lines().filter(|line| line.contains("the certificates stay as they are")).count();
    assert!((4..30).contains(&said), "{said} lines:\n{log}");
    let private = fs::read_to_string(fixture("server.key")).unwrap();
    assert!(!log.contains(private.lines().nth(1).unwrap()));
}

/// Scenario: many connections that never begin their handshake, and some that send half of one.
/// Guarantees: others are answered meanwhile, by both protocols; after some seconds they are cut off.
#[tokio::test]
async fn who_never_finishes_holds_up_nobody() {
    let sink = Sink::start().await;
    let pricetag = usual(&sink, "").await;
    let mut waiting = Vec::new();
    for n in 0..100 {
        let address = if n % 2 == 0 { pricetag.grpc } else { pricetag.http };
        let mut stream = TcpStream::connect(address).await.unwrap();
        if n % 3 == 0 {
            // A record of 512 bytes, of which five come.
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3]).await.unwrap();
        }
        waiting.push(stream);
    }
    // One after the other these would take fifty times ten seconds of each port.
    let others = async {
        export(&channel(pricetag.grpc, TRUSTING).await.unwrap(), spans(1), None).await.unwrap();
        let http = client(pricetag.http, TRUSTING).build().unwrap();
        assert_eq!(post(&http, pricetag.http, spans(2)).await.unwrap().1, 200);
    };
    tokio::time::timeout(2 * AMPLE, others).await.expect("it waited for those that say nothing");
    sink.traces(2).await;
    let mut byte = [0];
    for stream in &mut waiting {
        // What comes at last may be an alert.
        let ended = async { while stream.read(&mut byte).await.is_ok_and(|read| read > 0) {} };
        tokio::time::timeout(AMPLE, ended).await.expect("still open");
    }
    export(&channel(pricetag.grpc, TRUSTING).await.unwrap(), spans(3), None).await.unwrap();
    assert!(pricetag.log().contains("not finished after 10s"), "{}", pricetag.log());
}

/// Scenario: connections that begin a handshake and end it, by the hundred; then a shutdown with a connection that waits.
/// Guarantees: it serves on; it counts no refused span for them; it ends in time.
#[tokio::test]
async fn aborted_handshakes_cost_nothing() {
    let sink = Sink::start().await;
    let mut pricetag = usual(&sink, "").await;
    // What the first request of all makes it take is not the handshakes'.
    export(&channel(pricetag.grpc, TRUSTING).await.unwrap(), spans(2), None).await.unwrap();
    let (begun, before) = (std::time::Instant::now(), pricetag.memory());
    for n in 0..how_many(300, 100_000) {
        let address = if n % 2 == 0 { pricetag.grpc } else { pricetag.http };
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    }
    export(&channel(pricetag.grpc, TRUSTING).await.unwrap(), spans(1), None).await.unwrap();
    sink.traces(2).await;
    let mib = |bytes: Option<u64>| bytes.unwrap_or_default() >> 20;
    eprintln!("{:?}; memory {} to {} MiB", begun.elapsed(), mib(before), mib(pricetag.memory()));
    // Beside other tests the machine frees what it can when it can.
    assert!(mib(pricetag.memory()) < mib(before) + how_many(512, 64));
    assert_eq!(pricetag.scrape().await.sum("otelcol_receiver_refused_spans", &[]), 0.0);
    let log = pricetag.log();
    let said = log.lines().filter(|line| line.contains("a TLS handshake with")).count();
    assert!(said >= 1 && said as u64 <= 102 + begun.elapsed().as_secs() / 5, "{said} lines");
    let _waits = TcpStream::connect(pricetag.grpc).await.unwrap();
    pricetag.stop().await;
    assert_eq!(sink.taken(Signal::Traces).len(), 2);
}

/// Scenario: a key that is another certificate's, a file without a certificate or key, roots that are none; `check` and `run`.
/// Guarantees: exit 64; file, key of the config and remedy; nothing of a private key.
#[test]
fn files_that_can_not_be_used() {
    let sets = |certificate: &str, key: &str, more: &str| {
        let tls = format!(
            "{{cert_file: '{}', key_file: '{}'{more}}}",
            fixture(certificate).display(),
            fixture(key).display()
        );
        format!("receivers.otlp.protocols.grpc.tls={tls}")
    };
    let no_roots = format!(", client_ca_file: '{}'", fixture("server.key").display());
    for (set, named) in [
        (
            sets("server.pem", "other.key", ""),
            ["other.key", "tls.key_file", "not the key of the certificate"],
        ),
        (sets("server.key", "server.key", ""), ["server.key", "tls.cert_file", "no certificate in PEM"]),
        (sets("server.pem", "server.pem", ""), ["server.pem", "tls.key_file", "no private key in PEM"]),
        (
            sets("server.pem", "server.key", &no_roots),
            ["server.key", "tls.client_ca_file", "no certificate in PEM"],
        ),
    ] {
        for command in ["check", "run"] {
            let ended = pricetag(&[command, "--set", &set]);
            assert_eq!(ended.code, Some(64), "{ended:?}");
            for part in named {
                assert!(ended.err.contains(part), "{part}: {}", ended.err);
            }
            assert!(!ended.err.contains("MIGHAgEA") && !ended.err.contains("listening"), "{}", ended.err);
        }
    }
    let right = pricetag(&["check", "--set", &sets("server.pem", "server.key", "")]);
    assert!(right.code == Some(0) && right.out.contains("gRPC"), "{right:?}");
}
