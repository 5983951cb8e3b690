//! Writes random cases, one JSON object per line: policies, a request, and every value of its context known.
//!
//! `generate COUNT SEED > cases.jsonl`

use std::io::Write;

use palisade_policy_bench::Random;
use serde_json::{Map, Value, json};

/// Condition key, its possible values in a request, and operators with the values that policies compare with.
type Key = (&'static str, &'static [&'static str], &'static [(&'static str, &'static [&'static str])]);

const KEYS: &[Key] = &[
    ("aws:PrincipalOrgID", &["o-aaaaaaaaaa", "o-bbbbbbbbbb", "O-aaaaaaaaaa"], &[
        ("StringEquals", &["o-aaaaaaaaaa", "o-bbbbbbbbbb", "o-*"]),
        ("StringNotEquals", &["o-aaaaaaaaaa", "o-bbbbbbbbbb"]),
        ("StringEqualsIgnoreCase", &["o-AAAAAAAAAA"]),
        ("StringNotEqualsIgnoreCase", &["o-AAAAAAAAAA", "o-bbbbbbbbbb"]),
        ("StringEqualsIfExists", &["o-aaaaaaaaaa"]),
        ("StringNotEqualsIfExists", &["o-aaaaaaaaaa"]),
        ("Null", &["true", "false"]),
    ]),
    ("aws:PrincipalTag/team", &["red", "blue", "re", "red*", ""], &[
        ("StringLike", &["re*", "?ed", "*", "r*d"]),
        ("StringNotLike", &["re*", "?ed", "r*d"]),
        ("StringNotEquals", &["red", "blue"]),
        ("StringLikeIfExists", &["b*"]),
        ("Null", &["true", "false"]),
    ]),
    ("aws:SourceIp", &["10.1.2.3", "192.0.2.1", "198.51.100.7", "2001:db8::1"], &[
        ("IpAddress", &["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "0.0.0.0/0"]),
        ("NotIpAddress", &["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]),
        ("NotIpAddressIfExists", &["10.0.0.0/8"]),
        ("IpAddressIfExists", &["198.51.100.0/24"]),
    ]),
    ("aws:SecureTransport", &["true", "false"], &[
        ("Bool", &["true", "false"]),
        ("BoolIfExists", &["true", "false"]),
        ("Null", &["true", "false"]),
    ]),
    ("aws:MultiFactorAuthAge", &["0", "299", "300", "301", "7200"], &[
        ("NumericEquals", &["300"]),
        ("NumericNotEquals", &["300", "0"]),
        ("NumericLessThan", &["300", "1"]),
        ("NumericLessThanEquals", &["300"]),
        ("NumericGreaterThan", &["300"]),
        ("NumericGreaterThanEquals", &["300.0"]),
        ("NumericGreaterThanIfExists", &["300"]),
    ]),
    ("aws:CurrentTime", &["2025-06-01T00:00:00Z", "2026-06-01T12:30:00Z"], &[
        ("DateLessThan", &["2026-01-01T00:00:00Z"]),
        ("DateLessThanEquals", &["2025-06-01T00:00:00Z"]),
        ("DateGreaterThan", &["2026-01-01T00:00:00Z"]),
        ("DateGreaterThanEquals", &["2026-06-01T12:30:00Z"]),
        ("DateEquals", &["2025-06-01T00:00:00Z"]),
        ("DateNotEquals", &["2025-06-01T00:00:00Z"]),
    ]),
    ("aws:PrincipalArn", &["arn:aws:iam::111122223333:role/app", "arn:aws:iam::444455556666:role/path/app"], &[
        ("ArnLike", &["arn:aws:iam::*:role/app", "arn:aws:iam::111122223333:role/*", "arn:aws:iam::?????????333:role/a*"]),
        ("ArnNotLike", &["arn:aws:iam::*:role/app", "arn:aws:iam::*:role/path/*"]),
        ("ArnEquals", &["arn:aws:iam::111122223333:role/app", "arn:aws:iam::*:role/path/app"]),
        ("ArnNotEquals", &["arn:aws:iam::111122223333:role/app"]),
        ("StringLike", &["arn:aws:iam::*:role/*app"]),
        ("ArnNotLikeIfExists", &["arn:aws:iam::*:role/app"]),
    ]),
];

/// A multivalued key.
const TAG_KEYS: &str = "aws:TagKeys";
const TAG_KEY_VALUES: &[&str] = &["team", "owner", "Team", "cost"];
const SETS: &[(&str, &[&str])] = &[
    ("ForAllValues:StringEquals", &["team", "owner"]),
    ("ForAnyValue:StringEquals", &["team", "owner"]),
    ("ForAllValues:StringLike", &["te*", "*"]),
    ("ForAnyValue:StringLike", &["te*", "c?st"]),
    ("ForAllValues:StringNotEquals", &["team", "cost"]),
    ("ForAnyValue:StringNotEquals", &["team", "cost"]),
    ("ForAllValues:StringEqualsIgnoreCase", &["TEAM"]),
];

const ACTIONS: &[&str] = &["s3:GetObject", "s3:*", "*", "s3:Get*", "ec2:*", "S3:getobject", "s3:?etObject", "s3:PutObject"];
const RESOURCES: &[&str] = &[
    "*",
    "arn:aws:s3:::data/*",
    "arn:aws:s3:::*/key",
    "arn:aws:s3:::logs/*",
    "arn:aws:s3:::data/k?y",
    "arn:aws:s3:::data/${aws:PrincipalTag/team}",
    "arn:aws:s3:::${aws:PrincipalTag/team, 'data'}/*",
];
const REQUESTED: &[&str] = &["arn:aws:s3:::data/key", "arn:aws:s3:::data/red", "arn:aws:s3:::logs/2026/key"];

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let count = arguments.next().unwrap_or(1_000);
    let mut random = Random(arguments.next().unwrap_or(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for id in 0..count {
        let statements: Vec<Value> = (0..1 + random.below(3)).map(|_| statement(&mut random)).collect();
        let mut context = Map::new();
        for (key, values, _) in KEYS {
            if random.below(4) > 0 {
                context.insert((*key).to_owned(), json!(random.pick(values)));
            }
        }
        if random.below(4) > 0 {
            let members: Vec<&str> = (0..1 + random.below(3)).map(|_| random.pick(TAG_KEY_VALUES)).collect();
            context.insert(TAG_KEYS.to_owned(), json!(members));
        }
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        let case = json!({"id": id, "policy": policy, "action": "s3:GetObject", "resource": random.pick(REQUESTED), "context": context});
        let _ = writeln!(out, "{case}");
    }
}

fn statement(random: &mut Random) -> Value {
    let mut statement = json!({"Effect": if random.below(3) == 0 { "Allow" } else { "Deny" }});
    let action = if random.below(4) == 0 { "NotAction" } else { "Action" };
    statement[action] = json!(random.pick(ACTIONS));
    let resource = if random.below(4) == 0 { "NotResource" } else { "Resource" };
    statement[resource] = json!(random.pick(RESOURCES));
    let mut condition = Map::new();
    for _ in 0..random.below(3) {
        let (key, operators) = match random.below(KEYS.len() + 1) {
            at if at < KEYS.len() => (KEYS[at].0, KEYS[at].2),
            _ => (TAG_KEYS, SETS),
        };
        let (operator, values) = operators[random.below(operators.len())];
        let written = if operator == "Null" {
            json!(random.pick(values))
        } else {
            json!((0..1 + random.below(2)).map(|_| random.pick(values)).collect::<Vec<_>>())
        };
        let mut keys = Map::new();
        keys.insert(key.to_owned(), written);
        condition.insert(operator.to_owned(), Value::Object(keys));
    }
    if !condition.is_empty() {
        statement["Condition"] = Value::Object(condition);
    }
    statement
}
