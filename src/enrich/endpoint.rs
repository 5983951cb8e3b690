//! Through which VPC endpoint a call came, as far as record and inventory tell.

use super::arn::is_account_id;
use super::world::World;

/// The VPC endpoint of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// As recorded; `None` when the call came through none.
    pub(crate) id: Option<String>,
    pub(crate) account_id: Option<String>,
    pub(crate) vpc_id: Option<String>,
    pub(crate) identity: Identity,
}

/// Is it clear whose endpoint it is?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The call came through none.
    None,
    /// Text that is no endpoint id, such as `AWS Internal`: an endpoint of AWS.
    AwsText,
    /// Its owner is recorded, or the inventory knows it.
    Known,
    /// An id that neither the record nor the inventory explains. Most of these are AWS's own: never read as a foreign network.
    Unknown,
}

impl Endpoint {
    pub(crate) fn new(world: &World<'_>, id: Option<&str>, recorded_account_id: Option<&str>) -> Endpoint {
        let known = id.and_then(|id| world.context.inventory.vpc_endpoint(id));
        // AWS has published records with other text in place of the account: only twelve digits count.
        let account_id = recorded_account_id
            .filter(|id| is_account_id(id))
            .or_else(|| known.and_then(|known| known.owner_account_id.as_deref()));
        let identity = match id {
            None => Identity::None,
            Some(id) if !id.starts_with("vpce-") => Identity::AwsText,
            Some(_) if known.is_some() || account_id.is_some() => Identity::Known,
            Some(_) => Identity::Unknown,
        };
        Endpoint {
            id: id.map(str::to_owned),
            account_id: account_id.filter(|_| identity == Identity::Known).map(str::to_owned),
            vpc_id: known.and_then(|known| known.vpc_id.clone()),
            identity,
        }
    }

    pub(crate) fn phrase(&self, world: &World<'_>) -> String {
        match (&self.id, &self.account_id) {
            (None, _) => "no VPC endpoint".to_owned(),
            (Some(id), _) if self.identity == Identity::AwsText => format!("an endpoint of AWS ({id})"),
            (Some(id), Some(account)) => format!("VPC endpoint {id} of {}", world.account_phrase(account)),
            (Some(id), None) => format!("VPC endpoint {id}"),
        }
    }
}
