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
