//! Keys about the session: how it was made, for what, and who is behind it.

use serde_json::Value;

use crate::policy::context::{ContextValue, Unknown};
use crate::policy::request::PrincipalType;
use crate::policy::truth::Truth;

use super::super::caller::Kind;
use super::super::federation;
use super::super::scene::Scene;
use super::{Known, absent, one_of, present, some_value, unknown};

pub(super) fn value(scene: &Scene<'_>, key: &str) -> Option<Known> {
    let call = scene.call;
    match key {
        "aws:assumedroot" => match call.assumed_root {
            Some(true) => present("true", "from sessionContext.assumedRoot"),
            _ => absent("sessionContext.assumedRoot is not there: no session of AssumeRoot"),
        },
        "aws:federatedprovider" => match call.federated_provider.as_deref() {
            Some(provider) if kind(scene) == PrincipalType::AssumedRole => {
                present(provider, "from sessionContext.webIdFederationData.federatedProvider")
            }
            _ if kind(scene) == PrincipalType::Account => unknown("the record shows only the account of the caller"),
            _ if kind(scene) == PrincipalType::Federated && scene.event_name() == "AssumeRoleWithWebIdentity" => {
                provider_of_token(scene)
            }
            _ => absent("sessionContext.webIdFederationData is not there: no session of a web identity"),
        },
        "aws:sourceidentity" => source_identity(scene),
        "aws:multifactorauthpresent" => mfa(scene),
        "aws:multifactorauthage" => mfa_age(scene),
        "aws:signinsessionarn" => match call.sign_in_session_arn.as_deref() {
            Some(arn) => present(arn, "from sessionContext.signInSessionArn"),
            None if call.session_from_console == Some(true) => {
                unknown("a console session whose record has no signInSessionArn")
            }
            None => absent("sessionContext.signInSessionArn is not there"),
        },
        "aws:viacustomerdomain" => match call.invoked_by_delegate_account_id.as_deref() {
            Some(account) => present(account, "from userIdentity.invokedByDelegate.accountId"),
            None => absent("userIdentity.invokedByDelegate is not there"),
        },
        "identitystore:userid" => match call.on_behalf_of_user_id.as_deref() {
            Some(user) => present(user, "from userIdentity.onBehalfOf.userId"),
            None if is_identity_center(scene) => unknown("a session of IAM Identity Center whose record has no onBehalfOf"),
            None => absent("userIdentity.onBehalfOf is not there"),
        },
        "ec2:roledelivery" => match call.ec2_role_delivery.as_deref() {
            Some(version) => present(version, "from sessionContext.ec2RoleDelivery"),
            None if instance(scene).is_some() => unknown("a session of an instance whose record has no ec2RoleDelivery"),
            None => absent("sessionContext.ec2RoleDelivery is not there: no session of an instance"),
        },
        "ec2:sourceinstancearn" => instance_arn(scene),
        "aws:ec2instancesourcevpc" | "aws:ec2instancesourceprivateipv4" => match instance(scene) {
            Some(_) => some_value("the inventory does not tell the network of the instance"),
            None if may_be_of(scene, "ec2.amazonaws.com").is_unknown() => unknown("the session may be one of an instance"),
            None => absent("no session of an instance"),
        },
        "lambda:sourcefunctionarn" => function_arn(scene),
        "aws:chatbotsourcearn" => of_service(scene, "chatbot.amazonaws.com"),
        "glue:roleassumedby" | "glue:credentialissuingservice" => of_glue(scene, key),
        "codebuild:buildarn" | "codebuild:projectarn" => of_service(scene, "codebuild.amazonaws.com"),
        "ssm:sourceinstancearn" => of_service(scene, "ssm.amazonaws.com"),
        _ => None,
    }
}

fn kind(scene: &Scene<'_>) -> PrincipalType {
    scene.caller.principal.principal_type
}

fn source_identity(scene: &Scene<'_>) -> Option<Known> {
    if let Some(identity) = scene.call.source_identity.as_deref() {
        return present(identity, "from sessionContext.sourceIdentity");
    }
    if let Some(identity) = scene.caller.link.and_then(|link| scene.world.lineage.source_identity(link)) {
        return present(identity, "from the call that issued the session");
    }
    match kind(scene) {
        PrincipalType::Account => unknown("the record shows only the account of the caller"),
        _ => absent("sessionContext.sourceIdentity is not there"),
    }
}

/// Role trust policies may compare the provider; whether the key is there before there is a session is not said plainly.
fn provider_of_token(scene: &Scene<'_>) -> Option<Known> {
    let why = "a role is being assumed with a token: whether the key is there already is not documented";
    match federation::provider(scene.call) {
        Some(provider) => one_of(&[&provider], true, why),
        None => unknown(why),
    }
}

/// Does the request carry an MFA code? It then counts for this request, whatever the credentials:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html>. Roll-ups keep the device and drop
/// the code.
fn has_code(scene: &Scene<'_>) -> Truth {
    match matches!(scene.event_name(), "AssumeRole" | "GetSessionToken") && scene.has("serialNumber") {
        false => Truth::False,
        true if scene.has("tokenCode") => Truth::True,
        true => Truth::Unknown,
    }
}

/// MFA of a request that names a device.
fn mfa_of_request(scene: &Scene<'_>) -> Option<Known> {
    match (has_code(scene), &scene.call.error_code) {
        (Truth::False, _) => None,
        (Truth::True, None) => {
            present("true", "from requestParameters.serialNumber and tokenCode: the request has an MFA code")
        }
        (Truth::Unknown, None) => {
            one_of(&["true"], true, "the request names an MFA device: whether a code came with it is not recorded")
        }
        (_, Some(_)) => one_of(&["true"], true, "the request failed: whether its MFA code was a right one is not recorded"),
    }
}

/// Are the credentials long-term ones?
fn is_long_term(scene: &Scene<'_>) -> bool {
    scene.call.access_key_id.as_deref().is_some_and(|key| key.starts_with("AKIA"))
}

fn mfa(scene: &Scene<'_>) -> Option<Known> {
    match kind(scene) {
        PrincipalType::Service | PrincipalType::Anonymous | PrincipalType::Federated => {
            return absent("only temporary credentials of users and roles tell");
        }
        PrincipalType::Account => return unknown("the record shows only the account of the caller"),
        PrincipalType::FederatedUser => return absent("sessions of GetFederationToken do not tell"),
        _ => {}
    }
    if let Some(known) = mfa_of_request(scene) {
        return Some(known);
    }
    if is_long_term(scene) {
        return absent("long-term credentials do not tell");
    }
    let recorded = scene.call.mfa_authenticated;
    if matches!(kind(scene), PrincipalType::User | PrincipalType::Root) {
        return match (recorded, scene.call.session_created_at) {
            (Some(flag), Some(_)) => present(flag.to_string(), "from sessionContext.attributes.mfaAuthenticated"),
            (None, None) => absent("no session: long-term credentials do not tell"),
            _ => unknown("the record does not tell whether the session was made with MFA"),
        };
    }
    if let Some(link) = scene.caller.link {
        if link.with_mfa {
            // One page says so, and another that credentials of AssumeRole do not tell:
            // <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html>.
            return one_of(
                &["true"],
                true,
                "the session was issued with an MFA code: whether it then tells is documented both ways",
            );
        }
        if link.is_by_service() {
            return absent("the session was issued to a service");
        }
    }
    if is_workload(scene) {
        return absent("only services may have the session, which have no MFA");
    }
    match recorded {
        Some(true) => one_of(&["true"], true, "CloudTrail's mfaAuthenticated of a role is separate from what IAM requires"),
        Some(false) => one_of(&["false"], true, "CloudTrail writes mfaAuthenticated false also where IAM has no such key"),
        None => one_of(&["true", "false"], true, "the record does not tell whether the session was made with MFA"),
    }
}

/// Is the session surely one of an instance, or of a role that only services may assume?
fn is_workload(scene: &Scene<'_>) -> bool {
    let trusted = scene.caller.role.and_then(|role| role.facts.assumable_by.as_ref());
    scene.call.ec2_role_delivery.is_some()
        || matches!(scene.caller.kind, Kind::ServiceRole | Kind::ServiceLinkedRole)
        || trusted.is_some_and(|trusted| {
            !trusted.is_empty() && trusted.iter().all(|entry| entry.principal_type == "Service" && !entry.not_principal)
        })
}

fn mfa_age(scene: &Scene<'_>) -> Option<Known> {
    let (present_value, from) = mfa(scene)?;
    let with_mfa = match &present_value {
        ContextValue::Absent => return Some((ContextValue::Absent, from)),
        ContextValue::Present(values) => values.iter().any(|value| value == "true"),
        ContextValue::Unknown(_) => return unknown("whether the session was made with MFA is not certain"),
    };
    if !with_mfa {
        return absent("the session was made without MFA");
    }
    if has_code(scene).is_true() {
        return present("0", "from requestParameters.tokenCode: the MFA code comes with the request");
    }
    let why = "when the MFA code was given is not recorded; the session is not younger than it tells";
    let age = match (scene.call.session_created_at, scene.call.last_seen) {
        (Some(created), Some(called)) => (called - created).max(0) / 1_000_000,
        _ => return some_value(why),
    };
    let between = Some(["0".to_owned(), (age + 1).to_string()]);
    Some((ContextValue::Unknown(Unknown { why: why.to_owned(), between, ..Unknown::default() }), why.into()))
}

fn is_identity_center(scene: &Scene<'_>) -> bool {
    let role = scene.caller.principal.role_arn.as_deref().unwrap_or_default();
    role.contains(":role/aws-reserved/sso.amazonaws.com/") || role.contains("/AWSReservedSSO_")
}

/// The instance whose session it is: the name of the session is its id.
fn instance<'s>(scene: &'s Scene<'_>) -> Option<&'s str> {
    if kind(scene) != PrincipalType::AssumedRole {
        return None;
    }
    let name = scene.call.principal_id.as_deref()?.split_once(':')?.1;
    let id = name.strip_prefix("i-")?;
    let is_id = matches!(id.len(), 8 | 17) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Anybody may choose such a name; the instance service proves it.
    let trusted = scene.call.ec2_role_delivery.is_some() || !may_be_of(scene, "ec2.amazonaws.com").is_false();
    (is_id && trusted).then_some(name)
}

fn instance_arn(scene: &Scene<'_>) -> Option<Known> {
    let Some(id) = instance(scene) else {
        if may_be_of(scene, "ec2.amazonaws.com").is_unknown() && scene.call.principal_id.is_none() {
            return unknown("the record does not tell whether the session is one of an instance");
        }
        return absent("no session of an instance");
    };
    let account = scene.caller.principal.account.as_deref().unwrap_or_default();
    let region = scene.call.region.as_deref().unwrap_or_default();
    let here = format!("arn:{}:ec2:{region}:{account}:instance/{id}", scene.call.partition());
    if scene.world.inventory.resource(&here).is_some() && scene.call.ec2_role_delivery.is_some() {
        return present(here, "from the inventory: the instance of the session's name");
    }
    some_value("the region of the instance is not recorded")
}

/// May the service have got the session? By the role's trust policy and the call that issued the session.
pub(super) fn may_be_of(scene: &Scene<'_>, service: &str) -> Truth {
    if kind(scene) != PrincipalType::AssumedRole {
        return if kind(scene) == PrincipalType::Account { Truth::Unknown } else { Truth::False };
    }
    if let Some(link) = scene.caller.link {
        return (link.is_by_service() && link.invoked_by.as_deref().is_none_or(|own| own == service)).into();
    }
    match scene.caller.role.and_then(|role| role.facts.assumable_by.as_ref()) {
        Some(trusted) => {
            let may =
                trusted.iter().any(|entry| entry.principal == service || entry.principal_type == "*" || entry.not_principal);
            if may { Truth::Unknown } else { Truth::False }
        }
        None => Truth::Unknown,
    }
}

/// A key that only sessions of one service have, and that no record tells.
fn of_service(scene: &Scene<'_>, service: &str) -> Option<Known> {
    match may_be_of(scene, service) {
        Truth::False => absent("the session cannot be one of that service"),
        Truth::True | Truth::Unknown => {
            let arn = in_scope(scene, "credentialsIssuedTo").or_else(|| in_scope(scene, "sourceArn"));
            match arn {
                Some(arn) if arn.contains(&format!(":{}:", service.split('.').next().unwrap_or_default())) => {
                    present(arn, "from userIdentity.inScopeOf")
                }
                _ => unknown("the session may be one of that service, and records do not show the key"),
            }
        }
    }
}

/// Code of a job has the one key, what AWS Glue does itself the other, both with the name of the service.
fn of_glue(scene: &Scene<'_>, key: &str) -> Option<Known> {
    const GLUE: &str = "glue.amazonaws.com";
    let of_job = key == "glue:credentialissuingservice";
    let is_glue = |arn: Option<String>| arn.is_some_and(|arn| arn.contains(":glue:"));
    if of_job && (is_glue(in_scope(scene, "credentialsIssuedTo")) || is_glue(in_scope(scene, "sourceArn"))) {
        return present(GLUE, "from userIdentity.inScopeOf: credentials that were issued to a job");
    }
    match may_be_of(scene, GLUE) {
        Truth::False => absent("the session cannot be one of that service"),
        _ if of_job && scene.caller.kind != Kind::Direct => {
            one_of(&[GLUE], true, "whether code of a job made the call, or the service itself, is not recorded")
        }
        Truth::True | Truth::Unknown => {
            one_of(&[GLUE], true, "the session may be one of a job, and records do not show the key")
        }
    }
}

/// A member of `userIdentity.inScopeOf`.
pub(super) fn in_scope(scene: &Scene<'_>, member: &str) -> Option<String> {
    let scope: Value = serde_json::from_str(scene.call.in_scope_of.as_deref()?).ok()?;
    scope.get(member)?.as_str().map(str::to_owned)
}

fn function_arn(scene: &Scene<'_>) -> Option<Known> {
    let is_function = in_scope(scene, "issuerType").as_deref() == Some("AWS::Lambda::Function");
    if is_function && let Some(arn) = in_scope(scene, "credentialsIssuedTo").or_else(|| in_scope(scene, "sourceArn")) {
        // The key has the function without its version.
        let unqualified: Vec<&str> = arn.splitn(8, ':').take(7).collect();
        return present(unqualified.join(":"), "from userIdentity.inScopeOf");
    }
    if scene.caller.kind == Kind::ServiceLinkedRole {
        return absent("a service-linked role is no function's");
    }
    match may_be_of(scene, "lambda.amazonaws.com") {
        Truth::False => absent("the session cannot be one of a function"),
        Truth::True | Truth::Unknown => unknown("the session may be one of a function, and the record does not name it"),
    }
}
