//! Steps about roles and the services that use them.
//!
//! A service that is called may call on with the caller's credentials (a forward access session,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>) or with a role that it assumed itself.
//! The record of both names the service in `invokedBy`; the trust policy of the role tells them apart.

use super::Decision;
use crate::enrich::case::Case;
use crate::enrich::principal::{Assumers, Kind};
use crate::enrich::rows::Field;

/// Drops calls by service-linked roles: service control policies and resource control policies do not apply to them.
pub(super) fn service_linked_roles(case: &Case<'_>) -> Decision {
    let principal = case.principal;
    match principal.kind {
        Kind::ServiceLinkedRole => Decision::Drop,
        // The path of the role tells, but the record does not show it.
        Kind::Role if principal.arn.is_none() => Decision::undetermined(
            "whether the role is service-linked is unknown: its ARN is hidden",
            principal.settled_by(case.world),
        ),
        Kind::Unknown => Decision::undetermined("the record does not tell who called", "identity of the caller"),
        _ => Decision::KEEP,
    }
}

/// Drops calls by principals that no AWS service may assume.
pub(super) fn not_service_role(case: &Case<'_>) -> Decision {
    let principal = case.principal;
    match (principal.kind, &principal.assumers) {
        (Kind::ServiceRole, _) => Decision::KEEP,
        (Kind::Role, Assumers::Unknown) => {
            Decision::undetermined("whether an AWS service may assume the role is unknown", principal.settled_by(case.world))
        }
        (Kind::HumanRole, Assumers::Known { services, .. }) if !services.is_empty() => Decision::KEEP,
        (Kind::Unknown, _) => Decision::undetermined("the record does not tell who called", "identity of the caller"),
        _ => Decision::Drop,
    }
}

/// Drops calls that a service made with the credentials of its caller: network perimeters exempt them by `aws:ViaAWSService`.
pub(super) fn forward_access_sessions(case: &Case<'_>) -> Decision {
    let principal = case.principal;
    let invoked_by = case.invoked_by();
    let Some(service) = invoked_by.or_else(|| case.text(Field::SourceService)) else { return Decision::KEEP };
    match principal.kind {
        // Services and anonymous callers have no credentials to forward; service-linked roles are the service's own.
        Kind::AwsService | Kind::Anonymous | Kind::ServiceLinkedRole => Decision::KEEP,
        // The keys of a user are not a role that the service could have assumed.
        Kind::User | Kind::Root | Kind::Federated if invoked_by.is_some() => Decision::Drop,
        Kind::User | Kind::Root | Kind::Federated => Decision::undetermined(
            format!("{service} may have made the call with the caller's credentials, or used keys that it was given"),
            "whether the call was a forward access session (the record has no invokedBy)",
        ),
        Kind::Unknown => Decision::undetermined(
            format!("whether {service} made the call with the caller's credentials is unknown"),
            "identity of the caller",
        ),
        Kind::Role | Kind::ServiceRole | Kind::HumanRole => role(case, service),
    }
}

fn role(case: &Case<'_>, service: &str) -> Decision {
    let principal = case.principal;
    let settled_by_session = || {
        let role = principal.arn.as_deref().or(principal.unique_id.as_deref()).unwrap_or("the caller");
        format!("who assumed the session of role {role} (its AssumeRole event)")
    };
    match (&principal.assumers, principal.kind) {
        (Assumers::Known { services, .. }, _) if services.is_empty() => Decision::Drop,
        (Assumers::Known { services, others: false }, _) if services.iter().any(|trusted| same_service(trusted, service)) => {
            Decision::keep(format!("{service} made the call with its own session of the service role"))
        }
        // A service that the role does not trust cannot have assumed it, but a service may go by two names.
        (Assumers::Known { services, others: false }, _) => Decision::undetermined(
            format!("the role trusts only {}, and {service} made the call", services.join(", ")),
            settled_by_session(),
        ),
        (Assumers::Known { others: true, .. }, _) => Decision::undetermined(
            format!("the role is assumed by services and by others, and {service} made the call"),
            settled_by_session(),
        ),
        (Assumers::Unknown, Kind::HumanRole) => Decision::Drop,
        (Assumers::Unknown, _) => Decision::undetermined(
            format!("{service} made the call in a forward access session or with a service role: the trust policy is unknown"),
            principal.settled_by(case.world),
        ),
    }
}

/// Are two names of a service the same? Regional and partition forms (`states.eu-west-1.amazonaws.com`,
/// `ec2.amazonaws.com.cn`) are forms of `states.amazonaws.com` and `ec2.amazonaws.com`.
fn same_service(one: &str, other: &str) -> bool {
    fn name(service: &str) -> Option<String> {
        let service = service.trim_end_matches(".cn");
        let labels = service.strip_suffix(".amazonaws.com")?;
        let is_region = |label: &&str| label.split('-').count() >= 3 && label.ends_with(|last: char| last.is_ascii_digit());
        Some(labels.split('.').filter(|label| !is_region(label)).collect::<Vec<_>>().join(".").to_ascii_lowercase())
    }
    match (name(one), name(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regional_and_partition_names_are_the_same_service() {
        assert!(same_service("states.eu-west-1.amazonaws.com", "states.amazonaws.com"));
        assert!(same_service("ec2.amazonaws.com.cn", "ec2.amazonaws.com"));
        assert!(!same_service("lambda.amazonaws.com", "athena.amazonaws.com"));
        assert!(!same_service("delivery.logs.amazonaws.com", "logs.amazonaws.com"));
        assert!(!same_service("AWS Internal", "AWS Internal"));
    }
}
