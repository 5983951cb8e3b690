//! Keys of AWS KMS: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html>.

use serde_json::Value;

use crate::policy::context::{ContextValue, Unknown};
use crate::policy::request::PrincipalType;
use crate::policy::truth::Truth;

use super::super::super::caller::Kind;
use super::super::super::scene::Scene;
use super::super::super::tags::is_redacted;
use super::super::{Known, Pair, absent, one_of, present, present_all, some_value, unknown};
use super::{parameter_if_sent, parameter_or, texts, through_service};

pub(super) fn value(scene: &Scene<'_>, pair: Pair<'_, '_>, name: &str) -> Option<Known> {
    let creates = &*pair.needed.name == "CreateKey";
    match name {
        "viaservice" => via_service(scene),
        "calleraccount" => match (&scene.caller.principal.account, scene.caller.principal.principal_type) {
            (Some(account), _) => present(account.as_str(), "from userIdentity.accountId"),
            (None, PrincipalType::Service) => unknown("the account of a service is not recorded"),
            _ => some_value("the record does not show the account of the caller"),
        },
        "encryptioncontextkeys" => match scene.parameter("encryptionContext") {
            Some(Value::Object(context)) => {
                present_all(context.keys().cloned().collect(), "from requestParameters.encryptionContext")
            }
            Some(_) => unknown("the encryption context is hidden"),
            None => absent("the request has no encryption context"),
        },
        "requestalias" => match scene.text("keyId") {
            Some(key) => match key.find("alias/").and_then(|at| key.get(at..)) {
                Some(alias) => present(alias, "from requestParameters.keyId"),
                None => absent("the request does not name the key by an alias"),
            },
            None => unknown("the record does not show how the request names the key"),
        },
        // The key has at least the alias that the request names.
        "resourcealiases" => {
            let alias = scene.text("keyId").and_then(|key| key.get(key.find("alias/")?..))?;
            let why = "the request names one alias of the key; the others are not recorded";
            let unknown = Unknown { why: why.to_owned(), known_members: vec![alias.to_owned()], ..Unknown::default() };
            Some((ContextValue::Unknown(unknown), why.into()))
        }
        "keyspec" | "customermasterkeyspec" if creates => {
            let set = scene.text("keySpec").or_else(|| scene.text("customerMasterKeySpec"));
            present(set.unwrap_or("SYMMETRIC_DEFAULT"), "from requestParameters, or the default")
        }
        "keyusage" | "customermasterkeyusage" if creates => parameter_or(scene, "keyUsage", "ENCRYPT_DECRYPT"),
        "keyorigin" if creates => parameter_or(scene, "origin", "AWS_KMS"),
        "multiregion" if creates => parameter_or(scene, "multiRegion", "false"),
        "bypasspolicylockoutsafetycheck" => parameter_or(scene, "bypassPolicyLockoutSafetyCheck", "false"),
        "encryptionalgorithm" => parameter_or(scene, "encryptionAlgorithm", "SYMMETRIC_DEFAULT"),
        "signingalgorithm" | "macalgorithm" | "messagetype" | "wrappingalgorithm" | "wrappingkeyspec" => {
            parameter_if_sent(scene, name)
        }
        "datakeypairspec" => parameter_if_sent(scene, "keyPairSpec"),
        "schedulekeydeletionpendingwindowindays" => parameter_or(scene, "pendingWindowInDays", "30"),
        "granteeprincipal" => parameter_if_sent(scene, "granteePrincipal"),
        "retiringprincipal" => parameter_if_sent(scene, "retiringPrincipal"),
        "grantoperations" => match scene.parameter("operations").and_then(texts) {
            Some(operations) => present_all(operations, "from requestParameters.operations"),
            None => unknown("the record does not show the operations of the grant"),
        },
        "grantconstrainttype" => match scene.parameter("constraints").and_then(Value::as_object) {
            Some(constraints) => {
                // `encryptionContextSubset` in the record, `EncryptionContextSubset` in the key.
                let upper = |name: &String| {
                    let mut characters = name.chars();
                    characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect::<String>()
                };
                present_all(constraints.keys().map(upper).collect(), "from requestParameters.constraints")
            }
            None => absent("the grant has no constraints"),
        },
        "grantisforawsresource" => match through_service(scene) {
            Truth::False => present("false", "no service asks for the grant"),
            _ => one_of(&["true", "false"], false, "whether the grant is for a resource of the service is not recorded"),
        },
        _ => {
            let member = name.strip_prefix("encryptioncontext:")?;
            match scene.parameter("encryptionContext") {
                Some(Value::Object(context)) => match context.iter().find(|(own, _)| own.eq_ignore_ascii_case(member)) {
                    Some((_, Value::String(text))) if !is_redacted(text) => {
                        present(text.as_str(), "from requestParameters.encryptionContext")
                    }
                    Some(_) => some_value("the value is hidden"),
                    None => absent("the encryption context has no such member"),
                },
                Some(_) => unknown("the encryption context is hidden"),
                None => absent("the request has no encryption context"),
            }
        }
    }
}

/// `s3.eu-west-1.amazonaws.com`: the service that calls for the principal, with its region.
fn via_service(scene: &Scene<'_>) -> Option<Known> {
    match (scene.caller.kind, through_service(scene)) {
        (_, Truth::False) => absent("the caller calls itself"),
        (Kind::Forward, _) => match (scene.caller.service, scene.call.region.as_deref()) {
            (Some(service), Some(region)) => {
                let label = service.split('.').next().unwrap_or(service);
                // Volumes are encrypted for EC2.
                let label = if label == "ebs" { "ec2" } else { label };
                present(format!("{label}.{region}.amazonaws.com"), "from userIdentity.invokedBy and awsRegion")
            }
            _ => some_value("userIdentity.invokedBy does not name the service"),
        },
        _ => unknown("whether the service called for a principal is not recorded"),
    }
}
