//! Which elements a statement of a policy type may and must have.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use crate::policy::compiled::PolicyType;
use crate::policy::diagnostic::Finding;
use crate::policy::document::{Effect, PrincipalKind, Principals, Statement};

/// Which elements a statement of this type may and must have.
pub(super) fn check(statement: &Statement, policy_type: PolicyType, findings: &mut Vec<Finding>) {
    let start = statement.span.start..statement.span.start + 1;
    let is_rcp = policy_type == PolicyType::ResourceControl;
    match &statement.principal {
        Some(principals) if !policy_type.has_principals() => {
            let message = format!("a {} has no principals: it is about whoever it is attached to", policy_type.title());
            let finding = Finding::error("principal-not-allowed", principals.key_span.clone(), message);
            findings.push(finding.help("use a condition on aws:PrincipalArn"));
        }
        Some(principals)
            if is_rcp
                && (principals.negated || principals.entries.iter().any(|entry| entry.kind != PrincipalKind::Everyone)) =>
        {
            let message = "the principal of a resource control policy must be \"*\"";
            let finding = Finding::error("rcp-principal", principals.key_span.clone(), message);
            findings.push(finding.help("restrict it with a condition on aws:PrincipalArn or aws:PrincipalAccount"));
        }
        Some(principals) if principals.negated && statement.effect == Effect::Allow => {
            let message =
                "`NotPrincipal` with \"Allow\" is not supported: it would allow everybody else, also anonymous callers";
            findings.push(Finding::error("not-principal-allow", principals.key_span.clone(), message));
        }
        Some(principals) if principals.negated => findings.push(not_principal_deny(statement, principals)),
        Some(_) => {}
        None if is_rcp => {
            let finding =
                Finding::error("rcp-principal", start.clone(), "a resource control policy needs \"Principal\": \"*\"");
            findings.push(finding);
        }
        None if policy_type.has_principals() => {
            let message = format!("a statement of a {} needs a `Principal`", policy_type.title());
            findings.push(Finding::error("principal-missing", start.clone(), message));
        }
        None => {}
    }
    if statement.resource.is_none() && policy_type != PolicyType::Resource {
        let message = "the statement has neither `Resource` nor `NotResource`";
        findings.push(Finding::error("missing-element", start.clone(), message));
    }
    if is_rcp {
        if statement.effect == Effect::Allow {
            let message = "a resource control policy can only deny; RCPFullAWSAccess, which allows, cannot be detached";
            findings.push(Finding::error("rcp-allow", start, message));
        }
        if statement.action.negated {
            let message = "`NotAction` is not supported in a resource control policy";
            findings.push(Finding::error("rcp-not-action", statement.action.key_span.clone(), message));
        }
    }
}

/// A Deny of everybody but some, which AWS advises against, and which a role trust policy cannot have.
fn not_principal_deny(statement: &Statement, principals: &Principals) -> Finding {
    let span = principals.key_span.clone();
    if statement.resource.is_none() {
        let message = "a role trust policy cannot have `NotPrincipal`";
        return Finding::error("principal-not-allowed", span, message).help("name whom the role trusts in `Principal`");
    }
    let message = "`NotPrincipal` with \"Deny\" also denies everybody who has a permissions boundary, whatever it lists";
    Finding::warning("not-principal-deny", span, message)
        .help("write \"Principal\": \"*\" and a condition such as ArnNotLike on aws:PrincipalArn")
}
