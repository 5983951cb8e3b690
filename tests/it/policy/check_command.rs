//! `palisade policy check` as it is called: exit codes, forms, placeholders.

use serde_json::Value;

use crate::support::{Palisade, folder};

const WARNED: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Sid": "Net", "Effect": "Deny", "Action": "s3:*", "Resource": "*",
   "Condition": {"StringEquals": {"aws:SourceIp": "203.0.113.7"}}}]}"#;

const NOTED: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Sid": "Net", "Effect": "Deny", "Action": "s3:*", "Resource": "*",
   "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-0123456789abcdef0"}}}]}"#;

const OPEN: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Sid": "Org", "Effect": "Deny", "Action": "s3:*", "Resource": "*",
   "Condition": {"StringEquals": {"aws:ResourceOrgID": "<my-org-id>"}}}]}"#;

#[test]
fn the_exit_code_tells_the_worst_finding() {
    let folder = folder(&[("warned.json", WARNED), ("noted.json", NOTED), ("open.json", OPEN)]);
    let check = |arguments: &[&str]| {
        let mut all = vec!["policy", "check", "--type", "scp"];
        all.extend(arguments);
        Palisade::in_folder(&folder).run(&all)
    };
    for (arguments, code) in [
        (&["noted.json"][..], 0),
        (&["warned.json", "noted.json"], 0),
        (&["--fail-on", "warning", "noted.json"], 0),
        (&["--fail-on", "warning", "warned.json"], 3),
        (&["--fail-on", "note", "noted.json"], 3),
        // What is not shown fails all the same.
        (&["--fail-on", "note", "--least", "error", "noted.json"], 3),
        (&["open.json"], 2),
        (&["--fail-on", "warning", "open.json", "warned.json"], 2),
        (&["--set", "my-org-id=o-a1b2c3d4e5", "open.json"], 0),
    ] {
        check(arguments).ends_with(code);
    }
    let counted = check(&["warned.json", "noted.json"]);
    assert!(counted.err.contains("2 files: 0 errors, 1 warning, 1 note"), "{}", counted.err);
    let least = check(&["--least", "warning", "warned.json", "noted.json"]);
    assert!(least.out.contains("type-mismatch") && !least.out.contains("denies-when-absent"), "{}", least.out);
}

#[test]
fn values_of_placeholders_are_checked_where_they_go() {
    let folder = folder(&[("open.json", OPEN)]);
    let check = |set: &str| Palisade::in_folder(&folder).run(&["policy", "check", "--type", "scp", "--set", set, "open.json"]);
    let wrong = check("my-org-id=foo").ends_with(0);
    assert!(wrong.out.contains("open.json:3:56: warning[value-form]: statement 1 (Sid \"Org\"): \"foo\""), "{}", wrong.out);
    let unused = check("my-org-ids=o-a1b2c3d4e5").ends_with(2);
    assert!(unused.err.contains("warning: --set my-org-ids: no policy has a placeholder"), "{}", unused.err);
    assert!(unused.err.contains("did you mean `my-org-id`?"), "{}", unused.err);
    check("my-org-id").ends_with(2);
}

#[test]
fn programs_get_codes_places_and_pages() {
    let folder = folder(&[("warned.json", WARNED), ("noted.json", NOTED)]);
    let check = |format: &str| -> Value {
        let arguments = ["policy", "check", "--type", "scp", "--format", format, "warned.json", "noted.json"];
        serde_json::from_str(&Palisade::in_folder(&folder).run(&arguments).ends_with(0).out).unwrap()
    };
    let json = check("json");
    assert_eq!(json[0]["type"], "scp");
    let found = &json[0]["findings"][0];
    assert_eq!((&found["code"], &found["severity"]), (&"type-mismatch".into(), &"warning".into()));
    assert_eq!((&found["line"], &found["column"], &found["end_column"]), (&3.into(), &18.into(), &32.into()));
    assert_eq!(found["sid"], "Net");
    assert!(found["page"].as_str().unwrap().starts_with("https://docs.aws.amazon.com/"));
    let sarif = check("sarif");
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().unwrap();
    let told: Vec<(&str, &str)> =
        results.iter().map(|result| (result["ruleId"].as_str().unwrap(), result["level"].as_str().unwrap())).collect();
    assert_eq!(told, [("type-mismatch", "warning"), ("denies-when-absent", "note")]);
    for result in results {
        let rule = &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
    }
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "warned.json");
    assert_eq!(place["region"]["startLine"], 3);
}

#[test]
fn colours_are_for_terminals() {
    let folder = folder(&[("warned.json", WARNED)]);
    let check =
        |color: &str| Palisade::in_folder(&folder).run(&["--color", color, "policy", "check", "--type", "scp", "warned.json"]);
    assert!(!check("never").out.contains('\u{1b}'));
    let colored = check("always").out;
    assert!(colored.contains("\u{1b}[1m\u{1b}[33mwarning[type-mismatch]\u{1b}[0m"), "{colored:?}");
}

#[test]
fn cases_tell_no_notes() {
    let case =
        format!(r#"{{"action": "s3:GetObject", "resource": "arn:aws:s3:::data/key", "policies": {{"scp": [{NOTED}]}}}}"#);
    let folder = folder(&[("case.json", case)]);
    let answer = Palisade::in_folder(&folder).run(&["policy", "evaluate", "--case", "case.json"]).ends_with(0).out;
    assert!(!answer.contains("denies-when-absent"), "{answer}");
}
