//! `pricetag quote`: prices usage records without spans, a line in, a line out.

mod keys;
mod named;
mod record;
mod reply;

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read as _, Write};
use std::process::ExitCode;

pub use named::Named;
pub use record::{BadRecord, Record};
pub use reply::Reply;

use super::layers::Layers;
use crate::pricing::{Catalog, Resolver};

/// More than any record needs. A longer line is answered with an error, and is never held in memory.
const MAX_LINE: usize = 1 << 20;

/// Prices usage records: JSON lines from standard input, a receipt for each on standard output
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Quote {
    #[command(flatten)]
    layers: Layers,
}

/// At most 78 columns: a narrower terminal than that would break lines in the middle.
const HELP: &str = r#"In, one object a line:
  {"id": "call-7", "provider": "openai", "model": "gpt-5-mini",
   "time": "2026-11-22T10:00:00Z", "context": {"service_tier": "flex"},
   "usage": {"input_tokens": 1500, "cache_read_tokens": 1024,
             "output_tokens": 350}}
Out:
  {"id": "call-7", "status": "priced", "provider": "openai",
   "model": "gpt-5-mini", "input": ..., "output": ..., "other": ...,
   "total": ..., "currency": "USD",
   "lines": [{"bucket": "input", "quantity": 476, ...}], "catalog": ...}

`model` is the one that answered, `time` the end of the call, in RFC 3339.
input_tokens contains the cached tokens, output_tokens the reasoning.
context: processing (batch), service_tier, speed, route, region. Other keys
are yours and stay unread; a key of usage or context that pricetag does not
know is an error, for it may cost money. docs/pricing.md lists all keys.

`id`, a text or a number, is given back. input + output + other = total, where
other is what is neither, such as searches. Amounts are exact decimal strings
in USD; null where they are not known: without `usage`, or with only nulls in
it, the status is no_usage. "usage": {} says that nothing was used.

A line that can not be read gets a line too, with the status error and the
reason. The exit code is 0 all the same; standard error says how many.

Example:
  bq query --format=json_lines "SELECT ..." \
    | pricetag quote --prices my-prices.yaml > priced.jsonl"#;

impl Quote {
    /// Runs it.
    ///
    /// # Errors
    /// The prices can not be read, or standard input or output fails. A reader of the output that went away is none.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let catalog = self.layers.catalog()?;
        match quote(&catalog, io::stdin().lock(), io::stdout().lock()) {
            Ok(Quoted { bad: 0, .. }) => Ok(ExitCode::SUCCESS),
            Ok(Quoted { lines, bad }) => {
                eprintln!("{bad} of {lines} lines could not be read: status \"error\", with the reason");
                Ok(ExitCode::SUCCESS)
            }
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
            Err(error) => Err(error.into()),
        }
    }
}

/// How many lines came, and how many of them could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Quoted {
    lines: u64,
    bad: u64,
}

fn quote(catalog: &Catalog, input: impl io::Read, output: impl Write) -> io::Result<Quoted> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let mut output = BufWriter::with_capacity(1 << 16, output);
    let mut resolver = Resolver::default();
    let mut quoted = Quoted::default();
    let mut line = Vec::new();
    while read_line(&mut input, &mut line)? {
        quoted.lines += 1;
        // A file that begins with a byte order mark is UTF-8 all the same.
        let text = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(text) if quoted.lines == 1 => text,
            _ => &line,
        };
        let record = if line.len() > MAX_LINE { Err(BadRecord::TooLong) } else { Record::parse(text) };
        let named = Named::parse(if line.len() > MAX_LINE { b"" } else { text });
        let written = match record {
            Ok(record) => serde_json::to_writer(
                &mut output,
                &Reply::new(catalog, &named, &record, &record.price(catalog, &mut resolver)),
            ),
            Err(problem) => {
                quoted.bad += 1;
                let problem = format!("line {}: {problem}", quoted.lines);
                serde_json::to_writer(&mut output, &Reply::error(catalog, &named, problem))
            }
        };
        written?;
        output.write_all(b"\n")?;
        // Someone who waits for the answer before the next question gets it.
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
    output.flush()?;
    Ok(quoted)
}

/// Reads the next line without its end. One that is too long is cut just above [`MAX_LINE`], and the rest skipped.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if input.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > MAX_LINE {
        input.skip_until(b'\n')?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(input: &[u8]) -> (Quoted, Vec<serde_json::Value>) {
        let mut output = Vec::new();
        let quoted = quote(Catalog::embedded(), input, &mut output).unwrap();
        let lines = str::from_utf8(&output).unwrap().lines();
        (quoted, lines.map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    /// Scenario: good lines between every kind of bad one; the last line has no end.
    /// Guarantees: a line out for each line in, in order; each bad one says its line and what is wrong with it.
    #[test]
    fn a_line_for_each_line() {
        let good = r#"{"provider":"openai","model":"gpt-4o","time":"2026-11-22T10:00:00Z","usage":{"input_tokens":1000000}}"#;
        let with = |from: &str, to: &str| good.replace(from, to);
        let usage = r#"{"input_tokens":1000000}"#;
        let bad = [
            (String::new(), "empty line"),
            ("{".to_owned(), "no JSON"),
            (
                with(r#""2026-11-22T10:00:00Z""#, "1763805600"),
                "time: 1763805600 is no RFC 3339 text; write it as",
            ),
            (with(usage, r#"{"prompt_tokens":1}"#), "did you mean \"input_tokens\""),
            ("[1]".to_owned(), "expected a record"),
            (with(r#""gpt-4o""#, "4"), "model: "),
            (with(r#""model":"gpt-4o","#, ""), "model: missing"),
            (with("2026-11-22T10:00:00Z", "yesterday"), "time: `yesterday`"),
            (with("2026-11-22T10:00:00Z", "1969-12-31T23:59:59Z"), "time: "),
            (with("2026-11-22T10:00:00Z", "2026-11-22T10:00:00"), "time: "),
            (with(usage, r#"{"input_tokens":-1}"#), "usage.input_tokens: -1"),
            (with(usage, r#"{"input_tokens":1.5}"#), "usage.input_tokens: 1.5"),
            (with(usage, r#"{"input_tokens":"1"}"#), "usage.input_tokens: \"1\""),
            (
                with(usage, r#"{"inptu_tokens":1}"#),
                "usage.inptu_tokens: unknown key; did you mean \"input_tokens\"",
            ),
            (with(usage, r#"{"input_tokens":1,"input_tokens":2}"#), "usage.input_tokens: stands twice"),
            (with("\"usage\"", r#""context":{"tier":"flex"},"usage""#), "context.tier: unknown key"),
            (with("\"usage\"", r#""context":{"processing":"later"},"usage""#), "context.processing: `later`"),
            (with("\"usage\"", r#""contxt":{},"usage""#), "contxt: unknown key; did you mean \"context\""),
            (with("gpt-4o", &"x".repeat(MAX_LINE)), "longer than 1048576 bytes"),
        ];
        let mut input = format!("{good}\n");
        for (line, _) in &bad {
            input += &format!("{line}\n{good}\n");
        }
        let (quoted, answers) = answers(&[input.trim_end().as_bytes(), b"\n\"\xff\""].concat());
        let lines = 2 + 2 * bad.len();
        assert_eq!(quoted, Quoted { lines: lines as u64, bad: 1 + bad.len() as u64 });
        assert_eq!(answers.len(), lines);
        for (nth, (line, problem)) in bad.iter().enumerate() {
            assert_eq!(answers[2 * nth]["total"], "2.5");
            let answer = &answers[2 * nth + 1];
            let reason = answer["reason"].as_str().unwrap();
            assert_eq!((&answer["status"], &answer["total"]), (&"error".into(), &serde_json::Value::Null));
            let line = line.get(..200).unwrap_or(line);
            assert!(
                reason.contains(&format!("line {}: ", 2 * nth + 2)) && reason.contains(problem),
                "{line}: {reason}"
            );
        }
        assert_eq!(answers[lines - 1]["status"], "error", "no UTF-8");
    }

    #[test]
    fn the_help_has_no_broken_lines() {
        assert!(HELP.lines().all(|line| line.len() <= 78));
    }

    /// Scenario: records with ids of every kind, good and bad; searches beside tokens; a byte order mark before all.
    /// Guarantees: each answer can be joined to its record, and its parts sum to its total.
    #[test]
    fn answers_can_be_joined_and_reconciled() {
        let input = "\u{feff}{\"id\":\"a\\u00e9\",\"provider\":\"openai\",\"model\":\"gpt-4o\",\"time\":\"2026-11-22T10:00:00Z\",\
             \"usage\":{\"input_tokens\":1000000,\"output_tokens\":100000,\"web_searches\":10}}\n\
             {\"id\":12345678901234567890123,\"provider\":\"openai\",\"model\":\"gpt-4o\",\"time\":4}\n\
             {\"id\":[1],\"provider\":1,\"model\":\"gpt-4o\",\"time\":\"2026-11-22T10:00:00Z\"}\n\
             nonsense";
        let mut output = Vec::new();
        assert_eq!(
            quote(Catalog::embedded(), input.as_bytes(), &mut output).unwrap(),
            Quoted { lines: 4, bad: 3 }
        );
        let text = String::from_utf8(output).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with(r#"{"id":"a\u00e9","status":"priced","provider":"openai","model":"gpt-4o""#),
            "{text}"
        );
        assert!(lines[0].contains(r#""input":"2.5","output":"1","other":"0.1","total":"3.6""#), "{text}");
        let bad = r#"{"id":12345678901234567890123,"status":"error","#;
        assert!(lines[1].starts_with(bad), "{text}");
        assert!(
            lines[1]
                .contains(r#""provider":"openai","model":"gpt-4o","input":null,"output":null,"other":null"#),
            "{text}"
        );
        assert!(
            lines[2].starts_with(r#"{"status":"error""#)
                && lines[2].contains(r#""provider":null,"model":"gpt-4o""#)
        );
        assert!(lines[3].contains(r#""provider":null,"model":null"#), "{text}");
    }

    /// Scenario: what is said, and what is not.
    /// Guarantees: no usage is an unknown cost, usage of nothing costs nothing; null says nothing; a context changes the
    /// price; columns of the user's own do not; parts that exceed their whole are said.
    #[test]
    fn what_a_record_says() {
        let record = |rest: &str| {
            let line = format!(
                r#"{{"provider":"openai","model":"gpt-5-mini","time":"2026-11-22T10:00:00Z","id":7{rest}}}"#
            );
            let (quoted, answers) = answers(line.as_bytes());
            assert_eq!(quoted.bad, 0, "{answers:?}");
            let answer = &answers[0];
            let total = answer["total"].as_str().map(str::to_owned);
            (
                answer["status"].as_str().unwrap().to_owned(),
                total,
                answer["reason"].as_str().map(str::to_owned),
            )
        };
        let used = r#","usage":{"input_tokens":1000000,"output_tokens":0}"#;
        assert_eq!(record(used), ("priced".into(), Some("0.25".into()), None));
        assert_eq!(record(&format!(r#","context":{{"service_tier":null}}{used}"#)).1.unwrap(), "0.25");
        assert_eq!(record(&format!(r#","context":{{"processing":"batch"}}{used}"#)).1.unwrap(), "0.125");
        assert_eq!(record(&format!(r#","context":{{"service_tier":"flex"}}{used}"#)).1.unwrap(), "0.125");
        assert_eq!(record("").0, "no_usage");
        assert_eq!(record("").1, None);
        assert_eq!(record(r#","usage":null"#).0, "no_usage");
        assert_eq!(record(r#","usage":{"input_tokens":null,"output_tokens":null}"#).0, "no_usage");
        assert_eq!(record(r#","usage":{"input_tokens":1000000,"output_tokens":null}"#).1.unwrap(), "0.25");
        assert_eq!(record(r#","usage":{}"#).1.unwrap(), "0");
        let clamped =
            record(r#","usage":{"input_tokens":100,"cache_read_tokens":60,"cache_write_tokens":50}"#);
        assert!(clamped.2.unwrap().contains("clamped"));
    }
}
