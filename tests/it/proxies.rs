//! Exporters behind a proxy that the environment names.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use pricetag::otlp::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::Sink;
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};

/// A proxy that leads everything to one address, and remembers what it was asked, head by head.
async fn proxy(to: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
    let heads = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let heads = Arc::clone(&heads);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let text = String::from_utf8_lossy(&head).to_lowercase();
                let mut backend = TcpStream::connect(to).await.unwrap();
                match text.starts_with("connect ") {
                    true => client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap(),
                    false => backend.write_all(&head).await.unwrap(),
                }
                heads.lock().unwrap().push(text);
                let _ = copy_bidirectional(&mut client, &mut backend).await;
            });
        }
    });
    (address, asked)
}

/// Scenario: HTTP_PROXY and HTTPS_PROXY, with a password; exporters by gRPC and by HTTP to a host that only the proxy knows, one to a host of
/// NO_PROXY, and one to this machine.
/// Guarantees: the first two go through the proxy, gRPC by a tunnel, and say who they are; the others do not; the password is not in the log.
#[tokio::test]
async fn exporters_go_through_the_proxy() {
    let (behind, here) = (Sink::start().await, Sink::start().await);
    let (proxy, asked) = proxy(behind.address).await;
    let exporters = [
        "otlp/far: {endpoint: \"http://backend.test:4317\", compression: none}".to_owned(),
        "otlphttp/far: {endpoint: \"http://backend.test:4318\", compression: none}".to_owned(),
        here.otlp("near", ""),
        format!("otlp/named: {{endpoint: \"http://near.test:{}\"}}", here.address.port()),
    ];
    let pricetag = Setup::new(&exporters, "otlp/far, otlphttp/far, otlp/near, otlp/named")
        .environment("HTTPS_PROXY", &format!("http://ann:canary@{proxy}"))
        .environment("HTTP_PROXY", &format!("http://ann:canary@{proxy}"))
        .environment("NO_PROXY", "near.test")
        .start()
        .await;
    pricetag.deliver_spans(&request(vec![gpt_4o(1, 1_000_000, 0)])).await;
    behind.wait_for(Signal::Traces, 2).await;
    here.wait_for(Signal::Traces, 1).await;
    let mut heads = asked.lock().unwrap().clone();
    heads.sort();
    heads.dedup();
    let (tunnel, forward) = (&heads[0], &heads[1]);
    assert!(tunnel.starts_with("connect backend.test:4317 http/1.1\r\n"), "{heads:?}");
    assert!(forward.starts_with("post http://backend.test:4318/v1/traces http/1.1\r\n"), "{heads:?}");
    // ann:canary in base64, in small letters.
    assert!(
        heads.iter().all(|head| head.contains("proxy-authorization: basic yw5uomnhbmfyeq==\r\n")),
        "{heads:?}"
    );
    assert!(heads.iter().all(|head| !head.contains("near.test")), "{heads:?}");
    assert!(!pricetag.log().contains("canary"), "{}", pricetag.log());
}
