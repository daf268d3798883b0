//! What a destination's answer means: the retry tables of OTLP, partial success, requests to wait. Pure.

use std::time::Duration;

use http::header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tonic::Code;
use tonic::metadata::MetadataMap;
use tonic_types::{RetryInfo, RpcStatusExt as _};

use super::{Outcome, Partial};
use crate::text::printable;

/// The longest wait that a destination can impose. A mistaken clock or a hostile answer must not silence
/// an exporter for good, and knocking once an hour hurts nobody.
const MAX_AFTER: Duration = Duration::from_secs(3600);

/// A gRPC status: what the headers or trailers `grpc-status`, `grpc-message` and
/// `grpc-status-details-bin` say.
#[derive(Debug)]
pub(super) struct GrpcStatus {
    code: Code,
    message: String,
    retry_info: Option<RetryInfo>,
}

impl GrpcStatus {
    /// Reads the status from headers or trailers; nothing when they have none.
    ///
    /// tonic's own `Status::from_header_map` is not used: it panics on details that are no base64, and it
    /// turns any code into UNKNOWN when the message is no UTF-8 (tonic 0.14.9).
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let code = Code::from_bytes(headers.get("grpc-status")?.as_bytes());
        let message = headers.get("grpc-message").map(|m| percent_decoded(m.as_bytes())).unwrap_or_default();
        let retry_info = headers.get("grpc-status-details-bin").and_then(|details| {
            let details = HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-status-details-bin"),
                details.clone(),
            )]);
            let details = MetadataMap::from_headers(details);
            let details = details.get_bin("grpc-status-details-bin")?.to_bytes().ok()?;
            tonic_types::Status::decode(details).ok()?.get_details_retry_info()
        });
        Some(Self { code, message: printable(&message), retry_info })
    }

    /// What the status means, `message` being the response that came with it.
    pub(super) fn outcome(self, message: &[u8]) -> Outcome {
        if self.code == Code::Ok {
            return Outcome::Delivered { rejected: partial_success(message) };
        }
        let why = format!("gRPC {:?}: {}", self.code, self.message);
        if self.is_too_large() {
            Outcome::TooLarge { why }
        } else if retryable(self.code, self.retry_info.is_some()) {
            let delay = self.retry_info.and_then(|info| info.retry_delay);
            Outcome::Retry { after: delay.filter(|delay| !delay.is_zero()).map(capped), why }
        } else {
            Outcome::Refused { why }
        }
    }

    /// Whether the call was larger than the destination's limit. gRPC servers answer RESOURCE_EXHAUSTED then, which without RetryInfo speaks
    /// of a limit that the same request will always exceed; tonic's answer OUT_OF_RANGE, which OTLP retries for ever.
    fn is_too_large(&self) -> bool {
        match self.code {
            // Parts would only be more requests for whoever has had too many.
            Code::ResourceExhausted => self.retry_info.is_none() && !speaks_of_quota(&self.message),
            Code::OutOfRange => speaks_of_size(&self.message),
            _ => false,
        }
    }
}

/// Whether these are the words of a server whose limit a request exceeds: those of the gRPC libraries and of Go's HTTP server.
fn speaks_of_size(message: &str) -> bool {
    const WORDS: [&str; 7] = [
        "larger than max",
        "length too large",
        "message too large",
        "body too large",
        "request too large",
        "exceeds maximum",
        "exceeds the maximum",
    ];
    let message = message.to_ascii_lowercase();
    WORDS.iter().any(|words| message.contains(words))
}

/// Whether these are the words of a server that has had enough requests for now.
fn speaks_of_quota(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["quota", "rate limit", "too many requests"].iter().any(|words| message.contains(words))
}

/// The table of the OTLP specification, "OTLP/gRPC Response": which codes a client may retry.
fn retryable(code: Code, has_retry_info: bool) -> bool {
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::ResourceExhausted => has_retry_info,
        Code::Ok
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Unimplemented
        | Code::Internal
        | Code::Unauthenticated => false,
    }
}

/// An answer to a gRPC call that did not come from a gRPC server, but from a proxy or a plain web server.
///
/// The gRPC specification gives each HTTP status a code (http-grpc-status-mapping.md): 429, 502, 503 and
/// 504 are UNAVAILABLE, which is retried, and all others are codes that are not. That is OTLP/HTTP's table.
pub(super) fn not_grpc(status: StatusCode, headers: &HeaderMap) -> Outcome {
    let why = format!("HTTP {status} and no gRPC status; is this a gRPC endpoint?");
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        Outcome::TooLarge { why }
    } else if http_retryable(status) {
        Outcome::Retry { after: retry_after(headers, Timestamp::now()), why }
    } else {
        Outcome::Refused { why }
    }
}

/// What an OTLP/HTTP answer means; `body` is as much of it as was read, and `cut` says that this is not all.
pub(super) fn http_outcome(status: StatusCode, headers: &HeaderMap, body: &[u8], cut: bool) -> Outcome {
    let kind = ContentType::of(headers);
    if status.is_success() {
        // The status has settled that the destination took the request; the body can only add to it.
        let rejected = match kind {
            _ if cut => notice("its answer broke off or was too long to read"),
            ContentType::Json => partial_success_json(body),
            ContentType::Protobuf | ContentType::None => partial_success(body),
            // Sign-on pages and default virtual hosts answer 200 to anything.
            ContentType::Html => notice("answered with a web page; is this an OTLP endpoint?"),
            ContentType::Other => None,
        };
        return Outcome::Delivered { rejected };
    }
    let words = match kind {
        ContentType::Protobuf => {
            tonic_types::Status::decode(body).map(|status| status.message).unwrap_or_default()
        }
        ContentType::Json => json_message(body).unwrap_or_default(),
        ContentType::Html => String::new(),
        ContentType::Other | ContentType::None => String::from_utf8_lossy(body).into_owned(),
    };
    let words = match headers.get(LOCATION) {
        Some(to) if status.is_redirection() => {
            format!("redirects are not followed; it points to {}", String::from_utf8_lossy(to.as_bytes()))
        }
        _ => words,
    };
    let why = printable(&format!("HTTP {status}: {words}")).trim_end_matches([':', ' ']).to_owned();
    // The Collector's receiver answers 400 where its limit breaks off the body.
    let is_too_large =
        status == StatusCode::PAYLOAD_TOO_LARGE || status == StatusCode::BAD_REQUEST && speaks_of_size(&why);
    if is_too_large {
        Outcome::TooLarge { why }
    } else if http_retryable(status) {
        Outcome::Retry { after: retry_after(headers, Timestamp::now()), why }
    } else {
        Outcome::Refused { why }
    }
}

/// The table of the OTLP specification, "Retryable Response Codes".
fn http_retryable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

/// What an HTTP body is said to be.
#[derive(Clone, Copy)]
enum ContentType {
    Protobuf,
    Json,
    Html,
    Other,
    None,
}

impl ContentType {
    fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Self::None };
        let essence = value.as_bytes().split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
        match essence.to_ascii_lowercase().as_slice() {
            b"application/x-protobuf" | b"application/protobuf" => Self::Protobuf,
            b"application/json" => Self::Json,
            b"text/html" => Self::Html,
            _ => Self::Other,
        }
    }
}

/// The partial success of an encoded `Export*ServiceResponse`, when it is populated.
///
/// The three signals' responses differ in names only: field 1 holds the rejected count (1) and the message
/// (2) for each, so one type reads them all.
fn partial_success(response: &[u8]) -> Option<Partial> {
    match ExportTraceServiceResponse::decode(response) {
        Ok(response) => {
            let partial = response.partial_success?;
            populated(partial.rejected_spans, &partial.error_message)
        }
        Err(_) => notice("its answer is no OTLP response"),
    }
}

/// The same from OTLP/JSON, which some destinations answer to protobuf.
fn partial_success_json(response: &[u8]) -> Option<Partial> {
    if response.trim_ascii().is_empty() {
        return None;
    }
    let Ok(response) = serde_json::from_slice::<serde_json::Value>(response) else {
        return notice("its answer is no OTLP response");
    };
    let partial = response.get("partialSuccess")?;
    let items = ["rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"]
        .iter()
        .find_map(|key| partial.get(key))
        // 64-bit integers stand as strings in protobuf's JSON, and as numbers in some servers'.
        .and_then(|count| count.as_i64().or_else(|| count.as_str()?.parse().ok()))
        .unwrap_or(0);
    populated(items, partial.get("errorMessage").and_then(|message| message.as_str()).unwrap_or_default())
}

/// A partial success with no rejected items and no message is the same as none (OTLP specification).
fn populated(items: i64, message: &str) -> Option<Partial> {
    (items != 0 || !message.is_empty()).then(|| Partial { items, message: printable(message) })
}

fn notice(message: &str) -> Option<Partial> {
    Some(Partial { items: 0, message: message.to_owned() })
}

/// The message of a `google.rpc.Status` in JSON.
fn json_message(body: &[u8]) -> Option<String> {
    let status: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(status.get("message")?.as_str()?.to_owned())
}

/// How long Retry-After asks to wait: seconds or a date (RFC 9110, 10.2.3), at most an hour.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are no less a wish to wait.
        return Some(capped(Duration::from_secs(value.parse().unwrap_or(u64::MAX))));
    }
    let until = http_date(value)?;
    // Both dates come from the destination's clock where it sends its own; ours may be a day off.
    let now = headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?)).unwrap_or(now);
    Some(capped(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)))
}

fn http_date(value: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(value).ok()
}

fn capped(after: Duration) -> Duration {
    after.min(MAX_AFTER)
}

/// `grpc-message` is percent-encoded UTF-8; what does not decode is kept (gRPC over HTTP/2, "Status-Message").
fn percent_decoded(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = |at: usize| char::from(*tail.get(at)?).to_digit(16).and_then(|d| u8::try_from(d).ok());
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                rest = &tail[2..];
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        let now: Timestamp = "1994-11-06T08:49:07Z".parse().unwrap();
        let after = |value| retry_after(&headers(&[("retry-after", value)]), now);
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        assert_eq!(after("0"), Some(Duration::ZERO));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(after("Sun, 06 Nov 1994 08:48:37 GMT"), Some(Duration::ZERO), "a date gone by");
        for nonsense in ["", "-5", "1.5", "soon", "Sun, 06 Nov", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(after(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_wait_is_never_longer_than_an_hour() {
        let now: Timestamp = "1994-11-06T08:49:07Z".parse().unwrap();
        for value in ["3601", "18446744073709551616", "Sun, 06 Nov 2044 08:49:37 GMT"] {
            assert_eq!(retry_after(&headers(&[("retry-after", value)]), now), Some(MAX_AFTER), "{value}");
        }
    }

    #[test]
    fn the_destinations_clock_measures_its_own_dates() {
        let ours: Timestamp = "1994-11-05T00:00:00Z".parse().unwrap();
        let headers = headers(&[
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("date", "Sun, 06 Nov 1994 08:49:27 GMT"),
        ]);
        assert_eq!(retry_after(&headers, ours), Some(Duration::from_secs(10)));
    }

    #[test]
    fn hostile_status_headers_are_read_without_a_panic() {
        let status = GrpcStatus::from_headers(&headers(&[
            ("grpc-status", "14"),
            ("grpc-message", "%E4%B8 100%% %zz %1b[2J%"),
            ("grpc-status-details-bin", "?not base64?"),
        ]))
        .unwrap();
        assert_eq!(status.code, Code::Unavailable, "the code holds whatever the rest is");
        assert_eq!(status.message, "\u{fffd} 100%% %zz \\u001b[2J%");
        assert!(status.retry_info.is_none());
        for odd in ["17", "-1", "999999999999", "x", ""] {
            assert_eq!(
                GrpcStatus::from_headers(&headers(&[("grpc-status", odd)])).unwrap().code,
                Code::Unknown
            );
        }
    }

    #[test]
    fn servers_say_in_many_ways_that_a_request_is_too_large() {
        let grpc = |code: &str, message| {
            GrpcStatus::from_headers(&headers(&[("grpc-status", code), ("grpc-message", message)]))
                .is_some_and(|status| status.is_too_large())
        };
        for words in [
            "grpc: received message larger than max (5242880 vs. 4194304)",
            "gRPC message exceeds maximum size 4194304: 5242880",
            "Error, decoded message length too large: found 5242880 bytes, the limit is: 4194304 bytes",
        ] {
            assert!(grpc("8", words) && grpc("11", words), "{words}");
        }
        assert!(grpc("8", "") && !grpc("11", "") && !grpc("8", "Rate limit reached") && !grpc("13", ""));
        let http = |status, words: &str| {
            let outcome = http_outcome(status, &HeaderMap::new(), words.as_bytes(), false);
            matches!(outcome, Outcome::TooLarge { .. })
        };
        assert!(http(StatusCode::PAYLOAD_TOO_LARGE, ""));
        assert!(http(StatusCode::BAD_REQUEST, "http: request body too large"));
        assert!(!http(StatusCode::BAD_REQUEST, "bad span") && !http(StatusCode::OK, "body too large"));
        assert!(matches!(
            not_grpc(StatusCode::PAYLOAD_TOO_LARGE, &HeaderMap::new()),
            Outcome::TooLarge { .. }
        ));
    }

    #[test]
    fn json_answers_are_understood() {
        let json = |text: &str| partial_success_json(text.as_bytes());
        let rejected = |items, message: &str| Some(Partial { items, message: message.into() });
        assert_eq!(json(""), None);
        assert_eq!(json("{}"), None);
        assert_eq!(json(r#"{"partialSuccess":{}}"#), None);
        assert_eq!(
            json(r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}"#),
            rejected(3, "no")
        );
        assert_eq!(json(r#"{"partialSuccess":{"rejectedLogRecords":2}}"#), rejected(2, ""));
        assert_eq!(json(r#"{"partialSuccess":{"errorMessage":"old SDK"}}"#), rejected(0, "old SDK"));
        assert!(json("<html>").is_some());
    }
}
