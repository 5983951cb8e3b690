//! The replay, scenario by scenario: what becomes of every call, as `palisade policy explain` tells it. The corpus says why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Palisade, folder};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/scenarios")
}

/// The texts of a list, which may be left out.
fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_call_of_every_scenario_fares_as_it_was_worked_out() {
    let corpus = corpus();
    let mut scenarios: Vec<PathBuf> = std::fs::read_dir(&corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("calls.json").is_file())
        .collect();
    scenarios.sort();
    assert!(scenarios.len() >= 46, "{} scenarios", scenarios.len());
    let mut problems = Vec::new();
    let mut calls = 0;
    for path in &scenarios {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let scenario: Value = serde_json::from_str(&std::fs::read_to_string(path.join("calls.json")).unwrap()).unwrap();
        let expected = scenario["calls"].as_array().unwrap();
        let records: Vec<&Value> = expected.iter().map(|call| &call["record"]).collect();
        let folder = folder(&[("event.json", json!({ "Records": records }).to_string())]);
        let mut arguments: Vec<String> =
            ["policy", "explain", "--event", "event.json", "--format", "json"].map(str::to_owned).to_vec();
        arguments.extend(["--inventory".to_owned(), corpus.join("organization").display().to_string()]);
        if let Some(policy) = scenario["policy"].as_str() {
            arguments.extend(["--policy".to_owned(), path.join(policy).display().to_string()]);
        }
        for name in ["attach", "set", "detach"] {
            arguments.extend(texts(&scenario[name]).into_iter().flat_map(|value| [format!("--{name}"), value]));
        }
        let finished = Palisade::in_folder(&folder).run(&arguments);
        assert_eq!(finished.code, 0, "{name}: {}", finished.err);
        let explained: Vec<Value> = serde_json::from_str(&finished.out).unwrap();
        let found: BTreeMap<&str, &Value> =
            explained.iter().map(|found| (found["event_id"].as_str().unwrap(), found)).collect();
        assert_eq!(found.len(), expected.len(), "{name}");
        for call in expected {
            calls += 1;
            let found = found[call["record"]["eventID"].as_str().unwrap()];
            let reason = found["reason"].as_str().unwrap();
            let statement = match call["statement"].as_str() {
                Some("nothing allows it") => "no statement of",
                other => other.unwrap_or_default(),
            };
            let settled_by = call["settled_by"].as_str().unwrap_or_default();
            let is_right = found["outcome"] == call["outcome"]
                && reason.contains(statement)
                && found["settled_by"].as_str().unwrap_or_default().contains(settled_by)
                && found["session_chain"].as_str().unwrap_or_default().contains(call["session"].as_str().unwrap_or_default())
                && found["outcome"].as_str().unwrap().starts_with("may_be_") == found["settled_by"].is_string();
            if !is_right {
                problems.push(format!(
                    "{name}: {}: expected {} {statement} {settled_by}, found {}: {reason}; settled by {}",
                    call["why"], call["outcome"], found["outcome"], found["settled_by"]
                ));
            }
        }
    }
    assert!(calls >= 407, "{calls} calls");
    assert!(problems.is_empty(), "{} of {calls} wrong\n{}", problems.len(), problems.join("\n"));
}

/// Judged in numbers, from the log and from a store of activity, calls fare as they do one by one.
#[test]
fn session_policies_narrow_all_calls_of_a_log_and_of_a_store() {
    let corpus = corpus();
    let text = std::fs::read_to_string(corpus.join("session_policies/calls.json")).unwrap();
    let scenario: Value = serde_json::from_str(&text).unwrap();
    let expected = scenario["calls"].as_array().unwrap();
    let mut wanted: BTreeMap<&str, i64> = BTreeMap::new();
    for call in expected {
        *wanted.entry(call["outcome"].as_str().unwrap()).or_default() += 1;
    }
    let records: Vec<&Value> = expected.iter().map(|call| &call["record"]).collect();
    let folder = folder(&[("logs/event.json", json!({ "Records": records }).to_string())]);
    Palisade::in_folder(&folder).run(&["collect", "--events", "logs", "--output", "activity"]).ends_with(0);
    let inventory = corpus.join("organization").display().to_string();
    for events in ["logs", "activity"] {
        let policy = scenario["detach"][0].as_str().unwrap();
        let output = format!("out-{events}");
        let arguments =
            ["whatif", "--events", events, "--inventory", &inventory, "--detach", policy, "-o", &output, "--format", "json"];
        Palisade::in_folder(&folder).run(&arguments).ends_with(0);
        let report = std::fs::read(folder.path().join(&output).join("report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        let mut found: BTreeMap<&str, i64> = BTreeMap::new();
        for finding in report["queries"].as_array().unwrap().iter().flat_map(|query| query["findings"].as_array().unwrap()) {
            *found.entry(finding["outcome"].as_str().unwrap()).or_default() += finding["event_count"].as_i64().unwrap();
        }
        assert_eq!(found, wanted, "{events}");
    }
}

/// A session chain is shown, the first caller first.
#[test]
fn the_caller_behind_a_session_is_named() {
    let corpus = corpus();
    let scenario: Value =
        serde_json::from_str(&std::fs::read_to_string(corpus.join("session_tags/calls.json")).unwrap()).unwrap();
    let records: Vec<&Value> = scenario["calls"].as_array().unwrap().iter().map(|call| &call["record"]).collect();
    let folder = folder(&[("event.json", json!({ "Records": records }).to_string())]);
    let policy = corpus.join("session_tags/session_tags_scp.json").display().to_string();
    let inventory = corpus.join("organization").display().to_string();
    let id = records[1]["eventID"].as_str().unwrap();
    let finished = Palisade::in_folder(&folder).run(&[
        "policy",
        "explain",
        "--event",
        "event.json",
        "--event-id",
        id,
        "--policy",
        &policy,
        "--attach",
        "root",
        "--inventory",
        &inventory,
    ]);
    assert_eq!(finished.code, 0, "{}", finished.err);
    assert!(finished.out.contains("session chain: user/net of 222222222222 → role/app of 222222222222"), "{}", finished.out);
    // The tree has the statement, the condition, the value and where it came from.
    for part in [
        "NEWLY DENIED",
        "statement 1 EnforceNetworkPerimeter, line",
        "[yes] aws:PrincipalTag/dp:include:network StringEquals \"true\": it is \"true\" (",
        "[yes] aws:SourceIp NotIpAddressIfExists \"203.0.113.0/24\": it is \"198.51.100.7\" (",
    ] {
        assert!(finished.out.contains(part), "{part}\n{}", finished.out);
    }
}
