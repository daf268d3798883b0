//! Who may send, over real sockets.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pricetag::otlp::Signal;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tower::ServiceExt as _;

use crate::support::client::TRACES;
use crate::support::command::{self, pricetag_with};
use crate::support::process::Setup;
use crate::support::spans::{attribute, gpt_4o, request};
use crate::support::tls::{TRUSTING, client, export, fixture};
use crate::support::{AMPLE, Pricetag, Sink, eventually};

/// Of "correct horse", made by libxcrypt.
const HASH: &str = "$2b$06$4S6xGts8wDKnGXxh8B2p8eYTrSarTMZc7gdfYLZo56JedB1rRa4l2";
/// The same with a cost of 10: to look at it takes a while.
const DEAR_HASH: &str = "$2b$10$p63nyO5KWnKW3ipnizX15e5RQOoOF5rt3A8jF8gOO0th.AWRnLxt.";
const UNAUTHENTICATED: i32 = 16;

fn spans() -> Bytes {
    request(vec![gpt_4o(1, 1_000_000, 0)]).encode_to_vec().into()
}

/// Both receivers ask this extension.
fn setup(sink: &Sink, id: &str, extension: &str) -> Setup {
    let setup = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set(format!("extensions={{{id}: {extension}}}"))
        .set(format!("service.extensions=[{id}]"));
    ["grpc", "http"].iter().fold(setup, |setup, protocol| {
        setup.set(format!("receivers.otlp.protocols.{protocol}.auth={{authenticator: {id}}}"))
    })
}

async fn plain(pricetag: &Pricetag) -> Channel {
    Endpoint::from_shared(format!("http://{}", pricetag.grpc)).unwrap().connect().await.unwrap()
}

/// Sends spans both ways with this header, and says whether they were taken; both must agree.
async fn taken(pricetag: &Pricetag, authorization: Option<&str>) -> bool {
    let by_grpc = export(&plain(pricetag).await, spans(), authorization).await;
    let mut answers = Vec::new();
    for content_type in ["application/x-protobuf", "application/json"] {
        let body = if content_type.ends_with("json") { Bytes::from_static(b"{}") } else { spans() };
        let mut headers = vec![("content-type", content_type)];
        headers.extend(authorization.map(|value| ("authorization", value)));
        let reply = pricetag.post(Signal::Traces, &headers, body).await;
        if reply.status != 200 {
            assert_eq!((reply.status, reply.header("retry-after")), (401, ""), "{reply:?}");
            assert!(
                reply.header("www-authenticate").ends_with("realm=\"pricetag\"")
                    || reply.header("www-authenticate").contains("realm=\"pricetag\", charset"),
                "{reply:?}"
            );
            let (code, message) = reply.error();
            assert_eq!(code, UNAUTHENTICATED, "{message}");
        }
        answers.push(reply.status == 200);
    }
    assert!(matches!(by_grpc, Ok(()) | Err(Code::Unauthenticated)), "{by_grpc:?}");
    assert!(answers.iter().all(|taken| *taken == by_grpc.is_ok()), "{by_grpc:?} {answers:?}");
    by_grpc.is_ok()
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Scenario: tokens that are right, wrong, nearly right, of another scheme, or missing.
/// Guarantees: only the right ones' spans are taken; 401 with the challenge and a `Status`, UNAUTHENTICATED; refusals are counted;
/// no token, right or wrong, stands in the log.
#[tokio::test]
async fn tokens() {
    let sink = Sink::start().await;
    let setup = setup(&sink, "bearertokenauth", "{tokens: [\"${env:ONE}\", canary-two]}");
    let mut pricetag = setup.environment("ONE", "canary-one").start().await;
    let wrong = [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer canary-on"),
        Some("Bearer canary-onee"),
        Some("Bearer Canary-one"),
        Some("Bearer canary-one,canary-two"),
        Some("canary-one"),
        Some("Token canary-one"),
        Some("Basic Y2FuYXJ5LW9uZTo="),
    ];
    for authorization in wrong {
        assert!(!taken(&pricetag, authorization).await, "{authorization:?}");
    }
    for authorization in ["Bearer canary-one", "bearer canary-two", "BEARER  canary-one"] {
        assert!(taken(&pricetag, Some(authorization)).await, "{authorization}");
    }
    let arrived = sink.wait_for(Signal::Traces, 6).await;
    assert!(arrived.iter().all(|seen| !seen.headers.contains_key("authorization")));
    let scrape = pricetag.scrape().await;
    let refused = |transport| scrape.sum("otelcol_receiver_refused_spans", &[("transport", transport)]);
    assert_eq!((refused("grpc"), refused("http")), (wrong.len() as f64, 2.0 * wrong.len() as f64));
    pricetag.stop().await;
    let log = pricetag.log();
    assert!(log.contains("refused a request of traces") && !log.to_lowercase().contains("canary"), "{log}");
}

/// Scenario: somebody without a token announces a body, and sends none of it.
/// Guarantees: he is refused at once: nothing is read of what a stranger sends.
#[tokio::test]
async fn a_strangers_body_is_not_read() {
    let sink = Sink::start().await;
    let pricetag = setup(&sink, "bearertokenauth", "{token: canary}").start().await;
    let mut stream = TcpStream::connect(pricetag.http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 60000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(AMPLE, stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");

    let never = tokio_stream::pending::<Result<Bytes, std::io::Error>>();
    let body = tonic::body::Body::new(axum::body::Body::from_stream(never));
    let request = http::Request::post(format!("http://{}{TRACES}", pricetag.grpc))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    let channel = plain(&pricetag).await;
    let answer = tokio::time::timeout(AMPLE, channel.oneshot(request)).await.expect("an answer").unwrap();
    assert_eq!(answer.headers()["grpc-status"], "16");
}

/// Scenario: users in the config, with a password as it is, and in a file, with a bcrypt hash of another implementation; the file changes,
/// then is broken.
/// Guarantees: each with his password comes in, nobody else; a new file holds, a broken one changes nothing and is told by its line;
/// no password in the log.
#[tokio::test]
async fn users_with_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("htpasswd");
    fs::write(&file, format!("# people\nann:{HASH}\n")).unwrap();
    let sink = Sink::start().await;
    let extension = format!("{{htpasswd: {{inline: \"${{env:PEOPLE}}\", file: '{}'}}}}", file.display());
    let setup = setup(&sink, "basicauth/server", &extension);
    let mut pricetag = setup.environment("PEOPLE", "ben:canary:b\neve:canary c").start().await;
    let right = [("ann", "correct horse"), ("ben", "canary:b"), ("eve", "canary c")];
    for _ in 0..2 {
        for (user, password) in right {
            assert!(taken(&pricetag, Some(&basic(user, password))).await, "{user}");
        }
        for (user, password) in [
            ("ann", "correct hors"),
            ("ann", ""),
            ("ann", HASH),
            ("ben", "correct horse"),
            ("tom", "correct horse"),
            ("", ""),
        ] {
            assert!(!taken(&pricetag, Some(&basic(user, password))).await, "{user}:{password}");
        }
    }
    for nonsense in ["Basic", "Basic ???", "Basic YW5u", "Bearer correct horse"] {
        assert!(!taken(&pricetag, Some(nonsense)).await, "{nonsense}");
    }

    fs::write(&file, "tom:canary-t\n").unwrap();
    eventually("the new file", async || pricetag.log().contains("has 3 users now").then_some(())).await;
    assert!(taken(&pricetag, Some(&basic("tom", "canary-t"))).await);
    assert!(!taken(&pricetag, Some(&basic("ann", "correct horse"))).await);
    fs::write(&file, "tom:canary-t\ncanary without a colon\n").unwrap();
    let told = "htpasswd:2:1: extensions.basicauth/server.htpasswd.file: no `user:password`";
    eventually(told, async || pricetag.log().contains(told).then_some(())).await;
    assert!(taken(&pricetag, Some(&basic("tom", "canary-t"))).await);
    assert!(!taken(&pricetag, Some(&basic("ann", "correct horse"))).await);
    pricetag.stop().await;
    assert!(!pricetag.log().contains("canary") && !pricetag.log().contains("4S6x"), "{}", pricetag.log());
}

/// Scenario: tokens in a file, TLS, and a token that is taken from the file while pricetag runs.
/// Guarantees: it works by TLS too; the token that is gone lets nobody in.
#[tokio::test]
async fn tokens_of_a_file_by_tls() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, "canary-one\n\n  canary-two  \n").unwrap();
    let sink = Sink::start().await;
    let (certificate, key) = (fixture("server.pem"), fixture("server.key"));
    let pricetag = setup(&sink, "bearertokenauth", &format!("{{filename: '{}'}}", file.display()))
        .set(format!(
            "receivers.otlp.protocols.http.tls={{cert_file: '{}', key_file: '{}'}}",
            certificate.display(),
            key.display()
        ))
        .start()
        .await;
    let http = client(pricetag.http, TRUSTING).build().unwrap();
    let url = format!("https://localhost:{}/v1/traces", pricetag.http.port());
    let status = async |token: &str| {
        let post = http.post(&url).header("content-type", "application/x-protobuf").bearer_auth(token);
        post.body(spans()).send().await.unwrap().status().as_u16()
    };
    assert_eq!((status("canary-one").await, status("canary-two").await), (200, 200));
    assert_eq!((status("").await, status("canary").await), (401, 401));
    fs::write(&file, "canary-two\n").unwrap();
    eventually("the new tokens", async || (status("canary-one").await == 401).then_some(())).await;
    assert_eq!(status("canary-two").await, 200);
}

/// Scenario: somebody guesses so often at once that looking at it all takes longer than anyone waits.
/// Guarantees: who has come in before comes in meanwhile, and is not told that there are too many.
#[tokio::test]
async fn who_guesses_holds_up_nobody_who_is_known() {
    let sink = Sink::start().await;
    let extension = "{htpasswd: {inline: \"${env:PEOPLE}\"}}";
    let setup = setup(&sink, "basicauth", extension).environment("PEOPLE", &format!("ann:{DEAR_HASH}"));
    let pricetag = setup.start().await;
    let ann = basic("ann", "correct horse");
    assert!(taken(&pricetag, Some(&ann)).await);
    let channel = plain(&pricetag).await;
    let mut guesses = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (channel, guess) =
            (channel.clone(), basic(if n % 2 == 0 { "ann" } else { "tom" }, &n.to_string()));
        guesses.spawn(async move { export(&channel, spans(), Some(&guess)).await });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let own = plain(&pricetag).await;
    assert_eq!(export(&own, spans(), Some(&ann)).await, Ok(()));
    let mut told = Vec::new();
    while let Some(guess) = guesses.join_next().await {
        told.push(guess.unwrap().unwrap_err());
    }
    assert!(told.iter().all(|code| matches!(code, Code::Unauthenticated | Code::Unavailable)), "{told:?}");
    assert!(told.contains(&Code::Unavailable), "nobody had to wait for long: this has shown nothing");
}

/// Scenario: secrets in a config that `check` likes and in one that it does not.
/// Guarantees: they are not in what it says.
#[test]
fn check_shows_no_secret() {
    let extensions =
        "extensions={bearertokenauth: {token: canary-a}, basicauth: {htpasswd: {inline: \"ann:canary-b\"}}}";
    let used = ["grpc.auth={authenticator: bearertokenauth}", "http.auth={authenticator: basicauth}"]
        .map(|auth| format!("receivers.otlp.protocols.{auth}"));
    let started = "service.extensions=[bearertokenauth, basicauth]";
    let arguments = ["check", "--set", extensions, "--set", started, "--set", &used[0], "--set", &used[1]];
    let right = pricetag_with(&arguments, &[], b"");
    assert_eq!(right.code, Some(0), "{right:?}");
    assert!(!right.out.contains("canary") && !right.err.contains("canary"), "{right:?}");
    for wrong in [
        "extensions={bearertokenauth: {token: 'canary a'}, basicauth: {htpasswd: {inline: 'canary b'}}}",
        "extensions={bearertokenauth: {token: [canary]}, basicauth: canary}",
        "extensions={bearertokenauth: canary, basicauth: {htpasswd: {inline: 'ann:{SHA}canary', file: [canary]}}}",
    ] {
        let ended = pricetag_with(&["check", "--set", wrong, "--set", started], &[], b"");
        assert_eq!(ended.code, Some(64), "{ended:?}");
        assert!(!ended.out.contains("canary") && !ended.err.contains("canary"), "{ended:?}");
    }
}

/// A call with attributes that say whose it is.
fn claims(number: u64, tenant: &str) -> Bytes {
    let mut span = gpt_4o(number, 1_000_000, 0);
    span.attributes.extend(["tenant", "tenant.id", "pricetag.tenant"].map(|key| attribute(key, tenant)));
    request(vec![span]).encode_to_vec().into()
}

/// Scenario: `auth: true` for a dimension; senders with tokens of two customers and of nobody, by both protocols, whose spans and headers
/// claim to be somebody else's; kill -9 while their traces are open; the file gives a token to another customer.
/// Guarantees: money is the customer's whose token it is, whatever is claimed, also when traces are found again; a token without a name has the
/// fixed value; a new name holds from the next request on.
#[tokio::test]
async fn a_token_says_whose_it_is() {
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, "one acme\n\ntwo   Große GmbH \nthree\n").unwrap();
    let setup = setup(&sink, "bearertokenauth", &format!("{{filename: '{}'}}", file.display()))
        .set("processors.pricetag.dimensions={tenant: {auth: true, value: nobody}}")
        .set("processors.pricetag.settle_after=3s")
        .set(format!("processors.pricetag.ledger.file={}", folder.path().join("ledger.db").display()));
    let pricetag = setup.clone().start().await;
    let mut sent = 0;
    let mut send = async |pricetag: &Pricetag, token: &str| {
        let bearer = format!("Bearer {token}");
        sent += 2;
        export(&plain(pricetag).await, claims(sent, "thief"), Some(&bearer)).await.unwrap();
        let headers = [
            ("content-type", "application/x-protobuf"),
            ("authorization", &bearer),
            ("x-tenant", "thief"),
            ("auth", "thief"),
        ];
        assert_eq!(pricetag.post(Signal::Traces, &headers, claims(sent + 1, "thief")).await.status, 200);
    };
    for token in ["one", "two", "three", "two"] {
        send(&pricetag, token).await;
    }
    pricetag.signal("KILL");
    drop(pricetag);
    let pricetag = setup.start().await;
    fs::write(&file, "one beta\ntwo\n").unwrap();
    pricetag.signal("HUP");
    eventually("the new names", async || pricetag.log().contains("has 2 tokens now").then_some(())).await;
    send(&pricetag, "one").await;

    let told = eventually("settled sums", async || {
        let (_, answer) = pricetag.get("/api/v1/costs?by=tenant").await?;
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let rows = answer["rows"].as_array().unwrap();
        let mut told: Vec<_> = rows
            .iter()
            .map(|row| (row["value"].as_str().unwrap().to_owned(), row["calls"].as_u64().unwrap()))
            .collect();
        told.sort();
        (told.iter().map(|(_, calls)| calls).sum::<u64>() == 10).then_some(told)
    })
    .await;
    let expected = [("Große GmbH", 4), ("acme", 2), ("beta", 2), ("nobody", 2)];
    assert_eq!(told, expected.map(|(tenant, calls)| (tenant.to_owned(), calls)));
}

/// Guarantees: a dimension that nobody's login tells, or that something else tells too, is an error; a token with a name that no header can
/// have as well, without the token; a receiver where nobody logs in is told of.
#[test]
fn what_can_not_be_of_a_login() {
    let run = |sets: &[&str]| {
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        command::pricetag(&[&["check"], &sets[..]].concat())
    };
    let (tenant, grpc, http) = (
        "processors.pricetag.dimensions={tenant: {auth: true}}",
        "receivers.otlp.protocols.grpc.auth={authenticator: bearertokenauth}",
        "receivers.otlp.protocols.http.auth={authenticator: bearertokenauth}",
    );
    let known =
        ["extensions={bearertokenauth: {token: 'canary acme corp'}}", "service.extensions=[bearertokenauth]"];
    let checked = run(&[tenant]);
    assert!(
        checked.code == Some(64) && checked.err.contains("dimensions.tenant.auth: nobody logs in"),
        "{checked:?}"
    );
    let checked = run(&[&known[..], &[tenant, grpc]].concat());
    assert!(
        checked.code == Some(0) && checked.out.contains("nobody has to log in at the receiver"),
        "{checked:?}"
    );
    let checked = run(&[&known[..], &[tenant, grpc, http]].concat());
    assert!(checked.code == Some(0) && !checked.out.contains("notice"), "{checked:?}");
    for beside in ["attributes: [tenant]", "header: x-tenant"] {
        let both = format!("processors.pricetag.dimensions={{tenant: {{auth: true, {beside}}}}}");
        let checked = run(&[&known[..], &[&both, grpc, http]].concat());
        assert!(
            checked.code == Some(64) && checked.err.contains("nothing that is sent says otherwise"),
            "{checked:?}"
        );
    }
    let checked =
        run(&["extensions={bearertokenauth: {token: \"canary a\\u0007b\"}}", known[1], tenant, grpc, http]);
    assert!(
        checked.code == Some(64)
            && checked.err.contains("control characters")
            && !checked.err.contains("canary"),
        "{checked:?}"
    );
    for (token, says) in
        [("canary acme", "a token with a space"), ("Bearer canary", "a scheme stands before")]
    {
        let known = format!("extensions={{bearertokenauth: {{token: '{token}'}}}}");
        let checked = run(&[&known, "service.extensions=[bearertokenauth]", grpc, http]);
        assert!(
            checked.code == Some(64) && checked.err.contains(says) && !checked.err.contains("canary"),
            "{checked:?}"
        );
    }
}
