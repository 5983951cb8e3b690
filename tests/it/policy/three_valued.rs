//! What cannot be known is said to be unknown, and no more than that.

use super::evaluate;
use serde_json::{Value, json};

/// The answer of one service control policy with the given statements to a call with the given context.
fn scp(statements: Value, context: Value) -> Value {
    evaluate(&json!({
        "principal": { "role_arn": "arn:aws:iam::111122223333:role/App" },
        "action": "s3:GetObject",
        "resource": { "arn": "arn:aws:s3:::data/key", "account": "111122223333" },
        "context": context,
        "policies": { "scp": [["FullAWSAccess", { "Version": "2012-10-17", "Statement": statements }]] },
    }))
}

fn deny(condition: Value) -> Value {
    json!([{ "Sid": "D", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition }])
}

fn two(first: Value, second: Value) -> Value {
    json!([deny(first)[0], deny(second)[0]])
}

#[test]
fn an_unknown_key_decides_as_far_as_every_possibility_agrees() {
    let unknown = || json!({ "unknown": "not recorded" });
    let present = || json!({ "unknown": "not recorded", "may_be_absent": false });
    let among = |values: &[&str]| json!({ "unknown": "one of these", "may_be_absent": false, "candidates": values });
    for (condition, value, expected) in [
        // A positive operator: absent is false, a value may be true.
        (json!({ "StringEquals": { "aws:SourceVpc": "vpc-1" } }), unknown(), "undetermined"),
        (json!({ "StringLike": { "aws:SourceVpc": "*" } }), unknown(), "undetermined"),
        (json!({ "StringLike": { "aws:SourceVpc": "*" } }), present(), "denied"),
        (json!({ "StringEquals": { "aws:SourceVpc": ["vpc-1", "vpc-2"] } }), among(&["vpc-1", "vpc-2"]), "denied"),
        (json!({ "StringEquals": { "aws:SourceVpc": "vpc-1" } }), among(&["vpc-2", "vpc-3"]), "not_denied"),
        // A negated one: absent is true.
        (json!({ "StringNotEquals": { "aws:SourceVpc": "vpc-1" } }), unknown(), "undetermined"),
        (json!({ "StringNotEquals": { "aws:SourceVpc": "vpc-1" } }), among(&["vpc-2"]), "denied"),
        (json!({ "Null": { "aws:SourceVpc": "false" } }), unknown(), "undetermined"),
        (json!({ "Null": { "aws:SourceVpc": "false" } }), present(), "denied"),
        (json!({ "Null": { "aws:SourceVpc": "true" } }), present(), "not_denied"),
        (json!({ "StringLikeIfExists": { "aws:SourceVpc": "*" } }), unknown(), "denied"),
    ] {
        let answer = scp(deny(condition.clone()), json!({ "aws:SourceVpc": value }));
        assert_eq!(answer["verdict"], expected, "{condition} with {value}: {answer}");
    }
}

#[test]
fn sets_of_which_some_members_are_known() {
    let partly = || json!({ "unknown": "more may be there", "known_values": ["a"] });
    for (condition, value, expected) in [
        (json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": "a" } }), partly(), "denied"),
        (json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": "b" } }), partly(), "undetermined"),
        (json!({ "ForAllValues:StringEquals": { "aws:TagKeys": "b" } }), partly(), "not_denied"),
        (json!({ "ForAllValues:StringEquals": { "aws:TagKeys": "a" } }), partly(), "undetermined"),
        (json!({ "Null": { "aws:TagKeys": "false" } }), partly(), "denied"),
        // Not documented: a set operator with IfExists on an absent key, a multivalued key without a set operator.
        (json!({ "ForAnyValue:StringEqualsIfExists": { "aws:TagKeys": "a" } }), json!("absent"), "undetermined"),
        (json!({ "StringEquals": { "aws:TagKeys": "a" } }), json!(["a", "b"]), "undetermined"),
        (json!({ "ForAnyValue:StringNotEquals": { "aws:CalledVia": "x" } }), json!("absent"), "not_denied"),
    ] {
        let key = if condition.to_string().contains("CalledVia") { "aws:CalledVia" } else { "aws:TagKeys" };
        let answer = scp(deny(condition.clone()), json!({ key: value }));
        assert_eq!(answer["verdict"], expected, "{condition} with {value}: {answer}");
    }
}

#[test]
fn statements_that_exclude_each_other_are_judged_together() {
    let unknown = json!({ "aws:SourceVpc": "unknown", "aws:SourceIp": "unknown", "aws:MultiFactorAuthAge": "unknown" });
    for (first, second, expected) in [
        (
            json!({ "StringEquals": { "aws:SourceVpc": "vpc-1" } }),
            json!({ "StringNotEquals": { "aws:SourceVpc": "vpc-1" } }),
            "denied",
        ),
        (
            json!({ "StringLike": { "aws:SourceVpc": "vpc-1*" } }),
            json!({ "StringNotLike": { "aws:SourceVpc": "vpc-1*" } }),
            "denied",
        ),
        // Absent is left out: neither is true of it.
        (
            json!({ "StringEquals": { "aws:SourceVpc": "vpc-1" } }),
            json!({ "StringNotEquals": { "aws:SourceVpc": "vpc-1" }, "Null": { "aws:SourceVpc": "false" } }),
            "undetermined",
        ),
        (
            json!({ "IpAddress": { "aws:SourceIp": ["0.0.0.0/1", "::/0"] } }),
            json!({ "NotIpAddress": { "aws:SourceIp": "10.0.0.0/8" } }),
            "denied",
        ),
        (
            json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/9" } }),
            json!({ "NotIpAddress": { "aws:SourceIp": "10.0.0.0/8" } }),
            "undetermined",
        ),
        (
            json!({ "NumericLessThanIfExists": { "aws:MultiFactorAuthAge": "3600" } }),
            json!({ "NumericGreaterThan": { "aws:MultiFactorAuthAge": "3599.5" } }),
            "denied",
        ),
        (
            json!({ "NumericLessThanIfExists": { "aws:MultiFactorAuthAge": "3600" } }),
            json!({ "NumericGreaterThan": { "aws:MultiFactorAuthAge": "3600" } }),
            "undetermined",
        ),
    ] {
        let answer = scp(two(first.clone(), second.clone()), unknown.clone());
        assert_eq!(answer["verdict"], expected, "{first} and {second}: {answer}");
    }
}

#[test]
fn an_open_answer_says_what_would_settle_it() {
    let answer = scp(
        deny(json!({
            "StringNotEqualsIfExists": { "aws:ResourceOrgID": "o-mine", "aws:PrincipalTag/exempt": "true" },
            "BoolIfExists": { "aws:ViaAWSService": "false" },
        })),
        json!({
            "aws:ResourceOrgID": { "unknown": "the owner of the bucket is not in the inventory", "may_be_absent": false },
            "aws:PrincipalTag/Exempt": { "unknown": "no tags of roles in the inventory", "candidates": ["no", "never"] },
            "aws:ViaAWSService": false,
        }),
    );
    assert_eq!(answer["verdict"], "undetermined");
    // Whatever the tag is, it does not exempt.
    assert_eq!(
        answer["settling_keys"],
        json!([{ "key": "aws:ResourceOrgID", "why": "the owner of the bucket is not in the inventory" }])
    );
    let residual = answer["residual"].as_str().unwrap();
    let expected = "denied if aws:ResourceOrgID is not \"o-mine\", or is absent [statement 1 (Sid \"D\") of scp[0][1], line ";
    assert!(residual.starts_with(expected), "{residual}");
}

#[test]
fn variables_take_what_is_known_and_stand_for_themselves() {
    let own_folder = |value: Value| {
        evaluate(&json!({
            "principal": { "role_arn": "arn:aws:iam::111122223333:role/App" },
            "action": "s3:GetObject",
            "resource": "arn:aws:s3:::data/*/key",
            "context": { "aws:PrincipalTag/team": value },
            "policies": { "scp": [[{ "Version": "2012-10-17", "Statement": {
                "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::data/${aws:PrincipalTag/Team, 'none'}/key"
            } }]] },
        }))["verdict"]
            .clone()
    };
    // The resource key really holds a star: the value of the variable is compared with it, letter by letter.
    assert_eq!(own_folder(json!("*")), "not_denied");
    assert_eq!(own_folder(json!("blue")), "denied");
    assert_eq!(own_folder(json!("absent")), "denied");
    assert_eq!(own_folder(json!("unknown")), "undetermined");
    let wild = |value: &str| {
        scp(
            deny(json!({ "StringLike": { "aws:username": "${aws:PrincipalTag/x}" } })),
            json!({ "aws:username": "abc", "aws:PrincipalTag/x": value }),
        )["verdict"]
            .clone()
    };
    assert_eq!(wild("a*"), "not_denied");
    assert_eq!(wild("abc"), "denied");
}

#[test]
fn a_resource_that_is_partly_known_is_compared_as_far_as_possible() {
    let on = |resource: &str| {
        evaluate(&json!({
            "action": "ec2:RunInstances",
            "resource": { "pattern": "arn:aws:ec2:us-east-1:111122223333:instance/*" },
            "policies": { "scp": [["FullAWSAccess", { "Version": "2012-10-17", "Statement":
                { "Effect": "Deny", "Action": "ec2:*", "Resource": resource } }]] },
        }))["verdict"]
            .clone()
    };
    assert_eq!(on("arn:aws:ec2:*:*:instance/*"), "denied");
    assert_eq!(on("arn:aws:ec2:us-east-1:111122223333:instance/i-0abc"), "undetermined");
    assert_eq!(on("arn:aws:ec2:*:*:volume/*"), "not_denied");
}
