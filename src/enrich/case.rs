//! One row with all its facts: what a step looks at.

use super::endpoint::{Endpoint, Identity};
use super::network::{Address, Reach};
use super::principal::{Kind, Principal};
use super::resource::Resource;
use super::rows::{Field, Rows};
use super::world::{Membership, Scope, World};

/// A row of a query's output and the facts that were joined to it.
pub(crate) struct Case<'a> {
    pub(crate) world: &'a World<'a>,
    pub(crate) rows: &'a Rows,
    pub(crate) row: usize,
    pub(crate) principal: &'a Principal,
    pub(crate) resource: &'a Resource,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) address: Option<Address>,
    pub(crate) scope: &'a Scope,
}

/// The `network` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Expected,
    Public,
    Private,
    AwsService,
    Unknown,
}

impl Place {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Place::Expected => "expected",
            Place::Public => "public",
            Place::Private => "private",
            Place::AwsService => "aws_service",
            Place::Unknown => "unknown",
        }
    }
}

/// How a call came in, as far as it is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// Through no VPC endpoint.
    Direct,
    /// Through an endpoint of AWS: a service's, or the console's.
    AwsEndpoint,
    /// Through an endpoint whose owner is known.
    KnownEndpoint,
    /// Through an endpoint that nothing explains.
    UnknownEndpoint,
}

impl<'a> Case<'a> {
    pub(crate) fn text(&self, field: Field) -> Option<&'a str> {
        self.rows.text(field, self.row)
    }

    /// A column that findings do not have, of a query over the inventory.
    pub(crate) fn detail(&self, name: &str) -> Option<std::borrow::Cow<'a, str>> {
        self.rows.detail(name, self.row)
    }

    /// The account whose trail recorded the call.
    pub(crate) fn trail_account(&self) -> &'a str {
        self.text(Field::AccountId).unwrap_or(self.world.context.account_id)
    }

    /// The service that made the call on behalf of the principal. The sign-in service is left out: in older records it stands
    /// for the console, which a person uses directly.
    pub(crate) fn invoked_by(&self) -> Option<&'a str> {
        self.text(Field::InvokedBy).filter(|service| *service != "signin.amazonaws.com")
    }

    pub(crate) fn path(&self) -> Path {
        let by_service = self.invoked_by().is_some() || self.text(Field::SourceService).is_some();
        match self.endpoint.identity {
            Identity::None => Path::Direct,
            // Records of services carry the services' own endpoints.
            _ if self.principal.kind == Kind::AwsService => Path::AwsEndpoint,
            Identity::AwsText => Path::AwsEndpoint,
            Identity::Known if by_service && self.endpoint_is_foreign() => Path::AwsEndpoint,
            Identity::Known => Path::KnownEndpoint,
            Identity::Unknown if by_service => Path::AwsEndpoint,
            Identity::Unknown => Path::UnknownEndpoint,
        }
    }

    /// The record names an owner that is no account of the organization as far as the inventory tells.
    fn endpoint_is_foreign(&self) -> bool {
        self.endpoint.account_id.as_ref().is_some_and(|owner| self.world.membership(owner) != Membership::Inside)
    }

    /// The name of the expected network that the address lies in. `aws:SourceIp` is absent from requests through a VPC endpoint,
    /// so such a network counts only for direct calls, and for those that show the caller's public address behind an endpoint of
    /// AWS, as the console does.
    pub(crate) fn network_name(&self) -> Option<&'a str> {
        let address = self.address?;
        let counts = match self.path() {
            Path::Direct => true,
            Path::AwsEndpoint | Path::UnknownEndpoint => address.reach == Reach::Public,
            Path::KnownEndpoint => false,
        };
        if counts && self.principal.kind != Kind::AwsService { self.scope.networks.name_of(address.ip) } else { None }
    }

    /// Is the endpoint one that the account expects: by id, or by its VPC?
    pub(crate) fn endpoint_is_expected(&self) -> bool {
        let expected = &self.scope.trust.expected_networks;
        let id_is_expected = self.endpoint.id.as_ref().is_some_and(|id| expected.vpc_endpoints.contains(id));
        id_is_expected || self.endpoint.vpc_id.as_ref().is_some_and(|vpc| expected.vpcs.contains(vpc))
    }

    /// Does the account whose trail this is own the endpoint?
    pub(crate) fn endpoint_is_own(&self) -> bool {
        self.path() == Path::KnownEndpoint && self.endpoint.account_id.as_deref() == Some(self.trail_account())
    }

    pub(crate) fn place(&self) -> Place {
        if self.principal.kind == Kind::AwsService {
            return Place::AwsService;
        }
        let own_is_expected = self.world.plan.exclude.iter().any(|step| step == super::steps::OWN_VPC_ENDPOINTS);
        if self.endpoint_is_expected() || self.network_name().is_some() || (own_is_expected && self.endpoint_is_own()) {
            return Place::Expected;
        }
        let by_address = self.address.map(|address| match address.reach {
            Reach::Public => Place::Public,
            Reach::Private => Place::Private,
        });
        match (self.path(), by_address) {
            (Path::KnownEndpoint, _) => Place::Private,
            (Path::AwsEndpoint, Some(Place::Public)) => Place::Public,
            (Path::AwsEndpoint, _) => Place::AwsService,
            (_, Some(place)) => place,
            (_, None) if self.text(Field::SourceService).is_some() || self.invoked_by().is_some() => Place::AwsService,
            (_, None) => Place::Unknown,
        }
    }

    /// For a reader: where the call came from.
    pub(crate) fn source_phrase(&self) -> String {
        let address = self.text(Field::SourceIp);
        let endpoint = self.endpoint.id.as_ref().map(|_| format!(" through {}", self.endpoint.phrase(self.world)));
        let endpoint = endpoint.unwrap_or_default();
        match (self.place(), address) {
            (Place::Expected, Some(address)) => match self.network_name() {
                Some(name) => format!("the expected network {name} ({address}){endpoint}"),
                None => format!("an expected network ({address}){endpoint}"),
            },
            (Place::Public, Some(address)) => format!("public address {address}{endpoint}"),
            (Place::Private, Some(address)) => format!("private address {address}{endpoint}"),
            (Place::AwsService, _) => {
                let service = self.text(Field::SourceService).or(self.text(Field::InvokedBy));
                match service {
                    Some(service) => format!("the network of an AWS service ({service})"),
                    None => format!("the network of an AWS service{endpoint}"),
                }
            }
            (_, Some(address)) => format!("address {address}{endpoint}"),
            (_, None) if !endpoint.is_empty() => format!("an address that is not recorded{endpoint}"),
            (_, None) => "an address that is not recorded".to_owned(),
        }
    }
}
