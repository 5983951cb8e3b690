//! Files of cases: what is wrong is said with its place, and does not keep other cases from being judged.

use palisade::policy::case::evaluate;
use palisade::policy::diagnostic::Source;
use serde_json::{Value, json};

fn answers(text: &str) -> (Value, usize) {
    let evaluated = evaluate(&Source::new("cases.json", text)).unwrap();
    (evaluated.answers, evaluated.failed)
}

#[test]
fn a_case_that_cannot_be_read_is_an_answer_with_an_error() {
    let (answers, failed) = answers(
        r#"[
  {"id": "good", "action": "s3:GetObject", "resource": "*", "policies": {"scp": "FullAWSAccess"}},
  {"id": "name", "action": "GetObject"},
  {"id": "layer", "action": "s3:GetObject", "policies": {"spc": []}},
  {"id": "policy", "action": "s3:GetObject", "policies": {"identity": {"Statement": {"Effect": "deny", "Action": "*"}}}},
  {"id": "text", "action": "s3:GetObject", "policies": {"session": "{\"Statement\": 3}"}},
  {"id": "managed", "action": "s3:GetObject", "policies": {"identity": "AdministratorAccess"}},
  {"id": "who", "principal": {"arn": "arn:aws:iam::111122223333:group/g"}, "action": "s3:GetObject"},
  {"id": "key", "action": "s3:GetObject", "context": {"aws:SourceIp": {"value": "1.2.3.4"}}}
]"#,
    );
    let shown: Vec<String> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| match answer["error"].as_str() {
            Some(error) => {
                error.split(": ").take(2).collect::<Vec<_>>().join(": ").replace("cases.json", answer["id"].as_str().unwrap())
            }
            None => format!("{} {}", answer["id"].as_str().unwrap(), answer["verdict"].as_str().unwrap()),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "good not_denied",
            "name:3:28: error[invalid-case]",
            "layer:4:58: error[invalid-case]",
            "policy:5:96: error[invalid-effect]",
            "text:6:68: error[invalid-case]",
            "managed:7:72: error[invalid-case]",
            "who:8:30: error[invalid-case]",
            "key:9:72: error[invalid-case]",
        ]
    );
    assert_eq!(failed, 7);
}

#[test]
fn one_case_has_one_answer_and_a_file_that_is_no_json_has_none() {
    let (answer, failed) = answers(r#"{"action": "s3:GetObject", "policies": {"scp": [[]]}}"#);
    assert_eq!((answer["verdict"].clone(), failed), (json!("denied"), 0));
    let error = evaluate(&Source::new("cases.json", "{")).unwrap_err().to_string();
    assert!(error.starts_with("cases.json:1:2: error[invalid-json]: "), "{error}");
}

#[test]
fn null_says_the_same_as_leaving_out_and_an_id_is_repeated_as_it_is_written() {
    let (answers, failed) = answers(
        r#"[
  {"id": 7, "principal": null, "action": "s3:GetObject", "resource": null, "context": null, "other_keys": null, "flags": null, "policies": null},
  {"id": "7", "action": "s3:GetObject"},
  {"action": "s3:GetObject", "policies": {"scp": null, "rcp": null, "endpoint": null, "boundary": null, "session": null}}
]"#,
    );
    assert_eq!(failed, 0, "{answers}");
    assert!(answers.as_array().unwrap().iter().all(|answer| answer["verdict"] == "not_denied"), "{answers}");
    assert_eq!((&answers[0]["id"], &answers[1]["id"], &answers[2]["id"]), (&json!(7), &json!("7"), &Value::Null));
}

#[test]
fn what_could_mean_two_things_is_refused_where_it_stands() {
    for (case, at) in [
        (r#"{"action": "s3:*"}"#, "1:12"),
        (r#"{"action": "s3:GetObject", "action": "s3:PutObject"}"#, "1:28"),
        (r#"{"action": "s3:GetObject", "flags": ["service_linked_role"]}"#, "1:37"),
        (r#"{"action": "s3:GetObject", "flags": {"service_linked_role": "no"}}"#, "1:61"),
        (r#"{"action": "s3:GetObject", "context": {"aws:SourceIp": "203.0.113.1", "AWS:sourceip": "203.0.113.2"}}"#, "1:71"),
        (r#"{"action": "s3:GetObject", "context": {"aws:SourceIp": {"absent": false}}}"#, "1:67"),
        (r#"{"action": "s3:GetObject", "context": {"aws:SourceIp": {"absent": true, "unknown": "x"}}}"#, "1:67"),
        (r#"{"action": "s3:GetObject", "context": {"aws:SourceIp": {"present": [], "unknown": "x"}}}"#, "1:56"),
        (r#"{"action": "s3:GetObject", "context": {"aws:SourceIp": {"unknown": "x", "may_be_absent": "no"}}}"#, "1:90"),
        (r#"{"action": "s3:GetObject", "context": {"aws:SourceIp": ["203.0.113.1", null]}}"#, "1:72"),
        (r#"{"action": "s3:GetObject", "resource": {"arn": "*", "tags": {"team": ["a"]}}}"#, "1:70"),
        (r#"{"action": "s3:GetObject", "policies": {"scp": "FullAWSAccess", "scp": null}}"#, "1:65"),
    ] {
        let (answer, failed) = answers(case);
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.starts_with(&format!("cases.json:{at}: error[invalid-case]: ")), "{case}: {answer}");
        assert_eq!(failed, 1);
    }
}

#[test]
fn hostile_files_are_refused_or_judged_and_never_break_anything() {
    let deep = format!("{{\"action\": {}", "[".repeat(100_000));
    assert!(evaluate(&Source::new("cases.json", deep)).unwrap_err().to_string().contains("nested deeper"));
    let commented = "{\n  // who\n  \"action\": \"s3:GetObject\"\n}";
    let error = evaluate(&Source::new("cases.json", commented)).unwrap_err().to_string();
    assert!(error.starts_with("cases.json:2:3: error[invalid-json]: JSON has no comments"), "{error}");
    let marked = "\u{feff}{\"action\": \"s3:GetObject\"}";
    assert_eq!(answers(marked).0["verdict"], "not_denied");
    let values: Vec<String> = (0..20_000).map(|number| format!("vpc-{number}")).collect();
    let condition = |operator: &str| json!({ "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": { operator: { "aws:SourceVpc": values } } });
    let large = json!({
        "action": "s3:GetObject",
        "context": { "aws:SourceVpc": "unknown" },
        "policies": { "scp": ["FullAWSAccess", { "Version": "2012-10-17", "Statement":
            [condition("StringEquals"), condition("StringNotEquals")] }] },
    });
    assert_eq!(answers(&large.to_string()).0["verdict"], "denied");
}
