//! How the layers decide together: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>
//! and <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html>.

use super::evaluate;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:role/App";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/App/session";
const USER: &str = "arn:aws:iam::111122223333:user/Ana";
const ROOT: &str = "arn:aws:iam::111122223333:root";

fn policy(effect: &str, action: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": { "Effect": effect, "Action": action, "Resource": "*" } })
}

fn grant(effect: &str, principal: Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement":
        { "Effect": effect, "Principal": principal, "Action": "s3:GetObject", "Resource": "*" } })
}

/// Verdict of a call of `s3:GetObject` by a session of the role.
fn by_role(policies: Value, flags: Value) -> String {
    verdict(json!({ "arn": SESSION, "role_arn": ROLE }), "111122223333", "s3:GetObject", policies, flags)
}

fn verdict(principal: Value, owner: &str, action: &str, policies: Value, flags: Value) -> String {
    let answer = evaluate(&json!({
        "principal": principal,
        "action": action,
        "resource": { "arn": "arn:aws:s3:::data/key", "account": owner },
        "policies": policies,
        "flags": flags,
    }));
    let verdict = answer["verdict"].as_str().unwrap().to_owned();
    match answer["denial"].as_str() {
        Some(denial) => format!("{verdict} ({denial})"),
        None => verdict,
    }
}

#[test]
fn every_level_of_service_control_policies_must_allow_and_none_may_deny() {
    let full = || json!("FullAWSAccess");
    for (levels, expected) in [
        (json!([[full()], [full()], [full()]]), "not_denied"),
        (json!([[full()], [policy("Allow", "ec2:*")], [full()]]), "denied (implicit)"),
        (json!([[full()], [policy("Allow", "s3:*")], [full()]]), "not_denied"),
        (json!([[full()], [full(), policy("Deny", "s3:*")], [full()]]), "denied (explicit)"),
        (json!([[full()], [], [full()]]), "denied (implicit)"),
        (json!([[full()], [policy("Allow", "ec2:*"), policy("Allow", "s3:Get*")], [full()]]), "not_denied"),
    ] {
        assert_eq!(by_role(json!({ "scp": levels }), json!({})), expected, "{levels}");
    }
}

#[test]
fn guardrails_do_not_apply_to_everybody() {
    let scp = || json!({ "scp": [["FullAWSAccess", policy("Deny", "*")]] });
    let rcp = || {
        json!({ "rcp": [[{ "Version": "2012-10-17", "Statement":
        { "Effect": "Deny", "Principal": "*", "Action": ["s3:*", "lambda:*"], "Resource": "*" } }]] })
    };
    assert_eq!(by_role(scp(), json!({})), "denied (explicit)");
    assert_eq!(by_role(scp(), json!({ "management_account": "111122223333" })), "not_denied");
    assert_eq!(by_role(scp(), json!({ "principal_in_organization": false })), "not_denied");
    assert_eq!(by_role(scp(), json!({ "service_linked_role": "unknown" })), "undetermined");
    let service = || json!({ "service": "logs.amazonaws.com" });
    assert_eq!(verdict(service(), "111122223333", "s3:PutObject", scp(), json!({})), "not_denied");
    assert_eq!(verdict(service(), "111122223333", "s3:PutObject", rcp(), json!({})), "denied (explicit)");
    assert_eq!(verdict(json!("anonymous"), "111122223333", "s3:GetObject", rcp(), json!({})), "denied (explicit)");
    assert_eq!(by_role(rcp(), json!({ "management_account": "111122223333" })), "not_denied");
    assert_eq!(verdict(json!(ROOT), "111122223333", "s3:GetObject", scp(), json!({})), "denied (explicit)");
    // Not supported by resource control policies.
    assert_eq!(verdict(json!(USER), "111122223333", "lambda:InvokeFunction", rcp(), json!({})), "not_denied");
    // Needs no permission.
    assert_eq!(verdict(json!(USER), "111122223333", "sts:GetCallerIdentity", scp(), json!({})), "not_denied");
}

#[test]
fn in_one_account_identity_or_resource_policy_grants_within_the_limits() {
    let narrow = || policy("Allow", "ec2:*");
    for (principal, policies, expected) in [
        (USER, json!({ "identity": policy("Allow", "s3:*") }), "not_denied"),
        (USER, json!({ "identity": policy("Allow", "ec2:*") }), "denied (implicit)"),
        (USER, json!({ "identity": policy("Allow", "s3:*"), "boundary": narrow() }), "denied (implicit)"),
        (SESSION, json!({ "identity": policy("Allow", "s3:*"), "session": narrow() }), "denied (implicit)"),
        // The resource policy names the user or the session: implicit denies of the limits do not count.
        (USER, json!({ "resource": grant("Allow", json!({ "AWS": USER })), "boundary": narrow() }), "not_denied"),
        (SESSION, json!({ "resource": grant("Allow", json!({ "AWS": SESSION })), "session": narrow() }), "not_denied"),
        (SESSION, json!({ "resource": grant("Allow", json!("*")), "session": narrow() }), "not_denied"),
        // It names the role: they do.
        (SESSION, json!({ "resource": grant("Allow", json!({ "AWS": ROLE })) }), "not_denied"),
        (SESSION, json!({ "resource": grant("Allow", json!({ "AWS": ROLE })), "session": narrow() }), "denied (implicit)"),
        (SESSION, json!({ "resource": grant("Allow", json!({ "AWS": ROLE })), "boundary": narrow() }), "denied (implicit)"),
        // It names the account: the identity policy decides.
        (USER, json!({ "resource": grant("Allow", json!({ "AWS": "111122223333" })) }), "denied (implicit)"),
        // An explicit deny always counts.
        (
            USER,
            json!({ "resource": grant("Allow", json!({ "AWS": USER })), "boundary": policy("Deny", "s3:*") }),
            "denied (explicit)",
        ),
        (ROOT, json!({ "identity": [] }), "not_denied"),
        (ROOT, json!({ "resource": grant("Deny", json!({ "AWS": "111122223333" })) }), "denied (explicit)"),
    ] {
        let principal = if principal == SESSION { json!({ "arn": SESSION, "role_arn": ROLE }) } else { json!(principal) };
        let found = verdict(principal, "111122223333", "s3:GetObject", policies.clone(), json!({}));
        assert_eq!(found, expected, "{policies}");
    }
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let other = "444455556666";
    let identity = || policy("Allow", "s3:*");
    for (policies, expected) in [
        (json!({ "identity": identity() }), "denied (implicit)"),
        (json!({ "identity": identity(), "resource": grant("Allow", json!({ "AWS": "111122223333" })) }), "not_denied"),
        (json!({ "identity": identity(), "resource": grant("Allow", json!({ "AWS": ROLE })) }), "not_denied"),
        (json!({ "identity": identity(), "resource": grant("Allow", json!({ "AWS": other })) }), "denied (implicit)"),
        (json!({ "resource": grant("Allow", json!({ "AWS": ROLE })) }), "denied (implicit)"),
        (json!({ "identity": "assumed", "resource": grant("Allow", json!({ "AWS": ROLE })) }), "not_denied"),
    ] {
        let principal = json!({ "arn": SESSION, "role_arn": ROLE });
        assert_eq!(verdict(principal, other, "s3:GetObject", policies.clone(), json!({})), expected, "{policies}");
    }
}

#[test]
fn a_key_policy_must_itself_allow() {
    let key_policy = |principal: &str| {
        json!({ "Version": "2012-10-17", "Statement":
        { "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "kms:*", "Resource": "*" } })
    };
    let decrypt = |policies: Value| verdict(json!(USER), "111122223333", "kms:Decrypt", policies, json!({}));
    let identity = || policy("Allow", "kms:*");
    assert_eq!(decrypt(json!({ "identity": identity(), "resource": key_policy(ROOT) })), "not_denied");
    assert_eq!(decrypt(json!({ "identity": identity(), "resource": key_policy(ROLE) })), "denied (implicit)");
    assert_eq!(decrypt(json!({ "resource": key_policy(ROOT) })), "denied (implicit)");
    assert_eq!(decrypt(json!({ "resource": key_policy(USER) })), "not_denied");
}

#[test]
fn not_principal_spares_only_who_is_listed_completely() {
    let spare = |listed: Value| {
        json!({ "identity": policy("Allow", "s3:*"), "resource": { "Version": "2012-10-17", "Statement":
        { "Effect": "Deny", "NotPrincipal": { "AWS": listed }, "Action": "s3:*", "Resource": "*" } } })
    };
    assert_eq!(by_role(spare(json!([ROOT, ROLE, SESSION])), json!({})), "not_denied");
    assert_eq!(by_role(spare(json!([ROOT, ROLE])), json!({})), "denied (explicit)");
    let mut with_boundary = spare(json!([ROOT, ROLE, SESSION]));
    with_boundary["boundary"] = policy("Allow", "*");
    assert_eq!(by_role(with_boundary, json!({})), "denied (explicit)");
}

#[test]
fn an_endpoint_policy_is_an_allow_list_for_what_passes_the_endpoint() {
    let endpoint = |principal: Value| json!({ "endpoint": grant("Allow", principal) });
    assert_eq!(by_role(endpoint(json!("*")), json!({})), "not_denied");
    assert_eq!(by_role(json!({ "endpoint": [] }), json!({})), "denied (implicit)");
    assert_eq!(by_role(json!({ "endpoint": [] }), json!({ "forward_access_session": true })), "not_denied");
    assert_eq!(by_role(endpoint(json!({ "AWS": "111122223333" })), json!({ "gateway_endpoint": true })), "denied (implicit)");
    assert_eq!(by_role(endpoint(json!({ "AWS": "111122223333" })), json!({})), "not_denied");
    // Of what type the endpoint is matters only where an account is named.
    let unknown = json!({ "gateway_endpoint": "unknown" });
    assert_eq!(by_role(endpoint(json!({ "AWS": "111122223333" })), unknown.clone()), "undetermined");
    assert_eq!(by_role(endpoint(json!("*")), unknown), "not_denied");
}

#[test]
fn every_statement_that_matches_is_a_reason_with_its_place() {
    let answer = evaluate(&json!({
        "principal": USER,
        "action": "s3:GetObject",
        "resource": "arn:aws:s3:::data/key",
        "policies": { "scp": [["FullAWSAccess", { "Version": "2012-10-17", "Statement": [
            { "Sid": "First", "Effect": "Deny", "Action": "s3:*", "Resource": "*" },
            { "Sid": "Other", "Effect": "Deny", "Action": "ec2:*", "Resource": "*" },
            { "Sid": "Third", "Effect": "Deny", "NotAction": "iam:*", "Resource": "arn:aws:s3:::data/*" },
        ] }]] },
    }));
    let reasons: Vec<String> = answer["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| format!("{} {} {} {}", reason["policy"], reason["statement"], reason["sid"], reason["effect"]))
        .collect();
    assert_eq!(
        reasons,
        ["\"FullAWSAccess\" 0 null \"Allow\"", "\"scp[0][1]\" 0 \"First\" \"Deny\"", "\"scp[0][1]\" 2 \"Third\" \"Deny\"",]
    );
}
