//! Who may come in: what a config means, and what it leaves open.

use pricetag::config::{Config, Credentials, MinVersion};

use super::{default_with, file, notices};

fn tls(more: &str) -> String {
    let at = |name: &str| file("tests/fixtures/tls").join(name).display().to_string();
    let more = more.replace("CA", &at("ca.pem"));
    format!("{{cert_file: '{}', key_file: '{}'{more}}}", at("server.pem"), at("server.key"))
}

fn said(sets: &[&str]) -> Vec<String> {
    notices(&default_with(sets).unwrap_or_else(|errors| panic!("{errors}")))
}

#[test]
fn certificates_have_the_collectors_keys() {
    let keys =
        tls(", client_ca_file: 'CA', min_version: 1.3, reload_interval: 5m, client_ca_file_reload: true");
    let config = default_with(&[&format!("receivers.otlp.protocols.http.tls={keys}")]).unwrap();
    let tls = config.receivers.http.clone().unwrap().tls.unwrap();
    assert!(tls.cert_file.ends_with("server.pem") && tls.key_file.ends_with("server.key"));
    assert!(tls.client_ca_file.unwrap().ends_with("ca.pem"));
    assert_eq!((tls.min_version, tls.reload_interval.as_secs()), (MinVersion::Tls13, 300));
    assert!(config.receivers.grpc.unwrap().tls.is_none());
}

#[test]
fn logins_are_asked_by_name() {
    let config = default_with(&[
        "extensions={bearertokenauth: {token: a}, basicauth/server: {htpasswd: {inline: 'ann:b'}}}",
        "service.extensions=[bearertokenauth, basicauth/server]",
        "receivers.otlp.protocols.grpc.auth.authenticator=bearertokenauth",
        "service.telemetry.metrics.auth.authenticator=basicauth/server",
    ])
    .unwrap();
    assert_eq!(notices(&config), Vec::<String>::new());
    let Config { receivers, telemetry, .. } = config;
    let Credentials::Tokens { tokens, file: None, named: false } =
        receivers.grpc.unwrap().auth.unwrap().credentials
    else {
        panic!("no tokens")
    };
    assert_eq!(tokens[0].expose(), "a");
    assert!(receivers.http.unwrap().auth.is_none());
    assert!(matches!(
        telemetry.auth.unwrap().credentials,
        Credentials::Users { inline: Some(_), file: None }
    ));
}

#[test]
fn a_login_that_nobody_asks_is_told() {
    assert_eq!(
        said(&["extensions={bearertokenauth: {token: a}}", "service.extensions=[bearertokenauth]"]),
        [
            "extensions.bearertokenauth: no listener asks it who may come in; add `auth: {authenticator: bearertokenauth}` to one"
        ]
    );
}

/// Scenario: listeners on addresses of this machine alone and on others, with TLS, client certificates, logins.
/// Guarantees: what others reach and is not kept from them is told once, with key and remedy, and nothing else.
#[test]
fn what_others_reach_is_told() {
    let auth = ["extensions={bearertokenauth: {token: a}}", "service.extensions=[bearertokenauth]"];
    let asks = "auth={authenticator: bearertokenauth}";
    let (plain, mutual) = (format!("tls={}", tls("")), format!("tls={}", tls(", client_ca_file: 'CA'")));
    for protocol in ["grpc", "http"] {
        let at = format!("receivers.otlp.protocols.{protocol}.");
        for (more, part) in [
            (&[][..], "add `tls` and `auth`"),
            (&[asks], "can be read on its way; add `tls`"),
            (&[plain.as_str()], "add `auth`, or `client_ca_file` to `tls`"),
            (&[mutual.as_str()], ""),
            (&[plain.as_str(), asks], ""),
        ] {
            for (address, beyond) in [
                ("0.0.0.0:0", true),
                (":0", true),
                ("192.0.2.1:0", true),
                ("collector.example:0", true),
                ("127.0.0.1:0", false),
                ("[::1]:0", false),
                ("127.9.9.9:0", false),
                ("localhost:0", false),
            ] {
                let mut sets = vec![format!("{at}endpoint='{address}'")];
                sets.extend(more.iter().map(|more| format!("{at}{more}")));
                if more.contains(&asks) {
                    sets.extend(auth.map(str::to_owned));
                }
                let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
                let said = said(&sets);
                if beyond && !part.is_empty() {
                    assert_eq!(said.len(), 1, "{said:?}");
                    assert!(
                        said[0].starts_with(&format!("{at}endpoint: ")) && said[0].contains(part),
                        "{said:?}"
                    );
                } else {
                    assert_eq!(said, Vec::<String>::new(), "{address} {more:?}");
                }
            }
        }
    }
    let admin = said(&["service.telemetry.metrics.address=0.0.0.0:8888"]);
    assert!(admin.len() == 1 && admin[0].contains("reads /metrics there"), "{admin:?}");
}
