//! Values that do not have the form of what a key holds: they match nothing, however the operator compares.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>

use super::placeholders;
use crate::policy::diagnostic::Finding;
use crate::policy::document::{Condition, Text};
use crate::policy::operator::{Comparison, Operator};

struct Form {
    /// "an organization id"
    what: &'static str,
    example: &'static str,
    fits: fn(&str) -> bool,
}

/// Values of this condition that the key never has.
pub(super) fn check(condition: &Condition, operator: Operator, findings: &mut Vec<Finding>) {
    let key = condition.key.text.to_ascii_lowercase();
    let is_like = operator.comparison() == Some(Comparison::StringLike);
    let compares_texts =
        is_like || matches!(operator.comparison(), Some(Comparison::StringEquals | Comparison::StringEqualsIgnoreCase));
    for value in &condition.values {
        let text = value.text.as_str();
        if placeholders::may_be_in(text) || text.contains("${") {
            continue;
        }
        if key == "aws:principalarn" {
            findings.extend(session_arn(value));
        } else if compares_texts && key.ends_with("orgpaths") && key.starts_with("aws:") {
            findings.extend(organization_path(condition, value));
        } else if compares_texts
            && !text.contains(['*', '?'])
            && let Some(form) = form(&key)
            && !(form.fits)(text)
        {
            let message = format!("\"{text}\" is not {}: `{}` is never equal to it", form.what, condition.key.text);
            findings.push(Finding::warning("value-form", value.span.clone(), message).help(format!("write {}", form.example)));
        }
    }
}

fn form(key: &str) -> Option<Form> {
    let form = |what, example, fits| Some(Form { what, example, fits });
    match key {
        "aws:principalorgid" | "aws:resourceorgid" | "aws:sourceorgid" | "aws:vpceorgid" => {
            form("the id of an organization", "it like \"o-a1b2c3d4e5\"", is_organization)
        }
        "aws:principalaccount"
        | "aws:resourceaccount"
        | "aws:sourceaccount"
        | "aws:vpceaccount"
        | "s3:resourceaccount"
        | "kms:calleraccount" => form("the id of an account", "its 12 digits, without hyphens", is_account),
        "aws:sourcevpc" | "aws:ec2instancesourcevpc" => {
            form("the id of a VPC", "it like \"vpc-0123456789abcdef0\"", |text| is_id(text, "vpc-"))
        }
        "aws:sourcevpce" => form("the id of a VPC endpoint", "it like \"vpce-0123456789abcdef0\"", |text| is_id(text, "vpce-")),
        "aws:requestedregion" => form("the code of a Region", "it like \"eu-central-1\"", is_region),
        "aws:calledvia"
        | "aws:calledviafirst"
        | "aws:calledvialast"
        | "aws:principalservicename"
        | "aws:principalservicenameslist" => {
            form("the principal of a service", "it like \"athena.amazonaws.com\"", |text| text.contains(".amazonaws.com"))
        }
        "kms:viaservice" => form("a service in a Region", "it like \"s3.eu-central-1.amazonaws.com\"", |text| {
            text.contains(".amazonaws.com") && text.split('.').count() >= 4
        }),
        "aws:principaltype" => {
            form("a type of principal", "\"Account\", \"User\", \"FederatedUser\", \"AssumedRole\" or \"Anonymous\"", |text| {
                ["account", "user", "federateduser", "assumedrole", "anonymous"].contains(&&*text.to_ascii_lowercase())
            })
        }
        _ => None,
    }
}

pub(super) fn is_account(text: &str) -> bool {
    (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())) || text == "anonymous"
}

fn is_organization(text: &str) -> bool {
    text.strip_prefix("o-").is_some_and(|rest| {
        (10..=32).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| matches!(rest.len(), 8 | 17) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// `eu-central-1`, `us-gov-west-1`, `eusc-de-east-1`
pub(super) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    words.len() >= 2 && words.iter().all(is_word) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Paths are `o-…/r-…/ou-…/`, with a slash at the end.
fn organization_path(condition: &Condition, value: &Text) -> Option<Finding> {
    let text = value.text.as_str();
    let mut parts = text.split('/');
    let organization = parts.next().unwrap_or_default();
    let root = parts.next().unwrap_or_default();
    let begins = (organization.contains(['*', '?']) || is_organization(organization))
        && (root.is_empty() || root.contains(['*', '?']) || root.starts_with("r-"));
    let ends = text.ends_with(['/', '*', '?']);
    if begins && ends {
        return None;
    }
    let why = if begins { "does not end in \"/\"" } else { "is not the path of an organizational unit" };
    let message = format!("\"{text}\" {why}: `{}` is never equal to it", condition.key.text);
    let help = if begins {
        format!("write \"{text}/\" for what is directly there, \"{text}/*\" with StringLike for everything below")
    } else {
        "write it like \"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/\"".to_owned()
    };
    Some(Finding::warning("value-form", value.span.clone(), message).help(help))
}

/// The key holds the ARN of the role, never that of one of its sessions.
fn session_arn(value: &Text) -> Option<Finding> {
    let is_session = value.text.contains(":sts:") && value.text.contains(":assumed-role/");
    is_session.then(|| {
        let message = format!(
            "\"{}\" is the ARN of a session: `aws:PrincipalArn` holds that of the role, so it never matches",
            value.text
        );
        Finding::warning("value-form", value.span.clone(), message)
            .help("write the ARN of the role: \"arn:aws:iam::account:role/path/name\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_forms() {
        assert!(is_organization("o-exampleorgid") && !is_organization("o-short") && !is_organization("foo"));
        assert!(is_id("vpc-111bbb22", "vpc-") && is_id("vpce-0123456789abcdef0", "vpce-") && !is_id("vpc-1", "vpc-"));
        for region in ["eu-central-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "ap-southeast-7"] {
            assert!(is_region(region), "{region}");
        }
        for text in ["us-east1", "us-east-", "Frankfurt", "eu-central-1a", "EU-CENTRAL-1"] {
            assert!(!is_region(text), "{text}");
        }
    }
}
