//! What tests share: CloudTrail files in temporary folders, the rows that are read of them, and the program itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use flate2::Compression;
use flate2::write::GzEncoder;
use palisade::events::duplicates::Duplicates;
use palisade::events::files::{Scope, discover};
use palisade::events::rows::Relation;
use palisade::events::scan::{RecordFilter, Scan, Worker};
use palisade::events::schema::Column;
use palisade::events::time;
use palisade::report::model::Coverage;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A record of account 111111111111; `fields` replace its own, top level by top level. `n` makes its id.
pub fn record(n: u32, fields: Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLEUSER000001",
            "arn": "arn:aws:iam::111111111111:user/ops/jane",
            "accountId": "111111111111",
            "accessKeyId": "AKIAEXAMPLE000000001",
            "userName": "jane"
        },
        "eventTime": "2026-10-31T07:08:09Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "203.0.113.10",
        "userAgent": "aws-cli/2.28.1",
        "requestParameters": {"maxResults": 5},
        "responseElements": null,
        "requestID": "0a1b2c3d",
        "eventID": event_id(n),
        "readOnly": true,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111111111111",
        "eventCategory": "Management"
    });
    for (key, value) in fields.as_object().unwrap() {
        record[key] = value.clone();
    }
    record
}

pub fn event_id(n: u32) -> String {
    format!("{n:08x}-0000-4000-8000-0000000000ff")
}

/// The record without some of its top-level fields.
pub fn without(mut record: Value, fields: &[&str]) -> Value {
    fields.iter().for_each(|field| assert!(record.as_object_mut().unwrap().remove(*field).is_some(), "{field}"));
    record
}

/// A file as CloudTrail delivers it: one line.
pub fn delivered(records: &[Value]) -> String {
    json!({ "Records": records }).to_string()
}

pub fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

pub fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(content.as_ref()).unwrap();
    gzip.finish().unwrap()
}

/// A temporary folder with these files, made with the folders of their paths. What is named `.gz` must be compressed already.
pub fn folder<C: AsRef<[u8]>>(files: &[(&str, C)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    files.iter().for_each(|(name, content)| add(&folder, name, content));
    folder
}

pub fn add(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// A row of the relation: the columns that are not null, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row(pub BTreeMap<&'static str, String>);

impl Row {
    pub fn get(&self, column: &str) -> Option<&str> {
        assert!(Column::from_name(column).is_some(), "{column} is no column");
        self.0.get(column).map(String::as_str)
    }

    /// Asserts several columns at once.
    #[track_caller]
    pub fn has(&self, expected: &[(&str, Option<&str>)]) {
        for (column, value) in expected {
            assert_eq!(self.get(column), *value, "{column}");
        }
    }
}

/// What a pass over files gives.
pub struct Pass {
    /// Sorted by event id, then by resource.
    pub rows: Vec<Row>,
    pub coverage: Coverage,
}

impl Pass {
    /// Reasons to skip and how often, in the order of the report.
    pub fn skipped(&self) -> Vec<(&str, u64)> {
        self.coverage.skipped.iter().map(|skipped| (skipped.reason.as_str(), skipped.count)).collect()
    }

    /// The numbers of the event ids that were read.
    pub fn ids(&self) -> Vec<u32> {
        let number = |row: &Row| u32::from_str_radix(&row.get("event_id").unwrap()[..8], 16).unwrap();
        self.rows.iter().map(number).collect()
    }

    pub fn row(&self) -> &Row {
        assert_eq!(self.rows.len(), 1, "{:?}", self.skipped());
        &self.rows[0]
    }
}

/// Reads everything below a folder with every column.
pub fn read(folder: impl AsRef<Path>) -> Pass {
    pass(&[folder.as_ref().to_str().unwrap()], &Scope::default(), Relation::Events)
}

/// The row of a single record.
pub fn row_of(record: &Value) -> Row {
    read(&folder(&[("record.json", record.to_string())])).row().clone()
}

/// Reads locations with every column, two workers, and again if an addendum asks for it: what the engine does.
pub fn pass(locations: &[&str], scope: &Scope, relation: Relation) -> Pass {
    let locations: Vec<String> = locations.iter().map(|location| location.to_string()).collect();
    let discovery = discover(&locations, scope).unwrap();
    let files = Arc::new(discovery.files);
    let mut duplicates = Duplicates::default();
    loop {
        let filter = RecordFilter::default();
        let scan = Arc::new(Scan::new(Arc::clone(&files), scope.clone(), filter, duplicates, Arc::default()));
        let work = |scan: &Arc<Scan>| {
            let mut worker = Worker::new(Arc::clone(scan), relation, Column::ALL);
            let mut rows = Vec::new();
            while let Some(batch) = worker.next_batch().unwrap() {
                rows.extend(rows_of(&batch));
            }
            rows
        };
        let mut rows = std::thread::scope(|threads| {
            let workers = [(); 2].map(|()| threads.spawn(|| work(&scan)));
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        if scan.duplicates.must_read_again().unwrap() {
            duplicates = scan.duplicates.read_again();
            continue;
        }
        rows.sort_by(|a, b| (a.get("event_id"), a.get("resource_arn")).cmp(&(b.get("event_id"), b.get("resource_arn"))));
        let mut coverage = scan.coverage();
        for (reason, file) in &discovery.skipped {
            coverage.skip(palisade::events::coverage::Unit::File, reason, || file.clone());
        }
        return Pass { rows, coverage: coverage.finish((None, None)) };
    }
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let mut rows = vec![Row::default(); batch.num_rows()];
    for (column, array) in Column::ALL.iter().zip(batch.columns()) {
        let microseconds = DataType::Timestamp(TimeUnit::Microsecond, None);
        for (index, row) in rows.iter_mut().enumerate().filter(|(index, _)| !array.is_null(*index)) {
            let text = match array.data_type() {
                DataType::Timestamp(_, _) => {
                    let times = cast(array, &microseconds).unwrap();
                    time::format(times.as_primitive::<TimestampMicrosecondType>().value(index)).unwrap()
                }
                _ => cast(&array.slice(index, 1), &DataType::Utf8).unwrap().as_string::<i32>().value(0).to_owned(),
            };
            row.0.insert(column.name(), text);
        }
    }
    rows
}

/// How the program ended.
#[derive(Debug)]
pub struct Finished {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Finished {
    /// Asserts the exit code, and shows what the program said if it is another.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\nstandard output:\n{}\nstandard error:\n{}", self.out, self.err);
        self
    }
}

/// The program, to be run in a folder.
pub struct Palisade {
    command: Command,
    input: Vec<u8>,
}

impl Palisade {
    /// No setting of the environment reaches the program; the clock is fixed.
    pub fn in_folder(folder: impl AsRef<Path>) -> Self {
        Palisade::started_by(Command::new(env!("CARGO_BIN_EXE_palisade")), folder)
    }

    /// `command` starts the program.
    pub fn started_by(mut command: Command, folder: impl AsRef<Path>) -> Self {
        command.current_dir(folder).env("PALISADE_NOW", "2026-11-20");
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            let is_ours = name.starts_with("PALISADE_") && name != "PALISADE_NOW";
            if is_ours || ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS"].contains(&name.as_str()) {
                command.env_remove(name);
            }
        }
        Palisade { command, input: Vec::new() }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    pub fn run<A: AsRef<OsStr>>(mut self, arguments: &[A]) -> Finished {
        let mut child =
            self.command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut stdin, mut stdout, mut stderr) =
            (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
        std::thread::scope(|threads| {
            // A program that ends without reading its input closes the pipe.
            threads.spawn(move || stdin.write_all(&self.input));
            let err = threads.spawn(move || {
                let mut text = String::new();
                stderr.read_to_string(&mut text).map(|_| text)
            });
            let mut out = String::new();
            stdout.read_to_string(&mut out).unwrap();
            let err = err.join().unwrap().unwrap();
            let code = child.wait().unwrap().code().unwrap();
            Finished { code, out, err }
        })
    }
}
