//! Where a policy is attached: the root, an organizational unit, an account, a VPC endpoint, or a resource.

use std::fmt;

use crate::inventory::Inventory;
use crate::inventory::model::resource_types::{ACCOUNT, BUCKET, TREE, VPC_ENDPOINT};
use crate::policy::compiled::PolicyType;
use crate::policy::pattern::arn_parts;

/// A place that takes policies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// `r-…`, or `root` where the inventory does not tell the id.
    Root(String),
    /// `ou-…`.
    OrganizationalUnit(String),
    /// Twelve digits.
    Account(String),
    /// `vpce-…`.
    Endpoint(String),
    /// An ARN: the policy of a bucket, queue, key, role …
    Resource(String),
}

/// Why a target cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error(
        "--attach {given:?} is no target; expected root, r-…, ou-…, an account id of 12 digits, vpce-…, or the ARN of a resource{near}"
    )]
    NoTarget { given: String, near: String },
    #[error("--attach {given}: the inventory knows no such {kind}{near}")]
    Unknown { given: String, kind: &'static str, near: String },
    #[error("--attach {given} is an object; policies are attached to its bucket: --attach {bucket}")]
    Object { given: String, bucket: String },
    #[error("--attach root: the inventory has several roots: {}; name one of them", roots.join(", "))]
    SeveralRoots { roots: Vec<String> },
}

impl Target {
    /// Reads a target and looks it up. Where the inventory does not list things of its kind, or not all, it is taken as it is.
    ///
    /// # Errors
    /// When the text is no target, or the inventory, which lists all of its kind, does not have it.
    pub fn parse(given: &str, inventory: &Inventory) -> Result<Target, TargetError> {
        let given = given.trim();
        let unknown = |kind, near: String| TargetError::Unknown { given: given.to_owned(), kind, near };
        if given.eq_ignore_ascii_case("root") {
            let roots: Vec<String> = roots(inventory);
            return match roots.as_slice() {
                [] => Ok(Target::Root("root".to_owned())),
                [root] => Ok(Target::Root(root.clone())),
                _ => Err(TargetError::SeveralRoots { roots }),
            };
        }
        if given.starts_with("r-") || given.starts_with("ou-") {
            let is_root = given.starts_with("r-");
            if inventory.complete(TREE) && inventory.organizational_unit(given).is_none() {
                let kind = if is_root { "root" } else { "organizational unit" };
                return Err(unknown(kind, near(given, &units(inventory, is_root))));
            }
            return Ok(if is_root { Target::Root(given.to_owned()) } else { Target::OrganizationalUnit(given.to_owned()) });
        }
        if given.len() == 12 && given.bytes().all(|byte| byte.is_ascii_digit()) {
            if inventory.complete(ACCOUNT) && inventory.account(given).is_none() {
                return Err(unknown("account of the organization", near(given, &accounts(inventory))));
            }
            return Ok(Target::Account(given.to_owned()));
        }
        if given.starts_with("vpce-") {
            if inventory.complete(VPC_ENDPOINT) && inventory.vpc_endpoint(given).is_none() {
                let known: Vec<(String, String)> = inventory
                    .vpc_endpoints()
                    .map(|endpoint| (endpoint.id.clone(), endpoint.service_name.clone().unwrap_or_default()))
                    .collect();
                return Err(unknown("VPC endpoint", near(given, &known)));
            }
            return Ok(Target::Endpoint(given.to_owned()));
        }
        if let Some([_, _, service, _, owner, resource]) = arn_parts(given) {
            if service == "s3"
                && owner.is_empty()
                && let Some((bucket, _)) = given.split_once('/')
            {
                return Err(TargetError::Object { given: given.to_owned(), bucket: bucket.to_owned() });
            }
            let is_bucket = service == "s3" && !resource.contains('/') && !resource.contains('*');
            if is_bucket && inventory.complete(BUCKET) && inventory.bucket(resource).is_none() {
                let known: Vec<(String, String)> = inventory
                    .resources()
                    .filter(|found| found.resource_type == BUCKET)
                    .map(|found| (found.arn.clone(), String::new()))
                    .collect();
                return Err(unknown("bucket", near(given, &known)));
            }
            return Ok(Target::Resource(given.to_owned()));
        }
        let mut everything = units(inventory, false);
        everything.extend(units(inventory, true));
        everything.extend(accounts(inventory));
        Err(TargetError::NoTarget { given: given.to_owned(), near: near(given, &everything) })
    }

    /// As the user writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Target::Root(id) | Target::OrganizationalUnit(id) | Target::Account(id) | Target::Endpoint(id) => id,
            Target::Resource(arn) => arn,
        }
    }

    /// Can a policy of the type be attached here?
    pub fn takes(&self, policy_type: PolicyType) -> bool {
        self.policy_types().contains(&policy_type)
    }

    /// The types of policies that can be attached here.
    pub fn policy_types(&self) -> &'static [PolicyType] {
        match self {
            Target::Root(_) | Target::OrganizationalUnit(_) | Target::Account(_) => {
                &[PolicyType::ServiceControl, PolicyType::ResourceControl]
            }
            Target::Endpoint(_) => &[PolicyType::VpcEndpoint],
            Target::Resource(_) => &[PolicyType::Resource],
        }
    }

    /// For people, with the name that the inventory has.
    pub fn describe(&self, inventory: &Inventory) -> String {
        let named = |what: &str, id: &str, name: Option<&str>| match name {
            Some(name) => format!("{what} {id} ({name})"),
            None => format!("{what} {id}"),
        };
        let unit = |id: &str| inventory.organizational_unit(id).and_then(|unit| unit.name.clone());
        match self {
            Target::Root(id) if id == "root" => "the root of the organization".to_owned(),
            Target::Root(id) => named("the root", id, unit(id).as_deref()),
            Target::OrganizationalUnit(id) => named("the organizational unit", id, unit(id).as_deref()),
            Target::Account(id) => named("account", id, inventory.account(id).and_then(|account| account.name.as_deref())),
            Target::Endpoint(id) => {
                let service = inventory.vpc_endpoint(id).and_then(|endpoint| endpoint.service_name.as_deref());
                named("the VPC endpoint", id, service)
            }
            Target::Resource(arn) => arn.clone(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The ids of the roots that the inventory tells, in the tree or as the first parent of an account.
pub fn roots(inventory: &Inventory) -> Vec<String> {
    let mut roots: Vec<String> = inventory
        .organizational_units()
        .map(|unit| unit.id.clone())
        .chain(inventory.accounts().filter_map(|account| account.parents.first().cloned()))
        .filter(|id| id.starts_with("r-"))
        .collect();
    roots.sort();
    roots.dedup();
    roots
}

/// Ids with names: of roots, or of organizational units.
fn units(inventory: &Inventory, of_roots: bool) -> Vec<(String, String)> {
    inventory
        .organizational_units()
        .filter(|unit| unit.id.starts_with("r-") == of_roots)
        .map(|unit| (unit.id.clone(), unit.name.clone().unwrap_or_default()))
        .collect()
}

fn accounts(inventory: &Inventory) -> Vec<(String, String)> {
    inventory.accounts().map(|account| (account.id.clone(), account.name.clone().unwrap_or_default())).collect()
}

/// The known ids that resemble `given` most, by id or name: `; did you mean ou-1 (Workloads) or ou-2 (Sandbox)?`.
fn near(given: &str, known: &[(String, String)]) -> String {
    let wanted = given.to_lowercase();
    let mut scored: Vec<(f64, &(String, String))> = known
        .iter()
        .map(|entry| {
            let like = |text: &str| strsim::jaro_winkler(&wanted, &text.to_lowercase());
            (like(&entry.0).max(like(&entry.1)), entry)
        })
        .filter(|(likeness, _)| *likeness > 0.6)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let shown: Vec<String> = scored
        .into_iter()
        .take(3)
        .map(|(_, (id, name))| if name.is_empty() { id.clone() } else { format!("{id} ({name})") })
        .collect();
    match shown.as_slice() {
        [] if known.is_empty() => String::new(),
        [] => format!("; `palisade inventory show` lists the {} that it knows", known.len()),
        _ => format!("; did you mean {}?", shown.join(" or ")),
    }
}
