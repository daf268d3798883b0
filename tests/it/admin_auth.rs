//! Who may see what calls cost, over real sockets.

use std::net::{SocketAddr, UdpSocket};

use http::Version;

use crate::support::process::Setup;
use crate::support::tls::{TRUSTING, Trust, client, fixture};
use crate::support::{Pricetag, Sink, command};

const SHOWN: [&str; 5] =
    ["/", "/api/v1/costs?by=user", "/api/v1/openapi.json", "/metrics", "/api/v1/dimensions"];

async fn start(sink: &Sink, auth: bool) -> Pricetag {
    let setup =
        Setup::new(&[sink.otlp("a", "")], "otlp/a").set("service.telemetry.metrics.address=0.0.0.0:0");
    if !auth {
        return setup.start().await;
    }
    setup
        .set("extensions={basicauth/page: {htpasswd: {inline: \"ann:canary\"}}}")
        .set("service.extensions=[basicauth/page]")
        .set("service.telemetry.metrics.auth={authenticator: basicauth/page}")
        .start()
        .await
}

/// An answer to a request for `path` at `address`.
async fn ask(
    pricetag: &Pricetag,
    address: SocketAddr,
    path: &str,
    password: Option<&str>,
    header: (&str, &str),
) -> reqwest::Response {
    let mut request = pricetag.client.get(format!("http://{address}{path}")).header(header.0, header.1);
    if let Some(password) = password {
        request = request.basic_auth("ann", Some(password));
    }
    request.send().await.unwrap()
}

/// This machine's address as others know it, if it has one; asking by it is asking from elsewhere.
fn beyond(port: u16) -> Option<SocketAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent.
    socket.connect("192.0.2.1:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(SocketAddr::new(ip, port))
}

/// Scenario: `auth` on the admin port; somebody with the password, with another, with none; from here and from elsewhere, through a proxy
/// and by a strange name.
/// Guarantees: with the password everything is shown, without it nothing but health; the challenge makes a browser ask.
#[tokio::test]
async fn with_the_password_and_without() {
    let sink = Sink::start().await;
    let pricetag = start(&sink, true).await;
    let port = pricetag.admin.port();
    let addresses = [Some(SocketAddr::from(([127, 0, 0, 1], port))), beyond(port)];
    for address in addresses.into_iter().flatten() {
        for header in [("accept", "*/*"), ("x-forwarded-for", "10.0.0.7"), ("host", "costs.example")] {
            for path in SHOWN {
                for password in [None, Some(""), Some("canar")] {
                    let answer = ask(&pricetag, address, path, password, header).await;
                    assert_eq!(answer.status(), 401, "{address} {path} {header:?}");
                    let challenge = answer.headers()["www-authenticate"].to_str().unwrap().to_owned();
                    assert_eq!(challenge, "Basic realm=\"pricetag\", charset=\"UTF-8\"");
                    assert_eq!(answer.headers()["cache-control"], "no-store");
                    let body = answer.text().await.unwrap();
                    assert!(body.starts_with("{\"error\":") && !body.contains("canar"), "{body}");
                }
                let answer = ask(&pricetag, address, path, Some("canary"), header).await;
                assert_eq!(answer.status(), 200, "{address} {path} {header:?}");
            }
            let nothing = ask(&pricetag, address, "/api/v1/nothing", None, header).await;
            assert_eq!(nothing.status(), 401, "what there is is shown to nobody either");
            for path in ["/health", "/health/live", "/health/ready"] {
                assert_eq!(ask(&pricetag, address, path, None, header).await.status(), 200, "{path}");
            }
        }
    }
    assert!(!pricetag.log().contains("canary"), "{}", pricetag.log());
    let said =
        pricetag.log().matches("service.telemetry.metrics.address: tokens and passwords go to").count();
    assert_eq!(said, 1, "{}", pricetag.log());
}

/// Scenario: no `auth`, and a port that others reach.
/// Guarantees: elsewhere sees health and metrics, and is told what to configure; the log warns once, with key and remedy.
#[tokio::test]
async fn without_auth_costs_are_for_this_machine() {
    let sink = Sink::start().await;
    let pricetag = start(&sink, false).await;
    let said = pricetag
        .log()
        .matches("service.telemetry.metrics.address: whoever reaches 0.0.0.0:0 reads /metrics")
        .count();
    assert_eq!(said, 1, "{}", pricetag.log());
    let here = SocketAddr::from(([127, 0, 0, 1], pricetag.admin.port()));
    assert_eq!(ask(&pricetag, here, "/", None, ("accept", "*/*")).await.status(), 200);
    let Some(beyond) = beyond(pricetag.admin.port()) else { return };
    for (path, status) in [("/", 403), ("/api/v1/costs?by=user", 403), ("/metrics", 200), ("/health", 200)] {
        let answer = ask(&pricetag, beyond, path, None, ("accept", "*/*")).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        if status == 403 {
            assert!(answer.text().await.unwrap().contains("service.telemetry.metrics.auth"));
        }
    }
}

/// Scenario: TLS on the admin port; who trusts its certificate, who does not, and plaintext.
/// Guarantees: only the first is answered, by HTTP/2; the listener of health checks stays plaintext; `check` tells of it.
#[tokio::test]
async fn the_admin_port_speaks_tls() {
    let (certificate, key) = (fixture("server.pem"), fixture("server.key"));
    let tls = format!("{{cert_file: '{}', key_file: '{}'}}", certificate.display(), key.display());
    let set = format!("service.telemetry.metrics.tls={tls}");
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").set(&set).start().await;
    let url = format!("https://localhost:{}/api/v1/costs?by=user", pricetag.admin.port());
    let answer = client(pricetag.admin, TRUSTING).build().unwrap().get(&url).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    let other = Trust { ca: "other-ca.pem", identity: None };
    assert!(client(pricetag.admin, other).build().unwrap().get(&url).send().await.is_err());
    let plain = pricetag.client.get(format!("http://{}/metrics", pricetag.admin)).send().await;
    assert!(plain.is_err());
    let checked = command::pricetag(&["check", "--set", &set]);
    assert!(checked.out.contains("metrics  127.0.0.1:8888, TLS"), "{checked:?}");
}
