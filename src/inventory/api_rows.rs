//! Rows of AWS Organizations, Amazon EC2 and AWS IAM, as the AWS command line prints them.

use serde_json::Value;

use super::builder::{AccountRow, Builder, EndpointRow, PolicyRow, ResourceRow};
use super::config_rows::{add_role, policy_text};
use super::fact::Seen;
use super::model::resource_types;
use super::values::{tags, text};

/// An account of `list-accounts`, `list-accounts-for-parent` or `describe-account`.
///
/// # Errors
/// Why the row cannot be used; likewise below.
pub(super) fn account(
    builder: &mut Builder,
    row: &Value,
    lists_members: bool,
    parent: Option<&str>,
    seen: Seen,
) -> Result<(), String> {
    let id = builder.account_id(row.get("Id").unwrap_or(&Value::Null), seen.origin)?;
    let organization_id = text(row, "Arn").and_then(|arn| builder.organization_of_arn(&arn, seen));
    let fields = AccountRow {
        name: text(row, "Name"),
        status: text(row, "State").or_else(|| text(row, "Status")),
        tags: row.get("Tags").and_then(tags),
        path: None,
        organization_id,
    };
    builder.account(&id, fields, lists_members, seen);
    if let Some(parent) = parent {
        builder.parent(&id, parent, seen);
    }
    for path in row.get("Paths").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        let ids = ids_of_path(path);
        if ids.last() == Some(&id.as_str()) {
            builder.path(ids, seen);
        } else {
            builder.warnings.flawed(seen.origin, &format!("the path {path:?} of account {id} does not end in that account"));
        }
    }
    Ok(())
}

/// The ids of `o-…/r-…/ou-…/111122223333/` from the root on.
fn ids_of_path(path: &str) -> Vec<&str> {
    path.split('/').map(str::trim).filter(|id| !id.is_empty() && !id.starts_with("o-")).collect()
}

/// A root or an organizational unit, of `list-roots` or `list-organizational-units-for-parent`.
pub(super) fn unit(builder: &mut Builder, row: &Value, parent: Option<&str>, seen: Seen) -> Result<(), String> {
    let id = text(row, "Id").ok_or("it has no Id")?;
    if let Some(arn) = text(row, "Arn") {
        builder.organization_of_arn(&arn, seen);
    }
    builder.unit(&id, text(row, "Name"), seen);
    if let Some(parent) = parent {
        builder.parent(&id, parent, seen);
    }
    if let Some(path) = text(row, "Path") {
        let ids = ids_of_path(&path);
        if ids.last() == Some(&id.as_str()) {
            builder.path(ids, seen);
        }
    }
    Ok(())
}

/// A child, of `list-children`: its id only.
pub(super) fn child(builder: &mut Builder, row: &Value, parent: &str, seen: Seen) -> Result<(), String> {
    let id = text(row, "Id").ok_or("it has no Id")?;
    if super::values::is_account_id(&id) {
        builder.account(&id, AccountRow::default(), false, seen);
    } else {
        builder.unit(&id, None, seen);
    }
    builder.parent(&id, parent, seen);
    Ok(())
}

/// The organization, of `describe-organization`.
pub(super) fn organization(builder: &mut Builder, row: &Value, seen: Seen) -> Result<(), String> {
    let management = match row.get("MasterAccountId").filter(|id| !id.is_null()) {
        Some(id) => Some(builder.account_id(id, seen.origin)?),
        None => None,
    };
    builder.organization(text(row, "Id"), management, None, seen);
    Ok(())
}

/// A policy of `list-policies` (no content) or `describe-policy`.
pub(super) fn policy(builder: &mut Builder, row: &Value, seen: Seen) -> Result<(), String> {
    let summary = row.get("PolicySummary").unwrap_or(row);
    let id = text(summary, "Id").filter(|id| id.starts_with("p-")).ok_or("it has no policy id (p-…)")?;
    let fields = PolicyRow {
        name: text(summary, "Name"),
        policy_type: text(summary, "Type"),
        content: row.get("Content").and_then(policy_text),
        aws_managed: summary.get("AwsManaged").and_then(Value::as_bool).unwrap_or_default(),
        targets: None,
    };
    builder.policy(&id, fields, seen);
    Ok(())
}

/// A target of `list-targets-for-policy`.
pub(super) fn target(builder: &mut Builder, row: &Value, policy: &str, seen: Seen) -> Result<(), String> {
    let target = text(row, "TargetId").ok_or("it has no TargetId")?;
    builder.policy(policy, PolicyRow { targets: Some(vec![target]), ..PolicyRow::default() }, seen);
    Ok(())
}

/// An endpoint of `ec2 describe-vpc-endpoints`.
pub(super) fn vpc_endpoint(builder: &mut Builder, row: &Value, seen: Seen) -> Result<(), String> {
    let id = text(row, "VpcEndpointId").ok_or("it has no VpcEndpointId")?;
    let owner = match row.get("OwnerId").filter(|owner| !owner.is_null()) {
        Some(owner) => Some(builder.account_id(owner, seen.origin)?),
        None => None,
    };
    let fields = EndpointRow {
        vpc_id: text(row, "VpcId"),
        endpoint_type: text(row, "VpcEndpointType"),
        service_name: text(row, "ServiceName"),
        owner,
        region: None,
        policy: row.get("PolicyDocument").and_then(policy_text),
        tags: row.get("Tags").and_then(tags),
    };
    builder.endpoint(&id, fields, seen);
    Ok(())
}

/// A VPC of `ec2 describe-vpcs`, which names no region.
pub(super) fn vpc(builder: &mut Builder, row: &Value, seen: Seen) -> Result<(), String> {
    let account_id = match row.get("OwnerId").filter(|owner| !owner.is_null()) {
        Some(owner) => Some(builder.account_id(owner, seen.origin)?),
        None => None,
    };
    let fields = ResourceRow {
        resource_type: resource_types::VPC.to_owned(),
        account_id,
        name: text(row, "VpcId"),
        tags: row.get("Tags").and_then(tags),
        ..ResourceRow::default()
    };
    builder.resource(fields, seen)
}

/// A subnet of `ec2 describe-subnets`.
pub(super) fn subnet(builder: &mut Builder, row: &Value, seen: Seen) -> Result<(), String> {
    let account_id = match row.get("OwnerId").filter(|owner| !owner.is_null()) {
        Some(owner) => Some(builder.account_id(owner, seen.origin)?),
        None => None,
    };
    let fields = ResourceRow {
        resource_type: resource_types::SUBNET.to_owned(),
        arn: text(row, "SubnetArn"),
        account_id,
        name: text(row, "SubnetId"),
        vpc_id: text(row, "VpcId"),
        tags: row.get("Tags").and_then(tags),
        ..ResourceRow::default()
    };
    builder.resource(fields, seen)
}

/// A role of `iam list-roles`, `get-role` or `get-account-authorization-details`.
pub(super) fn iam_role(builder: &mut Builder, row: &Value, seen: Seen) -> Result<(), String> {
    let trust = row.get("AssumeRolePolicyDocument").filter(|policy| !policy.is_null());
    add_role(builder, text(row, "Arn"), text(row, "RoleId"), trust, row.get("Tags").and_then(tags), seen)
}

/// A user of `iam list-users` or `get-account-authorization-details`.
pub(super) fn iam_user(builder: &mut Builder, row: &Value, seen: Seen) -> Result<(), String> {
    let fields = ResourceRow {
        resource_type: resource_types::USER.to_owned(),
        arn: text(row, "Arn"),
        name: text(row, "UserName"),
        tags: row.get("Tags").and_then(tags),
        ..ResourceRow::default()
    };
    builder.resource(fields, seen)
}
