//! Condition keys that follow from the principal and the resource of a case, unless its context gives them.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.

use crate::policy::context::{ContextValue, Unknown};
use crate::policy::pattern::arn_parts;
use crate::policy::request::{Principal, PrincipalType, Request, Resource};

/// Fills in what follows from principal and resource.
pub(super) fn fill(request: &mut Request, principal_tags: &[(String, String)], resource_tags: &[(String, String)]) {
    let present = |text: &str| ContextValue::Present(vec![text.to_owned()]);
    let unknown = |why: &str| ContextValue::Unknown(Unknown { why: why.to_owned(), ..Unknown::default() });
    let principal = request.principal.clone();
    let owner = request.owner().map(str::to_owned);
    let context = &mut request.context;
    let kind = principal.principal_type;
    let is_known = principal.account.is_some() || principal.arn.is_some() || principal.role_arn.is_some();
    if let Some(value) = principal_arn(&principal, partition_of(&request.resource)) {
        context.set_default("aws:PrincipalArn", value);
    }
    match kind {
        PrincipalType::Service => {
            context.set_default("aws:PrincipalAccount", unknown("the account of the service is not known"));
        }
        PrincipalType::Anonymous => context.set_default("aws:PrincipalAccount", present("anonymous")),
        _ => {}
    }
    if let Some(account) = &principal.account {
        context.set_default("aws:PrincipalAccount", present(account));
    }
    if let Some(value) = user_id(&principal) {
        context.set_default("aws:userid", value);
    }
    let type_name = match kind {
        PrincipalType::Root => Some("Account"),
        PrincipalType::User => Some("User"),
        PrincipalType::AssumedRole => Some("AssumedRole"),
        PrincipalType::FederatedUser => Some("FederatedUser"),
        PrincipalType::Anonymous => Some("Anonymous"),
        PrincipalType::Federated | PrincipalType::Service | PrincipalType::Account => None,
    };
    match (type_name, kind) {
        (Some(name), _) => context.set_default("aws:PrincipalType", present(name)),
        (None, PrincipalType::Account) if is_known => {
            let types = ["Account", "User", "AssumedRole", "FederatedUser"].map(|name| vec![name.to_owned()]).to_vec();
            let why = "only the account of the caller is known".to_owned();
            let value = Unknown { why, candidates: Some(types), ..Unknown::default() };
            context.set_default("aws:PrincipalType", ContextValue::Unknown(value));
        }
        (None, PrincipalType::Service) => {
            let why = "AWS does not document it for service principals";
            context.set_default("aws:PrincipalType", ContextValue::Unknown(Unknown::new(why)));
        }
        (None, _) => {}
    }
    match kind {
        PrincipalType::Service => {
            context.set_default("aws:PrincipalIsAWSService", present("true"));
            if let Some(service) = principal.services.first() {
                context.set_default("aws:PrincipalServiceName", present(service));
            }
            let names = Unknown { known_members: principal.services.clone(), ..Unknown::new("it also holds regional names") };
            context.set_default("aws:PrincipalServiceNamesList", ContextValue::Unknown(names));
        }
        PrincipalType::Anonymous => {
            // Anonymous requests do not include it.
            for key in ["aws:PrincipalArn", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths"] {
                context.set_default(key, ContextValue::Absent);
            }
        }
        PrincipalType::Federated => {}
        _ if is_known => context.set_default("aws:PrincipalIsAWSService", present("false")),
        _ => {}
    }
    match (kind, principal.arn.as_deref().and_then(|arn| arn.rsplit('/').next())) {
        (PrincipalType::User, Some(name)) => context.set_default("aws:username", present(name)),
        (PrincipalType::User, None) => context.set_default("aws:username", unknown("the name of the user is not known")),
        (PrincipalType::Account, _) if is_known => {
            let why = "only the account of the caller is known";
            context.set_default("aws:username", ContextValue::Unknown(Unknown::new(why)));
        }
        _ => {}
    }
    let is_user = matches!(kind, PrincipalType::User | PrincipalType::Account | PrincipalType::Federated);
    if !is_user && kind != PrincipalType::Service {
        context.set_default("aws:username", ContextValue::Absent);
    }
    if !matches!(kind, PrincipalType::Service | PrincipalType::Account | PrincipalType::Federated) {
        context.set_default("aws:PrincipalServiceName", ContextValue::Absent);
        context.set_default("aws:PrincipalServiceNamesList", ContextValue::Absent);
    }
    for (key, value) in principal_tags {
        context.set_default(&format!("aws:PrincipalTag/{key}"), present(value));
    }
    for (key, value) in resource_tags {
        context.set_default(&format!("aws:ResourceTag/{key}"), present(value));
    }
    match (owner, &request.resource) {
        (Some(account), _) => context.set_default("aws:ResourceAccount", present(&account)),
        (None, Resource::Unknown) => {
            context.set_default("aws:ResourceAccount", ContextValue::Unknown(Unknown::new("the resource is not known")));
        }
        (None, resource) if leaves_owner_open(resource) => {
            context.set_default("aws:ResourceAccount", unknown("the account that owns the resource is not known"));
        }
        (None, _) => {}
    }
}

/// Does the ARN not tell which account owns the resource, as that of a bucket does not?
fn leaves_owner_open(resource: &Resource) -> bool {
    let account_is_open =
        |arn: &str| arn_parts(arn).is_some_and(|[.., account, _]| account.is_empty() || account.contains('*'));
    match resource {
        Resource::Known(arn) => account_is_open(arn),
        Resource::Partial(partial) => account_is_open(&partial.text()),
        Resource::Unknown => true,
    }
}

/// `aws:PrincipalArn`: of a session the ARN of its role. What the principal does not tell of it is not known; what it tells is.
fn principal_arn(principal: &Principal, partition: &str) -> Option<ContextValue> {
    let present = |arn: &str| Some(ContextValue::Present(vec![arn.to_owned()]));
    let why = match principal.principal_type {
        PrincipalType::Service => {
            return Some(ContextValue::Unknown(Unknown::new("AWS does not document it for service principals")));
        }
        PrincipalType::Anonymous | PrincipalType::Federated => return None,
        PrincipalType::Account if principal.account.is_none() => return None,
        PrincipalType::Account => "only the account of the caller is known",
        PrincipalType::AssumedRole => match (&principal.role_arn, principal.role_name()) {
            (Some(arn), _) => return present(arn),
            (None, Some(_)) => "the ARN of a session does not tell the path of its role; give role_arn",
            (None, None) => "the role is not known",
        },
        PrincipalType::Root | PrincipalType::User | PrincipalType::FederatedUser => {
            match (&principal.arn, &principal.account) {
                (Some(arn), _) => return present(arn),
                (None, Some(account)) if principal.principal_type == PrincipalType::Root => {
                    return present(&format!("arn:{partition}:iam::{account}:root"));
                }
                (None, _) => "the ARN of the caller is not known",
            }
        }
    };
    let partition = principal.arn.as_deref().and_then(arn_parts).map_or("*", |[_, partition, ..]| partition);
    let like = principal.possible_arns(partition);
    Some(ContextValue::Unknown(Unknown { why: why.to_owned(), like, ..Unknown::default() }))
}

/// The partition that the ARN of a resource names, else that of most accounts.
fn partition_of(resource: &Resource) -> &str {
    match resource {
        Resource::Known(arn) => arn_parts(arn).map_or("aws", |[_, partition, ..]| partition),
        Resource::Partial(_) | Resource::Unknown => "aws",
    }
}

/// The value of `aws:userid`, which every signed request has, as the table of
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html> has it.
fn user_id(principal: &Principal) -> Option<ContextValue> {
    let last = |arn: &Option<String>| arn.as_deref().and_then(|arn| arn.rsplit('/').next()).map(str::to_owned);
    let known = |value: String| ContextValue::Present(vec![value]);
    let like = |pattern: String| {
        let why = "the unique id of the caller is not known; give `id`".to_owned();
        ContextValue::Unknown(Unknown { why, like: vec![pattern], ..Unknown::default() })
    };
    let account = principal.account.as_deref();
    Some(match principal.principal_type {
        PrincipalType::Root => account.map_or_else(|| like("*".to_owned()), |account| known(account.to_owned())),
        PrincipalType::User => principal.unique_id.clone().map_or_else(|| like("AIDA*".to_owned()), known),
        PrincipalType::AssumedRole => match (&principal.unique_id, last(&principal.arn)) {
            (Some(id), Some(session)) => known(format!("{id}:{session}")),
            (id, session) => like(format!("{}:{}", id.as_deref().unwrap_or("AROA*"), session.as_deref().unwrap_or("*"))),
        },
        PrincipalType::FederatedUser => match (account, last(&principal.arn)) {
            (Some(account), Some(name)) => known(format!("{account}:{name}")),
            (account, name) => like(format!("{}:{}", account.unwrap_or("*"), name.as_deref().unwrap_or("*"))),
        },
        PrincipalType::Anonymous => known("anonymous".to_owned()),
        PrincipalType::Account if account.is_some() => like("*".to_owned()),
        PrincipalType::Service => ContextValue::Unknown(Unknown::new("AWS does not document it for service principals")),
        PrincipalType::Account | PrincipalType::Federated => return None,
    })
}
