//! What the fuzzer of connections begins with: requests as clients send them, and what no proper client sends, for `fuzz/connection.rs`.

use pricetag::otlp::Signal;

use super::targets::Mode;
use crate::support::client::{framed, gzip, zstd};
use crate::support::h2::{
    CONTINUATION, DATA, END_HEADERS, GOAWAY, HEADERS, RST_STREAM, SETTINGS, frame, header, request_headers,
};
use crate::support::{CAPTURES, capture};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Further kinds of frames, and flags.
const PRIORITY: u8 = 2;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;

const PROTOBUF: &str = "content-type: application/x-protobuf\r\n";
const JSON: &str = "content-type: application/json\r\n";

/// Connections that carry this request of traces.
pub(super) fn connections(traces: &[u8]) -> Vec<Vec<u8>> {
    let json = &capture(CAPTURES[0], "traces.json")[..];
    let by = |mode: u8| move |sent: Vec<u8>| [&[mode], &sent[..]].concat();
    let mut all: Vec<Vec<u8>> = Vec::new();
    all.extend(http1(traces, json).into_iter().map(by(0)));
    all.extend(http1(traces, b"{}").into_iter().take(3).map(by(Mode::ENDS | Mode::DRIPS)));
    let headers = [(":method", "POST"), (":scheme", "http"), (":path", "/v1/traces")];
    let headers = [&headers[..], &[("content-type", "application/x-protobuf")]].concat();
    let headers: Vec<u8> = headers.iter().flat_map(|(name, value)| header(name, value)).collect();
    all.extend(http2(&headers, traces).into_iter().map(by(0)));
    all.extend(http2(&request_headers(), &framed(false, traces)).into_iter().map(by(Mode::GRPC)));
    all.push(by(Mode::ENDS | Mode::DEAF)(http2(&headers, traces).remove(0)));

    // As `Head::of` reads the second byte: signal, content type, compression, length.
    let made = |mode: u8, choice: [u8; 4], body: &[u8]| {
        let choice = choice[0] | choice[1] << 2 | choice[2] << 4 | choice[3] << 6;
        [&[Mode::MADE | mode, choice], body].concat()
    };
    let traces_json = [Signal::Traces as u8, 1, 0, 0];
    for length in 0..4 {
        all.push(made(0, [0, 0, 0, length], traces));
        all.push(made(Mode::HTTP2, [0, 0, 1, length], &gzip(traces)));
        all.push(made(Mode::GRPC, [0, 0, 2, length], &framed(true, &zstd(traces))));
    }
    all.push(made(0, traces_json, json));
    all.push(made(0, [Signal::Metrics as u8, 0, 0, 1], &capture(CAPTURES[0], "metrics.pb")));
    all.push(made(Mode::HTTP2, [Signal::Logs as u8, 0, 2, 1], &zstd(&super::logs())));
    all.push(made(0, [Signal::Logs as u8, 2, 1, 0], &gzip(br#"{"resourceLogs":[]}"#)));
    all.push(made(0, [3, 1, 3, 0], b"{}"));
    // It would be too large.
    all.push(made(0, [0, 0, 1, 1], &gzip(&vec![0; 2 << 20])));
    all
}

fn http1(traces: &[u8], json: &[u8]) -> Vec<Vec<u8>> {
    let post = |headers: &str, body: &[u8]| {
        let length = body.len();
        let head =
            format!("POST /v1/traces HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {length}\r\n\r\n");
        [head.as_bytes(), body].concat()
    };
    let begin = format!("POST /v1/traces HTTP/1.1\r\nhost: a\r\n{JSON}");
    let chunked = |trailers: &str| {
        let head = format!("{begin}Transfer-Encoding: chunked\r\n\r\n{:x};a=b\r\n", json.len());
        [head.as_bytes(), json, b"\r\n0\r\n", trailers.as_bytes(), b"\r\n"].concat()
    };
    let packed = |packing: &str| format!("{PROTOBUF}Content-Encoding: {packing}\r\n");
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        post(PROTOBUF, traces),
        chunked("a: b\r\n"),
        post(&format!("{PROTOBUF}Expect: 100-continue\r\n"), traces),
        [post(PROTOBUF, traces), chunked(""), post(JSON, b"{}"), text("GET / HTTP/1.0\r\n\r\n")].concat(),
        post(&packed("gzip"), &gzip(traces)),
        post(&packed("zstd"), &zstd(traces)),
        post(&packed("br"), traces),
        post("Content-Type: application/grpc\r\nConnection: close\r\n", traces),
        text("GET http://a/v1/traces?a=b HTTP/1.1\r\n\r\n"),
        text(
            "OPTIONS * HTTP/1.1\r\nhost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
        ),
        text(&format!("{begin}Content-Length: 99999999999\r\n\r\n{{")),
        text(&format!(
            "{begin}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        )),
        text(&format!("{begin}{}\r\n", "a: b\r\n".repeat(120))),
        text(&format!("{begin}a: {}\r\n\r\n", "b".repeat(20 << 10))),
        // More than all headers may have.
        text(&format!("{begin}a: {}\r\n\r\n", "b".repeat(70 << 10))),
    ]
}

fn http2(headers: &[u8], body: &[u8]) -> Vec<Vec<u8>> {
    let begin = |settings: &[u8]| [PREFACE, &frame(SETTINGS, 0, 0, settings)].concat();
    let ask =
        |id: u32| [frame(HEADERS, END_HEADERS, id, headers), frame(DATA, END_STREAM, id, body)].concat();
    let (half, rest) = headers.split_at(headers.len() / 2);
    let trailers = header("a", "b");
    let all = |frames: &[Vec<u8>]| [&begin(&[0, 4, 0, 0, 255, 255])[..], &frames.concat()].concat();
    vec![
        [begin(&[]), ask(1)].concat(),
        all(&[
            frame(HEADERS, 0, 1, half),
            frame(CONTINUATION, END_HEADERS, 1, rest),
            frame(WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0]),
            frame(DATA, PADDED, 1, &[&[2], body, &[0, 0]].concat()),
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &trailers),
            ask(3),
            frame(PING, 0, 0, b"12345678"),
            frame(GOAWAY, 0, 0, &[0; 8]),
        ]),
        all(&[
            frame(PRIORITY, 0, 3, &[0, 0, 0, 1, 7]),
            frame(HEADERS, END_HEADERS, 1, headers),
            frame(DATA, 0, 1, &[]),
            frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes()),
            frame(HEADERS, END_HEADERS, 5, headers),
            frame(DATA, 0, 5, &body[..body.len() / 2]),
        ]),
    ]
}
