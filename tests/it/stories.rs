//! The sample organization: every planted story is found, with the planted number of calls, and nothing else is.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn report() -> Value {
    let output = tempfile::tempdir().unwrap();
    let folder = output.path().join("report");
    let status = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["run", "--quiet", "--format", "json", "--sample-records", "false", "--output"])
        .arg(&folder)
        .arg("--config")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/palisade.yaml"))
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap()
}

#[test]
fn every_story_is_found_with_its_calls_and_nothing_is_found_that_no_story_tells() {
    let report = report();
    let stories: Value =
        serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/stories.json"))).unwrap();
    let rows: Vec<(&str, &Value)> = report["queries"]
        .as_array()
        .unwrap()
        .iter()
        // What exists crosses nothing: lists of the inventory are no stories.
        .filter(|query| !query["name"].as_str().unwrap().starts_with("referential_"))
        .flat_map(|query| {
            let name = query["name"].as_str().unwrap();
            query["findings"].as_array().unwrap().iter().map(move |finding| (name, finding))
        })
        .collect();
    let mut told = BTreeSet::new();
    let mut problems = Vec::new();
    let mut expected = 0;
    for story in stories.as_array().unwrap() {
        for finding in story["findings"].as_array().unwrap() {
            expected += 1;
            let is_it = |(name, row): &(&str, &Value)| {
                *name == finding["query"]
                    && row["verdict"] == finding["verdict"]
                    && finding["match"].as_object().unwrap().iter().all(|(column, value)| row[column] == *value)
            };
            let matching: Vec<usize> = (0..rows.len()).filter(|row| is_it(&rows[*row])).collect();
            let calls: i64 = matching.iter().map(|row| rows[*row].1["event_count"].as_i64().unwrap_or(0)).sum();
            if calls != finding["calls"].as_i64().unwrap() {
                problems.push(format!("{}: {calls} calls found for {finding}", story["story"]));
            }
            // Nothing found is not the same as found without calls.
            if matching.is_empty() {
                problems.push(format!("{}: nothing found for {finding}", story["story"]));
            }
            for row in matching {
                if !told.insert(row) {
                    problems.push(format!("{}: told twice: {}", story["story"], rows[row].1));
                }
            }
        }
    }
    for (index, (name, row)) in rows.iter().enumerate() {
        if !told.contains(&index) {
            problems.push(format!("no story tells this finding of {name}: {row}"));
        }
    }
    assert!(expected > 100, "the stories tell {expected} findings");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
