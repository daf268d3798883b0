//! How answers are written: JSON, or a table of CSV for who asks for one.

use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::Answer;
use crate::ledger::query::QueryError;
use crate::yaml::error::did_you_mean;

/// A question that is not answered, and why.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: String,
}

/// The question is wrong.
impl From<String> for Refusal {
    fn from(error: String) -> Self {
        Refusal { status: StatusCode::BAD_REQUEST, error }
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::Dimension { asked, known } => Refusal::from(format!(
                "there is no dimension {asked:?}: {}",
                did_you_mean(asked, known.split(", "))
            )),
            QueryError::Store(_) => {
                Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, error: error.to_string() }
            }
        }
    }
}

impl Refusal {
    pub(super) fn response(&self) -> Response<String> {
        let body = format!("{}\n", json!({ "error": self.error }));
        response(self.status, Format::Json, body)
    }
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
}

impl Format {
    /// The one that a request prefers; of equals JSON.
    pub(super) fn accepted(headers: &HeaderMap) -> Result<Self, Refusal> {
        let accepts: Vec<&str> =
            headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok()).collect();
        if accepts.is_empty() {
            return Ok(Format::Json);
        }
        let accepts = accepts.join(",");
        let (json, csv) = (quality(&accepts, "application", "json"), quality(&accepts, "text", "csv"));
        match () {
            () if json > 0.0 && json >= csv => Ok(Format::Json),
            () if csv > 0.0 => Ok(Format::Csv),
            () => {
                let error =
                    "there is application/json and text/csv: ask for one of them with Accept".to_owned();
                Err(Refusal { status: StatusCode::NOT_ACCEPTABLE, error })
            }
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// Writes an answer.
    pub(super) fn write<A: Answer>(self, answer: &A) -> Result<Response<String>, Refusal> {
        let text = match self {
            Format::Json => {
                serde_json::to_string(answer).map(|json| json + "\n").map_err(|error| error.to_string())
            }
            Format::Csv => csv(answer),
        };
        let failed = |error| Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, error };
        Ok(response(StatusCode::OK, self, text.map_err(failed)?))
    }
}

/// How much a type is wanted: by the most specific range that it is in, as RFC 9110 (12.5.1) has it.
fn quality(accepts: &str, kind: &str, subtype: &str) -> f32 {
    let ranges = accepts.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let (of, sub) = parts.next()?.split_once('/')?;
        let specific = match (of.eq_ignore_ascii_case(kind), sub.eq_ignore_ascii_case(subtype)) {
            (true, true) => 2,
            (true, false) if sub == "*" => 1,
            _ if of == "*" && sub == "*" => 0,
            _ => return None,
        };
        let q = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        Some((specific, q.map_or(1.0, |q| q.parse().unwrap_or(0.0))))
    });
    ranges.max_by_key(|(specific, _)| *specific).map_or(0.0, |(_, q)| q)
}

fn response(status: StatusCode, format: Format, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    response
}

/// The rows as a table, headed by their fields. What is no single value stands in its cell as JSON.
fn csv<A: Answer>(answer: &A) -> Result<String, String> {
    let schema =
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<A::Row>();
    let columns = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(columns.keys()).map_err(|error| error.to_string())?;
    for row in answer.rows() {
        let row = serde_json::to_value(row).map_err(|error| error.to_string())?;
        table
            .write_record(columns.keys().map(|column| cell(&row[column])))
            .map_err(|error| error.to_string())?;
    }
    let table = table.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(table).map_err(|error| error.to_string())
}

/// A value in a cell; unknown ones are empty. A stranger's text that a spreadsheet would take for a formula gets an apostrophe before
/// it, as OWASP advises ("CSV Injection").
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => {
            let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
            let is_number = text.parse::<crate::pricing::Picodollars>().is_ok();
            if is_formula && !is_number { format!("'{text}") } else { text.clone() }
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &str) -> Option<Format> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        Format::accepted(&headers).ok()
    }

    #[test]
    fn json_unless_csv_is_wanted_more() {
        assert_eq!(Format::accepted(&HeaderMap::new()).ok(), Some(Format::Json));
        for accept in
            ["*/*", "application/*", "text/html, */*;q=0.8", "text/csv, application/json", "APPLICATION/JSON"]
        {
            assert_eq!(accepted(accept), Some(Format::Json), "{accept}");
        }
        for accept in [
            "text/csv",
            "text/*",
            "text/csv, */*;q=0.1",
            "application/json;q=0.5, text/csv",
            "*/*, application/json;q=0",
        ] {
            assert_eq!(accepted(accept), Some(Format::Csv), "{accept}");
        }
        for accept in ["text/html", "", "application/json;q=0", "nonsense", "*/*;q=x"] {
            assert_eq!(accepted(accept), None, "{accept}");
        }
    }

    #[test]
    fn cells_are_no_formulas() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("\t=1", "'\t=1"),
            ("-0.25", "-0.25"),
            ("ann", "ann"),
            ("", ""),
        ] {
            assert_eq!(cell(&json!(text)), expected);
        }
        assert_eq!([cell(&json!(null)), cell(&json!(7)), cell(&json!({"a": 1}))], ["", "7", "{\"a\":1}"]);
    }
}
