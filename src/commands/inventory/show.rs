//! `palisade inventory show`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::{Global, Listing};
use crate::commands::output::{Terminal, printable, write_out};
use crate::commands::{Failure, settings};
use crate::config::settings::Flags;
use crate::inventory::aws::Record;
use crate::inventory::{Inventory, OrganizationPolicy, Role};
use crate::outcome::Outcome;

pub(super) fn show(
    id: Option<&str>,
    folder: Option<PathBuf>,
    format: Listing,
    global: &Global,
    terminal: &Terminal,
) -> Result<Outcome, Failure> {
    let flags = Flags::default().one("inventory", folder.map(|folder| folder.display().to_string()));
    let settings = settings(&flags, global.config.as_deref())?;
    let Some(folder) = super::export::folder_of(&settings) else {
        return Err(Failure::new(Outcome::Usage, "no snapshot is named; give its folder with --inventory"));
    };
    let inventory = Inventory::load(&folder).map_err(Failure::usage)?;
    match id {
        Some(id) => {
            let named: Vec<&OrganizationPolicy> =
                inventory.policies().filter(|policy| policy.name.as_deref() == Some(id) && policy.id != id).collect();
            let found = match (find(&inventory, id), named.as_slice()) {
                (Some(found), _) => found,
                (None, [policy]) => of_policy(policy),
                (None, []) => {
                    let message = format!(
                        "{} has nothing with the id {id:?}; give an account id, r-…, ou-…, p-… or the name of a policy, vpce-…, vpc-…, \
                         AROA…, a bucket's name or an ARN; without an id, everything is listed",
                        folder.display()
                    );
                    return Err(Failure::new(Outcome::Usage, message));
                }
                (None, several) => {
                    let ids: Vec<&str> = several.iter().map(|policy| policy.id.as_str()).collect();
                    let message = format!("several policies are called {id:?}: {}; give one of these ids", ids.join(", "));
                    return Err(Failure::new(Outcome::Usage, message));
                }
            };
            match format {
                Listing::Text => write_out(|out| one(&found, out))?,
                Listing::Json => write_out(|out| writeln!(out, "{found:#}"))?,
            }
            return Ok(Outcome::Success);
        }
        None => {
            let record = Record::read(&folder);
            match format {
                Listing::Text => write_out(|out| text(&inventory, record.as_ref(), settings.now, out))?,
                Listing::Json => write_out(|out| json(&inventory, record.as_ref(), out))?,
            }
        }
    }
    for warning in &inventory.warnings {
        terminal.warning(warning);
    }
    Ok(Outcome::Success)
}

/// Everything that is known of one thing, by any id that it has. `null` is unknown.
fn find(inventory: &Inventory, id: &str) -> Option<Value> {
    if let Some(account) = inventory.account(id) {
        let policies: Vec<&str> = inventory
            .policies()
            .filter(|policy| policy.targets.iter().flatten().any(|target| target == id || account.parents.contains(target)))
            .map(|policy| policy.id.as_str())
            .collect();
        return Some(json!({
            "resource_type": crate::inventory::resource_types::ACCOUNT,
            "id": account.id,
            "name": account.name,
            "status": account.status,
            "organization_id": account.organization_id,
            "organizational_unit_path": account.organizational_unit_path,
            "parents": account.parents,
            "policies": policies,
            "tags": account.tags,
        }));
    }
    if let Some(unit) = inventory.organizational_unit(id) {
        let accounts: Vec<&str> = inventory
            .accounts()
            .filter(|account| account.parents.iter().any(|parent| parent == id))
            .map(|account| account.id.as_str())
            .collect();
        let policies: Vec<&str> = inventory
            .policies()
            .filter(|policy| policy.targets.iter().flatten().any(|target| target == id))
            .map(|policy| policy.id.as_str())
            .collect();
        return Some(json!({
            "resource_type": crate::inventory::resource_types::TREE,
            "id": unit.id,
            "name": unit.name,
            "parent_id": unit.parent_id,
            "policies": policies,
            "accounts": accounts,
        }));
    }
    if let Some(policy) = inventory.policies().find(|policy| policy.id == id) {
        return Some(of_policy(policy));
    }
    if let Some(role) = inventory.role_by_arn(id).or_else(|| inventory.role_by_id(id)) {
        return Some(of_role(role));
    }
    if let Some(endpoint) = inventory.vpc_endpoint(id) {
        return Some(json!({
            "resource_type": crate::inventory::resource_types::VPC_ENDPOINT,
            "id": endpoint.id,
            "owner_account_id": endpoint.owner_account_id,
            "region": endpoint.region,
            "vpc_id": endpoint.vpc_id,
            "service_name": endpoint.service_name,
            "policy": endpoint.policy,
            "tags": endpoint.tags,
        }));
    }
    let resource = inventory.resource(id).or_else(|| inventory.bucket(id)).or_else(|| inventory.vpc(id))?;
    Some(json!({
        "resource_type": resource.resource_type,
        "arn": resource.arn,
        "name": resource.name,
        "account_id": resource.account_id,
        "region": resource.region,
        "tags": resource.tags,
    }))
}

fn of_policy(policy: &OrganizationPolicy) -> Value {
    json!({
        "resource_type": crate::inventory::resource_types::POLICY,
        "id": policy.id,
        "name": policy.name,
        "type": policy.policy_type,
        "aws_managed": policy.aws_managed,
        "targets": policy.targets,
        "content": policy.content,
    })
}

fn of_role(role: &Role) -> Value {
    json!({
        "resource_type": crate::inventory::resource_types::ROLE,
        "arn": role.arn,
        "role_id": role.role_id,
        "account_id": role.account_id,
        "path": role.path,
        "service_linked": role.facts.service_linked,
        "service_role": role.facts.service_role,
        "assumable_by": role.assumable_by_text(),
        "trust_policy": role.trust_policy,
        "tags": role.tags,
    })
}

fn one(found: &Value, out: &mut dyn Write) -> std::io::Result<()> {
    for (field, value) in found.as_object().into_iter().flatten() {
        let text = match value {
            Value::Null => "unknown".to_owned(),
            Value::String(text) => text.clone(),
            Value::Array(items) if items.is_empty() => "none".to_owned(),
            Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                .collect::<Vec<_>>()
                .join(", "),
            Value::Object(tags) if tags.is_empty() => "none".to_owned(),
            Value::Object(tags) => {
                let pairs = tags.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
                pairs.collect::<Vec<_>>().join("; ")
            }
            other => other.to_string(),
        };
        writeln!(out, "{field:25} {}", printable(&text).replace('\n', " "))?;
    }
    Ok(())
}

fn taken(from: Option<&String>, to: Option<&String>) -> String {
    match (from, to) {
        (Some(from), Some(to)) if from == to => from.clone(),
        (Some(from), Some(to)) => format!("{from} to {to}"),
        _ => "unknown".to_owned(),
    }
}

/// `3 days ago`; nothing for a time that cannot be read.
fn age(taken_at: Option<&String>, now: jiff::Timestamp) -> Option<String> {
    let hours = now.duration_since(taken_at?.parse().ok()?).as_hours();
    Some(match hours {
        ..0 => "in the future: check the clock".to_owned(),
        0 => "less than an hour ago".to_owned(),
        1 => "1 hour ago".to_owned(),
        2..48 => format!("{hours} hours ago"),
        _ => format!("{} days ago", hours / 24),
    })
}

fn text(inventory: &Inventory, record: Option<&Record>, now: jiff::Timestamp, out: &mut dyn Write) -> std::io::Result<()> {
    let organization = inventory.organization_id.as_deref().unwrap_or("unknown");
    let management = inventory.management_account_id.as_deref().unwrap_or("unknown");
    writeln!(out, "organization {organization}, management account {management}")?;
    if let Some(age) = age(inventory.taken_at.as_ref(), now) {
        writeln!(out, "taken {}, {age}", inventory.taken_at.as_deref().unwrap_or_default())?;
    }
    if let Some(aggregator) = record.and_then(|record| record.aggregator.as_ref()) {
        let region = aggregator.region.as_deref().unwrap_or("unknown region");
        let accounts = aggregator.account_count.map_or_else(|| "an unknown number of".to_owned(), |count| count.to_string());
        writeln!(out, "aggregator {} ({region}), {accounts} accounts with resources", printable(&aggregator.name))?;
    }
    let types = inventory.describe();
    let width = types.iter().map(|summary| summary.resource_type.len()).max().unwrap_or_default().max(4);
    writeln!(out, "{:width$}  {:>9}  {:8}  taken", "type", "rows", "complete")?;
    for summary in types {
        let complete = if summary.complete { "yes" } else { "no" };
        let taken = taken(summary.taken_from.as_ref(), summary.taken_to.as_ref());
        writeln!(out, "{:width$}  {:>9}  {complete:8}  {taken}", printable(&summary.resource_type), summary.count)?;
    }
    tree(inventory, out)
}

/// A root, organizational unit or account, with what is above it.
struct Place<'a> {
    id: &'a str,
    name: Option<&'a str>,
    parent_id: Option<&'a str>,
}

/// Roots, organizational units and accounts. Some are known only because an account lies below them.
fn places(inventory: &Inventory) -> Vec<Place<'_>> {
    let mut units: BTreeMap<&str, Place<'_>> = BTreeMap::new();
    for unit in inventory.organizational_units() {
        let place = Place { id: &unit.id, name: unit.name.as_deref(), parent_id: unit.parent_id.as_deref() };
        units.insert(&unit.id, place);
    }
    for account in inventory.accounts() {
        let mut above = None;
        for parent in &account.parents {
            units.entry(parent).or_insert(Place { id: parent, name: None, parent_id: above });
            above = Some(parent.as_str());
        }
    }
    let accounts = inventory.accounts().map(|account| Place {
        id: &account.id,
        name: account.name.as_deref(),
        parent_id: account.parents.last().map(String::as_str),
    });
    units.into_values().chain(accounts).collect()
}

/// The organization: every root, unit and account below what it lies in.
fn tree(inventory: &Inventory, out: &mut dyn Write) -> std::io::Result<()> {
    let places = places(inventory);
    if places.is_empty() {
        return Ok(());
    }
    let known: BTreeSet<&str> = places.iter().map(|place| place.id).collect();
    let mut below: BTreeMap<&str, Vec<&Place<'_>>> = BTreeMap::new();
    let mut open: Vec<(usize, &Place<'_>)> = Vec::new();
    for place in &places {
        match place.parent_id.filter(|parent| known.contains(parent)) {
            Some(parent) => below.entry(parent).or_default().push(place),
            None => open.push((0, place)),
        }
    }
    writeln!(out)?;
    open.reverse();
    while let Some((depth, place)) = open.pop() {
        let name = place.name.map(|name| format!("  {}", printable(name).replace('\n', " "))).unwrap_or_default();
        writeln!(out, "{:indent$}{}{name}", "", printable(place.id), indent = depth * 2)?;
        // What was shown is taken out, so that a tree that leads in a circle ends.
        open.extend(below.remove(place.id).unwrap_or_default().into_iter().rev().map(|child| (depth + 1, child)));
    }
    Ok(())
}

fn json(inventory: &Inventory, record: Option<&Record>, out: &mut dyn Write) -> std::io::Result<()> {
    let types: Vec<Value> = inventory
        .describe()
        .iter()
        .map(|summary| {
            json!({
                "resource_type": summary.resource_type,
                "rows": summary.count,
                "complete": summary.complete,
                "taken_from": summary.taken_from,
                "taken_to": summary.taken_to,
                "files": summary.files,
            })
        })
        .collect();
    let organization: Vec<Value> = places(inventory)
        .iter()
        .map(|place| json!({ "id": place.id, "name": place.name, "parent_id": place.parent_id }))
        .collect();
    let document = json!({
        "organization_id": inventory.organization_id,
        "management_account_id": inventory.management_account_id,
        "taken_at": inventory.taken_at,
        "sha256": inventory.sha256,
        "types": types,
        "organization": organization,
        "aggregator": record.and_then(|record| record.aggregator.as_ref()),
        "errors": record.map(|record| &record.errors),
        "warnings": inventory.warnings,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
