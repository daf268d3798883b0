//! How scalars are typed, and what variables can and cannot do.

use pricetag::config::Config;
use proptest::prelude::*;

use super::{default_with, grpc, notices, parse};

#[test]
fn variables_are_typed_again_and_only_as_a_whole() {
    let text = "receivers: {otlp: {protocols: {grpc: {max_recv_msg_size_mib: '${env:SIZE}'}}}}\nexporters:\n  \
                otlp:\n    endpoint: localhost:${PORT}\n    tls: {insecure: '${env:PLAIN}'}\n    \
                headers: {a: '${SIZE}', b: 'x-$${SIZE}', c: '${env:NONE:-}'}\nservice:\n  pipelines: {metrics: \
                {receivers: [otlp], exporters: [otlp]}}\n";
    let environment = |name: &str| match name {
        "SIZE" => Some("8".to_owned()),
        "PORT" => Some("14317".to_owned()),
        "PLAIN" => Some("true".to_owned()),
        _ => None,
    };
    let config = Config::parse(text, "test", &[], &environment).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.receivers.grpc.as_ref().unwrap().max_message_bytes, 8 << 20);
    let otlp = grpc(&config, "otlp");
    assert_eq!(otlp.url(), "http://localhost:14317");
    let headers: Vec<_> = otlp.headers.iter().map(|(_, value)| value.expose()).collect();
    assert_eq!(headers, ["8", "x-${SIZE}", ""]);
    assert_eq!(
        notices(&config),
        ["exporters.otlp.headers.c: the value is empty: is the variable that it comes from set?"]
    );
}

#[test]
fn yaml_is_read_as_the_collectors_users_expect() {
    for (value, expected) in [("yes", true), ("on", true), ("True", true), ("no", false), ("off", false)] {
        let set = format!("exporters.otlp={{endpoint: 'x:1', tls: {{insecure: {value}}}}}");
        let config = default_with(&[&set, "service.pipelines.logs.exporters=[otlp]"]).unwrap();
        assert_eq!(grpc(&config, "otlp").tls.is_none(), expected, "{value}");
    }
    for (value, expected) in [("1e3", 1000), ("0x10", 16), ("0o10", 8), ("1_000", 1000)] {
        let set = format!("receivers.otlp.protocols.http.max_request_body_size={value}");
        assert_eq!(
            default_with(&[&set]).unwrap().receivers.http.unwrap().max_body_bytes,
            expected,
            "{value}"
        );
    }
    let set = "exporters.otlp={endpoint: 'x:1', headers: {a: 0x10, b: 1e3, c: on, d: 007}}";
    let config = default_with(&[set, "service.pipelines.logs.exporters=[otlp]"]).unwrap();
    let headers: Vec<_> = grpc(&config, "otlp").headers.iter().map(|(_, value)| value.expose()).collect();
    assert_eq!(headers, ["0x10", "1e3", "on", "007"]);
}

proptest! {
    /// Scenario: a variable that holds anything, newlines and colons too, in a value of the config.
    /// Guarantees: it stays that one value; it never adds or changes another key.
    #[test]
    fn variables_cannot_add_keys(value in "(?s)[ -~\n\t:{}\\[\\],#&*!|>'\"%@`-]{0,40}") {
        let text = "receivers: {otlp: {protocols: {grpc: }}}\nexporters:\n  otlp:\n    endpoint: localhost:14317\n    \
                    server_name: nothing\nservice:\n  telemetry: {resource: {a: '${env:ANY}', b: \"x${env:ANY}\"}}\n  \
                    pipelines: {traces: {receivers: [otlp], exporters: [otlp]}}\n"
            .replace("    server_name: nothing\n", "");
        let config = Config::parse(&text, "test", &[], &|_: &str| Some(value.clone())).unwrap();
        let resource = &config.telemetry.resource;
        let expected_b = ("b".to_owned(), format!("x{value}"));
        prop_assert_eq!(resource.last(), Some(&expected_b));
        match resource.as_slice() {
            [a, _] => prop_assert_eq!(a, &("a".to_owned(), value)),
            // What YAML writes for nothing, as a whole, is nothing.
            _ => prop_assert!(["", "~", "null", "Null", "NULL"].contains(&value.as_str())),
        }
        prop_assert_eq!(config.exporters.len(), 1);
    }

    /// Guarantees: no text makes the config panic, and whatever is refused is refused with a remedy.
    #[test]
    fn no_text_panics(text in "(?s)([a-z]{1,9}: |[ \n:{}\\[\\],#&*!|>'\"$-]|otlp|receivers|service|\\$\\{env:[A-Z]\\}){0,40}") {
        if let Err(errors) = parse(&text) {
            prop_assert!(!errors.0.is_empty());
            prop_assert!(errors.0.iter().all(|error| error.remedy.is_some()), "{}", errors);
        }
    }
}
