//! What would settle a call that cannot be judged: the fact that is missing, and where to write it.

use crate::policy::compiled::PolicyType;

/// Why an account's organization is not known, although the account is: see [`super::owner`].
const OF_ACCOUNT: [&str; 3] = ["the organization of the account", "in another organization", "where the account sits"];

/// What to provide for a key that is not known, and why: `aws:ResourceOrgID: who owns the resource: …`.
pub fn advice(key: &str, why: &str) -> String {
    let lower = key.to_ascii_lowercase();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| lower.starts_with(prefix));
    let of_account = OF_ACCOUNT.iter().any(|part| why.contains(part));
    let provide = if starts(&["aws:principaltag/"]) {
        "the tags of the role or user in the inventory, and the records that issued the session"
    } else if starts(&["aws:resourceorg"]) && of_account {
        "the organization of the account that owns the resource: list the account in accounts.csv of the inventory, with its organization_id"
    } else if starts(&["aws:resourceorg", "aws:resourceaccount", "s3:resourceaccount"]) {
        "who owns the resource: add it to the inventory (a bucket in s3_buckets.csv, anything else in resources.csv)"
    } else if starts(&["aws:resourcetag/", "s3:existingobjecttag/"]) || lower.contains(":resourcetag/") {
        "the tags of the resource in the inventory"
    } else if starts(&["aws:principalorg"]) && of_account {
        "the organization of the caller's account: list the account in accounts.csv of the inventory, with its organization_id"
    } else if starts(&["aws:principalorg", "aws:principalaccount"]) {
        "who the caller is, or the accounts of the organization in the inventory"
    } else if starts(&["aws:principalarn", "aws:userid", "aws:principaltype"]) {
        "who the caller is: the records of the caller's account, or the roles in the inventory"
    } else if starts(&["aws:sourcevpc", "aws:vpcsourceip"]) && !why.contains("known") && !why.contains("inventory") {
        "the network or VPC endpoint that the call came through, which its record does not tell"
    } else if starts(&["aws:sourcevpc", "aws:vpcsourceip"]) {
        "the VPC endpoints in the inventory"
    } else if starts(&["aws:vpceorg"]) && of_account {
        "the organization of the account that owns the VPC endpoint: list the account in accounts.csv of the inventory, with its organization_id"
    } else if starts(&["aws:vpce"]) {
        "the owner of the VPC endpoint: the endpoints and accounts in the inventory"
    } else if starts(&["aws:viaawsservice", "aws:calledvia"]) {
        "for whom the service called: the record that issued the session, or the trust policy of the role in the inventory"
    } else if starts(&["aws:sourceorg", "aws:sourceaccount", "aws:sourcearn"]) {
        "for which resource the service called, which trails do not record"
    } else if starts(&["aws:sourceip"]) {
        "the address that the call came from, which the record hides"
    } else if starts(&["aws:multifactorauth"]) {
        "whether the session was made with MFA: the record that issued it"
    } else if starts(&["aws:securetransport", "s3:tlsversion"]) {
        "whether the call came over TLS: --assume secure-transport takes it for granted"
    } else {
        return format!("{key}: {why}");
    };
    format!("{key}: {provide}")
}

/// What would tell whether policies of a type apply at all. `reason` is why they may not.
pub fn exempt_advice(policy_type: PolicyType, reason: &str) -> String {
    let what = match policy_type {
        _ if reason.contains("outside the organization") => match policy_type {
            PolicyType::ServiceControl => {
                "whether the caller's account belongs to the organization: list all accounts in the inventory (accounts.csv)"
            }
            _ => "whether the resource belongs to the organization: its owner in the inventory (s3_buckets.csv, resources.csv)",
        },
        _ if reason.contains("management account") => {
            "which account is the management account: describe-organization in the inventory"
        }
        _ if reason.contains("AWS managed KMS keys") => {
            "whether AWS manages the KMS key, to which resource control policies do not apply then: no record tells"
        }
        _ if reason.contains("service-linked") => "whether the role is service-linked: its ARN with the path",
        _ if reason.contains("do not pass the endpoint") => {
            "whether a service made the call with the caller's credentials: the record that issued the session"
        }
        _ => return format!("whether {reason}"),
    };
    what.to_owned()
}

/// All of them as one text; `None` where nothing is open.
pub fn joined(settled_by: &[String]) -> Option<String> {
    (!settled_by.is_empty()).then(|| settled_by.join("; "))
}
