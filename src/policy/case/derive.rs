//! Condition keys that follow from the principal and the resource of a case, unless its context gives them.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.

use crate::policy::context::{Context, ContextValue, Unknown};
use crate::policy::request::{Principal, PrincipalType, Request};

/// Fills in what follows from principal and resource.
pub(super) fn fill(request: &mut Request, principal_tags: &[(String, String)], resource_tags: &[(String, String)]) {
    let present = |text: &str| ContextValue::Present(vec![text.to_owned()]);
    let unknown = |why: &str| ContextValue::Unknown(Unknown { why: why.to_owned(), ..Unknown::default() });
    let principal = request.principal.clone();
    let context = &mut request.context;
    let kind = principal.principal_type;
    let is_known = principal.account.is_some() || principal.arn.is_some() || principal.role_arn.is_some();
    match kind {
        PrincipalType::AssumedRole => match &principal.role_arn {
            Some(arn) => context.set_default("aws:PrincipalArn", present(arn)),
            None => context.set_default(
                "aws:PrincipalArn",
                unknown("the ARN of a session does not tell the path of its role; give role_arn"),
            ),
        },
        PrincipalType::Root | PrincipalType::User | PrincipalType::FederatedUser => {
            if let Some(arn) = &principal.arn {
                context.set_default("aws:PrincipalArn", present(arn));
            }
        }
        PrincipalType::Account if is_known => {
            context.set_default("aws:PrincipalArn", unknown("only the account of the caller is known"));
        }
        PrincipalType::Service => {
            let why = "AWS does not document it for service principals";
            context.set_default("aws:PrincipalArn", ContextValue::Unknown(Unknown::new(why)));
            context.set_default("aws:PrincipalAccount", unknown("the account of the service is not known"));
        }
        PrincipalType::Anonymous => context.set_default("aws:PrincipalAccount", present("anonymous")),
        PrincipalType::Account | PrincipalType::Federated => {}
    }
    if let Some(account) = &principal.account {
        context.set_default("aws:PrincipalAccount", present(account));
    }
    user_id(context, &principal);
    let type_name = match kind {
        PrincipalType::Root => Some("Account"),
        PrincipalType::User => Some("User"),
        PrincipalType::AssumedRole => Some("AssumedRole"),
        PrincipalType::FederatedUser => Some("FederatedUser"),
        PrincipalType::Anonymous => Some("Anonymous"),
        PrincipalType::Federated | PrincipalType::Service | PrincipalType::Account => None,
    };
    if let Some(name) = type_name {
        context.set_default("aws:PrincipalType", present(name));
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
    if let (PrincipalType::User, Some(arn)) = (kind, &principal.arn)
        && let Some(name) = arn.rsplit('/').next()
    {
        context.set_default("aws:username", present(name));
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
    if let Some(account) = request.resource_account.clone() {
        context.set_default("aws:ResourceAccount", present(&account));
    }
}

/// The value of `aws:userid` as the table of
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html> has it, where the principal tells enough.
fn user_id(context: &mut Context, principal: &Principal) {
    let last = |arn: &Option<String>| arn.as_deref().and_then(|arn| arn.rsplit('/').next()).map(str::to_owned);
    let value = match principal.principal_type {
        PrincipalType::Root => principal.account.clone(),
        PrincipalType::User => principal.unique_id.clone(),
        PrincipalType::AssumedRole => {
            principal.unique_id.as_ref().zip(last(&principal.arn)).map(|(id, session)| format!("{id}:{session}"))
        }
        PrincipalType::FederatedUser => {
            principal.account.as_ref().zip(last(&principal.arn)).map(|(account, name)| format!("{account}:{name}"))
        }
        PrincipalType::Anonymous => Some("anonymous".to_owned()),
        PrincipalType::Federated | PrincipalType::Service | PrincipalType::Account => None,
    };
    if let Some(value) = value {
        context.set_default("aws:userid", ContextValue::Present(vec![value]));
    }
}
