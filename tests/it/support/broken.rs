//! Bodies that are no trace request, and what the refusal must name.

use bytes::Bytes;

use super::wire::{attribute, len, trace_request, uint};
use super::{CAPTURES, capture};

/// Malformed protobuf, each with what the message must contain.
pub(crate) fn protobuf() -> Vec<(Bytes, &'static str)> {
    const AT: &str = "malformed protobuf at byte ";
    let whole = capture(CAPTURES[0], "traces.pb");
    let span = |content: Vec<u8>| Bytes::from(trace_request(&[attribute(9, b"a", b"b"), content]));
    let nested = "resource_spans[0].scope_spans[0].spans[1]";
    vec![
        (whole.slice(..whole.len() - 1), AT),
        (whole.slice(..whole.len() / 2), AT),
        (Bytes::from_static(b"not protobuf"), AT),
        (Bytes::from_static(b"{\"resourceSpans\": []}"), AT),
        // A field claims more than there is; nothing may be reserved for it.
        (Bytes::from_static(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]), "at byte 1"),
        // resource_spans as a number; a wire type that does not exist; field number 0; an endless varint.
        (uint(1, 5).into(), AT),
        (Bytes::from_static(&[0x0f]), AT),
        (Bytes::from_static(&[0x02, 0x00]), AT),
        (Bytes::from(vec![0xff; 11]), AT),
        // A group without an end, an end without a group.
        (Bytes::from_static(&[0x1b]), AT),
        (Bytes::from_static(&[0x1c]), AT),
        // Within the second span: an attribute and an id as numbers, a time as bytes, and cut short.
        (span(uint(9, 1)), nested),
        (span(uint(1, 1)), nested),
        (span(len(8, "12345678")), nested),
        (span([len(1, [1; 16]), vec![0x41, 0, 0]].concat()), nested),
        (span(len(9, [len(1, "gen_ai.request.model"), uint(2, 1)].concat())), "spans[1].attributes[0]"),
        (span(len(9, [len(1, "gen_ai.request.model"), len(2, [0x0a, 0x09, b'x'])].concat())), nested),
    ]
}

/// Broken or misshapen OTLP/JSON, each with what the message must contain.
pub(crate) fn json() -> Vec<(Bytes, &'static str)> {
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    vec![
        (Bytes::from_static(b"{\n \"resourceSpans\": [}"), "line 2 column "),
        (Bytes::from_static(b"{\"resourceSpans\": ["), "line 1 column "),
        (Bytes::from_static(b"\x0a\x00"), "line 2 column "),
        (Bytes::from_static(b"{\"resourceSpans\": [{\"scopeSpans\": 7}]}"), "resourceSpans[0].scopeSpans"),
        (Bytes::from_static(b"[]"), "OTLP/JSON"),
        (
            Bytes::from_static(b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{},{\"kind\":{}}]}]}]}"),
            "resourceSpans[0].scopeSpans[0].spans[1].kind",
        ),
        (
            Bytes::from_static(
                b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"xyz\"}]}]}]}",
            ),
            "traceId",
        ),
        (
            Bytes::from_static(
                b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"startTimeUnixNano\":\"1e99\"}]}]}]}",
            ),
            "startTimeUnixNano",
        ),
        (deep.into(), "column "),
    ]
}
