//! Where the values of parameters come from: the account that is judged, the organization, or what the account trusts.

use std::collections::BTreeMap;

use super::binding::ParameterValue;
use super::front_matter::{ParameterType, QuerySpec};
use super::{did_you_mean, nearest};
use crate::config::perimeter::model::Trust;
use crate::pattern::Pattern;

/// The facts that parameters are filled from.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// `None` for a query that runs once for the organization.
    pub account_id: Option<&'a str>,
    /// The accounts that the inventory knows to be in the organization.
    pub organization_accounts: &'a [String],
    pub trust: &'a Trust,
}

/// Why a parameter has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    #[error("parameter `{name}` of query `{query}` says `from: {from}`, which names nothing{}", did_you_mean(.suggestion.as_deref()))]
    UnknownSource { query: String, name: String, from: String, suggestion: Option<String> },
    #[error("parameter `{name}` of query `{query}` is a {expected}, and `{from}` gives a {given}")]
    WrongType { query: String, name: String, from: String, expected: &'static str, given: &'static str },
    #[error("parameter `{name}` of query `{query}` takes the account, and the query runs once for the organization")]
    NoAccount { query: String, name: String },
}

/// Every place that a value can come from, with its type.
pub const SOURCES: &[(&str, ParameterType)] = &[
    ("account", ParameterType::String),
    ("organization_accounts", ParameterType::StringList),
    ("trusted_identities.organizations", ParameterType::StringList),
    ("trusted_identities.accounts", ParameterType::StringList),
    ("trusted_identities.principals", ParameterType::Patterns),
    ("trusted_resources.accounts", ParameterType::StringList),
    ("trusted_resources.arns", ParameterType::Patterns),
    ("expected_networks.vpcs", ParameterType::StringList),
    ("expected_networks.vpc_endpoints", ParameterType::StringList),
    ("exempt_principals.network.accounts", ParameterType::StringList),
    ("exempt_principals.network.principals", ParameterType::Patterns),
    ("exempt_principals.resource.accounts", ParameterType::StringList),
    ("exempt_principals.resource.principals", ParameterType::Patterns),
    ("exempt_principals.identity.accounts", ParameterType::StringList),
    ("exempt_principals.identity.principals", ParameterType::Patterns),
    ("human_roles", ParameterType::Patterns),
];

/// Is `from` a known source, and does it give values of the type? `Err` holds the nearest source, if any.
pub fn source_type(from: &str) -> Result<ParameterType, Option<String>> {
    SOURCES
        .iter()
        .find(|(name, _)| *name == from)
        .map(|(_, parameter_type)| *parameter_type)
        .ok_or_else(|| nearest(from, SOURCES.iter().map(|(name, _)| *name)))
}

/// The values of all parameters that say where they come from. Parameters without `from` are for the caller to add.
pub fn values(query: &QuerySpec, facts: Facts<'_>) -> Result<BTreeMap<String, ParameterValue>, ParameterError> {
    let mut values = BTreeMap::new();
    for (name, parameter) in &query.parameters {
        let Some(from) = &parameter.from else { continue };
        let given = source_type(from).map_err(|suggestion| ParameterError::UnknownSource {
            query: query.name.clone(),
            name: name.clone(),
            from: from.clone(),
            suggestion,
        })?;
        if given != parameter.parameter_type {
            return Err(ParameterError::WrongType {
                query: query.name.clone(),
                name: name.clone(),
                from: from.clone(),
                expected: parameter.parameter_type.as_str(),
                given: given.as_str(),
            });
        }
        let value =
            value_of(from, facts).ok_or_else(|| ParameterError::NoAccount { query: query.name.clone(), name: name.clone() })?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// `None`: there is no account.
fn value_of(from: &str, facts: Facts<'_>) -> Option<ParameterValue> {
    let trust = facts.trust;
    let list = |values: &[String]| Some(ParameterValue::List(values.to_vec()));
    let patterns = |values: &[Pattern]| Some(ParameterValue::Patterns(values.to_vec()));
    match from {
        "account" => facts.account_id.map(|account| ParameterValue::Text(account.to_owned())),
        "organization_accounts" => list(facts.organization_accounts),
        "trusted_identities.organizations" => list(&trust.trusted_identities.organizations),
        "trusted_identities.accounts" => list(&trust.trusted_identities.accounts),
        "trusted_identities.principals" => patterns(&trust.trusted_identities.principals),
        "trusted_resources.accounts" => list(&trust.trusted_resources.accounts),
        "trusted_resources.arns" => patterns(&trust.trusted_resources.arns),
        "expected_networks.vpcs" => list(&trust.expected_networks.vpcs),
        "expected_networks.vpc_endpoints" => list(&trust.expected_networks.vpc_endpoints),
        "exempt_principals.network.accounts" => list(&trust.exempt_principals.network.accounts),
        "exempt_principals.network.principals" => patterns(&trust.exempt_principals.network.principals),
        "exempt_principals.resource.accounts" => list(&trust.exempt_principals.resource.accounts),
        "exempt_principals.resource.principals" => patterns(&trust.exempt_principals.resource.principals),
        "exempt_principals.identity.accounts" => list(&trust.exempt_principals.identity.accounts),
        "exempt_principals.identity.principals" => patterns(&trust.exempt_principals.identity.principals),
        "human_roles" => patterns(&trust.human_roles),
        _ => None,
    }
}
