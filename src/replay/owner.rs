//! Whose a resource is, and which organization an account belongs to.

use crate::events::rows::account_of_arn;
use crate::inventory::{AssumableBy, Inventory, resource_types};
use crate::policy::context::{ContextValue, Unknown};
use crate::policy::truth::Truth;

/// The owner of a resource, if it is known, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    Account {
        id: String,
        from: &'static str,
    },
    /// AWS itself, or everybody: no account of anybody.
    Nobody(&'static str),
    Unknown(&'static str),
}

impl Owner {
    pub(super) fn account(&self) -> Option<&str> {
        match self {
            Owner::Account { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// Is the account a member of the organization?
pub(super) fn in_organization(inventory: &Inventory, account: &str) -> Truth {
    if inventory.account(account).is_some() || inventory.management_account_id.as_deref() == Some(account) {
        Truth::True
    } else if inventory.complete(resource_types::ACCOUNT) {
        Truth::False
    } else {
        Truth::Unknown
    }
}

/// Is it the management account of the organization?
pub(super) fn is_management(inventory: &Inventory, account: &str) -> Truth {
    match inventory.management_account_id.as_deref() {
        Some(own) => (own == account).into(),
        // Not the management account of an organization that it is not in.
        None => {
            if in_organization(inventory, account).is_false() {
                Truth::False
            } else {
                Truth::Unknown
            }
        }
    }
}

/// Does today's trust policy of the role name nobody but the role's own account? Then who assumed it was allowed to by policies of its
/// own.
pub(super) fn trusts_its_account_alone(inventory: &Inventory, role: Option<&str>) -> bool {
    let Some(role) = role.and_then(|arn| inventory.role_by_arn(arn)) else { return false };
    let account = account_of_arn(&role.arn);
    role.facts.assumable_by.as_ref().is_some_and(|trusted| {
        let is_account = |entry: &AssumableBy| !entry.not_principal && Some(entry.principal.as_str()) == account;
        !trusted.is_empty() && trusted.iter().all(is_account)
    })
}

/// The organization of an account as a condition key has it.
pub(super) fn organization_id(inventory: &Inventory, account: &str) -> (ContextValue, String) {
    if let Some(id) = inventory.organization_of(account) {
        return (ContextValue::Present(vec![id.to_owned()]), snapshot(inventory, "the organization of the account"));
    }
    if inventory.management_account_id.as_deref() == Some(account)
        && let Some(id) = &inventory.organization_id
    {
        return (ContextValue::Present(vec![id.clone()]), snapshot(inventory, "the management account"));
    }
    (
        not_ours(inventory, in_organization(inventory, account)),
        format!("account {account} is not in the inventory's organization"),
    )
}

/// The organization of somebody of whom only is known whether it is ours.
pub(super) fn not_ours(inventory: &Inventory, is_ours: Truth) -> ContextValue {
    match (is_ours, &inventory.organization_id) {
        (Truth::False, Some(own)) => ContextValue::Unknown(Unknown {
            excluded: vec![own.clone()],
            ..Unknown::new("the account is in another organization, or in none")
        }),
        (Truth::True, Some(own)) => ContextValue::Present(vec![own.clone()]),
        _ => ContextValue::Unknown(Unknown::new("the inventory does not tell the organization of the account")),
    }
}

/// `o-…/r-…/ou-…/`, as `aws:PrincipalOrgPaths` and its like have it.
pub(super) fn organization_paths(inventory: &Inventory, account: &str) -> (ContextValue, String) {
    let organization = inventory.organization_of(account).or_else(|| {
        inventory.organization_id.as_deref().filter(|_| inventory.management_account_id.as_deref() == Some(account))
    });
    if let Some(organization) = organization
        && let Some(parents) = inventory.organizational_units_of(account)
    {
        let path = parents.iter().fold(format!("{organization}/"), |path, parent| path + parent + "/");
        return (ContextValue::Present(vec![path]), snapshot(inventory, "where the account sits in the organization"));
    }
    let why = match in_organization(inventory, account) {
        Truth::False => "the account is in another organization, or in none",
        _ => "the inventory does not tell where the account sits in the organization",
    };
    let below = |organization: &str| vec![format!("{organization}/*")];
    let unlike = match (in_organization(inventory, account), &inventory.organization_id) {
        (Truth::False, Some(own)) => below(own),
        _ => Vec::new(),
    };
    let like = organization.map(below).unwrap_or_default();
    let unknown = Unknown { may_be_absent: organization.is_none(), like, unlike, ..Unknown::new(why) };
    (ContextValue::Unknown(unknown), why.to_owned())
}

/// "from the inventory of 2026-11-01: …".
pub(super) fn snapshot(inventory: &Inventory, what: &str) -> String {
    match inventory.taken_at.as_deref().map(|time| time.split('T').next().unwrap_or(time)) {
        Some(day) => format!("from the inventory of {day}: {what}"),
        None => format!("from the inventory: {what}"),
    }
}
