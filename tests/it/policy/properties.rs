//! What must hold of every policy and every request.

use std::sync::Arc;

use palisade::policy::compiled::{Policy, PolicyType};
use palisade::policy::context::{Context, ContextValue, Unknown};
use palisade::policy::document::{Document, Effect};
use palisade::policy::layers::{Level, Policies};
use palisade::policy::pattern::Glob;
use palisade::policy::request::{Principal, PrincipalType, Request, Resource};
use palisade::policy::verdict::{Verdict, judge};
use proptest::prelude::*;
use serde_json::{Value, json};

const KEYS: [&str; 3] = ["aws:SourceVpc", "aws:PrincipalTag/team", "aws:RequestedRegion"];
const VALUES: [&str; 4] = ["a", "b", "ab", "A"];
/// Absent, and a value of every kind that the policies of these tests can tell apart.
const POSSIBLE: [Option<&str>; 18] = [
    None,
    Some("ax"),
    Some("a*"),
    Some("A*"),
    Some("*b"),
    Some("*B"),
    Some("axb"),
    Some("*"),
    Some("a"),
    Some("b"),
    Some("ab"),
    Some("A"),
    Some("B"),
    Some("AB"),
    Some("aB"),
    Some("Ab"),
    Some("xb"),
    Some("other"),
];
const OPERATORS: [&str; 10] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "StringEqualsIfExists",
    "StringNotEqualsIfExists",
    "StringLikeIfExists",
    "Null",
];

fn condition() -> impl Strategy<Value = Value> {
    let values = prop::collection::vec(
        prop::sample::select(vec![
            "a",
            "b",
            "ab",
            "a*",
            "?b",
            "*",
            "A",
            "${aws:SourceVpc}",
            "${aws:PrincipalTag/team}",
            "a${aws:SourceVpc}",
        ]),
        1..3,
    );
    (prop::sample::select(OPERATORS.to_vec()), prop::sample::select(KEYS.to_vec()), values, any::<bool>()).prop_map(
        |(operator, key, values, absent)| {
            let values = if operator == "Null" { json!(absent) } else { json!(values) };
            json!({ operator: { key: values } })
        },
    )
}

fn statement() -> impl Strategy<Value = Value> {
    let actions = prop::sample::select(vec!["*", "s3:*", "s3:Get*", "S3:getobject", "ec2:*", "s3:?etObject"]);
    let resources =
        prop::sample::select(vec!["*", "arn:aws:s3:::data/*", "arn:aws:s3:::logs/*", "arn:aws:s3:::${aws:SourceVpc}/*"]);
    (any::<bool>(), any::<bool>(), actions, any::<bool>(), resources, prop::collection::vec(condition(), 0..3)).prop_map(
        |(deny, not_action, action, not_resource, resource, conditions)| {
            let mut condition = json!({});
            for own in conditions {
                let (operator, keys) = own.as_object().unwrap().iter().next().unwrap();
                let (key, values) = keys.as_object().unwrap().iter().next().unwrap();
                condition[operator][key] = values.clone();
            }
            let mut statement = json!({ "Effect": if deny { "Deny" } else { "Allow" }, "Condition": condition });
            statement[if not_action { "NotAction" } else { "Action" }] = json!(action);
            statement[if not_resource { "NotResource" } else { "Resource" }] = json!(resource);
            statement
        },
    )
}

const TYPED_KEYS: [&str; 3] = ["aws:MultiFactorAuthAge", "aws:SourceIp", "aws:SecureTransport"];

/// A condition on a number, an address or a boolean.
fn typed_condition() -> impl Strategy<Value = Value> {
    let number = (
        prop::sample::select(vec![
            "NumericLessThan",
            "NumericGreaterThanEquals",
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThanEqualsIfExists",
        ]),
        prop::sample::select(vec!["1", "2", "2.5", "4"]),
    )
        .prop_map(|(operator, value)| json!({ operator: { "aws:MultiFactorAuthAge": value } }));
    let address = (
        prop::sample::select(vec!["IpAddress", "NotIpAddress", "NotIpAddressIfExists"]),
        prop::collection::vec(
            prop::sample::select(vec!["10.0.0.0/8", "10.128.0.0/9", "0.0.0.0/0", "2001:db8::/32", "::/0"]),
            1..3,
        ),
    )
        .prop_map(|(operator, values)| json!({ operator: { "aws:SourceIp": values } }));
    let secure = (prop::sample::select(vec!["Bool", "BoolIfExists"]), any::<bool>())
        .prop_map(|(operator, value)| json!({ operator: { "aws:SecureTransport": value } }));
    prop_oneof![number, address, secure]
}

/// A condition on a multivalued key.
fn set_condition() -> impl Strategy<Value = Value> {
    let operators = prop::sample::select(vec![
        "ForAllValues:StringEquals",
        "ForAllValues:StringNotEquals",
        "ForAllValues:StringLike",
        "ForAnyValue:StringLike",
        "ForAnyValue:StringEquals",
        "ForAnyValue:StringNotLike",
        "ForAnyValue:StringEqualsIgnoreCase",
        "Null",
    ]);
    let values = prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "a*", "?b", "*", "A"]), 1..3);
    (operators, values, any::<bool>()).prop_map(|(operator, values, absent)| {
        let values = if operator == "Null" { json!(absent) } else { json!(values) };
        json!({ operator: { "aws:TagKeys": values } })
    })
}

fn statements() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(statement(), 1..4)
}

/// `None`: absent.
fn settled() -> impl Strategy<Value = Vec<Option<String>>> {
    prop::collection::vec(prop::option::of(prop::sample::select(VALUES.to_vec()).prop_map(str::to_owned)), KEYS.len())
}

fn document(statements: &[Value]) -> Document {
    let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    Document::parse("policy.json", &text).unwrap()
}

fn policies(statements: &[Value]) -> Policies {
    let policy = Arc::new(Policy::compile("policy", &document(statements), PolicyType::ServiceControl));
    Policies { service_control: Some(vec![Level { name: None, policies: vec![policy] }]), ..Policies::default() }
}

fn request(values: &[Option<String>], unknown: &[bool]) -> Request {
    let resource = Resource::Known("arn:aws:s3:::data/key".to_owned());
    let mut request = Request::new(Principal::of_type(PrincipalType::User), "s3:GetObject", resource).unwrap();
    let mut context = Context::new();
    for ((key, value), unknown) in KEYS.iter().zip(values).zip(unknown) {
        let value = match value {
            _ if *unknown => ContextValue::Unknown(Unknown::new("test")),
            Some(value) => ContextValue::Present(vec![value.clone()]),
            None => ContextValue::Absent,
        };
        context.set(key, value);
    }
    request.context = context;
    request
}

fn verdict(statements: &[Value], values: &[Option<String>], unknown: &[bool]) -> Verdict {
    judge(&policies(statements), &request(values, unknown)).verdict
}

/// A plain matcher: tries every way.
fn naive(pattern: &[char], value: &[char]) -> bool {
    match (pattern.first(), value.first()) {
        (None, None) => true,
        (Some('*'), _) => naive(&pattern[1..], value) || (!value.is_empty() && naive(pattern, &value[1..])),
        (Some('?'), Some(_)) => naive(&pattern[1..], &value[1..]),
        (Some(own), Some(other)) if own == other => naive(&pattern[1..], &value[1..]),
        _ => false,
    }
}

fn naive_text(pattern: &str, value: &str) -> bool {
    naive(&pattern.chars().collect::<Vec<_>>(), &value.chars().collect::<Vec<_>>())
}

/// A plain evaluator over the document, for requests of which everything is known.
mod plain {
    use super::*;

    fn value(key: &str, values: &[Option<String>]) -> Option<String> {
        let at = KEYS.iter().position(|own| *own == key).unwrap();
        values[at].clone()
    }

    /// The text with the variable put in, where each wildcard of the value is written as an escape that nothing else holds.
    fn substituted(text: &str, values: &[Option<String>]) -> Option<String> {
        let mut text = text.to_owned();
        for key in KEYS {
            let variable = format!("${{{key}}}");
            if text.contains(&variable) {
                text = text.replace(&variable, &value(key, values)?);
            }
        }
        Some(text)
    }

    fn condition(operator: &str, key: &str, listed: &Value, values: &[Option<String>]) -> bool {
        let seen = value(key, values);
        if operator == "Null" {
            return listed.as_bool().unwrap() == seen.is_none();
        }
        let negated = operator.contains("Not");
        let Some(seen) = seen else { return negated || operator.ends_with("IfExists") };
        let base = operator.replace("Not", "").replace("IfExists", "");
        let matched = listed.as_array().unwrap().iter().any(|written| {
            let Some(text) = substituted(written.as_str().unwrap(), values) else { return false };
            match base.as_str() {
                "StringEquals" => text == seen,
                "StringEqualsIgnoreCase" => text.eq_ignore_ascii_case(&seen),
                _ => naive_text(&text, &seen),
            }
        });
        matched != negated
    }

    fn matches(statement: &Value, values: &[Option<String>]) -> bool {
        let action = |text: &str| naive_text(&text.to_lowercase(), "s3:getobject");
        let resource = |text: &str| substituted(text, values).is_some_and(|text| naive_text(&text, "arn:aws:s3:::data/key"));
        let element = |name: &str, test: &dyn Fn(&str) -> bool| match &statement[name] {
            Value::Null => !test(statement[format!("Not{name}")].as_str().unwrap()),
            text => test(text.as_str().unwrap()),
        };
        let all_conditions = statement["Condition"].as_object().unwrap().iter().all(|(operator, keys)| {
            keys.as_object().unwrap().iter().all(|(key, listed)| condition(operator, key, listed, values))
        });
        element("Action", &action) && element("Resource", &resource) && all_conditions
    }

    /// Is the request denied?
    pub(super) fn denied(statements: &[Value], values: &[Option<String>]) -> bool {
        let any = |effect: &str| statements.iter().any(|statement| statement["Effect"] == effect && matches(statement, values));
        any("Deny") || !any("Allow")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pattern_matching_equals_a_naive_matcher(pattern in "[ab:*?]{0,8}", value in "[ab:]{0,8}") {
        prop_assert_eq!(Glob::new(&pattern).matches(&value), naive_text(&pattern, &value));
    }

    #[test]
    fn the_compiled_evaluator_equals_a_plain_one(statements in statements(), values in settled()) {
        let expected = if plain::denied(&statements, &values) { Verdict::Denied } else { Verdict::NotDenied };
        prop_assert_eq!(verdict(&statements, &values, &[false; 3]), expected);
    }

    #[test]
    fn another_allow_never_denies(statements in statements(), allow in statement(), values in settled(), unknown in any::<[bool; 3]>()) {
        let mut allow = allow;
        allow["Effect"] = json!("Allow");
        let before = verdict(&statements, &values, &unknown);
        let mut more = statements.clone();
        more.push(allow);
        let after = verdict(&more, &values, &unknown);
        prop_assert!(before != Verdict::NotDenied || after == Verdict::NotDenied, "{before:?} became {after:?}");
        prop_assert!(before != Verdict::Undetermined || after != Verdict::Denied, "{before:?} became {after:?}");
    }

    #[test]
    fn settling_a_key_never_contradicts_a_settled_verdict(
        statements in statements(), values in settled(), unknown in any::<[bool; 3]>(), settle in 0..3_usize,
    ) {
        let before = verdict(&statements, &values, &unknown);
        let mut known = unknown;
        known[settle] = false;
        let after = verdict(&statements, &values, &known);
        prop_assert!(before == Verdict::Undetermined || before == after, "{before:?} became {after:?}");
    }

    #[test]
    fn learning_the_resource_never_contradicts_a_settled_verdict(
        statements in statements(), values in settled(), unknown in any::<[bool; 3]>(), partly in any::<bool>(),
        name in prop::sample::select(vec!["data/key", "data/a", "logs/key", "a/key", "b/key", "other/key"]),
    ) {
        let verdict = |resource: Resource, unknown: &[bool]| {
            judge(&policies(&statements), &Request { resource, ..request(&values, unknown) }).verdict
        };
        let partial = if partly && name.starts_with("data/") { "arn:aws:s3:::data/*" } else { "arn:aws:s3:::*" };
        let open = if partly { Resource::Partial(Glob::new(partial)) } else { Resource::Unknown };
        let before = verdict(open, &unknown);
        let after = verdict(Resource::Known(format!("arn:aws:s3:::{name}")), &[false; 3]);
        prop_assert!(before == Verdict::Undetermined || before == after, "{before:?} became {after:?}");
    }

    #[test]
    fn numbers_addresses_and_booleans_are_settled_without_contradiction(
        first in typed_condition(), second in typed_condition(), third in typed_condition(),
        number in prop::option::of(0..12_u8), address in 0..5_usize, secure in any::<bool>(), unknown in any::<[bool; 3]>(),
    ) {
        let statements: Vec<Value> = [(first, "Deny"), (second, "Deny"), (third, "Allow")]
            .map(|(condition, effect)| json!({ "Effect": effect, "Action": "*", "Resource": "*", "Condition": condition }))
            .to_vec();
        let verdict = |unknown: [bool; 3]| {
            let mut request = request(&[None, None, None], &[false; 3]);
            let addresses = ["10.0.0.1", "10.200.0.1", "11.0.0.1", "2001:db8::1", "9.255.255.255"];
            let values = [
                number.map(|number| format!("{}", f64::from(number) / 2.0)),
                addresses.get(address).map(|text| (*text).to_owned()),
                Some(secure.to_string()),
            ];
            for ((key, value), unknown) in TYPED_KEYS.iter().zip(values).zip(unknown) {
                request.context.set(key, match value {
                    _ if unknown => ContextValue::Unknown(Unknown::new("test")),
                    Some(value) => ContextValue::Present(vec![value]),
                    None => ContextValue::Absent,
                });
            }
            judge(&policies(&statements), &request).verdict
        };
        let (before, after) = (verdict(unknown), verdict([false; 3]));
        prop_assert!(before == Verdict::Undetermined || before == after, "{before:?} became {after:?}");
    }

    #[test]
    fn an_undetermined_answer_names_keys_that_make_a_difference(
        statements in statements(), values in settled(), unknown in any::<[bool; 3]>(),
    ) {
        let judgement = judge(&policies(&statements), &request(&values, &unknown));
        prop_assert_eq!(judgement.verdict == Verdict::Undetermined, !judgement.settling.is_empty());
        for settling in &judgement.settling {
            prop_assert!(KEYS.iter().zip(unknown).any(|(key, unknown)| unknown && key.eq_ignore_ascii_case(&settling.key)));
        }
    }

    #[test]
    fn the_reasons_of_a_known_request_are_exactly_the_statements_that_match(statements in statements(), values in settled()) {
        let judgement = judge(&policies(&statements), &request(&values, &[false; 3]));
        let denies = judgement.statements.iter().filter(|found| found.effect == Effect::Deny).count();
        let allows = judgement.statements.iter().filter(|found| found.effect == Effect::Allow).count();
        prop_assert!(judgement.statements.iter().all(|found| found.certain));
        prop_assert_eq!(judgement.verdict == Verdict::Denied, denies > 0 || allows == 0);
    }

    #[test]
    fn sets_are_settled_without_contradiction(
        first in set_condition(), second in set_condition(), third in set_condition(), allow in set_condition(),
        members in prop::sample::subsequence(VALUES.to_vec(), 0..=4), known in 0..=4_usize,
    ) {
        let statements: Vec<Value> = [(first, "Deny"), (second, "Deny"), (third, "Deny"), (allow, "Allow")]
            .map(|(condition, effect)| json!({ "Effect": effect, "Action": "*", "Resource": "*", "Condition": condition }))
            .to_vec();
        let verdict = |value: ContextValue| {
            let mut request = request(&[None, None, None], &[false; 3]);
            request.context.set("aws:TagKeys", value);
            judge(&policies(&statements), &request).verdict
        };
        let members: Vec<String> = members.into_iter().map(str::to_owned).collect();
        let known_members: Vec<String> = members.iter().take(known).cloned().collect();
        let after = verdict(ContextValue::Present(members));
        let before = verdict(ContextValue::Unknown(Unknown { known_members, ..Unknown::new("test") }));
        prop_assert!(before == Verdict::Undetermined || before == after, "{before:?} became {after:?}");
    }

    #[test]
    fn many_unknown_keys_are_judged_like_few(
        first in statement(), second in statement(), keys in 13..18_usize, values in settled(), unknown in any::<[bool; 3]>(),
    ) {
        // Statements on other keys that never apply change nothing, however many they are.
        let mut statements = vec![first, second];
        let few = judge(&policies(&statements), &request(&values, &unknown));
        let never = |number: usize| {
            let key = format!("example:Key{number}");
            json!({ "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {
                "StringEquals": { key.as_str(): "a" }, "StringNotEquals": { key.as_str(): "a" } } })
        };
        statements.extend((0..keys).map(never));
        let mut request = request(&values, &unknown);
        for number in 0..keys {
            request.context.set(&format!("example:Key{number}"), ContextValue::Unknown(Unknown::new("test")));
        }
        let many = judge(&policies(&statements), &request);
        prop_assert_eq!(few.verdict, many.verdict);
        prop_assert_eq!(few.settling, many.settling);
    }

    #[test]
    fn no_text_makes_the_reader_fall(text in "[\\[\\]{}\":,a-zA-Z*$\\\\ ]{0,60}") {
        let _ = Document::parse("policy.json", &text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// "Undetermined" is no way out: some values deny, and some do not.
    #[test]
    fn an_undetermined_answer_can_go_both_ways(statements in statements(), values in settled(), unknown in any::<[bool; 3]>()) {
        // What a variable stands for is not followed through every value, and that "a*" and "?b" have but one text in common is not
        // seen.
        let written = json!(statements).to_string().replace("?b", "*b");
        prop_assume!(!written.contains("${"));
        let statements: Vec<Value> = serde_json::from_str(&written).unwrap();
        let judgement = judge(&policies(&statements), &request(&values, &unknown));
        let mut ways = vec![values];
        for number in (0..3).filter(|number| unknown[*number]) {
            ways = ways.into_iter().flat_map(|way| {
                POSSIBLE.map(|value| {
                    let mut way = way.clone();
                    way[number] = value.map(str::to_owned);
                    way
                })
            }).collect();
        }
        let denied: Vec<bool> = ways.iter().map(|way| plain::denied(&statements, way)).collect();
        let expected = match (denied.contains(&true), denied.contains(&false)) {
            (true, true) => Verdict::Undetermined,
            (true, false) => Verdict::Denied,
            (false, _) => Verdict::NotDenied,
        };
        prop_assert_eq!(judgement.verdict, expected);
    }
}
