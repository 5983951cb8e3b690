//! Who calls: the principal, and whether a service calls for itself or for somebody.
//!
//! A service that works for a caller uses the caller's credentials (a forward access session), a role that was made for it, or its own
//! service principal: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>. The record says which
//! service called (`invokedBy`), not how; the role, its trust policy and the call that issued the session tell.

use std::sync::Arc;

use crate::inventory::{Role, resource_types};
use crate::policy::request::{Principal, PrincipalType};
use crate::policy::truth::Truth;

use super::World;
use super::call::Call;
use super::federation;
use super::lineage::Link;

/// How the call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// By the caller itself.
    Direct,
    /// By a service with the caller's credentials.
    Forward,
    /// By a service, in its service-linked role.
    ServiceLinkedRole,
    /// By a service, in a role that was made for it.
    ServiceRole,
    /// By a service; with whose credentials is not known.
    ForwardOrServiceRole,
    /// By a service principal.
    Service,
    /// By a principal of another account, of whom the record hides most.
    OtherAccount,
    Anonymous,
    /// By somebody with a token of an identity provider, and no AWS credentials yet.
    Federated,
}

#[derive(Debug)]
pub(super) struct Caller<'a> {
    pub(super) principal: Principal,
    pub(super) kind: Kind,
    /// Was the call a forward access session?
    pub(super) forward: Truth,
    /// Why `forward` is what it is, for people.
    pub(super) why: &'static str,
    /// The service that called, if the record names it.
    pub(super) service: Option<&'a str>,
    /// The role, from the inventory.
    pub(super) role: Option<&'a Role>,
    /// The call that issued the session.
    pub(super) link: Option<&'a Link>,
    /// Where role or user come from.
    pub(super) arn_from: &'static str,
}

/// Roles of these services are sessions of somebody's code: what it calls other services for is a forward access session of theirs.
const COMPUTE: [&str; 4] =
    ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com", "pods.eks.amazonaws.com", "rolesanywhere.amazonaws.com"];

fn anonymous(call: &Call) -> bool {
    let is = |text: Option<&str>| matches!(text, Some("anonymous" | "ANONYMOUS_PRINCIPAL" | "ANONYMOUS"));
    is(call.principal_account_id.as_deref()) || (call.principal_account_id.is_none() && is(call.principal_id.as_deref()))
}

/// `invokedBy` that stands for the person at the console, not for a service.
fn is_console(service: &str) -> bool {
    service.starts_with("signin.") || service.starts_with("console.")
}

pub(super) fn caller<'a>(call: &'a Call, world: &World<'a>) -> Caller<'a> {
    let mut found = principal(call, world);
    let invoked_by = call.invoked_by.as_deref().filter(|service| !is_console(service));
    let by_service = invoked_by.or(call.source_service.as_deref().filter(|_| call.invoked_by.is_none()));
    found.service = by_service.filter(|service| service.contains('.') && !service.starts_with("AWS Internal"));
    let (kind, forward, why) = kind(call, &found, invoked_by, by_service);
    Caller { kind, forward, why, ..found }
}

fn kind(call: &Call, caller: &Caller<'_>, invoked_by: Option<&str>, by_service: Option<&str>) -> (Kind, Truth, &'static str) {
    match caller.principal.principal_type {
        PrincipalType::Service => return (Kind::Service, Truth::False, "from userIdentity.type: the service itself calls"),
        PrincipalType::Anonymous => return (Kind::Anonymous, Truth::False, "the request is not signed"),
        PrincipalType::Federated => return (Kind::Federated, Truth::False, "the request is not signed with AWS credentials"),
        _ => {}
    }
    if call.principal_type.as_deref() == Some("AWSAccount") {
        return (Kind::OtherAccount, Truth::Unknown, "the record hides how the other account's principal made the call");
    }
    if caller.principal.is_service_linked_role().is_true() {
        return (
            Kind::ServiceLinkedRole,
            Truth::False,
            "from userIdentity.sessionContext.sessionIssuer.arn: a service-linked role",
        );
    }
    let Some(service) = by_service else {
        return (Kind::Direct, Truth::False, "userIdentity.invokedBy is not there: the caller calls itself");
    };
    if invoked_by.is_none() {
        // No invokedBy, but the source address is a service's.
        return (
            Kind::ForwardOrServiceRole,
            Truth::Unknown,
            "sourceIPAddress names a service although userIdentity.invokedBy does not",
        );
    }
    match caller.principal.principal_type {
        PrincipalType::User | PrincipalType::Root | PrincipalType::FederatedUser => {
            return (Kind::Forward, Truth::True, "from userIdentity.invokedBy: a service calls with a user's credentials");
        }
        PrincipalType::AssumedRole => {}
        _ => {
            return (Kind::ForwardOrServiceRole, Truth::Unknown, "the record does not tell whose credentials the service used");
        }
    }
    service_in_role(call, caller, service)
}

/// A service calls with the session of a role: of a caller, or of its own?
fn service_in_role(call: &Call, caller: &Caller<'_>, service: &str) -> (Kind, Truth, &'static str) {
    let same = |own: &str| same_service(own, service);
    let is_compute = |own: &str| COMPUTE.contains(&own) && !same(own);
    if call.ec2_role_delivery.is_some() && !same("ec2.amazonaws.com") {
        return (
            Kind::Forward,
            Truth::True,
            "from sessionContext.ec2RoleDelivery: the session of an instance, used by a service for it",
        );
    }
    if let Some(link) = caller.link {
        if !link.is_by_service() {
            return (Kind::Forward, Truth::True, "from the call that issued the session: it was not issued to a service");
        }
        return match link.invoked_by.as_deref() {
            Some(issuer) if is_compute(issuer) => {
                (Kind::Forward, Truth::True, "from the call that issued the session: it was issued to code that runs there")
            }
            Some(issuer) if issuer.contains('.') && service.contains('.') && !same(issuer) => (
                Kind::ForwardOrServiceRole,
                Truth::Unknown,
                "from the call that issued the session: it was issued to another service than the one that calls",
            ),
            _ => (Kind::ServiceRole, Truth::False, "from the call that issued the session: it was issued to a service"),
        };
    }
    let trusted = caller.role.and_then(|role| role.facts.assumable_by.as_ref());
    let Some(trusted) = trusted.filter(|trusted| !trusted.is_empty()) else {
        return (
            Kind::ForwardOrServiceRole,
            Truth::Unknown,
            "the call that issued the session was not seen, nor the role's trust policy",
        );
    };
    let services: Vec<&str> =
        trusted.iter().filter(|entry| entry.principal_type == "Service").map(|entry| entry.principal.as_str()).collect();
    if services.is_empty() && trusted.iter().all(|entry| entry.principal_type != "*" && !entry.not_principal) {
        return (Kind::Forward, Truth::True, "from the role's trust policy: no service may assume it");
    }
    if services.len() == trusted.len() {
        if services.iter().all(|own| is_compute(own)) {
            return (Kind::Forward, Truth::True, "from the role's trust policy: only code that runs there has its session");
        }
        if services.iter().all(|own| !is_compute(own))
            && (services.iter().any(|own| same(own)) || service.starts_with("AWS Internal"))
        {
            return (Kind::ServiceRole, Truth::False, "from the role's trust policy: only services may assume it");
        }
    }
    (
        Kind::ForwardOrServiceRole,
        Truth::Unknown,
        "the call that issued the session was not seen; the role's trust policy lets more than one way",
    )
}

/// `lambda.amazonaws.com` and `lambda.eu-west-1.amazonaws.com` are the same service.
fn same_service(left: &str, right: &str) -> bool {
    let name = |text: &str| text.split('.').next().unwrap_or_default().to_owned();
    name(left) == name(right)
}

fn principal<'a>(call: &'a Call, world: &World<'a>) -> Caller<'a> {
    let mut caller = Caller {
        principal: Principal::of_type(PrincipalType::Account),
        kind: Kind::Direct,
        forward: Truth::False,
        why: "",
        service: None,
        role: None,
        link: None,
        arn_from: "",
    };
    let principal = &mut caller.principal;
    principal.account = call.principal_account_id.as_deref().filter(|account| *account != "anonymous").map(str::to_owned);
    let own = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    let unique_id = call.principal_id.as_deref().map(|id| id.split(':').next().unwrap_or(id));
    match call.principal_type.as_deref() {
        Some("Root") => {
            principal.principal_type = PrincipalType::Root;
            let built = || principal.account.as_ref().map(|account| format!("arn:{}:iam::{account}:root", call.partition()));
            principal.arn = own(&call.principal_arn).or_else(built);
            caller.arn_from = "from userIdentity.arn";
        }
        Some("IAMUser") => {
            principal.principal_type = PrincipalType::User;
            principal.arn = own(&call.principal_arn);
            caller.arn_from = "from userIdentity.arn";
        }
        Some("FederatedUser") => {
            principal.principal_type = PrincipalType::FederatedUser;
            principal.arn = own(&call.session_arn).or_else(|| own(&call.principal_arn));
            caller.arn_from = "from userIdentity.arn";
        }
        Some("AssumedRole" | "Role") => {
            principal.principal_type = PrincipalType::AssumedRole;
            principal.arn = own(&call.session_arn);
            principal.role_arn = own(&call.principal_arn);
            caller.arn_from = "from userIdentity.sessionContext.sessionIssuer.arn";
        }
        // Neither a user nor a role of IAM: somebody with a token of IAM Identity Center, or of a directory.
        Some("IdentityCenterUser" | "Directory") => {
            principal.principal_type = PrincipalType::Federated;
            caller.arn_from = "from userIdentity.type";
        }
        Some("SAMLUser" | "WebIdentityUser") => {
            principal.principal_type = PrincipalType::Federated;
            principal.arn = federation::provider(call);
            caller.arn_from = "from userIdentity and requestParameters: the identity provider";
        }
        Some("AWSService") => {
            principal.principal_type = PrincipalType::Service;
            let service = call.invoked_by.as_deref().or(call.source_service.as_deref());
            principal.services = service.filter(|name| name.contains('.')).map(str::to_owned).into_iter().collect();
        }
        _ if anonymous(call) => principal.principal_type = PrincipalType::Anonymous,
        Some("AWSAccount") => other_account(&mut caller, call, world, unique_id),
        kind => {
            let is_service = kind.is_none()
                && principal.account.is_none()
                && call.principal_arn.is_none()
                && call.invoked_by.as_deref().is_some_and(|name| name.contains(".amazonaws.com"));
            if is_service {
                principal.principal_type = PrincipalType::Service;
                principal.services = own(&call.invoked_by).into_iter().collect();
            } else if let Some(arn) = call.session_arn.as_deref().or(call.principal_arn.as_deref())
                && let Some(named) = Principal::from_name(arn)
            {
                let account = principal.account.take();
                *principal = named;
                principal.account = principal.account.take().or(account);
                if principal.principal_type == PrincipalType::AssumedRole {
                    principal.role_arn = own(&call.principal_arn);
                }
                caller.arn_from = "from userIdentity.arn";
            }
        }
    }
    let principal = &mut caller.principal;
    principal.unique_id = principal.unique_id.take().or_else(|| unique_id.filter(|id| id.starts_with("A")).map(str::to_owned));
    if principal.principal_type == PrincipalType::AssumedRole {
        let inventory = world.inventory;
        caller.role = unique_id
            .and_then(|id| inventory.role_by_id(id))
            .or_else(|| principal.role_arn.as_deref().and_then(|arn| inventory.role_by_arn(arn)));
        // A role of that name may have been deleted and made again: its unique id differs.
        if let (Some(role), Some(id)) = (caller.role, unique_id)
            && id.starts_with("AROA")
            && role.role_id.as_deref().is_some_and(|own| own != id)
        {
            caller.role = None;
        }
        if principal.role_arn.is_none()
            && let Some(role) = caller.role
        {
            principal.role_arn = Some(role.arn.clone());
            caller.arn_from = "from the inventory: the role of the unique id in userIdentity.principalId";
        }
    }
    caller.link = world.lineage.link(call);
    caller
}

/// A principal of another account: the record has its account and unique id. Its own record or the inventory may name it.
fn other_account<'a>(caller: &mut Caller<'a>, call: &'a Call, world: &World<'a>, unique_id: Option<&str>) {
    let principal = &mut caller.principal;
    principal.principal_type = PrincipalType::Account;
    if let Some(arn) = call.principal_arn.as_deref()
        && let Some(named) = Principal::from_name(arn)
    {
        let account = principal.account.take();
        *principal = named;
        principal.account = principal.account.take().or(account);
        caller.arn_from = "from userIdentity.arn";
        return;
    }
    if let Some(link) = world.lineage.of_shared_event(call)
        && link.issuer_account.as_deref() == principal.account.as_deref()
        && let Some(arn) = link.issuer_session_arn.as_deref().or(link.issuer_arn.as_deref())
        && let Some(named) = Principal::from_name(arn)
    {
        *principal = named;
        if principal.principal_type == PrincipalType::AssumedRole {
            principal.role_arn = link.issuer_arn.as_deref().map(str::to_owned);
        }
        caller.arn_from = "from the caller's own record of the call, by sharedEventID";
        return;
    }
    if let Some(id) = unique_id.filter(|id| id.starts_with("AROA"))
        && let Some(role) = world.inventory.role_by_id(id)
    {
        principal.principal_type = PrincipalType::AssumedRole;
        principal.role_arn = Some(role.arn.clone());
        caller.role = Some(role);
        caller.arn_from = "from the inventory: the role of the unique id in userIdentity.principalId";
        return;
    }
    if let Some(id) = unique_id.filter(|id| id.starts_with("AIDA"))
        && world.inventory.provides(resource_types::USER)
    {
        principal.unique_id = Some(id.to_owned());
    }
}
