//! Keys of IAM and STS, and the claims of identity providers.

use serde_json::Value;

use crate::policy::context::{ContextValue, Unknown};

use super::super::super::federation;
use super::super::super::scene::{Parameters, Scene};
use super::super::{Known, Pair, absent, one_of, present, present_all, some_value, unknown};
use super::{parameter_if_sent, texts};

/// The service that a role is passed to, where the prefix tells it.
const PASSED_TO: [(&str, &[&str]); 24] = [
    ("ec2", &["ec2.amazonaws.com"]),
    ("lambda", &["lambda.amazonaws.com"]),
    ("glue", &["glue.amazonaws.com"]),
    ("sagemaker", &["sagemaker.amazonaws.com"]),
    ("states", &["states.amazonaws.com"]),
    ("cloudformation", &["cloudformation.amazonaws.com"]),
    ("codebuild", &["codebuild.amazonaws.com"]),
    ("codepipeline", &["codepipeline.amazonaws.com"]),
    ("codedeploy", &["codedeploy.amazonaws.com"]),
    ("eks", &["eks.amazonaws.com"]),
    ("firehose", &["firehose.amazonaws.com"]),
    ("config", &["config.amazonaws.com"]),
    ("cloudtrail", &["cloudtrail.amazonaws.com"]),
    ("events", &["events.amazonaws.com"]),
    ("scheduler", &["scheduler.amazonaws.com"]),
    ("batch", &["batch.amazonaws.com", "ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]),
    ("ecs", &["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"]),
    ("elasticmapreduce", &["elasticmapreduce.amazonaws.com", "ec2.amazonaws.com"]),
    ("rds", &["rds.amazonaws.com", "monitoring.rds.amazonaws.com", "export.rds.amazonaws.com"]),
    ("s3", &["s3.amazonaws.com", "batchoperations.s3.amazonaws.com"]),
    ("bedrock", &["bedrock.amazonaws.com"]),
    ("transfer", &["transfer.amazonaws.com"]),
    ("apprunner", &["build.apprunner.amazonaws.com", "tasks.apprunner.amazonaws.com"]),
    ("autoscaling", &["ec2.amazonaws.com", "autoscaling.amazonaws.com"]),
];

pub(super) fn value(scene: &Scene<'_>, pair: Pair<'_, '_>, service: &str, name: &str) -> Option<Known> {
    match (service, name) {
        ("iam", "passedtoservice") => passed_to(scene, pair),
        ("iam", "associatedresourcearn") => unknown("for which resource the role is passed is not recorded"),
        ("iam", "permissionsboundary") => boundary(scene, pair),
        ("iam", "policyarn") => parameter_if_sent(scene, "policyArn"),
        ("iam", "awsservicename") => parameter_if_sent(scene, "aWSServiceName"),
        ("iam", "organizationspolicyid") => parameter_if_sent(scene, "organizationsPolicyId"),
        ("sts", "rolesessionname") => match scene.text("roleSessionName") {
            Some(name) => present(name, "from requestParameters.roleSessionName"),
            None => unknown("the record does not show the name of the session"),
        },
        ("sts", "externalid") => parameter_if_sent(scene, "externalId"),
        ("sts", "sourceidentity") => parameter_if_sent(scene, "sourceIdentity"),
        ("sts", "transitivetagkeys") => parameter_if_sent(scene, "transitiveTagKeys"),
        ("sts", "durationseconds") => match parameter_if_sent(scene, "durationSeconds")? {
            (ContextValue::Absent, _) => {
                one_of(&["3600"], true, "the request does not set it; whether the key then has the default is not documented")
            }
            known => Some(known),
        },
        ("sts", "taskpolicyarn") => match scene.parameter("taskPolicyArn").or_else(|| scene.parameter("policyArns")) {
            Some(Value::Object(policy)) => present_all(texts(policy.get("arn")?)?, "from requestParameters.taskPolicyArn"),
            _ => None,
        },
        _ => None,
    }
}

fn passed_to(scene: &Scene<'_>, pair: Pair<'_, '_>) -> Option<Known> {
    if pair.needed.dependent.is_none() {
        return unknown("to which service the role is passed is not recorded");
    }
    let prefix = scene.facts().prefix(scene.call.service_label());
    let why = "from eventSource: the service that is given the role";
    match PASSED_TO.iter().find(|(own, _)| *own == prefix).map(|(_, services)| *services) {
        Some([one]) => present(*one, why),
        Some(several) => {
            let candidates = Some(several.iter().map(|service| vec![(*service).to_owned()]).collect());
            let why = "the service has several principals that a role may be passed to";
            Some((ContextValue::Unknown(Unknown { why: why.to_owned(), candidates, ..Unknown::default() }), why.into()))
        }
        None => some_value("to which principal of the service the role is passed is not recorded"),
    }
}

/// The boundary that a request sets, or, for other operations, the one that the user or role has.
fn boundary(scene: &Scene<'_>, pair: Pair<'_, '_>) -> Option<Known> {
    let name: &str = &pair.needed.name;
    if name.starts_with("Create") || name.ends_with("PermissionsBoundary") && name.starts_with("Put") {
        return parameter_if_sent(scene, "permissionsBoundary");
    }
    unknown("the permissions boundary of the user or role is not in the inventory")
}

/// Which kind of token came with the request.
fn federates(scene: &Scene<'_>) -> Option<&'static str> {
    match scene.event_name() {
        "AssumeRoleWithSAML" => Some("saml"),
        "AssumeRoleWithWebIdentity" => Some("oidc"),
        _ => None,
    }
}

/// The host of an OIDC provider: `arn:…:oidc-provider/token.actions.githubusercontent.com`, or a built-in name.
fn provider_host(scene: &Scene<'_>) -> Option<String> {
    let call = scene.call;
    let provider = call.issued_issuer.as_deref().or(call.federated_provider.as_deref());
    let provider =
        provider.or_else(|| federation::token(call).map(|token| token.provider)).or_else(|| scene.text("providerId"))?;
    let host = provider.split_once(":oidc-provider/").map_or(provider, |(_, host)| host);
    Some(host.trim_start_matches("https://").to_ascii_lowercase())
}

/// `saml:aud`, `token.actions.githubusercontent.com:sub`: only while a role is assumed with a token, or in sessions of one.
pub(super) fn claim(scene: &Scene<'_>, pair: Pair<'_, '_>, provider: &str, name: &str) -> Option<Known> {
    let is_saml = provider == "saml";
    let is_oidc = provider.contains('.') || matches!(provider, "accounts" | "cognito-identity");
    if !is_saml && !is_oidc {
        return None;
    }
    let kind = federates(scene).filter(|_| pair.needed.prefix == "sts");
    let call = scene.call;
    let hidden = "records do not show this claim";
    match kind {
        Some("saml") if is_saml => match name {
            "aud" => call
                .issued_audience
                .as_deref()
                .map_or_else(|| unknown(hidden), |value| present(value, "from responseElements.audience")),
            "iss" => call
                .issued_issuer
                .as_deref()
                .map_or_else(|| unknown(hidden), |value| present(value, "from responseElements.issuer")),
            "sub" => call
                .issued_subject
                .as_deref()
                .map_or_else(|| unknown(hidden), |value| present(value, "from responseElements.subject")),
            _ => unknown(hidden),
        },
        Some("oidc") if is_oidc => match provider_host(scene) {
            Some(host) if host.trim_end_matches('/') != provider => absent("the token is of another identity provider"),
            Some(_) => match name {
                "aud" | "sub" => claim_of_token(scene, name).or_else(|| unknown(hidden)),
                _ => unknown(hidden),
            },
            None => unknown("the record does not name the identity provider"),
        },
        Some(_) => absent("the token is of another kind of identity provider"),
        None => session_claim(scene, is_saml, provider, name),
    }
}

/// Audience or subject of a web identity: from the answer, or from who the record says it is.
fn claim_of_token(scene: &Scene<'_>, name: &str) -> Option<Known> {
    let call = scene.call;
    let (answered, from) = match name {
        "aud" => (&call.issued_audience, "from responseElements.audience"),
        _ => (&call.issued_subject, "from responseElements.subjectFromWebIdentityToken"),
    };
    if let Some(value) = answered.as_deref() {
        return present(value, from);
    }
    let token = federation::token(call)?;
    let told = if name == "aud" { token.audience } else { token.subject };
    present(told?, "from userIdentity.principalId: provider, audience and subject")
}

/// A few claims stay in the session.
fn session_claim(scene: &Scene<'_>, is_saml: bool, provider: &str, name: &str) -> Option<Known> {
    let issued = scene.caller.link.map(|link| &*link.event_name);
    let of_session = match issued {
        Some("AssumeRoleWithSAML") => is_saml,
        Some("AssumeRoleWithWebIdentity" | "GetCredentialsForIdentity") => !is_saml,
        Some(_) => return absent("the session was not issued for a token"),
        None => {
            let own = scene.call.federated_provider.as_deref().is_some_and(|own| own.ends_with(provider));
            if !own && scene.call.session_arn.is_none() {
                return absent("no session of an identity provider");
            }
            own || is_saml
        }
    };
    if !of_session {
        return absent("the session was not issued for such a token");
    }
    if let Some(attributes) = scene.call.federation_attributes.as_deref()
        && let Ok(attributes) = serde_json::from_str::<Value>(attributes)
        && let Some(object) = attributes.as_object()
    {
        let full = format!("{provider}:{name}");
        let found = object.iter().find(|(own, _)| own.eq_ignore_ascii_case(&full) || own.eq_ignore_ascii_case(name));
        if let Some((_, value)) = found
            && let Some(values) = texts(value)
        {
            return present_all(values, "from sessionContext.webIdFederationData.attributes");
        }
    }
    let link = scene.caller.link;
    match (name, link.and_then(|link| link.subject.as_deref()), link.and_then(|link| link.audience.as_deref())) {
        ("sub", Some(subject), _) => present(subject, "from the call that issued the session"),
        ("aud", _, Some(audience)) => present(audience, "from the call that issued the session"),
        _ => unknown("records do not show this claim"),
    }
}

/// The claims that a record of a token shows.
pub(super) fn all_claims(scene: &Scene<'_>, pair: Pair<'_, '_>, give: &mut dyn FnMut(&str, Known)) {
    if !matches!(scene.parameters, Parameters::Known(_)) || pair.needed.prefix != "sts" {
        return;
    }
    let provider = match federates(scene) {
        Some("saml") => "saml".to_owned(),
        Some(_) => provider_host(scene).unwrap_or_default(),
        None => return,
    };
    if provider.is_empty() {
        return;
    }
    for name in ["aud", "iss", "sub"] {
        if let Some(known) = claim(scene, pair, &provider, name) {
            give(&format!("{provider}:{name}"), known);
        }
    }
}
