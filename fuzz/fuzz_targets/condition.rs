//! A condition of one operator with any values, against any value of the key: an answer that is certain while the value is not
//! known must stay when it becomes known.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_fuzz::policy::compiled::{Policy, PolicyType};
use palisade_fuzz::policy::context::{Context, ContextValue, Unknown, View};
use palisade_fuzz::policy::document::Document;
use palisade_fuzz::policy::request::{Principal, Request, Resource};
use palisade_fuzz::policy::truth::Truth;
use serde_json::json;

const OPERATORS: [&str; 28] = [
    "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
    "NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan",
    "NumericGreaterThanEquals", "DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan",
    "DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals", "ArnNotEquals", "ArnLike",
    "ArnNotLike", "Null", "StringEquals",
];
const PREFIXES: [&str; 3] = ["", "ForAllValues:", "ForAnyValue:"];

/// A text of the kind that the operator reads: an unknown value is supposed to be one.
fn typed(operator: &str, text: &str) -> String {
    let number = text.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    match operator {
        _ if operator.starts_with("Numeric") => format!("{}.{}", number % 50, number % 7),
        _ if operator.starts_with("Date") => (1_700_000_000 + number % 100).to_string(),
        _ if operator.ends_with("IpAddress") => format!("10.0.{}.{}", number % 3, number % 5),
        _ if operator.starts_with("Arn") => format!("arn:aws:s3:::{text}"),
        "BinaryEquals" => format!("{:0>4}", number % 10_000),
        _ => text.to_owned(),
    }
}

fuzz_target!(|input: (u8, u8, bool, Vec<String>, Vec<String>, bool)| {
    let (operator, prefix, if_exists, written, values, known_values) = input;
    if written.len() > 6 || values.len() > 6 {
        return;
    }
    let operator = OPERATORS[usize::from(operator) % OPERATORS.len()];
    let prefix = PREFIXES[usize::from(prefix) % PREFIXES.len()];
    let values: Vec<String> = values.iter().map(|value| typed(operator, value)).collect();
    let written = if known_values { written } else { written.iter().map(|value| typed(operator, value)).collect() };
    let suffix = if if_exists && operator != "Null" { "IfExists" } else { "" };
    let text = json!({
        "Version": "2012-10-17",
        "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {format!("{prefix}{operator}{suffix}"): {"aws:Fuzzed": written}}}
    })
    .to_string();
    let Ok(document) = Document::parse("fuzzed.json", &text) else { return };
    let policy = Policy::compile("fuzzed", &document, PolicyType::Identity);
    let answer = |value: ContextValue| -> Option<Truth> {
        let principal = Principal::from_name("arn:aws:iam::111111111111:user/jane")?;
        let mut request = Request::new(principal, "s3:GetObject", Resource::Known("arn:aws:s3:::bucket/key".to_owned()))?;
        request.context = Context::new();
        request.context.set("aws:Fuzzed", value);
        let statement = policy.statements_for("s3").next()?;
        Some(statement.matches(&request, &View::of(&request.context), false).at_all())
    };
    let known = answer(ContextValue::Present(values.clone()));
    let unknown = answer(ContextValue::Unknown(Unknown {
        why: "fuzzed".to_owned(),
        may_be_absent: true,
        candidates: known_values.then(|| vec![values.clone(), vec!["another".to_owned()]]),
        ..Unknown::default()
    }));
    match (unknown, known) {
        (Some(Truth::Unknown), _) | (_, Some(Truth::Unknown)) | (None, None) => {}
        (unknown, known) => assert_eq!(unknown, known, "{text} {values:?}"),
    }
    let absent = answer(ContextValue::Absent);
    if let (Some(certain @ (Truth::True | Truth::False)), Some(absent)) = (unknown, absent)
        && absent != Truth::Unknown
    {
        assert_eq!(certain, absent, "{text} absent");
    }
});
