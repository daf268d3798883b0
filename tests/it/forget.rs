//! `pricetag ledger forget`, on the file of a real pricetag.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use pricetag::attribution::Hasher;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::support::command::pricetag_with;
use crate::support::process::Setup;
use crate::support::spans::{attribute, gpt_4o, request};
use crate::support::{Pricetag, Sink, eventually};

/// Who is to be forgotten; in nobody else's name.
const ID: &str = "zoë-7c1d@example.com";
const KEY: &str = "a key of 16 bytes at least";

/// A ledger in a folder of its own, and the config that names it.
struct Place {
    folder: TempDir,
}

impl Place {
    /// `more` is what `pricetag` has besides the file.
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "receivers: {{otlp: {{protocols: {{grpc: }}}}}}\nexporters: {{debug: }}\n\
             processors: {{pricetag: {{ledger: {{file: {:?}}}{more}}}}}\n\
             service: {{pipelines: {{traces: {{receivers: [otlp], processors: [pricetag], exporters: [debug]}}}}}}\n",
            folder.path().join("ledger/ledger.db")
        );
        fs::write(folder.path().join("config.yaml"), config).unwrap();
        Place { folder }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger/ledger.db")
    }

    /// Starts a pricetag on it; users are labels of metrics.
    async fn start(&self, sink: &Sink) -> Pricetag {
        Setup::new(&[sink.otlp("a", "")], "otlp/a")
            .set(format!("processors.pricetag.ledger.file={}", self.file().display()))
            .set("processors.pricetag.metrics.labels=[user, tenant]")
            .start()
            .await
    }

    /// Runs `pricetag ledger forget` with these arguments: its code, and what it says.
    fn forget(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let config = self.folder.path().join("config.yaml");
        let all = [&["ledger", "forget", "--config", config.to_str().unwrap()], arguments].concat();
        let ended = pricetag_with(&all, &[], b"");
        (ended.code, ended.out + &ended.err)
    }

    /// How often these bytes stand in any file of the ledger, or in a name of one.
    fn count(&self, text: &str) -> usize {
        let files = fs::read_dir(self.file().parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
        let of = |path: &Path| {
            let bytes = fs::read(path).unwrap();
            bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
        };
        // The queue's are another matter, of which the command speaks.
        let files = files.filter(|path| !path.is_dir());
        files.map(|path| of(&path) + usize::from(path.to_str().unwrap().contains(text))).sum()
    }

    /// What SQL says of the file.
    fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let db = Connection::open_with_flags(self.file(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut statement = db.prepare(sql).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at)).collect()
        };
        let rows: Vec<Vec<_>> = statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap();
        rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect()
    }

    /// All sums of each dimension that has rows, by table: they must all be the same.
    fn sums(&self) -> Vec<Vec<String>> {
        let of = |table: &str| {
            format!(
                "SELECT '{table}', sum(usd) * 1000000 + sum(picodollars) / 1000000, sum(picodollars) % 1000000, sum(input_tokens), \
                 sum(output_tokens), sum(calls), sum(unpriced), sum(actions) FROM {table} JOIN dimensions ON id = dimension \
                 WHERE name IN ('user', 'tenant', 'total') GROUP BY name"
            )
        };
        let sums = self.rows(&format!("{} UNION ALL {}", of("hours"), of("days")));
        assert_eq!(sums.len(), 6);
        assert!(
            sums[..3].iter().all(|row| *row == sums[0]) && sums[3..].iter().all(|row| *row == sums[3]),
            "{sums:?}"
        );
        sums
    }

    /// Money of a user, all days.
    fn of_user(&self, user: &str) -> Vec<Vec<String>> {
        self.rows(&format!(
            "SELECT usd, picodollars, calls FROM days JOIN dimensions ON id = dimension WHERE name = 'user' AND value = '{user}'"
        ))
    }
}

fn text(value: rusqlite::types::Value) -> String {
    match value {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

/// Sends calls of gpt-4o with a million input tokens each, $2.50, of these users and tenants, and waits until the file has them.
async fn book(place: &Place, pricetag: &Pricetag, calls: &[(u64, &str, &str)], all: usize) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let spans = calls.iter().map(|(number, user, tenant)| {
        let mut span = gpt_4o(*number, 1_000_000, 0);
        span.end_time_unix_nano = now;
        span.attributes.extend([attribute("user.id", *user), attribute("tenant.id", *tenant)]);
        span
    });
    pricetag.deliver_spans(&request(spans.collect())).await;
    eventually("the rows", async || {
        let calls = place.rows("SELECT coalesce(sum(calls), 0) FROM costs_by_hour WHERE dimension = 'total'");
        (calls == [[all.to_string()]]).then_some(())
    })
    .await;
}

/// Scenario: a user with calls, beside others and one who is called `other` already; users and tenants are labels of metrics. The
/// command while pricetag runs, after its end, and again; then pricetag goes on.
/// Guarantees: it refuses while pricetag runs; then no byte of the name is in any file, sums over users are what they were and those
/// of the total, in both tables, and `other` has the money; what the command prints is what went; the second time it says
/// that nobody is known. Metrics and API go on with the same totals, without the name.
#[tokio::test]
async fn a_person_is_forgotten() {
    let (place, sink) = (Place::new(""), Sink::start().await);
    let mut running = place.start(&sink).await;
    book(&place, &running, &[(1, ID, "acme"), (2, ID, "beta"), (3, "ben", "acme"), (4, "other", "acme")], 4)
        .await;
    let before = place.sums();
    let (code, said) = place.forget(&["--user", ID]);
    assert!(
        code == Some(1) && said.contains("a pricetag runs on this ledger") && said.contains("stop it"),
        "{said}"
    );
    assert_eq!(place.of_user(ID), [["5", "0", "2"]]);
    running.stop().await;

    assert!(place.count(ID) >= 4);
    let (code, said) = place.forget(&["--user", ID]);
    assert_eq!(code, Some(0), "{said}");
    let expected = "1 hourly row, 1 daily row, 2 series of metrics; $5 went to `other`\n";
    assert!(
        said.starts_with("forgot user \"zoë-7c1d@example.com\" in ") && said.contains(expected),
        "{said}"
    );
    assert_eq!(place.count(ID), 0);
    assert_eq!(place.sums(), before);
    assert_eq!(place.of_user("other"), [["7", "500000000000", "3"]]);
    assert_eq!(place.of_user("ben"), [["2", "500000000000", "1"]]);
    let series = place.rows("SELECT json_extract(labels, '$.user'), json_extract(labels, '$.tenant'), usd, picodollars FROM series ORDER BY 1, 2");
    let half = "500000000000";
    assert_eq!(
        series,
        [["ben", "acme", "2", half], ["other", "acme", "5", "0"], ["other", "beta", "2", half]]
    );

    let (code, said) = place.forget(&["--user", ID]);
    assert!(code == Some(1) && said.contains("no row of user"), "{said}");

    let mut running = place.start(&sink).await;
    let scrape = running.scrape().await;
    assert_eq!(scrape.sum("pricetag_cost", &[("user_id", "other")]), 7.5);
    assert_eq!(scrape.sum("pricetag_cost", &[]), 10.0);
    let (_, costs) = running.get("/api/v1/costs?by=user").await.unwrap();
    assert!(!costs.contains(ID) && !scrape.text().contains(ID) && costs.contains("7.5"), "{costs}");
    book(&place, &running, &[(5, "ben", "acme")], 5).await;
    running.stop().await;
    assert_eq!(place.of_user("ben"), [["5", "0", "2"]]);
}

/// Scenario: a tenant who has the same name as a user; a dimension that there is not, one that is misspelled, `other`, and nothing.
/// Guarantees: `--by` forgets it in that dimension and tells that it is one of users, too; the rest is refused with what to do.
#[tokio::test]
async fn any_dimension_forgets_and_the_others_are_told() {
    let (place, sink) = (Place::new(""), Sink::start().await);
    let mut running = place.start(&sink).await;
    book(&place, &running, &[(1, "ann", "acme"), (2, "acme", "beta")], 2).await;
    running.stop().await;
    let before = place.sums();
    let (code, said) = place.forget(&["--by", "tenant", "acme"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("$2.5 went to `other`") && said.contains("the same text is a value of user"),
        "{said}"
    );
    assert_eq!(place.sums(), before);
    let tenants = "SELECT value FROM costs_by_day WHERE dimension = 'tenant' ORDER BY value";
    assert_eq!(place.rows(tenants), [["beta"], ["other"]]);
    for (arguments, message) in [
        (&["--by", "tenannt", "beta"][..], "\"tenannt\" is no dimension of this ledger; there are user"),
        (&["--by", "total", "x"], "\"total\" is no dimension"),
        (&["--user", "other"], "is nobody"),
        (&["--user", ""], "is nobody"),
        (&[], "--user"),
        (&["--user", "ann", "--by", "tenant", "beta"], "cannot be used with"),
    ] {
        let (code, said) = place.forget(arguments);
        assert!(code != Some(0) && said.contains(message), "{arguments:?}: {said}");
    }
    assert_eq!(place.sums(), before);
}

/// Scenario: users are hashed, after a time in which they were not; rows that were deleted long ago; no ledger at all.
/// Guarantees: the plain id forgets the hash as well as the id, and cleans what deletion had left in the file; a file that is not there is
/// not made.
#[test]
fn hashes_and_what_was_deleted_before_are_forgotten() {
    let place = Place::new(&format!(", hash_key: {KEY:?}, dimensions: {{user: {{hash: true}}}}"));
    let (code, said) = place.forget(&["--user", ID]);
    assert!(code == Some(1) && said.contains("there is no such file"), "{said}");
    assert!(!place.file().exists());

    let hash = Hasher::new(KEY.as_bytes()).hash(ID.as_bytes());
    let ledger =
        pricetag::ledger::Ledger::open(Some(&place.file()), &["user", "tenant"], &[0], Default::default());
    drop(ledger.unwrap());
    let db = Connection::open(place.file()).unwrap();
    let zeros = "0,0,0,0,0,0,0,0,0,0,0,0";
    let insert = |value: &str, hour: u32, picodollars: u64| {
        let sql = format!("INSERT INTO hours VALUES (1, {hour}, '{value}', 0, {picodollars}, {zeros}, 1, 0)");
        db.execute_batch(&sql).unwrap();
        db.execute_batch(&sql.replace("hours", "days").replace(&hour.to_string(), &(hour / 24).to_string()))
            .unwrap();
    };
    for hour in 0..500 {
        insert("gone-long-ago-5f3a", 400_000 + hour * 24, 1);
    }
    db.execute_batch("DELETE FROM hours WHERE value = 'gone-long-ago-5f3a'; DELETE FROM days").unwrap();
    insert(ID, 495_000, 3);
    insert(&hash, 495_000, 4);
    insert("ben", 495_000, 5);
    drop(db);
    assert!(place.count("gone-long-ago-5f3a") > 0 && place.count(ID) > 0 && place.count(&hash) > 0);

    let (code, said) = place.forget(&["--user", ID]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 hourly rows, 2 daily rows") && said.contains("$0.000000000007 went"), "{said}");
    assert_eq!([ID, &hash, "gone-long-ago-5f3a"].map(|text| place.count(text)), [0; 3]);
    let users = "SELECT value, picodollars FROM days JOIN dimensions ON id = dimension WHERE name = 'user' ORDER BY value";
    assert_eq!(place.rows(users), [["ben", "5"], ["other", "7"]]);
}

/// Scenario: somebody reads the file, in the middle of a transaction, while a user is forgotten; then he is done.
/// Guarantees: the command says that bytes are left, and why; run again, it leaves none.
#[test]
fn a_reader_keeps_bytes_and_the_command_says_so() {
    let place = Place::new("");
    let ledger = pricetag::ledger::Ledger::open(Some(&place.file()), &["user"], &[], Default::default());
    drop(ledger.unwrap());
    let db = Connection::open(place.file()).unwrap();
    db.execute_batch(&format!(
        "INSERT INTO hours VALUES (1, 495000, '{ID}', 0, 1, 0,0,0,0,0,0,0,0,0,0,1,0,0,0)"
    ))
    .unwrap();
    db.execute_batch("BEGIN; SELECT * FROM hours").unwrap();
    let mut reading = db.prepare("SELECT * FROM hours").unwrap();
    let mut rows = reading.query([]).unwrap();
    assert!(rows.next().unwrap().is_some());
    let (code, said) = place.forget(&["--user", ID]);
    assert!(code == Some(1) && said.contains("somebody reads them"), "{said}");
    assert!(place.count(ID) > 0);
    drop(rows);
    drop(reading);
    db.execute_batch("COMMIT").unwrap();
    drop(db);
    let (code, said) = place.forget(&["--user", ID]);
    assert!(code == Some(1) && said.contains("was cleaned"), "{said}");
    assert_eq!(place.count(ID), 0);
}
