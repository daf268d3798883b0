//! The region that decides a price, as spans and their resources say it.

use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use pricetag::attribution::Attribution;
use pricetag::pricing::{Catalog, CatalogFile};
use pricetag::processor::{Now, Processor, Settings, Shared};
use prost::Message as _;

use crate::support::spans::{attribute, request, span};

/// A dollar for a million tokens, and another price in each region.
const PRICES: &str = "
providers:
  aws:
    names: [aws.bedrock]
    hosts: ['/^bedrock-runtime\\.[a-z0-9-]+\\.amazonaws\\.com$/']
    models: {acme.m: {rates: {input: 1}, when: &regions [
      {region: us, x: 2}, {region: us-east-1, x: 3}, {region: eu-west-1, x: 4}, {region: eu, x: 5}, {region: global, x: 6},
      {region: us-central1, x: 7}, {region: westeurope, x: 8}]}}
  google:
    names: [gcp.vertex_ai, gcp.gemini]
    hosts: ['/^(.*\\.)?googleapis\\.com$/']
    models: {m: {rates: {input: 1}, when: *regions}}
  azure: {names: [azure.ai.openai], models: {m: {rates: {input: 1}, when: *regions}}}
  openai: {names: [openai], models: {m: {rates: {input: 1}, when: *regions}}}
";

fn attributes(said: &[(&str, &str)]) -> Vec<KeyValue> {
    said.iter().map(|(key, value)| attribute(key, *value)).collect()
}

/// What a million tokens cost on each of these calls: attributes of a span, and of its resource.
fn dollars(calls: &[(Vec<KeyValue>, Vec<KeyValue>)]) -> Vec<String> {
    let file = CatalogFile::from_yaml("prices.yaml", &expanded()).unwrap();
    let catalog = Arc::new(Catalog::from_layers([("prices.yaml", file)]).unwrap());
    let settings = Settings {
        attribution: Attribution::of_keys(&[("region", &["cloud.region"])]),
        ..Settings::default()
    };
    let mut processor = Processor::new(Arc::new(Shared::new(&settings, catalog)));
    let mut body = ExportTraceServiceRequest::default();
    for (nth, (said, resource)) in calls.iter().enumerate() {
        let mut call = span(nth as u64, said.clone());
        call.attributes.push(attribute("gen_ai.operation.name", "chat"));
        call.attributes.push(attribute("gen_ai.usage.input_tokens", 1_000_000));
        let mut spans = request(vec![call]).resource_spans.remove(0);
        spans.resource = Some(Resource { attributes: resource.clone(), ..Resource::default() });
        body.resource_spans.push(spans);
    }
    let mut dollars = Vec::new();
    let body = Bytes::from(body.encode_to_vec());
    processor
        .process_with(body, Now::default(), |_, outcome, _, _| {
            dollars.push(outcome.money.map_or_else(String::new, |money| money.to_string()));
        })
        .unwrap();
    dollars
}

/// `PRICES` without YAML's anchors, which price files need not know.
fn expanded() -> String {
    let (_, rest) = PRICES.split_once("&regions ").unwrap();
    let (regions, _) = rest.split_once("}}\n  google").unwrap();
    PRICES.replace("&regions ", "").replace("*regions", regions)
}

/// Scenario: calls of providers of three clouds and of OpenAI; the region in the model's name, the host, the answer, the span,
/// the resource, or several of them.
/// Guarantees: the name's region beats the host's, that one the answer's, that one the span's, that one the resource's; the
/// caller's own cloud counts only where that cloud bills, and never for a host without regions.
#[test]
fn regions_of_spans() {
    let bedrock = [("gen_ai.provider.name", "aws.bedrock"), ("gen_ai.request.model", "acme.m")];
    let profile = [("gen_ai.provider.name", "aws.bedrock"), ("gen_ai.request.model", "us.acme.m")];
    let of = |provider: &'static str| [("gen_ai.provider.name", provider), ("gen_ai.request.model", "m")];
    let host = |host: &'static str| vec![("server.address", host)];
    let ireland = "bedrock-runtime.eu-west-1.amazonaws.com";
    let cloud = |provider, region| vec![("cloud.provider", provider), ("cloud.region", region)];
    let aws = cloud("aws", "us-east-1");
    let gcp = cloud("gcp", "us-central1");
    let none = Vec::new;
    // The AI SDK hands on what the provider says besides.
    let answer = |region: &'static str| {
        let metadata = match region {
            "us" => r#"{"anthropic": {"usage": {"inference_geo": "us"}}}"#,
            _ => r#"{"anthropic": {"usage": {"inference_geo": "eu"}}}"#,
        };
        vec![("ai.operationId", "ai.generateText.doGenerate"), ("ai.response.providerMetadata", metadata)]
    };
    type Said = Vec<(&'static str, &'static str)>;
    type Case = ([(&'static str, &'static str); 2], Said, Said, &'static str);
    let cases: Vec<Case> = vec![
        (bedrock, none(), none(), "1"),
        (bedrock, host(ireland), none(), "4"),
        (bedrock, host("https://bedrock-runtime.eu-west-1.amazonaws.com:443/model"), none(), "4"),
        (bedrock, host(ireland), aws.clone(), "4"),
        (profile, host(ireland), aws.clone(), "2"),
        (bedrock, none(), aws.clone(), "3"),
        (bedrock, aws.clone(), none(), "3"),
        (bedrock, vec![("cloud.region", "eu-west-1")], aws.clone(), "4"),
        (bedrock, cloud("gcp", "us-central1"), aws.clone(), "1"),
        (bedrock, vec![("cloud.provider", "aws")], gcp.clone(), "1"),
        (bedrock, none(), vec![("cloud.region", "us-east-1")], "1"),
        (bedrock, none(), gcp.clone(), "1"),
        (of("openai"), none(), aws.clone(), "1"),
        (of("openai"), none(), cloud("aws", "us"), "1"),
        (of("openai"), answer("us"), none(), "2"),
        (of("openai"), [answer("us"), host("eu.api.openai.com")].concat(), none(), "5"),
        (bedrock, answer("eu"), aws.clone(), "5"),
        (of("openai"), host("eu.api.openai.com"), aws, "5"),
        (of("openai"), host("us.api.openai.com"), none(), "2"),
        (of("openai"), host(ireland), none(), "1"),
        (of("gcp.vertex_ai"), host("us-central1-aiplatform.googleapis.com"), none(), "7"),
        (of("gcp.vertex_ai"), host("aiplatform.eu.rep.googleapis.com"), gcp.clone(), "5"),
        (of("gcp.vertex_ai"), host("aiplatform.googleapis.com"), gcp.clone(), "6"),
        (of("gcp.vertex_ai"), none(), gcp.clone(), "7"),
        (of("gcp.gemini"), none(), gcp, "1"),
        (of("azure.ai.openai"), host("acme.openai.azure.com"), cloud("azure", "westeurope"), "8"),
    ];
    let calls: Vec<_> = cases
        .iter()
        .map(|(names, more, resource, _)| {
            (attributes(&[names.as_slice(), more].concat()), attributes(resource))
        })
        .collect();
    for ((names, more, resource, right), dollars) in cases.iter().zip(dollars(&calls)) {
        assert_eq!(dollars, *right, "{names:?} {more:?} {resource:?}");
    }
}
