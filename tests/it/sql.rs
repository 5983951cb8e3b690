//! `palisade sql`: a statement of one's own over the logs.

use serde_json::json;

use crate::support::{Palisade, folder, lines, record};

fn logs() -> tempfile::TempDir {
    let records: Vec<_> = (0..50)
        .map(|n| {
            record(n, json!({"eventName": format!("Get\"{n}"), "errorCode": if n == 7 { "=1+1" } else { "AccessDenied" }}))
        })
        .collect();
    folder(&[("a.ndjson", lines(&records))])
}

#[test]
fn a_single_row_is_written_as_it_is() {
    let folder = logs();
    let statement = "SELECT min(event_name) AS first, sum(event_count) AS calls FROM events";
    let csv = Palisade::in_folder(&folder).run(&["sql", "--events", "a.ndjson", statement]).ends_with(0);
    assert_eq!(csv.out, "first,calls\n\"Get\"\"0\",50\n");
    let ndjson =
        Palisade::in_folder(&folder).run(&["sql", "--events", "a.ndjson", "--format", "ndjson", statement]).ends_with(0);
    assert_eq!(ndjson.out, "{\"first\":\"Get\\\"0\",\"calls\":50}\n");
}

#[test]
fn a_limit_is_no_reason_to_fail() {
    let folder = logs();
    let finished =
        Palisade::in_folder(&folder).run(&["sql", "--events", ".", "SELECT event_id FROM events LIMIT 2"]).ends_with(0);
    assert_eq!(finished.out.lines().count(), 3);
}

#[test]
fn an_answer_over_nothing_is_none_and_one_over_damaged_logs_is_partial() {
    let empty = folder(&[("a.json", "")]);
    let count = "SELECT sum(event_count) AS calls FROM events";
    Palisade::in_folder(&empty).run(&["sql", "--events", ".", count]).ends_with(5);
    let cut = lines(&[record(1, json!({})), record(2, json!({}))]);
    let damaged = folder(&[("a.ndjson", &cut[..cut.len() - 20])]);
    let finished = Palisade::in_folder(&damaged).run(&["sql", "--events", ".", count]).ends_with(4);
    assert_eq!(finished.out, "calls\n1\n");
    assert!(finished.err.contains("ends in the middle of a record"), "{}", finished.err);
}

#[test]
fn what_a_spreadsheet_would_compute_is_neutralized() {
    let statement = "SELECT error_code FROM events WHERE error_code LIKE '=%'";
    let folder = logs();
    let finished = Palisade::in_folder(&folder).run(&["sql", "--events", ".", statement]).ends_with(0);
    assert_eq!(finished.out, "error_code\n'=1+1\n");
}

#[test]
fn a_wrong_statement_is_a_mistake_of_the_user_and_names_what_is_wrong() {
    let folder = logs();
    let finished = Palisade::in_folder(&folder).run(&["sql", "--events", ".", "SELECT evnt_name FROM events"]).ends_with(2);
    assert_eq!(finished.out, "");
    assert!(finished.err.contains("evnt_name"), "{}", finished.err);
}
