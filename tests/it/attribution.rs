//! Whose money it was: which keys tell it, tables between dimensions, headers.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use pricetag::access::login::Login;
use pricetag::attribution::{Attribution, Dimension, OfRequest, defaults};
use pricetag::config::Config;
use pricetag::genai::dialects::Dialects;
use pricetag::genai::meaning::Meaning;
use pricetag::otlp::Signal;
use pricetag::pricing::Catalog;
use pricetag::processor::Shared;
use pricetag::queue::{Budget, Keeps, Log, OnFull, Part, Route};
use pricetag::receiver::Intake;
use prost::Message as _;

use crate::support::client::{TRACES, framed};
use crate::support::process::Setup;
use crate::support::spans::{Attributes as _, attribute, gpt_4o, request, spans};
use crate::support::{Sink, eventually};

/// Scenario: the keys under which instrumentations, conventions and gateways are known to say for whom a call is.
/// Guarantees: without a config, and whatever the scope, each tells its dimension.
#[test]
fn well_known_keys_tell_their_dimensions() {
    let dimensions: Vec<(String, Vec<String>)> =
        defaults::DIMENSIONS.iter().map(|(name, _)| ((*name).to_owned(), defaults::keys(name))).collect();
    let dialects = Dialects::new(&[], &dimensions);
    for (name, keys) in [
        (
            "user",
            "user.id enduser.id gen_ai.user gen_ai.request.user llm.user langfuse.user.id \
             traceloop.association.properties.user_id ai.telemetry.metadata.userId metadata.user_api_key_user_id \
             langsmith.metadata.user_id",
        ),
        (
            "session",
            "session.id gen_ai.conversation.id conversation.id langfuse.session.id gcp.vertex.agent.session_id \
             traceloop.association.properties.session_id ai.telemetry.metadata.sessionId",
        ),
        (
            "feature",
            "pricetag.feature feature traceloop.association.properties.feature ai.telemetry.metadata.feature \
             ai.telemetry.functionId",
        ),
        ("workflow", "gen_ai.workflow.name traceloop.workflow.name"),
        ("agent", "gen_ai.agent.name agent.name"),
        (
            "tenant",
            "tenant tenant.id organization.id traceloop.association.properties.tenant_id \
             ai.telemetry.metadata.tenantId metadata.user_api_key_end_user_id litellm.end_user.id",
        ),
        ("team", "team metadata.user_api_key_team_id litellm.team.id"),
        ("tier", "tier pricetag.tier"),
        ("environment", "deployment.environment.name deployment.environment langfuse.environment"),
    ] {
        let index = dimensions.iter().position(|(known, _)| known == name).unwrap();
        for key in keys.split_whitespace() {
            let told = dialects.keys().meanings(key.as_bytes());
            let tells = told.iter().any(|it| it.meaning == Meaning::Dimension(index as u8));
            assert!(tells, "{key} does not tell {name}: {told:?}");
        }
    }
}

/// A call with these attributes more.
fn call(number: u64, more: Vec<KeyValue>) -> Bytes {
    let mut span = gpt_4o(number, 1000, 0);
    span.attributes.extend(more);
    request(vec![span]).encode_to_vec().into()
}

/// A header, attributes of the span; its tenant and tier in the end.
type Sent<'s> = (Option<&'s str>, Vec<KeyValue>, &'s str, Option<&'s str>);

/// Scenario: a gateway tells the tenant in a header, over gRPC, HTTP and JSON; calls that tell their own, a header that is too long,
/// one that is empty, and none; a lookup by the tenant, in which some stand.
/// Guarantees: the span has the tenant that it says itself, else the header's, cut to 256 bytes, else the config's; the lookup's tier
/// stands beside it; tenants without a row are counted and said once each.
#[tokio::test]
async fn a_header_tells_the_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenants.csv");
    std::fs::write(&file, "tenant,tier\nacme,gold\nown,tin\nfixed,free\n").unwrap();
    let sink = Sink::start().await;
    let mut pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set("processors.pricetag.dimensions.tenant={header: X-Tenant, value: fixed}")
        .set(format!("processors.pricetag.lookups=[{{file: \"{}\", by: tenant}}]", file.display()))
        .start()
        .await;
    let long = "x".repeat(300);
    let own = || vec![attribute("tenant.id", "own")];
    let sent: [Sent<'_>; 7] = [
        (Some("acme"), vec![], "acme", Some("gold")),
        (Some("acme"), own(), "own", Some("tin")),
        (None, own(), "own", Some("tin")),
        (None, vec![], "fixed", Some("free")),
        (Some(""), vec![], "fixed", Some("free")),
        (Some("beta"), vec![], "beta", None),
        (Some(&long), vec![], &long[..256], None),
    ];
    let mut count = 0;
    for (header, more, tenant, tier) in sent {
        for by_grpc in [true, false] {
            count += 1;
            let body = call(count, more.clone());
            let mut headers: Vec<(&str, &str)> =
                header.map(|value| ("X-Tenant", value)).into_iter().collect();
            let reply = if by_grpc {
                pricetag.raw_grpc(TRACES, &headers, framed(false, &body)).await
            } else {
                headers.push(("content-type", "application/x-protobuf"));
                pricetag.post(Signal::Traces, &headers, body).await
            };
            assert_eq!(reply.status, 200, "{reply:?}");
            let arrived = sink.traces(count as usize).await.pop().unwrap();
            let span = spans(&arrived)[0];
            let found = |key: &str| span.attributes.iter().any(|it| it.key == key).then(|| span.string(key));
            assert_eq!((found("pricetag.tenant"), found("pricetag.tier")), (Some(tenant), tier), "{by_grpc}");
        }
    }
    let unknown = |value: &str| format!("tenant \"{value}\" stands in no row of ");
    eventually("both are said", async || {
        [unknown("beta"), unknown(&long[..256])].iter().all(|it| pricetag.log().contains(it)).then_some(())
    })
    .await;
    assert_eq!(pricetag.log().matches(&unknown("beta")).count(), 1, "{}", pricetag.log());
    let metrics = pricetag.scrape().await;
    assert!(metrics.sum("pricetag_lookup_unknown_total", &[("by", "tenant")]) >= 4.0, "{}", metrics.text());
    pricetag.stop().await;
}

/// Scenario: headers that are texts, and one that is none; a config that asks for no header.
/// Guarantees: what is no text says nothing; nobody who asks for no header pays for it.
#[test]
fn headers_are_texts() {
    let dimension = Dimension {
        name: "tenant".to_owned(),
        request: Some(OfRequest::Header("x-tenant".to_owned())),
        ..Dimension::default()
    };
    let said = |dimensions: Vec<Dimension>, value: &[u8]| {
        let config = Config::load(None, &[], &|_: &str| None).unwrap();
        let mut settings = pricetag::app::settings(config.processor.as_ref().unwrap()).unwrap();
        settings.attribution = Attribution { dimensions, ..Attribution::default() };
        let log = Log::default();
        let reader = log.reader("a", Budget { requests: 1, bytes: 1, on_full: OnFull::Drop }, Keeps::Nothing);
        let shared = Arc::new(Shared::new(&settings, Arc::new(Catalog::embedded().clone())));
        let route = Route { to: reader.id(), part: Part::Entries };
        let intake = Intake::new(log, Default::default(), Some((shared, route)));
        let mut headers = HeaderMap::new();
        headers.insert("x-tenant", HeaderValue::from_bytes(value).unwrap());
        intake.said(&headers, &Login::default())
    };
    assert_eq!(said(vec![dimension.clone()], b"acme")[0].1, "acme");
    assert_eq!(said(vec![dimension.clone()], "caf\u{e9}".as_bytes())[0].1.as_bytes(), "caf\u{e9}".as_bytes());
    assert!(said(vec![dimension], b"caf\xe9").is_empty());
    assert!(said(vec![Dimension::default()], b"acme").is_empty());
}

/// Scenario: kill -9 while a trace is open whose tenant a header has told; the next process asks another header for another dimension, too.
/// Guarantees: what was said stays with what said it.
#[tokio::test]
async fn headers_are_found_again_by_name() {
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().unwrap();
    let with = |dimensions: &str| {
        Setup::new(&[sink.otlp("a", "")], "otlp/a")
            .set(format!("processors.pricetag.dimensions={{{dimensions}}}"))
            .set("processors.pricetag.settle_after=2s")
            .set(format!("processors.pricetag.ledger.file={}", folder.path().join("ledger.db").display()))
    };
    let first = with("tenant: {header: x-tenant}").start().await;
    let headers = [("content-type", "application/x-protobuf"), ("x-tenant", "acme"), ("x-account", "a-7")];
    let body = request(vec![gpt_4o(1, 1_000_000, 0)]).encode_to_vec();
    assert_eq!(first.post(Signal::Traces, &headers, body.into()).await.status, 200);
    first.signal("KILL");
    drop(first);
    let second = with("tenant: {header: x-tenant}, account: {header: x-account}").start().await;
    let told = async |by: &str| {
        let (_, answer) = second.get(&format!("/api/v1/costs?by={by}")).await.unwrap();
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let rows = answer["rows"].as_array().unwrap().clone();
        rows.iter().map(|row| (row["value"].clone(), row["calls"].clone())).collect::<Vec<_>>()
    };
    let expected = vec![("acme".into(), 1.into())];
    eventually("the tenant", async || (told("tenant").await == expected).then_some(())).await;
    assert_eq!(told("account").await, vec![("".into(), 1.into())]);
}
