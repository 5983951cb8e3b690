//! The language: versions, variables, spellings, incomplete ARNs.

use super::evaluate;
use palisade::policy::compiled::PolicyType;
use serde_json::{Value, json};

/// Is a call of `s3:GetObject` on `arn:aws:s3:::data/key` denied by the statement?
fn denies(version: &str, statement: Value, context: Value) -> bool {
    let mut statement = statement;
    for (name, value) in [("Effect", "Deny"), ("Action", "s3:*"), ("Resource", "*")] {
        if statement[name].is_null() && statement[format!("Not{name}")].is_null() {
            statement[name] = json!(value);
        }
    }
    let answer = evaluate(&json!({
        "action": "s3:GetObject",
        "resource": "arn:aws:s3:::data/key",
        "context": context,
        "policies": { "scp": ["FullAWSAccess", { "Version": version, "Statement": [statement] }] },
    }));
    answer["verdict"] == "denied"
}

#[test]
fn variables_are_literal_texts_under_version_2008() {
    let condition = json!({ "Condition": { "StringEquals": { "aws:username": "${aws:PrincipalTag/name}" } } });
    let tagged = json!({ "aws:username": "ana", "aws:PrincipalTag/name": "ana" });
    assert!(denies("2012-10-17", condition.clone(), tagged.clone()));
    assert!(!denies("2008-10-17", condition.clone(), tagged));
    assert!(denies("2008-10-17", condition, json!({ "aws:username": "${aws:PrincipalTag/name}" })));
}

#[test]
fn variables_have_defaults_and_escapes() {
    for (operator, written, value, expected) in [
        ("StringEquals", "x-${aws:PrincipalTag/team, 'none'}", "x-none", true),
        ("StringEquals", "x-${aws:PrincipalTag/team}", "x-", false),
        // A variable without a value matches nothing, and a negated operator is true of nothing.
        ("StringNotEquals", "x-${aws:PrincipalTag/team}", "x-", true),
        ("StringLike", "a${*}c", "a*c", true),
        ("StringLike", "a${*}c", "abc", false),
        ("StringLike", "a${?}*", "a?bc", true),
        ("StringEquals", "${$}{x}", "${x}", true),
        ("StringEquals", "a*", "abc", false),
        // Not a variable for numbers, dates and addresses.
        ("NumericEquals", "${aws:PrincipalTag/n, '1'}", "1", false),
    ] {
        let condition = json!({ "Condition": { operator: { "aws:username": written } } });
        assert_eq!(denies("2012-10-17", condition, json!({ "aws:username": value })), expected, "{operator} {written}");
    }
}

#[test]
fn names_of_keys_and_actions_have_no_case_and_numbers_need_no_quotes() {
    let spelled = json!({
        "NotAction": ["IAM:*", "sts:*"],
        "Condition": { "NumericLessThan": { "AWS:multifactorauthage": 300 }, "Bool": { "aws:securetransport": true } },
    });
    let context = json!({ "aws:MultiFactorAuthAge": 299.5, "aws:SecureTransport": "TRUE" });
    assert!(denies("2012-10-17", spelled.clone(), context));
    assert!(!denies("2012-10-17", spelled, json!({ "aws:MultiFactorAuthAge": "300", "aws:SecureTransport": true })));
    let tag = json!({ "Condition": { "StringEquals": { "aws:PrincipalTag/TEAM": "blue" } } });
    assert!(denies("2012-10-17", tag.clone(), json!({ "aws:principaltag/team": "blue" })));
    assert!(!denies("2012-10-17", tag, json!({ "aws:PrincipalTag/team": "Blue" })));
    assert!(!denies("2012-10-17", json!({ "Resource": "arn:aws:s3:::Data/*" }), json!({})));
}

#[test]
fn values_that_cannot_be_read_match_neither_way() {
    for (operator, written, value, expected) in [
        ("IpAddress", "203.0.113.0/24", "logs.amazonaws.com", false),
        ("NotIpAddress", "203.0.113.0/24", "logs.amazonaws.com", false),
        ("NotIpAddress", "203.0.113.0/24", "2001:db8::1", true),
        ("IpAddress", "2001:db8::/32", "2001:DB8:0::7", true),
        ("NumericNotEquals", "5", "five", false),
        ("DateLessThan", "2026-01-01T00:00:00Z", "1767225599", true),
        ("DateLessThan", "2026-01-01T00:00:00Z", "1767225600", false),
        ("ArnNotLike", "arn:aws:iam::*:role/x", "not an ARN", false),
        ("BinaryEquals", "QQ==", "QQ==", true),
    ] {
        let condition = json!({ "Condition": { operator: { "aws:UserAgent": written } } });
        assert_eq!(
            denies("2012-10-17", condition, json!({ "aws:UserAgent": value })),
            expected,
            "{operator} {written} {value}"
        );
    }
}

#[test]
fn an_incomplete_arn_is_completed_where_the_type_does() {
    use palisade::policy::compiled::complete_arn;
    let completed = |policy_type| complete_arn("arn:aws:sqs", policy_type);
    assert_eq!(completed(PolicyType::Identity).as_deref(), Some("arn:aws:sqs:*:*:*"));
    assert_eq!(completed(PolicyType::Boundary).as_deref(), Some("arn:aws:sqs:*:*:*"));
    assert_eq!(completed(PolicyType::Resource).as_deref(), Some("arn:aws:sqs"));
    assert_eq!(completed(PolicyType::Session), None);
    assert_eq!(completed(PolicyType::ServiceControl), None);
    assert_eq!(complete_arn("arn:aws:sqs:*", PolicyType::ServiceControl).as_deref(), Some("arn:aws:sqs:*"));
    assert_eq!(complete_arn("arn:aws:sqs:*", PolicyType::ResourceControl), None);
}

#[test]
fn a_wildcard_of_a_pattern_reaches_beyond_colons_also_over_what_is_known_of_a_partial_arn() {
    use palisade::policy::pattern::Glob;
    let function = Glob::new("arn:aws:lambda:eu-west-1:111111111111:function:*");
    assert!(Glob::new("arn:*:eu-west-1:111111111111:function:f").overlaps(&function));
    assert!(!Glob::new("arn:*:eu-west-1:222222222222:function:f").overlaps(&function));
    // An unknown name is not supposed to be a whole other ARN.
    assert!(!Glob::new("arn:aws:rds:*:222222222222:db:*").overlaps(&function));
}
