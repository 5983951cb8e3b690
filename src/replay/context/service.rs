//! Keys of single services.
//!
//! A key that AWS does not list for the action is absent. One that it lists and that has no rule here has the value of the request
//! parameter of its name, if the request has one, and is unknown if not.

mod ec2;
mod identity;
mod in_vpc;
mod kms;
mod places;
pub(super) mod s3;

use serde_json::Value;

use crate::policy::request::PrincipalType;
use crate::policy::truth::Truth;

use super::super::scene::{Parameters, Scene};
use super::super::tags::is_redacted;
use super::{Known, Pair, absent, one_of, present, present_all, unknown};

pub(super) fn value(scene: &Scene<'_>, pair: Pair<'_, '_>, key: &str) -> Option<Known> {
    let (service, name) = key.split_once(':')?;
    if service == "aws" {
        return None;
    }
    // Claims of a token: `saml:aud`, `token.actions.githubusercontent.com:sub`.
    if let Some(claim) = identity::claim(scene, pair, service, name) {
        return Some(claim);
    }
    let listed = pair.lists(key);
    if listed.is_false() {
        return absent("AWS's tables do not list the key for the action and its resource");
    }
    if pair.needed.facts.is_none() && service != pair.needed.prefix {
        return absent("the key belongs to another service");
    }
    let own = match service {
        "s3" | "s3express" => s3::value(scene, pair, name),
        "kms" => kms::value(scene, pair, name),
        "ec2" => ec2::value(scene, pair, name),
        "iam" | "sts" => identity::value(scene, pair, service, name),
        _ => others(scene, pair, service, name),
    };
    own.or_else(|| places::value(scene, pair, key))
        .or_else(|| by_parameter(scene, pair, key, name))
        .or_else(|| unknown("no rule tells the key from a record"))
}

/// The texts of a parameter.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) if is_redacted(text) => None,
        Value::String(text) => Some(vec![text.clone()]),
        Value::Bool(flag) => Some(vec![flag.to_string()]),
        Value::Number(number) => Some(vec![number.to_string()]),
        Value::Array(items) => items.iter().map(texts).collect::<Option<Vec<_>>>().map(|texts| texts.concat()),
        Value::Object(object) => texts(object.get("items").or_else(|| object.get("member"))?),
        Value::Null => None,
    }
}

/// A parameter whose value is one text; its name in any case, at the top or in the one object that holds the request.
pub(super) fn parameter(scene: &Scene<'_>, name: &str) -> Option<String> {
    let value = scene.parameter(name).or_else(|| {
        let Parameters::Known(Value::Object(object)) = &scene.parameters else { return None };
        let wrapped = object.iter().filter(|(own, _)| own.to_ascii_lowercase().ends_with("request"));
        wrapped
            .filter_map(|(_, inner)| inner.as_object())
            .find_map(|inner| inner.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    })?;
    let found = texts(value)?;
    match <[String; 1]>::try_from(found) {
        Ok([one]) => Some(one),
        Err(_) => None,
    }
}

/// The parameter, or the value that AWS documents as its default.
pub(super) fn parameter_or(scene: &Scene<'_>, name: &str, default: &'static str) -> Option<Known> {
    match (&scene.parameters, scene.has(name)) {
        (Parameters::Damaged, _) => unknown("requestParameters cannot be read"),
        (_, true) => match parameter(scene, name) {
            Some(value) => present(value, "from requestParameters"),
            None => unknown("the parameter is hidden or of another form"),
        },
        (_, false) => present(default, "the request does not set it: the default of the service"),
    }
}

/// The parameter, or absent if the request does not have it.
pub(super) fn parameter_if_sent(scene: &Scene<'_>, name: &str) -> Option<Known> {
    match (&scene.parameters, scene.parameter(name)) {
        (Parameters::Damaged, _) => unknown("requestParameters cannot be read"),
        (_, Some(Value::Null) | None) => absent("the request does not have the parameter"),
        (_, Some(value)) => match texts(value) {
            Some(values) if !values.is_empty() => present_all(values, "from requestParameters"),
            Some(_) => absent("the parameter is empty"),
            None => unknown("the parameter is hidden or of another form"),
        },
    }
}

fn squeezed(name: &str) -> String {
    name.chars().filter(|character| character.is_ascii_alphanumeric()).map(|character| character.to_ascii_lowercase()).collect()
}

/// The request parameter of the key's name.
fn by_parameter(scene: &Scene<'_>, pair: Pair<'_, '_>, key: &str, name: &str) -> Option<Known> {
    if pair.needed.dependent.is_some() {
        return None;
    }
    let Parameters::Known(Value::Object(object)) = &scene.parameters else { return None };
    let wanted = squeezed(name);
    let (_, value) = object.iter().find(|(own, _)| squeezed(own) == wanted)?;
    let (service, _) = pair.needed.facts?;
    let listed = service.find_key(key)?;
    let values = texts(value)?;
    let count_fits = listed.multivalued || values.len() == 1;
    (values.iter().all(|value| places::fits(listed, value)) && count_fits && !listed.is_family).then_some(())?;
    present_all(values, "from the request parameter of that name")
}

fn others(scene: &Scene<'_>, pair: Pair<'_, '_>, service: &str, name: &str) -> Option<Known> {
    match service {
        "lambda" => lambda(scene, pair, name),
        "dynamodb" => dynamodb(scene, name),
        "apprunner" | "cloudshell" | "codebuild" | "glue" | "sagemaker" => in_vpc::value(scene, pair, service, name),
        // The targets of a rule of Amazon EventBridge.
        "events" if name == "targetarn" => match scene.texts_at("targets.arn") {
            arns if arns.is_empty() => unknown("the record does not show the targets"),
            arns => present_all(arns.into_iter().map(str::to_owned).collect(), "from requestParameters.targets"),
        },
        "organizations" => match name {
            "policytype" => parameter(scene, "policyType")
                .or_else(|| parameter(scene, "type"))
                .or_else(|| parameter(scene, "filter"))
                .map_or_else(
                    || unknown("the request does not name the type of the policy"),
                    |value| present(value, "from requestParameters"),
                ),
            "serviceprincipal" => parameter_if_sent(scene, "servicePrincipal"),
            _ => None,
        },
        "rds" => rds(scene, pair, name),
        "ecs" if name == "cluster" => cluster(scene, pair),
        "bedrock" if name == "inferenceprofilearn" => inference_profile(scene, pair),
        "sns" if matches!(name, "endpoint" | "protocol") => parameter_if_sent(scene, name),
        "secretsmanager" => match name {
            "secretid" => match scene.text("secretId") {
                Some(id) if id.starts_with("arn:") => present(id, "from requestParameters.secretId"),
                _ => None,
            },
            "versionid" | "versionstage" | "name" | "description" | "kmskeyid" => parameter_if_sent(scene, name),
            "forcedeletewithoutrecovery" => parameter_or(scene, "forceDeleteWithoutRecovery", "false"),
            "recoverywindowindays" => parameter_if_sent(scene, "recoveryWindowInDays"),
            _ => None,
        },
        _ => None,
    }
}

/// The cluster of a task or service, which requests may name without its ARN:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_service-with-iam.html>.
fn cluster(scene: &Scene<'_>, pair: Pair<'_, '_>) -> Option<Known> {
    if pair.needed.dependent.is_some() || !matches!(scene.parameters, Parameters::Known(_)) {
        return None;
    }
    let from = "from requestParameters.cluster, or `default`";
    let name = match scene.text("cluster") {
        Some(arn) if arn.starts_with("arn:") => return present(arn, from),
        Some(name) => name,
        None if scene.has("cluster") => return None,
        None => "default",
    };
    let account = super::super::resource::home_account(scene)?;
    let region = scene.call.region.as_deref()?;
    present(format!("arn:{}:ecs:{region}:{account}:cluster/{name}", scene.call.partition()), from)
}

/// A model that is invoked through an inference profile:
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html>.
fn inference_profile(scene: &Scene<'_>, pair: Pair<'_, '_>) -> Option<Known> {
    let id = scene.text("modelId")?;
    if id.contains("inference-profile/") {
        return present(id, "from requestParameters.modelId");
    }
    let profile = pair.resolved.arn.as_deref().is_some_and(|arn| arn.contains("inference-profile/"));
    if !id.starts_with("arn:")
        && let Some(arn) = super::super::resource::named::profile_of(scene, id)
    {
        return present(arn, "from requestParameters.modelId");
    }
    let is_model = id.contains(":foundation-model/") || (!id.starts_with("arn:") && id.matches('.').count() == 1);
    if is_model && !profile {
        return absent("the request names the model itself");
    }
    None
}

/// Keys of Amazon RDS whose parameters have other names; the tag of a request stands among its tags.
fn rds(scene: &Scene<'_>, pair: Pair<'_, '_>, name: &str) -> Option<Known> {
    if let Some(tag) = name.strip_prefix("req-tag/") {
        return super::resource::value(scene, pair, &format!("aws:requesttag/{tag}"));
    }
    let parameter_name = match name {
        "databaseengine" => "engine",
        "databaseclass" => "dBInstanceClass",
        "databasename" => "dBName",
        "multi-az" => "multiAZ",
        "storagesize" => "allocatedStorage",
        "piops" => "iops",
        _ => return None,
    };
    present(parameter(scene, parameter_name)?, "from requestParameters")
}

fn lambda(scene: &Scene<'_>, pair: Pair<'_, '_>, name: &str) -> Option<Known> {
    let is_update = pair.needed.name.starts_with("Update");
    let network = |member: &str| -> Option<Vec<String>> {
        let config = scene.parameter("vpcConfig")?.as_object()?;
        config.iter().find(|(own, _)| own.eq_ignore_ascii_case(member)).and_then(|(_, value)| texts(value))
    };
    match name {
        "vpcids" | "subnetids" | "securitygroupids" => {
            let member = if name == "securitygroupids" { "securityGroupIds" } else { "subnetIds" };
            match (&scene.parameters, network(member)) {
                (Parameters::Damaged, _) => unknown("requestParameters cannot be read"),
                (_, Some(ids)) if ids.is_empty() => absent("the request takes the function out of VPCs"),
                (_, Some(ids)) if name != "vpcids" => present_all(ids, "from requestParameters.vpcConfig"),
                (_, Some(ids)) => vpc_of_subnets(scene, &ids),
                (_, None) if is_update => unknown("the request leaves the function's VPC as it is, which no record tells"),
                (_, None) => absent("the request names no VPC"),
            }
        }
        "layer" => parameter_if_sent(scene, "layers"),
        "functionurlauthtype" => {
            let value = parameter(scene, "functionUrlAuthType").or_else(|| parameter(scene, "authType"));
            value.map_or_else(|| absent("the request does not name it"), |value| present(value, "from requestParameters"))
        }
        "principal" => parameter_if_sent(scene, "principal"),
        "codesigningconfigarn" => parameter_if_sent(scene, "codeSigningConfigArn"),
        "functionarn" => match scene.text("functionName") {
            Some(arn) if arn.starts_with("arn:") => present(arn, "from requestParameters.functionName"),
            Some(function) if !function.contains(':') => {
                let account = super::super::resource::home_account(scene)?;
                let arn = format!(
                    "arn:{}:lambda:{}:{account}:function:{function}",
                    scene.call.partition(),
                    scene.call.region.as_deref()?
                );
                present(arn, "from requestParameters.functionName")
            }
            _ => None,
        },
        _ => None,
    }
}

/// The VPC that a function is put into: all of its subnets are in one.
fn vpc_of_subnets(scene: &Scene<'_>, subnets: &[String]) -> Option<Known> {
    let inventory = scene.world.inventory;
    let mut vpcs: Vec<&str> = subnets.iter().filter_map(|id| inventory.subnet(id)?.vpc_id.as_deref()).collect();
    vpcs.sort_unstable();
    vpcs.dedup();
    match vpcs.as_slice() {
        [vpc] => {
            present(*vpc, super::super::owner::snapshot(inventory, "the VPC of the subnets in requestParameters.vpcConfig"))
        }
        [] => super::some_value("Lambda derives the VPC from the subnets, whose VPC the inventory does not tell"),
        _ => super::some_value("the inventory has the subnets of the request in several VPCs"),
    }
}

/// The value of an attribute as a text: `{"S": "x"}` or `"x"`.
fn attribute(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !is_redacted(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(object) if object.len() == 1 => object.values().next().and_then(attribute),
        _ => None,
    }
}

fn dynamodb(scene: &Scene<'_>, name: &str) -> Option<Known> {
    match name {
        "leadingkeys" => {
            let Some(Value::Object(key)) = scene.parameter("key") else {
                return unknown("the record does not show the partition keys of the items");
            };
            let values: Vec<String> = key.values().filter_map(attribute).collect();
            match values.as_slice() {
                [only] if key.len() == 1 => present(only.as_str(), "from requestParameters.key"),
                [_, ..] if values.len() == key.len() => {
                    let values: Vec<&str> = values.iter().map(String::as_str).collect();
                    one_of(&values, false, "the record does not tell which attribute of the key is the partition key")
                }
                _ => unknown("the record does not show the partition key"),
            }
        }
        "select" => parameter_if_sent(scene, "select"),
        "returnvalues" => parameter_if_sent(scene, "returnValues"),
        "returnconsumedcapacity" => parameter_if_sent(scene, "returnConsumedCapacity"),
        // A statement of PartiQL reads the whole table unless it names the partition key.
        "fulltablescan"
            if matches!(scene.event_name(), "ExecuteStatement" | "BatchExecuteStatement" | "ExecuteTransaction") =>
        {
            one_of(&["true", "false"], true, "whether the statement reads the whole table is not recorded")
        }
        "fulltablescan" => present(if scene.event_name() == "Scan" { "true" } else { "false" }, "from eventName"),
        "enclosingoperation" => {
            let name = scene.event_name();
            let encloses = name.starts_with("Transact") || name.starts_with("Batch");
            if encloses { present(name, "from eventName") } else { absent("the operation stands alone") }
        }
        _ => None,
    }
}

/// Keys with a member of a map in their name, of which the request has values: `kms:EncryptionContext:k`.
pub(super) fn all_members(scene: &Scene<'_>, pair: Pair<'_, '_>, give: &mut dyn FnMut(&str, Known)) {
    if pair.needed.prefix == "kms"
        && let Some(Value::Object(context)) = scene.parameter("encryptionContext")
    {
        for name in context.keys() {
            let key = format!("kms:EncryptionContext:{name}");
            if let Some(known) = value(scene, pair, &key.to_ascii_lowercase()) {
                give(&key, known);
            }
        }
    }
    identity::all_claims(scene, pair, give);
}

/// Is the call a service's, with whosever credentials?
pub(super) fn through_service(scene: &Scene<'_>) -> Truth {
    match scene.caller.principal.principal_type {
        PrincipalType::Service => Truth::True,
        _ if scene.caller.service.is_some() || scene.call.invoked_by.is_some() => Truth::True,
        _ if scene.call.source_service.is_some() => Truth::Unknown,
        PrincipalType::Account => Truth::Unknown,
        _ => Truth::False,
    }
}
