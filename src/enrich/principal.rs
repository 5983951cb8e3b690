//! Who called: kind, owner account and role facts, from the record first and the inventory second.

use crate::config::perimeter::model::PrincipalList;
use crate::inventory::model::Role;
use crate::pattern::Pattern;

use super::arn::{Arn, any_covers, is_account_id};
use super::world::{Membership, World};

/// The `principal_kind` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ServiceLinkedRole,
    ServiceRole,
    HumanRole,
    Role,
    User,
    Root,
    AwsService,
    Anonymous,
    Federated,
    Unknown,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::ServiceLinkedRole => "service_linked_role",
            Kind::ServiceRole => "service_role",
            Kind::HumanRole => "human_role",
            Kind::Role => "role",
            Kind::User => "user",
            Kind::Root => "root",
            Kind::AwsService => "aws_service",
            Kind::Anonymous => "anonymous",
            Kind::Federated => "federated",
            Kind::Unknown => "unknown",
        }
    }

    pub(crate) fn is_role(self) -> bool {
        matches!(self, Kind::ServiceLinkedRole | Kind::ServiceRole | Kind::HumanRole | Kind::Role)
    }
}

/// The `principal_ownership` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    InOrganization,
    OutsideOrganization,
    AwsService,
    Anonymous,
    Unknown,
}

impl Ownership {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Ownership::InOrganization => "in_organization",
            Ownership::OutsideOrganization => "outside_organization",
            Ownership::AwsService => "aws_service",
            Ownership::Anonymous => "anonymous",
            Ownership::Unknown => "unknown",
        }
    }
}

/// Who may assume a role, as far as it decides whether a service used its own session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Assumers {
    /// Not a role, or the trust policy is unknown.
    Unknown,
    Known {
        /// Service principals, such as `lambda.amazonaws.com`.
        services: Vec<String>,
        /// People, workloads or accounts may assume it too.
        others: bool,
    },
}

/// A caller.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub(crate) kind: Kind,
    pub(crate) ownership: Ownership,
    pub(crate) account_id: Option<String>,
    /// ARN of the role (not of the session), user or root: from the record, else from the inventory by unique id.
    pub(crate) arn: Option<String>,
    /// `AROA…`, `AIDA…`, without a session name.
    pub(crate) unique_id: Option<String>,
    pub(crate) unit: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) assumable_by: Option<String>,
    pub(crate) assumers: Assumers,
    /// The service, where the caller is one.
    pub(crate) service: Option<String>,
}

/// What a record says about its caller; null is unknown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recorded<'a> {
    pub(crate) arn: Option<&'a str>,
    pub(crate) principal_type: Option<&'a str>,
    pub(crate) id: Option<&'a str>,
    pub(crate) account_id: Option<&'a str>,
    pub(crate) invoked_by: Option<&'a str>,
}

impl Principal {
    pub(crate) fn new(world: &World<'_>, recorded: Recorded<'_>) -> Principal {
        // Only the id of a role has a session name behind it; that of a federated caller has colons of its own.
        let without_session =
            |id: &'_ str| if id.starts_with("AROA") { id.split(':').next().unwrap_or(id).len() } else { id.len() };
        let unique_id = recorded.id.and_then(|id| id.get(..without_session(id))).filter(|id| !id.is_empty());
        let recorded_arn = recorded.arn.and_then(|arn| Arn::parse(arn).map(|parsed| (arn, parsed)));
        let inventory = world.context.inventory;
        let basic = basic_kind(recorded, unique_id, recorded_arn.map(|(_, parsed)| parsed));
        // A role of the same name may have been deleted and created again: the unique id tells them apart, the ARN does not.
        let role: Option<&Role> = match (basic, unique_id, recorded.arn) {
            (Kind::Role, Some(id), _) if id.starts_with("AROA") && inventory.role_by_id(id).is_some() => {
                inventory.role_by_id(id)
            }
            (Kind::Role, id, Some(arn)) => inventory.role_by_arn(arn).filter(|role| {
                let known = role.role_id.as_deref();
                known.is_none() || !id.is_some_and(|id| id.starts_with("AROA")) || known == id
            }),
            _ => None,
        };
        // A session ARN does not show the path of the role, so it cannot stand for the role's ARN.
        let arn = match recorded_arn {
            Some((arn, parsed)) if !parsed.resource.starts_with("assumed-role/") => Some(arn),
            _ => role.map(|role| role.arn.as_str()),
        };
        let account_id = match (basic, recorded.account_id, recorded_arn) {
            (Kind::AwsService | Kind::Anonymous, _, _) => None,
            (_, Some(account_id), _) => Some(account_id),
            (_, None, Some((_, parsed))) if parsed.account_id().is_some() => parsed.account_id(),
            _ => role.map(|role| role.account_id.as_str()),
        };
        let kind = if basic == Kind::Role { role_kind(world, arn, role) } else { basic };
        let tags = match (kind, arn) {
            (Kind::User, Some(arn)) => inventory.resource(arn).map(|user| &user.tags),
            _ => role.map(|role| &role.tags),
        };
        Principal {
            kind,
            ownership: match kind {
                Kind::AwsService => Ownership::AwsService,
                Kind::Anonymous => Ownership::Anonymous,
                _ => match account_id.map(|id| world.membership(id)) {
                    Some(Membership::Inside) => Ownership::InOrganization,
                    Some(Membership::Outside) => Ownership::OutsideOrganization,
                    Some(Membership::Unknown) | None => Ownership::Unknown,
                },
            },
            unit: world.unit(account_id),
            account_id: account_id.map(str::to_owned),
            arn: arn.map(str::to_owned),
            unique_id: unique_id.map(str::to_owned),
            owner: tags.and_then(|tags| world.owner_tag(tags)).map(str::to_owned),
            assumable_by: role.and_then(Role::assumable_by_text),
            assumers: role.map_or(Assumers::Unknown, assumers),
            service: if kind == Kind::AwsService { recorded.invoked_by.map(str::to_owned) } else { None },
        }
    }

    /// For a reader: the ARN where it is known.
    pub(crate) fn phrase(&self, world: &World<'_>) -> String {
        match (self.kind, &self.arn, &self.unique_id, &self.account_id) {
            (Kind::Anonymous, ..) => "an anonymous caller".to_owned(),
            (Kind::AwsService, ..) => match &self.service {
                Some(service) => format!("the AWS service {service}"),
                None => "an AWS service".to_owned(),
            },
            (_, Some(arn), _, _) => arn.clone(),
            (_, None, Some(id), Some(account)) => format!("principal {id} of {}", world.account_phrase(account)),
            (_, None, Some(id), None) => format!("principal {id}"),
            (_, None, None, Some(account)) => format!("a caller of {}", world.account_phrase(account)),
            (_, None, None, None) => "a caller that the record does not name".to_owned(),
        }
    }

    /// Is the principal on a list of the perimeter definition?
    pub(crate) fn is_listed(&self, accounts: &[String], patterns: &[Pattern]) -> Listed {
        if matches!(self.kind, Kind::AwsService | Kind::Anonymous) {
            return Listed::No;
        }
        if self.account_id.as_ref().is_some_and(|id| accounts.contains(id)) {
            return Listed::Yes;
        }
        if [&self.arn, &self.unique_id].into_iter().flatten().any(|value| any_covers(patterns, value)) {
            return Listed::Yes;
        }
        if self.account_id.is_none() && !accounts.is_empty() {
            return Listed::AccountHidden;
        }
        // Trails show of callers from other accounts only the unique id: a pattern on ARNs of that account may or may not fit.
        if self.arn.is_none() && patterns.iter().any(|pattern| may_name_account(pattern, self.account_id.as_deref())) {
            return Listed::ArnHidden;
        }
        Listed::No
    }

    pub(crate) fn is_exempt(&self, list: &PrincipalList) -> Listed {
        self.is_listed(&list.accounts, &list.principals)
    }

    /// What would settle a fact about the principal's ARN or trust policy.
    pub(crate) fn settled_by(&self, world: &World<'_>) -> String {
        let role = crate::inventory::model::resource_types::ROLE;
        match (&self.arn, &self.unique_id) {
            (Some(arn), _) if self.kind.is_role() => world.settles_item(role, format!("role {arn} in the inventory")),
            (None, Some(id)) if self.kind.is_role() => world.settles_item(role, format!("role {id} in the inventory")),
            (_, Some(id)) => format!("ARN of principal {id}"),
            _ => "ARN of the caller".to_owned(),
        }
    }
}

/// Three-valued: may a principal be on a list?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    Yes,
    No,
    /// The list names accounts, and the record hides the caller's.
    AccountHidden,
    /// A pattern names ARNs of the caller's account, and the record hides the caller's ARN.
    ArnHidden,
}

/// Could a pattern on ARNs match a principal of this account (`None`: of any)?
fn may_name_account(pattern: &Pattern, account_id: Option<&str>) -> bool {
    let text = pattern.as_str();
    match (Arn::parse(text), account_id) {
        (Some(arn), Some(account_id)) => Pattern::new(arn.account).matches(account_id),
        (Some(_), None) => true,
        // Not six parts: a wildcard may stand for the account, and a pattern without one is a unique id.
        (None, _) => text.contains('*'),
    }
}

/// The kind as far as the record tells it; every role is [`Kind::Role`].
fn basic_kind(recorded: Recorded<'_>, unique_id: Option<&str>, arn: Option<Arn<'_>>) -> Kind {
    // S3 writes the anonymous caller in several ways, in older records as account `ANONYMOUS_PRINCIPAL`.
    let anonymous = |text: &str| text.eq_ignore_ascii_case("anonymous") || text.eq_ignore_ascii_case("ANONYMOUS_PRINCIPAL");
    if recorded.account_id.is_some_and(anonymous) || unique_id.is_some_and(anonymous) {
        return Kind::Anonymous;
    }
    match recorded.principal_type {
        Some("AWSService") => return Kind::AwsService,
        Some("Root") => return Kind::Root,
        Some("IAMUser") => return Kind::User,
        Some("FederatedUser" | "SAMLUser" | "WebIdentityUser" | "IdentityCenterUser") => return Kind::Federated,
        Some("AssumedRole" | "Role") => return Kind::Role,
        _ => {}
    }
    if let Some(arn) = arn {
        return match arn.resource.split('/').next() {
            Some("role" | "assumed-role") => Kind::Role,
            Some("user") => Kind::User,
            Some("federated-user") => Kind::Federated,
            Some("root") => Kind::Root,
            _ => Kind::Unknown,
        };
    }
    match unique_id {
        Some(id) if id.starts_with("AROA") => Kind::Role,
        Some(id) if id.starts_with("AIDA") => Kind::User,
        Some(id) if is_account_id(id) => Kind::Root,
        // Service events name the service and no type at all.
        None if recorded.principal_type.is_none() && recorded.invoked_by.is_some() => Kind::AwsService,
        _ => Kind::Unknown,
    }
}

fn role_kind(world: &World<'_>, arn: Option<&str>, role: Option<&Role>) -> Kind {
    // The path is reserved: only AWS services create roles below it, in every partition
    // (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
    let reserved = arn.and_then(Arn::parse).is_some_and(|arn| arn.resource.starts_with("role/aws-service-role/"));
    if reserved || role.is_some_and(|role| role.facts.service_linked) {
        return Kind::ServiceLinkedRole;
    }
    let human = match (arn, world.account_trust()) {
        (Some(arn), Some(trust)) => any_covers(&trust.human_roles, arn),
        _ => false,
    };
    match role.map(assumers) {
        Some(Assumers::Known { services, others: false }) if !services.is_empty() => Kind::ServiceRole,
        _ if human => Kind::HumanRole,
        Some(Assumers::Known { services, .. }) if !services.is_empty() => Kind::ServiceRole,
        _ => Kind::Role,
    }
}

fn assumers(role: &Role) -> Assumers {
    let Some(assumable_by) = &role.facts.assumable_by else { return Assumers::Unknown };
    let is_service = |entry: &&crate::inventory::AssumableBy| entry.principal_type == "Service" && !entry.not_principal;
    let services: Vec<String> = assumable_by.iter().filter(is_service).map(|entry| entry.principal.clone()).collect();
    let others = services.len() < assumable_by.len();
    Assumers::Known { services, others }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_arn_may_fit_only_patterns_of_its_account() {
        let may = |pattern: &str| may_name_account(&Pattern::new(pattern), Some("444455556666"));
        assert!(may("arn:aws:iam::444455556666:role/partner/*"));
        assert!(may("arn:aws:iam::*:role/partner"));
        assert!(may("arn:aws:iam::4444????6666:role/partner"));
        assert!(may("*:role/partner"));
        assert!(!may("arn:aws:iam::777788889999:role/partner/*"));
        assert!(!may("AROAEXAMPLEPARTNER01"));
    }
}
