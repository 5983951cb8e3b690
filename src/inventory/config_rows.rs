//! Rows of AWS Config: results of advanced queries, configuration items, and the items of delivered configuration snapshots.
//!
//! <https://docs.aws.amazon.com/config/latest/APIReference/API_SelectAggregateResourceConfig.html>

use serde_json::Value;

use super::builder::{Builder, EndpointRow, ResourceRow};
use super::fact::Seen;
use super::model::resource_types;
use super::trust_policy::TrustPolicy;
use super::values::{self, Arn, tags, text};
use super::warnings::Origin;

/// Adds one row. `type_of_file`: the resource type that the file name tells, for queries that did not select it.
///
/// # Errors
/// Why the row cannot be used.
pub(super) fn add(builder: &mut Builder, row: Value, type_of_file: Option<&str>, origin: Origin) -> Result<(), String> {
    // Advanced queries return each row as JSON text.
    let row = match row {
        Value::String(text) => serde_json::from_str(&text).map_err(|error| format!("it is not valid JSON: {error}"))?,
        other => other,
    };
    if !row.is_object() {
        return Err("it is not an object".to_owned());
    }
    // Configuration items of the API hold their configuration as JSON text.
    let parsed;
    let configuration = match row.get("configuration") {
        Some(Value::String(text)) => {
            parsed = serde_json::from_str(text).unwrap_or(Value::Null);
            &parsed
        }
        Some(object) => object,
        None => &Value::Null,
    };
    let configuration_text =
        configuration.as_object().filter(|object| !object.is_empty()).map(|_| super::trust_policy::canonical(configuration));
    let arn = text(&row, "arn").or_else(|| text(&row, "ARN")).or_else(|| text(configuration, "arn"));
    let resource_type = text(&row, "resourceType")
        .or_else(|| type_of_file.map(str::to_owned))
        .or_else(|| type_from_content(configuration, arn.as_deref()))
        .ok_or("it names no resourceType; select it, or name the file after it, such as config-AWS_IAM_Role.json")?;
    let captured = row.get("configurationItemCaptureTime").and_then(values::timestamp);
    let seen = Seen { origin, captured };
    let account = row.get("accountId").or_else(|| row.get("awsAccountId")).filter(|account| !account.is_null());
    let account_id = account.map(|account| builder.account_id(account, origin)).transpose()?;
    let tags = row
        .get("tags")
        .and_then(tags)
        .filter(|tags| !tags.is_empty())
        .or_else(|| configuration.get("tags").and_then(values::tags))
        .or_else(|| row.get("tags").and_then(values::tags));
    let region = text(&row, "awsRegion").filter(|region| region != "global");
    let resource_id = text(&row, "resourceId");
    match resource_type.as_str() {
        resource_types::ROLE => {
            let role_id = text(configuration, "roleId").or(resource_id);
            let trust = configuration.get("assumeRolePolicyDocument").filter(|policy| !policy.is_null());
            add_role(builder, arn, role_id, trust, tags, seen)
        }
        resource_types::VPC_ENDPOINT => {
            let id = text(configuration, "vpcEndpointId").or(resource_id);
            let id = id.filter(|id| id.starts_with("vpce-")).ok_or("it names no VPC endpoint (vpce-…)")?;
            let owner = match configuration.get("ownerId").filter(|owner| !owner.is_null()) {
                Some(owner) => Some(builder.account_id(owner, origin)?),
                None => account_id,
            };
            let endpoint = EndpointRow {
                vpc_id: text(configuration, "vpcId"),
                endpoint_type: text(configuration, "vpcEndpointType"),
                service_name: text(configuration, "serviceName"),
                owner,
                region,
                policy: configuration.get("policyDocument").and_then(policy_text),
                tags,
            };
            builder.endpoint(&id, endpoint, seen);
            Ok(())
        }
        _ => {
            // A VPC or subnet that is shared is recorded in the account that owns it and may be seen by others.
            let may_be_shared = matches!(resource_type.as_str(), resource_types::VPC | resource_types::SUBNET);
            let owner = match configuration.get("ownerId").filter(|_| may_be_shared) {
                Some(owner) if !owner.is_null() => Some(builder.account_id(owner, origin)?),
                _ => account_id,
            };
            let name = match resource_type.as_str() {
                // The resource id of a bucket is its name.
                resource_types::BUCKET => {
                    resource_id.or_else(|| text(&row, "resourceName")).or_else(|| text(configuration, "name"))
                }
                resource_types::VPC => resource_id.or_else(|| text(configuration, "vpcId")),
                resource_types::SUBNET => resource_id.or_else(|| text(configuration, "subnetId")),
                _ => text(&row, "resourceName").or(resource_id),
            };
            let vpc_id = text(configuration, "vpcId").filter(|_| resource_type == resource_types::SUBNET);
            let configuration = configuration_text;
            builder.resource(
                ResourceRow { resource_type, arn, account_id: owner, region, name, vpc_id, tags, configuration },
                seen,
            )
        }
    }
}

/// The types whose configuration or ARN cannot be mistaken.
fn type_from_content(configuration: &Value, arn: Option<&str>) -> Option<String> {
    let has = |key: &str| configuration.get(key).is_some();
    let arn = arn.and_then(Arn::parse);
    let known = if has("assumeRolePolicyDocument") || arn.is_some_and(|arn| arn.role_path().is_some()) {
        resource_types::ROLE
    } else if has("vpcEndpointId") {
        resource_types::VPC_ENDPOINT
    } else if arn.is_some_and(|arn| arn.service == "s3" && !arn.resource.contains('/')) {
        resource_types::BUCKET
    } else {
        return None;
    };
    Some(known.to_owned())
}

/// A role, from AWS Config, IAM or a hand-written table. A trust policy that cannot be understood leaves its facts unknown.
///
/// # Errors
/// When there is no ARN of a role.
pub(super) fn add_role(
    builder: &mut Builder,
    arn: Option<String>,
    role_id: Option<String>,
    trust: Option<&Value>,
    tags: Option<super::model::Tags>,
    seen: Seen,
) -> Result<(), String> {
    let arn = arn.ok_or("it has no ARN")?;
    let parsed = Arn::parse(&arn);
    if parsed.and_then(|arn| arn.role_path()).is_none() {
        return Err(format!("{arn:?} is not the ARN of a role"));
    }
    if parsed.and_then(|arn| arn.owner()).is_none() {
        return Err(format!("{arn:?} names no account of 12 digits"));
    }
    let trust = match trust.map(TrustPolicy::from_value).transpose() {
        Ok(trust) => trust,
        Err(why) => {
            builder.warnings.flawed(seen.origin, &format!("{arn}: {why}"));
            None
        }
    };
    builder.role(&arn, role_id, trust, tags, seen);
    Ok(())
}

/// A policy document as text, the same for the same document however it is written. What is no JSON stays as it is.
pub(super) fn policy_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(document) => Some(super::trust_policy::canonical(&document)),
            Err(_) => values::scalar(value),
        },
        document => Some(super::trust_policy::canonical(document)),
    }
}
