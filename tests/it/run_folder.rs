//! A run folder is complete or it is none, and gives back what was put in.

use std::fs;
use std::path::Path;

use palisade::report::model::{Cell, Manifest, QuerySummary, Report, SCHEMA_VERSION, TableBuilder};
use palisade::run::arguments::redact_arguments;
use palisade::run::{Format, RunFolder, UnknownFormat, open, render, render_to, run_id};

fn report(rows: usize) -> Report {
    let mut builder = TableBuilder::new();
    for row in 0..rows {
        let text = format!("finding {row}");
        builder.push(|column| match column.name {
            "query" => Cell::Text("q"),
            "reason" => Cell::Text(&text),
            "event_count" => Cell::Integer(1),
            _ => Cell::Null,
        });
    }
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        run_id: "0123456789abcdef".to_owned(),
        tool_version: "0.1.0".to_owned(),
        generated_at: "2026-11-15T06:00:00Z".to_owned(),
        queries: vec![QuerySummary { name: "q".to_owned(), rows, calls: rows as u64, ..QuerySummary::default() }],
        ..Manifest::default()
    };
    Report { manifest, findings: builder.finish() }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn written(report: &Report, formats: &[Format]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rendered = RunFolder::create(folder.path()).unwrap().write(report, formats).unwrap();
    assert!(rendered.failed.is_empty());
    folder
}

/// The message and everything that it wraps.
fn message(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn a_run_is_opened_as_it_was_written() {
    let report = report(3);
    let folder = written(&report, &Format::ALL);
    assert_eq!(
        names(folder.path()),
        [
            "findings.csv",
            "findings.ndjson",
            "findings.parquet",
            "findings.sarif",
            "report.html",
            "report.json",
            "report.xlsx",
            "run.json"
        ]
    );
    assert_eq!(open(folder.path()).unwrap(), report);
}

#[test]
fn the_next_run_leaves_no_report_of_the_last_one() {
    let folder = written(&report(3), &[Format::Html, Format::Csv]);
    RunFolder::create(folder.path()).unwrap().write(&report(1), &[Format::Json, Format::Json]).unwrap();
    assert_eq!(names(folder.path()), ["findings.parquet", "report.json", "run.json"]);
    assert_eq!(open(folder.path()).unwrap(), report(1));
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "").unwrap();
    let error = RunFolder::create(folder.path()).unwrap_err();
    assert!(error.to_string().contains("`thesis.txt`"), "{error}");
    assert_eq!(names(folder.path()), ["thesis.txt"]);
}

#[test]
fn a_folder_below_a_parent_is_named_by_time_and_run() {
    let parent = tempfile::tempdir().unwrap();
    let folder = RunFolder::create_in(&parent.path().join("runs"), &report(0).manifest).unwrap();
    assert_eq!(folder.path(), parent.path().join("runs").join("20261115T060000Z-0123456789abcdef"));
}

#[test]
fn a_format_that_fails_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    // A folder with the name of a report cannot be replaced by a file.
    fs::create_dir_all(folder.path().join("findings.csv").join("x")).unwrap();
    let rendered = render(&report(1), &[Format::Csv, Format::Json], folder.path());
    assert_eq!(rendered.written.iter().map(|written| written.format).collect::<Vec<_>>(), [Format::Json]);
    assert_eq!(rendered.failed.iter().map(|failed| failed.format).collect::<Vec<_>>(), [Format::Csv]);
    assert_eq!(names(folder.path()), ["findings.csv", "report.json"], "nothing half written stays behind");
}

#[test]
fn a_folder_without_a_whole_run_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let missing = open(&folder.path().join("nowhere")).unwrap_err();
    assert!(message(&missing).starts_with("there is no run folder"), "{missing}");
    let unfinished = open(folder.path()).unwrap_err();
    assert!(message(&unfinished).contains("`run.json` is missing"), "{unfinished}");

    let run = written(&report(2), &[]);
    let (manifest, findings) = (run.path().join("run.json"), run.path().join("findings.parquet"));
    let whole = fs::read(&findings).unwrap();
    for length in [0, 3, whole.len() / 2, whole.len() - 1] {
        fs::write(&findings, &whole[..length]).unwrap();
        let cut = message(&open(run.path()).unwrap_err());
        assert!(cut.contains("findings.parquet") && cut.contains("cut short"), "{length}: {cut}");
    }
    fs::remove_file(&findings).unwrap();
    assert!(message(&open(run.path()).unwrap_err()).contains("`findings.parquet` is missing"));

    let other = written(&report(1), &[]);
    fs::copy(other.path().join("findings.parquet"), &findings).unwrap();
    let mismatch = message(&open(run.path()).unwrap_err());
    assert!(mismatch.contains("has 1 findings, but `run.json` tells of 2"), "{mismatch}");

    fs::write(&manifest, r#"{"schema_version": 2, "tool_version": "9.9.9", "queries": "of another shape"}"#).unwrap();
    let newer = message(&open(run.path()).unwrap_err());
    assert!(newer.contains("schema version 2") && newer.contains("9.9.9"), "{newer}");
    fs::write(&manifest, "{\"schema_ver").unwrap();
    assert!(message(&open(run.path()).unwrap_err()).contains("is not the manifest of a run"));
}

#[test]
fn formats_are_read_by_name_with_a_guess_for_the_rest() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    assert_eq!("XLSX".parse(), Ok(Format::Xlsx));
    let guess = |given: &str| given.parse::<Format>().unwrap_err().suggestion;
    assert_eq!(guess("xslx"), Some(Format::Xlsx));
    assert_eq!(guess("excel"), Some(Format::Xlsx));
    assert_eq!(guess("parket"), Some(Format::Parquet));
    assert_eq!(guess("jsonl"), Some(Format::Ndjson));
    assert_eq!(guess("pdf"), None);
    let error = UnknownFormat { given: "xslx".to_owned(), suggestion: Some(Format::Xlsx) };
    assert_eq!(
        error.to_string(),
        "unknown format `xslx`; did you mean `xlsx`?; formats are html, xlsx, json, ndjson, csv, parquet, sarif"
    );
}

#[test]
fn one_report_can_go_to_a_stream() {
    let mut bytes = Vec::new();
    render_to(&report(2), Format::Ndjson, &mut bytes).unwrap();
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 2);
}

#[test]
fn run_id_depends_on_every_input_and_its_place() {
    // printf '\0\0\0\0\0\0\0\1a\0\0\0\0\0\0\0\2bc' | sha256sum
    assert_eq!(run_id(["a", "bc"]), "3fafa1cf2f19a7c1");
    assert_ne!(run_id(["a", "bc"]), run_id(["ab", "c"]));
    assert_ne!(run_id(["a", "bc"]), run_id(["bc", "a"]));
}

#[test]
fn stored_arguments_hold_no_secret() {
    let given = [
        "run",
        "--events",
        "s3://trail/AWSLogs/",
        "--trino-password",
        "hunter2",
        "--token=abc",
        "--session-token",
        "--quiet",
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "--endpoint=https://jane:pass@host:8443/path?a=1",
        "https://b.s3.amazonaws.com/k?X-Amz-Date=20261101&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F2026&X-Amz-Signature=0f1e&x=1",
        "--header",
        "Authorization: Bearer abc.def",
        "key AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOi.eyJzdWIi.sflKxw",
        "--config",
        "samples/palisade.yaml",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    ];
    assert_eq!(
        redact_arguments(given),
        [
            "run",
            "--events",
            "s3://trail/AWSLogs/",
            "--trino-password",
            "<redacted>",
            "--token=<redacted>",
            "--session-token",
            "--quiet",
            "AWS_SECRET_ACCESS_KEY=<redacted>",
            "<redacted>",
            "--endpoint=https://<redacted>@host:8443/path?a=1",
            "https://b.s3.amazonaws.com/k?X-Amz-Date=20261101&X-Amz-Credential=<redacted>&X-Amz-Signature=<redacted>&x=1",
            "--header",
            "Authorization: Bearer <redacted>",
            "key <redacted>",
            "<redacted>",
            "--config",
            "samples/palisade.yaml",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        ]
    );
}
