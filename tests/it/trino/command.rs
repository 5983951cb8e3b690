//! The whole program with the engine `trino`, against the same run over files.

use std::path::Path;

use serde_json::Value;

use super::tables::{NESTED, Place, sample};
use super::{FROM, TO, run, sample_trail};
use crate::support::Palisade;

/// Query, account, and the finding's columns, sorted.
fn findings(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let mut lines: Vec<String> = report["queries"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|query| {
            let name = query["name"].as_str().unwrap().to_owned();
            query["findings"].as_array().unwrap().iter().map(move |finding| format!("{name} {finding}")).collect::<Vec<_>>()
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn a_run_on_trino_finds_what_a_run_over_files_finds() {
    let Some(place) = run(Place::new("command")) else { return };
    let sample = sample(&place);
    run(async {
        place.account_region_date("trail", NESTED, "trail", "CloudTrail", &sample.regions).await;
        place.account_region_date("network", NESTED, "trail", "CloudTrail-NetworkActivity", &sample.regions).await;
    });
    let folder = tempfile::tempdir().unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let settings = format!(
        "engine: trino\ntrino:\n  url: {}\n  user: test\n  schema: {}\n  tables: [trail, network]\n\
         inventory: {}\nperimeter: {}\ntoday: 2026-11-02\nfrom: {FROM}\nto: {TO}\nformats: [json]\nsample_records: false\n",
        place.url,
        place.schema,
        samples.join("inventory").display(),
        samples.join("perimeter.yaml").display()
    );
    std::fs::write(folder.path().join("palisade.yaml"), settings).unwrap();
    Palisade::in_folder(folder.path()).run(&["run", "--quiet", "--output", "remote"]).ends_with(0);
    let trail = sample_trail().display().to_string();
    Palisade::in_folder(folder.path())
        .run(&["run", "--quiet", "--engine", "local", "--events", &trail, "--output", "here"])
        .ends_with(0);
    let (remote, here) = (findings(&folder.path().join("remote")), findings(&folder.path().join("here")));
    assert!(here.len() > 100, "{}", here.len());
    let only = |a: &[String], b: &[String]| a.iter().filter(|line| !b.contains(line)).take(5).cloned().collect::<Vec<_>>();
    assert_eq!(only(&remote, &here), only(&here, &remote));
    assert_eq!(remote.len(), here.len());
    run(place.drop());
}
