//! The step of queries about external access: whom does a resource let in, and does the organization mean it?

use super::{Decision, identity};
use crate::enrich::case::Case;
use crate::enrich::rows::Field;
use crate::enrich::world::Membership;

/// Condition keys that tell whose the caller is, in lower case.
const CALLER_KEYS: [&str; 7] = [
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:sourceaccount",
    "aws:sourceorgid",
    "aws:sourcearn",
];

/// Drops ways in that are open to the organization only, and marks those that the perimeter definition trusts.
pub(super) fn external_access(case: &Case<'_>) -> Decision {
    if let Some(why) = case.detail("unknown_because") {
        let settled_by = case.detail("settled_by").unwrap_or("the finding itself".into());
        return Decision::undetermined(why, settled_by);
    }
    let trusted = identity::trusted_identities(case);
    if trusted == Decision::Drop {
        return Decision::Trusted("the perimeter definition trusts this principal".to_owned());
    }
    let id = case.text(Field::PrincipalId).unwrap_or("unknown");
    match case.text(Field::PrincipalType) {
        // What the provider vouches for, AWS does not tell: its users may be anyone's.
        Some("FederatedProvider") => Decision::undetermined(
            "users of an identity provider belong to no account, so whether they are yours is not told",
            format!("{id} among the trusted_identities of the perimeter definition, if its users are yours"),
        ),
        Some("CanonicalUser") => {
            Decision::undetermined("a canonical user id does not tell its account", format!("account of canonical user {id}"))
        }
        Some("UniqueId" | "Other") if case.text(Field::PrincipalAccountId).is_none() => Decision::undetermined(
            "the finding does not tell the account of the principal",
            format!("account of principal {id}"),
        ),
        _ => match (identity::organization_principals(case), condition_about_callers(case)) {
            (Decision::Drop, _) => Decision::Drop,
            (_, Some(undetermined)) => undetermined,
            // Whether a trusted organization holds the account is a second fact that may be missing.
            (Decision::Keep(_), None) if matches!(trusted, Decision::Undetermined { .. }) => trusted,
            (decision, None) => decision,
        },
    }
}

/// A condition on the caller that names the organization, one of its accounts or a trusted one. Findings do not tell the operator, and
/// `StringEquals` and `StringNotEquals` mean opposite things.
fn condition_about_callers(case: &Case<'_>) -> Option<Decision> {
    let condition = case.detail("condition")?;
    let conditions: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&condition).ok()?;
    let world = case.world;
    let own = world.context.inventory.organization_id.as_deref();
    let trusted = &case.scope.trust.trusted_identities;
    let (key, value) = conditions
        .iter()
        .filter(|(key, _)| CALLER_KEYS.contains(&key.to_ascii_lowercase().as_str()))
        .filter_map(|(key, value)| value.as_str().map(|value| (key, value)))
        .find(|(_, value)| {
            value.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter(|part| !part.is_empty()).any(|part| {
                Some(part) == own
                    || trusted.organizations.iter().any(|organization| organization == part)
                    || trusted.accounts.iter().any(|account| account == part)
                    || (crate::enrich::arn::is_account_id(part) && world.membership(part) == Membership::Inside)
            })
        })?;
    Some(Decision::undetermined(
        format!("a condition names {key} = {value}, and findings do not tell its operator"),
        format!("policy of {}", case.text(Field::ResourceArn).unwrap_or("the resource")),
    ))
}
